//! `http` and `cloudevent` of a step, and what all requests have: an address, headers, a secret by a file.

use super::super::node::Node;
use super::super::reader::{self, Fields};
use super::super::{Reading, address, secrets, webhook};
use super::{Around, json, texts, too_many};
use crate::door::check_certificates;
use crate::respond::Secret;
use crate::runbook::{Body, Http, Piece, Target, Text};
use crate::runner::StepSecrets;

const HTTP: &[&str] = &[
    "url",
    "method",
    "headers",
    "json",
    "secret_file",
    "secret_id",
    "old_secret_file",
    "old_secret_id",
    "authorization_file",
    "ca_file",
];
const CLOUD_EVENT: &[&str] = &[
    "url",
    "headers",
    "json",
    "secret_file",
    "secret_id",
    "old_secret_file",
    "old_secret_id",
    "authorization_file",
    "ca_file",
];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const SIGNING: [&str; 2] = ["secret_file", "old_secret_file"];
const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 4_096;
const URL_BYTES_MAX: usize = 4_096;
/// Set by what sends the request.
const TAKEN: &[&str] = &[
    "host",
    "content-length",
    "idempotency-key",
    "transfer-encoding",
    "connection",
    "te",
    "trailer",
    "upgrade",
    "evenkeel-signature",
];
/// Nobody may read them in a document.
const SECRET: &[&str] =
    &["authorization", "proxy-authorization", "cookie", "x-api-key", "x-rundeck-auth-token", "st2-api-key"];
/// Fields that would hold a secret in the open; they are refused, and not printed with it.
const OPEN: &[&str] = &["secret", "old_secret", "authorization", "token", "api_key", "password"];

pub(super) type Request = (Http, StepSecrets);

pub(super) fn http(ctx: &mut Reading<'_>, node: &Node, around: Around<'_>) -> Option<Request> {
    conceal(ctx, node);
    let fields = Fields::new(&mut ctx.report, node, "an http step", HTTP)?;
    let words = METHODS.map(|method| (method, method));
    let method = fields.get("method").map(|node| reader::word(&mut ctx.report, node, "method", &words));
    let method = method.unwrap_or(Some("POST")).unwrap_or("POST");
    let has_body = !matches!(method, "GET" | "DELETE");
    if !has_body && fields.get("json").is_some() {
        let message = format!("a request by {method} has no body");
        ctx.report.error("E0706", fields.place_of("json"), message);
    }
    if !has_body && let Some(key) = SIGNING.iter().find(|key| fields.get(key).is_some()) {
        let message = format!("a signature is over the body, and a request by {method} has none");
        let hint = "`authorization_file` says who asks";
        ctx.report.error_with("E0706", fields.place_of(key), message, hint);
    }
    let (mut http, secrets) = sent(ctx, fields, around, Target::Http)?;
    http.method = method.to_owned();
    if !has_body {
        http.body = Body::Empty;
    } else if !http.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        http.headers.push(content_type("application/json"));
    }
    Some((http, secrets))
}

pub(super) fn cloud_event(ctx: &mut Reading<'_>, node: &Node, around: Around<'_>) -> Option<Request> {
    conceal(ctx, node);
    let fields = Fields::new(&mut ctx.report, node, "a cloudevent step", CLOUD_EVENT)?;
    let (mut http, secrets) = sent(ctx, fields, around, Target::CloudEvent)?;
    if http.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        let message = "a CloudEvent says its own `content-type`";
        ctx.report.error("E0706", fields.place_of("headers"), message);
    }
    http.headers.push(content_type("application/cloudevents+json"));
    Some((http, secrets))
}

pub(super) fn content_type(text: &str) -> (String, Text) {
    ("Content-Type".to_owned(), Text::plain(text))
}

pub(super) fn conceal(ctx: &mut Reading<'_>, node: &Node) {
    for open in OPEN.iter().filter_map(|key| node.get(key)).filter(|node| node.scalar().is_some()) {
        ctx.report.conceal(open.at);
    }
}

/// What both have; POST.
fn sent(ctx: &mut Reading<'_>, fields: Fields<'_>, around: Around<'_>, target: Target) -> Option<Request> {
    let url = fields.required(&mut ctx.report, "url").and_then(|node| url(ctx, node, around));
    let headers = headers(ctx, fields, around);
    let body = body(ctx, fields, around);
    let keys = webhook::signing(ctx, fields, around.folder);
    let (mut http, mut secrets) = (post(target, url?), StepSecrets::default());
    (http.headers, http.body, http.is_signed) = (headers, body, !keys.is_empty());
    secrets.keys = keys;
    credential(
        ctx,
        fields,
        around,
        Credential { key: "authorization_file", header: "Authorization", before: "" },
    )
    .give(&mut http, &mut secrets);
    authorities(ctx, fields, around, &mut secrets);
    warn_exposed(ctx, fields, &http, &secrets);
    Some((http, secrets))
}

pub(super) fn post(target: Target, url: Text) -> Http {
    Http {
        target,
        method: "POST".to_owned(),
        url,
        headers: Vec::new(),
        body: Body::Event,
        secret_header: None,
        is_signed: false,
    }
}

/// What `json` says; without it the event.
pub(super) fn body(ctx: &mut Reading<'_>, fields: Fields<'_>, around: Around<'_>) -> Body {
    let Some(node) = fields.get("json") else { return Body::Event };
    match json::value(ctx, node, around) {
        Some(value) => Body::Json(json::body(ctx, node, &value)),
        None => Body::Event,
    }
}

