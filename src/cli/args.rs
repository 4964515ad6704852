//! Verbs and flags.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use super::paint::Color;
use super::{
    Exit, backup, check, client, demo, doctor, explain, init, manual, reach, record, replay, run, runbooks,
    show, slos, suggest, trial,
};
use crate::model::EventTime;
use crate::replay::WORKERS_MAX;
use crate::send::{SendArgs, duration};

/// Watches your telemetry, keeps your error budgets, and pages only when users are hurt
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    verb: Option<Verb>,
}

impl Cli {
    /// `-o` says how to print; where something is recorded there is nothing to print, and it names the file.
    pub fn of(args: impl IntoIterator<Item = OsString>) -> Self {
        let mut args: Vec<OsString> = args.into_iter().collect();
        let verb = args.iter().position(|arg| arg == "record").unwrap_or(args.len());
        let names_file = |arg: &&mut OsString| **arg == "-o" || **arg == "--output";
        args[verb..].iter_mut().filter(names_file).for_each(|arg| *arg = "--file".into());
        Self::parse_from(args)
    }
}

#[derive(Args, Clone, Debug)]
pub(super) struct Global {
    /// Configuration: a file, a folder or a glob; repeat it for more
    #[arg(
        short,
        long = "config",
        value_name = "PATH",
        global = true,
        env = "EVENKEEL_CONFIG",
        value_delimiter = ','
    )]
    pub(super) config: Vec<PathBuf>,

    /// The daemon's page port
    #[arg(
        long,
        value_name = "URL",
        global = true,
        env = "EVENKEEL_URL",
        value_parser = reach::url,
        default_value = reach::URL
    )]
    pub(super) url: String,

    /// The token to show to the daemon: a file that holds it
    #[arg(long, value_name = "PATH", global = true, env = "EVENKEEL_TOKEN_FILE")]
    pub(super) token_file: Option<PathBuf>,

    /// Trust the daemon's certificate if one of these authorities signed it: a file of PEM text
    #[arg(long, value_name = "PATH", global = true, env = "EVENKEEL_CA_FILE")]
    pub(super) ca_file: Option<PathBuf>,

    /// The certificate to show to the daemon: a file of PEM text
    #[arg(long, value_name = "PATH", global = true, env = "EVENKEEL_CERT_FILE", requires = "key_file")]
    pub(super) cert_file: Option<PathBuf>,

    /// The key of --cert-file: a file of PEM text
    #[arg(long, value_name = "PATH", global = true, env = "EVENKEEL_KEY_FILE", requires = "cert_file")]
    pub(super) key_file: Option<PathBuf>,

    /// How to print
    #[arg(short, long, value_enum, global = true, default_value_t = Output::Human)]
    pub(super) output: Output,

    /// When to colour
    #[arg(long, value_enum, global = true, default_value_t = Color::Auto)]
    pub(super) color: Color,

    /// Say less
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,

    /// Say more; twice for each request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Human,
    Json,
    Jsonl,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// See it work in a minute: three simulated services, one bad deploy, one page
    Demo(DemoArgs),
    /// Write a configuration to begin from, or one out of the definitions of Sloth, Pyrra or OpenSLO
    Init(InitArgs),
    /// Listen for OTLP, classify, keep budgets, page
    Run(RunArgs),
    /// Check the configuration: all mistakes of all files in one run
    Check(CheckArgs),
    /// Run the configuration's tests: made-up traffic through its rules, service levels, alerts and routes
    ///
    /// Each document of kind Test says what happens on a timeline and what is expected. Nothing listens, nobody is
    /// notified, and months pass in seconds. Ends with 0 if all passed, 1 if one failed or there is none, 78 for mistakes
    /// in the documents.
    Test(TestArgs),
    /// The configuration's own forms
    #[command(subcommand)]
    Config(Configuring),
    /// What would keep the daemon from its work here: ports, clock, disk, receivers; pages nobody
    Doctor(DoctorArgs),
    /// Copy the state to a new folder; the daemon may be running
    #[command(args_conflicts_with_subcommands = true)]
    Backup(BackupArgs),
    /// Put a copy in the place of the state; the daemon must be stopped
    Restore(RestoreArgs),
    /// Send made-up traffic as OTLP
    Send(SendArgs),
    /// What a configuration makes of files of OTLP export requests: every decision, by the time of the events
    ///
    /// Files hold one request a line in JSON (.otlp.jsonl), or requests in protobuf each after its length as a varint
    /// (.otlp.pb), plain or gzip. They are replayed one after the other. Nobody is notified.
    Replay(ReplayArgs),
    /// Record what a running daemon takes in, until Ctrl-C: -o FILE
    Record(RecordArgs),
    /// Service level objectives of a running daemon
    #[command(subcommand)]
    Slo(SloVerb),
    /// Alerts of a running daemon, with the reason for each decision
    #[command(subcommand)]
    Alert(Listing),
    /// Runbooks of a running daemon: what they did, whether it helped; run one, approve a run
    #[command(subcommand)]
    Runbook(runbooks::Verb),
    /// Watch classified events as they come
    Tap(TapArgs),
    /// Have a running daemon read its configuration again: all of it, or nothing changes
    Reload(ReloadArgs),
    /// Rules of a running daemon: what each dropped, classified, merged and alerted
    Rules,
    /// Why a service level pages, or why it does not, now or at a time; why an alert was told; what became of an event
    #[command(args_conflicts_with_subcommands = true)]
    Explain(ExplainArgs),
    /// The version
    Version,
    /// Completions for a shell, to standard output
    Completions { shell: clap_complete::Shell },
    /// The manual page of the program or of one verb, to standard output
    Man { verb: Option<String> },
}

