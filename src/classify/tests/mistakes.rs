//! Mistakes as they are drawn below the expression.

use super::*;

#[track_caller]
fn check_kind(kind: Option<ItemKind>, expected: &str) {
    let text = expected.lines().next().expect("the first line is the expression");
    let errors = Predicate::compile(text, kind, &mut Wanted::default()).err().unwrap_or_default();
    assert_eq!(drawn(text, &errors), expected, "\n{}", drawn(text, &errors));
}

#[test]
fn mistakes_are_drawn() {
    for expected in include_str!("mistakes.txt").split("\n\n") {
        check_kind(None, expected.trim_end());
    }
}
/// Scenario: an SLI's source names the kind of all its items.
/// Guarantees: what such an item never has is a mistake, not a silent false.
#[test]
fn what_the_kind_of_item_never_has_is_a_mistake() {
    for (kind, expected) in [
        (
            ItemKind::Span,
            "value > 1
^^^^^ a span has no `value` -- only a metric has; an attribute of that name is attributes[\"value\"]",
        ),
        (
            ItemKind::Log,
            "duration > duration(\"1s\") || has(status)
^^^^^^^^ a log has no `duration` -- only a span has; an attribute of that name is attributes[\"duration\"]
                                 ^^^^^^ a log has no `status` -- only a span has; an attribute of that name is attributes[\"status\"]",
        ),
        (
            ItemKind::Metric,
            "severity >= 17
^^^^^^^^ a metric has no `severity` -- only a log has; an attribute of that name is attributes[\"severity\"]",
        ),
        (ItemKind::Metric, "value > 1 && attributes[\"severity\"] == \"x\" && name == \"y\" && !span"),
        (ItemKind::Event, "name == \"dev.cdevents.service.deployed\" && has(time)"),
    ] {
        check_kind(Some(kind), expected);
    }
}

#[test]
fn a_measure_is_one_name_of_a_number() {
    for expected in [
        "duration > duration(\"1s\")
^^^^^^^^^^^^^^^^^^^^^^^^^ `duration > duration(\"1s\")` is no measure -- a measure is `duration` (in seconds), `value`, `severity`, or an attribute",
        "name
^^^^ `name` is text, a measure is a number -- a measure is `duration` (in seconds), `value`, `severity`, or an attribute",
        "span
^^^^ `span` is no measure -- a measure is `duration` (in seconds), `value`, `severity`, or an attribute",
        "severity
^^^^^^^^ a span has no `severity` -- only a log has; an attribute of that name is attributes[\"severity\"]",
        "a.b / 1000
    ^ arithmetic is not part of this language -- compare a value as it was sent, with the result worked out by hand",
    ] {
        let text = expected.lines().next().expect("the first line is the expression");
        let errors = Measure::compile(text, Some(ItemKind::Span), &mut Wanted::default()).err().unwrap_or_default();
        assert_eq!(drawn(text, &errors), expected);
    }
}

#[test]
fn size_and_depth_are_limited() {
    let message = |text: &str| {
        let errors = Predicate::compile(text, None, &mut Wanted::default()).expect_err("beyond a limit");
        errors[0].message.clone()
    };
    let deep = "the expression is nested more than 64 deep";
    assert_eq!(message(&format!("{}span{}", "(".repeat(65), ")".repeat(65))), deep);
    assert_eq!(message(&format!("{}span", "!".repeat(65))), deep);
    assert_eq!(message(&"(".repeat(8_000)), deep);
    assert_eq!(message(&"[".repeat(8_000)), deep);
    assert_eq!(message(&"a ? b : ".repeat(900)), deep);
    assert_eq!(message(&"a(".repeat(4_000)), deep);
    assert_eq!(message(&format!("x{}", ".f()".repeat(1_000))), "too many calls in a row");
    assert_eq!(message(""), "the expression is empty");
    assert_eq!(message(" // nothing"), "the expression is empty");
    let long = format!("x == \"{}\"", "a".repeat(8_192));
    assert_eq!(message(&long), "an expression is at most 8192 bytes long, this one has 8199");
    let ways = |n: usize| format!("({}0)", "span && log ? 1 : ".repeat(n));
    let compared = |n| format!("{} == {}", ways(n), ways(n));
    check(&compared(20), &span(), true);
    assert_eq!(message(&compared(60)), "too many choices are compared with each other");
}
