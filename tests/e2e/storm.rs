//! Everything fails at once: 100,000 exceptions of 2,000 services. Each service is paged once, and not one after the
//! other has been heard: memory stays bounded, and requests are answered meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use evenkeel::decode::otlp::common::v1::{AnyValue, KeyValue, any_value};
use evenkeel::decode::otlp::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use evenkeel::decode::otlp::resource::v1::Resource;
use prost::Message;

use crate::program::{Daemon, assert_books_balance, until};
use crate::sink::Sink;

const EXCEPTIONS: u64 = 100_000;
const SERVICES: u64 = 2_000;
/// Of one request: each of other services than the one before.
const RECORDS: u64 = 500;
const MEMORY_MAX_KB: u64 = 256 * 1024;

fn documents(url: &str) -> String {
    format!(
        "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  classify:\n    - {{name: broken, when: 'log && severity >= 17', category: exception, alert: {{key: [service.name], priority: P2}}}}\n  alerting:\n    route: {{receiver: oncall}}\n    receivers: [{{name: oncall, webhook_configs: [{{url: '{url}', format: evenkeel}}]}}]\n"
    )
}

fn text(value: String) -> Option<AnyValue> {
    Some(AnyValue { value: Some(any_value::Value::StringValue(value)) })
}

fn request(first: u64) -> Vec<u8> {
    let now_ns =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let of_service = |number: u64| {
        let name = text(format!("service-{:04}", number % SERVICES));
        let record = LogRecord {
            time_unix_nano: now_ns,
            severity_number: 17,
            body: text(format!("request {number} failed: connection refused by 10.0.{}.7", number % 251)),
            ..LogRecord::default()
        };
        ResourceLogs {
            resource: Some(Resource {
                attributes: vec![KeyValue { key: "service.name".to_owned(), value: name }],
                ..Resource::default()
            }),
            scope_logs: vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }],
            ..ResourceLogs::default()
        }
    };
    let resource_logs = (first..first + RECORDS).map(of_service).collect();
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

/// Guarantees: every service is paged, once, under one key; every exception is counted; memory stays below 256 MiB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_pages_each_service_once() {
    let mut sink = Sink::start().await;
    let daemon = Daemon::start(&documents(&sink.url)).await;
    let begun = std::time::Instant::now();
    let heard = tokio::spawn(async move {
        let (mut keys, mut first) = (BTreeMap::<String, Vec<String>>::new(), None);
        while keys.len() < SERVICES as usize {
            let post = sink.next().await;
            first.get_or_insert(post.at - begun);
            assert_eq!(post.body["transition"], "trigger", "{}", post.body);
            let service = post.body["alert"]["service"].as_str().unwrap().to_owned();
            keys.entry(service).or_default().push(post.body["dedup_key"].as_str().unwrap().to_owned());
        }
        (keys, first.unwrap(), begun.elapsed(), sink)
    });
    for number in (0..EXCEPTIONS).step_by(RECORDS as usize) {
        let answer = daemon.export("logs", "application/x-protobuf", request(number)).await;
        assert_eq!(answer.0, 200, "{}", answer.1);
    }
    let sent = begun.elapsed();
    let (keys, first, all, mut sink) = heard.await.unwrap();
    until("every page is settled", || async {
        (daemon.counts().await["notifications"]["pending"] == 0).then_some(())
    })
    .await;
    let distinct: BTreeSet<&String> = keys.values().flatten().collect();
    assert!(keys.values().all(|of_service| of_service.len() == 1) && distinct.len() == keys.len());
    assert!(sink.is_quiet(), "a second page");
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    assert_eq!(counts["events"]["exception"], EXCEPTIONS);
    assert_eq!(counts["notifications"]["triggered"], SERVICES);
    let memory = daemon.memory_kb("VmHWM:");
    println!(
        "{EXCEPTIONS} exceptions of {SERVICES} services in {:.1} s: first page after {} ms, the last after {:.1} s; {} MiB at most",
        sent.as_secs_f64(),
        first.as_millis(),
        all.as_secs_f64(),
        memory / 1024
    );
    assert!(memory < MEMORY_MAX_KB, "{memory} kB");
}
