//! The routing tree, with Alertmanager's semantics: depth first, the first matching child takes the
//! alert unless it says `continue`, a node whose children all decline takes it itself.

use std::io::{Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use regex::Regex;

use crate::model::{Labels, Matcher, MatcherOp};

mod parse;

#[cfg(test)]
mod tests;

pub use parse::parse_matchers;

/// A matcher ready to be asked; regular expressions compiled and anchored.
#[derive(Clone, Debug)]
pub struct Compiled {
    matcher: Matcher,
    /// There for `=~` and `!~` alone.
    regex: Option<Regex>,
}

impl Compiled {
    /// The error is a sentence about the regular expression.
    pub fn new(matcher: Matcher) -> Result<Self, String> {
        let regex = match matcher.op {
            MatcherOp::Equal | MatcherOp::NotEqual => None,
            MatcherOp::Matches | MatcherOp::MatchesNot => Some(anchored(&matcher.value)?),
        };
        Ok(Self { matcher, regex })
    }

    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// An absent label compares as the empty string.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.matcher.name).map_or("", String::as_str);
        let holds = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.matcher.value == value,
        };
        match self.matcher.op {
            MatcherOp::Equal | MatcherOp::Matches => holds,
            MatcherOp::NotEqual | MatcherOp::MatchesNot => !holds,
        }
    }
}

impl BorshSerialize for Compiled {
    fn serialize<W: Write>(&self, out: &mut W) -> std::io::Result<()> {
        self.matcher.serialize(out)
    }
}

impl BorshDeserialize for Compiled {
    fn deserialize_reader<R: Read>(from: &mut R) -> std::io::Result<Self> {
        Self::new(Matcher::deserialize_reader(from)?)
            .map_err(|reason| std::io::Error::new(std::io::ErrorKind::InvalidData, reason))
    }
}

fn anchored(pattern: &str) -> Result<Regex, String> {
    // Compiled bare first: `a)(b` would turn into something sound between the anchors.
    let compiled = Regex::new(pattern).and_then(|_| Regex::new(&format!("^(?:{pattern})$")));
    compiled.map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or("").trim_start_matches("error: ");
        format!("`{pattern}` is no regular expression: {reason}")
    })
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
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
        self.takers(labels).into_iter().map(|route| &*route.receiver).collect()
    }

    /// The routes that take the alert, in the tree's order.
    pub fn takers(&self, labels: &Labels) -> Vec<&Self> {
        let mut found = Vec::new();
        self.collect(labels, &mut found);
        found
    }

    fn collect<'r>(&'r self, labels: &Labels, found: &mut Vec<&'r Self>) {
        let before = found.len();
        for child in self.routes.iter().filter(|child| child.takes(labels)) {
            child.collect(labels, found);
            if !child.continues {
                break;
            }
        }
        if found.len() == before {
            found.push(self);
        }
    }

    /// All matchers hold; without matchers every alert is taken.
    fn takes(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}
