//! The task of one integration. Keeps the order of each key, has at most 16 requests under way at once,
//! and holds no connection while a key waits for its next attempt.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tracing::Instrument;

use super::Pace;
use super::bucket::Bucket;
use super::fallback::Sign;
use super::health::Health;
use super::job::{Aim, Call, Job, LaneDoor, nature, sending};
use super::meter::Meter;
use super::post::{Answer, post, wall_ns};
use super::queue::{Key, Nature, Over, Queue, Word};
use super::standing::Standing;
use super::target::Target;
use crate::engine::Transition;
use crate::model::SECOND_NS;

const AT_ONCE_MAX: usize = 16;

/// Who is told that nothing gets through.
pub(super) struct Reporter {
    pub receiver: String,
    pub fallback: Option<String>,
    pub signs: mpsc::UnboundedSender<Sign>,
}

pub(super) struct Lane {
    target: Target,
    client: reqwest::Client,
    pace: Pace,
    meter: Arc<Meter>,
    queue: Queue<Job>,
    bucket: Bucket,
    standing: Standing,
    running: JoinSet<(Key, u64, Answer)>,
    /// How often it was aimed anew: an answer of before says nothing of where it is sent now.
    aims: u64,
    health: Health,
    reporter: Reporter,
    /// Names the time of trouble that the reporter was told of.
    trouble: String,
    open: bool,
}

impl Lane {
    pub fn open(
        target: Target,
        client: reqwest::Client,
        pace: Pace,
        meter: Arc<Meter>,
        reporter: Reporter,
    ) -> (LaneDoor, impl Future<Output = ()>) {
        // Emptied at once; what is bounded is the queue, which knows what may go.
        let (sender, inbox) = mpsc::unbounded_channel();
        let lane = Self {
            bucket: Bucket::new(target.rate()),
            standing: standing(&pace, &target),
            queue: Queue::new(),
            running: JoinSet::new(),
            aims: 0,
            health: Health::default(),
            trouble: String::new(),
            open: true,
            target,
            client,
            pace,
            meter,
            reporter,
        };
        (LaneDoor(sender), lane.run(inbox))
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Call>) {
        loop {
            let now = Instant::now();
            if self.open {
                self.say_again(now);
            }
            self.start_ready(now);
            if !self.open && self.running.is_empty() && !self.queue.is_ready(now) {
                return self.works_again();
            }
            let wake = self.wake(now);
            tokio::select! {
                call = inbox.recv(), if self.open => match call {
                    Some(call) => {
                        self.hear(call);
                        while let Ok(call) = inbox.try_recv() {
                            self.hear(call);
                        }
                    }
                    None => self.close(),
                },
                Some(done) = self.running.join_next() => self.answered(done),
                () = until(wake), if self.running.len() < AT_ONCE_MAX => {}
            }
        }
    }

    /// When there is something to do that no event tells.
    fn wake(&self, now: Instant) -> Option<Instant> {
        let token = self.bucket.ready_at(now).filter(|_| self.queue.is_ready(now));
        let (again, standing) = match self.open {
            true => (self.queue.deadline(), self.standing.deadline()),
            false => (None, None),
        };
        // What is due waits for its token too.
        let again = again.map(|due| self.bucket.ready_at(now).map_or(due, |token| token.max(due)));
        [token, again, standing].into_iter().flatten().min()
    }

    fn hear(&mut self, call: Call) {
        match call {
            Call::Send(job) => self.accept(job),
            Call::Aim(aim) => self.aim(*aim),
        }
    }

    /// What waits keeps its order and goes there at once; what is on its way ends as it began.
    fn aim(&mut self, Aim { target, fallback }: Aim) {
        if fallback != self.reporter.fallback {
            self.works_again();
            self.reporter.fallback = fallback;
        }
        self.standing.lead_to(&target.external_url);
        if target.is_like(&self.target) {
            self.target = target;
            return;
        }
        self.works_again();
        self.bucket = Bucket::new(target.rate());
        if !target.hears_what_stands() {
            self.standing = standing(&self.pace, &target);
        }
        self.target = target;
        self.aims += 1;
        self.queue.hasten(Instant::now());
    }

    fn accept(&mut self, job: Job) {
        let Some(notification) = &job.notification else { return };
        if job.share.is_none() && !self.target.hears_what_stands() {
            return;
        }
        let key = notification.dedup_key.clone();
        let full = match notification.transition {
            Transition::Trigger | Transition::Escalate => false,
            Transition::Acknowledge => self.queue.len() >= self.pace.open_max,
            // An end with its beginning still here makes room.
            Transition::Resolve => {
                self.queue.len() >= self.pace.open_max.saturating_mul(2) && !self.queue.holds(&key)
            }
        };
        if full {
            let over = Over { job, attempts: 0, took: Duration::ZERO };
            return self.failed(Some(over), "its queue is full");
        }
        self.queue.push(&key, nature(notification), job);
        for job in self.queue.collapse(self.pace.open_max) {
            let begins = job.notification.as_ref().is_some_and(|one| one.transition == Transition::Trigger);
            self.meter.collapsed.add(u64::from(begins));
            if let Some(share) = job.share {
                let reason = "its queue is full, and the alert ended before anybody could be told";
                share.failed(0, format!("{}: {reason}", self.target.label));
            }
        }
    }

    fn close(&mut self) {
        self.open = false;
        self.queue.abandon_waiting();
    }

