//! Service levels of Sloth, of Pyrra and of OpenSLO with queries to Prometheus, as documents of ours. What can not be
//! carried over stays in the output as a comment and is told with its place; nothing is guessed.
//!
//! `promql` reads a query, `series` says what it counts, `indicator` makes two counts an indicator, `cel` spells it.
//! `sloth`, `pyrra` and `openslo` read the definitions, `draft` and `out` write documents, `sound` has them checked.

mod cel;
mod decimal;
mod draft;
mod indicator;
mod names;
mod openslo;
mod out;
mod part;
mod promql;
mod pyrra;
mod series;
mod sloth;
mod sound;

#[cfg(test)]
mod tests;

use crate::config::{Diagnostic, Documents, View};
use names::Names;
use out::Out;
use part::Part;

/// Whose definitions they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Sloth,
    Pyrra,
    OpenSlo,
}

/// A file with definitions.
pub struct Source {
    /// As people call it.
    pub path: String,
    /// Within its folder, without an ending.
    pub name: String,
    pub text: String,
}

/// What is written of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The source's.
    pub name: String,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// A definition that is not converted.
    Failed,
    /// Something that was left behind or named anew.
    Note,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    pub weight: Weight,
    /// `FILE:LINE:COLUMN`
    pub place: String,
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Conversion {
    pub files: Vec<Written>,
    pub remarks: Vec<Remark>,
    /// Service levels.
    pub converted: usize,
    pub failed: usize,
}

/// What all readers carry along.
struct Reading<'a> {
    /// For definitions that do not name theirs.
    window: &'a str,
    names: Names,
    remarks: Vec<Remark>,
    /// Names of services that have a document, as their sources spell them.
    services: Vec<(String, String)>,
}

/// `window` is the period of definitions that have none of their own. The error: files that can not be read.
pub fn convert(origin: Origin, sources: &[Source], window: &str) -> Result<Conversion, Vec<Diagnostic>> {
    let (mut files, mut findings) = (Vec::new(), Vec::new());
    for source in sources {
        match Documents::read(&source.path, &source.text) {
            Ok(documents) => files.push((source, documents)),
            Err(errors) => findings.extend(errors),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut reading = Reading { window, names: Names::default(), remarks: Vec::new(), services: Vec::new() };
    let views: Vec<Vec<View<'_>>> =
        files.iter().map(|(_, documents)| documents.views().flat_map(unpacked).collect()).collect();
    let mut parts: Vec<Vec<Part>> = match origin {
        Origin::Sloth => views.iter().map(|views| sloth::read(&mut reading, views)).collect(),
        Origin::Pyrra => views.iter().map(|views| pyrra::read(&mut reading, views)).collect(),
        Origin::OpenSlo => openslo::read(&mut reading, &views),
    };
    let titled: Vec<&Source> = files.iter().map(|(source, _)| *source).collect();
    sound::comment_out_what_is_not(&titled, &mut parts);
    let mut conversion = Conversion { remarks: reading.remarks, ..Conversion::default() };
    for (source, parts) in titled.iter().zip(&parts).filter(|(_, parts)| !parts.is_empty()) {
        let levels = parts.iter().filter(|part| part.is_level());
        let (live, dead): (Vec<_>, Vec<_>) = levels.partition(|part| part.refusals.is_empty());
        conversion.converted += live.len();
        conversion.failed += dead.len();
        for part in parts {
            conversion.remarks.extend(part.refusals.iter().map(|one| Remark {
                weight: Weight::Failed,
                place: one.place.clone(),
                text: format!("{}: {}", part.title(), one.why),
            }));
        }
        let text = part::file(source, parts);
        conversion.files.push(Written { name: source.name.clone(), text });
    }
    conversion.remarks.sort_by_key(|remark| remark.weight);
    Ok(conversion)
}

/// Documents may stand in a list, plain or as Kubernetes writes them.
fn unpacked(view: View<'_>) -> Vec<View<'_>> {
    if let Some(items) = view.items() {
        return items.collect();
    }
    let is_list = view.get("kind").and_then(View::text).is_some_and(|kind| kind.ends_with("List"));
    match view.get("items").and_then(View::items) {
        Some(items) if is_list => items.collect(),
        _ => vec![view],
    }
}

impl Reading<'_> {
    fn note(&mut self, place: String, text: impl Into<String>) {
        self.remarks.push(Remark { weight: Weight::Note, place, text: text.into() });
    }

    fn fail(&mut self, place: String, text: impl Into<String>) {
        self.remarks.push(Remark { weight: Weight::Failed, place, text: text.into() });
    }

    /// A document that is none of the origin's.
    fn skip(&mut self, view: View<'_>) {
        let field = |name: &str| view.get(name).and_then(View::text);
        let what = match (field("kind"), field("apiVersion").or(field("version"))) {
            (Some(kind), Some(version)) => format!("{kind} of {version}"),
            (None, Some(version)) => format!("a document of {version}"),
            (Some(kind), None) => kind.to_owned(),
            (None, None) => "a document without a kind".to_owned(),
        };
        self.note(view.place(), format!("skipped: {what}"));
    }

    /// Fields that say something which is not carried over.
    fn leave(&mut self, view: View<'_>, what: &str, known: &[&str]) {
        for (name, value) in view.entries().into_iter().flatten() {
            if !known.contains(&name) && !value.is_null() {
                self.note(value.place(), format!("`{name}` of {what} is not carried over"));
            }
        }
    }

    /// The name of a service, and its document where this is the first that asks for it.
    fn service(&mut self, wish: &str, place: String) -> (String, Option<Part>) {
        if let Some((_, name)) = self.services.iter().find(|(one, _)| one == wish) {
            return (name.clone(), None);
        }
        let name = self.names.give("Service", wish);
        self.services.push((wish.to_owned(), name.clone()));
        let mut metadata = Out::map([("name", Out::text(&*name))]);
        if name != wish {
            metadata.set("displayName", Out::text(wish));
        }
        let document = Out::map([
            ("apiVersion", Out::text("openslo/v1")),
            ("kind", Out::text("Service")),
            ("metadata", metadata.flow()),
        ]);
        (name, Some(Part::new(document, place)))
    }
}

/// The texts of a mapping: labels, annotations.
fn texts(view: Option<View<'_>>) -> Vec<(String, String)> {
    let entries = view.and_then(View::entries).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.to_owned(), value.text()?.to_owned()))).collect()
}
