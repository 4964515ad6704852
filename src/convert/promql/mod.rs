//! Prometheus's query language, as far as definitions of service levels use it: the text becomes a tree. What the tree
//! counts is for `series` to say.

mod lexer;
mod parser;

pub use parser::parse;

/// Why a text is not read, and the byte where that shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub at: usize,
    pub why: String,
}

impl Refusal {
    pub fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// The byte of the text that it begins at.
    pub at: usize,
    pub form: Form,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    Number(String),
    Text,
    Selector(Selector),
    Call {
        name: String,
        args: Vec<Expr>,
    },
    /// `sum by (a) (…)`
    Aggregate {
        name: String,
        grouping: Option<Grouping>,
        args: Vec<Expr>,
    },
    Binary {
        op: &'static str,
        matching: bool,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Negative(Box<Expr>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    pub without: bool,
    pub labels: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Empty where the matchers do not name one.
    pub metric: String,
    pub matchers: Vec<Matcher>,
    /// What stands between the brackets.
    pub range: Option<String>,
    /// `offset` or `@`: another time than now.
    pub shifted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Matcher {
    pub label: String,
    pub op: Op,
    pub value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    Equal,
    NotEqual,
    Matches,
    MatchesNot,
}
