//! An expression as it was written. Says nothing about types; names are not looked up yet.

use std::ops::Range;

use crate::model::Origin;

#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub at: Range<usize>,
    pub form: Form,
}

#[derive(Clone, Debug)]
pub(super) enum Form {
    Literal(Literal),
    /// A dotted path, joined: `service.name`.
    Name(String),
    /// `attributes["k"]` or `resource["k"]`.
    Keyed(Origin, String),
    List(Vec<Expr>),
    Not(Box<Expr>),
    /// A whole chain of one operator, so that its length adds no depth.
    Logic(Logic, Vec<Expr>),
    Compare(Op, Box<[Expr; 2]>),
    In(Box<[Expr; 2]>),
    /// Condition, then, else.
    Choose(Box<[Expr; 3]>),
    Call(Box<Call>),
    /// Stands where a mistake has been reported already.
    Bad,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub name: String,
    pub name_at: Range<usize>,
    /// `x` of `x.contains("y")`.
    pub receiver: Option<Expr>,
    pub args: Vec<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Box<str>),
    /// Nanoseconds, of `duration("…")`.
    Duration(i64),
    /// Nanoseconds since 1970, of `timestamp("…")`.
    Time(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logic {
    All,
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Op {
    /// Whether the operator asks for an order rather than for equality.
    pub(super) fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}
