//! What the API may see: questions to the ledger, and the numbers of the edges.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::kafka::{Kafka, places};
use super::ledger::{Ledger, Sight, Unavailable};
use super::metrics;
use super::recorder::{Recorder, tap};
use super::reload::Reloader;
use crate::api::{AlertWanted, Busy, EventsWanted, KafkaView, Pieces, Reloaded, Views};
use crate::door::Entrance;
use crate::engine::report::Report;
use crate::engine::view::{AlertView, Counts, EventsView, KnownView, SloView};
use crate::engine::{
    AlertExplanation, Answered, Ask, DryRun, EventFilter, EventView, Explanation, Fact, Refusal, RuleView,
    RunView, RunbookView, WhatIf,
};
use crate::ingest::{Admission, Counters};
use crate::model::{EventTime, Parts};
use crate::respond::Meters;
use crate::runbook::Params;
use crate::runner::{Link, Runner};
use crate::telemetry::Metrics;

#[derive(Clone)]
pub(super) struct Eyes {
    pub(super) ledger: Ledger,
    pub(super) entrance: Arc<Entrance>,
    pub(super) admission: Arc<Admission>,
    pub(super) counters: Arc<Counters>,
    pub(super) meters: Meters,
    pub(super) reloader: Reloader,
    pub(super) recorder: Arc<Recorder>,
    pub(super) kafka: Arc<Kafka>,
    pub(super) runner: Arc<Runner>,
}

impl Eyes {
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Sight<'_>) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        self.ledger.ask(question).await.map_err(|Unavailable| Busy)
    }
}

impl Views for Eyes {
    fn trouble(&self) -> Option<String> {
        self.ledger.health().trouble().or_else(|| self.kafka.trouble())
    }

    async fn counts(&self) -> Result<Counts, Busy> {
        self.ask(|sight| sight.engine.counts()).await
    }

    async fn kafka(&self) -> Result<KafkaView, Busy> {
        let places = self.ask(|sight| places(sight.engine)).await?;
        Ok(self.kafka.view(places))
    }

    async fn slos(&self) -> Result<Vec<SloView>, Busy> {
        self.ask(|sight| sight.engine.slos()).await
    }

    async fn slo(&self, name: String) -> Result<Option<SloView>, Busy> {
        self.ask(move |sight| sight.engine.slo(&name)).await
    }

    async fn slo_as_known(&self, name: String, at: EventTime) -> Result<Option<Vec<KnownView>>, Busy> {
        self.ask(move |sight| sight.engine.slo_as_known(&name, at)).await
    }

    async fn report(
        &self,
        name: String,
        from: Option<EventTime>,
        to: Option<EventTime>,
    ) -> Result<Option<Report>, Busy> {
        self.ask(move |sight| sight.engine.report(&name, from, to)).await
    }

    async fn alerts(&self) -> Result<Vec<AlertView>, Busy> {
        self.ask(|sight| sight.engine.alerts()).await
    }

    async fn alert(&self, id: String) -> Result<Option<AlertView>, Busy> {
        self.ask(move |sight| sight.engine.alert(&id)).await
    }

    async fn events(&self, wanted: EventsWanted) -> Result<EventsView, Busy> {
        self.ask(move |sight| {
            sight.engine.events(wanted.category, wanted.after, wanted.limit, wanted.filter.as_ref())
        })
        .await
    }

    /// Compiled here, where it delays nobody.
    async fn filter(&self, text: String) -> Result<Result<EventFilter, String>, Busy> {
        let plan = self.ask(|sight| sight.engine.plan()).await?;
        Ok(EventFilter::compile(&plan, &text))
    }

    async fn event(&self, sequence: u64) -> Result<Option<EventView>, Busy> {
        self.ask(move |sight| sight.engine.event(sequence)).await
    }

