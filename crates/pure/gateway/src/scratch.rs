//! The memory of one exchange, used again by the next.

use postern_protocol::http1::FieldBlock;

use crate::{
    body::Collected,
    integration::CallMemory,
    response::Sheets,
    routing::{RoutingMemory, VariableSpan},
};

/// The memory that a walk writes into. A worker keeps a few and lends one to each busy connection, so
/// that an exchange allocates nothing after warm-up.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) routing: RoutingMemory,
    /// Where the path variables stand.
    pub(crate) variables: Vec<VariableSpan>,
    /// The method's ARN.
    pub(crate) arn: String,
    pub(crate) call: CallMemory,
    /// The client's body, where a step reads it whole.
    pub(crate) collected: Collected,
    /// The body of the answer.
    pub(crate) sheets: Sheets,
    /// The fields of the answer.
    pub(crate) fields: FieldBlock,
}

impl Scratch {
    /// Gives back memory beyond a size that is usual, so that one large exchange does not hold it.
    pub fn shrink(&mut self) {
        const KEPT_BYTES: usize = 64 << 10;
        self.collected.shrink(KEPT_BYTES);
        self.sheets.shrink(KEPT_BYTES);
    }
}
