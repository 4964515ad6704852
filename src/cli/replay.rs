//! `replay`: every fact to standard output, in order, and nothing to anybody else; with `--against`, what differs.

mod against;
mod page;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::Exit;
use super::args::{Global, ReplayArgs};
use super::bar::Bar;
use super::check::tell;
use super::world::Machine;
use crate::config::load;
use crate::engine::view::Counts;
use crate::engine::{Fact, Plan};
use crate::model::EventTime;
use crate::replay::{self, Heard, Notice, Progress, Recordings, Replay};
use against::Old;
use page::Page;

pub(super) fn time(text: &str) -> Result<EventTime, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "no time of RFC 3339, as 2026-01-31T09:00:00Z is".to_owned())?;
    let ns = u64::try_from(time.as_nanosecond());
    ns.map(EventTime).map_err(|_| "no time between 1970 and 2554".to_owned())
}

pub(super) fn replay(global: &Global, args: ReplayArgs) -> Exit {
    let unusable: Vec<_> = args.files.iter().filter_map(|file| replay::check(file).err()).collect();
    if !unusable.is_empty() {
        unusable.iter().for_each(|one| eprintln!("error: {one}"));
        return Exit::Usage;
    }
    let recordings = args.files.iter().filter(|file| replay::is_recording(file)).count();
    if recordings > 0 && recordings < args.files.len() {
        eprintln!(
            "error: recordings have a clock of their own, and files of OTLP requests that of their events\n  hint: replay them apart"
        );
        return Exit::Usage;
    }
    let stage = Stage::new(global, &args, recordings > 0);
    let plan = match stage.plan(&global.config) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    match &args.against {
        None => print(&stage, plan),
        Some(old) => against::compare(&stage, plan, Old::Named(old)),
    }
}

/// What recordings would have told under a configuration, against what they did tell.
pub(super) fn differs(global: &Global, files: Vec<PathBuf>, plan: Arc<Plan>) -> Exit {
    let unusable: Vec<_> = files.iter().filter_map(|file| replay::check(file).err()).collect();
    if !unusable.is_empty() {
        unusable.iter().for_each(|one| eprintln!("error: {one}"));
        return Exit::Usage;
    }
    let args = ReplayArgs { files, until: None, counts: false, workers: None, against: None };
    let stage = Stage::new(global, &args, true);
    against::compare(&stage, Some(plan), Old::AsRecorded)
}

fn print(stage: &Stage<'_>, plan: Option<Arc<Plan>>) -> Exit {
    let mut page = Page::begin(stage.global.output);
    let bar = stage.bar(1);
    let done = stage.run(plan, &mut |fact| page.fact(fact));
    drop(bar);
    if let (Some(counts), true) = (&done.counts, stage.args.counts) {
        page.counts(counts);
    }
    page.end();
    done.told(stage.global)
}

/// What is replayed, under whatever plan.
struct Stage<'s> {
    global: &'s Global,
    args: &'s ReplayArgs,
    of_recordings: bool,
    progress: Arc<Progress>,
    /// Of the files now: a daemon may go on writing to one.
    lengths: BTreeMap<PathBuf, u64>,
}

/// How one replay went.
#[derive(Default)]
struct Done {
    /// `None` where something was wrong.
    counts: Option<Counts>,
    summary: String,
    notices: Vec<Notice>,
}

impl<'s> Stage<'s> {
    fn new(global: &'s Global, args: &'s ReplayArgs, of_recordings: bool) -> Self {
        let length = |file: &PathBuf| Some((file.clone(), std::fs::metadata(file).ok()?.len()));
        let lengths = args.files.iter().filter_map(length).collect();
        Self { global, args, of_recordings, progress: Arc::default(), lengths }
    }

    /// `None`: that of the recordings.
    fn plan(&self, paths: &[PathBuf]) -> Result<Option<Arc<Plan>>, Exit> {
        if self.of_recordings && paths.is_empty() {
            return Ok(None);
        }
        let loaded = load(paths, &Machine);
        tell(&loaded, self.global.verbose > 0);
        let config = loaded.config.ok_or(Exit::BadConfiguration)?;
        Ok(Some(Arc::new(config.plan)))
    }

    fn bar(&self, times: u64) -> Bar {
        Bar::begin(self.global.quiet, "replay", (&self.args.files, times), &self.progress)
    }

    fn run(&self, plan: Option<Arc<Plan>>, each: &mut dyn FnMut(&Fact) -> ControlFlow<()>) -> Done {
        let (files, until, progress) = (self.args.files.clone(), self.args.until, self.progress.clone());
        let mut notices = Vec::new();
        if self.of_recordings {
            let lengths = self.lengths.clone();
            let recordings = Recordings { plan, files, until, progress, lengths };
            let played = replay::play(&recordings, &mut |heard| match heard {
                Heard::Fact(fact) => each(fact),
                Heard::Moment(..) => ControlFlow::Continue(()),
                Heard::Notice(notice) => {
                    notices.push(notice);
                    ControlFlow::Continue(())
                }
            });
            let counts = played.engine.filter(|_| played.wrong == 0).map(|engine| engine.counts());
            let summary =
                format!("replayed {} groups of {} recordings", played.groups, self.args.files.len());
            return Done { counts, summary, notices };
        }
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = self.args.workers.map_or_else(cores, usize::from).min(replay::WORKERS_MAX);
        let plan = plan.unwrap_or_else(|| Arc::new(Plan::empty()));
        match replay::replay(&Replay { plan, files, until, workers, progress }, each) {
            Ok(replayed) => {
                let summary = format!("replayed {replayed}");
                Done { counts: Some(replayed.counts), summary, notices }
            }
            Err(broken) => {
                let hint = "what was decided before it is printed; nothing after it was read";
                notices.push(Notice::Wrong(format!("{broken}\n  hint: {hint}")));
                Done { notices, ..Done::default() }
            }
        }
    }
}

impl Done {
    /// What was wrong, and how much was done.
    fn told(&self, global: &Global) -> Exit {
        for notice in &self.notices {
            match notice {
                Notice::Wrong(what) | Notice::Otherwise(what) => eprintln!("error: {what}"),
                Notice::Missing(what) => eprintln!("warning: {what}"),
                Notice::Unanswered(file, open) => {
                    eprintln!("warning: {}: can not be answered: {open}", file.display());
                }
                Notice::Note(what) if !global.quiet => eprintln!("note: {what}"),
                Notice::Note(_) => {}
            }
        }
        if !global.quiet && !self.summary.is_empty() {
            eprintln!("{}", self.summary);
        }
        if self.is_right() { Exit::Done } else { Exit::No }
    }

    fn is_right(&self) -> bool {
        !self.notices.iter().any(|notice| matches!(notice, Notice::Wrong(_) | Notice::Otherwise(_)))
    }
}
