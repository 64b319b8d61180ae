//! A template as it was written: a tree with places.

/// A run of statements.
pub(crate) type Block = Vec<Statement>;

/// A place in the template's text, as an offset in bytes.
pub(crate) type Offset = usize;

/// What stands in a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statement {
    /// Text that is printed as it is. Also an escaped reference, an unknown directive, `#[[…]]#`.
    Text(String),
    /// A reference that is printed.
    Print(Reference),
    Set {
        target: Reference,
        value: Expression,
    },
    If {
        /// `#if` and every `#elseif`, in order.
        branches: Vec<(Expression, Block)>,
        otherwise: Block,
    },
    Foreach {
        at: Offset,
        variable: String,
        items: Expression,
        body: Block,
    },
    Define {
        name: String,
        body: Block,
    },
    Break,
    Stop,
}

/// `$name` and what follows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    pub(crate) at: Offset,
    pub(crate) name: String,
    pub(crate) links: Vec<Link>,
}

/// One step along a reference.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Link {
    /// `.name`
    Property(String),
    /// `[index]`
    Index(Expression),
    /// `.name(arguments)`
    Call { at: Offset, name: String, arguments: Vec<Expression> },
}

/// What has a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Null,
    Boolean(bool),
    /// A number with its digits.
    Number(String),
    /// Single-quoted text, or double-quoted text without references and directives.
    Text(String),
    /// Double-quoted text that is a template itself.
    Interpolated(Block),
    List(Vec<Self>),
    Range(Box<Self>, Box<Self>),
    Map(Vec<(Self, Self)>),
    Reference(Reference),
    Not(Box<Self>),
    /// Operands of one level of precedence, from the left. A list and not nested pairs, so that a
    /// long sum is not a deep tree.
    Chain(Box<Self>, Vec<(Operator, Self)>),
}

/// The operators, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// How strongly the operator binds, from 0.
    pub(crate) const fn strength(self) -> u8 {
        match self {
            Self::Or => 0,
            Self::And => 1,
            Self::Equal | Self::NotEqual => 2,
            Self::Less | Self::Greater | Self::LessOrEqual | Self::GreaterOrEqual => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide | Self::Remainder => 5,
        }
    }

    /// The strength of the operators that bind most strongly.
    pub(crate) const STRONGEST: u8 = 5;
}

/// The operators as they are written. Where one begins with another, the longer stands first.
pub(crate) const OPERATORS: [(&str, Operator); 21] = [
    ("||", Operator::Or),
    ("or", Operator::Or),
    ("&&", Operator::And),
    ("and", Operator::And),
    ("==", Operator::Equal),
    ("eq", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("ne", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    ("le", Operator::LessOrEqual),
    ("<", Operator::Less),
    ("lt", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    ("ge", Operator::GreaterOrEqual),
    (">", Operator::Greater),
    ("gt", Operator::Greater),
    ("+", Operator::Add),
    ("-", Operator::Subtract),
    ("*", Operator::Multiply),
    ("/", Operator::Divide),
    ("%", Operator::Remainder),
];
