//! `GET /api/v1/runbooks` and `GET /api/v1/runs`: which runbooks there are, what they did, and whether it helped.

use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::answers::unreadable;
use super::queries::{answer, one};
use super::{Busy, Shared, Views};
use crate::engine::RunView;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Runs that one runbook is shown with.
const LATEST: usize = 20;

#[derive(Debug, Deserialize)]
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

/// The newest first.
pub(super) async fn runs<V: Views>(
    state: Shared<V>,
    query: Result<Query<RunsQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return unreadable(&error),
    };
    let limit = query.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
    let wanted = |run: &RunView| {
        query.runbook.as_ref().is_none_or(|name| run.runbook == *name)
            && query.state.as_ref().is_none_or(|state| run.state == *state)
    };
    let runs = state.views.runs().await;
    answer(
        runs.map(|runs| json!({ "runs": runs.into_iter().filter(wanted).take(limit).collect::<Vec<_>>() })),
    )
}

pub(super) async fn run<V: Views>(state: Shared<V>, Path(id): Path<String>) -> Response {
    let found = state.views.run(id.clone()).await;
    one(found, || format!("there is no run `{id}`; GET /api/v1/runs lists the newest"))
}
