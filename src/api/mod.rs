//! The page's port: queries and health over HTTP, as JSON. Reads views, never decides.

mod answers;
mod explain;
mod inquiries;
mod kafka;
mod queries;
mod record;
mod runbooks;
mod wishes;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Extension;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;

use crate::door::{self, Bound, Entrance, Listener, Visitor};
use crate::engine::report::Report;
use crate::engine::view::{AlertView, Counts, EventsView, KnownView, SloView};
use crate::engine::{
    AlertExplanation, Answered, Ask, DryRun, EventFilter, EventView, Explanation, Fact, Refusal, RuleView,
    RunView, RunbookView, WhatIf,
};
use crate::model::{Category, EventTime, Parts};
use crate::runbook::Params;
use inquiries::Inquiries;
pub use kafka::{KafkaView, Outcomes, PartitionView};

/// The state can not be asked right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// What the API asks. The daemon answers from the ledger between two inputs.
pub trait Views: Send + Sync + 'static {
    /// Why what comes in is refused, if it is.
    fn trouble(&self) -> Option<String>;
    fn counts(&self) -> impl Future<Output = Result<Counts, Busy>> + Send;
    fn kafka(&self) -> impl Future<Output = Result<KafkaView, Busy>> + Send;
    fn slos(&self) -> impl Future<Output = Result<Vec<SloView>, Busy>> + Send;
    fn slo(&self, name: String) -> impl Future<Output = Result<Option<SloView>, Busy>> + Send;
    /// The budgets of one as they were known at a time; an array of nothing where nothing is remembered.
    fn slo_as_known(
        &self,
        name: String,
        at: EventTime,
    ) -> impl Future<Output = Result<Option<Vec<KnownView>>, Busy>> + Send;
    fn report(
        &self,
        name: String,
        from: Option<EventTime>,
        to: Option<EventTime>,
    ) -> impl Future<Output = Result<Option<Report>, Busy>> + Send;
    fn alerts(&self) -> impl Future<Output = Result<Vec<AlertView>, Busy>> + Send;
    fn alert(&self, id: String) -> impl Future<Output = Result<Option<AlertView>, Busy>> + Send;
    /// The error says what is wrong with the expression.
    fn filter(&self, text: String) -> impl Future<Output = Result<Result<EventFilter, String>, Busy>> + Send;
    fn events(&self, wanted: EventsWanted) -> impl Future<Output = Result<EventsView, Busy>> + Send;
    fn event(&self, sequence: u64) -> impl Future<Output = Result<Option<EventView>, Busy>> + Send;
    /// The inner error says what is wrong with the time.
    fn explain(
        &self,
        slo: String,
        at: Option<EventTime>,
    ) -> impl Future<Output = Result<Result<Option<Explanation>, String>, Busy>> + Send;
    /// Another target over the time that is held. The inner error says why it can not be.
    fn what_if(
        &self,
        slo: String,
        target: Parts,
        from: Option<EventTime>,
    ) -> impl Future<Output = Result<Result<Option<WhatIf>, String>, Busy>> + Send;
    fn explain_alert(
        &self,
        which: AlertWanted,
    ) -> impl Future<Output = Result<Option<AlertExplanation>, Busy>> + Send;
    fn rules(&self) -> impl Future<Output = Result<Vec<RuleView>, Busy>> + Send;
    fn runbooks(&self) -> impl Future<Output = Result<Vec<RunbookView>, Busy>> + Send;
    fn runs(&self) -> impl Future<Output = Result<Vec<RunView>, Busy>> + Send;
    fn run(&self, id: String) -> impl Future<Output = Result<Option<RunView>, Busy>> + Send;
    fn dry_run(
        &self,
        runbook: String,
        given: Params,
        alert: String,
    ) -> impl Future<Output = Result<Result<DryRun, Refusal>, Busy>> + Send;
    /// The answer comes when it is kept.
    fn wish(&self, ask: Ask) -> impl Future<Output = Result<Answered, Busy>> + Send;
    /// Whether the link that approves a run is ours, and not too old.
    fn is_good_link(&self, run: &str, until_s: u64, signature: &str) -> bool;
    fn reload(&self) -> impl Future<Output = Result<Reloaded, Busy>> + Send;
    fn facts(&self, limit: usize) -> impl Future<Output = Result<Vec<Fact>, Busy>> + Send;
    /// A recording from now on, piece by piece, or why there can be none.
    fn record(&self) -> Result<Pieces, &'static str>;
    /// `/metrics`, in the text format of Prometheus.
    fn metrics(&self) -> impl Future<Output = Result<String, Busy>> + Send;
}

