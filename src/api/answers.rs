//! Health, metrics, and the shape of every refusal: `{"error": "…"}`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Busy, Shared, Views};
use crate::door::Denied;

const INDEX: &str = "\
evenkeel
  /livez /readyz     health (/healthz is /readyz)
  /metrics           for Prometheus
  /api/v1/counts     exact totals
  /api/v1/slos       objectives, budgets, burn rates (/NAME?at=TIME; /NAME/what-if?target=SHARE, /NAME/report?from=TIME&to=TIME)
  /api/v1/alerts     alerts with the reason for each decision (/ID)
  /api/v1/events     newest classified events (?category=exception&where=EXPRESSION&limit=100; /SEQUENCE)
  /api/v1/explain    why a service level pages or does not (?slo=NAME&at=TIME, ?alert=ID, ?notification=KEY)
  /api/v1/kafka      topics that are read and told
  /api/v1/rules      what each rule dropped, classified, merged and alerted
  /api/v1/runbooks   runbooks, and whether they help (/NAME; POST /NAME/run, /NAME/resume)
  /api/v1/runs       newest runs (/ID; POST /ID/approve, /ID/deny, /ID/settle)
  /api/v1/facts      newest decisions
  /api/v1/record     a recording of what comes in from now on
  /api/v1/reload     POST: read the configuration again
  /approve/RUN       what the link of a notification approves
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

/// Of a query that says what is no parameter here, or no value of one.
pub(super) fn unreadable(error: &QueryRejection) -> Response {
    refusal(StatusCode::BAD_REQUEST, query_words(&error.body_text()))
}

/// Texts are taken as they are, so what is not taken is a number or a name.
fn query_words(said: &str) -> String {
    let said = said.strip_prefix("Failed to deserialize query string: ").unwrap_or(said);
    match said.split_once(": ") {
        Some((_, why)) if why.starts_with("unknown field") => {
            why.replace("unknown field", "there is no parameter")
        }
        Some((name, _)) => format!("`{name}` is a whole number, 0 or more"),
        None => said.replace("unknown field", "there is no parameter"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_names_every_route() {
        let routes = include_str!("mod.rs").split(".route(\"").skip(1);
        let routes: Vec<&str> = routes.filter_map(|rest| rest.split('"').next()).collect();
        assert!(routes.len() > 20, "{routes:?}");
        for route in routes {
            let (named, more) = route.split_once("/{").unwrap_or((route, ""));
            assert!(INDEX.contains(named), "{route}");
            if let Some((_, verb)) = more.split_once("}/") {
                assert!(INDEX.contains(&format!("/{verb}")), "{route}");
            }
        }
    }

    #[test]
    fn a_query_that_is_not_read_is_told_by_its_parameter() {
        let prefix = "Failed to deserialize query string: ";
        for (said, told) in [
            ("limit: invalid digit found in string", "`limit` is a whole number, 0 or more"),
            ("x: unknown field `x`, expected `limit`", "there is no parameter `x`, expected `limit`"),
            ("unknown field `x`, expected `limit`", "there is no parameter `x`, expected `limit`"),
            ("missing field `target`", "missing field `target`"),
        ] {
            assert_eq!(query_words(&format!("{prefix}{said}")), told);
        }
    }
}
