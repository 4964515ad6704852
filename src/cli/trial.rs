//! `test`: every Test document of a set through the configuration that it stands with.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::Exit;
use super::args::{Global, Output, TestArgs};
use super::bar::Bar;
use super::check::tell_findings;
use super::show::shown;
use super::world::Machine;
use crate::config::{Level, Tests, Unsound, load_tests};
use crate::engine::Plan;
use crate::replay::{self, Heard, Notice, Progress, Recordings, Replay};
use crate::trial::{Case, Coverage, Part, Report, Run, Trial, junit, offset};

/// What no test has seen that is named without `--coverage`.
const UNSEEN_MAX: usize = 10;

pub(super) fn test(global: &Global, args: &TestArgs) -> Exit {
    let paths = if args.paths.is_empty() { &global.config } else { &args.paths };
    if paths.is_empty() {
        eprintln!("error: nothing to test\n  hint: evenkeel test PATH… or -c PATH");
        return Exit::Usage;
    }
    let Tests { config, trials, unsound, findings } = load_tests(paths, &Machine);
    tell_findings(&findings, global.verbose > 0);
    let is_bad = findings.iter().any(|finding| finding.level == Level::Error);
    let Some(config) = config else {
        eprintln!("error: no test is run while the configuration has mistakes");
        return Exit::BadConfiguration;
    };
    if trials.is_empty() && unsound.is_empty() && !is_bad {
        eprintln!("error: there is no document of kind Test here\n  hint: docs/testing.md shows one");
        return Exit::No;
    }
    let named = |name: &str| args.filter.as_ref().is_none_or(|part| name.contains(part.as_str()));
    let plan = Arc::new(config.plan);
    let receivers = config.receivers.iter().map(|one| one.name.clone()).collect();
    let mut coverage = Coverage::new(Arc::clone(&plan), receivers);
    let mut page = Page { output: global.output, told: Vec::new(), cases: Vec::new() };
    let mut failed = 0;
    for trial in trials.iter().filter(|trial| named(&trial.name)) {
        let ran = ran(trial, &plan, &mut coverage, global);
        failed += usize::from(!ran.passed());
        page.tell(&ran, global);
    }
    let unsound: Vec<&Unsound> = unsound.iter().filter(|one| named(&one.name)).collect();
    unsound.iter().for_each(|one| page.tell_unsound(one));
    if page.cases.is_empty() && !is_bad {
        eprintln!("error: no test has a name with {:?} in it", args.filter.as_deref().unwrap_or_default());
        return Exit::No;
    }
    let total = page.cases.len();
    page.end(&coverage.parts(), args.coverage, global);
    if let Some(path) = &args.junit
        && let Err(error) = std::fs::write(path, junit(&page.cases))
    {
        eprintln!("error: {}: {error}", path.display());
        return Exit::No;
    }
    if !global.quiet && global.output == Output::Human {
        let passed = total - failed - unsound.len();
        eprintln!("{passed} passed, {failed} failed, {} can not be run", unsound.len());
    }
    match (is_bad, failed) {
        (true, _) => Exit::BadConfiguration,
        (false, 0) => Exit::Done,
        (false, _) => Exit::No,
    }
}

/// What came of a test, and what it took by our own clock.
struct Ran {
    report: Result<Report, Broken>,
    took_ms: u64,
}

/// A test that could not be judged, of a recording that can not be read for instance.
struct Broken {
    name: String,
    declared_at: String,
    why: String,
}

impl Ran {
    fn passed(&self) -> bool {
        self.report.as_ref().is_ok_and(Report::passed)
    }
}

