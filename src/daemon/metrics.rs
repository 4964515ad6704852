//! One scrape: the engine's views and the edges' counters under the names of the metrics table.

use super::commit::StateCounts;
use super::recorder::RecorderCounts;
use crate::api::KafkaView;
use crate::door::{Listener, ListenerCounts};
use crate::engine::view::{AlertView, Counts, GroupView, SloCounts, SloView};
use crate::engine::{RunCounts, RunbookView};
use crate::ingest::Snapshot;
use crate::model::{Labels, Severity};
use crate::respond::{BeatCounts, ReceiverCounts};
use crate::telemetry::{Metrics, Registered as Name, process};

pub(super) struct Edges {
    pub(super) listeners: [ListenerCounts; Listener::ALL.len()],
    pub(super) in_flight_bytes: u64,
    pub(super) in_flight_items: u64,
    pub(super) requests: Snapshot,
    pub(super) receivers: Vec<ReceiverCounts>,
    pub(super) heartbeats: Option<BeatCounts>,
    /// Whether the last one was good, and when one last was, in seconds since 1970.
    pub(super) reload: (bool, u64),
    pub(super) state: StateCounts,
    pub(super) recorder: RecorderCounts,
    pub(super) kafka: KafkaView,
    pub(super) runbooks: Vec<RunbookView>,
    pub(super) runs: RunCounts,
}

pub(super) fn scrape(counts: &Counts, slos: &[SloView], alerts: &[AlertView], edges: &Edges) -> Metrics {
    let mut metrics = Metrics::default();
    metrics.put(Name::BuildInfo, &[env!("CARGO_PKG_VERSION")], 1);
    put_books(&mut metrics, counts);
    slos.iter().for_each(|slo| put_slo(&mut metrics, slo));
    put_alerts(&mut metrics, counts, alerts);
    put_edges(&mut metrics, edges);
    let (good, good_at_s) = edges.reload;
    metrics.put(Name::ReloadSuccessful, &[], u64::from(good));
    metrics.put(Name::ReloadSuccessTime, &[], good_at_s);
    put_state(&mut metrics, edges.state);
    put_recorder(&mut metrics, edges.recorder);
    put_kafka(&mut metrics, &edges.kafka);
    put_runbooks(&mut metrics, edges);
    put_process(&mut metrics);
    metrics
}

fn put_runbooks(metrics: &mut Metrics, edges: &Edges) {
    for one in &edges.runbooks {
        for (end, count) in one.tally.ends() {
            metrics.put(Name::RunbookRuns, &[&one.name, end.as_str()], count);
        }
        metrics.put(Name::RunbookTriggersRefused, &[&one.name], one.tally.refused);
        for (verdict, count) in one.tally.verdicts() {
            metrics.put(Name::RunbookVerdicts, &[&one.name, verdict.as_str()], count);
        }
        metrics.put(Name::RunbookSaved, &[&one.name], one.saved_s);
        metrics.put(Name::RunbookStopped, &[&one.name], u8::from(one.stopped_until.is_some()));
    }
    let RunCounts { for_approval, waiting, under_way, need_a_person } = edges.runs;
    for (state, count) in [
        ("waits_for_approval", for_approval),
        ("waiting", waiting),
        ("running", under_way),
        ("needs_a_person", need_a_person),
    ] {
        metrics.put(Name::RunsOpen, &[state], count);
    }
}

fn put_state(metrics: &mut Metrics, state: StateCounts) {
    metrics.put(Name::StateKept, &[], u64::from(state.kept));
    metrics.put(Name::StateBytes, &[], state.bytes);
    metrics.put(Name::StateCommits, &[], state.commits);
    metrics.put(Name::StateJournalBytes, &[], state.committed_bytes);
    metrics.put(Name::StateImages, &[], state.images);
    metrics.put(Name::StateFailures, &[], state.failures);
}

fn put_recorder(metrics: &mut Metrics, recorder: RecorderCounts) {
    metrics.put(Name::RecorderOn, &[], u64::from(recorder.on));
    metrics.put(Name::RecorderBytes, &[], recorder.kept_bytes);
    metrics.put(Name::RecorderWritten, &[], recorder.written_bytes);
    metrics.put(Name::RecorderMissed, &[], recorder.missed);
    metrics.put(Name::RecorderFailures, &[], recorder.failures);
}

