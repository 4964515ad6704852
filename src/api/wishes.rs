//! What people ask for about runs: to run, to agree or not, to have seen, to go on. Operators alone, or by a signed link.

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::answers::{busy, denied, refusal};
use super::{Busy, Shared, State, Views};
use crate::door::{Listener, Role, Visitor};
use crate::engine::{Answered, Ask, Refusal};
use crate::runbook::Params;

/// Of a note.
const NOTE_CHARS_MAX: usize = 1_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Start {
    parameters: Params,
    alert: String,
    dry_run: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Note {
    note: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Signature {
    /// Seconds since 1970.
    until: u64,
    sig: String,
}

/// No page of a browser may cause it: those send where they come from.
fn operator<V: Views>(
    state: &State<V>,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<String, Box<Response>> {
    if headers.contains_key(header::ORIGIN) {
        let text = "this is not for browsers: use `evenkeel runbook`";
        return Err(Box::new(refusal(StatusCode::FORBIDDEN, text.to_owned())));
    }
    let guest = state.entrance.admit_as(Role::Operator, Listener::Http, visitor, headers);
    let guest = guest.map_err(|error| Box::new(denied(error)))?;
    match guest.name() {
        Some(name) => Ok(name.to_owned()),
        None if visitor.is_local() => Ok("local".to_owned()),
        None => {
            let text = "from another host this takes a token of role `operator`, and none is configured: `auth.tokens`";
            Err(Box::new(refusal(StatusCode::FORBIDDEN, text.to_owned())))
        }
    }
}

/// Nothing at all stands for an empty object.
fn read<T: Default + for<'d> Deserialize<'d>>(body: &[u8]) -> Result<T, Box<Response>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    serde_json::from_slice(body)
        .map_err(|error| Box::new(refusal(StatusCode::BAD_REQUEST, error.to_string())))
}

async fn wish<V: Views>(state: &State<V>, ask: Ask) -> Response {
    match state.views.wish(ask).await {
        Ok(Answered::Done(named)) => Json(json!({ "done": named })).into_response(),
        Ok(Answered::Refused(why)) => refused(why),
        Err(Busy) => busy(),
    }
}

async fn by_operator<V: Views>(
    state: &State<V>,
    visitor: &Visitor,
    headers: &HeaderMap,
    ask: impl FnOnce(String) -> Ask,
) -> Response {
    match operator(state, visitor, headers) {
        Ok(by) => wish(state, ask(by)).await,
        Err(response) => *response,
    }
}

fn refused(why: Refusal) -> Response {
    if let Refusal::Forbidden(error) = why {
        let hint = "those who are named there may approve it, each with a token of their own";
        return (StatusCode::FORBIDDEN, Json(json!({ "error": error, "hint": hint }))).into_response();
    }
    let (status, text) = match why {
        Refusal::NotFound(text) => (StatusCode::NOT_FOUND, text),
        Refusal::Conflict(text) => (StatusCode::CONFLICT, text),
        Refusal::Forbidden(text) => (StatusCode::FORBIDDEN, text),
        Refusal::Invalid(text) => (StatusCode::BAD_REQUEST, text),
    };
    refusal(status, text)
}

/// `{"parameters": {…}, "alert": "alt_…", "dry_run": true}`
pub(super) async fn start<V: Views>(
    state: Shared<V>,
    Extension(visitor): Extension<Visitor>,
    Path(runbook): Path<String>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    let asked = operator(&state, &visitor, &headers).and_then(|by| Ok((by, read::<Start>(&body)?)));
    let (by, Start { parameters, alert, dry_run }) = match asked {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    if dry_run {
        return match state.views.dry_run(runbook, parameters, alert).await {
            Ok(Ok(shown)) => Json(shown).into_response(),
            Ok(Err(why)) => refused(why),
            Err(Busy) => busy(),
        };
    }
    wish(&state, Ask::Start { runbook, params: parameters, alert, by }).await
}

pub(super) async fn resume<V: Views>(
    state: Shared<V>,
    Extension(visitor): Extension<Visitor>,
    Path(runbook): Path<String>,
    headers: HeaderMap,
) -> Response {
    by_operator(&state, &visitor, &headers, |by| Ask::Resume { runbook, by }).await
}

pub(super) async fn approve<V: Views>(
    state: Shared<V>,
    Extension(visitor): Extension<Visitor>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Response {
    by_operator(&state, &visitor, &headers, |by| Ask::Approve { run, by, link_until_s: None }).await
}

pub(super) async fn deny<V: Views>(
    state: Shared<V>,
    Extension(visitor): Extension<Visitor>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Response {
    by_operator(&state, &visitor, &headers, |by| Ask::Deny { run, by }).await
}

/// `{"note": "…"}`
pub(super) async fn settle<V: Views>(
    state: Shared<V>,
    Extension(visitor): Extension<Visitor>,
    Path(run): Path<String>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    let asked = operator(&state, &visitor, &headers).and_then(|by| Ok((by, read::<Note>(&body)?)));
    match asked {
        Ok((by, Note { note })) => {
            let note = note.chars().filter(|one| !one.is_control()).take(NOTE_CHARS_MAX).collect();
            wish(&state, Ask::Settle { run, by, note }).await
        }
        Err(response) => *response,
    }
}

/// What a link leads to. Looking changes nothing: those who read mail for others follow links.
pub(super) async fn page<V: Views>(
    state: Shared<V>,
    Path(run): Path<String>,
    Query(Signature { until, sig }): Query<Signature>,
) -> Response {
    if !state.views.is_good_link(&run, until, &sig) {
        return bad_link();
    }
    match state.views.run(run.clone()).await {
        Ok(Some(run)) => {
            let text = format!("{}: {}", run.id, run.text);
            let button = match run.state {
                "waits_for_approval" => "<form method=post><button>Approve</button></form>",
                _ => "",
            };
            let parameters: String = run
                .parameters
                .iter()
                .map(|(name, value)| format!("<li>{} = {}</li>", escaped(name), escaped(value)))
                .collect();
            let about = format!(
                "<p>{}</p><p>{}</p><ul>{parameters}</ul>{button}",
                escaped(&text),
                escaped(&run.summary)
            );
            html(StatusCode::OK, &about)
        }
        Ok(None) => html(StatusCode::NOT_FOUND, &format!("<p>There is no run {}.</p>", escaped(&run))),
        Err(Busy) => busy(),
    }
}

pub(super) async fn by_link<V: Views>(
    state: Shared<V>,
    Path(run): Path<String>,
    Query(Signature { until, sig }): Query<Signature>,
) -> Response {
    if !state.views.is_good_link(&run, until, &sig) {
        return bad_link();
    }
    match state.views.wish(Ask::Approve { run, by: String::new(), link_until_s: Some(until) }).await {
        Ok(Answered::Done(run)) => html(StatusCode::OK, &format!("<p>{} is approved.</p>", escaped(&run))),
        Ok(Answered::Refused(why)) => {
            let (Refusal::NotFound(text)
            | Refusal::Conflict(text)
            | Refusal::Forbidden(text)
            | Refusal::Invalid(text)) = why;
            html(StatusCode::CONFLICT, &format!("<p>Nothing was done: {}.</p>", escaped(&text)))
        }
        Err(Busy) => busy(),
    }
}

fn bad_link() -> Response {
    html(StatusCode::FORBIDDEN, "<p>This link is not valid, or not any more. Nothing was done.</p>")
}

fn html(status: StatusCode, body: &str) -> Response {
    let policy = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; form-action 'self'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Evenkeel</title><body>{body}</body></html>"
    );
    (status, policy, Html(page)).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
