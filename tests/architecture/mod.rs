//! The rules of the house as tests: who may name whom, as `docs/ARCHITECTURE.md` says it, which words the
//! pure folders must not know, and the tidiness of files and documents.

mod checker;
mod limits;
mod logs;
mod source;
mod tidy;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

const MAP: &str = "docs/ARCHITECTURE.md";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pure,
    Text,
    Edge,
    Root,
}

/// A row of the table.
#[derive(Debug)]
struct Row {
    folder: String,
    kind: Kind,
    may_name: BTreeSet<String>,
}

/// Paths that pure code must not name; what begins with one of them is meant too.
const PATHS: &[&str] = &[
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::collections::hash_map",
    "std::collections::hash_set",
    "std::env",
    "std::fs",
    "std::hash::RandomState",
    // Addresses are plain values; sockets and the look-up of names are not.
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::process",
    "std::thread",
];

/// Crates that belong to the edges.
const CRATES: &[&str] = &[
    "axum",
    "dashmap",
    "http_body_util",
    "hyper",
    "hyper_util",
    "mimalloc",
    "rand",
    "rdkafka",
    "reqwest",
    "rusqlite",
    "rustls",
    "tokio",
    "tokio_rustls",
    "tokio_stream",
    "tonic",
    "tower",
    "tracing",
    "tracing_subscriber",
];

/// Words that pure code must not use whatever they are imported from.
const WORDS: &[&str] =
    &["Condvar", "Instant", "Mutex", "RwLock", "SystemTime", "async", "await", "thread_local", "unsafe"];

/// Files that may hold `unsafe` all the same: a measurement asked for it, and its proof and a test stand beside it.
const UNSAFE: &[&str] = &["src/model/text.rs", "src/runner/child.rs"];

/// Macros that print.
const MACROS: &[&str] = &["dbg", "eprint", "eprintln", "print", "println"];

#[test]
fn the_table_and_the_folders_agree() {
    let rows = map();
    let folders = folders();
    let told: BTreeSet<String> = rows.iter().map(|row| row.folder.clone()).collect();
    let missing = told.difference(&folders).map(|f| format!("{MAP}: row `{f}` has no folder in src"));
    let untold = folders.difference(&told).map(|f| format!("src/{f}: has no row in the table of {MAP}"));
    nothing_in(missing.chain(untold).collect());
}

#[test]
fn folders_name_only_what_the_table_allows() {
    let rows = map();
    let sources = sources();
    let mut violations = Vec::new();
    for (file, source) in &sources {
        violations.extend(names(&rows, file, source));
    }
    nothing_in(violations);
}

#[test]
fn pure_folders_know_no_word_of_the_edges() {
    let rows = map();
    let sources = sources();
    let test_modules: Vec<_> = sources.iter().flat_map(|(_, source)| source.test_modules()).collect();
    let mut violations = Vec::new();
    for (file, source) in &sources {
        if !test_modules.iter().any(|module| source.module().starts_with(module)) {
            violations.extend(words(&rows, file, source));
        }
    }
    nothing_in(violations);
}

/// Guarantees: the lists of clippy.toml, which see through types as this text reader cannot, are on.
#[test]
fn lints_are_on_for_pure_folders() {
    let lib = read("src/lib.rs");
    let lines: Vec<&str> = lib.lines().map(str::trim).collect();
    let folders = folders();
    let mut violations = Vec::new();
    for row in map().iter().filter(|row| is_pure(row) && folders.contains(&row.folder)) {
        let declared = format!("pub mod {};", row.folder);
        let at = lines.iter().position(|line| *line == declared);
        let above = at.and_then(|at| at.checked_sub(1)).map_or("", |above| lines[above]);
        let on = ["deny(", "clippy::disallowed_methods", "clippy::disallowed_types"];
        if !on.iter().all(|part| above.contains(part)) {
            violations.push(format!("src/lib.rs: no deny(…disallowed…) right above `{declared}`"));
        }
    }
    nothing_in(violations);
}

fn is_pure(row: &Row) -> bool {
    matches!(row.kind, Kind::Pure | Kind::Text)
}

/// What a file names of other folders without leave.
fn names(rows: &[Row], file: &str, source: &Source) -> Vec<String> {
    let Some(row) = row_of(rows, file) else { return Vec::new() };
    let mut violations = BTreeSet::new();
    for path in source.paths() {
        let [root, named, ..] = path.segments.as_slice() else { continue };
        if root != "crate" || *named == row.folder || row.may_name.contains(named) {
            continue;
        }
        let rule = if rows.iter().any(|other| other.folder == *named) {
            format!("`{}` may not name `{named}`", row.folder)
        } else if named == "*" {
            "`crate::*` hides what is named".to_owned()
        } else {
            format!("`crate::{named}` is no folder of the table")
        };
        violations.insert((path.line, rule));
    }
    told(file, violations)
}

