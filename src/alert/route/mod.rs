//! The routing tree, with Alertmanager's semantics: depth first, the first matching child takes the
//! alert unless it says `continue`, a node whose children all decline takes it itself.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::model::Labels;

mod parse;

#[cfg(test)]
mod tests;

pub use crate::model::Compiled;
pub use parse::parse_matchers;

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