/// Of an answer that goes on for as long as somebody reads it.
pub type Pieces = tokio::sync::mpsc::Receiver<bytes::Bytes>;

/// The answer to `POST /api/v1/reload`: what differs, or why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    pub applied: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub changes: Vec<String>,
    pub warnings: Vec<String>,
    pub diagnostics: Vec<String>,
}

impl Reloaded {
    pub fn rejected(diagnostics: Vec<String>) -> Self {
        Self { applied: false, version: None, changes: Vec::new(), warnings: Vec::new(), diagnostics }
    }
}

/// How an alert is told: by its id, or by the key of a notification about it.
#[derive(Clone, Debug)]
pub enum AlertWanted {
    Id(String),
    Key(String),
}

#[derive(Clone, Debug)]
pub struct EventsWanted {
    pub category: Option<Category>,
    pub after: u64,
    pub limit: usize,
    pub filter: Option<EventFilter>,
}

/// Whether this instance takes work: false until every listener accepts, and again while it drains.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

struct State<V> {
    entrance: Arc<Entrance>,
    views: V,
    readiness: Readiness,
    inquiries: Inquiries,
}

type Shared<V> = axum::extract::State<Arc<State<V>>>;

/// Serves until `shutdown` resolves, then finishes the answers under way, for [`door::DRAIN_MAX`] at most.
pub async fn serve<V: Views>(
    bound: Bound,
    entrance: Arc<Entrance>,
    views: V,
    readiness: Readiness,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let state = Arc::new(State {
        entrance: Arc::clone(&entrance),
        views,
        readiness,
        inquiries: Inquiries::default(),
    });
    door::serve(bound, entrance, Listener::Http, router(state), shutdown).await
}

/// Health is for everybody who reaches the port: what asks for it seldom has a token.
fn router<V: Views>(state: Arc<State<V>>) -> Router {
    let asked = middleware::from_fn_with_state(Arc::clone(&state), admit::<V>);
    // The link's signature is who asks.
    let links = get(wishes::page::<V>).post(wishes::by_link::<V>);
    let health = Router::new()
        .route("/approve/{id}", links)
        .route("/livez", get(answers::livez))
        .route("/readyz", get(answers::readyz::<V>))
        .route("/healthz", get(answers::readyz::<V>));
    Router::new()
        .route("/", get(answers::index))
        .route("/metrics", get(answers::metrics::<V>))
        .route("/api/v1/counts", get(queries::counts::<V>))
        .route("/api/v1/slos", get(queries::slos::<V>))
        .route("/api/v1/slos/{name}", get(queries::slo::<V>))
        .route("/api/v1/slos/{name}/what-if", get(explain::what_if::<V>))
        .route("/api/v1/slos/{name}/report", get(queries::report::<V>))
        .route("/api/v1/alerts", get(queries::alerts::<V>))
        .route("/api/v1/alerts/{id}", get(queries::alert::<V>))
        .route("/api/v1/events", get(queries::events::<V>))
        .route("/api/v1/events/{sequence}", get(queries::event::<V>))
        .route("/api/v1/explain", get(explain::explain::<V>))
        .route("/api/v1/kafka", get(kafka::kafka::<V>))
        .route("/api/v1/rules", get(queries::rules::<V>))
        .route("/api/v1/runbooks", get(runbooks::runbooks::<V>))
        .route("/api/v1/runbooks/{name}", get(runbooks::runbook::<V>))
        .route("/api/v1/runbooks/{name}/run", post(wishes::start::<V>))
        .route("/api/v1/runbooks/{name}/resume", post(wishes::resume::<V>))
        .route("/api/v1/runs", get(runbooks::runs::<V>))
        .route("/api/v1/runs/{id}", get(runbooks::run::<V>))
        .route("/api/v1/runs/{id}/approve", post(wishes::approve::<V>))
        .route("/api/v1/runs/{id}/deny", post(wishes::deny::<V>))
        .route("/api/v1/runs/{id}/settle", post(wishes::settle::<V>))
        .route("/api/v1/reload", post(queries::reload::<V>))
        .route("/api/v1/facts", get(queries::facts::<V>))
        .route("/api/v1/record", get(record::record::<V>))
        .fallback(answers::not_found)
        .layer(asked)
        .merge(health)
        .with_state(state)
}

async fn admit<V: Views>(
    state: Shared<V>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Response {
    match state.entrance.admit(Listener::Http, &visitor, request.headers()) {
        Ok(_guest) => next.run(request).await,
        Err(denied) => answers::denied(denied),
    }
}
