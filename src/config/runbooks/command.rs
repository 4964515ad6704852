//! `command` of a step: a program by its arguments, its environment, its secrets and its bounds.

use std::path::Path;

use super::super::Reading;
use super::super::node::{Key, Node};
use super::super::reader::{self, Fields};
use super::code::{self, Argument};
use super::{Around, allowed, safety, seconds, steering, texts, too_many};
use crate::respond::{SECRET_BYTES_MAX, Secret};
use crate::runbook::{Bounds, Command, Piece, Text};

const COMMAND: &[&str] = &["argv", "env", "user", "folder", "limits", "secrets"];
const BOUNDS: &[&str] = &["cpu", "memory_mib", "open_files", "file_mib"];
const ARGUMENTS_MAX: usize = 64;
const ARGUMENT_BYTES_MAX: usize = 4_096;
const VARIABLES_MAX: usize = 64;
const USER_BYTES_MAX: usize = 32;
const HOUR_S: u64 = 3_600;
/// Set by us.
const RUN: &str = "EVENKEEL_RUN";
pub(super) type Named = Vec<(String, Secret)>;

pub(super) fn read(ctx: &mut Reading<'_>, node: &Node, around: Around<'_>) -> Option<(Command, Named)> {
    let fields = Fields::new(&mut ctx.report, node, "a command", COMMAND)?;
    let argv = argv(ctx, fields, around);
    let env = env(ctx, fields, around);
    let named = secrets(ctx, fields, around, &env);
    let command = Command {
        argv,
        secrets: named.iter().map(|(name, _)| name.clone()).collect(),
        env,
        user: user(ctx, fields),
        folder: fields.get("folder").and_then(|node| allowed::folder(ctx, node, "folder")),
        bounds: bounds(ctx, fields.get("limits")),
    };
    Some((command, named))
}

fn argv(ctx: &mut Reading<'_>, fields: Fields<'_>, around: Around<'_>) -> Vec<Text> {
    let Some(node) = fields.required(&mut ctx.report, "argv") else { return Vec::new() };
    if node.scalar().is_some() {
        let message = "`argv` is a list of a program and its arguments: no shell takes a line apart";
        ctx.report.error_with("E0204", node.at, message, "argv: [/usr/bin/systemctl, restart, 'unit']");
        return Vec::new();
    }
    let nodes = reader::list(&mut ctx.report, node, "argv");
    if fields.is_empty_list("argv") {
        ctx.report.error("E0701", node.at, "`argv` names no program");
    }
    too_many(ctx, nodes.get(ARGUMENTS_MAX).map(|node| node.at), ARGUMENTS_MAX, "arguments of a command");
    let mut argv = Vec::new();
    for node in nodes.iter().take(ARGUMENTS_MAX) {
        let Some(text) = texts::text(ctx, node, "argv", around.scope) else { continue };
        if node.scalar().is_some_and(|scalar| scalar.text.len() > ARGUMENT_BYTES_MAX) {
            let message = format!("an argument has at most {ARGUMENT_BYTES_MAX} bytes");
            ctx.report.error("E0215", node.at, message);
        }
        without_zero(ctx, node, &text);
        let target = node.scalar().and_then(|scalar| ctx.world.target(Path::new(&scalar.text)));
        argv.push(Argument { text, node, target });
    }
    // Where one can not be read the others may mean something else.
    if argv.len() == nodes.len().min(ARGUMENTS_MAX) {
        code::check(ctx, &argv, around.allowed, around.scope);
    }
    argv.into_iter().map(|argument| argument.text).collect()
}

/// The system ends texts at it.
fn without_zero(ctx: &mut Reading<'_>, node: &Node, text: &Text) {
    if text.0.iter().any(|piece| matches!(piece, Piece::Plain(text) if text.contains('\0'))) {
        ctx.report.error("E0702", node.at, "a character of code 0 ends a text for every program");
    }
}

fn env(ctx: &mut Reading<'_>, fields: Fields<'_>, around: Around<'_>) -> Vec<(String, Text)> {
    let Some(node) = fields.get("env") else { return Vec::new() };
    let entries = texts::named(ctx, node, "env");
    too_many(ctx, entries.get(VARIABLES_MAX).map(|(key, _)| key.at), VARIABLES_MAX, "variables of a command");
    let mut env = Vec::new();
    for (key, node) in entries.into_iter().take(VARIABLES_MAX) {
        check_variable(ctx, key);
        let Some(text) = texts::text(ctx, node, &key.text, around.scope) else { continue };
        let bytes = node.scalar().map_or(0, |scalar| scalar.text.len());
        if bytes > ARGUMENT_BYTES_MAX {
            let message = format!("a variable has at most {ARGUMENT_BYTES_MAX} bytes");
            ctx.report.error("E0215", node.at, message);
        }
        without_zero(ctx, node, &text);
        let name = &*key.text;
        if text.names().next().is_some() {
            steering::without_params(ctx, name, node);
        }
        env.push((name.to_owned(), text));
    }
    env
}

