//! Values that nobody may see: out of a field, or out of the file that a field beside it names. A message shows where they
//! should have been, never what they are.

use std::path::Path;

use super::Reading;
use super::address;
use super::node::{Place, Scalar};
use super::reader::{self, Fields};
use crate::respond::Secret;

const HINT: &str = "the file holds the secret alone; its path is relative to this file, and evenkeel must be able to read it";

/// `key`, or the first line of the file that `key_file` names. `None` where neither is there, or it is a mistake.
pub(super) fn either(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    [key, key_file]: [&'static str; 2],
    folder: &Path,
) -> Option<(Secret, Place)> {
    // Of an address one reads where it leads; a name that is substituted tells nothing.
    let in_the_open = fields.get(key).filter(|_| key != "url");
    if let Some(node) = in_the_open.filter(|node| node.scalar().is_some_and(|one| one.written.is_none())) {
        ctx.report.conceal(node.at);
    }
    if let (Some(_), Some(_)) = (fields.get(key), fields.get(key_file)) {
        let message = format!("`{key}` and `{key_file}` exclude each other");
        ctx.report.error("E0505", fields.place_of(key_file), message);
        return None;
    }
    let (text, at, file) = match fields.get(key_file) {
        Some(node) => {
            let path = reader::text(&mut ctx.report, node, key_file)?;
            let file = folder.join(path);
            match ctx.world.read(&file) {
                Ok(text) => (text, node.at, Some(file)),
                Err(reason) => {
                    ctx.report.error_with(
                        "E0411",
                        node.at,
                        format!("{path} can not be read: {reason}"),
                        HINT,
                    );
                    return None;
                }
            }
        }
        None => {
            let node = fields.get(key)?;
            (reader::text(&mut ctx.report, node, key)?.to_owned(), node.at, None)
        }
    };
    let text = text.trim();
    let trouble = match text {
        "" => "is empty",
        _ if text.contains(char::is_control) => "has more than one line",
        _ => {
            let secret = file.map_or_else(|| Secret::new(text), |file| Secret::of_file(text, file));
            return Some((secret, at));
        }
    };
    let named = if fields.get(key_file).is_some() { key_file } else { key };
    ctx.report.error_with("E0509", at, format!("what `{named}` gives {trouble}"), HINT);
    None
}

/// The same where one of the two is needed.
pub(super) fn needed(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    keys: [&'static str; 2],
    folder: &Path,
) -> Option<(Secret, Place)> {
    if keys.iter().all(|key| fields.get(key).is_none()) {
        fields.required(&mut ctx.report, keys[0]);
        return None;
    }
    either(ctx, fields, keys, folder)
}

/// A secret that is an address too.
pub(super) fn url(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    [key, key_file]: [&'static str; 2],
    folder: &Path,
) -> Option<Secret> {
    // An empty one is a bad address, and said as such.
    let empty = fields.get(key).and_then(|node| node.scalar()).is_some_and(|scalar| scalar.text.is_empty());
    if empty && fields.get(key_file).is_none() {
        ctx.report.error("E0505", fields.get(key)?.at, format!("`{key}` is empty"));
        return None;
    }
    let (url, at) = either(ctx, fields, [key, key_file], folder)?;
    match address::check_url(url.reveal()) {
        Ok(()) => Some(url),
        Err(why) => {
            // What stands in the open is shown of a plain address alone, of others their name.
            let scalar = fields.get(key).and_then(|node| node.scalar());
            let written = scalar.filter(|scalar| key == "url" || scalar.written.is_some()).map(Scalar::shown);
            let named = if scalar.is_some() { key } else { key_file };
            let subject = written.map_or_else(|| format!("what `{named}` gives"), |text| format!("`{text}`"));
            ctx.report.error("E0505", at, format!("{subject} {why}"));
            None
        }
    }
}
