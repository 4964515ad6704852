//! What the benches share: spans of a usual size, twenty rules and twenty service levels, and clocks for CPU time.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use evenkeel::config::{self, Config, World};
use evenkeel::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use evenkeel::decode::otlp::common::v1::any_value::Value;
use evenkeel::decode::otlp::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use evenkeel::decode::otlp::resource::v1::Resource;
use evenkeel::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use evenkeel::model::{SECOND_NS, Signal};
use evenkeel::send::Export;
use prost::Message;

/// Spans of one request, as the batch processors of SDK and Collector send them at most.
pub const SPANS: u64 = 1_000;
const SERVICES: u64 = 5;

fn text(key: &str, value: &str) -> KeyValue {
    entry(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: u64) -> KeyValue {
    entry(key, Value::IntValue(value as i64))
}

fn entry(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

/// A well-mixed number of a number.
pub fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A server span with 12 attributes; one in fifty failed.
fn span(id: u64, end_ns: u64) -> Span {
    let chance = mixed(id);
    let failed = chance.is_multiple_of(50);
    let duration_ns = 1_000_000 + chance % 400_000_000;
    Span {
        trace_id: [mixed(id ^ 1).to_be_bytes(), chance.to_be_bytes()].concat(),
        span_id: mixed(id ^ 2).to_be_bytes().to_vec(),
        parent_span_id: mixed(id ^ 3).to_be_bytes().to_vec(),
        name: "GET /api/v1/items/{id}".to_owned(),
        kind: 2,
        start_time_unix_nano: end_ns - duration_ns,
        end_time_unix_nano: end_ns,
        attributes: vec![
            text("http.request.method", "GET"),
            text("http.route", "/api/v1/items/{id}"),
            text("url.scheme", "https"),
            text("url.path", &format!("/api/v1/items/{}", chance % 100_000)),
            number("http.response.status_code", if failed { 503 } else { 200 }),
            text("server.address", "shop.example.com"),
            number("server.port", 443),
            text("client.address", "192.0.2.17"),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) Shop/3.1"),
            text("network.protocol.version", "1.1"),
            number("http.response.body.size", chance % 20_000),
            text("shop.cart.id", &format!("{chance:016x}")),
        ],
        status: Some(Status { code: if failed { 2 } else { 0 }, ..Status::default() }),
        ..Span::default()
    }
}

/// The `sequence`-th request: five services, two scopes each, ends spread over two seconds before `now_ns`.
pub fn request(sequence: u64, now_ns: u64) -> Export {
    let each = SPANS / SERVICES / 2;
    let scope = |service: u64, scope: u64| {
        let first = (sequence * SPANS) + (service * 2 + scope) * each;
        let at = |id: u64| now_ns - (id % SPANS) * (2 * SECOND_NS / SPANS);
        ScopeSpans {
            scope: Some(InstrumentationScope { name: format!("shop.http{scope}"), ..Default::default() }),
            spans: (first..first + each).map(|id| span(id, at(id))).collect(),
            ..ScopeSpans::default()
        }
    };
    let resource = |service: u64| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![
                text("service.name", &format!("svc-{service}")),
                text("service.version", "1.4.2"),
                text("host.name", "node-17.shop.example.com"),
                text("telemetry.sdk.language", "go"),
            ],
            ..Resource::default()
        }),
        scope_spans: (0..2).map(|number| scope(service, number)).collect(),
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest { resource_spans: (0..SERVICES).map(resource).collect() };
    Export { signal: Signal::Traces, items: SPANS, body: request.encode_to_vec() }
}

