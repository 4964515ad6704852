//! `GET /api/v1/runbooks` and `GET /api/v1/runs`: which runbooks there are, what they did, and whether it helped.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::answers::{refusal, unreadable};
use super::queries::{answer, one};
use super::{Busy, Shared, Views};
use crate::engine::{RUN_STATES, RunView};

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Runs that one runbook is shown with.
const LATEST: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunsQuery {
    limit: Option<usize>,
    runbook: Option<String>,
    state: Option<String>,
}

pub(super) async fn runbooks<V: Views>(state: Shared<V>) -> Response {
    answer(state.views.runbooks().await.map(|runbooks| json!({ "runbooks": runbooks })))
}

pub(super) async fn runbook<V: Views>(state: Shared<V>, Path(name): Path<String>) -> Response {
    let found = async {
        let runbooks = state.views.runbooks().await?;
        let Some(found) = runbooks.into_iter().find(|one| one.name == name) else { return Ok(None) };
        let mut view = json!(found);
        let runs = state.views.runs().await?.into_iter().filter(|run| run.runbook == name);
        view["latest"] = json!(runs.take(LATEST).collect::<Vec<RunView>>());
        Ok::<_, Busy>(Some(view))
    };
    one(found.await, || format!("there is no runbook `{name}`; GET /api/v1/runbooks lists them"))
}

/// The newest first, and how many more there are.
pub(super) async fn runs<V: Views>(
    state: Shared<V>,
    query: Result<Query<RunsQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return unreadable(&error),
    };
    if let Some(state) = query.state.as_deref().filter(|state| !RUN_STATES.contains(state)) {
        let text = format!("no run has the state `{state}`: {}", RUN_STATES.join(", "));
        return refusal(StatusCode::BAD_REQUEST, text);
    }
    let limit = query.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
    let wanted = |run: &RunView| {
        query.runbook.as_ref().is_none_or(|name| run.runbook == *name)
            && query.state.as_ref().is_none_or(|state| run.state == *state)
    };
    let runs = state.views.runs().await;
    answer(runs.map(|runs| {
        let mut runs = runs.into_iter().filter(wanted);
        let shown: Vec<RunView> = runs.by_ref().take(limit).collect();
        json!({ "runs": shown, "more": runs.count() })
    }))
}

pub(super) async fn run<V: Views>(state: Shared<V>, Path(id): Path<String>) -> Response {
    let found = state.views.run(id.clone()).await;
    one(found, || format!("there is no run `{id}`; GET /api/v1/runs lists the newest"))
}
