//! The JSON Schema by the eyes of a checker that is not ours: `check-jsonschema`, which knows one document a file, so
//! files are taken apart at their `---` first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::missing;
use crate::program::{Scratch, program, ran};

/// Mistakes that no schema can know, though their codes say that a field or a word is wrong.
const UNKNOWABLE: &[(&str, &str)] = &[
    ("alerting_heartbeat", "how long a duration is"),
    ("slo_exclusions_unknown_field", "YAML within the text of an annotation"),
    ("slo_exclusions_without_reason", "YAML within the text of an annotation"),
    ("substitution_value_is_not_shown", "the word comes out of the environment"),
];

/// Codes of a field that is missing, unknown or of another type, and of a word that is not in the list.
const SHAPE: &[&str] = &["error[E0202]", "error[E0203]", "error[E0204]", "error[E0205]"];

const EXAMPLES: &[&str] = &["config", "config/runbooks", "config/slos", "config/tests"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yaml_in(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|one| one == "yaml")).collect();
    found.sort();
    found
}

/// The documents of a text.
fn documents(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in text.lines() {
        match line.trim_end() {
            "---" => found.push(String::new()),
            _ => found.last_mut().unwrap().extend([line, "\n"]),
        }
    }
    let says =
        |text: &String| text.lines().any(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
    found.retain(says);
    found
}

/// What the checker finds in each file, by the file's name; nothing where it finds nothing.
fn checked(checker: &Path, files: &[PathBuf]) -> BTreeMap<String, Vec<String>> {
    let scratch = Scratch::new();
    let schema = ran(program().args(["config", "schema"]));
    assert_eq!(schema.code, Some(0), "{}", schema.err);
    let schema = scratch.write("schema.json", &schema.out);
    let mut command = Command::new(checker);
    command.arg("--schemafile").arg(schema).args(["-o", "json"]);
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        for (index, document) in documents(&text).iter().enumerate() {
            let name = file.file_stem().unwrap().to_str().unwrap();
            command.arg(scratch.write(&format!("{name}.{index}.yaml"), document));
        }
    }
    let said = ran(&mut command);
    let answer: Value =
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err));
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in answer["errors"].as_array().into_iter().chain(answer["parse_errors"].as_array()).flatten() {
        let name = Path::new(one["filename"].as_str().unwrap()).file_name().unwrap().to_str().unwrap();
        let name = name.split('.').next().unwrap().to_owned();
        found.entry(name).or_default().push(format!("{} {}", one["path"], one["message"]));
    }
    found
}

fn checker() -> Option<PathBuf> {
    let python = std::env::var_os("EVENKEEL_E2E_PYTHON").map(PathBuf::from);
    let found = python.map(|python| python.with_file_name("check-jsonschema")).filter(|path| path.exists());
    if found.is_none() {
        missing("EVENKEEL_E2E_PYTHON has no check-jsonschema beside it; tests/run prepares it");
    }
    found
}

#[test]
fn the_schema_is_one_and_every_example_names_it() {
    let schema = ran(program().args(["config", "schema"]));
    let told: Value = serde_json::from_str(&schema.out).unwrap();
    assert_eq!(told["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for file in EXAMPLES.iter().flat_map(|folder| yaml_in(folder)) {
        let text = std::fs::read_to_string(&file).unwrap();
        let named =
            text.lines().next().and_then(|line| line.strip_prefix("# yaml-language-server: $schema="));
        let named =
            file.parent().unwrap().join(named.unwrap_or_else(|| panic!("{}: no schema", file.display())));
        assert_eq!(std::fs::read_to_string(named).unwrap(), schema.out, "{}", file.display());
    }
    let Some(checker) = checker() else { return };
    let valid =
        ran(Command::new(checker).arg("--check-metaschema").arg(root().join("config/evenkeel.schema.json")));
    assert_eq!(valid.code, Some(0), "{}{}", valid.out, valid.err);
}

#[test]
fn every_example_passes_the_schema() {
    let Some(checker) = checker() else { return };
    let mut files: Vec<PathBuf> = EXAMPLES.iter().flat_map(|folder| yaml_in(folder)).collect();
    files.push(root().join("deploy/kafka/evenkeel.yaml"));
    files.push(root().join("tests/e2e/shop.yaml"));
    assert_eq!(checked(&checker, &files), BTreeMap::new());
}

#[test]
fn what_init_writes_passes_the_schema() {
    let Some(checker) = checker() else { return };
    for system in ["sloth", "pyrra", "openslo"] {
        let scratch = Scratch::new();
        let cases = root().join("tests/testdata/convert").join(system);
        let done = ran(program().args(["init", "--from", system, "--into"]).arg(scratch.folder()).arg(cases));
        assert_eq!(done.code, Some(1), "{}", done.err);
        let slos = std::fs::read_dir(scratch.path("slos")).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<PathBuf> = slos.chain([scratch.path("evenkeel.yaml")]).collect();
        assert!(files.len() > 2, "{files:?}");
        assert_eq!(checked(&checker, &files), BTreeMap::new(), "{system}");
        for file in &files {
            let text = std::fs::read_to_string(file).unwrap();
            let named = text.lines().next().and_then(|line| line.split_once("$schema=")).unwrap().1;
            assert!(file.parent().unwrap().join(named).exists(), "{}", file.display());
        }
    }
}

/// Scenario: every mistake that has a file.
/// Guarantees: what is wrong in shape is refused by the schema too, and nothing that `check` takes is.
#[test]
fn the_schema_refuses_what_check_refuses_for_its_shape() {
    let Some(checker) = checker() else { return };
    let files = yaml_in("tests/testdata/config");
    let refused = checked(&checker, &files);
    let unknowable: BTreeSet<&str> = UNKNOWABLE.iter().map(|(name, _)| *name).collect();
    let (mut missed, mut hard) = (Vec::new(), Vec::new());
    for file in &files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let told = std::fs::read_to_string(file.with_extension("txt")).unwrap();
        let of_shape = SHAPE.iter().any(|code| told.contains(code));
        let accepted = !told.contains("error[");
        match refused.get(name) {
            None if of_shape && !unknowable.contains(name) => missed.push(name),
            Some(why) if accepted || unknowable.contains(name) => hard.push((name, why)),
            _ => {}
        }
    }
    assert!(missed.is_empty(), "the schema lets pass: {missed:?}");
    assert!(hard.is_empty(), "the schema refuses what check does not, or what it can not know: {hard:?}");
}
