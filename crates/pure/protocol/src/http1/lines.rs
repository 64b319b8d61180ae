//! Reading a head line by line as its bytes arrive, each byte once.

use memchr::memchr;

use super::{Fault, FieldSection, Limits, Progress};

/// The fields of a head, and how far its reading has come.
#[derive(Debug, Default)]
pub(crate) struct HeadLines {
    pub(crate) fields: FieldSection,
    stage: Stage,
    /// Where the first line starts that was not read.
    next: usize,
    /// Up to here that line was searched for its end.
    searched: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    FirstLine,
    Fields,
    Complete,
}

impl HeadLines {
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
        self.stage = Stage::FirstLine;
        self.next = 0;
        self.searched = 0;
    }

    /// How many bytes were read: all of the head once it is complete.
    pub(crate) const fn length(&self) -> usize {
        self.next
    }

    /// Reads on. `start` says where the first line starts, or that more bytes are needed to know;
    /// `read_first` gets that line without its line end, and its place; `too_long` is the fault of
    /// a first line that does not end within the limit.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        too_long: Fault,
        start: impl FnOnce(&[u8]) -> Result<Option<usize>, Fault>,
        read_first: impl FnOnce(&[u8], usize) -> Result<(), Fault>,
    ) -> Result<Progress, Fault> {
        // What lies behind the limit is not looked at, so that pieces of any size give one answer.
        let limit = limits.raw_head_bytes.min(PLACE_MAX);
        let is_full = bytes.len() >= limit;
        let bytes = bytes.get(..limit).unwrap_or(bytes);
        if !is_full && !self.may_go_on(bytes) {
            return Ok(Progress::Partial);
        }
        if self.stage == Stage::FirstLine {
            let line_start = start(bytes)?;
            let Some((line, line_start)) =
                line_start.and_then(|start| Some((first_line(bytes, start)?, start)))
            else {
                self.searched = bytes.len();
                return if is_full { Err(too_long) } else { Ok(Progress::Partial) };
            };
            let Some((b'\r', text)) = line.split_last() else { return Err(Fault::BareLineFeed) };
            read_first(text, line_start)?;
            self.next = line_start.wrapping_add(line.len()).wrapping_add(1);
            self.stage = Stage::Fields;
        }
        if self.stage == Stage::Fields
            && self.fields.read(bytes, &mut self.next, limits)? == Progress::Partial
        {
            self.searched = bytes.len();
            return if is_full { Err(Fault::HeadTooLong) } else { Ok(Progress::Partial) };
        }
        self.stage = Stage::Complete;
        Ok(Progress::Complete)
    }

    /// Whether the line that was read in part may be whole now. Without this look a head that
    /// arrives byte by byte would be read from the line's start with each byte.
    fn may_go_on(&mut self, bytes: &[u8]) -> bool {
        if self.searched <= self.next {
            return true;
        }
        let has_end = memchr(b'\n', bytes.get(self.searched..).unwrap_or_default()).is_some();
        self.searched = bytes.len();
        has_end
    }
}

/// The last place that a [`Span`](super::Span) can hold.
#[expect(clippy::as_conversions, reason = "widening")]
const PLACE_MAX: usize = u32::MAX as usize;

/// The line that starts at `start`, up to its LF.
fn first_line(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let rest = bytes.get(start..)?;
    rest.get(..memchr(b'\n', rest)?)
}
