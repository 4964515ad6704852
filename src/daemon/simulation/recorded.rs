//! What the flight recorder kept of a story, replayed: the facts that were let out, every one, in their order.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::plans::PLANS;
use super::world::World;
use crate::config;
use crate::engine::{Fact, What};
use crate::recording::FOLDER;
use crate::replay::{Heard, Notice, Recordings, play};
use crate::send::Chance;

/// Every other story has segments of twenty seconds, and keeps the last few minutes of them.
pub(super) fn settings(seed: u64) -> config::Recorder {
    let all = config::Recorder::default();
    if seed.is_multiple_of(2) { all } else { config::Recorder { max_age: Duration::from_secs(160), ..all } }
}

pub(super) fn line(fact: &Fact) -> String {
    serde_json::to_string(fact).expect("facts can be written")
}

impl World {
    pub(super) fn check_recordings(&mut self) {
        let folder = self.scratch.0.join(FOLDER);
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("it recorded")
            .map(|entry| entry.expect("a segment").path())
            .collect();
        files.sort();
        let segments = files.len();
        let mut lines = Vec::new();
        let mut wrong = Vec::new();
        let recordings = Recordings { files, ..Recordings::default() };
        let played = play(&recordings, &mut |heard| {
            match heard {
                Heard::Fact(fact) => lines.push(line(fact)),
                Heard::Notice(Notice::Wrong(what) | Notice::Otherwise(what)) => wrong.push(what),
                Heard::Notice(_) | Heard::Moment(..) => {}
            }
            ControlFlow::Continue(())
        });
        assert_eq!(wrong, Vec::<String>::new());
        let is_all = self.recorder == config::Recorder::default();
        let from = if is_all { 0 } else { self.facts.len().saturating_sub(lines.len()) };
        let differs = lines.iter().zip(&self.facts[from..]).position(|(one, other)| one != other);
        let near = differs.map(|at| (&lines[at], &self.facts[from + at]));
        assert!(near.is_none(), "not what was let out: {near:?}");
        assert_eq!(lines.len(), self.facts.len() - from, "facts of {segments} segments");
        self.tally.recorded[0] += lines.len() as u64;
        self.tally.recorded[1] += segments as u64;
        let process = self.process.as_mut().expect("it lives");
        let live = serde_json::to_string(&process.engine().counts()).expect("counts can be written");
        let counts = serde_json::to_string(&played.engine.map(|engine| engine.counts()))
            .expect("counts can be written");
        assert_eq!(counts, live);
    }
}

/// Facts of recordings, and what was wrong and missing in them.
fn played(files: Vec<PathBuf>) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut told) = (Vec::new(), Vec::new());
    let recordings = Recordings { files, ..Recordings::default() };
    play(&recordings, &mut |heard| {
        match heard {
            Heard::Fact(fact) => lines.push(line(fact)),
            Heard::Notice(Notice::Wrong(what) | Notice::Otherwise(what) | Notice::Missing(what)) => {
                told.push(what);
            }
            Heard::Notice(_) | Heard::Moment(..) => {}
        }
        ControlFlow::Continue(())
    });
    (lines, told)
}

/// Guarantees: whatever happens to one segment of a story, there is no panic; it is told, with its place; and the facts
/// that are given are those of the story but for one stretch of it.
#[test]
fn a_segment_that_was_cut_or_damaged_takes_one_stretch_of_the_facts_with_it() {
    let mut world = World::new(2);
    world.live();
    let folder = world.scratch.0.join(FOLDER);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 2, "{files:?}");
    let (all, _) = played(files.clone());
    assert_eq!(all, world.facts);
    let place = files.len() / 2;
    let whole = std::fs::read(&files[place]).unwrap();
    let mut chance = Chance::new(1);
    for round in 0..200 {
        let at = chance.below(whole.len() as u64) as usize;
        let mut damaged = whole.clone();
        if round % 2 == 0 {
            damaged[at] ^= 1 << chance.below(8);
        } else {
            damaged.truncate(at);
        }
        std::fs::write(&files[place], damaged).unwrap();
        let (lines, told) = played(files.clone());
        let same = lines.iter().zip(&all).take_while(|(one, other)| one == other).count();
        let rest = lines.len() - same;
        assert_eq!(lines[same..], all[all.len() - rest..], "round {round}, byte {at}");
        assert!(
            !told.is_empty() || lines == all,
            "round {round}, byte {at}: nobody says that facts are missing"
        );
        let name = files[place].display().to_string();
        assert!(
            round % 2 == 1 || told.iter().any(|one| one.contains(&name)),
            "round {round}, byte {at}: {told:?}"
        );
    }
}

/// Guarantees: under the configuration that it was recorded under, given anew, a recording decides what it did, but for runs of runbooks; under
/// another target, something else; and what was never counted is said to have no answer.
#[test]
fn a_recording_answers_for_other_targets_and_says_what_it_can_not_answer() {
    let mut world = World::new(4);
    world.faults.reloads = 0;
    world.live();
    let folder = world.scratch.0.join(FOLDER);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let under = |plan: usize| {
        let (mut lines, mut told) = (Vec::new(), Vec::new());
        let plan = Some(Arc::clone(&PLANS[plan]));
        let recordings = Recordings { files: files[..1].to_vec(), plan, ..Recordings::default() };
        let mut moments = Vec::new();
        let played = play(&recordings, &mut |heard| {
            match heard {
                Heard::Fact(fact) if matches!(fact.what, What::EpisodeOpened(_)) => {
                    lines.push(format!("{} {}", fact.subject.name(), fact.at.0));
                }
                Heard::Notice(Notice::Unanswered(_, open)) => told.push(open.to_string()),
                Heard::Moment(now, _) => moments.push(now),
                Heard::Fact(_) | Heard::Notice(_) => {}
            }
            ControlFlow::Continue(())
        });
        assert!(moments.len() > 10 && moments.is_sorted(), "{} moments", moments.len());
        assert_eq!(played.wrong, 0, "{told:?}");
        (lines, told)
    };
    let (lines, told) = under(0);
    let (live, _) = played(files[..1].to_vec());
    let is_about_runs = |line: &String| line.contains("evenkeel-run");
    let opened = live.iter().filter(|line| line.contains("episode.opened") && !is_about_runs(line)).count();
    assert!(opened > 0 && lines.len() == opened, "{lines:?} are not {opened}");
    assert_eq!(told, Vec::<String>::new());
    let (other, told) = under(1);
    assert!(told.iter().any(|one| one.starts_with("SLO passing: ")), "{told:?}");
    let without_shifting = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| !line.starts_with("shifting")).cloned().collect()
    };
    assert_eq!(without_shifting(&lines), without_shifting(&other), "what did not change decides the same");
}
