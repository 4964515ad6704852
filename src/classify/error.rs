//! Mistakes in an expression, each with its place, and the guess at what was meant.

use std::ops::Range;

/// A mistake in an expression, with its place (bytes) in the expression's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    pub at: Range<usize>,
    pub message: String,
    pub hint: Option<String>,
}

impl ExprError {
    pub(super) fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The one of `known` that `word` is most likely a misspelling of.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| text.replace('_', "").to_lowercase();
    let word = plain(word);
    let reach = (word.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|one| (edits(&word, &plain(one)), *one))
        .filter(|(edits, _)| *edits <= reach)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, one)| one)
}

/// `"a", "b" or "c"`.
pub(super) fn alternatives(values: &[&str]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Insertions, deletions and replacements that make `a` into `b`.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