fn ran(trial: &Trial, plan: &Arc<Plan>, coverage: &mut Coverage, global: &Global) -> Ran {
    let began = Instant::now();
    let mut run = Run::new(trial, Arc::clone(plan));
    let files: Vec<PathBuf> = trial.replay.iter().map(|one| one.file.clone()).collect();
    let progress = Arc::default();
    let what = format!("test {}", shown(&trial.name));
    let bar = Bar::begin(global.quiet, &what, (&files, 1), &progress);
    let mut said = Vec::new();
    let report = recorded((trial, files), plan, progress, &mut run, &mut said)
        .and_then(|()| run.finish(coverage))
        .map_err(|why| Broken { name: trial.name.clone(), declared_at: trial.declared_at.clone(), why });
    drop(bar);
    said.iter().for_each(|one| one.tell(global));
    Ran { report, took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) }
}

/// What is to be known beside the outcome.
enum Said {
    Warning(String),
    /// For those who ask for more.
    Note(String),
}

impl Said {
    fn tell(&self, global: &Global) {
        match self {
            Self::Warning(what) => eprintln!("warning: {what}"),
            Self::Note(what) if global.verbose > 0 => eprintln!("note: {what}"),
            Self::Note(_) => {}
        }
    }
}

/// The error says why nothing can be judged, a line a reason.
fn recorded(
    (trial, files): (&Trial, Vec<PathBuf>),
    plan: &Arc<Plan>,
    progress: Arc<Progress>,
    run: &mut Run<'_>,
    said: &mut Vec<Said>,
) -> Result<(), String> {
    let unread = |why: String| format!("the recording can not be read: {why}");
    if let Some(unusable) = files.iter().find_map(|file| replay::check(file).err()) {
        return Err(unread(unusable.to_string()));
    }
    let is_first = files.first().is_some_and(|file| replay::is_recording(file));
    if let Some(other) = trial.replay.iter().find(|one| replay::is_recording(&one.file) != is_first) {
        return Err(format!(
            "{}: recordings have a clock of their own, and files of OTLP requests that of their events: a test takes one of the two",
            other.declared_at
        ));
    }
    if is_first {
        let plan = Some(Arc::clone(plan));
        return played(&Recordings { plan, files, progress, ..Recordings::default() }, run, said);
    }
    if files.is_empty() {
        return Ok(());
    }
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = workers.min(replay::WORKERS_MAX);
    let replay = Replay { plan: Arc::clone(plan), files, until: None, workers, progress };
    replay::requests(&replay, &mut |batch| run.requested(batch)).map_err(|broken| unread(broken.to_string()))
}

/// A daemon's recordings under the configuration that is tested.
fn played(recordings: &Recordings, run: &mut Run<'_>, said: &mut Vec<Said>) -> Result<(), String> {
    let mut wrong = Vec::new();
    let played = replay::play(recordings, &mut |heard| {
        match heard {
            Heard::Moment(now, engine) => run.moment(now, engine),
            Heard::Fact(fact) => run.decided(fact),
            Heard::Notice(Notice::Wrong(why)) => wrong.push(format!("the recording can not be read: {why}")),
            Heard::Notice(Notice::Missing(what)) => said.push(Said::Warning(what)),
            Heard::Notice(Notice::Unanswered(file, open)) => {
                let (file, asking) = (file.display(), run.asks(&open));
                if asking.is_empty() {
                    said.push(Said::Warning(format!("{file}: can not be answered: {open}")));
                }
                wrong.extend(asking.iter().map(|at| format!("{at}: {file} can not answer it: {open}")));
            }
            Heard::Notice(Notice::Otherwise(what) | Notice::Note(what)) => said.push(Said::Note(what)),
        }
        ControlFlow::Continue(())
    });
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    if let Some(engine) = played.engine {
        run.goes_on(engine);
    }
    Ok(())
}

/// What is printed, and what a build server is told.
struct Page {
    output: Output,
    told: Vec<Value>,
    cases: Vec<Case>,
}

