//! The findings of a run, and the sources that their places point into. Mistakes are collected here
//! and reading goes on; nothing in this folder stops at the first.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Diagnostic, Level};
use super::node::Place;

struct Source {
    name: String,
    text: String,
    /// The byte at which each line begins.
    lines: Vec<usize>,
}

#[derive(Default)]
pub(super) struct Report {
    files: Vec<Source>,
    findings: Vec<Diagnostic>,
    /// Keys that are accepted without effect: the finding that names each, and how often it came.
    without_effect: BTreeMap<String, (usize, usize)>,
    /// Where a substitution failed: what its reader would find there follows from that alone.
    hidden: BTreeSet<(usize, usize, usize)>,
    /// Where secrets stand in the open, with their widths: no line is printed with them.
    secrets: BTreeSet<(usize, usize, usize, usize)>,
}

impl Report {
    pub fn add_file(&mut self, name: &str, text: &str) -> usize {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        self.files.push(Source { name: name.to_owned(), text: text.to_owned(), lines });
        self.files.len() - 1
    }

    pub fn file_name(&self, file: usize) -> &str {
        &self.files[file].name
    }

    /// The line of a source that a place is on.
    pub fn line(&self, at: Place) -> &str {
        self.line_at(at.file, at.line)
    }

    pub fn line_at(&self, file: usize, line: usize) -> &str {
        let source = &self.files[file];
        let rest = source.lines.get(line.saturating_sub(1)).map_or("", |start| &source.text[*start..]);
        let text = rest.lines().next().unwrap_or("");
        text.strip_prefix('\u{feff}').unwrap_or(text)
    }

    /// `FILE:LINE:COLUMN`
    pub fn locate(&self, at: Place) -> String {
        format!("{}:{}:{}", self.file_name(at.file), at.line, at.column)
    }

    pub fn error(&mut self, code: &'static str, at: Place, message: impl Into<String>) {
        self.push(Level::Error, code, at, message.into(), None);
    }

    pub fn error_with(
        &mut self,
        code: &'static str,
        at: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Level::Error, code, at, message.into(), Some(hint.into()));
    }

    pub fn warn(&mut self, code: &'static str, at: Place, message: impl Into<String>, hint: &str) {
        let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        self.push(Level::Warning, code, at, message.into(), hint);
    }

    pub fn note(&mut self, code: &'static str, at: Place, message: impl Into<String>) {
        self.push(Level::Note, code, at, message.into(), None);
    }

    /// Names a key that is read and changes nothing yet: one warning a key, at its first place.
    pub fn not_yet(&mut self, code: &'static str, at: Place, key: &str) {
        if let Some((_, count)) = self.without_effect.get_mut(key) {
            *count += 1;
            return;
        }
        self.without_effect.insert(key.to_owned(), (self.findings.len(), 1));
        self.warn(code, at, format!("`{key}` is accepted, not in effect yet"), "");
    }

    /// For `errors_since`.
    pub fn mark(&self) -> usize {
        self.findings.len()
    }

    /// What was wrong in what was read since.
    pub fn errors_since(&self, mark: usize) -> Vec<String> {
        let since = self.findings[mark..].iter().filter(|finding| finding.level == Level::Error);
        since.map(|finding| finding.message.clone()).collect()
    }

    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.level == Level::Error).count()
    }

    pub fn is_sound(&self) -> bool {
        !self.findings.iter().any(|finding| finding.level == Level::Error)
    }

    /// Nothing more is said about this place.
    pub fn hide(&mut self, at: Place) {
        self.hidden.insert((at.file, at.line, at.column));
    }

    /// What stands here is not printed, whatever else of its line is.
    pub fn conceal(&mut self, at: Place) {
        self.secrets.insert((at.file, at.line, at.column, at.width));
    }

    fn push(&mut self, level: Level, code: &'static str, at: Place, message: String, hint: Option<String>) {
        if self.hidden.contains(&(at.file, at.line, at.column)) {
            return;
        }
        let file = self.file_name(at.file).to_owned();
        let Place { line, column, width, .. } = at;
        let hidden = Vec::new();
        self.findings.push(Diagnostic { level, code, message, file, line, column, width, hint, hidden });
    }

    /// In order of file, line and column; each finding once.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        for (index, count) in self.without_effect.values() {
            if *count > 1 {
                let more = count - 1;
                self.findings[*index].hint =
                    Some(format!("and in {more} more place{}", if more == 1 { "" } else { "s" }));
            }
        }
        for (file, line, column, width) in &self.secrets {
            let name = &self.files[*file].name;
            let beside = self.findings.iter_mut().filter(|one| one.file == *name && one.line == *line);
            beside.for_each(|one| one.hidden.push((*column, *width)));
        }
        let place =
            |one: &Diagnostic| (one.file.clone(), one.line, one.column, one.code, one.message.clone());
        self.findings.sort_by_cached_key(place);
        self.findings.dedup();
        self.findings
    }
}
