//! One small file per mistake against the text that it is answered with, the shipped examples, and
//! what must hold for any text. `UPDATE=1 cargo test --lib config` writes the expected texts anew.

#![allow(clippy::disallowed_methods, reason = "the cases are files, and UPDATE is a variable")]

mod annotations;
mod kafka;
mod runbooks;

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::*;
use crate::alert::route::Route;
use crate::classify::ExprError;
use crate::engine::{Dedup, Indicator, Operator};
use crate::model::{Labels, Parts};
use crate::respond::{PAGERDUTY_URL, PagerDuty, Secret, Service};

/// Files and variables in memory; with `folder`, files of the repository behind them.
#[derive(Default)]
struct Fake {
    files: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
    folder: Option<PathBuf>,
}

impl Fake {
    fn files(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self { files, ..Self::default() }
    }

    fn on_disk(folder: &str) -> Self {
        let folder = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
        Self { folder, ..Self::default() }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl World for Fake {
    fn read(&self, path: &Path) -> Result<String, String> {
        if let Some(text) = self.files.get(&path.display().to_string()) {
            return Ok(text.clone());
        }
        let folder = self.folder.as_ref().ok_or("no such file")?;
        fs::read_to_string(folder.join(path)).map_err(|_| "no such file".to_owned())
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn target(&self, path: &Path) -> Option<String> {
        self.links.get(path.to_str()?).cloned()
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        let text = pattern.display().to_string();
        let Some((before, after)) = text.split_once('*') else { return Ok(vec![pattern.to_path_buf()]) };
        let mut names: Vec<String> = self.files.keys().cloned().collect();
        let parent = pattern.parent().unwrap_or(Path::new(""));
        if let Some(folder) = &self.folder {
            let entries = fs::read_dir(folder.join(parent)).map_err(|error| error.to_string())?;
            names.extend(entries.flatten().map(|e| parent.join(e.file_name()).display().to_string()));
        }
        names.retain(|name| name.starts_with(before) && name.ends_with(after));
        names.sort();
        Ok(names.into_iter().map(PathBuf::from).collect())
    }
}

fn loaded(world: &Fake, path: &str) -> Loaded {
    load(&[PathBuf::from(path)], world)
}

/// Errors and warnings as `check` prints them; notes too where asked for.
fn printed(world: &Fake, loaded: &Loaded, notes: bool) -> String {
    let shown = |one: &&Diagnostic| notes || one.level != Level::Note;
    let findings: Vec<Diagnostic> = loaded.findings.iter().filter(shown).cloned().collect();
    render(&findings, &|name| world.read(Path::new(name)).ok())
}

fn config_of(spec: &str) -> String {
    format!("apiVersion: evenkeel/v1\nkind: Config\nspec:\n{spec}")
}

/// What a document says, sound or not, with files that are named.
pub(super) fn said(spec: &str) -> Vec<Setting> {
    let world =
        Fake::files(&[("a.yaml", &config_of(spec)), ("secret", "first-secret"), ("other", "second-secret")]);
    let mut ctx = Reading::new(&world);
    let set = set::read(&mut ctx, &[PathBuf::from("a.yaml")]);
    said::read(&set)
}

fn text_of(text: &str) -> (Fake, Loaded) {
    let world = Fake::files(&[("a.yaml", text)]);
    let loaded = loaded(&world, "a.yaml");
    (world, loaded)
}

fn sound(text: &str) -> Config {
    let (world, loaded) = text_of(text);
    let text = printed(&world, &loaded, false);
    loaded.config.unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn each_mistake_is_answered_with_its_text() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/config");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(&folder).expect("testdata").flatten().map(|e| e.path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    cases.sort();
    assert!(cases.len() > 100, "one file per mistake");
    let world = Fake::on_disk("tests/testdata/config").env("SET", "set").env("SECRET", "hunter2");
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.file_name().expect("a file").to_string_lossy().into_owned();
        let actual = printed(&world, &loaded(&world, &name), name.starts_with("note_"));
        let expected = case.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &actual).expect("write the expected text");
        }
        assert!(!actual.contains("hunter2"), "{name} shows a secret:\n{actual}");
        if fs::read_to_string(&expected).unwrap_or_default() != actual || actual.is_empty() {
            wrong.push(format!("{name}:\n{actual}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_shipped_files_have_no_errors_and_no_warnings() {
    let world = Fake::on_disk("config");
    let loaded = loaded(&world, "evenkeel.yaml");
    assert_eq!(printed(&world, &loaded, false), "");
    let config = loaded.config.expect("sound");
    let names: Vec<&str> = config.plan.slos.iter().map(|one| &*one.slo.name).collect();
    assert_eq!(names, ["checkout-availability", "checkout-latency"]);
    assert_eq!(config.plan.slos[0].declared_at, "slos/checkout.yaml:13:1");
    assert_eq!(config.plan.slos[0].slo.goals[0].sla.map(|sla| sla.target()), Some(Parts(995_000_000)));
    assert_eq!(config.plan.slos[0].slo.tier.number(), 1);
    assert!(matches!(config.plan.slos[1].indicators[0], Indicator::Threshold { limit: 0.5, .. }));
}

/// Scenario: the shipped settings with every comment taken away from what is off by default.
/// Guarantees: the commented examples are sound as well.
#[test]
fn the_shipped_examples_hold_when_uncommented() {
    let text = Fake::on_disk("config").read(Path::new("evenkeel.yaml")).expect("shipped");
    let is_option = |rest: &str| {
        let word = rest.trim_start().trim_start_matches("- ").split(':').next().unwrap_or("").trim_start();
        let prose = ["committed", "requests", "yaml-language-server"];
        rest.contains(':') && !word.contains(' ') && !prose.contains(&word)
            || rest.trim_start().starts_with("- {")
    };
    let lines = text.lines().map(|line| match line.trim_start().strip_prefix("# ") {
        Some(rest) if is_option(rest) => line.replacen("# ", "", 1),
        _ => line.to_owned(),
    });
    let world = Fake::on_disk("config").env("CHAT_WEBHOOK", "https://chat.example/hook");
    let mut files: BTreeMap<String, String> =
        ["/run/secrets/evenkeel-ingest", "/run/secrets/evenkeel-viewer"]
            .map(|path| (path.into(), path.into()))
            .into();
    let pair = rcgen::generate_simple_self_signed(["evenkeel".to_owned()]).expect("a certificate");
    for name in ["tls.crt", "clients.crt"] {
        files.insert(format!("/etc/evenkeel/{name}"), pair.cert.pem());
    }
    files.insert("/run/secrets/evenkeel-approval".to_owned(), "0123456789abcdef".to_owned());
    files.insert("/etc/evenkeel/tls.key".to_owned(), pair.signing_key.serialize_pem());
    files.insert("evenkeel.yaml".to_owned(), lines.collect::<Vec<_>>().join("\n"));
    let world = Fake { files, ..world };
    let loaded = loaded(&world, "evenkeel.yaml");
    assert_eq!(printed(&world, &loaded, false), "");
    let config = loaded.config.expect("sound");
    assert_eq!(
        (config.plan.rules.filter.len(), config.plan.rules.classify.len(), config.receivers.len()),
        (1, 1, 2)
    );
    assert_eq!((config.entrance.tokens.len(), config.entrance.tls.is_some()), (2, true));
    assert!(config.runner.link_key.is_some());
}

#[test]
fn every_option_stands_in_the_shipped_file() {
    let text = Fake::on_disk("config").read(Path::new("evenkeel.yaml")).expect("shipped");
    let stands = |key: &str| text.contains(&format!("\n  {key}:")) || text.contains(&format!("\n  # {key}:"));
    let missing: Vec<_> = settings::SPEC.iter().filter(|key| **key != "cluster" && !stands(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn without_files_the_defaults_hold() {
    let config = load(&[], &Fake::default()).config.expect("sound");
    assert_eq!(config.listen.otlp_grpc, "127.0.0.1:4317");
    assert_eq!(config.listen.otlp_http, "127.0.0.1:4318");
    assert_eq!(config.listen.http, "127.0.0.1:4319");
    assert_eq!(config.data_dir, Path::new("./evenkeel-data"));
    assert_eq!((config.plan.tenant.as_str(), config.plan.dedup), ("default", Dedup::Requests));
    assert!(config.plan.route.is_none());
}

#[test]
fn the_environment_wins_over_the_file() {
    let text =
        config_of("  data_dir: /a\n  listen: {http: 127.0.0.1:1}\n  external_url: https://a.example\n");
    let world = Fake::files(&[("a.yaml", &text)])
        .env("EVENKEEL_LISTEN__HTTP", "0.0.0.0:0")
        .env("EVENKEEL_LISTEN__ALLOW_ANONYMOUS", "true")
        .env("EVENKEEL_EXTERNAL_URL", "https://b.example/")
        .env("EVENKEEL_DATA_DIR", "/b");
    let config = loaded(&world, "a.yaml").config.expect("sound");
    assert_eq!((&*config.listen.http, &*config.data_dir), ("0.0.0.0:0", Path::new("/b")));
    assert_eq!(config.external_url.as_deref(), Some("https://b.example"));
    let world = world.env("EVENKEEL_LISTEN__OTLP_GRPC", "nowhere");
    let text = printed(&world, &loaded(&world, "a.yaml"), false);
    assert!(text.contains("error[E0208]: `EVENKEEL_LISTEN__OTLP_GRPC`: `nowhere` names no port"), "{text}");
    assert!(text.contains("  --> environment:1:1"), "{text}");
}

#[test]
fn values_are_substituted_and_dollars_escaped() {
    let text = config_of("  data_dir: '${env:ROOT}/$$x/${env:NONE:-d e}/$y'\n  tenant: ${file:secret}\n");
    let world = Fake::files(&[("etc/a.yaml", &text), ("etc/secret", "s3\n")]).env("ROOT", "/r");
    let config = loaded(&world, "etc/a.yaml").config.expect("sound");
    assert_eq!((&*config.data_dir, &*config.plan.tenant), (Path::new("/r/$x/d e/$y"), "s3"));
}

/// Guarantees: an included Alertmanager file routes as Alertmanager does; a file that is included
/// twice, or includes itself, is read once.
#[test]
fn includes_follow_globs_cycles_and_alertmanager_files() {
    let first = config_of("  include: [./parts/*.yaml, a.yaml, parts/../parts/am.yaml]\n");
    let slo = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: a}\n";
    let alertmanager = "route: {receiver: x, routes: [{matchers: [severity=\"ticket\"], receiver: y}]}\n\
        receivers: [{name: x, webhook_configs: [{url: 'http://h'}]}, {name: y, webhook_configs: [{url: 'http://h'}]}]\n";
    let world = Fake::files(&[("a.yaml", &first), ("parts/am.yaml", alertmanager), ("parts/s.yaml", slo)]);
    let loaded = loaded(&world, "a.yaml");
    assert_eq!(printed(&world, &loaded, false), "");
    let route: Route = loaded.config.expect("sound").plan.route.expect("a route");
    let labels = |severity: &str| Labels::from([("severity".to_owned(), severity.to_owned())]);
    assert_eq!(
        (route.receivers(&labels("ticket")), route.receivers(&labels("page"))),
        (vec!["y"], vec!["x"])
    );
}

const CONTRACT: &str = r#"apiVersion: evenkeel/v1
kind: Config
spec:
  data_dir: ./evenkeel-data
  listen: {otlp_grpc: 127.0.0.1:4317, otlp_http: 127.0.0.1:4318, http: 127.0.0.1:4319}
  ack: committed                            # or memory
  dedup: requests
  tenant: default
  filter:
    - {name: health-checks, drop: 'span && url.path == "/healthz"'}
  classify:
    - {name: payment-5xx, when: 'span && service.name == "checkout" && http.response.status_code >= 500', category: exception}
    - {name: disk-full, when: 'log && body.contains("No space left")', category: exception, alert: {key: [service.name, host.name], quiet: 10m, priority: P3}}
  alerting:
    route: {receiver: oncall, group_by: [service], routes: [{receiver: chat, matchers: ['severity="ticket"'], continue: false}]}
    receivers:
      - {name: oncall, pagerduty_configs: [{routing_key_file: /run/secrets/pagerduty}], webhook_configs: [{url: 'http://127.0.0.1:9000/hook', format: evenkeel}], alertmanager_configs: [{url: 'http://127.0.0.1:9093'}]}
      - {name: chat, webhook_configs: [{url: 'http://127.0.0.1:9000/chat'}]}
    inhibit_rules: []
    time_intervals: []
"#;

#[test]
fn the_contracts_example_is_sound_and_names_what_is_not_in_effect() {
    let key = "0123456789abcdef0123456789abcdef\n";
    let world = Fake::files(&[("a.yaml", CONTRACT), ("/run/secrets/pagerduty", key)]);
    let loaded = loaded(&world, "a.yaml");
    let text = printed(&world, &loaded, false);
    assert_eq!((loaded.errors(), loaded.warnings()), (0, 3), "{text}");
    for key in ["group_by", "inhibit_rules", "time_intervals"] {
        assert!(text.contains(&format!("`{key}` is accepted, not in effect yet")), "{key}:\n{text}");
    }
    let config = loaded.config.expect("sound");
    let webhook = Integration::webhook(WebhookFormat::Evenkeel, "http://127.0.0.1:9000/hook");
    assert_eq!(config.receivers[0].integrations[0], webhook);
    let pagerduty = PagerDuty::new(Secret::new(key.trim()));
    let pagerduty = Integration::new(Service::PagerDuty(Box::new(pagerduty)), PAGERDUTY_URL);
    assert_eq!(config.receivers[0].integrations[2], pagerduty);
    assert!(!format!("{config:?}").contains(key.trim()), "a secret in what we could print");
    assert_eq!(config.plan.route.expect("a route").routes[0].group_by, ["service"]);
}

/// Guarantees: a line that holds a secret is printed without it, whatever is wrong on that line.
#[test]
fn a_secret_in_the_open_is_not_printed_with_a_mistake_beside_it() {
    let receivers = [
        "pagerduty_configs: [{routing_key: hunter2, severty: x}]",
        "pagerduty_configs: [{routing_key: hunter2, routing_key_file: x}]",
        "opsgenie_configs: [{api_key: 'hunter2', product: x}]",
        "slack_configs: [{api_url: 'https://h/hunter2', chanel: x}]",
        "slack_configs: [{api_url: 'hooks.example/hunter2'}]",
        "webhook_configs: [{url: 'http://h', secret: \"hunter2\", format: x}]",
        "webhook_configs: [{url: 'http://h', http_config: {basic_auth: {username: u, password: hunter2, x: y}}}]",
        "webhook_configs: [{url: 'http://h', http_config: {authorization: {credentials: hunter2, x: y}}}]",
    ];
    for receiver in receivers {
        let alerting =
            format!("  alerting:\n    route: {{receiver: a}}\n    receivers: [{{name: a, {receiver}}}]\n");
        let (world, loaded) = text_of(&config_of(&alerting));
        let text = printed(&world, &loaded, true);
        assert!(loaded.errors() == 1 && text.contains("***"), "{text}");
        assert!(!text.contains("hunter2") && !format!("{:?}", loaded.findings).contains("hunter2"), "{text}");
    }
}

#[test]
fn the_version_is_of_the_content_alone() {
    let version = |files: &[(&str, &str)]| {
        let paths: Vec<PathBuf> = files.iter().map(|(name, _)| PathBuf::from(name)).collect();
        load(&paths, &Fake::files(files)).config.expect("sound").plan.version
    };
    let a = config_of("  tenant: x\n  dedup: off\n");
    let reordered = config_of(
        "  # why\n  dedup: off\n  listen: {http: 127.0.0.1:0}\n  auth: {tokens: []}\n\n  tenant: \"x\"\n",
    );
    let service = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: a}\n";
    let both = format!("{service}---\n{reordered}");
    let one = version(&[("a.yaml", &a), ("b.yaml", service)]);
    assert_eq!(one, version(&[("c.yaml", &both)]));
    assert_ne!(one, version(&[("a.yaml", &a)]));
    assert_ne!(version(&[("a.yaml", &a)]), version(&[("a.yaml", &config_of("  tenant: y\n"))]));
}

#[test]
fn a_place_inside_of_a_text_is_found_in_every_style() {
    let text = "k:\n  - plain here\n  - 'it''s here'\n  - \"\\u0041\\\"b here\"\n  - |\n    a\n      b here\n  - >\n    a here\n";
    let mut report = report::Report::default();
    let file = report.add_file("a", text);
    let (documents, whole) = yaml::parse(&mut report, file, text);
    assert!(whole);
    let items = documents[0].get("k").map(|node| reader::list(&mut report, node, "k")).unwrap_or_default();
    let places: Vec<(usize, usize, usize)> = items
        .iter()
        .filter_map(|node| {
            let scalar = node.scalar()?;
            let from = scalar.text.find("here")?;
            let at = place::span(&report, node.at, scalar, from, from + 4);
            Some((at.line, at.column, at.width))
        })
        .collect();
    assert_eq!(places, [(2, 11, 4), (3, 12, 4), (4, 16, 4), (7, 9, 4), (9, 5, 6)]);
}

#[test]
fn a_run_prints_a_hundred_findings_and_counts_the_rest() {
    let spec: String = (0..120).map(|i| format!("  unknown-{i}: 1\n")).collect();
    let (world, loaded) = text_of(&config_of(&spec));
    assert_eq!(loaded.errors(), 120);
    let text = printed(&world, &loaded, false);
    assert_eq!(text.matches("error[E0203]").count(), 100);
    assert!(text.ends_with("\n… and 20 more\n"));
}

#[test]
fn a_mistake_in_an_expression_is_placed_inside_of_the_text() {
    let text = config_of("  filter:\n    - {name: a, drop: 'span && ''é'' == nmae'}\n");
    let world = Fake::files(&[("a.yaml", &text)]);
    let mut ctx = Reading::new(&world);
    let set = set::read(&mut ctx, &[PathBuf::from("a.yaml")]);
    let rules = set.documents[0].node.get("spec").and_then(|spec| spec.get("filter")).expect("a list");
    let rule = reader::list(&mut ctx.report, rules, "filter")[0].get("drop").expect("an expression");
    let start = rule.scalar().and_then(|scalar| scalar.text.find("nmae")).expect("a slip");
    let error = ExprError { at: start..start + 4, message: "no such name".to_owned(), hint: None };
    expression::place_errors(&mut ctx, rule, vec![error]);
    let finding = ctx.report.finish().remove(0);
    assert_eq!((finding.code, finding.line, finding.column, finding.width), ("E0301", 5, 41, 4));
}

#[test]
fn lists_of_rules_and_expressions_are_bounded() {
    let rules: String = (0..1_001).map(|i| format!("    - {{name: r{i}, drop: 'span'}}\n")).collect();
    let (_, loaded) = text_of(&config_of(&format!("  filter:\n{rules}")));
    assert_eq!((loaded.errors(), loaded.findings[0].code, loaded.findings[0].line), (1, "E0215", 1_005));
    let long = " || span".repeat(2_000);
    let (_, loaded) = text_of(&config_of(&format!("  filter: [{{name: a, drop: 'span{long}'}}]\n")));
    assert_eq!((loaded.errors(), loaded.findings[0].code), (1, "E0215"));
}

/// Scenario: two SLOs share an SLI by name; one more has a threshold below zero on logs.
#[test]
fn indicators_are_read_by_reference_and_of_each_form() {
    let source = |expression: &str| format!("{{metricSource: {{type: Evenkeel, spec: {{{expression}}}}}}}");
    let sli = format!(
        "apiVersion: openslo/v1\nkind: SLI\nmetadata: {{name: shared}}\nspec:\n  ratioMetric:\n    good: {}\n    bad: {}\n",
        source("spans: 'status == \"ok\"'"),
        source("logs: 'severity >= 17'")
    );
    let slo = |name: &str, indicator: &str, objective: &str| {
        format!(
            "---\napiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {name}}}\nspec:\n  service: s\n  {indicator}\n  \
             budgetingMethod: Occurrences\n  timeWindow: [{{duration: 4w, isRolling: true}}]\n  objectives: [{objective}]\n"
        )
    };
    let threshold = source("logs: 'log', value: delta")
        .replace("{metricSource", "indicator: {spec: {thresholdMetric: {metricSource")
        + "}}";
    let text = sli
        + &slo("b", "indicatorRef: shared", "{target: 0.999}")
        + &slo("a", "indicatorRef: shared", "{targetPercent: 99.95}")
        + &slo("c", &threshold, "{target: 0.9, op: gt, value: -1.5}");
    let slos = sound(&text).plan.slos;
    let names: Vec<(&str, Parts)> =
        slos.iter().map(|one| (&*one.slo.name, one.slo.goals[0].objective.target())).collect();
    assert_eq!(names, [("a", Parts(999_500_000)), ("b", Parts(999_000_000)), ("c", Parts(900_000_000))]);
    assert!(matches!(&slos[0].indicators[0], Indicator::GoodAndBad { good, bad } if good.kind != bad.kind));
    let expected = (Operator::Gt, -1.5);
    assert!(
        matches!(slos[2].indicators[0], Indicator::Threshold { op, limit, .. } if (op, limit) == expected)
    );
    assert_eq!((slos[0].slo.window.nominal_s(), slos[0].slo.window.text()), (2_419_200, "4w"));
}

#[test]
fn a_byte_order_mark_is_skipped_and_moves_no_column() {
    let (_, loaded) = text_of(&format!("\u{feff}{}", "kinds: x\n"));
    assert_eq!((loaded.findings[0].line, loaded.findings[0].column), (1, 1));
    sound(&format!("\u{feff}{}", config_of("  tenant: a\n")));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[-a-z:{}\\[\\]'\"|>&*!#$%@ \t\n.0-9é~?,]{0,200}") {
        let (world, loaded) = text_of(&text);
        printed(&world, &loaded, true);
    }

    /// Scenario: a sound set, cut anywhere or with one character replaced.
    #[test]
    fn no_damage_makes_the_reader_panic(cut in 0_usize..5_000, at in 0_usize..5_000, c in any::<char>()) {
        let slos = include_str!("../../config/slos/checkout.yaml");
        let whole: Vec<char> = format!("{CONTRACT}---\n{slos}").chars().collect();
        let truncated: String = whole.iter().take(cut).collect();
        let (world, loaded) = text_of(&truncated);
        printed(&world, &loaded, true);
        let mut damaged = whole;
        let at = at % damaged.len();
        damaged[at] = c;
        let (world, loaded) = text_of(&damaged.into_iter().collect::<String>());
        printed(&world, &loaded, true);
    }

    #[test]
    fn no_matcher_makes_the_parser_panic(text in "[a-z={}!~\\\\\"',. \nü]{0,40}") {
        let _ = crate::alert::route::parse_matchers(&text);
    }
}
