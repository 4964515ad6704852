//! The metrics of `/metrics`: one table of names, and a writer for the text format of Prometheus
//! (exposition format 0.0.4).

use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
}

/// One row of the table. Labels are the only ones that the metric may have.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// Names the rows, so that a sample can not be written under a name that the table lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Registered {
    BuildInfo,
    Items,
    Requests,
    InFlightBytes,
    InFlightItems,
    Connections,
    ConnectionsOpen,
    ConnectionsRefused,
    Denied,
    Events,
    EventsFuture,
    EventsLate,
    EventsExpired,
    EventsMerged,
    MetricSeries,
    MetricSeriesLimit,
    MetricPoints,
    RuleHits,
    RuleMismatches,
    ServiceItems,
    SloEvents,
    SloEventsExcluded,
    SloEventsOverflow,
    SloSli,
    SloObjective,
    SloBudgetRemaining,
    SloCoverage,
    SloBurnRate,
    SloConditionFiring,
    SloStateBytes,
    AlertsOpen,
    Notifications,
    NotificationsPending,
    DeliveryAttempts,
    DeliveryChanges,
    ReceiverBroken,
    Heartbeats,
    ReloadSuccessful,
    ReloadSuccessTime,
    StateKept,
    StateBytes,
    StateCommits,
    StateJournalBytes,
    StateImages,
    StateFailures,
    RecorderOn,
    RecorderBytes,
    RecorderWritten,
    RecorderMissed,
    RecorderFailures,
    KafkaUp,
    KafkaPartitions,
    KafkaRebalances,
    KafkaRewinds,
    KafkaErrors,
    KafkaOffset,
    KafkaRecords,
    KafkaLag,
    KafkaWatermark,
    KafkaProduced,
    RunbookRuns,
    RunbookTriggersRefused,
    RunbookVerdicts,
    RunbookSaved,
    RunbookStopped,
    RunsOpen,
    ProcessCpuSeconds,
    ProcessResidentBytes,
    ProcessStartTime,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

