//! A configuration, requests of spans made by a few words, and what came of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel::config::{self, World as Reads};
use evenkeel::decode::Encoding;
use evenkeel::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use evenkeel::decode::otlp::common::v1::any_value::Value;
use evenkeel::decode::otlp::common::v1::{AnyValue, KeyValue};
use evenkeel::decode::otlp::resource::v1::Resource;
use evenkeel::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use evenkeel::engine::view::{GroupView, SloView};
use evenkeel::engine::{
    AckToken, Effect, Effects, Engine, Fact, History, Input, Plan, Records, Request, What, fold,
};
use evenkeel::model::{Now, SECOND_NS, Signal};
use prost::Message;

use super::restarts::Restarts;

/// The beginning of every story: midnight UTC, 14 November 2023.
pub(crate) const START: u64 = 1_699_920_000;
pub(crate) const DAY: u64 = 86_400;

/// A span that ended so many seconds after the beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) at: u64,
    pub(crate) good: bool,
    pub(crate) route: &'static str,
    pub(crate) took_ms: u64,
}

impl Call {
    pub(crate) fn at(at: u64, good: bool) -> Self {
        Self { at, good, route: "/", took_ms: 10 }
    }

    pub(crate) fn to(self, route: &'static str) -> Self {
        Self { route, ..self }
    }

    pub(crate) fn took(self, took_ms: u64) -> Self {
        Self { took_ms, ..self }
    }
}

pub(crate) struct World {
    pub(crate) plan: Arc<Plan>,
    pub(crate) engine: Engine,
    /// Seconds after the beginning.
    pub(crate) now: u64,
    pub(crate) effects: Effects,
    key: u64,
    pub(crate) restarts: Restarts,
}

/// A file of this text, wherever it is asked for.
pub(crate) struct Text<'t>(pub(crate) &'t str);

