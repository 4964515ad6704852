//! The `Config` document: where to listen, where state lives, and the switches. Its lists of rules are
//! read in `rules`, its `alerting` in `alerting`.

use std::path::PathBuf;

use super::address;
use super::node::{Node, Place};
use super::reader::{self, Fields};
use super::rules;
use super::set::{Kind, Set};
use super::{Ack, Listen, Reading};
use crate::classify::Rules;
use crate::engine::{Dedup, Watch};

const SPEC: &[&str] = &[
    "data_dir", "include", "listen", "ack", "dedup", "tenant", "filter", "classify", "alerting", "kafka",
    "cluster",
];
const LISTENERS: [(&str, &str, &str); 3] = [
    ("otlp_grpc", "127.0.0.1:4317", "EVENKEEL_LISTEN__OTLP_GRPC"),
    ("otlp_http", "127.0.0.1:4318", "EVENKEEL_LISTEN__OTLP_HTTP"),
    ("http", "127.0.0.1:4319", "EVENKEEL_LISTEN__HTTP"),
];
const DATA_DIR: &str = "./evenkeel-data";

pub(super) struct Settings {
    pub listen: Listen,
    pub data_dir: PathBuf,
    pub ack: Ack,
    pub dedup: Dedup,
    pub tenant: String,
    pub rules: Rules,
    pub watches: Vec<Watch>,
}

pub(super) fn read(ctx: &mut Reading<'_>, set: &Set) -> Settings {
    let document = set.of(Kind::Config).first().copied();
    let spec = document.and_then(|document| {
        let known = ["apiVersion", "kind", "metadata", "spec"];
        let fields = Fields::new(&mut ctx.report, &document.node, "a document", &known)?;
        Fields::new(&mut ctx.report, fields.get("spec")?, "spec", SPEC)
    });
    let mut settings = Settings {
        listen: listen(ctx, spec.and_then(|spec| spec.get("listen"))),
        data_dir: data_dir(ctx, spec),
        ack: Ack::default(),
        dedup: Dedup::Requests,
        tenant: "default".to_owned(),
        rules: Rules::default(),
        watches: Vec::new(),
    };
    if let Some(spec) = spec {
        switches(ctx, spec, &mut settings);
        let (filter, classify) =
            (spec.list(&mut ctx.report, "filter"), spec.list(&mut ctx.report, "classify"));
        let filter = rules::filter(ctx, filter);
        let (classify, watches) = rules::classify(ctx, classify);
        settings.rules = Rules { filter, classify };
        settings.watches = watches;
    }
    settings
}

fn switches(ctx: &mut Reading<'_>, spec: Fields<'_>, settings: &mut Settings) {
    let report = &mut ctx.report;
    if let Some(node) = spec.get("ack") {
        let words = [("committed", Ack::Committed), ("memory", Ack::Memory)];
        settings.ack = reader::word(report, node, "ack", &words).unwrap_or_default();
        report.note("N0202", node.at, "state is kept in memory for now: `committed` is not durable yet");
    }
    if let Some(node) = spec.get("dedup") {
        let words = [("requests", Some(Dedup::Requests)), ("items", None), ("off", Some(Dedup::Off))];
        match reader::word(report, node, "dedup", &words) {
            Some(Some(dedup)) => settings.dedup = dedup,
            Some(None) => {
                report.warn("W0201", node.at, "`dedup: items` is not in effect yet, `requests` is used", "")
            }
            None => {}
        }
    }
    if let (Some(text), Some(node)) = (spec.text(report, "tenant"), spec.get("tenant")) {
        match text.is_empty() || text.len() > 63 || text.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            true => report.error("E0211", node.at, "`tenant` is a word of 1 to 63 characters"),
            false => settings.tenant = text.to_owned(),
        }
    }
    for key in ["kafka", "cluster"] {
        if spec.get(key).is_some() {
            report.not_yet("W0201", spec.place_of(key), key);
        }
    }
}