/// In the order of [`Registered`].
pub const TABLE: [Metric; 69] = [
    gauge("evenkeel_build_info", &["version"], "Always 1; the version is a label."),
    counter(
        "evenkeel_ingest_items_total",
        &["signal", "outcome"],
        "Spans, log records and metric points by what became of them: accepted, duplicate, refused, rejected.",
    ),
    counter(
        "evenkeel_ingest_requests_total",
        &["transport", "signal", "outcome"],
        "Export requests by transport and outcome.",
    ),
    gauge("evenkeel_ingest_in_flight_bytes", &[], "Decompressed bytes of the requests under way."),
    gauge(
        "evenkeel_ingest_in_flight_items",
        &[],
        "Items of requests that were read and are not answered yet.",
    ),
    counter("evenkeel_connections_total", &["listener"], "Connections that were accepted."),
    gauge("evenkeel_connections_open", &["listener"], "Connections that are open."),
    counter(
        "evenkeel_connections_refused_total",
        &["listener", "reason"],
        "Connections that we ended: too many of one peer, a failed handshake, cut for flooding or not reading.",
    ),
    counter(
        "evenkeel_requests_denied_total",
        &["listener", "reason"],
        "Requests that might not come in: unauthenticated, forbidden, rate_limited.",
    ),
    counter(
        "evenkeel_events_total",
        &["category"],
        "Events by category: filtered, informational, warning, exception.",
    ),
    counter("evenkeel_events_future_total", &[], "Events dated more than ten minutes ahead of our clock."),
    counter("evenkeel_events_late_total", &[], "Events more than ten seconds behind the newest one."),
    counter("evenkeel_events_expired_total", &[], "Events older than the longest window."),
    counter("evenkeel_events_merged_total", &[], "Warnings and exceptions without a record of their own."),
    gauge("evenkeel_metric_series", &[], "Series of metrics whose last point is kept."),
    gauge("evenkeel_metric_series_limit", &[], "Series that may be kept; those beyond share `overflow`."),
    counter(
        "evenkeel_metric_points_total",
        &["outcome"],
        "Points that did not simply count, by why: reset, duplicate, gap, baseline, overflow, uncounted, unusable.",
    ),
    counter("evenkeel_rule_hits_total", &["list", "rule"], "Events that a rule or default decided about."),
    counter(
        "evenkeel_rule_mismatches_total",
        &["list", "rule"],
        "Comparisons of two types that can not be compared, by what compared: filter, classify, slo.",
    ),
    counter("evenkeel_service_items_total", &["service", "signal"], "Accepted items by service."),
    counter(
        "evenkeel_slo_events_total",
        &["slo", "objective", "result"],
        "Good and bad events of an SLO, all groups together; by objective where objectives count different things.",
    ),
    counter("evenkeel_slo_excluded_events_total", &["slo"], "Events of a time that does not count."),
    counter("evenkeel_slo_overflow_events_total", &["slo"], "Events that share the group overflow."),
    gauge(
        "evenkeel_slo_sli_ratio",
        &["slo", "objective", "group"],
        "Good events or slices over all of the SLO's window; at most 100 groups, those with the least budget.",
    ),
    gauge("evenkeel_slo_objective_ratio", &["slo", "objective"], "The target of the SLO."),
    gauge(
        "evenkeel_slo_budget_remaining_ratio",
        &["slo", "objective", "group"],
        "What is left of the error budget, coverage-scaled; negative when overspent.",
    ),
    gauge("evenkeel_slo_coverage_ratio", &["slo"], "The share of the SLO's window that has been seen."),
    gauge(
        "evenkeel_slo_burn_rate",
        &["slo", "objective", "group", "condition", "window"],
        "Burn rate over a condition's long and short window, coverage-scaled.",
    ),
    gauge(
        "evenkeel_slo_condition_firing",
        &["slo", "objective", "group", "condition"],
        "1 while the condition is true.",
    ),
    gauge("evenkeel_slo_state_bytes", &["slo"], "Memory of the SLO's buckets."),
    gauge("evenkeel_alerts_open", &["severity"], "Open alerts."),
    counter(
        "evenkeel_notifications_total",
        &["what"],
        "Transitions times receivers: triggered, escalated, resolved; and their outcome: delivered, failed.",
    ),
    gauge("evenkeel_notifications_pending", &[], "Notifications whose outcome is not known yet."),
    counter(
        "evenkeel_delivery_attempts_total",
        &["receiver", "outcome"],
        "Attempts to deliver to a receiver: delivered, retried, failed.",
    ),
    counter(
        "evenkeel_delivery_changes_total",
        &["receiver", "what"],
        "Notifications that were truncated to a service's limits, collapsed with their end in a full queue, handed_over to the fallback.",
    ),
    gauge(
        "evenkeel_receiver_broken_integrations",
        &["receiver"],
        "Integrations of a receiver that have let nothing through for five minutes.",
    ),
    counter(
        "evenkeel_heartbeats_total",
        &["outcome"],
        "Signs of life for the watcher outside: taken, failed, withheld because the ledger did not answer.",
    ),
    gauge("evenkeel_config_last_reload_successful", &[], "1 unless the last reload was rejected."),
    gauge(
        "evenkeel_config_last_reload_success_timestamp_seconds",
        &[],
        "When a configuration was last put into effect, since 1970-01-01 UTC.",
    ),
    gauge("evenkeel_state_kept", &[], "1 while what is decided is written down and what comes in is taken."),
    gauge("evenkeel_state_bytes", &[], "Bytes of the state on its volume."),
    counter("evenkeel_state_commits_total", &[], "Groups that were made durable."),
    counter("evenkeel_state_journal_bytes_total", &[], "Bytes of the journal's groups."),
    counter("evenkeel_state_images_total", &[], "Images of the state, each of which empties the journal."),
    counter("evenkeel_state_failures_total", &[], "Writes or syncs of the state that failed."),
    gauge("evenkeel_recorder_on", &[], "1 while what comes in is recorded."),
    gauge("evenkeel_recorder_bytes", &[], "Bytes of the recordings that are kept."),
    counter(
        "evenkeel_recorder_written_bytes_total",
        &[],
        "Bytes that were recorded, images of the state among them.",
    ),
    counter(
        "evenkeel_recorder_missed_groups_total",
        &[],
        "Groups that came faster than a recording could take them.",
    ),
    counter("evenkeel_recorder_failures_total", &[], "Failures that stopped the recorder for a minute."),
    gauge("evenkeel_kafka_up", &[], "1 while topics are read, or no partition of them is for this member."),
    gauge("evenkeel_kafka_partitions", &[], "Partitions that this member reads."),
    counter(
        "evenkeel_kafka_rebalances_total",
        &[],
        "Times that partitions were given or taken by the group.",
    ),
    counter(
        "evenkeel_kafka_rewinds_total",
        &[],
        "Times that a partition was read again from where it stands, as after a reload.",
    ),
    counter("evenkeel_kafka_errors_total", &[], "Errors of the client, of brokers and of records."),
    gauge(
        "evenkeel_kafka_partition_offset",
        &["topic", "partition"],
        "The offset of the record that comes next; all before it are in the counts.",
    ),
    counter(
        "evenkeel_kafka_records_total",
        &["topic", "partition", "outcome"],
        "Records that were counted, could not be read (poison), or were gone before they were read (lost).",
    ),
    gauge(
        "evenkeel_kafka_partition_lag",
        &["topic", "partition"],
        "Records between what was handed out and the partition's end.",
    ),
    gauge(
        "evenkeel_kafka_partition_watermark_seconds",
        &["topic", "partition"],
        "The newest event time of a partition, since 1970-01-01 UTC.",
    ),
    counter(
        "evenkeel_kafka_produced_total",
        &["what", "outcome"],
        "Records for topics: dead_letters or published, that were delivered, found no room (dropped), or failed.",
    ),
    counter("evenkeel_runbook_runs_total", &["runbook", "outcome"], "Runs of a runbook that have ended."),
    counter(
        "evenkeel_runbook_refused_total",
        &["runbook"],
        "Triggers and approvals that were refused; each run says why.",
    ),
    counter(
        "evenkeel_runbook_verdicts_total",
        &["runbook", "verdict"],
        "Runs by what the indicator did after them.",
    ),
    counter(
        "evenkeel_runbook_saved_seconds_total",
        &["runbook"],
        "What people would have needed for the runs that helped.",
    ),
    gauge("evenkeel_runbook_stopped", &["runbook"], "1 while none of its runs begins by itself."),
    gauge(
        "evenkeel_runs_open",
        &["state"],
        "Runs that wait for approval, for their turn, are under way, or need a person.",
    ),
    counter("process_cpu_seconds_total", &[], "CPU time that the process has used."),
    gauge("process_resident_memory_bytes", &[], "Memory of the process in RAM."),
    gauge("process_start_time_seconds", &[], "When the process started, since 1970-01-01 UTC."),
];

