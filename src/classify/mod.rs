//! Filter rules, classification rules and the defaults: which ITIL category an event has, and why.
//! Knows no service level and no receiver.
//!
//! An expression goes from text to tokens (`lexer`), to a tree as written (`parser`, `primary`), is checked
//! and compiled in one pass (`lower` for conditions, `operand` for what they compare) to what is
//! evaluated per item (`eval`). `docs/decisions/0002-expressions.md` says why it is our own.

mod ast;
mod error;
mod eval;
mod index;
mod key;
mod lexer;
mod literal;
mod lower;
mod measure;
mod operand;
mod parser;
mod primary;
mod rules;
mod subject;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use error::ExprError;
pub use index::{Asked, Finder, Index};
pub use key::Key;
pub use measure::Measure;
pub use rules::{ClassifyRule, Decider, FilterRule, Rules, Verdict};

use std::io::{Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::model::{Item, ItemKind, Wanted};

/// A compiled expression that is true or false of an item.
#[derive(Clone, Debug)]
pub struct Predicate {
    node: eval::Node,
    reads_time: bool,
}

impl Predicate {
    /// `kind` says which items the expression will see (an SLI's `spans:`), `None` for all (a rule's `when:`).
    /// The errors are all that could be found, in the order of the text.
    pub fn compile(text: &str, kind: Option<ItemKind>, wanted: &mut Wanted) -> Result<Self, Vec<ExprError>> {
        let (expr, mut errors) = parser::parse(text);
        let Some(expr) = expr else {
            return Err(sorted(errors));
        };
        let mut lowering = lower::Lowering::new(text, kind, wanted);
        let node = lowering.whole(&expr);
        errors.append(&mut lowering.errors);
        let reads_time = lowering.reads_time;
        match node {
            Some(node) if errors.is_empty() => Ok(Self { node, reads_time }),
            _ => Err(sorted(errors)),
        }
    }

    /// Whether what it says of an item may depend on when that happened.
    pub fn reads_time(&self) -> bool {
        self.reads_time
    }

    /// `mismatches` counts comparisons of two types that cannot be compared.
    pub fn matches(&self, item: &Item<'_>, mismatches: &mut u64) -> bool {
        self.node.holds(item, mismatches)
    }
}

/// A plan that is written down no longer chooses: requests were folded before, and hold what was chosen.
impl BorshSerialize for Predicate {
    fn serialize<W: Write>(&self, _out: &mut W) -> std::io::Result<()> {
        Ok(())
    }
}

/// Matches nothing.
impl BorshDeserialize for Predicate {
    fn deserialize_reader<R: Read>(_from: &mut R) -> std::io::Result<Self> {
        Ok(Self { node: eval::Node::Const(false), reads_time: false })
    }
}

/// In the order of the text, each once: what is compiled twice is reported once.
fn sorted(mut errors: Vec<ExprError>) -> Vec<ExprError> {
    errors.sort_by(|a, b| (a.at.start, a.at.end, &a.message).cmp(&(b.at.start, b.at.end, &b.message)));
    errors.dedup();
    debug_assert!(!errors.is_empty(), "an expression that is refused says why");
    errors
}
