//! A process that ends and begins again in the middle of every story: an image now and then, records in between, and
//! from both the same state, byte for byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel::engine::{Effects, Engine, Image, Outcomes, Plan, Records};

pub(crate) struct Restarts {
    parts: BTreeMap<String, Vec<u8>>,
    /// Records since the image.
    tail: Vec<u8>,
    chance: u64,
}

impl Restarts {
    /// `seed` decides when.
    pub(crate) fn new(engine: &mut Engine, seed: u64) -> Self {
        let mut restarts = Self { parts: BTreeMap::new(), tail: Vec::new(), chance: seed | 1 };
        restarts.keep(&engine.image(true));
        restarts
    }

    fn keep(&mut self, image: &Image) {
        if image.is_full {
            self.parts.clear();
        }
        self.parts.extend(image.written());
        for name in &image.gone {
            self.parts.remove(name);
        }
        self.tail.clear();
    }

    /// Xorshift, by Marsaglia.
    fn one_in(&mut self, many: u64) -> bool {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance.is_multiple_of(many)
    }

    /// After a step: what it recorded is kept, and perhaps the engine is another one from here on.
    pub(crate) fn after(&mut self, engine: &mut Engine, records: &mut Records, plan: &Arc<Plan>) {
        self.tail.append(&mut records.take());
        if self.one_in(400) {
            let is_full = self.one_in(3);
            self.keep(&engine.image(is_full));
        }
        if self.one_in(1_000) {
            *engine = self.again(engine, plan);
        }
    }

    fn again(&self, engine: &mut Engine, plan: &Arc<Plan>) -> Engine {
        // Twice, for an image changes what the next one has.
        let (mut again, mut compared) = (self.restored(), self.restored());
        // The selectors of a plan are not written down: its part is the same, and what it decided is in the others.
        let (before, after) = (engine.image(true).written(), compared.image(true).written());
        let differs: Vec<&String> =
            before.keys().filter(|name| before.get(*name) != after.get(*name)).collect();
        assert!(
            differs.is_empty() && before.len() == after.len(),
            "after a restart these are others: {differs:?}"
        );
        again.adopt(Arc::clone(plan));
        again
    }

    fn restored(&self) -> Engine {
        let mut report = Vec::new();
        let mut again = Engine::restore(&self.parts, &mut report).expect("the parts are whole");
        again.replay(&self.tail, Outcomes::Known, &mut Effects::default()).expect("the records are whole");
        assert_eq!(report, Vec::<String>::new());
        again
    }
}
