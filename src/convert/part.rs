//! A document that is written, with what is said above it: as it is, or as a comment where something of it is missing.

use super::Source;
use super::out::Out;

/// Why a definition is not converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    pub place: String,
    pub why: String,
    /// The text that is not read, where it is one.
    pub query: Option<String>,
}

impl Unclear {
    pub fn new(place: String, why: impl Into<String>) -> Self {
        Self { place, why: why.into(), query: None }
    }
}

pub struct Part {
    pub document: Out,
    /// Of the definition.
    pub place: String,
    /// What people should know, above the document.
    pub comments: Vec<String>,
    /// Not empty: the document is a comment.
    pub refusals: Vec<Unclear>,
}

impl Part {
    pub fn new(document: Out, place: String) -> Self {
        Self { document, place, comments: Vec::new(), refusals: Vec::new() }
    }

    pub fn kind(&self) -> &str {
        self.document.get("kind").and_then(Out::as_text).unwrap_or("")
    }

    pub fn name(&self) -> &str {
        self.document
            .get("metadata")
            .and_then(|metadata| metadata.get("name"))
            .and_then(Out::as_text)
            .unwrap_or("")
    }

    pub fn is_level(&self) -> bool {
        self.kind() == "SLO"
    }

    pub fn title(&self) -> String {
        format!("{} `{}`", self.kind(), self.name())
    }

    fn written(&self) -> String {
        let mut out = String::new();
        let mut comment = |text: &str, lead: &str| {
            for line in text.lines() {
                out.push_str(format!("# {lead}{line}").trim_end());
                out.push('\n');
            }
        };
        self.comments.iter().for_each(|text| comment(text, ""));
        for Unclear { place, why, query } in &self.refusals {
            comment(&format!("Not converted: {why} ({place})"), "");
            comment(query.as_deref().unwrap_or(""), "    ");
        }
        let document = self.document.document();
        match self.refusals.is_empty() {
            true => out.push_str(&document),
            false => comment(&document, ""),
        }
        out
    }
}

/// The text of a file, and the line at which each part of it begins.
pub fn lines(source: &Source, parts: &[Part]) -> (String, Vec<usize>) {
    let file = source.path.rsplit(['/', '\\']).next().unwrap_or(&source.path);
    let mut out =
        format!("# yaml-language-server: $schema=../evenkeel.schema.json\n# Converted from {file}.\n");
    let mut begins = Vec::new();
    let mut live = false;
    for part in parts {
        match part.refusals.is_empty() {
            // A document ends where the next one begins, and a comment belongs to none.
            true if live => out.push_str("---\n"),
            true => live = true,
            false => out.push('\n'),
        }
        begins.push(out.lines().count() + 1);
        out.push_str(&part.written());
    }
    (out, begins)
}

pub fn file(source: &Source, parts: &[Part]) -> String {
    lines(source, parts).0
}
