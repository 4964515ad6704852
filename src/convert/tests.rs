//! Whole definitions against what becomes of them, and what must hold for any text.
//! `UPDATE=1 cargo test --lib convert` writes the expected texts anew.

#![allow(clippy::disallowed_methods, reason = "the cases are files, and UPDATE is a variable")]

mod queries;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::decimal::{decimal, seconds, window};
use super::draft::indicator_spec;
use super::indicator::Indicator;
use super::names::{Names, label};
use super::out::Out;
use super::promql::parse;
use super::series::{Style, sum};
use super::{Conversion, Origin, Source, Weight, convert};
use crate::config::{Documents, Level, World, load, render};

/// As the source of an indicator, of metrics alone.
fn compiles(metrics: &str) {
    let indicator = Indicator::Threshold { metrics: metrics.to_owned(), op: "lte", limit: String::new() };
    let document = Out::map([
        ("apiVersion", Out::text("openslo/v1")),
        ("kind", Out::text("SLI")),
        ("metadata", Out::map([("name", Out::text("a"))])),
        ("spec", indicator_spec(&indicator)),
    ]);
    let loaded = load(&[PathBuf::from("a.yaml")], &NoWorld(document.document()));
    assert_eq!(loaded.errors(), 0, "{metrics}: {:?}", loaded.findings);
}

#[test]
fn numbers_and_windows_are_spelled_without_rounding() {
    for (text, expected) in [
        ("0.25", Some("0.25")),
        ("99.90", Some("99.9")),
        ("100", Some("100")),
        ("007", Some("7")),
        (".5", Some("0.5")),
        ("1e+06", Some("1000000")),
        ("2.5e-3", Some("0.0025")),
        ("-0.0", Some("0")),
        ("-1.50", Some("-1.5")),
        ("", None),
        (".", None),
        ("1.2.3", None),
        ("99,9", None),
        ("1e99999999999", None),
        ("1e-2147483648", None),
        ("Inf", None),
    ] {
        assert_eq!(decimal(text).as_deref(), expected, "{text}");
    }
    for (text, expected) in [
        ("4w", Some("4w")),
        ("28d", Some("28d")),
        ("672h", Some("28d")),
        ("1d12h", Some("36h")),
        ("1y", Some("365d")),
        ("90m", Some("90m")),
        ("90s", None),
        ("0d", None),
        ("30", None),
        ("", None),
    ] {
        assert_eq!(window(text).as_deref(), expected, "{text}");
    }
    assert_eq!(seconds("200ms").as_deref(), Some("0.2"));
    assert_eq!(seconds("1s500ms").as_deref(), Some("1.5"));
}

#[test]
fn names_are_tame_and_given_once() {
    assert_eq!(label("Web Shop / Fails!"), "web-shop-fails");
    assert_eq!(
        (label(""), label("--é--"), label(&"a".repeat(80)).len()),
        ("unnamed".into(), "unnamed".into(), 63)
    );
    let mut names = Names::default();
    let given = [(); 3].map(|()| names.give("SLO", "A"));
    assert_eq!(given, ["a", "a-2", "a-3"]);
    assert_eq!(names.give("SLI", "A"), "a");
    let long = [(); 2].map(|()| names.give("SLO", &"b".repeat(70)));
    assert!(long[0] != long[1] && long[1].len() == 63 && long[1].ends_with("-2"), "{long:?}");
}

struct NoWorld(String);

