//! The configurations of the simulation: one service level that stays, one whose target changes, one that comes and goes;
//! a rule that pages each host once, and one whose episodes are short; a runbook for each, of which one changes its text.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::config::{self, World};
use crate::engine::Plan;

/// The service levels, and the route that each counts; without one it counts all.
pub(super) const LEVELS: [(&str, Option<&str>); 3] =
    [("steady", None), ("shifting", Some("/a")), ("passing", Some("/b"))];
/// The one that comes and goes.
pub(super) const PASSING: usize = 2;
pub(super) const RECEIVERS: [&str; 2] = ["pager", "desk"];

pub(super) fn receivers() -> Vec<String> {
    RECEIVERS.map(str::to_owned).to_vec()
}

const CONFIG: &str = "
apiVersion: evenkeel/v1
kind: Config
spec:
  classify:
    - {name: in-trouble, when: 'span && has(host.name)', category: exception, alert: {key: [host.name], quiet: 2h, priority: P2}}
    - {name: flaky, when: 'span && has(part)', category: exception, alert: {key: [part], quiet: 20s, priority: P3}}
  alerting:
    route: {receiver: desk, routes: [{receiver: pager, matchers: ['severity=page'], continue: true}, {receiver: desk}]}
    receivers:
      - {name: desk, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}
      - {name: pager, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}
  runbooks: {commands: [/usr/bin/true]}
";

const RUNBOOKS: &str = "
apiVersion: evenkeel/v1
kind: Runbook
metadata: {name: restart}
spec:
  description: TEXT
  triggers: [{match: ['rule=\"in-trouble\"']}]
  params: {host: {from: label.host_name, pattern: '[a-z0-9-]{1,40}'}}
  target: host
  limits: {breaker: {failures: 100, pause: 1m}}
  steps:
    - {name: restart, command: {argv: [/usr/bin/true, '{{ host }}']}}
    - {name: look, http: {url: 'http://127.0.0.1:9/look'}, idempotent: true, retry: {attempts: 3, pause: 2s}}
    - {name: report, command: {argv: [/usr/bin/true, report]}}
---
apiVersion: evenkeel/v1
kind: Runbook
metadata: {name: note}
spec:
  triggers: [{on: [resolve], match: ['rule=\"flaky\"']}]
  params: {part: {from: label.part, pattern: '[a-z0-9-]{1,40}'}}
  target: part
  limits: {cooldown: 5s, breaker: {failures: 3, pause: 1m}}
  steps: [{name: note, command: {argv: [/usr/bin/true, '{{ part }}']}}]
---
apiVersion: evenkeel/v1
kind: Runbook
metadata: {name: replace}
spec:
  destructive: true
  approval: {expires: 1m}
  triggers: [{match: ['rule=\"flaky\"']}]
  steps: [{name: replace, command: {argv: [/usr/bin/true]}}]
";

/// All of them, in the order in which they are reloaded.
pub(super) static PLANS: LazyLock<[Arc<Plan>; 3]> = LazyLock::new(|| {
    let all = [
        &[("0.9", 0), ("0.9", 1)][..],
        &[("0.9", 0), ("0.8", 1), ("0.9", PASSING)],
        &[("0.9", 0), ("0.9", 1), ("0.9", PASSING)],
    ];
    let texts = ["as it is", "as it was", "as it is"];
    let mut texts = texts.into_iter();
    all.map(|levels| Arc::new(plan(levels, texts.next().unwrap_or_default())))
});

pub(super) fn has_passing(plan: &Plan) -> bool {
    plan.slos.iter().any(|one| one.slo.name == LEVELS[PASSING].0)
}

fn plan(levels: &[(&str, usize)], text: &str) -> Plan {
    let levels = levels.iter().map(|(target, level)| document(target, LEVELS[*level]));
    let documents = [CONFIG.to_owned(), RUNBOOKS.replace("TEXT", text)]
        .into_iter()
        .chain(levels)
        .collect::<Vec<_>>()
        .join("---\n");
    let loaded = config::load(&["simulation.yaml".into()], &Text(documents));
    let errors: Vec<_> = loaded.findings.iter().filter(|one| one.level == config::Level::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    loaded.config.expect("no errors").plan
}

fn document(target: &str, (name, route): (&str, Option<&str>)) -> String {
    let of = route.map_or(String::new(), |route| format!(" && http.route == \"{route}\""));
    let source =
        |spans: &str| format!("{{metricSource: {{type: evenkeel, spec: {{spans: '{spans}{of}'}}}}}}");
    let (bad, total) = (source("status == \"error\""), source("kind == \"server\""));
    let condition = |name: &str, short: &str, severity: &str, burns: &str| {
        format!(
            "{{metadata: {{name: {name}, annotations: {{evenkeel.dev/short-window: {short}}}}}, spec: {{severity: {severity}, condition: {{{burns}}}}}}}"
        )
    };
    let fast = condition("fast", "1m", "page", "threshold: 5, lookbackWindow: 2m");
    let slow = condition("slow", "1m", "ticket", "threshold: 1.5, lookbackWindow: 3m");
    format!(
        "apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  service: shop
  indicator: {{metadata: {{name: {name}}}, spec: {{ratioMetric: {{counter: true, bad: {bad}, total: {total}}}}}}}
  timeWindow: [{{duration: 1d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives: [{{target: {target}}}]
  alertPolicies: [{{metadata: {{name: burns}}, spec: {{conditions: [{fast}, {slow}]}}}}]
"
    )
}

struct Text(String);

impl World for Text {
    fn read(&self, _path: &Path) -> Result<String, String> {
        Ok(self.0.clone())
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(vec![pattern.to_owned()])
    }
}
