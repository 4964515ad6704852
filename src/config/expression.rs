//! Expressions of rules and indicators: compiled by `classify`, their mistakes placed in the YAML.
//! Knows nothing of the language itself.

use super::node::Node;
use super::place;
use super::{Reading, reader};
use crate::classify::{ExprError, Measure, Predicate};
use crate::model::{ItemKind, Wanted};

const BYTES_MAX: usize = 8 << 10;
/// Of all expressions of a set.
const ALL_BYTES_MAX: usize = 2 << 20;
/// Attributes that expressions of a set may name. There are 65,535 slots, of which keys have the rest.
const ATTRIBUTES_MAX: usize = 50_000;
/// An attribute takes so many bytes at least, as in `[a,b]`.
const ATTRIBUTE_BYTES_MIN: usize = 2;

pub(super) fn predicate(
    ctx: &mut Reading<'_>,
    node: &Node,
    name: &str,
    kind: Option<ItemKind>,
) -> Option<Predicate> {
    compile(ctx, node, name, |text, wanted| Predicate::compile(text, kind, wanted))
}

pub(super) fn measure(
    ctx: &mut Reading<'_>,
    node: &Node,
    name: &str,
    kind: Option<ItemKind>,
) -> Option<Measure> {
    compile(ctx, node, name, |text, wanted| Measure::compile(text, kind, wanted))
}

fn compile<T>(
    ctx: &mut Reading<'_>,
    node: &Node,
    name: &str,
    compile: impl FnOnce(&str, &mut Wanted) -> Result<T, Vec<ExprError>>,
) -> Option<T> {
    let text = reader::text(&mut ctx.report, node, name)?;
    if text.trim().is_empty() {
        ctx.report.error("E0214", node.at, format!("`{name}` is empty"));
        return None;
    }
    ctx.expression_bytes = ctx.expression_bytes.saturating_add(text.len());
    if text.len() > BYTES_MAX || ctx.expression_bytes > ALL_BYTES_MAX {
        let message = format!("an expression has at most {BYTES_MAX} bytes, all of a set {ALL_BYTES_MAX}");
        ctx.report.error("E0215", node.at, message);
        return None;
    }
    if ctx.wanted.len() + text.len() / ATTRIBUTE_BYTES_MIN > ATTRIBUTES_MAX {
        let message = format!("the expressions of a set name at most about {ATTRIBUTES_MAX} attributes");
        ctx.report.error("E0215", node.at, message);
        return None;
    }
    compile(text, &mut ctx.wanted).map_err(|errors| place_errors(ctx, node, errors)).ok()
}

pub(super) fn place_errors(ctx: &mut Reading<'_>, node: &Node, errors: Vec<ExprError>) {
    let Some(scalar) = node.scalar() else { return };
    for ExprError { at, message, hint } in errors {
        let place = place::span(&ctx.report, node.at, scalar, at.start, at.end);
        match hint {
            Some(hint) => ctx.report.error_with("E0301", place, message, hint),
            None => ctx.report.error("E0301", place, message),
        }
    }
}
