//! Programs among the arguments of another: what `docker exec` and its like start, and containers of a Job. No list names
//! them, so code and parameters do not go together, and no shell there reads the event.

use super::super::Reading;
use super::code::{self, Argument, Script, script_of, without_params};
use super::programs::{IMAGE, Kind, kind, takes_code};
use super::texts::Scope;

/// What carriers start programs by.
const INSIDE: &[&str] = &["exec", "run", "debug"];
/// Options of these that have no value. One that is missing here takes the argument behind it for its value, so the program is
/// looked for further behind, which refuses more.
const FLAGS: &[&str] = &[
    "--interactive",
    "--tty",
    "--stdin",
    "--detach",
    "--privileged",
    "--rm",
    "--init",
    "--quiet",
    "--no-TTY",
    "--read-only",
    "--no-deps",
];
const FLAG_LETTERS: &str = "itdqT";

/// Where a program would stand among arguments.
#[derive(Clone, Copy, Default)]
struct Places {
    program: Option<usize>,
    /// Whose own program is started where nothing else is said.
    image: Option<usize>,
}

pub(super) fn of_a_program(ctx: &mut Reading<'_>, arguments: &[&Argument<'_>], path: &str) {
    if !are_sound(ctx, arguments, Places::default(), true) {
        return;
    }
    if reads_code(arguments) {
        without_params(ctx, arguments, path);
    }
}

pub(super) fn of_a_carrier(ctx: &mut Reading<'_>, arguments: &[&Argument<'_>], path: &str) {
    let Some(word) = starts_inside(arguments) else { return of_a_program(ctx, arguments, path) };
    if is_carried(ctx, arguments, word, path, true) && reads_code(arguments) {
        without_params(ctx, arguments, path);
    }
}

