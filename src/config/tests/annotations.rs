//! What documents tell people, from the file to the notification.

use super::*;
use crate::engine::{Notification, Subject, Transition};
use crate::respond::tests::notification;

const SET: &str = r#"apiVersion: evenkeel/v1
kind: Config
spec:
  classify:
    - {name: disk-full, when: log, category: exception, alert: {quiet: 10m, annotations: {runbook_url: 'https://r/disk'}}}
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout
  annotations: {runbook_url: 'https://r/slo', dashboard_url: 'https://d/slo', 'other.example/x': 'no', evenkeel.dev/min-bad: '3'}
spec:
  service: checkout
  indicator: {metadata: {name: i}, spec: {ratioMetric: {counter: true, good: {metricSource: {type: evenkeel, spec: {spans: 'true'}}}, total: {metricSource: {type: evenkeel, spec: {spans: 'true'}}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: policy, annotations: {runbook_url: 'https://r/policy', description: 'of the policy'}}
      spec:
        conditions:
          - kind: AlertCondition
            metadata: {name: fast, annotations: {runbook_url: 'https://r/fast', evenkeel.dev/short-window: 5m}}
            spec: {severity: page, condition: {kind: burnrate, op: gt, threshold: 14, lookbackWindow: 1h}}
"#;

fn annotated(config: &Config, subject: Subject, condition: &str) -> Labels {
    let alert = notification("K", 1, Transition::Trigger);
    let mut notification = Notification { alert: alert.alert.clone(), ..alert };
    notification.alert.annotations = Labels::from([("summary".to_owned(), "5 % fail".to_owned())]);
    notification.alert.labels.insert("condition_name".to_owned(), "fast".to_owned());
    notification.alert.subject = subject;
    condition.clone_into(&mut notification.alert.condition);
    config.plan.annotate(&mut notification);
    notification.alert.annotations
}

fn set(text: &str) -> Config {
    let text = text
        .replace("kind: AlertPolicy\n      metadata", "metadata")
        .replace("kind: AlertCondition\n            metadata", "metadata");
    let (world, loaded) = text_of(&text);
    let printed = printed(&world, &loaded, false);
    loaded.config.unwrap_or_else(|| panic!("{printed}"))
}

#[test]
fn notifications_carry_what_the_nearest_document_says() {
    let config = set(SET);
    let labels = |pairs: &[(&str, &str)]| -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let of_slo = annotated(&config, Subject::Slo("checkout".to_owned()), "1h/5m");
    assert_eq!(
        of_slo,
        labels(&[
            ("dashboard_url", "https://d/slo"),
            ("description", "of the policy"),
            ("runbook_url", "https://r/fast"),
            ("summary", "5 % fail"),
        ])
    );
    let of_rule = annotated(&config, Subject::Rule("disk-full".to_owned()), "");
    assert_eq!(of_rule, labels(&[("runbook_url", "https://r/disk"), ("summary", "5 % fail")]));
}

#[test]
fn another_link_at_a_rule_ends_nothing_that_the_rule_holds() {
    let (one, other) = (set(SET), set(&SET.replace("https://r/disk", "https://r/other")));
    assert_ne!(one.plan.version, other.plan.version);
    assert_eq!(one.plan.watches[0].identity, other.plan.watches[0].identity);
    assert_eq!(one.plan.rules.classify[0].identity, other.plan.rules.classify[0].identity);
}
