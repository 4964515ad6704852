//! Names of logs: each stands in the documentation with its level, and nothing else does.

use std::collections::BTreeMap;

use super::{files, nothing_in, read};

#[test]
fn the_documentation_has_each_log_with_its_level() {
    let macros =
        regex::Regex::new(r#"tracing::(debug|info|warn|error)!\(([^;]*?)"([a-z_]+(?:\.[a-z_]+)+)[":]"#)
            .unwrap();
    let mut logged = BTreeMap::new();
    let mut calls = 0;
    for text in files("src", "rs").iter().map(|file| read(file)) {
        calls += text.matches("tracing::info!(").count() + text.matches("tracing::warn!(").count();
        for found in macros.captures_iter(&text) {
            logged.insert(found[3].to_owned(), found[1].to_owned());
        }
    }
    assert!(calls > 10, "the macros are called by their full path: {calls}");
    let document = read("docs/telemetry.md");
    let (_, document) = document.split_once("## Logs").unwrap();
    let row = regex::Regex::new(r"(?m)^\| `([a-z_.]+)` \| ([a-z]+) \|").unwrap();
    let documented: BTreeMap<String, String> =
        row.captures_iter(document).map(|row| (row[1].to_owned(), row[2].to_owned())).collect();
    let missing = logged.iter().filter(|(name, level)| documented.get(*name) != Some(level));
    let mut violations: Vec<String> =
        missing.map(|(name, level)| format!("docs/telemetry.md: `{name}` ({level}) is missing")).collect();
    let gone = documented.keys().filter(|name| !logged.contains_key(*name));
    violations.extend(gone.map(|name| format!("docs/telemetry.md: nothing logs `{name}`")));
    nothing_in(violations);
}