fn put_kafka(metrics: &mut Metrics, kafka: &KafkaView) {
    for (what, of) in [("dead_letters", kafka.dead_letters), ("published", kafka.published)] {
        for (outcome, count) in [("delivered", of.delivered), ("dropped", of.dropped), ("failed", of.failed)]
        {
            metrics.put(Name::KafkaProduced, &[what, outcome], count);
        }
    }
    if kafka.condition == "off" {
        return;
    }
    metrics.put(Name::KafkaUp, &[], u8::from(kafka.condition == "reading" || kafka.condition == "idle"));
    metrics.put(Name::KafkaPartitions, &[], kafka.partitions.iter().filter(|one| one.assigned).count());
    metrics.put(Name::KafkaRebalances, &[], kafka.rebalances);
    metrics.put(Name::KafkaRewinds, &[], kafka.rewinds);
    metrics.put(Name::KafkaErrors, &[], kafka.errors);
    for one in &kafka.partitions {
        let place = [&*one.topic, &one.partition.to_string()];
        metrics.put(Name::KafkaOffset, &place, one.next_offset);
        for (outcome, count) in
            [("counted", one.records - one.poison), ("poison", one.poison), ("lost", one.lost)]
        {
            metrics.put(Name::KafkaRecords, &[place[0], place[1], outcome], count);
        }
        if let Some(lag) = one.lag {
            metrics.put(Name::KafkaLag, &place, lag);
        }
        if let Some(watermark_s) = one.watermark_s {
            metrics.put(Name::KafkaWatermark, &place, watermark_s);
        }
    }
}

fn put_books(metrics: &mut Metrics, counts: &Counts) {
    for (signal, items) in &counts.items {
        for (outcome, value) in [
            ("accepted", items.accepted),
            ("duplicate", items.duplicate),
            ("refused", items.refused),
            ("rejected", items.rejected),
        ] {
            metrics.put(Name::Items, &[signal, outcome], value);
        }
    }
    let events = &counts.events;
    for (category, value) in [
        ("filtered", events.filtered),
        ("informational", events.informational),
        ("warning", events.warning),
        ("exception", events.exception),
    ] {
        metrics.put(Name::Events, &[category], value);
    }
    metrics.put(Name::EventsFuture, &[], events.future);
    metrics.put(Name::EventsLate, &[], events.late);
    metrics.put(Name::EventsExpired, &[], events.expired);
    metrics.put(Name::EventsMerged, &[], events.merged);
    put_series(metrics, counts);
    for (list, rules) in [("filter", &counts.rules.filter), ("classify", &counts.rules.classify)] {
        for rule in rules {
            metrics.put(Name::RuleHits, &[list, &rule.name], rule.hits);
            metrics.put(Name::RuleMismatches, &[list, &rule.name], rule.mismatches);
        }
    }
    for service in &counts.services {
        for (signal, value) in
            [("spans", service.spans), ("logs", service.logs), ("metrics", service.metrics)]
        {
            if value > 0 {
                metrics.put(Name::ServiceItems, &[&service.name, signal], value);
            }
        }
    }
    put_slo_events(metrics, counts);
}

/// Of all groups together.
fn put_slo_events(metrics: &mut Metrics, counts: &Counts) {
    let same = |a: &SloCounts, b: &SloCounts| a.name == b.name;
    for slo in counts.slos.chunk_by(same) {
        let mut objectives: Vec<&Option<String>> = slo.iter().map(|one| &one.objective).collect();
        objectives.sort();
        objectives.dedup();
        for objective in objectives {
            let of = slo.iter().filter(|one| one.objective == *objective);
            let (good, bad) = of.fold((0, 0), |sum, one| (sum.0 + one.good, sum.1 + one.bad));
            let name = objective.as_deref().unwrap_or("");
            metrics.put(Name::SloEvents, &[&slo[0].name, name, "good"], good);
            metrics.put(Name::SloEvents, &[&slo[0].name, name, "bad"], bad);
        }
    }
}

fn put_series(metrics: &mut Metrics, counts: &Counts) {
    metrics.put(Name::MetricSeries, &[], counts.series.held);
    metrics.put(Name::MetricSeriesLimit, &[], counts.series.limit);
    let points = counts.series.counters;
    for (outcome, value) in [
        ("reset", points.resets),
        ("duplicate", points.duplicates),
        ("gap", points.gaps),
        ("baseline", points.baselines),
        ("overflow", points.overflow),
        ("uncounted", points.uncounted),
        ("unusable", points.unusable),
    ] {
        metrics.put(Name::MetricPoints, &[outcome], value);
    }
}

/// Groups of one objective that are shown, those with the least budget first.
const GROUPS_MAX: usize = 100;

fn put_slo(metrics: &mut Metrics, slo: &SloView) {
    metrics.put(Name::SloCoverage, &[&slo.name], &slo.coverage);
    metrics.put(Name::RuleMismatches, &["slo", &slo.name], slo.mismatches);
    metrics.put(Name::SloStateBytes, &[&slo.name], slo.bytes);
    metrics.put(Name::SloEventsExcluded, &[&slo.name], slo.excluded);
    metrics.put(Name::SloEventsOverflow, &[&slo.name], slo.overflow);
    for objective in &slo.objectives {
        if let Some(target) = &objective.target {
            metrics.put(Name::SloObjective, &[&slo.name, &objective.name], target);
        }
        let mut groups: Vec<_> = objective.groups.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(millionths(&group.budget.spent)));
        for group in groups.into_iter().take(GROUPS_MAX) {
            put_group(metrics, &slo.name, &objective.name, group);
        }
    }
}

