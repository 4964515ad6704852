//! Steps that ask another system to act: Rundeck, StackStorm, Ansible's rulebooks, GitHub. Addresses by their own
//! documentation.

use serde_json::{Map, Value, json};

use super::super::node::Node;
use super::super::reader::{self, Fields};
use super::super::{Reading, address};
use super::http::{self, Credential, Request, content_type};
use super::{Around, json as bodies, texts};
use crate::runbook::{Body, Http, RUN_ID, Target, Text};
use crate::runner::StepSecrets;

const RUNDECK: &[&str] = &["url", "job", "api_version", "options", "token_file", "ca_file"];
const STACKSTORM: &[&str] = &["url", "webhook", "json", "api_key_file", "ca_file"];
const ANSIBLE: &[&str] = &["url", "token_file", "ca_file"];
const GITHUB: &[&str] = &["url", "repository", "event_type", "payload", "token_file", "ca_file"];
const RUNDECK_API: u32 = 41;
const GITHUB_URL: &str = "https://api.github.com";
const GITHUB_API: &str = "2022-11-28";
const EVENT_TYPE_CHARS_MAX: usize = 100;
/// Of `client_payload`, ours among them.
const PAYLOAD_FIELDS_MAX: usize = 10;
/// Where a workflow finds which run asked for it.
const PAYLOAD_RUN: &str = "evenkeel_run";
const NAME_CHARS_MAX: usize = 200;

pub(super) fn rundeck(ctx: &mut Reading<'_>, node: &Node, around: Around<'_>) -> Option<Request> {
    http::conceal(ctx, node);
    let fields = Fields::new(&mut ctx.report, node, "a rundeck step", RUNDECK)?;
    let base = base(ctx, fields, None);
    let job = fields.required(&mut ctx.report, "job");
    let job = job.and_then(|node| word(ctx, node, "job", |c| c.is_ascii_alphanumeric() || c == '-'));
    let version = fields.whole(&mut ctx.report, "api_version", 14, 99).unwrap_or(RUNDECK_API);
    let mut options = Map::new();
    if let Some(node) = fields.get("options") {
        for (key, node) in texts::named(ctx, node, "options") {
            if texts::text(ctx, node, &key.text, around.scope).is_some() {
                let text = node.scalar().map_or_else(String::new, |scalar| scalar.text.clone());
                options.insert(key.text.clone(), Value::String(text));
            }
        }
    }
    let body = bodies::body(ctx, node, &json!({ "options": options }));
    fields.required(&mut ctx.report, "token_file");
    let token = Credential { key: "token_file", header: "X-Rundeck-Auth-Token", before: "" };
    let (base, job) = (base?, job?);
    let url = format!("{base}/api/{version}/job/{job}/executions");
    let mut http = http::post(Target::Rundeck, Text::plain(url));
    http.body = Body::Json(body);
    http.headers = vec![content_type("application/json"), header("Accept", "application/json")];
    Some(closed(ctx, fields, around, http, token))
}

pub(super) fn stackstorm(ctx: &mut Reading<'_>, node: &Node, around: Around<'_>) -> Option<Request> {
    http::conceal(ctx, node);
    let fields = Fields::new(&mut ctx.report, node, "a stackstorm step", STACKSTORM)?;
    let base = base(ctx, fields, None);
    let webhook = fields.required(&mut ctx.report, "webhook");
    let webhook = webhook.and_then(|node| word(ctx, node, "webhook", |c| is_of_a_path(c) || c == '/'));
    let body = http::body(ctx, fields, around);
    fields.required(&mut ctx.report, "api_key_file");
    let key = Credential { key: "api_key_file", header: "St2-Api-Key", before: "" };
    let url = format!("{}/api/v1/webhooks/{}", base?, webhook?);
    let mut http = http::post(Target::StackStorm, Text::plain(url));
    http.body = body;
    http.headers = vec![content_type("application/json")];
    Some(closed(ctx, fields, around, http, key))
}

pub(super) fn ansible_rulebook(ctx: &mut Reading<'_>, node: &Node, around: Around<'_>) -> Option<Request> {
    http::conceal(ctx, node);
    let fields = Fields::new(&mut ctx.report, node, "an ansible_rulebook step", ANSIBLE)?;
    let url = fields.required(&mut ctx.report, "url").and_then(|node| http::url(ctx, node, around));
    let mut http = http::post(Target::AnsibleRulebook, url?);
    http.headers = vec![content_type("application/json")];
    Some(closed(ctx, fields, around, http, Credential::BEARER))
}