impl Reads for Text<'_> {
    fn read(&self, _path: &Path) -> Result<String, String> {
        Ok(self.0.to_owned())
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

/// One receiver for everything.
pub(crate) const ONCALL: &str = "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  alerting:\n    route: {receiver: oncall}\n    receivers: [{name: oncall, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}]\n---\n";

/// Requests of `shop` that did not fail: an SLO whose parts are filled in.
pub(crate) fn slo(annotations: &[(&str, &str)], window: &str, method: &str, objectives: &str) -> String {
    with_indicator(annotations, AVAILABILITY, window, method, objectives)
}

pub(crate) const AVAILABILITY: &str = r#"ratioMetric: {counter: true, bad: {metricSource: {type: evenkeel, spec: {spans: 'status == "error"'}}}, total: {metricSource: {type: evenkeel, spec: {spans: 'kind == "server"'}}}}"#;
pub(crate) const LATENCY: &str = r#"thresholdMetric: {metricSource: {type: evenkeel, spec: {spans: 'kind == "server"', value: duration}}}"#;

pub(crate) fn with_indicator(
    annotations: &[(&str, &str)],
    indicator: &str,
    window: &str,
    method: &str,
    objectives: &str,
) -> String {
    let each = annotations.iter().map(|(name, value)| format!("evenkeel.dev/{name}: \"{value}\""));
    let annotations = each.collect::<Vec<_>>().join(", ");
    format!(
        "{ONCALL}apiVersion: openslo/v1\nkind: SLO\nmetadata:\n  name: shop\n  annotations: {{{annotations}}}\nspec:\n  service: shop\n  indicator: {{metadata: {{name: shop}}, spec: {{{indicator}}}}}\n  timeWindow: [{window}]\n  budgetingMethod: {method}\n  objectives: [{{{objectives}}}]\n"
    )
}

pub(crate) fn rolling(text: &str) -> String {
    format!("{{duration: {text}, isRolling: true}}")
}

impl World {
    pub(crate) fn new(documents: &str) -> Self {
        let loaded = config::load(&["story.yaml".into()], &Text(documents));
        let errors: Vec<_> = loaded.findings.iter().filter(|one| one.level == config::Level::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let plan = Arc::new(loaded.config.expect("no errors").plan);
        let mut engine = Engine::new(Arc::clone(&plan), Now(START * SECOND_NS));
        let restarts = Restarts::new(&mut engine, documents.len() as u64);
        let effects = Effects { records: Records::on(), ..Effects::default() };
        Self { plan, engine, now: 0, effects, key: 7, restarts }
    }

    /// So many days before the beginning at one good event a second.
    pub(crate) fn with_clean_past(documents: &str, days: u64) -> Self {
        Self::with_busy_past(documents, days, 1)
    }

    pub(crate) fn with_busy_past(documents: &str, days: u64, per_second: u64) -> Self {
        let mut world = Self::new(documents);
        // By the second as far as windows of seconds reach, by the minute before.
        let fine = START - (days * DAY).min(8 * 3_600);
        let minutes = (START - days * DAY..fine).step_by(60).map(|minute| (minute + 1, per_second * 60, 0));
        let counts = minutes.chain((fine + 1..=START).map(|second| (second, per_second, 0))).collect();
        world.step(Input::Injected(History { slo: "shop".to_owned(), counts }));
        world
    }

    pub(crate) fn step(&mut self, input: Input) {
        self.engine.step(Now((START + self.now) * SECOND_NS), input, &mut self.effects);
        self.restarts.after(&mut self.engine, &mut self.effects.records, &self.plan);
    }

    /// One request, now.
    pub(crate) fn send(&mut self, calls: &[Call]) {
        let body = request(calls);
        self.send_bytes(Signal::Traces, &body);
    }

    pub(crate) fn send_bytes(&mut self, signal: Signal, body: &[u8]) {
        let now = Now((START + self.now) * SECOND_NS);
        let request = Request { signal, encoding: Encoding::Protobuf, body, now };
        let batch = Box::new(fold(&self.plan, self.key, &request).expect("a sound request"));
        self.step(Input::Observed { token: AckToken(0), batch });
    }

    /// One request a second for so long, of one call each.
    pub(crate) fn run(&mut self, seconds: u64, good: bool) {
        for _ in 0..seconds {
            self.now += 1;
            self.send(&[Call::at(self.now, good)]);
        }
    }

    /// One request a second with so many calls, of which the first ones fail.
    pub(crate) fn busy(&mut self, seconds: u64, calls: u64, bad: u64) {
        for _ in 0..seconds {
            self.now += 1;
            let each: Vec<Call> = (0..calls).map(|call| Call::at(self.now, call >= bad)).collect();
            self.send(&each);
        }
    }

    /// Time goes by and nothing comes.
    pub(crate) fn quiet(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1;
            self.step(Input::Tick);
        }
    }

    /// `SECONDS NAME DETAILS`, those about notifications apart, one a line.
    pub(crate) fn facts(&mut self) -> Vec<String> {
        let facts = std::mem::take(&mut self.effects.facts);
        facts.iter().filter(|fact| !fact.what.name().starts_with("notification.")).map(told).collect()
    }

    pub(crate) fn notified(&mut self) -> Vec<String> {
        let requests = std::mem::take(&mut self.effects.requests);
        let notices = requests.into_iter().filter_map(|request| match request {
            Effect::Notify(one) => {
                Some(format!("{} {} {}", one.transition.as_str(), one.receiver, one.alert.condition))
            }
            Effect::Acknowledge { .. } | Effect::Run(_) | Effect::Answer { .. } => None,
        });
        notices.collect()
    }

    pub(crate) fn view(&self) -> SloView {
        self.engine.slo("shop").expect("the SLO of the story")
    }

    pub(crate) fn group(&self) -> GroupView {
        self.view().objectives[0].groups[0].clone()
    }

    /// good, bad
    pub(crate) fn counted(&self) -> (u64, u64) {
        let counts = self.engine.counts();
        (counts.slos.iter().map(|one| one.good).sum(), counts.slos.iter().map(|one| one.bad).sum())
    }
}

fn told(fact: &Fact) -> String {
    let at = fact.at.seconds() as i64 - START as i64;
    let group: Vec<&str> = fact.group.values().map(String::as_str).collect();
    let group = if group.is_empty() { String::new() } else { format!(" [{}]", group.join(" ")) };
    let details = match &fact.what {
        What::AlertFired(change) | What::AlertResolved(change) => {
            let objective = change.objective.as_deref().map_or(String::new(), |name| format!("{name} "));
            format!(" {objective}{}", change.condition)
        }
        What::EpisodeOpened(change) | What::EpisodeEscalated(change) | What::EpisodeClosed(change) => {
            let episode = &change.episode;
            format!(" {}.{} {} {}", episode.number, episode.sequence, episode.priority, episode.severity)
        }
        What::BudgetSpent(change) | What::BudgetRestored(change) | What::SlaBreached(change) => {
            change.objective.as_deref().map_or(String::new(), |name| format!(" {name}"))
        }
        What::BudgetAmended { good, bad, .. } => format!(" +{good} +{bad}"),
        What::ExclusionEnded { good, bad, .. } => format!(" {good} {bad}"),
        _ => String::new(),
    };
    format!("{at} {}{group}{details}", fact.what.name())
}

pub(crate) fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value }
}

pub(crate) fn request(calls: &[Call]) -> Vec<u8> {
    request_of(calls, &[])
}

/// Of a resource with more attributes than its name.
pub(crate) fn request_of(calls: &[Call], resource: &[(&str, &str)]) -> Vec<u8> {
    let spans = calls.iter().enumerate().map(|(index, call)| {
        let end = (START + call.at) * SECOND_NS;
        Span {
            trace_id: [7; 16].to_vec(),
            span_id: (index as u64 + 1).to_be_bytes().to_vec(),
            name: "GET".to_owned(),
            kind: 2,
            start_time_unix_nano: end - call.took_ms * 1_000_000,
            end_time_unix_nano: end,
            attributes: vec![attribute("http.route", call.route)],
            status: Some(Status { code: if call.good { 0 } else { 2 }, ..Status::default() }),
            ..Span::default()
        }
    });
    let scope = ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() };
    let named = [("service.name", "shop")];
    let attributes = named.iter().chain(resource).map(|(name, value)| attribute(name, value)).collect();
    let resource = Resource { attributes, ..Resource::default() };
    let spans = ResourceSpans { resource: Some(resource), scope_spans: vec![scope], ..Default::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec()
}