/// One value of a metric: the labels in the order of its row.
#[derive(Clone, Debug)]
pub struct Sample {
    pub labels: Vec<String>,
    pub value: String,
}

/// Collects samples and writes them grouped by metric.
#[derive(Clone, Debug)]
pub struct Metrics {
    samples: [Vec<Sample>; TABLE.len()],
}

impl Default for Metrics {
    fn default() -> Self {
        Self { samples: std::array::from_fn(|_| Vec::new()) }
    }
}

impl Metrics {
    /// One sample; the label values in the order of the table's row.
    pub fn put(&mut self, metric: Registered, labels: &[&str], value: impl std::fmt::Display) {
        let row = &TABLE[metric as usize];
        debug_assert_eq!(labels.len(), row.labels.len(), "{} has the labels of its row", row.name);
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        self.samples[metric as usize].push(Sample { labels, value: value.to_string() });
    }

    /// Of the table's row at this place.
    pub(super) fn samples(&self, place: usize) -> &[Sample] {
        self.samples.get(place).map_or(&[], Vec::as_slice)
    }

    /// The text of a scrape; metrics without samples are left out.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (row, samples) in TABLE.iter().zip(&self.samples).filter(|(_, samples)| !samples.is_empty()) {
            let kind = match row.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            let _infallible = write!(text, "# HELP {0} {1}\n# TYPE {0} {kind}\n", row.name, row.help);
            samples.iter().for_each(|sample| line(&mut text, row, sample));
        }
        text
    }
}

fn line(text: &mut String, row: &Metric, sample: &Sample) {
    text.push_str(row.name);
    // To Prometheus a label without a value is one that is not there.
    let labels = row.labels.iter().zip(&sample.labels).filter(|(_, label)| !label.is_empty());
    let mut open = '{';
    for (name, label) in labels {
        let _infallible = write!(text, "{open}{name}=\"{}\"", escaped(label));
        open = ',';
    }
    let close = if open == '{' { "" } else { "}" };
    let _infallible = writeln!(text, "{close} {}", sample.value);
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_is_grouped_by_metric_and_escapes_labels() {
        let mut metrics = Metrics::default();
        metrics.put(Registered::Items, &["spans", "accepted"], 3);
        metrics.put(Registered::BuildInfo, &["a\"b\\c\nd"], 1);
        metrics.put(Registered::Items, &["spans", "refused"], 0);
        let text = metrics.text();
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                r#"evenkeel_build_info{version="a\"b\\c\nd"} 1"#,
                r#"evenkeel_ingest_items_total{signal="spans",outcome="accepted"} 3"#,
                r#"evenkeel_ingest_items_total{signal="spans",outcome="refused"} 0"#,
            ]
        );
    }

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        assert_eq!(TABLE.len(), Registered::ProcessStartTime as usize + 1);
        for row in &TABLE {
            let snake = row.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(snake, "{} is snake case", row.name);
            assert_eq!(row.kind == Kind::Counter, row.name.ends_with("_total"), "{}", row.name);
            assert!(row.help.ends_with('.'), "{} has a help text", row.name);
        }
    }
    #[test]
    fn the_documentation_has_each_metric_with_its_type_labels_and_meaning() {
        let documented: Vec<&str> = include_str!("../../docs/telemetry.md")
            .lines()
            .filter(|line| line.starts_with("| `evenkeel_") || line.starts_with("| `process_"))
            .collect();
        let rows = TABLE.iter().map(|row| {
            let kind = if row.kind == Kind::Counter { "counter" } else { "gauge" };
            let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
            let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
            format!("| `{}` | {kind} | {labels} | {} |", row.name, row.help)
        });
        assert_eq!(documented, rows.collect::<Vec<_>>());
    }
}
