//! The routing tree, with Alertmanager's semantics: depth first, the first matching child takes the
//! alert unless it says `continue`, a node whose children all decline takes it itself.

use crate::model::{Labels, Matcher};

/// A matcher ready to be asked; regular expressions compiled and anchored.
#[derive(Clone, Debug)]
pub struct Compiled {}

impl Compiled {
    /// The error is a sentence about the regular expression.
    pub fn new(matcher: Matcher) -> Result<Self, String> {
        let _ = matcher;
        Ok(Self {})
    }

    /// An absent label compares as the empty string.
    pub fn matches(&self, labels: &Labels) -> bool {
        let _ = labels;
        false
    }
}

#[derive(Clone, Debug)]
pub struct Route {
    /// Resolved: a child without a receiver of its own has its parent's.
    pub receiver: String,
    pub matchers: Vec<Compiled>,
    pub continues: bool,
    /// Resolved as `receiver` is. Accepted, not in effect yet: every episode is its own group.
    pub group_by: Vec<String>,
    pub routes: Vec<Route>,
}

impl Route {
    /// Names of receivers in the tree's order, each as often as a route names it.
    /// The root takes every alert that no child takes.
    pub fn receivers(&self, labels: &Labels) -> Vec<&str> {
        let _ = labels;
        Vec::new()
    }
}

/// Parses `severity="page"`, `team=~"a|b"`, `{a="1", b!="2"}` or `a=1,b=2` into matchers.
/// The error is the byte offset and a sentence.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, (usize, String)> {
    let _ = text;
    Ok(Vec::new())
}
