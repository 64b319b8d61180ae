//! How much one template may ask for: every bound, its reason and its default.

/// Bytes of one template's text. API Gateway's own quota.
pub const TEMPLATE_BYTES_MAX: usize = 300 * 1024;

/// Bytes that one rendering may write: the payload quota of API Gateway.
pub const TEMPLATE_OUTPUT_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Iterations of one `#foreach`. API Gateway's own quota.
pub const TEMPLATE_LOOP_MAX: u32 = 1_000;

/// Steps of one rendering, so that a request cannot hold a worker: about 100 ms of CPU.
pub const TEMPLATE_STEPS_MAX: u32 = 1_000_000;

/// Nested `#foreach`, `#if` and `#define` blocks. Far above the deepest mapping in the corpus; past
/// it a template is a mistake or an attack.
pub const TEMPLATE_DEPTH_MAX: u32 = 20;

/// The bounds of parsing and rendering, all of them settings of the gateway.
///
/// ```
/// use postern_template::{Limits, Template};
///
/// let limits = Limits { template_bytes: 10, ..Limits::default() };
/// assert!(Template::parse("0123456789", &limits).is_ok());
/// assert!(Template::parse("0123456789!", &limits).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the template's text (`templateBytes`): refused at load.
    pub template_bytes: usize,
    /// Bytes written by one rendering, and bytes of one text inside it (`templateOutputBytes`).
    pub output_bytes: usize,
    /// Iterations of one `#foreach` (`templateLoop`).
    pub loop_iterations: u32,
    /// Steps of one rendering (`templateSteps`): a node evaluated is one, and so are
    /// [`BYTES_PER_STEP`](crate::BYTES_PER_STEP) bytes of text built or read by a function.
    pub steps: u32,
    /// Nested blocks (`templateDepth`): refused at load, or at run time where `#define`d blocks call
    /// each other.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            template_bytes: TEMPLATE_BYTES_MAX,
            output_bytes: TEMPLATE_OUTPUT_BYTES_MAX,
            loop_iterations: TEMPLATE_LOOP_MAX,
            steps: TEMPLATE_STEPS_MAX,
            depth: TEMPLATE_DEPTH_MAX,
        }
    }
}

/// Bytes of text that count as one step when a function reads or builds them, so that a loop over
/// large texts ends as a loop over small ones does.
pub const BYTES_PER_STEP: usize = 64;

/// Nested parentheses, lists, maps and arguments in one expression: what bounds the parser's stack.
pub(crate) const EXPRESSION_DEPTH_MAX: u32 = 64;

/// Nested blocks, calls, lists and operations of one rendering, blocks that call each other included:
/// what bounds the interpreter's stack.
pub(crate) const NESTING_MAX: u32 = 256;

/// Nested lists and objects of a JSON text (hardening page, section 7).
pub(crate) const JSON_DEPTH_MAX: u32 = 64;

/// Values in one JSON text. One value costs at most some 100 bytes of memory, so a payload of
/// 10 MiB cannot ask for more than about 100 MiB.
pub(crate) const JSON_VALUES_MAX: u32 = 1_000_000;

/// Nested lists and maps that are printed or compared: JSON inside lists that a template made.
pub(crate) const VALUE_DEPTH_MAX: u32 = 128;

/// Bytes of one compiled regular expression (hardening page, section 7).
pub(crate) const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// Steps that compiling a pattern at run time costs, since a pattern may take as long as many nodes.
pub(crate) const PATTERN_STEPS: u32 = 10_000;
