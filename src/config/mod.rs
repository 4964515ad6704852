//! Text -> checked configuration. Reads no files and no environment itself: `main` hands both in.
//! All mistakes of all files are reported in one run, each with its place.
//!
//! `yaml` makes a tree of nodes out of text, `set` collects the documents of all files, `settings`, `rules`,
//! `routing`, `runbooks` and `slo_document` give them meaning; each pushes what it finds into one `report`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::classify::Key;
use crate::door;
use crate::engine::{Annotations, Choice, Plan, VERSION};
use crate::model::Wanted;
use crate::runner;
use crate::trial::Trial;
use alerting::Alerting;
use runbooks::Runbooks;

mod access;
mod address;
mod alerting;
mod annotations;
mod conditions;
mod diagnostic;
mod document;
mod exclusions;
mod expression;
mod fallbacks;
mod global;
mod heartbeat;
mod indicator;
pub mod kafka;
mod kafka_access;
mod kafka_mapping;
mod kafka_names;
mod kafka_publish;
mod kafka_topics;
mod listen;
mod metadata;
mod node;
mod objective;
mod opsgenie;
mod own_telemetry;
mod pagerduty;
mod place;
mod policies;
mod quantity;
mod reader;
mod receivers;
mod recorder;
mod references;
mod report;
mod routing;
mod rule_alert;
mod rules;
mod runbooks;
mod said;
mod secrets;
mod set;
mod settings;
mod slack;
mod slo_document;
mod substitute;
mod suggest;
mod templates;
mod tls;
mod tracks;
mod trial_checks;
mod trial_events;
mod trial_expects;
mod trials;
mod webhook;
mod window;
mod yaml;

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod seen;
#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Level, render};
pub use document::{Documents, View};
pub use kafka::Kafka;
pub use recorder::Recorder;
pub use said::{Setting, differences};
pub use trials::Unsound;

pub use crate::respond::{Heartbeat, Integration, Receiver, WebhookFormat};

/// A JSON Schema of every document that is read.
pub const SCHEMA: &str = include_str!("../../config/evenkeel.schema.json");

/// How the parser reaches the world. `main` backs it with the file system and the environment,
/// tests with maps.
pub trait World {
    fn read(&self, path: &Path) -> Result<String, String>;
    fn env(&self, name: &str) -> Option<String>;
    /// Files that a path stands for: itself, a folder's `*.yaml` and `*.yml`, or a glob's matches; sorted.
    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String>;

    /// What an absolute path leads to, where that is another one.
    fn target(&self, _path: &Path) -> Option<String> {
        None
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    pub otlp_grpc: String,
    pub otlp_http: String,
    pub http: String,
}

/// When a sender gets its 200 or OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ack {
    /// Once the journal holds the request.
    #[default]
    Committed,
    /// Once the request has been taken in.
    Memory,
}

/// A checked set of documents.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: Listen,
    /// What links for people begin with; no `/` at its end.
    pub external_url: Option<String>,
    pub entrance: door::Settings,
    pub data_dir: PathBuf,
    pub ack: Ack,
    pub receivers: Vec<Receiver>,
    pub heartbeat: Option<Heartbeat>,
    pub plan: Plan,
    pub export: Option<Export>,
    pub recorder: Recorder,
    pub kafka: Option<Kafka>,
    pub runner: runner::Settings,
    /// What the document says, for telling differences.
    pub said: Vec<Setting>,
}

/// Where our own telemetry goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Export {
    pub endpoint: String,
    pub interval: Duration,
    pub token: Option<String>,
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// The outcome of reading a set: `config` is there unless a finding is an error.
#[derive(Debug)]
pub struct Loaded {
    pub config: Option<Config>,
    /// In order of file, line and column.
    pub findings: Vec<Diagnostic>,
}

impl Loaded {
    pub fn errors(&self) -> usize {
        self.count(Level::Error)
    }

    pub fn warnings(&self) -> usize {
        self.count(Level::Warning)
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }
}