impl Page {
    fn tell(&mut self, ran: &Ran, global: &Global) {
        let Ran { report, took_ms } = ran;
        match report {
            Ok(report) => {
                let took = format!("({} in {took_ms} ms)", offset(report.seconds));
                if self.output == Output::Human {
                    human(report, &took, global);
                }
                self.add(told(report, *took_ms));
                self.cases.push(Case {
                    name: report.name.clone(),
                    declared_at: report.declared_at.clone(),
                    took_ms: *took_ms,
                    failure: (!report.passed()).then(|| report.timeline()),
                    broken: false,
                });
            }
            Err(Broken { name, declared_at, why }) => {
                if self.output == Output::Human {
                    let name = shown(name);
                    println!("FAIL {name}  ({declared_at})");
                    why.lines().for_each(|line| println!("  - {line}"));
                }
                self.add(json!({"test": name, "declared_at": declared_at, "passed": false, "error": why}));
                self.cases.push(Case {
                    name: name.clone(),
                    declared_at: declared_at.clone(),
                    took_ms: *took_ms,
                    failure: Some(why.clone()),
                    broken: false,
                });
            }
        }
    }

    fn tell_unsound(&mut self, one: &Unsound) {
        let Unsound { name, declared_at, why } = one;
        if self.output == Output::Human {
            println!("BAD  {}  ({declared_at})", shown(name));
        }
        self.add(json!({"test": name, "declared_at": declared_at, "passed": false, "mistakes": why}));
        self.cases.push(Case {
            name: name.clone(),
            declared_at: declared_at.clone(),
            took_ms: 0,
            failure: Some(why.join("\n")),
            broken: true,
        });
    }

    fn add(&mut self, test: Value) {
        match self.output {
            Output::Human => {}
            Output::Jsonl => println!("{test}"),
            Output::Json => self.told.push(test),
        }
    }

    fn end(&mut self, parts: &[Part], whole: bool, global: &Global) {
        match self.output {
            Output::Human if global.quiet && !whole => {}
            Output::Human => print!("{}", coverage(parts, whole)),
            Output::Jsonl => println!("{}", json!({ "coverage": parts })),
            Output::Json => println!("{}", json!({ "tests": self.told, "coverage": parts })),
        }
    }
}

fn human(report: &Report, took: &str, global: &Global) {
    let (name, passed) = (shown(&report.name), report.passed());
    let word = global.color.paint().word(if passed { "ok  " } else { "FAIL" });
    match passed {
        true if global.quiet => {}
        true => println!("{word} {name}  {took}"),
        false => println!("{word} {name}  {took}  ({})", report.declared_at),
    }
    if !passed || global.verbose > 0 {
        print!("{}", report.timeline());
    }
}

fn told(report: &Report, took_ms: u64) -> Value {
    let lines = report.lines.iter().map(|line| {
        let mark = match line.mark.sign() {
            '-' => "missing",
            '+' => "unexpected",
            _ => "met",
        };
        json!({"mark": mark, "at": offset(line.from_s), "until": line.to_s.map(offset), "text": line.text,
            "declared_at": line.place})
    });
    json!({
        "test": report.name, "declared_at": report.declared_at, "passed": report.passed(),
        "seconds": report.seconds, "took_ms": took_ms, "timeline": lines.collect::<Vec<_>>(),
    })
}

/// One line, and what no test has seen: a few of it, or all.
fn coverage(parts: &[Part], whole: bool) -> String {
    let share = |part: &Part| {
        let seen = part.seen.len();
        format!("{} {seen} of {}", part.what, seen + part.unseen.len())
    };
    let shares: Vec<String> = parts.iter().map(share).collect();
    let shares = if shares.is_empty() { "nothing to cover".to_owned() } else { shares.join(", ") };
    let mut out = format!("coverage: {shares}\n");
    let mut named = 0;
    for part in parts {
        if whole {
            part.seen.iter().for_each(|name| out.push_str(&format!("  seen    {}: {name}\n", part.what)));
        }
        for name in &part.unseen {
            if whole || named < UNSEEN_MAX {
                out.push_str(&format!("  no test {}: {name}\n", part.what));
            }
            named += 1;
        }
    }
    if !whole && named > UNSEEN_MAX {
        out.push_str(&format!(
            "  and {} more that no test has seen; --coverage names all\n",
            named - UNSEEN_MAX
        ));
    }
    out
}
