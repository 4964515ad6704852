//! The order of sending: one line of jobs for each key, the first of a line at most once under way; keys by their
//! rank, then by their turn. Pure: time comes in as an argument, and what a job is, is the lane's business.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::labels::fnv1a;
use super::retry::Retry;

pub(crate) type Key = Arc<str>;

/// What the queue has to know of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nature {
    /// The smaller, the sooner.
    pub rank: u8,
    pub word: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// An episode begins, or begins again.
    Begins,
    Changes,
    Ends,
    /// Nothing begins, changes or ends with it.
    Aside,
}

/// Invariant: a key with jobs is in `ready`, in `waiting`, or taken; never in two of them.
pub(crate) struct Queue<J> {
    lines: BTreeMap<Key, Line<J>>,
    ready: BTreeSet<(u8, u64, Key)>,
    waiting: BTreeSet<(Instant, Key)>,
    /// Keys with an episode that began and ended in the line, by the turn of its end.
    over: BTreeSet<(u64, Key)>,
    jobs: usize,
    turns: u64,
}

/// Invariant: `jobs` is not empty.
struct Line<J> {
    jobs: VecDeque<(Nature, J)>,
    /// Of the first job.
    attempts: u32,
    first_attempt: Option<Instant>,
    /// Its place in `ready`.
    place: Option<(u8, u64)>,
}

/// A job that is over, and how many attempts it took.
#[derive(Debug, PartialEq)]
pub(crate) struct Over<J> {
    pub job: J,
    pub attempts: u32,
    /// Since its first attempt.
    pub took: Duration,
}

impl<J> Queue<J> {
    pub fn new() -> Self {
        let (lines, ready, waiting) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { lines, ready, waiting, over: BTreeSet::new(), jobs: 0, turns: 0 }
    }

    pub fn push(&mut self, key: &str, nature: Nature, job: J) {
        self.jobs += 1;
        let key: Key = match self.lines.get_key_value(key) {
            Some((key, _)) => Arc::clone(key),
            None => key.into(),
        };
        let fresh = Line { jobs: VecDeque::new(), attempts: 0, first_attempt: None, place: None };
        let line = self.lines.entry(Arc::clone(&key)).or_insert(fresh);
        let is_first = line.jobs.is_empty();
        line.jobs.push_back((nature, job));
        // A page behind a ticket of its own key takes the ticket with it to the front.
        let sooner = line.place.is_some_and(|(rank, _)| nature.rank < rank);
        let is_over = nature.word == Word::Ends && line.unheard().is_some();
        if is_over {
            self.turns += 1;
            self.over.insert((self.turns, Arc::clone(&key)));
            self.forget_what_was_heard();
        }
        if is_first || sooner {
            self.make_ready(&key);
        }
    }

    /// Keeps `over` as small as the queue, at a cost that is spread over its growth.
    fn forget_what_was_heard(&mut self) {
        if self.over.len() > 2 * self.jobs {
            let unheard = |key: &Key| self.lines.get(key).is_some_and(|line| line.unheard().is_some());
            self.over.retain(|(_, key)| unheard(key));
        }
    }

    fn make_ready(&mut self, key: &Key) {
        let Some(line) = self.lines.get_mut(key) else { return };
        let turn = match line.place.take() {
            Some((rank, turn)) => {
                self.ready.remove(&(rank, turn, Arc::clone(key)));
                turn
            }
            None => {
                self.turns += 1;
                self.turns
            }
        };
        let rank = line.jobs.iter().map(|(nature, _)| nature.rank).min().unwrap_or(u8::MAX);
        line.place = Some((rank, turn));
        self.ready.insert((rank, turn, Arc::clone(key)));
    }

    pub fn holds(&self, key: &str) -> bool {
        self.lines.contains_key(key)
    }

    pub fn len(&self) -> usize {
        self.jobs
    }

    /// And how often it was tried.
    pub fn first(&self, key: &str) -> Option<(&J, u32)> {
        let line = self.lines.get(key)?;
        line.jobs.front().map(|(_, job)| (job, line.attempts))
    }

    /// When the next paused key is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// Whether there is anything to take.
    pub fn is_ready(&self, now: Instant) -> bool {
        !self.ready.is_empty() || self.deadline().is_some_and(|due| due <= now)
    }