#[derive(Args, Clone, Debug)]
pub(super) struct DemoArgs {
    /// End by itself, with 0 only if every step was really seen
    #[arg(long)]
    pub(super) once: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct InitArgs {
    /// Whose definitions to convert
    #[arg(long, value_enum, value_name = "SYSTEM", requires = "paths")]
    pub(super) from: Option<From>,

    /// Files and folders that hold them
    #[arg(value_name = "PATH", requires = "from")]
    pub(super) paths: Vec<PathBuf>,

    /// Folder to write to; `-` for standard output, with --from
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) into: PathBuf,

    /// Time window of SLOs that do not say theirs, as Sloth's do not
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    pub(super) window: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum From {
    Sloth,
    Pyrra,
    Openslo,
}

#[derive(Args, Clone, Debug)]
pub(super) struct RunArgs {
    /// Folder of the state
    #[arg(long, value_name = "DIR", env = "EVENKEEL_DATA_DIR")]
    pub(super) data_dir: Option<PathBuf>,

    /// Write one line of JSON with the addresses here once every listener accepts
    #[arg(long, value_name = "PATH")]
    pub(super) ready_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct BackupArgs {
    /// Folder of the state; else that of the configuration
    #[arg(long, value_name = "DIR", env = "EVENKEEL_DATA_DIR")]
    pub(super) data_dir: Option<PathBuf>,

    /// The folder to make
    #[arg(value_name = "FOLDER")]
    pub(super) target: Option<PathBuf>,

    #[command(subcommand)]
    pub(super) verb: Option<BackupVerb>,
}

#[derive(Debug, Subcommand)]
pub(super) enum BackupVerb {
    /// Read all of a copy and bring its state up; ends with 1 if something is damaged
    Verify { folder: PathBuf },
}

#[derive(Args, Clone, Debug)]
pub(super) struct RestoreArgs {
    /// The copy
    pub(super) folder: PathBuf,

    /// Folder of the state; else that of the configuration
    #[arg(long, value_name = "DIR", env = "EVENKEEL_DATA_DIR")]
    pub(super) data_dir: Option<PathBuf>,

    /// Look the copy through and say what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct CheckArgs {
    /// Files, folders or globs; else those of --config
    pub(super) paths: Vec<PathBuf>,

    /// End with 3 if there are warnings
    #[arg(long)]
    pub(super) deny_warnings: bool,

