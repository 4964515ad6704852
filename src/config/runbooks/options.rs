//! Options and verbs of single programs that take a command or code, though their names do not say so.

use super::code::Argument;
use super::programs;

/// Options whose value is a command, or names what is loaded. One letter may be the last of several.
const OPTIONS: &[(&str, &[&str])] = &[
    ("tar", &["-I", "-F"]),
    ("gtar", &["-I", "-F"]),
    ("bsdtar", &["-I"]),
    ("man", &["-P", "-H", "--html"]),
    ("tcpdump", &["-z"]),
    ("zip", &["-TT"]),
    ("git", &["-c", "--config", "--config-env", "--exec-path", "--template"]),
    ("apt", &["-o", "-c", "--option", "--config-file"]),
    ("apt-get", &["-o", "-c", "--option", "--config-file"]),
    ("apt-cache", &["-o", "-c", "--option", "--config-file"]),
    ("aptitude", &["-o"]),
    ("dpkg", &["--pre-invoke", "--post-invoke", "--status-logger"]),
    ("rpm", &["-D", "-E", "--define", "--pipe", "--macros", "--load"]),
    ("openssl", &["-engine", "-provider", "-provider-path", "-config"]),
    ("nmap", &["--script-args-file", "--datadir"]),
    ("wget", &["-e", "--config"]),
    ("curl", &["-K", "--config"]),
    ("nc", &["-e", "-c"]),
    ("ncat", &["-e", "-c"]),
    ("netcat", &["-e", "-c"]),
    ("psql", &["-c", "-f"]),
    ("mysql", &["-e"]),
    ("mariadb", &["-e"]),
    ("split", &["--filter"]),
    ("pg_ctl", &["-o", "--options"]),
    ("restic", &["-o", "--option"]),
    ("helm", &["--post-renderer"]),
];
/// Verbs behind which everything may be a command.
const VERBS: &[(&str, &[&str])] = &[
    ("rabbitmqctl", &["eval"]),
    ("redis-cli", &["eval", "EVAL", "evalsha", "EVALSHA"]),
    ("git", &["config", "rebase", "foreach", "bisect", "filter-branch", "difftool", "mergetool"]),
    ("systemctl", &["set-environment", "import-environment"]),
];
/// Verbs that start an editor, which reads the standard input.
const EDITS: &[(&str, &str)] = &[("systemctl", "edit"), ("kubectl", "edit"), ("oc", "edit")];
/// Git's name for a command in place of an address.
const EXTERNAL: &str = "ext::";

/// The verb by which the arguments have an editor started.
pub(super) fn edits(path: &str, arguments: &[&Argument<'_>]) -> Option<&'static str> {
    let first = arguments.iter().find_map(|one| one.plain().filter(|text| !text.starts_with('-')));
    let found = EDITS.iter().find(|(program, verb)| *program == file_of(path) && first == Some(verb));
    found.map(|(_, verb)| *verb)
}

/// What takes the argument for a command: an option, the setting behind one (`-c core.pager=…`), or a verb.
pub(super) fn command_of<'a>(arguments: &[&'a Argument<'_>], place: usize) -> Option<&'a str> {
    let (argument, earlier) = (arguments[place], &arguments[..place]);
    let option =
        earlier.last().and_then(|one| one.plain()).filter(|one| is_option(one) && !one.contains('='));
    let head = argument.text.head();
    let set = head.split_once('=').map(|(name, _)| name);
    let set = set.filter(|name| name.starts_with("--") || option.is_some());
    let long = option.filter(|option| option.len() > "-x".len() && !is_option(head));
    let named = [set, long].into_iter().flatten().find(|name| programs::is_for_a_command(name));
    named
        .or_else(|| of_the_program(earlier, option, set))
        .or_else(|| head.contains(EXTERNAL).then_some(EXTERNAL))
}

/// By the nearest program before it that is known here.
fn of_the_program<'a>(
    earlier: &[&'a Argument<'_>],
    option: Option<&'a str>,
    set: Option<&'a str>,
) -> Option<&'a str> {
    let (place, [options, verbs]) = earlier.iter().enumerate().rev().find_map(|(place, one)| {
        let words = [OPTIONS, VERBS].map(|table| words_of(one.plain()?, table));
        words.iter().any(Option::is_some).then_some((place, words.map(Option::unwrap_or_default)))
    })?;
    let mut behind = earlier[place + 1..].iter().filter_map(|one| one.plain());
    let bundle = behind.clone().next().filter(|first| is_a_bundle(first, options));
    let is_it = |given: &&str| options.iter().any(|one| one == given || is_last_of(given, one));
    [option, set]
        .into_iter()
        .flatten()
        .find(is_it)
        .or(bundle)
        .or_else(|| behind.find(|text| verbs.contains(text)))
}

fn words_of(path: &str, table: &[(&str, &'static [&'static str])]) -> Option<&'static [&'static str]> {
    table.iter().find(|(program, _)| *program == file_of(path)).map(|(_, words)| *words)
}

/// `-xI` ends with `-I`.
fn is_last_of(given: &str, option: &str) -> bool {
    let is_letter = option.len() == "-x".len();
    is_letter && is_option(given) && !given.starts_with("--") && given.ends_with(&option[1..])
}

/// Letters without a dash, whose values stand behind them: `tar cIf`.
fn is_a_bundle(first: &str, options: &[&str]) -> bool {
    let has = |letter: char| {
        options.iter().any(|one| one.strip_prefix('-') == Some(letter.encode_utf8(&mut [0; 4])))
    };
    options.contains(&"-F") && first.chars().all(|one| one.is_ascii_alphabetic()) && first.chars().any(has)
}

fn is_option(text: &str) -> bool {
    text.starts_with('-')
}

fn file_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