impl World for NoWorld {
    fn read(&self, _: &Path) -> Result<String, String> {
        Ok(self.0.clone())
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

fn converted(origin: Origin, name: &str, text: &str) -> Result<Conversion, String> {
    let source = Source { path: format!("{name}.yaml"), name: name.to_owned(), text: text.to_owned() };
    convert(origin, &[source], "30d").map_err(|findings| render(&findings, &|_| Some(text.to_owned())))
}

/// What is written, then what is told.
fn told(conversion: &Conversion) -> String {
    let mut out: String = conversion.files.iter().map(|file| &*file.text).collect();
    out.push_str(&format!("\n==== {} converted, {} not\n", conversion.converted, conversion.failed));
    for remark in &conversion.remarks {
        let weight = if remark.weight == Weight::Failed { "failed" } else { "note" };
        out.push_str(&format!("{weight}: {} {}\n", remark.place, remark.text));
    }
    out
}

#[test]
fn definitions_become_what_is_expected_and_pass_the_check() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/convert");
    let mut wrong = Vec::new();
    for (folder, origin) in [("sloth", Origin::Sloth), ("pyrra", Origin::Pyrra), ("openslo", Origin::OpenSlo)]
    {
        let mut cases: Vec<PathBuf> =
            fs::read_dir(root.join(folder)).expect(folder).flatten().map(|entry| entry.path()).collect();
        cases.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        cases.sort();
        assert!(cases.len() > 1, "{folder}");
        for case in cases {
            let name = case.file_stem().expect("a file").to_string_lossy().into_owned();
            let text = fs::read_to_string(&case).expect("a case");
            let conversion = converted(origin, &name, &text).expect("YAML");
            let actual = told(&conversion);
            let expected = case.with_extension("txt");
            if std::env::var_os("UPDATE").is_some() {
                fs::write(&expected, &actual).expect("write the expected text");
            }
            if fs::read_to_string(&expected).unwrap_or_default() != actual {
                wrong.push(format!("{folder}/{name}:\n{actual}"));
            }
            for file in &conversion.files {
                let loaded = load(&[PathBuf::from("a.yaml")], &NoWorld(file.text.clone()));
                let errors: Vec<_> = loaded.findings.iter().filter(|one| one.level == Level::Error).collect();
                assert!(errors.is_empty(), "{folder}/{name}: {errors:?}");
                let live = loaded.config.expect("sound").plan.slos.len();
                assert_eq!(live, conversion.converted, "{folder}/{name}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_definition_is_said() {
    let text = "kind: ConfigMap\napiVersion: v1\n---\n- 1\n---\njust text\n";
    for origin in [Origin::Sloth, Origin::Pyrra, Origin::OpenSlo] {
        let conversion = converted(origin, "x", text).expect("YAML");
        assert_eq!((conversion.files.len(), conversion.remarks.len()), (0, 3), "{:?}", conversion.remarks);
        assert!(converted(origin, "x", "").expect("YAML").remarks.is_empty());
        let error = converted(origin, "x", "a: [1\n").expect_err("no YAML");
        assert!(error.starts_with("error[E0101]: this is not valid YAML"), "{error}");
        let error = converted(origin, "x", &"# \n".repeat(1 << 19)).expect_err("large");
        assert!(error.contains("the file has more than 1048576 bytes"), "{error}");
    }
}

/// Guarantees: two files may name one service, and SLOs of one name; what is written can be read as one set.
#[test]
fn several_files_become_one_set() {
    let text = "version: prometheus/v1\nservice: a\nslos:\n- {name: x, objective: 99, sli: {raw: \
                {error_ratio_query: 'sum(rate(e[5m])) / sum(rate(t[5m]))'}}}\n";
    let source = |name: &str| Source { path: name.to_owned(), name: name.to_owned(), text: text.to_owned() };
    let conversion = convert(Origin::Sloth, &[source("one"), source("two")], "28d").expect("YAML");
    assert_eq!((conversion.converted, conversion.failed), (2, 0), "{:?}", conversion.remarks);
    let all: Vec<&str> = conversion.files.iter().map(|file| &*file.text).collect();
    assert_eq!(all.concat().matches("kind: Service").count(), 1);
    let loaded = load(&[PathBuf::from("a.yaml")], &NoWorld(all.join("---\n")));
    let names: Vec<String> =
        loaded.config.expect("sound").plan.slos.iter().map(|one| one.slo.name.clone()).collect();
    assert_eq!(names, ["a-x", "a-x-2"]);
}

/// Scenario: pages are disabled, and the pairs that open a ticket look back too far for a budget of a week.
#[test]
fn a_level_that_is_left_without_alerts_is_told() {
    let text = "version: prometheus/v1\nservice: a\nslos:\n- {name: x, objective: 99, alerting: {page_alert: {disable: \
                true}}, sli: {raw: {error_ratio_query: 'sum(rate(e[5m])) / sum(rate(t[5m]))'}}}\n";
    let source = Source { path: "a.yaml".to_owned(), name: "a".to_owned(), text: text.to_owned() };
    let conversion = convert(Origin::Sloth, &[source], "7d").expect("YAML");
    let told = "SLO `a-x` has no alerts: of the pairs that are not disabled none fits 7d";
    assert_eq!(conversion.remarks.iter().map(|one| &*one.text).collect::<Vec<_>>(), [told]);
    assert!(
        conversion.files[0].text.contains("evenkeel.dev/alert-preset: none"),
        "{}",
        conversion.files[0].text
    );
}

fn tree() -> impl Strategy<Value = Out> {
    let text = prop_oneof![any::<String>(), "[-a-z0-9:#{}\\[\\]$ .'\"\n\t|>&*!%@~?,]{0,30}"];
    let leaf = prop_oneof![
        text.clone().prop_map(Out::Text),
        (-1000_i32..1000).prop_map(|number| Out::Bare(number.to_string())),
        any::<bool>().prop_map(|truth| Out::Bare(truth.to_string())),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Out::List),
            prop::collection::btree_map("[a-zA-Z0-9 ./:#'$-]{1,12}", inner.clone(), 0..4)
                .prop_map(|fields| Out::Map(fields.into_iter().collect())),
            inner.prop_map(Out::flow),
        ]
    })
}

/// Without the wish for one line, and with the substitution's dollars doubled as they are written.
fn plain(out: &Out) -> Out {
    match out {
        Out::Text(text) if text.contains("${") || text.contains("$$") => Out::Text(text.replace('$', "$$")),
        Out::List(items) => Out::List(items.iter().map(plain).collect()),
        Out::Map(fields) => {
            Out::Map(fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        Out::Flow(inner) => plain(inner),
        other => other.clone(),
    }
}

proptest! {
    /// Guarantees: what is written is read as what was meant, whatever characters are in it.
    #[test]
    fn every_tree_comes_back_as_it_was(tree in tree()) {
        let document = Out::map([("a", tree), ("b", Out::bare("1"))]);
        let text = document.document();
        let read = Documents::read("a", &text).map_err(|findings| render(&findings, &|_| Some(text.clone())));
        let read = read.map_err(TestCaseError::fail)?;
        let copied: Vec<Out> = read.views().map(Out::copied).collect();
        prop_assert_eq!(copied, vec![plain(&document)], "{}", text);
    }

    #[test]
    fn no_query_makes_the_reader_panic(text in "[a-z0-9(){}\\[\\]\"'=~!<>+*/^,.@:#{} -]{0,80}") {
        let _ = parse(&text).and_then(|expr| sum(&expr, Style::Plain));
    }

    #[test]
    fn no_nesting_makes_the_reader_overflow(open in "[(+-]|sum\\(|rate\\(|1\\+|1\\^", times in 0_usize..1_200) {
        let _ = parse(&open.repeat(times)).and_then(|expr| sum(&expr, Style::Plain));
    }

    /// Scenario: definitions with a piece cut out or put elsewhere.
    /// Guarantees: whatever comes out passes the check, or nothing does.
    #[test]
    fn damaged_definitions_do_no_harm(case in 0_usize..6, from in 0_usize..3_000, len in 0_usize..60, to in 0_usize..3_000) {
        let (origin, text) = [
            (Origin::Sloth, include_str!("../../tests/testdata/convert/sloth/shop.yaml")),
            (Origin::Sloth, include_str!("../../tests/testdata/convert/sloth/cluster.yaml")),
            (Origin::Pyrra, include_str!("../../tests/testdata/convert/pyrra/shop.yaml")),
            (Origin::Pyrra, include_str!("../../tests/testdata/convert/pyrra/refused.yaml")),
            (Origin::OpenSlo, include_str!("../../tests/testdata/convert/openslo/set.yaml")),
            (Origin::OpenSlo, include_str!("../../tests/testdata/convert/openslo/refused.yaml")),
        ][case];
        let mut chars: Vec<char> = text.chars().collect();
        let from = from % chars.len();
        let cut: Vec<char> = chars.drain(from..(from + len).min(chars.len())).collect();
        let to = to % chars.len();
        chars.splice(to..to, cut);
        if let Ok(conversion) = converted(origin, "x", &chars.into_iter().collect::<String>()) {
            for file in &conversion.files {
                let loaded = load(&[PathBuf::from("a.yaml")], &NoWorld(file.text.clone()));
                prop_assert_eq!(loaded.errors(), 0, "{}", file.text);
            }
        }
    }
}