fn data_dir(ctx: &mut Reading<'_>, spec: Option<Fields<'_>>) -> PathBuf {
    let from_file =
        spec.and_then(|spec| Some((spec.text(&mut ctx.report, "data_dir")?, spec.get("data_dir")?)));
    if let Some(("", node)) = from_file {
        ctx.report.error("E0214", node.at, "`data_dir` is empty");
    }
    let from_environment = ctx.world.env("EVENKEEL_DATA_DIR").filter(|value| !value.is_empty());
    let from_file = || from_file.map(|(text, _)| text.to_owned());
    PathBuf::from(from_environment.or_else(from_file).unwrap_or_else(|| DATA_DIR.to_owned()))
}

/// The file's addresses, overridden by the environment's.
fn listen(ctx: &mut Reading<'_>, node: Option<&Node>) -> Listen {
    let known = ["otlp_grpc", "otlp_http", "http", "allow_anonymous"];
    let fields = node.and_then(|node| Fields::new(&mut ctx.report, node, "listen", &known));
    let in_file = fields.and_then(|fields| fields.truth(&mut ctx.report, "allow_anonymous"));
    let anonymous = match ctx.world.env("EVENKEEL_LISTEN__ALLOW_ANONYMOUS").as_deref() {
        None | Some("") => in_file.unwrap_or(false),
        Some("true") => true,
        Some("false") => false,
        Some(_) => {
            let at = environment(ctx);
            ctx.report.error("E0208", at, "EVENKEEL_LISTEN__ALLOW_ANONYMOUS is true or false");
            true
        }
    };
    let mut taken: Vec<(String, &str)> = Vec::new();
    let mut addresses = LISTENERS.map(|(key, default, variable)| {
        let from_file =
            fields.and_then(|fields| Some((fields.text(&mut ctx.report, key)?, fields.get(key)?.at)));
        let from_environment = ctx.world.env(variable).filter(|value| !value.is_empty());
        let (text, at, name) = match (from_environment, from_file) {
            (Some(text), _) => (text, environment(ctx), variable),
            (None, Some((text, at))) => (text.to_owned(), at, key),
            (None, None) => (default.to_owned(), fields.map_or_else(|| environment(ctx), |f| f.at), key),
        };
        check(ctx, at, name, &text, anonymous);
        match taken.iter().find(|(other, _)| *other == text && !text.ends_with(":0")) {
            Some((_, other)) => {
                let message = format!("`{name}` listens on {text}, which is the address of `{other}`");
                ctx.report.error("E0208", at, message);
            }
            None => taken.push((text.clone(), name)),
        }
        text
    });
    let [otlp_grpc, otlp_http, http] = &mut addresses;
    let take = std::mem::take::<String>;
    Listen { otlp_grpc: take(otlp_grpc), otlp_http: take(otlp_http), http: take(http) }
}

fn check(ctx: &mut Reading<'_>, at: Place, name: &str, text: &str, anonymous: bool) {
    match address::parse(text) {
        Err(why) => {
            let hint = "write HOST:PORT, such as 127.0.0.1:4317; port 0 takes a free one";
            ctx.report.error_with("E0208", at, format!("`{name}`: `{text}` {why}"), hint);
        }
        Ok(address) if address.loopback => {}
        Ok(_) if anonymous => {
            let message =
                format!("`{name}`: everybody who reaches {text} may use it, nobody is asked who they are");
            ctx.report.warn("W0203", at, message, "keep it inside a network that you trust");
        }
        Ok(_) => {
            let message =
                format!("`{name}`: {text} is open to other machines, and nobody is asked who they are");
            ctx.report.error_with(
                "E0209",
                at,
                message,
                "set `listen.allow_anonymous: true` if that is meant",
            );
        }
    }
}

/// The place of what comes out of an environment variable.
fn environment(ctx: &mut Reading<'_>) -> Place {
    let file = ctx.report.add_file("environment", "");
    Place { file, line: 1, column: 1, width: 1 }
}
