//! Small replays against each other.

use serde_json::{Value, json};

use super::*;

/// An episode's fact: `AT fact severity condition receivers`, of SLO `shop` and its group.
fn fact(route: &str, at: &str, what: &str, severity: &str, receivers: &[&str]) -> Value {
    let group = if route.is_empty() { json!({}) } else { json!({ "http.route": route }) };
    json!({
        "at": format!("2026-03-02T{at}Z"), "fact": format!("episode.{what}"), "slo": "shop", "group": group,
        "severity": severity, "condition": "1h/5m", "receivers": receivers,
    })
}

fn told(before: &[Value], after: &[Value]) -> Vec<String> {
    let episodes = |facts: &[Value]| {
        let mut episodes = Episodes::default();
        assert!(facts.iter().all(|fact| episodes.take(fact).is_continue()));
        episodes
    };
    let (differences, same) = differences(&episodes(before), &episodes(after));
    let mut lines: Vec<String> = differences.iter().map(Difference::line).collect();
    lines.push(format!("{same} the same"));
    lines
}

#[test]
fn the_same_pages_differ_in_nothing() {
    let facts = [
        fact("", "09:00:00", "opened", "ticket", &["desk"]),
        fact("", "09:10:00", "escalated", "page", &["pager"]),
        fact("", "10:00:00", "closed", "page", &["desk", "pager"]),
        json!({"at": "2026-03-02T09:00:00Z", "fact": "config.applied", "config": "1", "group": {}}),
    ];
    assert_eq!(told(&facts, &facts), ["1 the same"]);
    assert_eq!(told(&[], &[]), ["0 the same"]);
}

#[test]
fn pages_are_added_removed_earlier_later_and_changed() {
    let before = [
        fact("", "08:00:00", "opened", "page", &["pager"]),
        fact("/a", "09:00:00", "opened", "page", &["pager"]),
        fact("/a", "09:30:00", "closed", "page", &["pager"]),
        fact("/a", "12:00:00", "opened", "page", &["pager"]),
        fact("/b", "09:00:00", "opened", "ticket", &["desk"]),
    ];
    let after = [
        fact("/a", "09:04:10", "opened", "page", &["pager"]),
        fact("/a", "09:30:00", "closed", "page", &["pager"]),
        fact("/a", "11:59:00", "opened", "page", &["pager"]),
        fact("/a", "13:30:00", "opened", "page", &[]),
        fact("/b", "09:00:00", "opened", "ticket", &["desk"]),
        fact("/b", "09:20:00", "escalated", "page", &["pager"]),
    ];
    assert_eq!(
        told(&before, &after),
        [
            "removed           2026-03-02T08:00:00Z  page    slo shop  1h/5m  to pager",
            "later by 4m10s    2026-03-02T09:04:10Z  page    slo shop {http.route=/a}  1h/5m  to pager",
            "later by 20m      2026-03-02T09:20:00Z  page    slo shop {http.route=/b}  1h/5m  to desk, pager",
            "changed           2026-03-02T09:20:00Z  page    slo shop {http.route=/b}  1h/5m  to desk, pager  (severity ticket -> page; receivers desk -> desk, pager)",
            "earlier by 1m     2026-03-02T11:59:00Z  page    slo shop {http.route=/a}  1h/5m  to pager",
            "added             2026-03-02T13:30:00Z  page    slo shop {http.route=/a}  1h/5m  to nobody",
            "0 the same",
        ]
    );
}

#[test]
fn ends_are_compared_too() {
    let opened = fact("", "09:00:00", "opened", "page", &["pager"]);
    let closed = |at| fact("", at, "closed", "page", &["pager"]);
    let change =
        |before: &[Value], after: &[Value]| told(before, after)[0].rsplit_once('(').unwrap().1.to_owned();
    let (early, late) = ([opened.clone(), closed("09:30:00")], [opened.clone(), closed("11:35:01")]);
    assert_eq!(change(&early, &late), "ends 2h5m later)");
    assert_eq!(change(&late, &early), "ends 2h5m earlier)");
    assert_eq!(change(&early, std::slice::from_ref(&opened)), "does not end any more)");
    assert_eq!(change(std::slice::from_ref(&opened), &early), "ends now)");
}

#[test]
fn a_difference_in_json_has_the_group_as_facts_have_it() {
    let mut episodes = Episodes::default();
    assert!(episodes.take(&fact("/a", "09:00:00", "opened", "page", &["pager"])).is_continue());
    let (differences, _) = differences(&Episodes::default(), &episodes);
    let json = differences[0].json();
    assert_eq!(json["group"], json!({"http.route": "/a"}), "{json}");
    assert_eq!((&json["difference"], &json["slo"]), (&json!("added"), &json!("shop")));
}
