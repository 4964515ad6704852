//! `GET /api/v1/explain`: why a service level did or did not page, and why an alert is as it is.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::answers::{busy, refusal, unreadable};
use super::queries::{one, time};
use super::{AlertWanted, Busy, Shared, Views};
use crate::model::parse_parts;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainQuery {
    slo: Option<String>,
    at: Option<String>,
    alert: Option<String>,
    /// The `dedup_key` of a notification, or `<dedup_key>:<sequence>` as in its `Idempotency-Key`.
    notification: Option<String>,
}

pub(super) async fn explain<V: Views>(
    state: Shared<V>,
    query: Result<Query<ExplainQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return unreadable(&error),
    };
    match query {
        ExplainQuery { slo: Some(name), at, alert: None, notification: None } => {
            let at = match at.as_ref().map(|text| time("at", text)).transpose() {
                Ok(at) => at,
                Err(mistake) => return refusal(StatusCode::BAD_REQUEST, mistake),
            };
            let absent = || format!("no SLO is called `{name}`; GET /api/v1/slos lists them");
            let _permit = match state.inquiries.admit() {
                Ok(permit) => permit,
                Err(refused) => return *refused,
            };
            match state.views.explain(name.clone(), at).await {
                Ok(Ok(found)) => one(Ok(found), absent),
                Ok(Err(why)) => refusal(StatusCode::NOT_FOUND, why),
                Err(Busy) => busy(),
            }
        }
        ExplainQuery { slo: None, at: None, alert: Some(id), notification: None } => {
            let found = state.views.explain_alert(AlertWanted::Id(id.clone())).await;
            one(found, || format!("no alert `{id}` is remembered; GET /api/v1/alerts lists them"))
        }
        ExplainQuery { slo: None, at: None, alert: None, notification: Some(key) } => {
            let of_all = key.rsplit_once(':').filter(|(_, sequence)| sequence.parse::<u32>().is_ok());
            let dedup_key = of_all.map_or(key.as_str(), |(dedup_key, _)| dedup_key).to_owned();
            let found = state.views.explain_alert(AlertWanted::Key(dedup_key)).await;
            one(found, || {
                format!("no alert with the key `{key}` is remembered; GET /api/v1/alerts lists them")
            })
        }
        _ => {
            let text = "ask for `slo=NAME`, with `at=TIME` if it is about the past, for `alert=ID`, or for `notification=KEY`";
            refusal(StatusCode::BAD_REQUEST, text.to_owned())
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhatIfQuery {
    /// As `0.9995`.
    target: String,
    /// Episodes from here on; else all that are held.
    from: Option<String>,
}

pub(super) async fn what_if<V: Views>(
    state: Shared<V>,
    Path(name): Path<String>,
    query: Result<Query<WhatIfQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return unreadable(&error),
    };
    let Ok(target) = parse_parts(&query.target) else {
        let text = format!("`target` is a share as 0.9995, not `{}`", query.target);
        return refusal(StatusCode::BAD_REQUEST, text);
    };
    let from = match query.from.as_ref().map(|text| time("from", text)).transpose() {
        Ok(from) => from,
        Err(mistake) => return refusal(StatusCode::BAD_REQUEST, mistake),
    };
    let permit = match state.inquiries.admit() {
        Ok(permit) => permit,
        Err(refused) => return *refused,
    };
    let (views, asked) = (state.0, name.clone());
    // It is worked out to its end even where the one who asked has gone, and counts as long.
    let worked = tokio::spawn(async move {
        let worked = views.views.what_if(asked, target, from).await;
        drop(permit);
        worked
    });
    match worked.await.unwrap_or(Err(Busy)) {
        Ok(Ok(found)) => one(Ok(found), || format!("no SLO is called `{name}`; GET /api/v1/slos lists them")),
        Ok(Err(why)) => refusal(StatusCode::BAD_REQUEST, why),
        Err(Busy) => busy(),
    }
}