pub(super) fn github(ctx: &mut Reading<'_>, node: &Node, around: Around<'_>) -> Option<Request> {
    http::conceal(ctx, node);
    let fields = Fields::new(&mut ctx.report, node, "a github step", GITHUB)?;
    let base = base(ctx, fields, Some(GITHUB_URL));
    let repository = fields.required(&mut ctx.report, "repository").and_then(|node| repository(ctx, node));
    let event_type = fields.required(&mut ctx.report, "event_type").and_then(|node| event_type(ctx, node));
    let payload = payload(ctx, fields, around);
    fields.required(&mut ctx.report, "token_file");
    let url = format!("{}/repos/{}/dispatches", base?, repository?);
    let body = json!({ "event_type": event_type?, "client_payload": payload });
    let mut http = http::post(Target::GitHub, Text::plain(url));
    http.body = Body::Json(bodies::body(ctx, node, &body));
    http.headers = vec![
        content_type("application/json"),
        header("Accept", "application/vnd.github+json"),
        header("X-GitHub-Api-Version", GITHUB_API),
    ];
    Some(closed(ctx, fields, around, http, Credential::BEARER))
}

/// With what all of them have beside their own.
pub(super) fn closed(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    around: Around<'_>,
    mut http: Http,
    credential: Credential,
) -> Request {
    let mut secrets = StepSecrets::default();
    http::credential(ctx, fields, around, credential).give(&mut http, &mut secrets);
    http::authorities(ctx, fields, around, &mut secrets);
    http::warn_exposed(ctx, fields, &http, &secrets);
    (http, secrets)
}

fn header(name: &str, text: &str) -> (String, Text) {
    (name.to_owned(), Text::plain(text))
}

/// What stands before the paths of an API: without parameters, and without a `/` at its end.
pub(super) fn base(ctx: &mut Reading<'_>, fields: Fields<'_>, default: Option<&str>) -> Option<String> {
    let Some(node) = fields.get("url") else {
        if default.is_none() {
            fields.required(&mut ctx.report, "url");
        }
        return default.map(str::to_owned);
    };
    let text = reader::text(&mut ctx.report, node, "url")?;
    let why = if http::names_user(ctx, node, text.split_once("://").map_or("", |(_, rest)| rest)) {
        return None;
    } else if text.contains("{{") {
        "has a parameter: this address is as it is"
    } else if let Err(why) = address::check_url(text) {
        why
    } else if text.contains(['?', '#']) {
        "has more than a path: what is asked for is added behind it"
    } else {
        return Some(text.trim_end_matches('/').to_owned());
    };
    let shown = node.scalar().map_or("", |scalar| scalar.shown());
    ctx.report.error("E0706", node.at, format!("`{shown}` {why}"));
    None
}

fn is_of_a_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

/// A part of an address as it stands there.
fn word(ctx: &mut Reading<'_>, node: &Node, name: &str, is_of_it: impl Fn(char) -> bool) -> Option<String> {
    let text = reader::text(&mut ctx.report, node, name)?;
    let sound = (1..=NAME_CHARS_MAX).contains(&text.len())
        && text.chars().all(is_of_it)
        && text.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !sound {
        let message = format!("`{name}`: `{text}` can not stand in an address");
        ctx.report.error("E0706", node.at, message);
    }
    sound.then(|| text.to_owned())
}

fn repository(ctx: &mut Reading<'_>, node: &Node) -> Option<String> {
    let name = word(ctx, node, "repository", |c| is_of_a_path(c) || c == '/')?;
    if name.split('/').count() != 2 {
        let message = format!("`{name}` is no repository: write OWNER/NAME");
        ctx.report.error("E0706", node.at, message);
    }
    Some(name)
}

fn event_type(ctx: &mut Reading<'_>, node: &Node) -> Option<String> {
    let text = reader::text(&mut ctx.report, node, "event_type")?;
    let is_long = text.chars().count() > EVENT_TYPE_CHARS_MAX;
    if text.is_empty() || is_long || text.contains("{{") || text.contains(char::is_control) {
        let message =
            format!("`event_type` is a word of 1 to {EVENT_TYPE_CHARS_MAX} characters without parameters");
        ctx.report.error_with("E0706", node.at, message, "parameters stand in `payload`");
    }
    Some(text.to_owned())
}

fn payload(ctx: &mut Reading<'_>, fields: Fields<'_>, around: Around<'_>) -> Map<String, Value> {
    let mut payload = Map::new();
    if let Some(node) = fields.get("payload") {
        payload = bodies::object(ctx, node, "payload", around).unwrap_or_default();
        if payload.contains_key(PAYLOAD_RUN) {
            let message = format!("`{PAYLOAD_RUN}` is there already: the run's id");
            ctx.report.error("E0706", node.at, message);
        } else if payload.len() >= PAYLOAD_FIELDS_MAX {
            let message = format!(
                "GitHub takes {PAYLOAD_FIELDS_MAX} fields: {} beside `{PAYLOAD_RUN}`, put more below one of them",
                PAYLOAD_FIELDS_MAX - 1
            );
            ctx.report.error("E0706", node.at, message);
        }
    }
    payload.insert(PAYLOAD_RUN.to_owned(), Value::String(format!("{{{{ {RUN_ID} }}}}")));
    payload
}
