//! The `Config` document: where state lives, and the switches. Its listeners are read in `listen`, who may
//! use them in `access`, its lists of rules in `rules`, its `alerting` in `alerting`, its `kafka` in `kafka`,
//! its `runbooks` in `runbooks`.

use std::path::{Path, PathBuf};

use super::access;
use super::address;
use super::kafka::{self, Kafka};
use super::listen;
use super::node::Node;
use super::own_telemetry;
use super::reader::{self, Fields};
use super::recorder;
use super::rules;
use super::set::{Kind, Set};
use super::{Ack, Export, Listen, Reading};
use crate::classify::Rules;
use crate::door;
use crate::engine::{Dedup, SERIES_MAX, Watch};

pub(super) const SPEC: &[&str] = &[
    "data_dir",
    "include",
    "listen",
    "external_url",
    "auth",
    "limits",
    "ack",
    "dedup",
    "explain",
    "tenant",
    "filter",
    "classify",
    "alerting",
    "telemetry",
    "recorder",
    "kafka",
    "runbooks",
    "cluster",
];
/// Each is looked for in every item.
const EXPLAINED_MAX: usize = 16;
const SERIES_MOST: u32 = 1_000_000;
const DATA_DIR: &str = "./evenkeel-data";

pub(super) struct Settings {
    pub listen: Listen,
    pub external_url: Option<String>,
    pub entrance: door::Settings,
    pub data_dir: PathBuf,
    pub ack: Ack,
    pub dedup: Dedup,
    pub tenant: String,
    pub rules: Rules,
    pub watches: Vec<Watch>,
    /// Of metrics, at most.
    pub series: usize,
    pub export: Option<Export>,
    pub recorder: recorder::Recorder,
    pub kafka: Option<Kafka>,
}

pub(super) fn read(ctx: &mut Reading<'_>, set: &Set) -> Settings {
    let document = set.of(Kind::Config).first().copied();
    let spec = document.and_then(|document| {
        let known = ["apiVersion", "kind", "metadata", "spec"];
        let fields = Fields::new(&mut ctx.report, &document.node, "a document", &known)?;
        Fields::new(&mut ctx.report, fields.get("spec")?, "spec", SPEC)
    });
    let folder = document.map_or(Path::new(""), |document| &document.folder);
    let access = access::read(ctx, spec.and_then(|spec| spec.get("auth")), folder);
    let (listen, tls, limits) = listen::read(ctx, spec.and_then(|spec| spec.get("listen")), folder, &access);
    let (rates, fields) = access::rates(ctx, spec.and_then(|spec| spec.get("limits")), &["series"]);
    let series = fields.and_then(|fields| fields.whole(&mut ctx.report, "series", 1, SERIES_MOST));
    let entrance = door::Settings { tokens: access.tokens, tls, limits, rates };
    let mut settings = Settings {
        listen,
        external_url: external_url(ctx, spec),
        entrance,
        data_dir: data_dir(ctx, spec),
        ack: Ack::default(),
        dedup: Dedup::Requests,
        tenant: "default".to_owned(),
        rules: Rules::default(),
        watches: Vec::new(),
        export: own_telemetry::read(ctx, spec.and_then(|spec| spec.get("telemetry")), folder),
        recorder: recorder::read(ctx, spec.and_then(|spec| spec.get("recorder"))),
        series: series.map_or(SERIES_MAX, |series| series as usize),
        kafka: None,
    };
    if let Some(spec) = spec {
        switches(ctx, spec, &mut settings);
        let (filter, classify) =
            (spec.list(&mut ctx.report, "filter"), spec.list(&mut ctx.report, "classify"));
        let filter = rules::filter(ctx, filter);
        let names: Vec<&str> =
            classify.iter().filter_map(|rule| Some(&*rule.get("name")?.scalar()?.text)).collect();
        let (classify, watches) = rules::classify(ctx, classify);
        settings.rules = Rules { filter, classify };
        settings.watches = watches;
        let beside = kafka::Beside { folder, tenant: &settings.tenant, rules: &names };
        settings.kafka = kafka::read(ctx, spec.get("kafka"), beside);
    }
    settings
}

fn switches(ctx: &mut Reading<'_>, spec: Fields<'_>, settings: &mut Settings) {
    let report = &mut ctx.report;
    if let Some(node) = spec.get("ack") {
        let words = [("committed", Ack::Committed), ("memory", Ack::Memory)];
        settings.ack = reader::word(report, node, "ack", &words).unwrap_or_default();
    }
    if let Some(node) = spec.get("dedup") {
        let words = [("requests", Dedup::Requests), ("items", Dedup::Items), ("off", Dedup::Off)];
        settings.dedup = reader::word(report, node, "dedup", &words).unwrap_or(Dedup::Requests);
    }
    if let (Some(text), Some(node)) = (spec.text(report, "tenant"), spec.get("tenant")) {
        match text.is_empty() || text.len() > 63 || text.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            true => report.error("E0211", node.at, "`tenant` is a word of 1 to 63 characters"),
            false => settings.tenant = text.to_owned(),
        }
    }
    explained(ctx, spec.get("explain"));
    let report = &mut ctx.report;
    if spec.get("cluster").is_some() {
        report.not_yet("W0201", spec.place_of("cluster"), "cluster");
    }
}

/// Attributes that are read for explanations alone, whether or not a rule names them.
fn explained(ctx: &mut Reading<'_>, node: Option<&Node>) {
    let fields = node.and_then(|node| {
        Fields::new(&mut ctx.report, node, "`explain`", &["attributes"]).map(|fields| (fields, node))
    });
    let Some((fields, node)) = fields.filter(|(fields, _)| fields.get("attributes").is_some()) else {
        return;
    };
    ctx.explained.clear();
    let names = fields.texts(&mut ctx.report, "attributes");
    if names.len() > EXPLAINED_MAX {
        ctx.report.error("E0220", node.at, format!("`explain` reads at most {EXPLAINED_MAX} attributes"));
    }
    for (name, node) in names {
        match name.is_empty() {
            true => ctx.report.error("E0220", node.at, "an attribute's name is empty"),
            false => ctx.explained.push(name.to_owned()),
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

/// Where people reach the page's port; the environment wins.
fn external_url(ctx: &mut Reading<'_>, spec: Option<Fields<'_>>) -> Option<String> {
    let in_file = spec.and_then(|spec| {
        let text = spec.text(&mut ctx.report, "external_url")?;
        Some((text.to_owned(), spec.get("external_url")?.at, "external_url"))
    });
    let variable = "EVENKEEL_EXTERNAL_URL";
    let from_environment = ctx.world.env(variable).filter(|value| !value.is_empty());
    let from_environment = from_environment.map(|text| (text, listen::environment(ctx), variable));
    let (url, at, name) = from_environment.or(in_file)?;
    if let Err((why, is_secret)) = address::check_base(&url) {
        if is_secret {
            ctx.report.conceal(at);
        }
        let hint = "the address by which people reach the page, such as https://evenkeel.example";
        ctx.report.error_with("E0505", at, format!("`{name}` {why}"), hint);
    }
    Some(url.trim_end_matches('/').to_owned())
}