    /// The first job of a key that may be sent now, with the number of this attempt. The key is taken until
    /// `finish` or `again`.
    pub fn take(&mut self, now: Instant) -> Option<(Key, &J, u32)> {
        while self.deadline().is_some_and(|due| due <= now) {
            if let Some((_, key)) = self.waiting.pop_first() {
                self.make_ready(&key);
            }
        }
        let (_, _, key) = self.ready.pop_first()?;
        let line = self.lines.get_mut(&key)?;
        line.place = None;
        line.attempts += 1;
        line.first_attempt.get_or_insert(now);
        line.jobs.front().map(|(_, job)| (key, job, line.attempts))
    }

    /// The taken key's job is done with, well or badly; the next of its line is ready.
    pub fn finish(&mut self, key: &Key, now: Instant) -> Option<Over<J>> {
        let line = self.lines.get_mut(key)?;
        let (_, job) = line.jobs.pop_front()?;
        self.jobs -= 1;
        let took = line.first_attempt.take().map_or(Duration::ZERO, |first| now - first);
        let attempts = std::mem::take(&mut line.attempts);
        if line.jobs.is_empty() {
            self.lines.remove(key);
        } else {
            self.make_ready(key);
        }
        Some(Over { job, attempts, took })
    }

    /// The taken key's job failed for now: it waits. It is over if the next attempt would come too late, unless an
    /// episode begins or changes with it and nothing newer is known of it: that is tried for as long as it takes.
    pub fn again(
        &mut self,
        key: &Key,
        now: Instant,
        asked: Option<Duration>,
        retry: &Retry,
    ) -> Option<Over<J>> {
        let line = self.lines.get(key)?;
        let seed = fnv1a(key.bytes().chain(line.attempts.to_le_bytes()));
        let pause = retry.pause(line.attempts, asked, seed);
        let must = line.jobs.len() == 1
            && line.jobs.front().is_some_and(|(one, _)| matches!(one.word, Word::Begins | Word::Changes));
        let limit = line.first_attempt.unwrap_or(now) + retry.limit;
        let due = match must {
            // Nobody asks for longer in earnest.
            true => now.checked_add(pause.min(retry.limit)),
            false => now.checked_add(pause).filter(|due| *due <= limit),
        };
        match due {
            Some(due) => {
                self.waiting.insert((due, Arc::clone(key)));
                None
            }
            None => self.finish(key, now),
        }
    }

    /// Makes room down to `max` jobs out of episodes that ended before anybody was told of them, the oldest first.
    pub fn collapse(&mut self, max: usize) -> Vec<J> {
        let mut gone = Vec::new();
        while self.jobs > max {
            let Some((_, key)) = self.over.pop_first() else { break };
            let Some(line) = self.lines.get_mut(&key) else { continue };
            let Some(unheard) = line.unheard() else { continue };
            let before = gone.len();
            gone.extend(line.jobs.drain(unheard).map(|(_, job)| job));
            self.jobs -= gone.len() - before;
            if line.jobs.is_empty() {
                if let Some((rank, turn)) = line.place {
                    self.ready.remove(&(rank, turn, Arc::clone(&key)));
                }
                self.lines.remove(&key);
            }
        }
        gone
    }

    /// What waits for its next attempt is due now, and its time begins anew.
    pub fn hasten(&mut self, now: Instant) {
        for (_, key) in std::mem::take(&mut self.waiting) {
            self.anew(&key, now);
        }
    }

    /// The same of one key that is in nobody's hands.
    pub fn anew(&mut self, key: &Key, now: Instant) {
        if let Some(line) = self.lines.get_mut(key) {
            line.first_attempt = None;
            self.waiting.insert((now, Arc::clone(key)));
        }
    }

    /// Drops the line of a taken key.
    pub fn abandon(&mut self, key: &Key) {
        if let Some(line) = self.lines.remove(key) {
            self.jobs -= line.jobs.len();
        }
    }

    /// Drops every line whose first job has been tried and waits.
    pub fn abandon_waiting(&mut self) {
        for (_, key) in std::mem::take(&mut self.waiting) {
            self.abandon(&key);
        }
    }
}

impl<J> Line<J> {
    /// From the beginning of an episode to its end, none of it tried yet.
    fn unheard(&self) -> Option<std::ops::RangeInclusive<usize>> {
        let tried = usize::from(self.attempts > 0);
        let words: Vec<Word> = self.jobs.iter().map(|(nature, _)| nature.word).collect();
        let begins = words.iter().skip(tried).position(|word| *word == Word::Begins)? + tried;
        let ends = words.iter().rposition(|word| *word == Word::Ends)?;
        (begins < ends).then_some(begins..=ends)
    }
}
