//! Names that documents call each other by.

use super::Reading;
use super::node::Node;
use super::set::{Kind, Set};
use super::suggest;

/// A name that no document has.
pub(super) fn unresolved(ctx: &mut Reading<'_>, set: &Set, node: &Node, kind: Kind, name: &str) {
    if ctx.incomplete {
        return; // it may well be in the file that could not be read
    }
    let documents = set.of(kind);
    let names: Vec<&str> = documents.iter().map(|document| &*document.name).collect();
    let what = kind.spelled();
    let hint = match names.is_empty() {
        true => format!("there is no document of kind {what}"),
        false => suggest::hint(name, &names),
    };
    ctx.report.error_with("E0306", node.at, format!("no {what} is named `{name}`"), hint);
}
