//! Tidiness of files and documents. Each finding says where and what to do.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;
use super::{files, nothing_in, read, root};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Functions that are longer, with their length: a ratchet. A length here may only become smaller,
/// and a line goes when its function fits.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

#[test]
fn files_begin_with_what_they_are() {
    let undocumented = code().into_iter().filter(|(_, text)| !text.starts_with("//! "));
    nothing_in(
        undocumented.map(|(file, _)| format!("{file}:1: begin with `//! ` and what the file is")).collect(),
    );
}

#[test]
fn files_stay_readable() {
    let long = code().into_iter().map(|(file, text)| (file, text.lines().count()));
    let long = long.filter(|(_, lines)| *lines > FILE_LINES_MAX);
    nothing_in(
        long.map(|(file, lines)| format!("{file}: {lines} lines, at most {FILE_LINES_MAX}")).collect(),
    );
}

#[test]
fn functions_stay_readable() {
    let mut found = BTreeMap::new();
    for (file, text) in code() {
        for (name, first, last) in Source::new(&file, &text).functions() {
            let lines = last - first + 1;
            if lines > FUNCTION_LINES_MAX {
                found.insert((file.clone(), name), (first, lines));
            }
        }
    }
    let mut violations = Vec::new();
    for ((file, name), (first, lines)) in &found {
        let known = LONG_FUNCTIONS.iter().find(|(f, n, _)| f == file && n == name);
        let max = known.map_or(FUNCTION_LINES_MAX, |(_, _, max)| *max);
        if *lines > max {
            violations.push(format!("{file}:{first}: `{name}` has {lines} lines, at most {max}"));
        }
    }
    for (file, name, max) in LONG_FUNCTIONS {
        let lines = found.get(&((*file).to_owned(), (*name).to_owned())).map_or(0, |(_, lines)| *lines);
        if lines < *max {
            violations.push(format!("{file}: `{name}` is shorter than {max} lines now: turn the ratchet"));
        }
    }
    nothing_in(violations);
}

#[test]
fn nothing_is_left_for_later_in_the_code() {
    // Written in halves, or this file would be the first finding.
    let words: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let macros: [&str; 3] = [concat!("to", "do!"), concat!("unimple", "mented!"), concat!("d", "bg!")];
    let mut violations = Vec::new();
    for (file, text) in code() {
        for (index, line) in text.lines().enumerate() {
            let mut parts = line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '!');
            if let Some(word) = parts.find(|part| words.contains(part) || macros.contains(part)) {
                violations.push(format!("{file}:{}: `{word}`", index + 1));
            }
        }
    }
    nothing_in(violations);
}

#[test]
fn links_of_documents_lead_somewhere() {
    let mut violations = Vec::new();
    for file in documents() {
        let folder = root().join(&file);
        let folder = folder.parent().expect("a file stands in a folder");
        for (line, target) in links(&read(&file)) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !target.contains("://") && !folder.join(path).exists() {
                violations.push(format!("{file}:{line}: `{target}` is not there"));
            }
        }
    }
    nothing_in(violations);
}

#[test]
fn links_are_found_outside_of_code() {
    let text = "See [a](b.md) and [c](d.md#e \"f\"), `[x](y)`.\n```\n[g](h)\n```\n[i]: j.md\n![k](l.png)";
    let found = [(1, "b.md"), (1, "d.md#e"), (5, "j.md"), (6, "l.png")];
    assert_eq!(links(text), found.map(|(line, target)| (line, target.to_owned())));
}

#[test]
fn a_word_has_one_meaning() {
    let mut terms = BTreeSet::new();
    let mut violations = Vec::new();
    let glossary = read("docs/glossary.md");
    let rows = glossary.lines().enumerate().filter(|(_, line)| line.starts_with("| ")).skip(1);
    for (index, line) in rows {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        for term in cells[0].split(", ") {
            if !terms.insert(term.to_lowercase()) {
                violations.push(format!("docs/glossary.md:{}: `{term}` is told twice", index + 1));
            }
        }
        if cells.len() != 3 || cells[1].is_empty() {
            violations.push(format!("docs/glossary.md:{}: term, meaning, not called", index + 1));
        }
    }
    assert!(!terms.is_empty(), "the glossary is empty");
    nothing_in(violations);
}

#[test]
fn every_decision_is_in_the_index() {
    let index = read("docs/decisions/README.md");
    let records = files("docs/decisions", "md").into_iter().filter(|file| !file.ends_with("README.md"));
    let names = records.map(|file| file.rsplit('/').next().unwrap_or_default().to_owned());
    let untold = names.filter(|name| !index.contains(&format!("]({name})")));
    nothing_in(untold.map(|name| format!("docs/decisions/README.md: {name} is not in the index")).collect());
}

#[test]
fn every_dependency_has_a_reason() {
    let records: String = files("docs/decisions", "md").iter().map(|file| read(file)).collect();
    let mut violations = Vec::new();
    let mut in_dependencies = false;
    for line in read("Cargo.toml").lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if in_dependencies
            && let Some((name, _)) = line.split_once(" = ")
            && !records.contains(&format!("| `{name}` |"))
        {
            violations.push(format!("Cargo.toml: `{name}` has no row in docs/decisions"));
        }
    }
    nothing_in(violations);
}

/// The source files of the program and of its tests, with their texts.
fn code() -> Vec<(String, String)> {
    let all = ["src", "tests", "benches"].iter().flat_map(|folder| files(folder, "rs"));
    all.map(|file| (file.clone(), read(&file))).collect()
}

fn documents() -> Vec<String> {
    let top = ["README.md", "CHANGELOG.md", "SECURITY.md"].map(str::to_owned);
    let top = top.into_iter().filter(|file| root().join(file).exists());
    top.chain(files("docs", "md")).collect()
}

/// Targets of Markdown links with their lines, code left out.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let inline = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let defined =
            line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
        found.extend(inline.chain(defined).map(|target| (index + 1, target.to_owned())));
    }
    found
}
