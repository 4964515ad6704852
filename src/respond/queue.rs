//! The order of sending: one line of jobs for each key, the first of a line at most once under way.
//! Pure: time comes in as an argument, and what a job is, is the lane's business.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::labels::fnv1a;
use super::retry::Retry;

pub(super) type Key = Arc<str>;

/// Invariant: a key with jobs is in `ready`, in `waiting`, or taken; never in two of them.
pub(super) struct Queue<J> {
    lines: BTreeMap<Key, Line<J>>,
    ready: VecDeque<Key>,
    waiting: BTreeSet<(Instant, Key)>,
}

/// Invariant: `jobs` is not empty.
struct Line<J> {
    jobs: VecDeque<J>,
    /// Of the first job.
    attempts: u32,
    first_attempt: Option<Instant>,
}

/// A job that is over, and how many attempts it took.
#[derive(Debug, PartialEq)]
pub(super) struct Over<J> {
    pub job: J,
    pub attempts: u32,
    /// Since its first attempt.
    pub took: Duration,
}

impl<J> Queue<J> {
    pub fn new() -> Self {
        Self { lines: BTreeMap::new(), ready: VecDeque::new(), waiting: BTreeSet::new() }
    }

    pub fn push(&mut self, key: &str, job: J) {
        if let Some(line) = self.lines.get_mut(key) {
            return line.jobs.push_back(job);
        }
        let key: Key = key.into();
        self.ready.push_back(Arc::clone(&key));
        self.lines.insert(key, Line { jobs: VecDeque::from([job]), attempts: 0, first_attempt: None });
    }

    pub fn holds(&self, key: &str) -> bool {
        self.lines.contains_key(key)
    }

    pub fn first(&self, key: &str) -> Option<&J> {
        self.lines.get(key)?.jobs.front()
    }

    /// When the next paused key is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// The first job of a key that may be sent now, with the number of this attempt. The key is taken until
    /// `finish` or `again`.
    pub fn take(&mut self, now: Instant) -> Option<(Key, &J, u32)> {
        while self.deadline().is_some_and(|due| due <= now) {
            self.ready.extend(self.waiting.pop_first().map(|(_, key)| key));
        }
        let key = self.ready.pop_front()?;
        let line = self.lines.get_mut(&key)?;
        line.attempts += 1;
        line.first_attempt.get_or_insert(now);
        line.jobs.front().map(|job| (key, job, line.attempts))
    }

    /// The taken key's job is done with, well or badly; the next of its line is ready.
    pub fn finish(&mut self, key: &Key, now: Instant) -> Option<Over<J>> {
        let line = self.lines.get_mut(key)?;
        let job = line.jobs.pop_front()?;
        let took = line.first_attempt.take().map_or(Duration::ZERO, |first| now - first);
        let attempts = std::mem::take(&mut line.attempts);
        if line.jobs.is_empty() {
            self.lines.remove(key);
        } else {
            self.ready.push_back(Arc::clone(key));
        }
        Some(Over { job, attempts, took })
    }

    /// The taken key's job failed for now: it waits, or is over if the next attempt would come too late.
    pub fn again(
        &mut self,
        key: &Key,
        now: Instant,
        asked: Option<Duration>,
        retry: &Retry,
    ) -> Option<Over<J>> {
        let line = self.lines.get(key)?;
        let seed = fnv1a(key.bytes().chain(line.attempts.to_le_bytes()));
        let due = now.checked_add(retry.pause(line.attempts, asked, seed));
        let limit = line.first_attempt.unwrap_or(now) + retry.limit;
        match due.filter(|due| *due <= limit) {
            Some(due) => {
                self.waiting.insert((due, Arc::clone(key)));
                None
            }
            None => self.finish(key, now),
        }
    }

    /// Drops the line of a taken key.
    pub fn abandon(&mut self, key: &Key) {
        self.lines.remove(key);
    }

    /// Drops every line whose first job has been tried and waits.
    pub fn abandon_waiting(&mut self) {
        for (_, key) in std::mem::take(&mut self.waiting) {
            self.lines.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry =
        Retry { base: Duration::from_secs(1), cap: Duration::from_secs(60), limit: Duration::from_secs(900) };

    fn take(queue: &mut Queue<&'static str>, now: Instant) -> Option<(Key, &'static str, u32)> {
        queue.take(now).map(|(key, job, attempt)| (key, *job, attempt))
    }

    #[test]
    fn a_resolve_never_overtakes_its_trigger_while_other_keys_go_on() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        queue.push("a", "trigger a");
        queue.push("a", "resolve a");
        queue.push("b", "trigger b");
        let (a, job, _) = take(&mut queue, start).unwrap();
        assert_eq!(job, "trigger a");
        assert_eq!(queue.again(&a, start, None, &RETRY), None);
        let (b, job, _) = take(&mut queue, start).unwrap();
        assert_eq!(job, "trigger b");
        assert!(queue.finish(&b, start).is_some());
        assert_eq!(take(&mut queue, start), None, "a waits, and its resolve behind it");
        let due = queue.deadline().unwrap();
        let (a, job, attempt) = take(&mut queue, due).unwrap();
        assert_eq!((job, attempt), ("trigger a", 2));
        assert_eq!(queue.finish(&a, due).unwrap().attempts, 2);
        assert_eq!(take(&mut queue, due).unwrap(), (a.clone(), "resolve a", 1));
        queue.finish(&a, due);
        assert!(!queue.holds("a"));
        assert_eq!(take(&mut queue, due), None);
    }

    #[test]
    fn retry_after_is_waited_out_to_the_end() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        queue.push("a", "trigger");
        let (a, ..) = take(&mut queue, start).unwrap();
        assert_eq!(queue.again(&a, start, Some(Duration::from_secs(120)), &RETRY), None);
        assert_eq!(take(&mut queue, start + Duration::from_millis(119_999)), None);
        assert!(take(&mut queue, start + Duration::from_secs(120)).is_some());
    }

    #[test]
    fn a_job_is_given_up_when_its_next_attempt_would_come_after_the_limit() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        queue.push("a", "trigger");
        queue.push("a", "resolve");
        let mut now = start;
        let over = loop {
            let (a, ..) = take(&mut queue, now).unwrap();
            if let Some(over) = queue.again(&a, now, None, &RETRY) {
                break over;
            }
            now = queue.deadline().unwrap();
        };
        assert_eq!(over.job, "trigger");
        assert!(over.took <= RETRY.limit && over.took > RETRY.limit - RETRY.cap);
        assert!((18..45).contains(&over.attempts), "{}", over.attempts);
        assert_eq!(take(&mut queue, now).unwrap().1, "resolve", "what is behind it still has its turn");
    }

    #[test]
    fn a_wish_beyond_the_limit_gives_up_at_once() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        queue.push("a", "trigger");
        let (a, ..) = take(&mut queue, start).unwrap();
        let over = queue.again(&a, start, Some(Duration::from_secs(u64::MAX)), &RETRY);
        assert_eq!(over, Some(Over { job: "trigger", attempts: 1, took: Duration::ZERO }));
    }

    #[test]
    fn draining_drops_what_waits_and_keeps_what_was_never_tried() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        queue.push("a", "tried");
        queue.push("a", "behind it");
        let (a, ..) = take(&mut queue, start).unwrap();
        queue.again(&a, start, None, &RETRY);
        queue.push("b", "fresh");
        queue.abandon_waiting();
        assert_eq!(take(&mut queue, start).unwrap().1, "fresh");
        assert!(!queue.holds("a"));
    }
}
