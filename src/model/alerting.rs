//! Labels and the matchers over them, as Alertmanager defines both.

use std::collections::BTreeMap;

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
