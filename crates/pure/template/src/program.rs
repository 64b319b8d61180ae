//! A template as it runs: names are numbers, literals are joined, paths and patterns are compiled.

use crate::{json_path::JsonPath, method::Method, number::Arithmetic, pattern::Pattern, value::Signature};

/// A compiled template.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) steps: Steps,
    /// The blocks of `#define`, by number.
    pub(crate) blocks: Box<[Steps]>,
    pub(crate) slots: Slots,
    /// Whether something besides `$input.params` is asked of `$input`.
    pub(crate) reads_body: bool,
}

/// A run of steps.
pub(crate) type Steps = Box<[Step]>;

/// The variables of a template: each has a number, its slot. Those that have a value from the start,
/// or get one from a loop, are told by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    pub(crate) count: usize,
    pub(crate) input: Option<usize>,
    pub(crate) util: Option<usize>,
    pub(crate) context: Option<usize>,
    pub(crate) stage_variables: Option<usize>,
    pub(crate) foreach: Option<usize>,
    pub(crate) velocity_count: Option<usize>,
    pub(crate) velocity_has_next: Option<usize>,
}

/// What a template does.
#[derive(Clone, Debug)]
#[repr(u32)]
pub(crate) enum Step {
    Text(Box<str>),
    Print(Reference),
    /// Assigns to the variable itself, or to `member` of what `target` leads to.
    Set {
        target: Reference,
        member: Option<Member>,
        value: Expression,
    },
    If {
        branches: Box<[(Expression, Steps)]>,
        otherwise: Steps,
    },
    Foreach {
        line: u32,
        slot: usize,
        items: Expression,
        body: Steps,
    },
    Define {
        slot: usize,
        block: usize,
    },
    Break,
    Stop,
}

/// What is assigned to inside a value.
#[derive(Clone, Debug)]
pub(crate) enum Member {
    Name(Box<str>),
    Index(Expression),
}

/// A variable and the way from it.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) line: u32,
    pub(crate) slot: usize,
    /// The leading names joined with points, and how many links they are, where the variable is
    /// called `context`: one look-up instead of one for each link.
    pub(crate) path: Option<(Box<str>, usize)>,
    pub(crate) links: Box<[Link]>,
}

/// One link of the way.
#[derive(Clone, Debug)]
pub(crate) enum Link {
    /// `.name`, with the name's signature.
    Member(Box<str>, Signature),
    Index(Expression),
    Call(Call),
}

/// A method call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) arguments: Box<[Expression]>,
    pub(crate) prepared: Prepared,
}

/// What the first argument of a call was compiled to, where it is a literal.
#[derive(Clone, Debug)]
pub(crate) enum Prepared {
    Nothing,
    Path(JsonPath),
    Pattern(Box<Pattern>),
}

/// What has a value.
#[derive(Clone, Debug)]
#[repr(u32)]
pub(crate) enum Expression {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Digits(Box<str>),
    Text(Box<str>),
    Interpolated(Steps),
    List(Box<[Self]>),
    Range(Box<[Self; 2]>),
    Map(Box<[(Self, Self)]>),
    Reference(Reference),
    Not(Box<Self>),
    /// All must hold, or one must, from the left and no further than needed.
    Logic {
        all: bool,
        operands: Box<[Self]>,
    },
    Chain(Box<Self>, Box<[(Operation, Self)]>),
}

/// What is done with the value so far and the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Arithmetic(Arithmetic),
}
