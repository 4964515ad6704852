//! Health, metrics, and the shape of every refusal: `{"error": "…"}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Busy, Shared, Views};
use crate::door::Denied;

const INDEX: &str = "\
evenkeel
  /livez /readyz     health
  /metrics           for Prometheus
  /api/v1/counts     exact totals
  /api/v1/slos       objectives, budgets, burn rates
  /api/v1/alerts     alerts with the reason for each decision
  /api/v1/events     newest classified events (?category=exception&where=EXPRESSION&limit=100)
  /api/v1/rules      what each rule dropped, classified, merged and alerted
  /api/v1/runbooks   runbooks, and whether they help (/NAME; POST /NAME/run, /NAME/resume)
  /api/v1/runs       newest runs (/ID; POST /ID/approve, /ID/deny, /ID/settle)
  /api/v1/facts      newest decisions
  /api/v1/record     a recording of what comes in from now on
  /api/v1/reload     POST: read the configuration again
";

pub(super) async fn index() -> &'static str {
    INDEX
}

pub(super) async fn livez() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz<V: Views>(state: Shared<V>) -> Response {
    let reason = match (state.readiness.is_ready(), state.views.trouble()) {
        (true, None) => return "ok\n".into_response(),
        (true, Some(trouble)) => trouble,
        (false, _) => "starting or draining".to_owned(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response()
}

pub(super) async fn metrics<V: Views>(state: Shared<V>) -> Response {
    const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    match state.views.metrics().await {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(Busy) => busy(),
    }
}

pub(super) async fn not_found(uri: Uri) -> Response {
    refusal(StatusCode::NOT_FOUND, format!("there is nothing at {}; GET / lists what there is", uri.path()))
}

pub(super) fn refusal(status: StatusCode, text: String) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}

pub(super) fn denied(denied: Denied) -> Response {
    let status = if denied.is_unknown() { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
    let mut response = refusal(status, denied.text());
    if denied.is_unknown() {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

pub(super) fn busy() -> Response {
    let mut response =
        refusal(StatusCode::SERVICE_UNAVAILABLE, "the ledger is busy or stopping; try again".to_owned());
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
