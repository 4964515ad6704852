//! What the benches share: telemetry of a usual size, ways to send it, twenty rules and twenty service levels, and
//! clocks for CPU time.

pub mod json;
pub mod traffic;
pub mod wire;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use evenkeel::config::{self, Config, World};
use evenkeel::model::Signal;

use traffic::SERVICES;

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
    slo(name, service, &indicator, if latency { "target: 0.5, op: lte, value: 0.3" } else { "target: 0.99" })
}

fn slo(name: &str, service: &str, indicator: &str, objective: &str) -> String {
    format!(
        "---\napiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {name}}}\nspec:\n  service: {service}\n  indicator: {{metadata: {{name: {name}}}, spec: {{{indicator}}}}}\n  timeWindow: [{{duration: 28d, isRolling: true}}]\n  budgetingMethod: Occurrences\n  objectives: [{{{objective}}}]\n"
    )
}

/// The same of log records and of metric points: failures among all, and for points the duration too.
fn other_level(signal: Signal, name: &str, service: &str, odd: bool) -> String {
    let spec = |what: &str| format!("{{metricSource: {{type: evenkeel, spec: {{{what}}}}}}}");
    let counted = |good: &str, total: &str| {
        format!("ratioMetric: {{counter: true, good: {}, total: {}}}", spec(good), spec(total))
    };
    let of = format!(r#"service.name == "{service}""#);
    let (indicator, objective) = match (signal, odd) {
        (Signal::Metrics, true) => {
            let durations = format!(r#"metrics: 'name == "http.server.request.duration" && {of}'"#);
            (format!("thresholdMetric: {}", spec(&durations)), "target: 0.5, op: lte, value: 0.25")
        }
        (Signal::Metrics, false) => {
            let total = format!(r#"name == "http.server.requests" && {of}"#);
            let good = format!("metrics: '{total} && http.response.status_code < 500'");
            (counted(&good, &format!("metrics: '{total}'")), "target: 0.99")
        }
        (_, odd) => {
            let good = if odd { "severity < 17" } else { "http.response.status_code < 500" };
            (counted(&format!("logs: '{of} && {good}'"), &format!("logs: '{of}'")), "target: 0.99")
        }
    };
    slo(name, service, &indicator, objective)
}

/// Twenty rules, and this many service levels of one signal over the five services.
pub fn documents(signal: Signal, service_levels: u64) -> String {
    let level = |index: u64| {
        let (name, service) = (format!("slo-{index}"), format!("svc-{}", index % SERVICES));
        match signal {
            Signal::Traces => service_level(&name, &service, index.is_multiple_of(2)),
            _ => other_level(signal, &name, &service, index.is_multiple_of(2)),
        }
    };
    rules() + &(0..service_levels).map(level).collect::<String>()
}

/// So many rules and service levels, four of each for one service: of twenty as of two thousand those of five services
/// concern the traffic.
pub fn many(each: u64) -> String {
    let mut yaml = "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  filter:\n".to_owned();
    let of = |index: u64| format!("span && service.name == \"svc-{}\"", index / 2);
    for index in 0..each / 2 {
        let path = ["/healthz", "/metrics"][index as usize % 2];
        let _ = writeln!(yaml, "    - {{name: no-{index}, drop: '{} && url.path == \"{path}\"'}}", of(index));
    }
    yaml.push_str("  classify:\n");
    for index in 0..each / 2 {
        let (when, code) = (of(index), 500 + index % 4);
        let _ = writeln!(
            yaml,
            "    - {{name: rule-{index}, when: '{when} && http.response.status_code == {code}', category: warning}}",
        );
    }
    let level = |index: u64| {
        service_level(&format!("slo-{index}"), &format!("svc-{}", index / 4), index.is_multiple_of(2))
    };
    yaml + &(0..each).map(level).collect::<String>()
}

/// Documents, in files that are not too large.
struct Files(Vec<String>);

impl World for Files {
    fn read(&self, path: &Path) -> Result<String, String> {
        let place = path.to_str().and_then(|name| name.split('.').next()?.parse::<usize>().ok());
        place.and_then(|place| self.0.get(place)).cloned().ok_or_else(|| "there is no such file".to_owned())
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

pub fn config(documents: String) -> Config {
    const DOCUMENTS_OF_A_FILE: usize = 500;
    let all: Vec<&str> = documents.split("---\n").collect();
    let files: Vec<String> = all.chunks(DOCUMENTS_OF_A_FILE).map(|some| some.join("---\n")).collect();
    let paths: Vec<PathBuf> = (0..files.len()).map(|place| format!("{place}.yaml").into()).collect();
    let loaded = config::load(&paths, &Files(files));
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
    memory_mib(pid, "VmHWM:")
}

/// The resident memory of a process now, in MiB.
pub fn resident_memory_mib(pid: u32) -> f64 {
    memory_mib(pid, "VmRSS:")
}

fn memory_mib(pid: u32, field: &str) -> f64 {
    let status = proc(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("Linux tells memory here");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of kB") / 1024.0
}

fn proc(pid: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the process lives")
}

/// Nanoseconds since 1970.
pub fn wall_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_nanos() as u64
}

/// The words that were given to the bench, `--bench` of cargo's left out.
pub fn words() -> Vec<String> {
    std::env::args().skip(1).filter(|word| !word.starts_with("--")).map(|word| word.to_lowercase()).collect()
}

/// Whether a part of this name is asked for: it holds each of the words.
pub fn is_asked_for(name: &str, words: &[String]) -> bool {
    let name = name.to_lowercase();
    words.iter().all(|word| name.contains(word.as_str()))
}

pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Forgets the most resident memory of a process so far; that now, in MiB.
pub fn watch_memory(pid: u32) -> f64 {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the process is ours");
    resident_memory_mib(pid)
}