/// What every reader of this folder carries along.
struct Reading<'w> {
    world: &'w dyn World,
    report: report::Report,
    wanted: Wanted,
    /// Names of attributes that are read for explanations.
    explained: Vec<String>,
    annotated: Annotations,
    /// Bytes of all expressions so far; bounds the number of attributes that rules can name.
    expression_bytes: usize,
    /// A file could not be read to its end: a name that is missing may well be in the rest.
    incomplete: bool,
    /// Mistakes of Test documents that were found before those were read.
    errors_of_tests: usize,
}

impl<'w> Reading<'w> {
    fn new(world: &'w dyn World) -> Self {
        let report = report::Report::default();
        let explained = vec![ROUTE.to_owned()];
        Self {
            world,
            report,
            wanted: Wanted::default(),
            explained,
            annotated: Annotations::default(),
            expression_bytes: 0,
            incomplete: false,
            errors_of_tests: 0,
        }
    }
}

/// What bad events share most often, by OpenTelemetry's semantic conventions.
const ROUTE: &str = "http.route";

/// Attributes that expressions and keys of a set may name together; there are 65,535 slots.
const KEYED_MAX: usize = 65_000;

impl Reading<'_> {
    fn key(&mut self, at: node::Place, name: &str) -> Option<Key> {
        if self.wanted.len() >= KEYED_MAX {
            let message = format!("expressions and keys of a set name at most {KEYED_MAX} attributes");
            self.report.error("E0215", at, message);
            return None;
        }
        Some(Key::new(name, &mut self.wanted))
    }
}

/// The tests of a set, and the configuration that they are about.
#[derive(Debug)]
pub struct Tests {
    /// There unless a finding outside of the tests is an error.
    pub config: Option<Config>,
    /// By name.
    pub trials: Vec<Trial>,
    pub unsound: Vec<Unsound>,
    /// As of [`Loaded`].
    pub findings: Vec<Diagnostic>,
}

/// Reads a set of files. No paths: the defaults.
pub fn load(paths: &[PathBuf], world: &dyn World) -> Loaded {
    let Tests { config, findings, .. } = load_tests(paths, world);
    let sound = !findings.iter().any(|finding| finding.level == Level::Error);
    Loaded { config: config.filter(|_| sound), findings }
}

/// As [`load`], with what its Test documents say. A mistake in one of them is theirs alone.
pub fn load_tests(paths: &[PathBuf], world: &dyn World) -> Tests {
    let mut ctx = Reading::new(world);
    let set = set::read(&mut ctx, paths);
    let settings = settings::read(&mut ctx, &set);
    let slos = slo_document::read_all(&mut ctx, &set);
    let Alerting { receivers, route, heartbeat } = alerting::read(&mut ctx, &set);
    let Runbooks { plans: runbooks, settings: runner } =
        runbooks::read(&mut ctx, &set, (&slos, &settings.watches));
    for name in [VERSION.to_owned()].into_iter().chain(std::mem::take(&mut ctx.explained)) {
        if ctx.wanted.len() < KEYED_MAX {
            Key::new(&name, &mut ctx.wanted);
        }
    }
    let plan = Plan {
        version: set.version(),
        tenant: settings.tenant,
        dedup: settings.dedup,
        choice: Choice::default(),
        annotations: std::mem::take(&mut ctx.annotated),
        series_max: settings.series,
        wanted: std::mem::take(&mut ctx.wanted),
        rules: settings.rules,
        slos,
        watches: settings.watches,
        route,
        masked: settings.recorder.mask.clone(),
        runbooks,
    };
    let sound = ctx.report.errors() == ctx.errors_of_tests;
    let names: Vec<String> = receivers.iter().map(|one| one.name.clone()).collect();
    let known = trials::Known { plan: &plan, receivers: &names, complete: sound && !ctx.incomplete };
    let (trials, unsound) = trials::read_all(&mut ctx, &set, known);
    let findings = ctx.report.finish();
    let (listen, entrance) = (settings.listen, settings.entrance);
    let (data_dir, ack, export) = (settings.data_dir, settings.ack, settings.export);
    let (external_url, recorder, kafka) = (settings.external_url, settings.recorder, settings.kafka);
    let config = Config {
        listen,
        external_url,
        entrance,
        data_dir,
        ack,
        receivers,
        heartbeat,
        plan,
        export,
        recorder,
        kafka,
        runner,
        said: said::read(&set),
    };
    let config = sound.then_some(config);
    Tests { config, trials, unsound, findings }
}
