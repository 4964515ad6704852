//! Texts in which parameters stand: every name is one that the document declares.

use super::super::node::{Key, Node, Value};
use super::super::{Reading, place, reader, substitute, suggest};
use crate::runbook::{RUN_ID, RUN_KEY, Text};

/// What a text may name.
pub(super) struct Scope<'n> {
    /// Declared by the document, sound or not.
    pub names: Vec<&'n str>,
    /// Of these, whole numbers that may be below zero.
    pub negative: Vec<&'n str>,
}

pub(super) fn text(ctx: &mut Reading<'_>, node: &Node, name: &str, scope: &Scope<'_>) -> Option<Text> {
    let text = reader::text(&mut ctx.report, node, name)?;
    let parsed = match Text::parse(text) {
        Ok(parsed) => parsed,
        Err((offset, why)) => {
            let at = node
                .scalar()
                .map_or(node.at, |scalar| place::span(&ctx.report, node.at, scalar, offset, offset + 2));
            ctx.report.error_with("E0704", at, why, "a parameter stands as {{ name }}");
            return None;
        }
    };
    let known = |name: &str| matches!(name, RUN_ID | RUN_KEY) || scope.names.contains(&name);
    for unknown in parsed.names().filter(|name| !known(name)) {
        let from = offset_of(text, unknown);
        let at = node
            .scalar()
            .map_or(node.at, |scalar| place::span(&ctx.report, node.at, scalar, from, from + unknown.len()));
        let all: Vec<&str> = scope.names.iter().copied().chain([RUN_ID, RUN_KEY]).collect();
        let message = format!("there is no parameter `{unknown}`");
        ctx.report.error_with("E0704", at, message, suggest::hint(unknown, &all));
    }
    Some(parsed)
}

/// The text of a node, where it is a sound one.
pub(super) fn parsed(node: &Node) -> Option<Text> {
    Text::parse(&node.scalar()?.text).ok()
}

/// Where a parameter of the text is named first.
fn offset_of(text: &str, name: &str) -> usize {
    let inner = |start: usize| {
        let after = &text[start + 2..];
        let skipped = after.len() - after.trim_start().len();
        let rest = &after[skipped..];
        let is_it = rest.split("}}").next().is_some_and(|one| one.trim_end() == name);
        is_it.then_some(start + 2 + skipped)
    };
    text.match_indices("{{").find_map(|(start, _)| inner(start)).unwrap_or(0)
}

/// Names with texts, in their order.
pub(super) fn named<'n>(ctx: &mut Reading<'_>, node: &'n Node, name: &str) -> Vec<(&'n Key, &'n Node)> {
    match node.entries() {
        Some(entries) => entries.iter().map(|(key, node)| (key, node)).collect(),
        None => {
            reader::wrong_type(&mut ctx.report, node, &format!("`{name}` is a mapping"));
            Vec::new()
        }
    }
}

/// What a runbook says is kept in the state and shown, so no file's content is in it.
pub(super) fn without_files(ctx: &mut Reading<'_>, node: &Node) {
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| without_files(ctx, item)),
        Value::Mapping(entries) => entries.iter().for_each(|(_, node)| without_files(ctx, node)),
        Value::Scalar(scalar) if scalar.written.as_deref().is_some_and(substitute::reads_a_file) => {
            let message = "a file's content would be kept in the state and shown: `${file:…}` has no place in a runbook";
            let hint = "a command's secret stands in `secrets`, a request's in `token_file`, `api_key_file`, `authorization_file` or `secret_file`";
            ctx.report.error_with("E0708", node.at, message, hint);
            ctx.report.hide(node.at);
        }
        Value::Scalar(_) => {}
    }
}
