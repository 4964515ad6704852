//! Labels and the matchers over them, as Alertmanager defines both.

use std::collections::BTreeMap;
use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

/// Label names to values; a label with an empty value is the same as no label.
pub type Labels = BTreeMap<String, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum MatcherOp {
    Equal,
    NotEqual,
    Matches,
    MatchesNot,
}

/// One `name="value"` of a route. Regular expressions are anchored at both ends.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Matcher {
    pub name: String,
    pub op: MatcherOp,
    pub value: String,
}

/// As a configuration spells it.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            MatcherOp::Equal => "=",
            MatcherOp::NotEqual => "!=",
            MatcherOp::Matches => "=~",
            MatcherOp::MatchesNot => "!~",
        };
        write!(f, "{}{op}{:?}", self.name, self.value)
    }
}
