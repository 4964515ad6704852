//! What is found by an index is what asking every rule finds, mismatches included.

use proptest::prelude::*;

use super::twin::{NAMES, Tree, attributes, tree};
use super::*;
use crate::classify::{Asked, ClassifyRule, Decider, FilterRule, Index, Rules, Verdict};
use crate::model::Category;

/// Before the random part: most rules begin with what items they are about.
const BEGINNINGS: &[&str] = &[
    "",
    "span && ",
    "log && ",
    "metric && ",
    "a == \"x\" && ",
    "\"xy\" == b.c && ",
    "log && severity >= 17 && service.name == \"x\" && ",
    "log && has(a) && service.name == \"xy\" && ",
    "span && kind == \"server\" && service.name == \"x\" && ",
    "service.name == \"x\" && b.c == \"xy\" && ",
    "b.c > 3 && service.name == \"x\" && ",
];

fn rules() -> impl Strategy<Value = Vec<(usize, Tree)>> {
    prop::collection::vec((0..BEGINNINGS.len(), tree()), 8..24)
}

fn compiled(rules: &[(usize, Tree)], wanted: &mut Wanted) -> Rules {
    let mut compile = |(beginning, tree): &(usize, Tree)| {
        let text = format!("{}(true && {})", BEGINNINGS[*beginning], tree.within(3));
        Predicate::compile(&text, None, wanted).expect("valid")
    };
    let (filter, classify) = rules.split_at(rules.len() / 3);
    let filter = filter.iter().map(|rule| FilterRule {
        name: String::new(),
        drop: compile(rule),
        identity: 0,
        declared_at: String::new(),
    });
    let filter = filter.collect();
    let classify = classify.iter().map(|rule| ClassifyRule {
        name: String::new(),
        when: compile(rule),
        category: Category::Warning,
        identity: 0,
        declared_at: String::new(),
    });
    Rules { filter, classify: classify.collect() }
}

/// Asks every rule.
fn by_all(rules: &Rules, item: &Item<'_>, mismatches: &mut [u64]) -> Verdict {
    let (of_filter, of_classify) = mismatches.split_at_mut(rules.filter.len());
    for (place, (rule, mismatches)) in (0..).zip(rules.filter.iter().zip(of_filter)) {
        if rule.drop.matches(item, mismatches) {
            return Verdict::Filtered { rule: place };
        }
    }
    for (place, (rule, mismatches)) in (0..).zip(rules.classify.iter().zip(of_classify)) {
        if rule.when.matches(item, mismatches) {
            return Verdict::Kept { category: rule.category, decider: Decider::Rule(place) };
        }
    }
    let decider = Decider::by_default(item);
    Verdict::Kept { category: decider.default_category(), decider }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Guarantees: for one item after the other the same rule decides, and the same mismatches are counted.
    #[test]
    fn an_index_finds_what_asking_every_rule_finds(
        rules in rules(),
        items in prop::collection::vec((0..3_usize, attributes()), 1..12),
    ) {
        let mut wanted = Wanted::default();
        let rules = compiled(&rules, &mut wanted);
        let index = Index::of(&rules.asked().collect::<Vec<_>>());
        let mut finder = index.finder();
        for (kind, values) in items {
            let mut sample = [span(), log(), metric()][kind].clone();
            let named = NAMES.iter().zip(&values);
            sample.attributes = named.filter_map(|(name, value)| Some((*name, (*value)?))).collect();
            let (mut all, mut found) = (vec![0; rules.len()], vec![0; rules.len()]);
            let verdicts = sample.with(&wanted, |item| {
                finder.find(item);
                (by_all(&rules, item, &mut all), rules.verdict(&finder, item, &mut found))
            });
            prop_assert_eq!(verdicts.0, verdicts.1);
            prop_assert_eq!(&all, &found);
        }
    }
}

#[test]
fn of_many_rules_only_those_are_asked_that_may_hold() {
    let mut wanted = Wanted::default();
    let texts =
        (0..1_000).map(|number| format!("span && service.name == \"svc-{number}\" && status == \"error\""));
    let predicates: Vec<Predicate> = texts
        .chain(["log && severity >= 17".to_owned(), "span && b.c.startsWith(\"x\")".to_owned()])
        .map(|text| Predicate::compile(&text, None, &mut wanted).expect("valid"))
        .collect();
    let asked: Vec<Asked<'_>> =
        predicates.iter().map(|predicate| Asked { kind: None, predicate, leads: true }).collect();
    let index = Index::of(&asked);
    let mut finder = index.finder();
    let mut found = |value: Option<Value<'static>>| {
        let mut sample = span();
        sample.resource = value.map(|value| ("service.name", value)).into_iter().collect();
        sample.item.status = SpanStatus::Error;
        sample.with(&wanted, |item| {
            finder.find(item);
            finder.leading(0..asked.len()).to_vec()
        })
    };
    assert_eq!(found(Some(Value::Str("svc-7"))), [7]);
    assert_eq!(found(Some(Value::Str("other"))), [0; 0]);
    assert_eq!(found(None), [0; 0]);
    assert_eq!(found(Some(Value::Int(7))).len(), 1_000, "each comparison is a mismatch");
    assert_eq!(found(Some(Value::Str("svc-999"))), [999]);
}