    /// Queues a reminder for every standing alert that has no message under way already.
    fn say_again(&mut self, now: Instant) {
        for key in self.standing.due(now) {
            if !self.queue.holds(&key) {
                let nature = Nature { rank: u8::MAX, word: Word::Aside };
                self.queue.push(&key, nature, Job { notification: None, share: None });
            }
        }
    }

    fn start_ready(&mut self, now: Instant) {
        while self.running.len() < AT_ONCE_MAX && self.bucket.ready_at(now).is_none() {
            let Some((key, job, attempt)) = self.queue.take(now) else { break };
            if let Some(refusal) = self.target.refusal.clone() {
                let over = self.queue.finish(&key, now);
                self.failed(over, &refusal);
                continue;
            }
            let wall_ns = wall_ns();
            let sending = sending(&self.target, &mut self.standing, &key, job, attempt, (now, wall_ns));
            if sending.messages.is_empty() {
                let over = self.queue.finish(&key, now);
                over.and_then(|over| over.job.share).into_iter().for_each(|share| share.delivered(0));
                continue;
            }
            self.bucket.take(now);
            self.meter.attempts.add(1);
            self.meter.retried.add(u64::from(attempt > 1));
            self.meter.truncated.add(u64::from(attempt == 1 && sending.cut));
            let aim = self.aims;
            let within = self.target.timeout().unwrap_or(self.pace.answer_within);
            let sending = post(self.client.clone(), sending.messages, within);
            let span = tracing::info_span!(
                target: "evenkeel::spans",
                "deliver",
                otel.kind = "client",
                receiver = self.target.label,
                attempt,
                delivered = tracing::field::Empty,
            );
            let sending = async move {
                let answer = sending.await;
                tracing::Span::current().record("delivered", answer == Answer::Delivered);
                (key, aim, answer)
            };
            self.running.spawn(sending.instrument(span));
        }
    }

    fn answered(&mut self, done: Result<(Key, u64, Answer), JoinError>) {
        let (key, aim, answer) = match done {
            Ok(done) => done,
            // A bug of ours: ends the lane, and every share it holds says so.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
        };
        let now = Instant::now();
        if aim != self.aims && self.open && answer != Answer::Delivered {
            return self.queue.anew(&key, now);
        }
        self.note_health(now, &answer);
        match answer {
            Answer::Delivered => {
                self.meter.succeeded_at(wall_ns());
                if let Some(Over { job: Job { share: Some(share), .. }, attempts, .. }) =
                    self.queue.finish(&key, now)
                {
                    share.delivered(attempts);
                }
            }
            Answer::Refused { reason } => {
                let over = self.queue.finish(&key, now);
                self.failed(over, &reason);
            }
            Answer::Again { asked, throttled, reason } => {
                if throttled {
                    self.bucket.hold(now + asked.unwrap_or(self.pace.throttled).min(self.pace.retry.limit));
                }
                match self.open {
                    true => self.again(&key, now, asked, &reason),
                    false => self.queue.abandon(&key),
                }
            }
        }
    }

    fn note_health(&mut self, now: Instant, answer: &Answer) {
        let reason = match answer {
            Answer::Delivered => return self.works_again(),
            Answer::Again { reason, .. } | Answer::Refused { reason } => reason,
        };
        if self.health.failed(now, self.pace.broken_after) {
            tracing::error!(integration = self.target.label, reason, "receiver.broken");
            self.meter.broken.add(1);
            self.trouble = format!("paging-broken:{}:{}", self.target.label, wall_ns() / SECOND_NS);
            self.report(true);
        }
    }

    fn works_again(&mut self) {
        if self.health.succeeded() {
            tracing::info!(integration = self.target.label, "receiver.recovered");
            self.meter.broken.sub(1);
            self.report(false);
        }
    }

    fn report(&self, broken: bool) {
        let Some(fallback) = self.reporter.fallback.clone() else { return };
        let (receiver, label) = (self.reporter.receiver.clone(), self.target.label.clone());
        let (key, wall_ns) = (self.trouble.clone(), wall_ns());
        let _ = self.reporter.signs.send(Sign::Lane { receiver, fallback, label, key, wall_ns, broken });
    }

    fn again(&mut self, key: &Key, now: Instant, asked: Option<Duration>, reason: &str) {
        if self.queue.first(key).is_some_and(|(job, _)| job.share.is_none()) {
            // Said again in a minute anyway.
            self.queue.finish(key, now);
            return;
        }
        let over = self.queue.again(key, now, asked, &self.pace.retry);
        let reason = match &over {
            Some(Over { attempts, took, .. }) => {
                let plural = if *attempts == 1 { "" } else { "s" };
                let seconds = took.as_secs_f64();
                format!("{reason}, given up after {attempts} attempt{plural} in {seconds:.1} s")
            }
            None => return self.trying(key, reason),
        };
        self.failed(over, &reason);
    }

    fn trying(&self, key: &Key, reason: &str) {
        tracing::debug!(integration = self.target.label, reason, "notification.attempt.failed");
        if let Some((Job { share: Some(share), .. }, attempts)) = self.queue.first(key) {
            share.trying(attempts, format!("{}: {reason}", self.target.label));
        }
    }

    fn failed(&self, over: Option<Over<Job>>, reason: &str) {
        tracing::warn!(integration = self.target.label, reason, "notification.failed");
        if let Some(Over { job: Job { share: Some(share), .. }, attempts, .. }) = over {
            share.failed(attempts, format!("{}: {reason}", self.target.label));
        }
    }
}

fn standing(pace: &Pace, target: &Target) -> Standing {
    Standing::new(pace.resend, pace.resend_resolved, target.external_url.clone())
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
