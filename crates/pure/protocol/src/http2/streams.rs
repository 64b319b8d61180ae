//! The streams that are open, each at its place, and the windows of what a client sends.

use super::{ErrorCode, Place};

/// All streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// The stream at each place; 0 where there is none.
    numbers: Vec<u32>,
    streams: Vec<Stream>,
    free: Vec<Place>,
    open: usize,
}

impl Streams {
    /// How many there are.
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    /// Puts a stream at a place that is free.
    pub(super) fn add(&mut self, number: u32, stream: Stream) -> Place {
        self.open = self.open.saturating_add(1);
        let place = self.free.pop().unwrap_or(self.streams.len());
        match (self.streams.get_mut(place), self.numbers.get_mut(place)) {
            (Some(slot), Some(slot_number)) => (*slot, *slot_number) = (stream, number),
            _ => {
                self.streams.push(stream);
                self.numbers.push(number);
            }
        }
        place
    }

    /// Frees a place, and gives what was there.
    pub(super) fn remove(&mut self, place: Place) -> Option<Stream> {
        let number = self.numbers.get_mut(place).filter(|number| **number != 0)?;
        *number = 0;
        self.free.push(place);
        self.open = self.open.saturating_sub(1);
        self.streams.get_mut(place).map(std::mem::take)
    }

    /// The stream with a number.
    pub(super) fn find(&mut self, number: u32) -> Option<(Place, &mut Stream)> {
        let place = self.numbers.iter().position(|it| *it == number)?;
        Some((place, self.streams.get_mut(place)?))
    }

    /// The number of the stream at a place.
    pub(super) fn number(&self, place: Place) -> Option<u32> {
        self.numbers.get(place).copied().filter(|number| *number != 0)
    }

    pub(super) fn get(&self, place: Place) -> Option<&Stream> {
        self.streams.get(place)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Stream> {
        self.streams.get_mut(place)
    }

    /// All of them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        let streams = self.streams.iter_mut().zip(&self.numbers);
        streams.filter(|(_, number)| **number != 0).map(|(stream, _)| stream)
    }
}

/// One stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) send_window: i64,
    pub(super) receiving: Receiving,
    /// Bytes of the body that nobody has taken.
    pub(super) held: u64,
    /// What must still come, where the length is known.
    pub(super) missing: Option<u64>,
    /// The client has said all.
    pub(super) is_heard: bool,
    /// The answer is all said.
    pub(super) is_said: bool,
    pub(super) is_blocked: bool,
    /// The turn that it began in.
    pub(super) turn: u64,
}

/// A window of the client.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Receiving {
    /// What it may send.
    window: i64,
    /// What was taken and not announced yet.
    taken: u32,
    /// Half of what it may send at most.
    step: u32,
}

impl Receiving {
    pub(super) fn new(window: u32, size: u32) -> Self {
        Self { window: i64::from(window), taken: 0, step: size >> 1 }
    }

    pub(super) fn receive(&mut self, bytes: usize) -> Result<(), ErrorCode> {
        self.window = self.window.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        if self.window < 0 { Err(ErrorCode::FlowControl) } else { Ok(()) }
    }

    /// Takes bytes; says by how much the window is opened, once that is worth a frame.
    pub(super) fn take(&mut self, bytes: u64) -> Option<u32> {
        self.taken = self.taken.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.taken == 0 || self.taken < self.step {
            return None;
        }
        self.window = self.window.saturating_add(i64::from(self.taken));
        Some(std::mem::take(&mut self.taken))
    }
}
