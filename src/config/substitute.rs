//! `${env:NAME}`, `${env:NAME:-default}`, `${file:PATH}` and `$$`, inside parsed text values only:
//! keys, comments and structure are never touched, and what comes in is not looked at again.

use std::path::Path;

use super::World;
use super::node::{Node, Place, Scalar, Value};
use super::place::position;
use super::report::Report;

const HINT: &str = "write `${env:NAME}`, `${env:NAME:-default}`, `${file:PATH}`, or `$$` for a dollar";

pub(super) fn substitute(report: &mut Report, world: &dyn World, folder: &Path, node: &mut Node) {
    let at = node.at;
    match &mut node.value {
        Value::Scalar(scalar) => in_scalar(report, world, folder, at, scalar),
        Value::Sequence(items) => {
            items.iter_mut().for_each(|item| substitute(report, world, folder, item));
        }
        Value::Mapping(entries) => {
            entries.iter_mut().for_each(|(_, value)| substitute(report, world, folder, value));
        }
    }
}

fn in_scalar(report: &mut Report, world: &dyn World, folder: &Path, at: Place, scalar: &mut Scalar) {
    if !scalar.text.contains("${") && !scalar.text.contains("$$") {
        return;
    }
    let mut text = String::new();
    let mut rest = &*scalar.text;
    let mut failed = false;
    while let Some(dollar) = rest.find('$') {
        text.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        let offset = scalar.text.len() - rest.len();
        if let Some(after) = rest.strip_prefix("$$") {
            text.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let (inner, after) = after.split_once('}').unwrap_or((after, ""));
            let closed = rest.len() > inner.len() + 2;
            let width = inner.chars().count() + 3;
            let place = Place { width, ..position(report, at, scalar, offset) };
            match resolve(world, folder, inner).filter(|_| closed) {
                Some(Ok(value)) => text.push_str(&value),
                Some(Err((code, message, hint))) => {
                    report.error_with(code, place, message, hint);
                    failed = true;
                }
                None => {
                    report.error_with("E0401", place, "an unknown substitution", HINT);
                    failed = true;
                }
            }
            rest = after;
        } else {
            text.push('$');
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    if failed {
        report.hide(at);
    }
    scalar.written = Some(std::mem::replace(&mut scalar.text, text));
}

/// Of a text as it is written; `$$` is no beginning of a substitution.
pub(super) fn reads_a_file(written: &str) -> bool {
    written.replace("$$", "").contains("${file:")
}

type Failure = (&'static str, String, String);

/// `None` where the words between the braces are none of ours.
fn resolve(world: &dyn World, folder: &Path, inner: &str) -> Option<Result<String, Failure>> {
    if let Some(path) = inner.strip_prefix("file:") {
        let read = world.read(&folder.join(path));
        return Some(read.map(|text| without_newline(&text)).map_err(|reason| {
            ("E0411", format!("{path} can not be read: {reason}"), "the path is relative to this file".into())
        }));
    }
    let (name, default) = match inner.strip_prefix("env:")?.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner.strip_prefix("env:")?, None),
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(word) {
        return None;
    }
    // An empty variable counts as unset where there is a default, as shells do with `:-`.
    let value = world.env(name).filter(|value| default.is_none() || !value.is_empty());
    Some(value.or(default.map(str::to_owned)).ok_or_else(|| {
        let hint = format!("export it, or give a default: ${{env:{name}:-…}}");
        ("E0410", format!("environment variable {name} is not set"), hint)
    }))
}

pub(super) fn without_newline(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text).to_owned()
}