    async fn explain(
        &self,
        slo: String,
        at: Option<EventTime>,
    ) -> Result<Result<Option<Explanation>, String>, Busy> {
        self.ask(move |sight| sight.engine.explain(&slo, at)).await
    }

    /// Worked out where it delays nobody.
    async fn what_if(
        &self,
        slo: String,
        target: Parts,
        from: Option<EventTime>,
    ) -> Result<Result<Option<WhatIf>, String>, Busy> {
        let Some(past) = self.ask(move |sight| sight.engine.past_of(&slo)).await? else {
            return Ok(Ok(None));
        };
        let worked = tokio::task::spawn_blocking(move || past.what_if(target, from).map(Some));
        worked.await.map_err(|_| Busy)
    }

    async fn explain_alert(&self, which: AlertWanted) -> Result<Option<AlertExplanation>, Busy> {
        self.ask(move |sight| {
            let id = match which {
                AlertWanted::Id(id) => Some(id),
                AlertWanted::Key(key) => sight.engine.alert_of_key(&key),
            };
            sight.engine.explain_alert(&id?)
        })
        .await
    }

    async fn rules(&self) -> Result<Vec<RuleView>, Busy> {
        self.ask(|sight| sight.engine.rule_views()).await
    }

    async fn runbooks(&self) -> Result<Vec<RunbookView>, Busy> {
        self.ask(|sight| sight.engine.runbooks()).await
    }

    async fn runs(&self) -> Result<Vec<RunView>, Busy> {
        self.ask(|sight| sight.engine.run_views()).await
    }

    async fn run(&self, id: String) -> Result<Option<RunView>, Busy> {
        self.ask(move |sight| sight.engine.run_view(&id)).await
    }

    async fn dry_run(
        &self,
        runbook: String,
        given: Params,
        alert: String,
    ) -> Result<Result<DryRun, Refusal>, Busy> {
        self.ask(move |sight| sight.engine.dry_run(&runbook, &given, &alert)).await
    }

    async fn wish(&self, ask: Ask) -> Result<Answered, Busy> {
        self.ledger.wish(ask).await.map_err(|Unavailable| Busy)
    }

    fn is_good_link(&self, run: &str, until_s: u64, signature: &str) -> bool {
        let link = Link { run: run.to_owned(), until_s, signature: signature.to_owned() };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.runner.links().is_some_and(|(key, _)| now.is_ok_and(|now| link.is_good(&key, now.as_secs())))
    }

    async fn reload(&self) -> Result<Reloaded, Busy> {
        self.reloader.reload().await
    }

    fn record(&self) -> Result<Pieces, &'static str> {
        tap(&self.recorder)
    }

    async fn facts(&self, limit: usize) -> Result<Vec<Fact>, Busy> {
        self.ask(move |sight| sight.recent.newest(limit).cloned().collect()).await
    }

    async fn metrics(&self) -> Result<String, Busy> {
        Ok(self.scrape().await?.text())
    }
}

impl Eyes {
    pub(super) async fn scrape(&self) -> Result<Metrics, Busy> {
        let asked = self.ask(|sight| {
            let engine = sight.engine;
            (
                engine.counts(),
                engine.slos(),
                engine.alerts(),
                places(engine),
                (engine.runbooks(), engine.run_counts()),
            )
        });
        let (counts, slos, alerts, places, (runbooks, runs)) = asked.await?;
        let edges = metrics::Edges {
            listeners: self.entrance.meters().snapshot(),
            in_flight_bytes: self.admission.bytes_in_flight(),
            in_flight_items: self.admission.items_in_flight(),
            requests: self.counters.snapshot(),
            receivers: self.meters.snapshot(),
            heartbeats: self.reloader.heart.counts(),
            reload: self.reloader.last.get(),
            state: self.ledger.health().snapshot(),
            recorder: self.recorder.counts(),
            kafka: self.kafka.view(places),
            runbooks,
            runs,
        };
        Ok(metrics::scrape(&counts, &slos, &alerts, &edges))
    }
}