    /// What would have been told otherwise: a recording, or `last-7d` for those that `run` keeps in `data_dir`; repeat it
    /// for more. Ends with 1 if alerts differ
    #[arg(long, value_name = "RECORDING")]
    pub(super) replay: Vec<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct TestArgs {
    /// Files, folders or globs: the configuration with its tests; else those of --config
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,

    /// Only tests with this in their name
    #[arg(long, value_name = "TEXT")]
    pub(super) filter: Option<String>,

    /// Write the outcomes here, too, as JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,

    /// Name everything that the tests have seen at work, and all that none has
    #[arg(long)]
    pub(super) coverage: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct DoctorArgs {
    /// Folder of the state; else that of the configuration
    #[arg(long, value_name = "DIR", env = "EVENKEEL_DATA_DIR")]
    pub(super) data_dir: Option<PathBuf>,

    /// Only this: brokers, topics, rights and settings of `kafka`
    pub(super) what: Option<DoctorOf>,

    /// Only whether the daemon of --url is ready
    #[arg(long)]
    pub(super) quick: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum DoctorOf {
    Kafka,
}

#[derive(Args, Clone, Debug)]
pub(super) struct ReplayArgs {
    /// Files in the order of arrival
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,

    /// End before the first request with an event after this time (RFC 3339), and let time go on to it
    #[arg(long, value_name = "TIME", value_parser = replay::time)]
    pub(super) until: Option<EventTime>,

    /// End with the counts of /api/v1/counts
    #[arg(long)]
    pub(super) counts: bool,

    /// Threads that read requests; as many as there are cores if not given. What is printed does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=WORKERS_MAX as i64))]
    pub(super) workers: Option<u16>,

    /// Print how the pages differ from those of another configuration, or of facts that were printed with -o jsonl
    /// (OLD.jsonl); end with 1 if they do
    #[arg(long, value_name = "OLD")]
    pub(super) against: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct RecordArgs {
    /// The file to make; also -o
    #[arg(long, value_name = "FILE", required = true)]
    pub(super) file: PathBuf,

    /// End after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(super) duration: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Listing {
    /// One line each
    List,
    /// One in full
    Show { name: String },
}

#[derive(Debug, Subcommand)]
pub(super) enum SloVerb {
    /// One line for each objective and group
    List,
    /// One in full: windows, budget, conditions; with --at as it was known then
    Show(SloShowArgs),
    /// What spent the budget over a stretch of time, hour by hour, and what came late
    Report(ReportArgs),
    /// What another target would have meant for the time that is held: pages, tickets, budget
    WhatIf(WhatIfArgs),
    /// Propose objectives from traffic in files, with the pages that they would have caused; no daemon
    Suggest(SuggestArgs),
}

#[derive(Args, Clone, Debug)]
pub(super) struct SuggestArgs {
    /// The service: `service.name` of its telemetry
    #[arg(long, value_name = "NAME")]
    pub(super) service: String,

    /// OTLP export requests, as for `replay`
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct SloShowArgs {
    pub(super) name: String,

    /// As it was known then: 2026-11-25T14:00:00Z, or -2h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) at: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct WhatIfArgs {
    pub(super) name: String,

    /// The other target, as a share: 0.9995
    #[arg(long, value_name = "SHARE")]
    pub(super) target: String,

    /// Count the pages of this long up to now, as 7d; else of all that is held
    #[arg(long, value_name = "DURATION")]
    pub(super) window: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct ReportArgs {
    pub(super) name: String,

    /// Begin, by event time; else that of the SLO's window or period
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) from: Option<String>,

    /// End; else now
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) to: Option<String>,

    /// As Markdown
    #[arg(long)]
    pub(super) markdown: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct ReloadArgs {
    /// End when it is in effect, which is also what happens without this
    #[arg(long)]
    pub(super) wait: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Configuring {
    /// A JSON Schema of all documents, for editors and other checkers
    Schema,
}

#[derive(Debug, Subcommand)]
pub(super) enum Explaining {
    /// One event by its sequence number: kept, classified, merged, counted, alerted
    Event { sequence: u64 },
    /// One alert by its id: the numbers of each transition, who was told when
    Alert { id: String },
    /// The alert of a notification: the key that receivers see, alone or as `KEY:SEQUENCE`
    Notification { key: String },
}

#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    /// The name of an SLO, or the id of an alert
    pub(super) name: Option<String>,

    /// What was so then: 2026-11-25T13:55:00Z, or -2h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) at: Option<String>,

    /// Every condition with what it needs, not only the nearest
    #[arg(long)]
    pub(super) why_not: bool,

    #[command(subcommand)]
    pub(super) verb: Option<Explaining>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct TapArgs {
    /// Only events for which this expression holds: 'category == "exception" && service.name == "shop"'
    pub(super) filter: Option<String>,

    /// informational, warning or exception
    #[arg(long)]
    pub(super) category: Option<String>,

    /// End after this many events
    #[arg(long, value_name = "N")]
    pub(super) count: Option<u64>,
}

pub(super) async fn dispatch(cli: Cli) -> Exit {
    let Cli { global, verb } = cli;
    let Some(verb) = verb else {
        let _closed = Cli::command().print_help();
        return Exit::Usage;
    };
    match verb {
        Verb::Demo(args) => demo::demo(&global, &args).await,
        Verb::Init(args) => init::init(&global, &args),
        Verb::Run(args) => run::run(&global, args).await,
        Verb::Check(args) => check::check(&global, &args),
        Verb::Test(args) => trial::test(&global, &args),
        Verb::Config(Configuring::Schema) => manual::schema(),
        Verb::Doctor(args) => doctor::doctor(&global, &args).await,
        Verb::Backup(args) => backup::backup(&global, &args),
        Verb::Restore(args) => backup::restore(&global, &args),
        Verb::Send(args) => client::send(&global, &args).await,
        Verb::Replay(args) => replay::replay(&global, args),
        Verb::Record(args) => record::record(&global, &args).await,
        Verb::Slo(SloVerb::List) => slos::list(&global).await,
        Verb::Slo(SloVerb::Show(args)) => slos::show_one(&global, &args).await,
        Verb::Slo(SloVerb::Report(args)) => slos::report(&global, &args).await,
        Verb::Slo(SloVerb::WhatIf(args)) => explain::what_if(&global, &args).await,
        Verb::Slo(SloVerb::Suggest(args)) => suggest::suggest(&global, &args),
        Verb::Runbook(verb) => runbooks::runbook(&global, &verb).await,
        Verb::Alert(Listing::List) => show::alert_list(&global).await,
        Verb::Alert(Listing::Show { name }) => show::alert_show(&global, &name).await,
        Verb::Tap(args) => show::tap(&global, &args).await,
        Verb::Reload(args) => client::reload(&global, &args).await,
        Verb::Rules => show::rules(&global).await,
        Verb::Explain(args) => explain::explain(&global, &args).await,
        Verb::Version => show::version(&global),
        Verb::Completions { shell } => manual::completions(shell),
        Verb::Man { verb } => manual::man(verb.as_deref()),
    }
}
