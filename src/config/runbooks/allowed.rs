//! `runbooks` of the `Config` document: which programs steps may start, and the key by which runs are approved.

use super::super::node::Node;
use super::super::reader::{self, Fields};
use super::super::set::{Kind, Set};
use super::super::{Reading, address, secrets};
use super::too_many;
use crate::respond::Secret;

const RUNBOOKS: &[&str] = &["commands", "approval_key_file", "approval_url"];
const COMMANDS_MAX: usize = 1_000;
const KEY_BYTES_MIN: usize = 16;

/// Programs by their paths; a path that ends in `/` stands for what is in that folder.
#[derive(Default)]
pub(super) struct Allowed {
    paths: Vec<String>,
    /// The list may be in what could not be read.
    is_unknown: bool,
}

impl Allowed {
    /// Why the program may not be started, and what to do about it.
    pub fn check(&self, path: &str) -> Result<(), (String, String)> {
        if let Err(why) = clean(path) {
            let hint = "write the whole path, such as /usr/bin/systemctl".to_owned();
            return Err((format!("the program `{path}` {why}"), hint));
        }
        if path.ends_with('/') {
            return Err((
                format!("`{path}` is a folder, not a program"),
                "name the program in it".to_owned(),
            ));
        }
        let is_of = |one: &String| match one.strip_suffix('/') {
            Some(folder) => path.rsplit_once('/').is_some_and(|(before, _)| before == folder),
            None => one == path,
        };
        if self.is_unknown || self.paths.iter().any(is_of) {
            return Ok(());
        }
        let hint =
            format!("add it to the `Config` document if it may be started: runbooks: {{commands: [{path}]}}");
        Err((format!("`{path}` is not among the programs that runbooks may start"), hint))
    }
}

/// And what links are signed with, and begin with.
type Links = (Option<Secret>, Option<String>);

pub(super) fn read(ctx: &mut Reading<'_>, set: &Set) -> (Allowed, Links) {
    let mut allowed = Allowed { paths: Vec::new(), is_unknown: ctx.incomplete };
    let document = set.of(Kind::Config).first().copied();
    let found = document.and_then(|document| Some((document.node.get("spec")?.get("runbooks")?, document)));
    let Some((node, document)) = found else { return (allowed, Links::default()) };
    let Some(fields) = Fields::new(&mut ctx.report, node, "runbooks", RUNBOOKS) else {
        allowed.is_unknown = true;
        return (allowed, Links::default());
    };
    let commands = fields.texts(&mut ctx.report, "commands");
    too_many(ctx, commands.get(COMMANDS_MAX).map(|(_, node)| node.at), COMMANDS_MAX, "programs are allowed");
    for (path, node) in commands {
        match clean(path) {
            Ok(()) => allowed.paths.push(path.to_owned()),
            Err(why) => {
                let hint = "a program's whole path, or a folder's with a `/` at its end";
                ctx.report.error_with("E0701", node.at, format!("`commands`: `{path}` {why}"), hint);
            }
        }
    }
    let key = secrets::either(ctx, fields, ["", "approval_key_file"], &document.folder);
    if let Some((_, at)) = key.as_ref().filter(|(key, _)| key.reveal().len() < KEY_BYTES_MIN) {
        let message = format!("a key of fewer than {KEY_BYTES_MIN} characters can be guessed");
        ctx.report.error_with("E0509", *at, message, "`openssl rand -hex 32` makes a good one");
    }
    let url = fields.text(&mut ctx.report, "approval_url");
    if let Some(Err((why, is_secret))) = url.map(address::check_base) {
        let at = fields.place_of("approval_url");
        if let Some(node) = fields.get("approval_url").filter(|_| is_secret) {
            ctx.report.conceal(node.at);
        }
        ctx.report.error("E0505", at, format!("`approval_url` {why}"));
    }
    (allowed, (key.map(|(key, _)| key), url.map(|url| url.trim_end_matches('/').to_owned())))
}

/// A path that says where it leads. The error is a sentence's end.
pub(super) fn clean(path: &str) -> Result<(), &'static str> {
    let Some(rest) = path.strip_prefix('/') else { return Err("is no absolute path") };
    let parts = rest.strip_suffix('/').unwrap_or(rest);
    match parts.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        Some("..") => Err("has `..` in it"),
        Some(_) => Err("has an empty part or `.` in it"),
        None if path.contains(char::is_control) => Err("has control characters"),
        None => Ok(()),
    }
}

/// The text of a field, an absolute path.
pub(super) fn folder(ctx: &mut Reading<'_>, node: &Node, name: &str) -> Option<String> {
    let path = reader::text(&mut ctx.report, node, name)?;
    if path != "/"
        && let Err(why) = clean(path)
    {
        ctx.report.error("E0701", node.at, format!("`{name}`: `{path}` {why}"));
    }
    Some(path.to_owned())
}
