//! `metadata` of an OpenSLO document: name, labels, annotations. Which annotations mean something is
//! for `annotations` to say.

use super::Reading;
use super::node::{Node, Place, Value};
use super::reader::{self, Fields};
use crate::engine::APPROVE;
use crate::model::Labels;

const NAME_MAX: usize = 63;
/// Annotations of a document that notifications carry, and the bytes of one.
const ANNOTATIONS_MAX: usize = 32;
const ANNOTATION_NAME_MAX: usize = 128;
const ANNOTATION_MAX: usize = 4_096;
/// What notifications say themselves.
const OURS: &[&str] = &[APPROVE, "fallback_for"];
/// What our links are called, one or several.
const LINKS: &str = "approve_url";

#[derive(Default)]
pub(super) struct Metadata<'n> {
    /// Empty where it is missing or not sound.
    pub name: &'n str,
    pub annotations: Vec<Annotation<'n>>,
}

pub(super) struct Annotation<'n> {
    pub key: &'n str,
    pub key_at: Place,
    pub value: &'n str,
    pub at: Place,
}

impl<'n> Metadata<'n> {
    pub fn annotation(&self, key: &str) -> Option<&Annotation<'n>> {
        self.annotations.iter().find(|annotation| annotation.key == key)
    }
}

impl Metadata<'_> {
    /// What notifications carry: names with a prefix are those of programs.
    pub fn for_people(&self, ctx: &mut Reading<'_>) -> Labels {
        for_people(ctx, self.annotations.iter().filter(|one| !one.key.contains('/')))
    }
}

/// `annotations` of a mapping that is no metadata.
pub(super) fn annotations_of(ctx: &mut Reading<'_>, node: Option<&Node>) -> Labels {
    let all = node.map_or_else(Vec::new, |node| annotations(ctx, node));
    for_people(ctx, all.iter())
}

fn for_people<'a, 'n: 'a>(
    ctx: &mut Reading<'_>,
    annotations: impl Iterator<Item = &'a Annotation<'n>>,
) -> Labels {
    let mut labels = Labels::new();
    for Annotation { key, key_at, value, at } in annotations.filter(|one| !one.value.is_empty()) {
        let trouble = if OURS.contains(key) || key.starts_with(LINKS) {
            Some((key_at, format!("`{key}` is what Evenkeel itself says in notifications")))
        } else if key.len() > ANNOTATION_NAME_MAX || value.len() > ANNOTATION_MAX {
            let text = format!(
                "the annotation is longer than {ANNOTATION_MAX} bytes, or its name than {ANNOTATION_NAME_MAX}"
            );
            Some((at, text))
        } else if labels.len() >= ANNOTATIONS_MAX {
            Some((key_at, format!("notifications carry at most {ANNOTATIONS_MAX} annotations of a document")))
        } else {
            None
        };
        match trouble {
            Some((at, message)) => ctx.report.warn("W0314", *at, message, "notifications go without it"),
            None => drop(labels.insert((*key).to_owned(), (*value).to_owned())),
        }
    }
    labels
}

/// `document` has the fields `metadata` and `name`.
pub(super) fn read<'n>(ctx: &mut Reading<'_>, document: Fields<'n>) -> Metadata<'n> {
    let report = &mut ctx.report;
    let Some(node) = document.required(report, "metadata") else { return Metadata::default() };
    inner(ctx, node)
}

pub(super) fn inner<'n>(ctx: &mut Reading<'_>, node: &'n Node) -> Metadata<'n> {
    named(ctx, node, check_name)
}

/// As `read`, where names of other shapes are usual: OpenSLO's own examples have them.
pub(super) fn read_lenient<'n>(ctx: &mut Reading<'_>, document: Fields<'n>) -> Metadata<'n> {
    let Some(node) = document.required(&mut ctx.report, "metadata") else { return Metadata::default() };
    named(ctx, node, |ctx, fields, name| {
        if !is_label(name) {
            let at = fields.get("name").map_or(fields.at, |node| node.at);
            let message = format!("`{name}` is no RFC 1123 label, as OpenSLO asks for; it is taken as it is");
            ctx.report.warn("W0306", at, message, "");
        }
        !name.is_empty()
    })
}

fn named<'n>(
    ctx: &mut Reading<'_>,
    node: &'n Node,
    check_name: impl FnOnce(&mut Reading<'_>, Fields<'_>, &str) -> bool,
) -> Metadata<'n> {
    let report = &mut ctx.report;
    let known = ["name", "displayName", "labels", "annotations"];
    let Some(fields) = Fields::new(report, node, "metadata", &known) else { return Metadata::default() };
    fields.text(report, "displayName");
    if let Some(labels) = fields.get("labels") {
        check_labels(ctx, labels);
    }
    let annotations = fields.get("annotations").map_or_else(Vec::new, |node| annotations(ctx, node));
    let name = fields.required_text(&mut ctx.report, "name");
    let name = name.filter(|name| check_name(ctx, fields, name)).unwrap_or("");
    Metadata { name, annotations }
}

fn check_name(ctx: &mut Reading<'_>, fields: Fields<'_>, name: &str) -> bool {
    let at = fields.get("name").map_or(fields.at, |node| node.at);
    if is_label(name) {
        return true;
    }
    let message =
        format!("`{name}` is no name: lower-case letters, digits and `-`, at most {NAME_MAX} characters");
    let tame = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let proposal: String = name.chars().map(tame).take(NAME_MAX).collect();
    let proposal = proposal.trim_matches('-');
    match is_label(proposal) {
        true => ctx.report.error_with("E0211", at, message, format!("`{proposal}` would do")),
        false => ctx.report.error("E0211", at, message),
    }
    false
}

pub(super) fn is_label(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = !name.starts_with('-') && !name.ends_with('-');
    (1..=NAME_MAX).contains(&name.len()) && edges && name.chars().all(inside)
}

/// A label has one value or a list of values.
fn check_labels(ctx: &mut Reading<'_>, node: &Node) {
    let report = &mut ctx.report;
    let Some(entries) = node.entries() else {
        return reader::wrong_type(report, node, "`labels` is a mapping");
    };
    for (key, value) in entries {
        let values = match &value.value {
            Value::Sequence(items) => &items[..],
            _ => std::slice::from_ref(value),
        };
        for value in values {
            reader::text(report, value, &key.text);
        }
    }
}

fn annotations<'n>(ctx: &mut Reading<'_>, node: &'n Node) -> Vec<Annotation<'n>> {
    let report = &mut ctx.report;
    let Some(entries) = node.entries() else {
        reader::wrong_type(report, node, "`annotations` is a mapping");
        return Vec::new();
    };
    let read = entries.iter().filter_map(|(key, node)| {
        let value = reader::strict_text(report, node, &key.text)?;
        Some(Annotation { key: &key.text, key_at: key.at, value, at: node.at })
    });
    read.collect()
}
