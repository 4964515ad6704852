//! The loop's half of a recording: what came in is cut at each commit, and where another configuration takes effect.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Recorder, Shot};
use crate::engine::{Engine, FORMAT, Fact, first_now};
use crate::recording::{Header, digest};

pub(in crate::daemon) struct Tape {
    recorder: Arc<Recorder>,
    strip: Vec<Shot>,
    /// Bytes of records and facts of the group that were cut before.
    seen: (usize, usize),
}

impl Tape {
    /// Nothing was taken in yet: it begins with the state that is up.
    pub fn begin(recorder: Arc<Recorder>, engine: &Engine) -> Self {
        let mut tape = Self { recorder, strip: Vec::new(), seen: (0, 0) };
        tape.look(engine);
        tape
    }

    /// Somebody waits for an image.
    pub fn is_due(&self) -> bool {
        self.recorder.wants_image.load(Ordering::Acquire)
    }

    /// What came since the last cut.
    pub fn cut(&mut self, engine: &Engine, records: &[u8], facts: &[Fact]) {
        let (records_seen, facts_seen) = std::mem::replace(&mut self.seen, (records.len(), facts.len()));
        let (records, facts) = (&records[records_seen..], &facts[facts_seen..]);
        let Some(now) = first_now(records).filter(|_| self.is_wanted()) else { return };
        let masks = self.recorder.mask.concerns(&engine.plan());
        self.strip.push(Shot::Group { now, decided: digest(facts), records: records.to_vec(), masks });
    }

    /// Another configuration took effect, after a cut.
    pub fn configured(&mut self, engine: &Engine, facts: &[Fact]) {
        let seen = std::mem::replace(&mut self.seen.1, facts.len());
        // A plan is made of texts and integers: it can always be written.
        if let (true, Ok(plan)) = (self.is_wanted(), engine.plan().recorded()) {
            let decided = digest(&facts[seen..]);
            self.strip.push(Shot::Configured { now: engine.now(), decided, plan });
        }
    }

    /// For the group that leaves now.
    pub fn take(&mut self, engine: &Engine, records: &[u8], facts: &[Fact]) -> Vec<Shot> {
        self.cut(engine, records, facts);
        self.seen = (0, 0);
        self.look(engine);
        std::mem::take(&mut self.strip)
    }

    fn look(&mut self, engine: &Engine) {
        if !self.recorder.wants_image.swap(false, Ordering::AcqRel) {
            return;
        }
        let plan = engine.plan();
        let header = Header {
            format: FORMAT,
            product: env!("CARGO_PKG_VERSION").to_owned(),
            tenant: plan.tenant.clone(),
            configuration: plan.version,
            began: engine.now(),
        };
        self.strip.push(Shot::Image { header, image: engine.full_image() });
    }

    fn is_wanted(&self) -> bool {
        self.recorder.is_wanted.load(Ordering::Acquire)
    }
}
