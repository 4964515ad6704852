//! Programs that read code, or start other programs, out of their arguments or their standard input, where the event is.
//! What is refused here could let a value become code, an option or another program; that the rest can not is for the program
//! itself to hold.

use std::borrow::Cow;

use super::super::Reading;
use super::super::node::Node;
use super::allowed::Allowed;
use super::options;
use super::programs::{self, Kind, is_input, kind, takes_code, takes_input, takes_value};
use super::texts::Scope;
use super::within;
use crate::runbook::{Piece, Text};

/// One argument, and where it is written.
pub(super) struct Argument<'n> {
    pub text: Text,
    pub node: &'n Node,
    /// Where its path leads on this machine, if elsewhere.
    pub target: Option<String>,
}

impl Argument<'_> {
    /// `None` where parameters stand in it.
    pub fn plain(&self) -> Option<&str> {
        match &self.text.0[..] {
            [] => Some(""),
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// As a program; `None` where parameters stand in it.
    pub fn kind(&self) -> Option<Kind> {
        let named = kind(self.plain()?);
        let behind = || self.target.as_deref().map(programs::kind_behind);
        Some(if named == Kind::Other { behind().unwrap_or(named) } else { named })
    }

    /// With what it leads to, where that is what counts.
    pub fn called(&self) -> Cow<'_, str> {
        let path = self.plain().unwrap_or_default();
        match &self.target {
            Some(target) if self.kind().is_some_and(|found| found != kind(path)) => {
                Cow::Owned(format!("{path} -> {target}"))
            }
            _ => Cow::Borrowed(path),
        }
    }

    pub fn has_params(&self) -> bool {
        self.text.names().next().is_some()
    }
}

const FIND_STARTS: &[&str] = &["-exec", "-execdir", "-ok", "-okdir"];
const LONG_OPTION: &str =
    "write --NAME={{ … }} if the program has such an option for data; else put it into a script of your own";
const OWN_SCRIPT: &str = "put it into a script of your own, which takes parameters as its arguments";

/// All that is wrong with the arguments of a command.
pub(super) fn check(ctx: &mut Reading<'_>, argv: &[Argument<'_>], allowed: &Allowed, scope: &Scope<'_>) {
    program(ctx, argv, allowed);
    let all: Vec<&Argument<'_>> = argv.iter().collect();
    for place in 1..all.len() {
        option(ctx, &all, place, scope);
    }
}

/// A value is never where it could be read as an option, or as the command that an option takes.
pub(super) fn option(ctx: &mut Reading<'_>, arguments: &[&Argument<'_>], place: usize, scope: &Scope<'_>) {
    let argument = arguments[place];
    let at = argument.node.at;
    match argument.text.0.first() {
        Some(Piece::Param(name)) if scope.negative.contains(&&**name) => {
            let message = format!("`{name}` may be below zero, and would be taken for an option here");
            return ctx.report.error_with("E0702", at, message, "write --NAME={{ … }}, or a `min` of 0");
        }
        Some(Piece::Plain(head)) if head.starts_with('-') && argument.has_params() => {
            if !head.contains('=') {
                let message = "an argument that begins with `-` may have parameters after a `=` alone";
                return ctx.report.error_with("E0702", at, message, LONG_OPTION);
            }
            if !head.starts_with("--") {
                let message =
                    "an option of one dash has no parameters: what stands behind its letter may be a command";
                return ctx.report.error_with("E0702", at, message, LONG_OPTION);
            }
        }
        _ => {}
    }
    if argument.has_params()
        && let Some(name) = options::command_of(arguments, place)
    {
        let message = format!("`{name}` takes a command: no parameter may stand in it");
        ctx.report.error_with("E0702", at, message, OWN_SCRIPT);
    }
}

fn program(ctx: &mut Reading<'_>, argv: &[Argument<'_>], allowed: &Allowed) {
    let [program, rest @ ..] = argv else { return };
    let Some(path) = program.plain() else {
        let message = "the program is named as it is: no parameter stands in its path";
        return ctx.report.error("E0702", program.node.at, message);
    };
    if let Err((message, hint)) = allowed.check(path) {
        return ctx.report.error_with("E0701", program.node.at, message, hint);
    }
    let kind = program.kind().unwrap_or(Kind::Other);
    let path = &*program.called();
    let rest: Vec<&Argument<'_>> = rest.iter().collect();
    if let Some(verb) = options::edits(path, &rest) {
        return refuse(ctx, program, &format!("{path} {verb}"), Kind::Orders);
    }
    match kind {
        Kind::Other => within::of_a_program(ctx, &rest, path),
        Kind::Carrier => within::of_a_carrier(ctx, &rest, path),
        Kind::Filter if filters_by_input(&rest) => reads_input(ctx, program, path),
        Kind::Filter => without_params(ctx, &rest, path),
        Kind::Shell | Kind::Interpreter(_) => script(ctx, program, &rest, kind, allowed),
        Kind::Find => {
            let starts =
                |argument: &&&Argument<'_>| argument.plain().is_some_and(|text| FIND_STARTS.contains(&text));
            if let Some(argument) = rest.iter().find(starts) {
                let message = "`find` would start what stands here, past the list of programs";
                ctx.report.error("E0702", argument.node.at, message);
            }
        }
        Kind::Starter | Kind::Orders | Kind::Remote | Kind::Sudo => refuse(ctx, program, path, kind),
    }
}

