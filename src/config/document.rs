//! Documents of any kind as trees with places, for those who read what other systems wrote. Substitutes nothing and
//! judges no field.

use super::diagnostic::Diagnostic;
use super::node::{Node, Value};
use super::report::Report;
use super::{Level, place, yaml};

/// The documents of one file.
pub struct Documents {
    report: Report,
    nodes: Vec<Node>,
}

/// A node of a document.
#[derive(Clone, Copy)]
pub struct View<'d> {
    report: &'d Report,
    node: &'d Node,
}

impl Documents {
    /// The findings, where the text is not YAML as configurations are written in it.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut report = Report::default();
        let index = report.add_file(file, text);
        let (nodes, _) = yaml::parse(&mut report, index, text);
        match report.is_sound() {
            true => Ok(Self { report, nodes }),
            false => {
                let mut findings = report.finish();
                findings.retain(|finding| finding.level == Level::Error);
                Err(findings)
            }
        }
    }

    pub fn views(&self) -> impl Iterator<Item = View<'_>> {
        self.nodes.iter().map(|node| View { report: &self.report, node })
    }
}

impl<'d> View<'d> {
    /// A field of a mapping that has a value.
    pub fn get(self, name: &str) -> Option<Self> {
        self.node.get(name).map(|node| Self { node, ..self })
    }

    /// A field of a field of a mapping, and so on.
    pub fn at(self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self, |view, name| view.get(name))
    }

    pub fn entries(self) -> Option<impl Iterator<Item = (&'d str, Self)>> {
        let entries = self.node.entries()?;
        Some(entries.iter().map(move |(key, node)| (&*key.text, Self { node, ..self })))
    }

    pub fn items(self) -> Option<impl Iterator<Item = Self>> {
        match &self.node.value {
            Value::Sequence(items) => Some(items.iter().map(move |node| Self { node, ..self })),
            _ => None,
        }
    }

    /// Of a scalar, as it is spelled.
    pub fn text(self) -> Option<&'d str> {
        self.node.scalar().map(|scalar| &*scalar.text)
    }

    /// YAML would not read it as a text.
    pub fn is_typed(self) -> bool {
        self.node.is_null() || self.node.scalar().is_some_and(|scalar| scalar.is_typed())
    }

    pub fn is_null(self) -> bool {
        self.node.is_null()
    }

    pub fn truth(self) -> Option<bool> {
        self.node.scalar()?.truth()
    }

    /// `FILE:LINE:COLUMN`
    pub fn place(self) -> String {
        self.report.locate(self.node.at)
    }

    /// The place of a byte of a scalar's text, as near as it can be told.
    pub fn place_of(self, offset: usize) -> String {
        let at = self
            .node
            .scalar()
            .map_or(self.node.at, |scalar| place::position(self.report, self.node.at, scalar, offset));
        self.report.locate(at)
    }
}