fn check_variable(ctx: &mut Reading<'_>, key: &Key) {
    let name = &*key.text;
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let sound =
        !name.is_empty() && name.chars().all(inside) && !name.starts_with(|c: char| c.is_ascii_digit());
    if !sound {
        let message = format!("`{name}` is no name of a variable: letters, digits and `_`");
        ctx.report.error("E0211", key.at, message);
    } else if name == RUN {
        ctx.report.error("E0211", key.at, format!("`{RUN}` is there already: the attempt's key"));
    }
}

fn secrets(ctx: &mut Reading<'_>, fields: Fields<'_>, around: Around<'_>, env: &[(String, Text)]) -> Named {
    let Some(node) = fields.get("secrets") else { return Vec::new() };
    let entries = texts::named(ctx, node, "secrets");
    too_many(ctx, entries.get(VARIABLES_MAX).map(|(key, _)| key.at), VARIABLES_MAX, "secrets of a command");
    let mut named = Vec::new();
    for (key, node) in entries.into_iter().take(VARIABLES_MAX) {
        check_variable(ctx, key);
        if env.iter().any(|(name, _)| *name == key.text) {
            let message = format!("`{}` stands in `env` too", key.text);
            ctx.report.error("E0212", key.at, message);
        }
        if node.scalar().is_some() {
            ctx.report.conceal(node.at);
        }
        let Some(fields) = Fields::new(&mut ctx.report, node, "a command's secret", &["file"]) else {
            continue;
        };
        let secret =
            fields.required(&mut ctx.report, "file").and_then(|node| secret(ctx, node, around.folder));
        named.extend(secret.map(|secret| (key.text.clone(), secret)));
    }
    named
}

/// One line without its end, or several with theirs, as keys need them.
fn secret(ctx: &mut Reading<'_>, node: &Node, folder: &Path) -> Option<Secret> {
    let path = reader::text(&mut ctx.report, node, "file")?;
    let file = folder.join(path);
    let text = match ctx.world.read(&file) {
        Ok(text) => text,
        Err(reason) => {
            ctx.report.error("E0411", node.at, format!("{path} can not be read: {reason}"));
            return None;
        }
    };
    let line = text.trim();
    if line.is_empty() || text.len() > SECRET_BYTES_MAX {
        let message = format!("a secret has 1 to {SECRET_BYTES_MAX} bytes: {path} has {}", text.len());
        ctx.report.error("E0509", node.at, message);
        return None;
    }
    Some(Secret::of_file(&text, file))
}

fn user(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<String> {
    safety::empty(ctx, fields, &[("user", "name one, or leave it out where it is the daemon's own")]);
    let name = fields.text(&mut ctx.report, "user")?;
    let first = |c: char| c.is_ascii_lowercase() || c == '_';
    let inside = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if !name.starts_with(first) || !name.chars().all(inside) || name.len() > USER_BYTES_MAX {
        let at = fields.get("user")?.at;
        ctx.report.error("E0211", at, format!("`{name}` is no name of a user"));
    }
    Some(name.to_owned())
}

fn bounds(ctx: &mut Reading<'_>, node: Option<&Node>) -> Bounds {
    let mut bounds = Bounds::default();
    let fields = node.and_then(|node| Fields::new(&mut ctx.report, node, "a command's limits", BOUNDS));
    let Some(fields) = fields else { return bounds };
    if let Some(cpu_s) = seconds(ctx, fields, "cpu", [1, HOUR_S], "1s to 1h") {
        bounds.cpu_s = cpu_s;
    }
    let mut whole = |key, min, max| fields.whole(&mut ctx.report, key, min, max).map(u64::from);
    bounds.memory_mib = whole("memory_mib", 16, 1_048_576).unwrap_or(bounds.memory_mib);
    bounds.open_files = whole("open_files", 16, 65_536).unwrap_or(bounds.open_files);
    bounds.file_mib = whole("file_mib", 1, 1_048_576).unwrap_or(bounds.file_mib);
    bounds
}