fn starts_inside(arguments: &[&Argument<'_>]) -> Option<usize> {
    arguments.iter().position(|argument| argument.plain().is_some_and(|text| INSIDE.contains(&text)))
}

/// `false` where something about the program inside is refused.
fn is_carried(
    ctx: &mut Reading<'_>,
    arguments: &[&Argument<'_>],
    word: usize,
    path: &str,
    has_input: bool,
) -> bool {
    let places = places(arguments, word);
    let before = places.program.map_or(arguments, |program| &arguments[..=program]);
    if let Some(argument) = before.iter().find(|argument| argument.has_params()) {
        let message = format!("parameters stand behind the program that `{path}` starts inside");
        let hint = "name the container and its program as they are, or a script of your own";
        ctx.report.error_with("E0702", argument.node.at, message, hint);
        return false;
    }
    are_sound(ctx, arguments, places, has_input)
}

/// `exec [options] CONTAINER [options] PROGRAM …`, or what stands behind `--`.
fn places(arguments: &[&Argument<'_>], word: usize) -> Places {
    let is_run = arguments[word].plain() == Some("run");
    if let Some(end) = arguments.iter().position(|one| one.plain() == Some("--")).filter(|end| *end > word) {
        return Places { program: Some(end + 1).filter(|place| *place < arguments.len()), image: None };
    }
    let mut named = Vec::new();
    let mut place = word + 1;
    while place < arguments.len() && named.len() < 2 {
        let head = arguments[place].text.head();
        let letters = head.strip_prefix('-').unwrap_or_default();
        let is_flag = FLAGS.contains(&head) || letters.chars().all(|c| FLAG_LETTERS.contains(c));
        if !head.starts_with('-') {
            named.push(place);
        } else if !is_flag && !head.contains('=') {
            place += 1;
        }
        place += 1;
    }
    Places { program: named.get(1).copied(), image: named.first().copied().filter(|_| is_run) }
}

/// Shells, interpreters and programs that start others, where they stand as programs. `false` where one is refused.
fn are_sound(ctx: &mut Reading<'_>, arguments: &[&Argument<'_>], places: Places, has_input: bool) -> bool {
    let mut is_started = false;
    for (place, argument) in arguments.iter().enumerate() {
        let Some(text) = argument.plain() else { continue };
        let behind = &arguments[place + 1..];
        let is_image = places.image == Some(place);
        let kind = if is_image { kind(of_an_image(text)) } else { argument.kind().unwrap_or(Kind::Other) };
        let is_program = is_started || places.program == Some(place);
        let is_path = text.rsplit_once('/').is_some_and(|(folder, _)| folder.ends_with("bin"));
        let reads_code = match kind {
            Kind::Shell => is_image || is_program || is_path || !text.contains('/'),
            Kind::Interpreter(_) => is_image || is_program || is_path,
            _ => false,
        };
        if reads_code && !runs(ctx, argument, behind, kind, has_input) {
            return false;
        }
        match kind {
            Kind::Orders | Kind::Remote if is_program && has_input => {
                code::refuse(ctx, argument, &argument.called(), kind);
                return false;
            }
            Kind::Orders | Kind::Remote | Kind::Filter | Kind::Find | Kind::Starter | Kind::Sudo
                if is_program && arguments.iter().any(|one| one.has_params()) =>
            {
                without_params(ctx, arguments, text);
                return false;
            }
            Kind::Starter | Kind::Sudo if is_program => is_started = true,
            _ => {}
        }
    }
    true
}

/// `registry.example/tools/kubectl:1.34` is `kubectl`.
fn of_an_image(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split(['@', ':']).next().unwrap_or(name)
}

/// Whether what a shell or an interpreter runs is a file named as it is, or code.
fn runs(
    ctx: &mut Reading<'_>,
    program: &Argument<'_>,
    behind: &[&Argument<'_>],
    kind: Kind,
    has_input: bool,
) -> bool {
    let path = &*program.called();
    match script_of(behind, kind) {
        Script::Input if has_input => code::reads_input(ctx, program, path),
        Script::Param(argument) => code::named_as_it_is(ctx, argument, path),
        _ => return true,
    }
    false
}

/// Whether one of the arguments is a program that reads code, with an option behind it that gives it.
fn reads_code(arguments: &[&Argument<'_>]) -> bool {
    arguments.iter().enumerate().any(|(place, argument)| {
        let kind = argument.kind().unwrap_or(Kind::Other);
        let mut behind = arguments[place + 1..].iter().filter_map(|argument| argument.plain());
        behind.any(|option| takes_code(option, kind))
    })
}

/// A container of a Job, which has no standard input. Without a `command` the image's own may be a shell, or the first of
/// `args` the program.
pub(super) fn of_a_container(
    ctx: &mut Reading<'_>,
    image: &str,
    command: &[Argument<'_>],
    args: &[Argument<'_>],
    scope: &Scope<'_>,
) {
    let all: Vec<&Argument<'_>> = command.iter().chain(args).collect();
    let is_program =
        |argument: &&&Argument<'_>| !command.is_empty() || !argument.text.head().starts_with('-');
    if let Some(program) = all.first().filter(is_program).filter(|argument| argument.has_params()) {
        let (message, hint) = match command.is_empty() {
            true => (
                "without `command` the first of `args` may be the program, which is named as it is",
                "name the program: add `command`, with the path that the image starts",
            ),
            false => ("the program is named as it is: no parameter stands in its path", ""),
        };
        return ctx.report.error_with("E0702", program.node.at, message, hint);
    }
    for place in 0..all.len() {
        code::option(ctx, &all, place, scope);
    }
    let program = Some(0).filter(|_| !command.is_empty());
    let texts = || all.iter().filter_map(|argument| argument.plain());
    let is_code = texts().any(|text| matches!(kind(text), Kind::Filter | Kind::Find | Kind::Remote))
        || reads_code(&all)
        || command.is_empty() && texts().any(|text| takes_code(text, IMAGE));
    let carrier = command.first().map_or(Some(of_an_image(image)), Argument::plain);
    let carrier = carrier.filter(|carrier| kind(carrier) == Kind::Carrier);
    if let Some((carrier, word)) = carrier.zip(starts_inside(&all)) {
        if !is_carried(ctx, &all, word, carrier, false) {
            return;
        }
    } else if !is_code {
        are_sound(ctx, &all, Places { program, image: None }, false);
    }
    if is_code && let Some(argument) = all.iter().find(|argument| argument.has_params()) {
        let message = "this container is given code by its arguments, so no parameter may stand in them";
        ctx.report.error_with("E0702", argument.node.at, message, "hand the parameter over in `env`");
    }
}
