//! Recordings through the engine, by the clock that they have. Under their own configuration they give the facts of the
//! daemon that made them; under another one, what of it they can answer.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::progress::{Counting, Progress};
use crate::engine::{Effects, Engine, Fact, Input, Mapping, Outcomes, Plan, Unanswered, first_now};
use crate::model::{EventTime, Now, rfc3339};
use crate::recording::{Entry, Found, Reader, Torn, digest};

/// What is to be replayed, and how far.
#[derive(Clone, Debug, Default)]
pub struct Recordings {
    /// `None`: that of the recordings themselves.
    pub plan: Option<Arc<Plan>>,
    pub files: Vec<PathBuf>,
    /// Ends before the first group that came in after this time.
    pub until: Option<EventTime>,
    pub progress: Arc<Progress>,
    /// So much of a file is read, where somebody may still write to it: twice the same.
    pub lengths: BTreeMap<PathBuf, u64>,
}

/// What is to be known of a replay beside its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something could not be read.
    Wrong(String),
    /// The daemon that made it decided otherwise: it was of another version.
    Otherwise(String),
    /// Something is not in the recordings.
    Missing(String),
    /// Something of the plan can not be answered by a file.
    Unanswered(Arc<Path>, Unanswered),
    Note(String),
}

/// What there is to hear of a replay, in order.
#[derive(Debug)]
pub enum Heard<'h> {
    /// Under another plan: a record comes at this time, and the state is what came before it.
    Moment(Now, &'h Engine),
    Fact(&'h Fact),
    Notice(Notice),
}

/// How it went.
#[derive(Debug, Default)]
pub struct Played {
    /// As it stands at the end; `None` where no state was found.
    pub engine: Option<Engine>,
    pub groups: u64,
    /// Something was wrong with the recordings.
    pub wrong: u64,
}

type Hear<'e> = &'e mut dyn FnMut(Heard<'_>) -> ControlFlow<()>;

/// Hands out every fact in order, and what is to be known beside; who has heard enough at a fact breaks. What can not be read
/// is told, and the rest is done.
pub fn play(recordings: &Recordings, hear: Hear<'_>) -> Played {
    let mut player = Player {
        recordings,
        hear,
        live: None,
        other: None,
        known: Vec::new(),
        effects: Effects::default(),
        played: Played::default(),
        file: Path::new("").into(),
        resumes: None,
    };
    for file in &recordings.files {
        player.file = file.as_path().into();
        match player.play_file(file) {
            Err(why) => player.wrong(&why),
            Ok(ControlFlow::Break(())) => break,
            Ok(ControlFlow::Continue(())) => {}
        }
    }
    let engine = player.other.map(|other| other.engine).or(player.live);
    Played { engine, ..player.played }
}

/// The engine of another configuration.
struct Other {
    engine: Engine,
    mapping: Mapping,
}

struct Player<'p> {
    recordings: &'p Recordings,
    hear: Hear<'p>,
    /// As the daemon had it.
    live: Option<Engine>,
    other: Option<Other>,
    /// What can not be answered and has been said.
    known: Vec<Unanswered>,
    effects: Effects,
    played: Played,
    file: Arc<Path>,
    /// What was lost before the next image, in words.
    resumes: Option<String>,
}

impl Player<'_> {
    fn play_file(&mut self, file: &Path) -> Result<ControlFlow<()>, String> {
        let unread = |error: io::Error| format!("it can not be read: {error}");
        let opened = File::open(file).map_err(unread)?;
        let length = self.recordings.lengths.get(file).copied().unwrap_or(u64::MAX);
        let grows = opened.metadata().is_ok_and(|about| about.len() > length);
        let input = Counting::new(opened.take(length), Arc::clone(&self.recordings.progress));
        let mut reader = Reader::open(BufReader::new(input)).map_err(|refused| refused.to_string())?;
        let mut has_ended = false;
        loop {
            let at = reader.offset();
            match reader.step().map_err(unread)? {
                None => break,
                Some(Found::Torn { torn: Torn::Cut, .. }) if grows => {}
                Some(Found::Torn { at, torn }) => {
                    has_ended = torn == Torn::Cut;
                    self.torn(at, torn);
                }
                Some(Found::Entry(entry)) => {
                    has_ended = entry == Entry::End;
                    if self.entry(at, entry).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
        }
        if !has_ended {
            self.note("it ends without its end: the process was killed, or still records");
        }
        Ok(ControlFlow::Continue(()))
    }

    fn torn(&mut self, at: u64, torn: Torn) {
        let what = match torn {
            Torn::Cut => format!("it is cut: the file ends within the entry at byte {at}"),
            Torn::Damaged => format!("what stands at byte {at} is damaged"),
        };
        self.wrong(&format!(
            "{what}. What came before is replayed; it goes on with the next image, if there is one"
        ));
        self.lose("what is damaged");
    }

    fn lose(&mut self, what: &str) {
        (self.live, self.other) = (None, None);
        self.resumes = Some(what.to_owned());
    }

    fn entry(&mut self, at: u64, entry: Entry) -> ControlFlow<()> {
        match entry {
            Entry::Image { now, parts } => self.image(at, now, &parts),
            Entry::Group { decided, records } => self.group(at, decided, &records),
            Entry::Configured { now, decided, plan } => self.configured(at, now, decided, &plan),
            Entry::Gap { groups } => {
                self.missing(&format!(
                    "{groups} groups came faster than they could be recorded, at byte {at}"
                ));
                self.lose("the gap");
                ControlFlow::Continue(())
            }
            Entry::End => ControlFlow::Continue(()),
        }
    }

    fn image(&mut self, at: u64, now: Now, parts: &BTreeMap<String, Vec<u8>>) -> ControlFlow<()> {
        if self.is_beyond(now) {
            return ControlFlow::Break(());
        }
        if let Some(live) = &mut self.live {
            live.stand_at(now);
            if live.is_as(parts) {
                return ControlFlow::Continue(());
            }
            self.missing(&format!(
                "it goes on at {} from another state than the one before ended with: what came between is in no recording (the process was killed, or a file is missing or out of order)",
                rfc3339(now.0)
            ));
        } else if let Some(lost) = self.resumes.take() {
            self.missing(&format!(
                "after {lost} it goes on at {}, with the image at byte {at}",
                rfc3339(now.0)
            ));
        }
        let mut report = Vec::new();
        match Engine::restore(parts, &mut report) {
            Err(error) => {
                self.wrong(&format!("the image at byte {at} can not be read: {error}"));
                self.lose("that");
                return ControlFlow::Continue(());
            }
            Ok(engine) => self.live = Some(engine),
        }
        report.iter().for_each(|line| self.wrong(&format!("the image at byte {at}: {line}")));
        if let Some(other) = self.other.take() {
            self.moment(now, &other.engine);
        }
        self.begin_other(at, parts)
    }

    /// The state of the image under the other plan, as after a reload.
    fn begin_other(&mut self, at: u64, parts: &BTreeMap<String, Vec<u8>>) -> ControlFlow<()> {
        let Some(plan) = self.recordings.plan.clone() else { return ControlFlow::Continue(()) };
        let Ok(mut engine) = Engine::restore(parts, &mut Vec::new()) else {
            self.wrong(&format!("the image at byte {at} can not be read"));
            return ControlFlow::Continue(());
        };
        let mapping = Mapping::new(&engine.plan(), &plan);
        self.moment(engine.now(), &engine);
        self.unanswered(&mapping);
        engine.forget_runs();
        engine.step(engine.now(), Input::Configured(Plan::without_runbooks(&plan)), &mut self.effects);
        self.other = Some(Other { engine, mapping });
        self.let_out()
    }

    fn group(&mut self, at: u64, decided: u64, records: &[u8]) -> ControlFlow<()> {
        if first_now(records).is_some_and(|now| self.is_beyond(now)) {
            return ControlFlow::Break(());
        }
        let Some(live) = &mut self.live else { return ControlFlow::Continue(()) };
        let done = live.replay(records, Outcomes::Known, &mut self.effects);
        if let Err(error) = done {
            self.effects.facts.clear();
            self.wrong(&format!("the group at byte {at} can not be done again: {error}"));
            self.lose("that");
            return ControlFlow::Continue(());
        }
        self.played.groups += 1;
        self.recordings.progress.add_items(1);
        self.compare(at, decided);
        if let Some(Other { engine, mapping }) = &mut self.other {
            self.effects.facts.clear();
            let hear = &mut self.hear;
            let mut before = |now, state: &Engine| {
                let _goes_on = hear(Heard::Moment(now, state));
            };
            if let Err(error) = engine.replay_as(records, mapping, &mut self.effects, &mut before) {
                self.wrong(&format!(
                    "the group at byte {at} can not be done under another configuration: {error}"
                ));
            }
        }
        self.let_out()
    }

    fn configured(&mut self, at: u64, now: Now, decided: u64, plan: &[u8]) -> ControlFlow<()> {
        let Some(live) = &mut self.live else { return ControlFlow::Continue(()) };
        let plan = match Plan::of_recorded(plan) {
            Ok(plan) => Arc::new(plan),
            Err(error) => {
                self.wrong(&format!("the configuration at byte {at} can not be read: {error}"));
                self.lose("that");
                return ControlFlow::Continue(());
            }
        };
        live.stand_at(now);
        live.step(live.now(), Input::Configured(Arc::clone(&plan)), &mut self.effects);
        self.effects.requests.clear();
        self.compare(at, decided);
        if let Some(mut other) = self.other.take() {
            self.effects.facts.clear();
            other.mapping = Mapping::new(&plan, &other.engine.plan());
            self.unanswered(&other.mapping);
            self.other = Some(other);
        }
        self.let_out()
    }

    /// What was decided then and now.
    fn compare(&mut self, at: u64, decided: u64) {
        if digest(&self.effects.facts) != decided {
            let what = self.of_file(&format!(
                "the entry at byte {at} decides otherwise than it did: the recording is of another version of Evenkeel"
            ));
            self.played.wrong += 1;
            self.tell(Notice::Otherwise(what));
        }
    }

    fn unanswered(&mut self, mapping: &Mapping) {
        for what in &mapping.unanswered {
            if !self.known.contains(what) {
                self.known.push(what.clone());
                self.tell(Notice::Unanswered(Arc::clone(&self.file), what.clone()));
            }
        }
    }

    fn let_out(&mut self) -> ControlFlow<()> {
        self.effects.requests.clear();
        std::mem::take(&mut self.effects.facts).iter().try_for_each(|fact| (self.hear)(Heard::Fact(fact)))
    }

    fn is_beyond(&self, now: Now) -> bool {
        self.recordings.until.is_some_and(|until| now.0 > until.0)
    }

    fn wrong(&mut self, what: &str) {
        self.played.wrong += 1;
        let what = self.of_file(what);
        self.tell(Notice::Wrong(what));
    }

    fn missing(&mut self, what: &str) {
        let what = self.of_file(what);
        self.tell(Notice::Missing(what));
    }

    fn note(&mut self, what: &str) {
        let what = self.of_file(what);
        self.tell(Notice::Note(what));
    }

    fn tell(&mut self, notice: Notice) {
        let _goes_on = (self.hear)(Heard::Notice(notice));
    }

    fn moment(&mut self, now: Now, engine: &Engine) {
        let _goes_on = (self.hear)(Heard::Moment(now, engine));
    }

    fn of_file(&self, what: &str) -> String {
        format!("{}: {what}", self.file.display())
    }
}