/// A file whose text is sent in a header.
pub(super) struct Credential {
    pub key: &'static str,
    pub header: &'static str,
    /// What stands before it.
    pub before: &'static str,
}

impl Credential {
    pub const BEARER: Self = Self { key: "token_file", header: "Authorization", before: "Bearer " };
}

/// A credential that was read.
pub(super) struct Read(Option<(Secret, Credential)>);

impl Read {
    pub fn give(self, http: &mut Http, secrets: &mut StepSecrets) {
        if let Some((secret, Credential { header, before, .. })) = self.0 {
            http.secret_header = Some((header.to_owned(), before.to_owned()));
            secrets.header = Some(secret);
        }
    }
}

pub(super) fn credential(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    around: Around<'_>,
    credential: Credential,
) -> Read {
    let found = secrets::either(ctx, fields, ["", credential.key], around.folder);
    Read(found.map(|(secret, _)| (secret, credential)))
}

/// Certificates of authorities in place of the system's.
pub(super) fn authorities(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    around: Around<'_>,
    secrets: &mut StepSecrets,
) {
    let Some((path, node)) = fields.text(&mut ctx.report, "ca_file").zip(fields.get("ca_file")) else {
        return;
    };
    match ctx.world.read(&around.folder.join(path)) {
        Err(reason) => ctx.report.error("E0411", node.at, format!("{path} can not be read: {reason}")),
        Ok(text) => match check_certificates(&text) {
            Err(trouble) => ctx.report.error("E0219", node.at, format!("{path} {}", trouble.why)),
            Ok(()) => secrets.authorities = Some(text.into_bytes()),
        },
    }
}

pub(super) fn warn_exposed(ctx: &mut Reading<'_>, fields: Fields<'_>, http: &Http, secrets: &StepSecrets) {
    if secrets.header.is_some() && address::is_exposed(http.url.head()) {
        let message = "the secret of this request crosses the network in clear text";
        ctx.report.warn("W0701", fields.place_of("url"), message, "write https://");
    }
}

/// Whether an address, from its host on, has a user and so a password in it; it is told and not shown.
pub(super) fn names_user(ctx: &mut Reading<'_>, node: &Node, rest: &str) -> bool {
    let is_there = rest.split(['/', '?', '#']).next().unwrap_or_default().contains('@');
    if is_there {
        ctx.report.conceal(node.at);
        ctx.report.error("E0706", node.at, "an address names no user: secrets stand in files");
    }
    is_there
}

/// Parameters stand behind the host alone.
pub(super) fn url(ctx: &mut Reading<'_>, node: &Node, around: Around<'_>) -> Option<Text> {
    let text = texts::text(ctx, node, "url", around.scope)?;
    let whole: String = text
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Plain(text) => text.as_str(),
            Piece::Param(_) => "x",
        })
        .collect();
    let shown = node.scalar().map_or("", |scalar| scalar.shown());
    let head = text.head();
    let has_params = text.names().next().is_some();
    let authority = head.split_once("://").map(|(_, rest)| rest);
    let why = if names_user(ctx, node, authority.unwrap_or_default()) {
        return None;
    } else if has_params && !authority.is_some_and(|rest| rest.contains(['/', '?'])) {
        "has a parameter in its scheme, host or port"
    } else if let Err(why) = address::check_url(&whole) {
        why
    } else if whole.len() > URL_BYTES_MAX {
        "is too long"
    } else {
        return Some(text);
    };
    ctx.report.error("E0706", node.at, format!("`{shown}` {why}"));
    None
}

fn headers(ctx: &mut Reading<'_>, fields: Fields<'_>, around: Around<'_>) -> Vec<(String, Text)> {
    let Some(node) = fields.get("headers") else { return Vec::new() };
    let entries = texts::named(ctx, node, "headers");
    too_many(ctx, entries.get(HEADERS_MAX).map(|(key, _)| key.at), HEADERS_MAX, "headers of a request");
    let mut headers: Vec<(String, Text)> = Vec::new();
    for (key, node) in entries.into_iter().take(HEADERS_MAX) {
        let name = key.text.to_ascii_lowercase();
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let why = if name.is_empty() || !name.chars().all(is_token) {
            "is no name of a header"
        } else if TAKEN.contains(&&*name) {
            "is set by what sends the request"
        } else if SECRET.contains(&&*name) {
            ctx.report.conceal(node.at);
            "holds a secret, which stands in a file: `authorization_file`"
        } else if headers.iter().any(|(one, _)| one.eq_ignore_ascii_case(&name)) {
            "stands there twice"
        } else {
            ""
        };
        if !why.is_empty() {
            ctx.report.error("E0706", key.at, format!("the header `{}` {why}", key.text));
        }
        let Some(text) = texts::text(ctx, node, &key.text, around.scope) else { continue };
        let scalar = node.scalar().map_or("", |scalar| &*scalar.text);
        let is_visible = |c: char| c == ' ' || c.is_ascii_graphic() || !c.is_ascii();
        if scalar.len() > HEADER_BYTES_MAX || !scalar.chars().all(is_visible) {
            let message = format!("a header is one line of at most {HEADER_BYTES_MAX} bytes");
            ctx.report.error("E0706", node.at, message);
        }
        headers.push((key.text.clone(), text));
    }
    headers
}
