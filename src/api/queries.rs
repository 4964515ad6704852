//! The queries of `/api/v1`.

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answers::{busy, refusal, unreadable};
use super::{Busy, EventsWanted, Shared, Views};
use crate::door::{Listener, Role, Visitor};
use crate::model::{Category, EventTime, rfc3339};

/// Elements of one answer unless the query says otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
const FILTER_BYTES_MAX: usize = 4_096;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    category: Option<String>,
    after: Option<u64>,
    r#where: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AtQuery {
    at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportQuery {
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactsQuery {
    limit: Option<usize>,
}

pub(super) async fn counts<V: Views>(state: Shared<V>) -> Response {
    answer(state.views.counts().await)
}

pub(super) async fn slos<V: Views>(state: Shared<V>) -> Response {
    answer(state.views.slos().await.map(|slos| json!({ "slos": slos })))
}

pub(super) async fn slo<V: Views>(
    state: Shared<V>,
    Path(name): Path<String>,
    query: Result<Query<AtQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let at = match query {
        Ok(Query(query)) => query.at,
        Err(error) => return unreadable(&error),
    };
    let absent = || format!("no SLO is called `{name}`; GET /api/v1/slos lists them");
    let Some(at) = at else { return one(state.views.slo(name.clone()).await, absent) };
    match time("at", &at) {
        Err(mistake) => refusal(StatusCode::BAD_REQUEST, mistake),
        Ok(at) => {
            let known = state.views.slo_as_known(name.clone(), at).await;
            let told = |known| json!({ "name": name, "at": rfc3339(at.0), "as_known": known });
            one(known.map(|known| known.map(told)), absent)
        }
    }
}

pub(super) async fn report<V: Views>(
    state: Shared<V>,
    Path(name): Path<String>,
    query: Result<Query<ReportQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Query(query) = match query {
        Ok(query) => query,
        Err(error) => return unreadable(&error),
    };
    let read = |name: &str, text: &Option<String>| text.as_ref().map(|text| time(name, text)).transpose();
    let (from, to) = match (read("from", &query.from), read("to", &query.to)) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(mistake), _) | (_, Err(mistake)) => return refusal(StatusCode::BAD_REQUEST, mistake),
    };
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return refusal(StatusCode::BAD_REQUEST, "`from` is before `to`".to_owned());
    }
    let found = state.views.report(name.clone(), from, to).await;
    one(found, || format!("no SLO is called `{name}`; GET /api/v1/slos lists them"))
}

pub(super) fn time(name: &str, text: &str) -> Result<EventTime, String> {
    let at = text.parse::<jiff::Timestamp>().ok().and_then(|at| u64::try_from(at.as_nanosecond()).ok());
    at.map(EventTime).ok_or(format!("`{name}` is a time as 2026-11-25T14:00:00Z, not `{text}`"))
}

pub(super) async fn alerts<V: Views>(state: Shared<V>) -> Response {
    answer(state.views.alerts().await.map(|alerts| json!({ "alerts": alerts })))
}

pub(super) async fn alert<V: Views>(state: Shared<V>, Path(id): Path<String>) -> Response {
    let found = state.views.alert(id.clone()).await;
    one(found, || format!("no alert `{id}` is remembered; GET /api/v1/alerts lists them"))
}

pub(super) async fn events<V: Views>(
    state: Shared<V>,
    query: Result<Query<EventsQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Query(query) = match query {
        Ok(query) => query,
        Err(error) => return unreadable(&error),
    };
    let category = match query.category.as_deref().map(|text| (text, Category::parse(text))) {
        None => None,
        Some((_, Some(category))) => Some(category),
        Some((text, None)) => {
            let text = format!("category is informational, warning or exception, not `{text}`");
            return refusal(StatusCode::BAD_REQUEST, text);
        }
    };
    let limit = query.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
    let filter = match query.r#where {
        None => None,
        Some(text) if text.len() > FILTER_BYTES_MAX => {
            let text = format!("where: an expression has at most {FILTER_BYTES_MAX} bytes");
            return refusal(StatusCode::BAD_REQUEST, text);
        }
        Some(text) => match state.views.filter(text).await {
            Err(Busy) => return busy(),
            Ok(Err(mistake)) => return refusal(StatusCode::BAD_REQUEST, format!("where: {mistake}")),
            Ok(Ok(filter)) => Some(filter),
        },
    };
    let wanted = EventsWanted { category, after: query.after.unwrap_or(0), limit, filter };
    answer(state.views.events(wanted).await)
}

pub(super) async fn event<V: Views>(state: Shared<V>, Path(sequence): Path<String>) -> Response {
    let Ok(number) = sequence.parse() else {
        return refusal(
            StatusCode::BAD_REQUEST,
            format!("an event is told by its sequence number, not `{sequence}`"),
        );
    };
    let found = state.views.event(number).await;
    one(found, || format!("no event {number} is kept; GET /api/v1/events lists the newest"))
}

pub(super) async fn rules<V: Views>(state: Shared<V>) -> Response {
    answer(state.views.rules().await.map(|rules| json!({ "rules": rules })))
}

pub(super) async fn facts<V: Views>(
    state: Shared<V>,
    query: Result<Query<FactsQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    match query {
        Ok(Query(query)) => {
            let limit = query.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
            answer(state.views.facts(limit).await.map(|facts| json!({ "facts": facts })))
        }
        Err(error) => unreadable(&error),
    }
}

/// No page of a browser may cause it: those send where they come from.
pub(super) async fn reload<V: Views>(
    state: Shared<V>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    if headers.contains_key(header::ORIGIN) {
        let text = "a reload is not for browsers: use `evenkeel reload`, or send SIGHUP to the daemon";
        return refusal(StatusCode::FORBIDDEN, text.to_owned());
    }
    if let Err(denied) = state.entrance.admit_as(Role::Operator, Listener::Http, &visitor, &headers) {
        return super::answers::denied(denied);
    }
    match state.views.reload().await {
        Ok(reloaded) if reloaded.applied => Json(reloaded).into_response(),
        Ok(rejected) => {
            let mut body = json!(rejected);
            body["error"] = json!("the configuration has errors; nothing was changed");
            (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
        }
        Err(Busy) => busy(),
    }
}

pub(super) fn answer<T: Serialize>(result: Result<T, Busy>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(Busy) => busy(),
    }
}

pub(super) fn one<T: Serialize>(result: Result<Option<T>, Busy>, absent: impl Fn() -> String) -> Response {
    match result {
        Ok(None) => refusal(StatusCode::NOT_FOUND, absent()),
        found => answer(found),
    }
}
