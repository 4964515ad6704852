//! Matchers in both notations, and who hears of an alert.

use super::*;
use crate::model::{Matcher, MatcherOp};

fn labels(text: &str) -> Labels {
    let pairs = text.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn shown(text: &str) -> String {
    let matchers = match parse_matchers(text) {
        Ok(matchers) => matchers,
        Err((offset, message)) => return format!("at {offset}: {message}"),
    };
    let op = |op| match op {
        MatcherOp::Equal => "=",
        MatcherOp::NotEqual => "!=",
        MatcherOp::Matches => "=~",
        MatcherOp::MatchesNot => "!~",
    };
    let one = |m: &Matcher| format!("[{}]{}[{}]", m.name, op(m.op), m.value);
    matchers.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn matchers_are_read_in_both_notations() {
    for (text, expected) in [
        (r#"foo="bar""#, "[foo]=[bar]"),
        ("foo=bar", "[foo]=[bar]"),
        ("  foo  !=  bar baz  ", "[foo]!=[bar baz]"),
        (r#"{a="1",b!~"x|y"}"#, "[a]=[1] [b]!~[x|y]"),
        ("a=1, b=2,", "[a]=[1] [b]=[2]"),
        (r#"a="x,y",b=~z"#, "[a]=[x,y] [b]=~[z]"),
        ("foo=", "[foo]=[]"),
        ("foo==bar", "[foo]=[=bar]"),
        (r#"foo=~"\d+\"\\""#, r#"[foo]=~[\d+"\]"#),
        (r#""quoted name"="v""#, "[quoted name]=[v]"),
        (r#"{"a,b"="\u00fc\t", service.name=~"x"}"#, "[a,b]=[ü\t] [service.name]=~[x]"),
        ("ünï=1", "[ünï]=[1]"),
        ("", ""),
        ("{}", ""),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn a_mistake_is_told_with_its_offset() {
    for (text, expected) in [
        ("severity page", "at 9: one of = != =~ !~ is missing"),
        (r#"a.b="x"#, "at 4: this quote is never closed"),
        ("{a.b=1", "at 6: a `}` is missing"),
        ("a.b=", "at 4: a value is missing"),
        ("=x", "at 0: a label's name is missing"),
        (r#"a.b="\q""#, r"at 5: an unknown escape, write `\\`"),
        ("a.b=1 c.d=2", "at 6: `c` is not expected here, between matchers stands a comma"),
        ("a.b=1,,c=2", "at 6: a label's name is missing"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn regular_expressions_are_anchored_and_absent_labels_are_empty() {
    let asked = |matcher: &str, text: &str| {
        let matcher = parse_matchers(matcher).expect("sound").remove(0);
        Compiled::new(matcher).expect("sound").matches(&labels(text))
    };
    assert!(asked("a=~b|c", "a=c") && !asked("a=~b|c", "a=cd") && !asked("a=~b|c", "a=xb"));
    assert!(asked("a!=b", "") && asked("a=", "") && asked("a=~.*", "") && !asked("a=~.+", ""));
    assert!(asked("a!~b", "") && !asked("a!~b", "a=b"));
    assert!(
        Compiled::new(Matcher { name: "a".into(), op: MatcherOp::Matches, value: "x)(y".into() }).is_err()
    );
}

fn route(receiver: &str, matchers: &str, continues: bool, routes: Vec<Route>) -> Route {
    let matchers = parse_matchers(matchers).expect("sound").into_iter();
    let matchers = matchers.map(|one| Compiled::new(one).expect("sound")).collect();
    Route { receiver: receiver.to_owned(), matchers, continues, group_by: Vec::new(), routes }
}

/// Scenario: a team's branch with children, a catch-all that continues, and a sibling after it.
/// Guarantees: depth first, `continue` goes on to siblings, who has no willing child takes it itself.
#[test]
fn the_tree_is_asked_depth_first() {
    let team = route(
        "team",
        "team=a",
        false,
        vec![
            route("pager", "severity=page", true, vec![]),
            route("log", "severity=~page|log", false, vec![]),
        ],
    );
    let root = route(
        "root",
        "",
        false,
        vec![route("audit", "audit=yes", true, vec![]), team, route("rest", "team=~a|b", false, vec![])],
    );
    for (text, expected) in [
        ("", vec!["root"]),
        ("team=a", vec!["team"]),
        ("team=a severity=page", vec!["pager", "log"]),
        ("team=a severity=log", vec!["log"]),
        ("team=a severity=page audit=yes", vec!["audit", "pager", "log"]),
        ("audit=yes", vec!["audit"]),
        ("team=b", vec!["rest"]),
    ] {
        assert_eq!(root.receivers(&labels(text)), expected, "{text}");
    }
}
