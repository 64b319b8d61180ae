//! Where the body of an answer is written.

/// The memory of an answer's body. What a refused request left here is not read.
#[derive(Debug, Default)]
pub(crate) struct Sheets {
    /// What templates and refusals write.
    pub(crate) text: String,
    /// The backend's body, where a step reads it whole.
    pub(crate) reply: Vec<u8>,
    /// What was converted or compressed.
    pub(crate) bytes: Vec<u8>,
}

/// Which part of the memory holds the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sheet {
    Text,
    Reply,
    Bytes,
}

impl Sheets {
    pub(crate) fn get(&self, sheet: Sheet) -> &[u8] {
        match sheet {
            Sheet::Text => self.text.as_bytes(),
            Sheet::Reply => &self.reply,
            Sheet::Bytes => &self.bytes,
        }
    }

    /// Gives back memory beyond a size that is usual.
    pub(crate) fn shrink(&mut self, kept_bytes: usize) {
        self.text.clear();
        self.text.shrink_to(kept_bytes);
        for buffer in [&mut self.reply, &mut self.bytes] {
            buffer.clear();
            buffer.shrink_to(kept_bytes);
        }
    }
}
