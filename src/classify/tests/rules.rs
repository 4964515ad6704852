//! Filters, rules and defaults in their order.

use super::*;
use crate::classify::{Asked, ClassifyRule, Decider, FilterRule, Index, Rules, Verdict};
use crate::model::Category::{self, Exception, Informational, Warning};

fn verdict(rules: &Rules, item: &Item<'_>, mismatches: &mut [u64]) -> Verdict {
    let index = Index::of(&rules.asked().collect::<Vec<Asked<'_>>>());
    let mut finder = index.finder();
    finder.find(item);
    rules.verdict(&finder, item, mismatches)
}

fn decided(sample: &Sample) -> (Category, String) {
    let rules = Rules::default();
    match verdict(&rules, &sample.item, &mut []) {
        Verdict::Kept { category, decider } => (category, decider.name(&rules).to_owned()),
        Verdict::Filtered { .. } => unreachable!("there are no filters"),
    }
}

#[test]
fn defaults_decide_where_no_rule_does() {
    let of_span = |kind, status, exception| {
        let mut sample = span();
        sample.item.span_kind = kind;
        sample.item.status = status;
        sample.item.has_exception_event = exception;
        decided(&sample)
    };
    for (kind, status, exception, expected) in [
        (SpanKind::Server, SpanStatus::Error, false, (Exception, "default:server-span-error")),
        (SpanKind::Consumer, SpanStatus::Error, true, (Exception, "default:server-span-error")),
        (SpanKind::Client, SpanStatus::Error, false, (Warning, "default:other-span-error")),
        (SpanKind::Unspecified, SpanStatus::Error, true, (Warning, "default:other-span-error")),
        (SpanKind::Server, SpanStatus::Unset, true, (Warning, "default:span-exception")),
        (SpanKind::Internal, SpanStatus::Ok, true, (Warning, "default:span-exception")),
        (SpanKind::Server, SpanStatus::Ok, false, (Informational, "default:informational")),
    ] {
        let (category, name) = of_span(kind, status, exception);
        assert_eq!((category, &*name), expected, "{kind:?} {status:?} {exception}");
    }
    for (severity, expected) in [
        (0, (Informational, "default:informational")),
        (12, (Informational, "default:informational")),
        (13, (Warning, "default:warning-log")),
        (16, (Warning, "default:warning-log")),
        (17, (Exception, "default:error-log")),
        (24, (Exception, "default:error-log")),
    ] {
        let mut sample = log();
        sample.item.severity = severity;
        let (category, name) = decided(&sample);
        assert_eq!((category, &*name), expected, "severity {severity}");
    }
    assert_eq!(decided(&metric()), (Informational, "default:informational".to_owned()));
}

/// Scenario: two filters and two rules, several of which match the same item.
/// Guarantees: filters go first, the first match of a list decides, and a mismatch on the way is counted for its rule.
#[test]
fn the_first_match_decides_and_filters_go_first() {
    let mut wanted = Wanted::default();
    let mut compile = |text| Predicate::compile(text, None, &mut wanted).expect("valid");
    let rules = Rules {
        filter: vec![
            FilterRule {
                name: "other".into(),
                drop: compile("http.route == 7"),
                identity: 0,
                declared_at: String::new(),
            },
            FilterRule {
                name: "health".into(),
                drop: compile("http.route == \"/healthz\""),
                identity: 0,
                declared_at: String::new(),
            },
        ],
        classify: vec![
            ClassifyRule {
                name: "slow".into(),
                when: compile("ratio > 1"),
                category: Exception,
                identity: 0,
                declared_at: String::new(),
            },
            ClassifyRule {
                name: "paid".into(),
                when: compile("ratio > 0"),
                category: Warning,
                identity: 0,
                declared_at: String::new(),
            },
            ClassifyRule {
                name: "all".into(),
                when: compile("span"),
                category: Informational,
                identity: 0,
                declared_at: String::new(),
            },
        ],
    };
    let judge = |sample: &Sample| {
        let mut mismatches = [0; 5];
        let verdict = sample.with(&wanted, |item| verdict(&rules, item, &mut mismatches));
        (verdict, mismatches)
    };
    let kept = Verdict::Kept { category: Warning, decider: Decider::Rule(1) };
    assert_eq!(judge(&span()), (kept, [1, 0, 0, 0, 0]));
    assert_eq!(Decider::Rule(1).name(&rules), "paid");
    let mut health = span();
    health.attributes = vec![("http.route", Value::Str("/healthz")), ("ratio", Value::Int(2))];
    assert_eq!(judge(&health), (Verdict::Filtered { rule: 1 }, [1, 0, 0, 0, 0]));
    let error = Verdict::Kept { category: Exception, decider: Decider::ErrorLog };
    assert_eq!(judge(&log()), (error, [0; 5]));
}
