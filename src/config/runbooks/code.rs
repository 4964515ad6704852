//! Programs that read code, or start other programs, out of their arguments. What is refused here could let a value become
//! code, an option or another program; that the rest can not is for the program itself to hold.

use super::super::Reading;
use super::super::node::Node;
use super::allowed::Allowed;
use super::texts::Scope;
use crate::runbook::{Piece, Text};

/// One argument, and where it is written.
pub(super) struct Argument<'n> {
    pub text: Text,
    pub node: &'n Node,
}

impl Argument<'_> {
    /// `None` where parameters stand in it.
    fn plain(&self) -> Option<&str> {
        match &self.text.0[..] {
            [] => Some(""),
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    fn has_params(&self) -> bool {
        self.text.names().next().is_some()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shell,
    /// The letters of its options that take code.
    Interpreter(&'static str),
    /// Its first argument is code.
    Filter,
    /// Starts what its arguments name.
    Starter,
    Remote,
    Sudo,
    Find,
    Other,
}

/// An image's own program: a shell or an interpreter, for all we know.
const IMAGE: Kind = Kind::Interpreter("cCeE");
const SHELLS: &[&str] =
    &["sh", "bash", "rbash", "dash", "zsh", "ksh", "mksh", "fish", "ash", "csh", "tcsh", "pwsh"];
const INTERPRETERS: &[(&str, &str)] = &[
    ("python", "cm"),
    ("pypy", "cm"),
    ("perl", "eE"),
    ("ruby", "e"),
    ("node", "ep"),
    ("nodejs", "ep"),
    ("deno", "ep"),
    ("bun", "ep"),
    ("php", "rBRE"),
    ("lua", "e"),
    ("luajit", "e"),
    ("Rscript", "e"),
    ("tclsh", "c"),
    ("groovy", "e"),
];
const FILTERS: &[&str] = &["awk", "gawk", "mawk", "nawk", "sed"];
const STARTERS: &[&str] = &[
    "env",
    "xargs",
    "su",
    "doas",
    "runuser",
    "pkexec",
    "busybox",
    "toybox",
    "nice",
    "ionice",
    "nohup",
    "timeout",
    "time",
    "setsid",
    "stdbuf",
    "chroot",
    "nsenter",
    "unshare",
    "setpriv",
    "capsh",
    "systemd-run",
    "start-stop-daemon",
    "parallel",
    "watch",
    "flock",
    "script",
    "strace",
    "gdb",
];
/// A shell far away reads their arguments.
const REMOTE: &[&str] = &["ssh", "rsh", "slogin"];
const CODE_OPTIONS: &[&str] = &[
    "--command",
    "--init-command",
    "--eval",
    "--print",
    "--execute",
    "--expression",
    "--run",
    "--rcfile",
    "--init-file",
];
const FIND_STARTS: &[&str] = &["-exec", "-execdir", "-ok", "-okdir"];

/// `/usr/bin/python3.11` is `python`.
fn kind(path: &str) -> Kind {
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let is = |list: &[&str]| list.contains(&file) || list.contains(&name);
    let interpreter = INTERPRETERS.iter().find(|(one, _)| *one == name);
    match (interpreter, name) {
        (Some((_, letters)), _) => Kind::Interpreter(letters),
        (None, "sudo") => Kind::Sudo,
        (None, "find") => Kind::Find,
        _ if is(SHELLS) => Kind::Shell,
        _ if is(FILTERS) => Kind::Filter,
        _ if is(STARTERS) => Kind::Starter,
        _ if is(REMOTE) => Kind::Remote,
        _ => Kind::Other,
    }
}

/// Whether an option of the program takes code.
fn takes_code(option: &str, kind: Kind) -> bool {
    let letters = match kind {
        Kind::Shell => "cC",
        Kind::Starter => "c",
        Kind::Interpreter(letters) => letters,
        _ => return false,
    };
    match option.starts_with("--") {
        true => CODE_OPTIONS.contains(&option.split('=').next().unwrap_or(option)),
        false => option.starts_with('-') && option.contains(|c| letters.contains(c)),
    }
}

/// All that is wrong with the arguments of a command.
pub(super) fn check(ctx: &mut Reading<'_>, argv: &[Argument<'_>], allowed: &Allowed, scope: &Scope<'_>) {
    program(ctx, argv, allowed);
    for argument in argv.iter().skip(1) {
        option(ctx, argument, scope);
    }
}

/// A value is never where it could be read as an option.
fn option(ctx: &mut Reading<'_>, argument: &Argument<'_>, scope: &Scope<'_>) {
    let at = argument.node.at;
    match argument.text.0.first() {
        Some(Piece::Param(name)) if scope.negative.contains(&&**name) => {
            let message = format!("`{name}` may be below zero, and would be taken for an option here");
            ctx.report.error_with("E0702", at, message, "write --NAME={{ … }}, or a `min` of 0");
        }
        Some(Piece::Plain(head)) if head.starts_with('-') && !head.contains('=') && argument.has_params() => {
            let message = "an argument that begins with `-` may have parameters after a `=` alone";
            let hint = "write --NAME={{ … }}, or the value as an argument of its own";
            ctx.report.error_with("E0702", at, message, hint);
        }
        _ => {}
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
    let kind = kind(path);
    match kind {
        Kind::Other if reads_code(&rest.iter().collect::<Vec<_>>()) => without_params(ctx, rest, path),
        Kind::Other => {}
        Kind::Starter => {
            let message = format!("`{path}` starts what its arguments say, past the list of programs");
            let hint = "name that program itself, or a script of your own; `env`, `user`, `folder` and `timeout` are fields";
            ctx.report.error_with("E0702", program.node.at, message, hint);
        }
        Kind::Remote => {
            let message = format!("a shell on the other side would read the arguments of `{path}`");
            let hint = "name a script of your own, which reads parameters from its standard input";
            ctx.report.error_with("E0702", program.node.at, message, hint);
        }
        Kind::Sudo => sudo(ctx, program, rest, allowed),
        Kind::Find => {
            let starts =
                |argument: &&Argument<'_>| argument.plain().is_some_and(|text| FIND_STARTS.contains(&text));
            if let Some(argument) = rest.iter().find(starts) {
                let message = "`find` would start what stands here, past the list of programs";
                ctx.report.error("E0702", argument.node.at, message);
            }
        }
        Kind::Filter => without_params(ctx, rest, path),
        Kind::Shell | Kind::Interpreter(_) => script(ctx, program, rest, kind, allowed),
    }
}

/// `sudo [-n] PROGRAM …`, the program by the same rules.
fn sudo(ctx: &mut Reading<'_>, sudo: &Argument<'_>, rest: &[Argument<'_>], allowed: &Allowed) {
    let rest = match rest.first().and_then(Argument::plain) {
        Some("-n" | "--non-interactive") => &rest[1..],
        _ => rest,
    };
    let hint = "sudo [-n] PROGRAM …; who it runs as is for sudoers or `user` to say";
    match rest.first() {
        None => ctx.report.error_with("E0702", sudo.node.at, "`sudo` starts nothing here", hint),
        Some(first) if first.plain().is_some_and(|text| text.starts_with('-')) => {
            ctx.report.error_with("E0702", first.node.at, "of `sudo`'s options `-n` alone is taken", hint);
        }
        Some(_) => program(ctx, rest, allowed),
    }
}

/// A shell or an interpreter runs a script of the list, whose arguments are data. Without one it would read its standard
/// input as code, where the event is.
fn script(
    ctx: &mut Reading<'_>,
    program: &Argument<'_>,
    rest: &[Argument<'_>],
    kind: Kind,
    allowed: &Allowed,
) {
    let path = program.plain().unwrap_or_default();
    for argument in rest {
        let Some(text) = argument.plain() else {
            let message = format!("what `{path}` runs is named as it is: no parameter stands in it");
            return ctx.report.error("E0702", argument.node.at, message);
        };
        match text {
            "--" => {}
            "-" => break,
            _ if takes_code(text, kind) && kind == Kind::Shell => {
                let message = format!("`{path}` would read what follows `{text}` as code");
                let hint = "put it into a script of your own, which takes parameters as its arguments";
                return ctx.report.error_with("E0702", argument.node.at, message, hint);
            }
            _ if takes_code(text, kind) => return without_params(ctx, rest, path),
            _ if kind == Kind::Shell
                && !text.starts_with("--")
                && text.starts_with('-')
                && text.contains('s') =>
            {
                break;
            }
            _ if text.starts_with('-') => {}
            script => {
                if let Err((message, hint)) = allowed.check(script) {
                    ctx.report.error_with("E0701", argument.node.at, message, hint);
                }
                return;
            }
        }
    }
    let message = format!("`{path}` without a script reads its standard input as code, where the event is");
    ctx.report.error_with("E0702", program.node.at, message, "name a script of your own");
}

/// Whether one of the arguments is a program that reads code, with an option behind it that gives it.
fn reads_code(arguments: &[&Argument<'_>]) -> bool {
    arguments.iter().enumerate().any(|(place, argument)| {
        let kind = argument.plain().map_or(Kind::Other, kind);
        let mut behind = arguments[place + 1..].iter().filter_map(|argument| argument.plain());
        behind.any(|option| takes_code(option, kind))
    })
}

/// Where arguments are code, all of them are as they are.
fn without_params(ctx: &mut Reading<'_>, arguments: &[Argument<'_>], path: &str) {
    if let Some(argument) = arguments.iter().find(|argument| argument.has_params()) {
        let message = format!("`{path}` is given code by its arguments, so no parameter may stand in them");
        let hint = "put the code into a script of your own, which takes parameters as its arguments";
        ctx.report.error_with("E0702", argument.node.at, message, hint);
    }
}

/// The same of a container, whose programs no list names: code and parameters do not go together. Without a `command` the
/// image's own may be a shell.
pub(super) fn in_container(
    ctx: &mut Reading<'_>,
    command: &[Argument<'_>],
    args: &[Argument<'_>],
    scope: &Scope<'_>,
) {
    let all: Vec<&Argument<'_>> = command.iter().chain(args).collect();
    for (place, argument) in all.iter().enumerate() {
        if place == 0 && !command.is_empty() && argument.has_params() {
            let message = "the program is named as it is: no parameter stands in its path";
            return ctx.report.error("E0702", argument.node.at, message);
        }
        option(ctx, argument, scope);
    }
    let texts = || all.iter().filter_map(|argument| argument.plain());
    let is_code = texts().any(|text| matches!(kind(text), Kind::Filter | Kind::Find | Kind::Remote))
        || reads_code(&all)
        || command.is_empty() && texts().any(|text| takes_code(text, IMAGE));
    if is_code && let Some(argument) = all.iter().find(|argument| argument.has_params()) {
        let message = "this container is given code by its arguments, so no parameter may stand in them";
        let hint = "hand the parameter over in `env`";
        ctx.report.error_with("E0702", argument.node.at, message, hint);
    }
}
