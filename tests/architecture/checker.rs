//! Tests of the checker itself: what is planted is found, what is allowed is not.

use super::source::Source;
use super::{names, table, words};

const TABLE: &str = "
| folder | kind | may name | what it is |
|---|---|---|---|
| `model` | PURE | | words |
| `sli` | PURE | `model` | windows |
| `engine` | PURE | `model` `sli` | order |
| `ingest` | EDGE | `model` `engine` | listeners |
| `daemon` | ROOT | every folder above | wiring |
";

/// Checks one planted file; `expected` are the findings without the file's name.
#[track_caller]
fn check(file: &str, text: &str, expected: &[&str]) {
    let rows = table(TABLE).expect("a table");
    let source = Source::new(file, text);
    let found = [names(&rows, file, &source), words(&rows, file, &source)].concat();
    let expected: Vec<String> = expected.iter().map(|finding| format!("{file}:{finding}")).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_name_planted_in_a_group_is_told_with_its_line() {
    let planted = "//! Windows.\nuse crate::{\n    engine::Engine,\n    model::Now,\n};\n";
    check("src/sli/window.rs", planted, &["3: `sli` may not name `engine`"]);
    check("src/daemon.rs", planted, &[]);
}

#[test]
fn every_way_to_spell_a_path_is_seen() {
    for text in [
        "fn f() -> crate::engine::Plan {}",
        "fn f() -> evenkeel::engine::Plan {}",
        "use super::engine::Plan;",
        "use super::{engine::{self, Plan as P}};",
        "mod inner { use super::super::engine::Plan; }",
        "mod inner { mod more { use super::super::super::engine::Plan; } }",
        "macro_rules! m { () => { $crate::engine::Plan } }",
        "fn f() { let _ = <crate::engine::Plan as Default>::default(); }",
        "pub use crate::engine as e;",
    ] {
        check("src/sli/mod.rs", text, &["1: `sli` may not name `engine`"]);
    }
    check("src/sli/a/b.rs", "use super::super::super::engine;", &["1: `sli` may not name `engine`"]);
    check("src/sli/mod.rs", "use crate::*;", &["1: `crate::*` hides what is named"]);
    check("src/sli/mod.rs", "use crate::nowhere::X;", &["1: `crate::nowhere` is no folder of the table"]);
}

#[test]
fn a_folder_may_name_itself() {
    check(
        "src/sli/a/b.rs",
        "use super::super::window::W; use super::c; use crate::sli::d; use self::e::f;",
        &[],
    );
    check("src/sli/a.rs", "mod inner { use super::*; fn f() { self::g(); super::h() } }", &[]);
}

#[test]
fn comments_and_texts_name_nothing() {
    let text = r####"
        //! [`crate::engine`] and tokio::spawn
        /* unsafe /* crate::engine */ async */
        const A: &str = "crate::engine::Plan"; const B: &str = r#"std::fs " println!"#;
        const C: char = '"'; fn f<'a>(_: &'a str) -> u8 { b'\'' } // Instant::now
        const D: &[u8] = b"async"; const E: char = '\''; const F: &str = "\" unsafe";
    "####;
    check("src/sli/mod.rs", text, &[]);
}

#[test]
fn words_of_the_edges_are_told() {
    for (text, word) in [
        ("use std::time::Instant as Clock;", "Instant"),
        ("fn f() { std::time::SystemTime::now(); }", "SystemTime"),
        ("use std::{fmt, fs};", "std::fs"),
        ("use std::env; fn f() { }", "std::env"),
        ("use std::net; fn f() { net::TcpStream::connect(a); }", "std::net::TcpStream"),
        ("fn f() { std::thread::sleep(d); }", "std::thread"),
        ("use std::collections::{BTreeMap, HashMap};", "std::collections::HashMap"),
        ("use std::collections as c; fn f() { c::HashSet::new(); }", "std::collections::HashSet"),
        ("use std::collections::*;", "std::collections::HashMap"),
        ("use tokio;", "tokio"),
        ("fn f() { ::tokio::spawn(g()); }", "tokio"),
        ("fn f() { tracing::info!(\"x\"); }", "tracing"),
        ("async fn f() {}", "async"),
        ("fn f() { g().await }", "await"),
        ("fn f() { unsafe { g() } }", "unsafe"),
        ("fn f() { println!(\"x\") }", "println"),
        ("struct S(std::sync::Mutex<u8>);", "Mutex"),
    ] {
        check("src/sli/mod.rs", text, &[&format!("1: a pure folder may not use `{word}`")]);
        check("src/ingest/mod.rs", text, &[]);
    }
}

#[test]
fn plain_values_and_maps_with_a_seed_of_our_own_are_allowed() {
    let text =
        "use hashbrown::HashMap; struct S { tokio: HashMap<u8, u8, Seed>, rand: u8 } fn f(print: u8) {}";
    check("src/sli/mod.rs", text, &[]);
    check("src/sli/mod.rs", "use std::net::{IpAddr, SocketAddr}; fn f() { IpAddr::is_loopback(a); }", &[]);
}

/// Guarantees: a test may read files and use the machine's maps; it may not reach over the boundary.
#[test]
fn test_code_is_free_of_the_word_list_and_bound_by_the_table() {
    let text = "
        #[cfg(test)]
        mod tests {
            use std::fs; use std::collections::HashMap;
            use crate::engine::Plan;
            #[test] fn f() { println!(\"x\"); }
        }
        #[cfg(all(test, unix))] use std::net::TcpStream;
        fn after() { std::env::args(); }";
    let expected = ["5: `sli` may not name `engine`", "9: a pure folder may not use `std::env`"];
    check("src/sli/mod.rs", text, &expected);
    check("src/sli/tests.rs", "use std::fs;", &[]);
    let declared = Source::new("src/sli/mod.rs", "#[cfg(test)]\nmod naive;\nmod window;").test_modules();
    assert_eq!(declared, [["sli", "naive"]]);
}

#[test]
fn functions_are_measured_from_name_to_brace() {
    let text = "impl A {\n  fn a(x: [u8; 3])\n  -> u8 {\n    if x { '}' } else { \"}\" }\n  }\n}\ntrait T { fn b(); }";
    assert_eq!(Source::new("src/sli/a.rs", text).functions(), [("a".to_owned(), 2, 5)]);
}

#[test]
fn a_table_with_a_cycle_or_an_unknown_kind_is_refused() {
    let head = "| folder | kind | may name | what it is |\n|---|---|---|---|\n";
    for (rows, told) in [
        ("| `a` | EDGE | `b` | x |\n| `b` | EDGE | `a` | x |", "`a` may name only rows above it, not `b`"),
        ("| `a` | SOFT | | x |", "`a`: `SOFT` is no kind"),
        ("| `a` | EDGE | | x |\n| `a` | EDGE | | x |", "`a` is told twice, or not at all"),
        ("| `a` | PURE | | x |\n| `b` | PURE | `a` | x |", "`b` is a pure step and may name `model` alone"),
        ("", "no table"),
    ] {
        assert_eq!(table(&format!("{head}{rows}")).expect_err(rows), told);
    }
}