/// Twenty rules of the kinds that people write.
pub fn rules() -> String {
    let mut yaml = "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  filter:\n".to_owned();
    for path in ["/healthz", "/livez", "/readyz", "/metrics"] {
        let _ = writeln!(yaml, "    - {{name: 'no{path}', drop: 'span && url.path == \"{path}\"'}}");
    }
    yaml.push_str("  classify:\n");
    let classify = [
        r#"log && body.contains("No space left")"#,
        r#"log && severity >= 21"#,
        r#"span && service.name == "svc-7" && http.response.status_code >= 500"#,
        r#"span && service.name == "svc-8" && http.response.status_code >= 500"#,
        r#"span && url.path.startsWith("/admin")"#,
        r#"span && url.path.startsWith("/internal/debug")"#,
        r#"span && http.route == "/api/v1/orders" && status == "error""#,
        r#"span && http.request.method == "DELETE" && http.response.status_code >= 400"#,
        r#"span && user_agent.original.contains("sqlmap")"#,
        r#"span && duration > duration("2s")"#,
        r#"span && http.response.status_code == 429"#,
        r#"span && http.response.status_code in [401, 403]"#,
        r#"span && kind == "consumer" && status == "error""#,
        r#"span && server.address.endsWith(".internal")"#,
        r#"span && has(exception.type) && status != "error""#,
        r#"span && http.response.status_code >= 500 && service.name == "svc-1""#,
    ];
    for (index, when) in classify.iter().enumerate() {
        let category = ["exception", "warning", "informational"][index % 3];
        let _ = writeln!(yaml, "    - {{name: rule-{index}, when: '{when}', category: {category}}}");
    }
    yaml
}

/// One service level: requests without an error, or faster than a limit.
pub fn service_level(name: &str, service: &str, latency: bool) -> String {
    let total = format!(r#"service.name == "{service}" && kind == "server""#);
    let indicator = match latency {
        true => format!(
            "thresholdMetric: {{metricSource: {{type: evenkeel, spec: {{spans: '{total}', value: duration}}}}}}"
        ),
        false => format!(
            "ratioMetric: {{counter: true, bad: {{metricSource: {{type: evenkeel, spec: {{spans: '{total} && http.response.status_code >= 500'}}}}}}, total: {{metricSource: {{type: evenkeel, spec: {{spans: '{total}'}}}}}}}}"
        ),
    };
    let objective = if latency { "target: 0.5, op: lte, value: 0.3" } else { "target: 0.99" };
    format!(
        "---\napiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {name}}}\nspec:\n  service: {service}\n  indicator: {{metadata: {{name: {name}}}, spec: {{{indicator}}}}}\n  timeWindow: [{{duration: 28d, isRolling: true}}]\n  budgetingMethod: Occurrences\n  objectives: [{{{objective}}}]\n"
    )
}

/// Twenty rules, and this many service levels over the five services.
pub fn documents(service_levels: u64) -> String {
    let level = |index: u64| {
        service_level(&format!("slo-{index}"), &format!("svc-{}", index % SERVICES), index.is_multiple_of(2))
    };
    rules() + &(0..service_levels).map(level).collect::<String>()
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

pub fn config(documents: String) -> Config {
    let loaded = config::load(&["bench.yaml".into()], &Text(documents));
    assert_eq!(loaded.errors(), 0, "{:?}", loaded.findings);
    loaded.config.expect("no errors")
}

/// CPU time of this thread so far, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells CPU time here");
    line.split(' ').next().and_then(|first| first.parse().ok()).expect("nanoseconds come first")
}

/// User and system time of a process so far, in seconds.
pub fn cpu_s(pid: u32) -> f64 {
    // Fields 14 and 15 of the line, in ticks; the name in parentheses may hold spaces.
    let line = proc(pid, "stat");
    let fields: Vec<&str> = line.rsplit(") ").next().expect("a last part").split(' ').collect();
    const TICKS_PER_S: f64 = 100.0;
    [fields[11], fields[12]].map(|ticks| ticks.parse::<f64>().expect("ticks")).iter().sum::<f64>()
        / TICKS_PER_S
}

/// The most resident memory of a process so far, in MiB.
pub fn peak_memory_mib(pid: u32) -> f64 {
    let status = proc(pid, "status");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak here");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of kB") / 1024.0
}

fn proc(pid: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the process lives")
}