fn put_group(metrics: &mut Metrics, slo: &str, objective: &str, group: &GroupView) {
    let name = group_name(&group.group);
    let labels = [slo, objective, &name];
    if let Some(sli) = &group.sli {
        metrics.put(Name::SloSli, &labels, sli);
    }
    metrics.put(Name::SloBudgetRemaining, &labels, &group.budget.remaining);
    let mut seen = Vec::new();
    for one in &group.conditions {
        // Two conditions over the same windows are told apart by their documents' names.
        let condition = one.condition_name.as_ref().unwrap_or(&one.condition);
        if seen.contains(&condition) {
            continue;
        }
        seen.push(condition);
        let at = |window| [slo, objective, &name, condition, window];
        metrics.put(Name::SloBurnRate, &at("long"), &one.burn_long);
        metrics.put(Name::SloBurnRate, &at("short"), &one.burn_short);
        let firing = u8::from(one.state == "firing");
        metrics.put(Name::SloConditionFiring, &at("long")[..4], firing);
    }
}

/// `http.route=/pay,tenant=a`
fn group_name(group: &Labels) -> String {
    group.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

fn millionths(decimal: &str) -> u64 {
    decimal.parse::<f64>().map_or(0, |number| (number * 1e6) as u64)
}

fn put_alerts(metrics: &mut Metrics, counts: &Counts, alerts: &[AlertView]) {
    for severity in Severity::ALL {
        let open = alerts.iter().filter(|one| one.state == "open" && one.severity == severity.as_str());
        metrics.put(Name::AlertsOpen, &[severity.as_str()], open.count());
    }
    let told = &counts.notifications;
    for (what, value) in [
        ("triggered", told.triggered),
        ("escalated", told.escalated),
        ("resolved", told.resolved),
        ("delivered", told.delivered),
        ("failed", told.failed),
    ] {
        metrics.put(Name::Notifications, &[what], value);
    }
    metrics.put(Name::NotificationsPending, &[], told.pending);
}

fn put_edges(metrics: &mut Metrics, edges: &Edges) {
    metrics.put(Name::InFlightBytes, &[], edges.in_flight_bytes);
    metrics.put(Name::InFlightItems, &[], edges.in_flight_items);
    for one in &edges.requests.requests {
        let signal = one.signal.map_or("none", |signal| signal.as_str());
        metrics.put(Name::Requests, &[one.transport.as_str(), signal, one.outcome.as_str()], one.count);
    }
    for one in &edges.listeners {
        metrics.put(Name::Connections, &[one.listener.as_str()], one.accepted);
        metrics.put(Name::ConnectionsOpen, &[one.listener.as_str()], one.open);
        for (reason, count) in
            [("peer", one.refused_peer), ("handshake", one.handshakes_failed), ("cut", one.cut)]
        {
            metrics.put(Name::ConnectionsRefused, &[one.listener.as_str(), reason], count);
        }
        for (reason, count) in [
            ("unauthenticated", one.unauthenticated),
            ("forbidden", one.forbidden),
            ("rate_limited", one.rate_limited),
        ] {
            metrics.put(Name::Denied, &[one.listener.as_str(), reason], count);
        }
    }
    for one in &edges.receivers {
        for (outcome, value) in
            [("delivered", one.delivered), ("retried", one.retried), ("failed", one.failed)]
        {
            metrics.put(Name::DeliveryAttempts, &[&one.receiver, outcome], value);
        }
        for (what, value) in
            [("truncated", one.truncated), ("collapsed", one.collapsed), ("handed_over", one.handed_over)]
        {
            metrics.put(Name::DeliveryChanges, &[&one.receiver, what], value);
        }
        metrics.put(Name::ReceiverBroken, &[&one.receiver], one.broken);
    }
    if let Some(beats) = edges.heartbeats {
        for (outcome, value) in
            [("taken", beats.taken), ("failed", beats.failed), ("withheld", beats.withheld)]
        {
            metrics.put(Name::Heartbeats, &[outcome], value);
        }
    }
}

fn put_process(metrics: &mut Metrics) {
    let Some(process) = process::read() else { return };
    metrics.put(Name::ProcessCpuSeconds, &[], process.cpu_seconds);
    metrics.put(Name::ProcessResidentBytes, &[], process.resident_bytes);
    metrics.put(Name::ProcessStartTime, &[], process.started_at);
}
