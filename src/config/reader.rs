//! Typed readers over mappings: each reports what is wrong where it is wrong, yields `None` and lets
//! its caller go on. Knows no field by name.

use super::node::{Key, Node, Place, Scalar, Value};
use super::report::Report;
use super::suggest;

/// A mapping whose fields have been held against the list of the known ones.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    pub at: Place,
    node: &'n Node,
    /// What a message calls the mapping: `a route`.
    what: &'static str,
}

impl<'n> Fields<'n> {
    /// `None`, and a finding, where the node is no mapping.
    pub fn new(report: &mut Report, node: &'n Node, what: &'static str, known: &[&str]) -> Option<Self> {
        #[cfg(test)]
        super::seen::fields(what, known);
        let Some(entries) = node.entries() else {
            wrong_type(report, node, &format!("{what} is a mapping"));
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| is_unknown(known, &key.text)) {
            let hint = suggest::hint(&key.text, known);
            report.error_with("E0203", key.at, format!("unknown field `{}`", key.text), hint);
        }
        Some(Self { at: node.at, node, what })
    }

    /// A mapping that may have fields of any name.
    pub fn open(node: &'n Node, what: &'static str) -> Self {
        Self { at: node.at, node, what }
    }

    pub fn get(&self, name: &str) -> Option<&'n Node> {
        self.node.get(name)
    }

    pub fn key(&self, name: &str) -> Option<&'n Key> {
        let entries = self.node.entries().unwrap_or_default();
        entries.iter().find(|(key, _)| key.text == name).map(|(key, _)| key)
    }

    /// The field's key, else the mapping.
    pub fn place_of(&self, name: &str) -> Place {
        self.key(name).map_or(self.at, |key| key.at)
    }

    pub fn required(&self, report: &mut Report, name: &str) -> Option<&'n Node> {
        #[cfg(test)]
        super::seen::required(self.what, name);
        let node = self.get(name);
        if node.is_none() {
            report.error("E0202", self.place_of(name), format!("{} needs `{name}`", self.what));
        }
        node
    }

    pub fn text(&self, report: &mut Report, name: &str) -> Option<&'n str> {
        self.get(name).and_then(|node| text(report, node, name))
    }

    pub fn required_text(&self, report: &mut Report, name: &str) -> Option<&'n str> {
        self.required(report, name).and_then(|node| text(report, node, name))
    }

    pub fn truth(&self, report: &mut Report, name: &str) -> Option<bool> {
        let node = self.get(name)?;
        let truth = node.scalar().filter(|s| s.is_bare() || s.written.is_some()).and_then(Scalar::truth);
        if truth.is_none() {
            wrong_type(report, node, &format!("`{name}` is true or false"));
        }
        truth
    }

    /// A whole number within bounds, both included.
    pub fn whole(&self, report: &mut Report, name: &str, min: u32, max: u32) -> Option<u32> {
        let node = self.get(name)?;
        let number = node.scalar().filter(|s| s.is_bare() || s.written.is_some());
        let number = number.and_then(|scalar| scalar.text.parse::<u32>().ok());
        let inside = number.filter(|number| (min..=max).contains(number));
        if inside.is_none() {
            let message = format!("`{name}` is a whole number from {min} to {max}");
            report.error("E0204", node.at, message);
        }
        inside
    }

    pub fn is_empty_list(&self, name: &str) -> bool {
        matches!(self.get(name).map(|node| &node.value), Some(Value::Sequence(items)) if items.is_empty())
    }

    pub fn list(&self, report: &mut Report, name: &str) -> &'n [Node] {
        self.get(name).map_or(&[], |node| list(report, node, name))
    }

    /// A list of texts; one text counts as a list of one.
    pub fn texts(&self, report: &mut Report, name: &str) -> Vec<(&'n str, &'n Node)> {
        let nodes = match self.get(name) {
            Some(node) if node.scalar().is_some() => std::slice::from_ref(node),
            _ => self.list(report, name),
        };
        nodes.iter().filter_map(|node| Some((text(report, node, name)?, node))).collect()
    }
}

/// What is absent is fine, what is there must be sound.
pub(super) fn sound<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(sound) => sound.map(Some),
    }
}

/// Merge keys, and keys that are no texts, have been told already.
fn is_unknown(known: &[&str], key: &str) -> bool {
    !known.contains(&key) && !key.is_empty() && key != "<<"
}

/// A number or boolean that YAML would read as such is taken as it is spelled.
pub(super) fn text<'n>(report: &mut Report, node: &'n Node, name: &str) -> Option<&'n str> {
    match node.scalar() {
        Some(scalar) if !scalar.is_null() => Some(&scalar.text),
        _ => {
            wrong_type(report, node, &format!("`{name}` is a text"));
            None
        }
    }
}

/// A text where YAML's own types are mistakes: annotations and labels.
pub(super) fn strict_text<'n>(report: &mut Report, node: &'n Node, name: &str) -> Option<&'n str> {
    match node.scalar().filter(|scalar| scalar.is_typed()) {
        Some(scalar) => {
            let hint = format!("quote it: \"{}\"", scalar.text);
            report.error_with("E0204", node.at, format!("`{name}` is a text, not {}", node.kind()), hint);
            None
        }
        None => text(report, node, name),
    }
}

pub(super) fn list<'n>(report: &mut Report, node: &'n Node, name: &str) -> &'n [Node] {
    match &node.value {
        Value::Sequence(items) => items,
        _ => {
            wrong_type(report, node, &format!("`{name}` is a list"));
            &[]
        }
    }
}

/// A word out of a closed list.
pub(super) fn word<T: Copy>(report: &mut Report, node: &Node, name: &str, words: &[(&str, T)]) -> Option<T> {
    #[cfg(test)]
    super::seen::words(name, words.iter().map(|(word, _)| *word));
    let given = text(report, node, name)?;
    let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
    if found.is_none() {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let shown = node.scalar().map_or("", Scalar::shown);
        let message = format!("`{shown}` is not a value of `{name}`");
        report.error_with("E0205", node.at, message, suggest::hint(given, &known));
    }
    found
}

pub(super) fn wrong_type(report: &mut Report, node: &Node, rule: &str) {
    report.error("E0204", node.at, format!("{rule}, not {}", node.kind()));
}
