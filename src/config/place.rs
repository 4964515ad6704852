//! From a byte of a scalar's text back to the place in the file where that byte is written.

use super::node::{Place, Scalar, Style};
use super::report::Report;

/// The place of the character at byte `offset` of the scalar's text; the scalar's own where the way back
/// is not exact (folded and multi-line flow scalars, substituted texts).
pub(super) fn position(report: &Report, at: Place, scalar: &Scalar, offset: usize) -> Place {
    if scalar.written.is_some() {
        return at;
    }
    let before = scalar.text.get(..offset).unwrap_or(&scalar.text);
    match scalar.style {
        Style::Literal => in_block(report, at, scalar, before),
        _ if !scalar.single_line => at,
        Style::Plain => moved(at, before.chars().count()),
        Style::Single => {
            let doubled = before.chars().filter(|c| *c == '\'').count();
            moved(at, 1 + before.chars().count() + doubled)
        }
        Style::Double => moved(at, 1 + escaped_width(report, at, before.chars().count())),
        Style::Folded => at,
    }
}

/// The width that `text` has in the source, from `offset` on: what a caret should underline.
pub(super) fn span(report: &Report, at: Place, scalar: &Scalar, from: usize, to: usize) -> Place {
    let start = position(report, at, scalar, from);
    let end = position(report, at, scalar, to);
    match start != at || from == 0 {
        true if start.line == end.line && end.column > start.column => {
            Place { width: end.column - start.column, ..start }
        }
        _ => start,
    }
}

fn moved(at: Place, by: usize) -> Place {
    Place { column: at.column + by, width: at.width.saturating_sub(by).max(1), ..at }
}

/// The scalar begins at the first character of its content; the block's indentation is on each line.
fn in_block(report: &Report, at: Place, scalar: &Scalar, before: &str) -> Place {
    let line = at.line + before.matches('\n').count();
    let content = scalar.text.lines().nth(line - at.line).unwrap_or("");
    let source = report.line_at(at.file, line);
    let Some(indent) = source.chars().count().checked_sub(content.chars().count()) else { return at };
    let column = indent + before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Place { line, column, width: 1, ..at }
}

/// Characters of the source that stand for the first `count` characters of a double-quoted text.
fn escaped_width(report: &Report, at: Place, count: usize) -> usize {
    let mut source = report.line(at).chars().skip(at.column);
    let mut width = 0;
    for _ in 0..count {
        width += match source.next() {
            Some('\\') => {
                let digits = match source.next() {
                    Some('x') => 2,
                    Some('u') => 4,
                    Some('U') => 8,
                    _ => 0,
                };
                source.by_ref().take(digits).for_each(drop);
                2 + digits
            }
            _ => 1,
        };
    }
    width
}