/// What a pure file says that belongs to the edges, tests left out.
fn words(rows: &[Row], file: &str, source: &Source) -> Vec<String> {
    let pure = row_of(rows, file).is_some_and(is_pure);
    if !pure || file.ends_with("/tests.rs") || file.contains("/tests/") {
        return Vec::new();
    }
    let mut violations = BTreeSet::new();
    for path in source.paths().iter().filter(|path| !path.in_test) {
        let is_crate =
            CRATES.contains(&path.segments[0].as_str()) && (path.imported || path.segments.len() > 1);
        if is_crate {
            violations.insert((path.line, format!("a pure folder may not use `{}`", path.segments[0])));
        }
        if let Some(forbidden) = PATHS.iter().find(|forbidden| reaches(&path.segments, forbidden)) {
            violations.insert((path.line, format!("a pure folder may not use `{forbidden}`")));
        }
    }
    for (at, token) in source.tokens.iter().enumerate().filter(|(at, _)| !source.in_test[*at]) {
        let called = source.tokens.get(at + 1).is_some_and(|next| next.text == "!");
        let word = token.text.as_str();
        let is_proven = word == "unsafe" && UNSAFE.contains(&file);
        if WORDS.contains(&word) && !is_proven || called && MACROS.contains(&word) {
            violations.insert((token.line, format!("a pure folder may not use `{word}`")));
        }
    }
    told(file, violations)
}

/// A path reaches a forbidden one by naming it or something in it, or by a glob above it.
fn reaches(segments: &[String], forbidden: &str) -> bool {
    let forbidden: Vec<&str> = forbidden.split("::").collect();
    let same =
        |segment: &str, part: &str| segment == part || part == "std" && ["core", "alloc"].contains(&segment);
    let common = segments.iter().zip(&forbidden).take_while(|(segment, part)| same(segment, part)).count();
    common == forbidden.len() || common > 0 && segments[common..] == ["*"]
}

fn told(file: &str, violations: BTreeSet<(usize, String)>) -> Vec<String> {
    violations.into_iter().map(|(line, rule)| format!("{file}:{line}: {rule}")).collect()
}

fn row_of<'a>(rows: &'a [Row], file: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.folder == folder_of(file))
}

fn folder_of(file: &str) -> &str {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

/// The table of a text. A row may name only rows above it, so there is no cycle.
fn table(text: &str) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    let body = text.lines().skip_while(|line| !line.starts_with("| folder | kind | may name |")).skip(2);
    for line in body.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [folder, kind, may_name, what] = cells[..] else {
            return Err(format!("four cells expected: {line}"));
        };
        let folder = folder.trim_matches('`').to_owned();
        let kind = match kind {
            "PURE" => Kind::Pure,
            "TEXT" => Kind::Text,
            "EDGE" => Kind::Edge,
            "ROOT" => Kind::Root,
            _ => return Err(format!("`{folder}`: `{kind}` is no kind")),
        };
        let above: BTreeSet<String> = rows.iter().map(|row| row.folder.clone()).collect();
        let may_name = match may_name {
            "every folder above" => above.clone(),
            listed => listed.split_whitespace().map(|name| name.trim_matches('`').to_owned()).collect(),
        };
        if let Some(below) = may_name.difference(&above).next() {
            return Err(format!("`{folder}` may name only rows above it, not `{below}`"));
        }
        if above.contains(&folder) || what.is_empty() {
            return Err(format!("`{folder}` is told twice, or not at all"));
        }
        if kind == Kind::Pure && folder != "engine" && may_name.iter().any(|name| name != "model") {
            return Err(format!("`{folder}` is a pure step and may name `model` alone"));
        }
        rows.push(Row { folder, kind, may_name });
    }
    if rows.is_empty() { Err("no table".to_owned()) } else { Ok(rows) }
}

fn map() -> Vec<Row> {
    table(&read(MAP)).unwrap_or_else(|error| panic!("{MAP}: {error}"))
}

/// The folders of `src`, and its files but `lib.rs`, which is the table of contents.
fn folders() -> BTreeSet<String> {
    let names = files("src", "rs").into_iter().filter(|file| file != "src/lib.rs");
    names.map(|file| folder_of(&file).to_owned()).collect()
}

fn sources() -> Vec<(String, Source)> {
    let read_one = |file: String| {
        let source = Source::new(&file, &read(&file));
        (file, source)
    };
    files("src", "rs").into_iter().map(read_one).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Files below a folder by extension, sorted, as paths from the root of the repository.
fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(folder)];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(root().join(&folder)) else { continue };
        for entry in entries.map(|entry| entry.expect("an entry of a folder")) {
            let path = folder.join(entry.file_name());
            if root().join(&path).is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path.to_str().expect("names are UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

#[track_caller]
fn nothing_in(violations: Vec<String>) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}