/// `sed -f -`
fn filters_by_input(arguments: &[&Argument<'_>]) -> bool {
    let texts = || arguments.iter().map(|argument| argument.plain().unwrap_or_default());
    let is_for_a_file =
        |option: &str| option.starts_with('-') && (option.ends_with('f') || option == "--file");
    let joined = |text: &str| text.strip_prefix("-f").or(text.strip_prefix("--file=")).is_some_and(is_input);
    texts().any(joined)
        || texts().zip(texts().skip(1)).any(|(option, file)| is_for_a_file(option) && is_input(file))
}

/// Programs that no arguments make safe.
pub(super) fn refuse(ctx: &mut Reading<'_>, program: &Argument<'_>, path: &str, kind: Kind) {
    let (message, hint) = match kind {
        Kind::Orders => (
            format!("`{path}` starts what its standard input says, where the event is"),
            "name that program itself, or a script of your own",
        ),
        Kind::Remote => (
            format!("`{path}` hands its arguments to a shell, here or on the other side"),
            "name a script of your own, which reads parameters from its standard input",
        ),
        Kind::Sudo => (
            format!("`{path}` can not work: what Evenkeel starts gets no new privileges"),
            "a rule of polkit lets the daemon's user act; `user` is for a daemon that runs as root",
        ),
        _ => (
            format!("`{path}` starts what its arguments say, past the list of programs"),
            "name that program itself, or a script of your own; `env`, `user`, `folder` and `timeout` are fields",
        ),
    };
    ctx.report.error_with("E0702", program.node.at, message, hint);
}

/// What a shell or an interpreter runs, by the arguments behind it.
pub(super) enum Script<'a, 'n> {
    /// Its standard input.
    Input,
    /// What this option says.
    Code(&'a Argument<'n>),
    /// A file named as it is.
    File(&'a Argument<'n>),
    /// What a value says.
    Param(&'a Argument<'n>),
}

pub(super) fn script_of<'a, 'n>(arguments: &[&'a Argument<'n>], kind: Kind) -> Script<'a, 'n> {
    let is_shell = kind == Kind::Shell;
    let mut arguments = arguments.iter().copied().peekable();
    while let Some(argument) = arguments.next() {
        let Some(text) = argument.plain() else { return Script::Param(argument) };
        let is_option = text.starts_with('-') || is_shell && text.starts_with('+');
        if takes_input(text, kind) {
            return Script::Input;
        } else if takes_code(text, kind) {
            let is_dash = arguments.peek().is_some_and(|next| next.plain() == Some("-"));
            return if is_dash { Script::Input } else { Script::Code(argument) };
        } else if is_option && takes_value(text, kind) {
            if let Some(value) = arguments.next().filter(|value| value.has_params()) {
                return Script::Param(value);
            }
        } else if !is_option {
            return if is_input(text) { Script::Input } else { Script::File(argument) };
        }
    }
    Script::Input
}

/// A shell or an interpreter runs a script of the list, whose arguments are data.
fn script(
    ctx: &mut Reading<'_>,
    program: &Argument<'_>,
    rest: &[&Argument<'_>],
    kind: Kind,
    allowed: &Allowed,
) {
    let path = &*program.called();
    match script_of(rest, kind) {
        Script::Param(argument) => named_as_it_is(ctx, argument, path),
        Script::Code(argument) if kind == Kind::Shell => {
            let option = argument.plain().unwrap_or_default();
            let message = format!("`{path}` would read what follows `{option}` as code");
            ctx.report.error_with("E0702", argument.node.at, message, OWN_SCRIPT);
        }
        Script::Code(_) => without_params(ctx, rest, path),
        Script::File(argument) => {
            let text = argument.plain().unwrap_or_default();
            let is_a_name = programs::takes_a_name(kind) && !text.contains('/');
            if !is_a_name && let Err((message, hint)) = allowed.check(text) {
                ctx.report.error_with("E0701", argument.node.at, message, hint);
            }
        }
        Script::Input => reads_input(ctx, program, path),
    }
}

pub(super) fn named_as_it_is(ctx: &mut Reading<'_>, argument: &Argument<'_>, path: &str) {
    let message = format!("what `{path}` runs is named as it is: no parameter stands in it");
    ctx.report.error("E0702", argument.node.at, message);
}

pub(super) fn reads_input(ctx: &mut Reading<'_>, program: &Argument<'_>, path: &str) {
    let message = format!("`{path}` without a script reads its standard input as code, where the event is");
    ctx.report.error_with("E0702", program.node.at, message, "name a script of your own");
}

/// Where arguments are code, all of them are as they are.
pub(super) fn without_params(ctx: &mut Reading<'_>, arguments: &[&Argument<'_>], path: &str) {
    if let Some(argument) = arguments.iter().find(|argument| argument.has_params()) {
        let message = format!("`{path}` is given code by its arguments, so no parameter may stand in them");
        let hint = "put the code into a script of your own, which takes parameters as its arguments";
        ctx.report.error_with("E0702", argument.node.at, message, hint);
    }
}
