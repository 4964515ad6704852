//! What was found in a configuration, and how it is printed: the line, a caret as wide as the token, one hint.
//! Knows nothing of YAML.

use std::fmt::Write as _;

/// Findings that one run prints; all of them are counted.
const PRINTED_MAX: usize = 100;
/// Characters of a source line that are shown around the caret.
const SHOWN_MAX: usize = 160;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
    /// Shown by `check -v` only.
    Note,
}

/// One finding, ready to be printed by [`render`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub level: Level,
    /// `E0203`
    pub code: &'static str,
    pub message: String,
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Characters that the caret underlines.
    pub width: usize,
    pub hint: Option<String>,
    /// Columns and widths on that line that are not shown: secrets stand there.
    pub hidden: Vec<(usize, usize)>,
}

/// Findings as text. `sources` yields the text of a file by the name that a finding gives;
/// without it the finding is printed without its line.
pub fn render(findings: &[Diagnostic], sources: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    for finding in findings.iter().take(PRINTED_MAX) {
        if !out.is_empty() {
            out.push('\n');
        }
        render_one(&mut out, finding, sources(&finding.file).as_deref());
    }
    if findings.len() > PRINTED_MAX {
        let _ = writeln!(out, "\n… and {} more", findings.len() - PRINTED_MAX);
    }
    out
}

fn render_one(out: &mut String, finding: &Diagnostic, source: Option<&str>) {
    let Diagnostic { code, message, file, line, column, .. } = finding;
    let _ = match finding.level {
        Level::Error => writeln!(out, "error[{code}]: {message}"),
        Level::Warning => writeln!(out, "warning[{code}]: {message}"),
        Level::Note => writeln!(out, "note: {message}"),
    };
    let _ = writeln!(out, "  --> {file}:{line}:{column}");
    let text = source.and_then(|source| source.lines().nth(line.saturating_sub(1)));
    match (text, &finding.hint) {
        (Some(text), hint) => render_line(out, finding, text, hint.as_deref().unwrap_or("")),
        (None, Some(hint)) => {
            let _ = writeln!(out, "   = hint: {hint}");
        }
        (None, None) => {}
    }
}

fn render_line(out: &mut String, finding: &Diagnostic, text: &str, hint: &str) {
    let line = text.strip_prefix('\u{feff}').unwrap_or(text);
    let hidden =
        |at: usize| finding.hidden.iter().any(|(column, width)| (*column..column + width).contains(&at));
    let shown = |(index, c): (usize, char)| match c {
        _ if hidden(index + 1) => '*',
        c if c.is_control() => ' ',
        c => c,
    };
    let chars: Vec<char> = line.chars().enumerate().map(shown).collect();
    let column = finding.column.saturating_sub(1).min(chars.len());
    let width = finding.width.clamp(1, (chars.len() - column).max(1));
    let (from, cut) = match column + width > SHOWN_MAX {
        true => (column.saturating_sub(SHOWN_MAX / 4), true),
        false => (0, false),
    };
    let shown: String = chars.iter().skip(from).take(SHOWN_MAX).collect();
    let width = width.min(SHOWN_MAX - (column - from));
    let number = finding.line.to_string();
    let gutter = number.len().max(2);
    let (lead, indent) = if cut && from > 0 { ("…", 1) } else { ("", 0) };
    let _ = writeln!(out, "{:gutter$} |", "");
    let _ = writeln!(out, "{number:>gutter$} | {lead}{}", shown.trim_end());
    let carets = format!("{}{}", " ".repeat(column - from + indent), "^".repeat(width));
    let _ = writeln!(out, "{:gutter$} | {}", "", format!("{carets} {hint}").trim_end());
}
