//! The loop's own turns.

use std::path::{Path, PathBuf};

use super::*;
use crate::config::{self, World};

/// No file, no variable.
struct Nowhere;

impl World for Nowhere {
    fn read(&self, _path: &Path) -> Result<String, String> {
        Err("there is none".to_owned())
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn expand(&self, _pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(Vec::new())
    }
}

#[test]
fn what_comes_right_after_a_whole_group_is_not_lost() {
    let clock = Clock::default();
    let plan = config::load(&[], &Nowhere).config.expect("the defaults are fine").plan;
    let engine = Engine::new(Arc::new(plan), clock.now());
    let (keep, last) = (Keep::Memory, Sequence(0));
    let recorder = Arc::default();
    let start = Start {
        engine,
        clock,
        keep,
        last,
        tail_bytes: 0,
        mend: false,
        ack_early: false,
        recorder,
        outlet: None,
    };
    let (ledger, mut turns, _committer) = ledger(start);
    (0..GROUP_MAX).for_each(|_| ledger.wake());
    ledger.stop();
    let mut effects = Effects::default();
    assert!(!turns.turn(&mut effects));
    effects.requests.clear();
    assert!(turns.turn(&mut effects), "it was told to stop");
}
