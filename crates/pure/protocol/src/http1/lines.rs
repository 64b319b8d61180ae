//! Reading a head line by line as its bytes arrive, each byte once.

use std::fmt;

use super::field::{KnownLine, NO_FIELDS};
use super::{Fault, FieldSection, Limits, Progress};
use crate::bytes::find_byte;

/// The fields of a head, and how far its reading has come.
///
/// Whoever sends one head after another mostly sends the same fields again. So the last fields are kept
/// with their bytes until others come, and lines that come again are not read a second time, up to the first that
/// differs.
#[derive(Default)]
pub(crate) struct HeadLines {
    /// Of this head once it is complete; before that perhaps of the one before.
    fields: FieldSection,
    /// The bytes that `fields` were read from, the empty line included; empty while they are not whole, and
    /// where they are too many to be kept.
    kept: Vec<u8>,
    /// Where these bytes started.
    kept_start: usize,
    stage: Stage,
    /// Where the first line starts that was not read.
    next: usize,
    /// Up to here that line was searched for its end.
    searched: usize,
}

/// Without the bytes: they may hold secrets.
impl fmt::Debug for HeadLines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fields, stage, next, .. } = self;
        let mut shown = formatter.debug_struct("HeadLines");
        shown.field("fields", fields).field("stage", stage).field("next", next).finish_non_exhaustive()
    }
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
        self.stage = Stage::FirstLine;
        self.next = 0;
        self.searched = 0;
    }

    /// The fields; none while the head is not complete.
    #[inline]
    pub(crate) const fn fields(&self) -> &FieldSection {
        if matches!(self.stage, Stage::Complete) { &self.fields } else { &NO_FIELDS }
    }

    /// The same, to be marked.
    pub(crate) const fn fields_mut(&mut self) -> &mut FieldSection {
        &mut self.fields
    }

    /// How many bytes were read: all of the head once it is complete.
    pub(crate) const fn length(&self) -> usize {
        self.next
    }

    /// Reads on. `start` says where the first line starts, or that more bytes are needed to know;
    /// `read_first` gets that line without its line end, and its place; `too_long` is the fault of
    /// a first line that does not end within the limit. The first field lines may be known already.
    pub(crate) fn read(
        &mut self,
        (bytes, known): (&[u8], &[KnownLine]),
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
            self.begin_fields(bytes, limits);
        }
        if self.stage == Stage::Fields {
            if self.fields.read(bytes, &mut self.next, limits, known)? == Progress::Partial {
                self.searched = bytes.len();
                return if is_full { Err(Fault::HeadTooLong) } else { Ok(Progress::Partial) };
            }
            let section = bytes.get(self.kept_start..self.next).unwrap_or_default();
            self.kept.clear();
            if section.len() <= KEPT_BYTES_MAX {
                self.kept.extend_from_slice(section);
            }
            self.stage = Stage::Complete;
        }
        Ok(Progress::Complete)
    }

    /// Takes over the fields of the head before whose lines come again, and makes ready for others.
    fn begin_fields(&mut self, bytes: &[u8], limits: &Limits) {
        let start = std::mem::replace(&mut self.kept_start, self.next);
        let rest = bytes.get(self.next..).unwrap_or_default();
        self.stage = Stage::Fields;
        if self.kept.is_empty() {
            self.fields.clear();
        } else if rest.starts_with(&self.kept) {
            self.next = self.next.wrapping_add(self.kept.len());
            self.stage = Stage::Complete;
        } else {
            let same = self.fields.keep_leading(start, &self.kept, rest);
            self.next = self.next.wrapping_add(same);
            self.kept.clear();
        }
        self.fields.move_places(start, self.kept_start);
        if !self.fields.fits(limits) {
            // Whoever reads them says which limit it is.
            self.fields.clear();
            self.kept.clear();
            self.next = self.kept_start;
            self.stage = Stage::Fields;
        }
    }

    /// Whether the line that was read in part may be whole now. Without this look a head that
    /// arrives byte by byte would be read from the line's start with each byte.
    fn may_go_on(&mut self, bytes: &[u8]) -> bool {
        if self.searched <= self.next {
            return true;
        }
        let has_end = find_byte(bytes.get(self.searched..).unwrap_or_default(), b'\n').is_some();
        self.searched = bytes.len();
        has_end
    }
}

/// Longer fields are not kept: every connection may have some.
const KEPT_BYTES_MAX: usize = 2_048;

/// The last place that a [`Span`](super::Span) can hold.
#[expect(clippy::as_conversions, reason = "widening")]
const PLACE_MAX: usize = u32::MAX as usize;

/// The line that starts at `start`, up to its LF.
fn first_line(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let rest = bytes.get(start..)?;
    rest.get(..find_byte(rest, b'\n')?)
}
