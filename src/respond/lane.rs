//! The task of one integration. Keeps the order of each key, has at most 16 requests under way at once,
//! and holds no connection while a key waits for its next attempt.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tracing::Instrument;

use super::Pace;
use super::meter::Meter;
use super::post::{Answer, post, wall_ns};
use super::queue::{Key, Over, Queue};
use super::standing::Standing;
use super::target::{Kind, Message, Target, idempotency_key};
use super::ticket::Share;
use crate::engine::{Notification, Transition};

const AT_ONCE_MAX: usize = 16;

pub(super) struct Job {
    /// `None`: what stands is said again.
    notification: Option<Arc<Notification>>,
    /// `None`: nobody waits for the outcome, and one attempt is enough.
    share: Option<Share>,
    /// A place in the lane; given back when the job is over.
    _place: Option<OwnedSemaphorePermit>,
}

/// The way into a lane. Dropping it tells the lane to finish.
pub(super) struct LaneDoor {
    label: String,
    refusal: Option<String>,
    places: Arc<Semaphore>,
    inbox: mpsc::Sender<Job>,
}

pub(super) struct Lane {
    target: Target,
    client: reqwest::Client,
    pace: Pace,
    meter: Arc<Meter>,
    queue: Queue<Job>,
    standing: Standing,
    running: JoinSet<(Key, Answer)>,
    open: bool,
}

impl LaneDoor {
    /// Takes the notification in, or says why not. Never blocks.
    pub fn offer(&self, notification: Arc<Notification>, share: Share) {
        if let Some(reason) = &self.refusal {
            return share.failed(0, format!("{}: {reason}", self.label));
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return share.failed(0, format!("{}: its queue is full", self.label));
        };
        let job = Job { notification: Some(notification), share: Some(share), _place: Some(place) };
        let _ = self.inbox.try_send(job); // closed: the lane is gone, and the dropped share says so
    }

    pub fn resume(&self, notification: Arc<Notification>) {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let job = Job { notification: Some(notification), share: None, _place: Some(place) };
            let _ = self.inbox.try_send(job);
        }
    }
}

impl Lane {
    pub fn open(
        target: Target,
        client: reqwest::Client,
        pace: Pace,
        meter: Arc<Meter>,
    ) -> (LaneDoor, impl Future<Output = ()>) {
        // As many seats in the channel as places in the lane: whoever has a place finds a seat.
        let (sender, inbox) = mpsc::channel(pace.open_max.max(1));
        let places = Arc::new(Semaphore::new(pace.open_max));
        let refusal = target.url.as_ref().err().cloned();
        let door = LaneDoor { label: target.label.clone(), refusal, places, inbox: sender };
        let standing = Standing::new(pace.resend, pace.resend_resolved, target.external_url.clone());
        let (queue, running) = (Queue::new(), JoinSet::new());
        let lane = Self { target, client, pace, meter, queue, standing, running, open: true };
        (door, lane.run(inbox))
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Job>) {
        loop {
            let now = Instant::now();
            if self.open {
                self.say_again(now);
            }
            self.start_ready(now);
            if !self.open && self.running.is_empty() {
                return;
            }
            let wake = [self.queue.deadline(), self.standing.deadline()].into_iter().flatten().min();
            tokio::select! {
                job = inbox.recv(), if self.open => match job {
                    Some(job) => self.accept(job),
                    None => self.close(),
                },
                Some(done) = self.running.join_next() => self.answered(done),
                () = until(wake), if self.open && self.running.len() < AT_ONCE_MAX => {}
            }
        }
    }

    fn accept(&mut self, job: Job) {
        let Some(notification) = &job.notification else { return };
        let hears_nothing = job.share.is_none() && self.target.kind != Kind::AlertmanagerApi;
        if !hears_nothing {
            let key = notification.dedup_key.clone();
            self.queue.push(&key, job);
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
                self.queue.push(&key, Job { notification: None, share: None, _place: None });
            }
        }
    }

    fn start_ready(&mut self, now: Instant) {
        let mut unheard = VecDeque::new();
        while self.running.len() < AT_ONCE_MAX {
            let Some((key, job, attempt)) = self.queue.take(now) else { break };
            let wall_ns = wall_ns();
            let message = message(&self.target, &mut self.standing, &key, job, attempt, (now, wall_ns));
            let Some(message) = message else {
                unheard.extend(self.queue.finish(&key, now));
                continue;
            };
            Meter::add(&self.meter.attempts);
            if attempt > 1 {
                Meter::add(&self.meter.retried);
            }
            let sending = post(self.client.clone(), message, self.pace.answer_within);
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
                (key, answer)
            };
            self.running.spawn(sending.instrument(span));
        }
        for Over { job, .. } in unheard {
            job.share.into_iter().for_each(|share| share.delivered(0));
        }
    }

    fn answered(&mut self, done: Result<(Key, Answer), JoinError>) {
        let (key, answer) = match done {
            Ok(done) => done,
            // A bug of ours: ends the lane, and every share it holds says so.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
        };
        let now = Instant::now();
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
            Answer::Again { .. } if !self.open => self.queue.abandon(&key),
            Answer::Again { reason, asked } => self.again(&key, now, asked, &reason),
        }
    }

    fn again(&mut self, key: &Key, now: Instant, asked: Option<Duration>, reason: &str) {
        if self.queue.first(key).is_some_and(|job| job.share.is_none()) {
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
            None => {
                return tracing::debug!(
                    integration = self.target.label,
                    reason,
                    "notification.attempt.failed"
                );
            }
        };
        self.failed(over, &reason);
    }

    fn failed(&self, over: Option<Over<Job>>, reason: &str) {
        tracing::warn!(integration = self.target.label, reason, "notification.failed");
        if let Some(Over { job: Job { share: Some(share), .. }, attempts, .. }) = over {
            share.failed(attempts, format!("{}: {reason}", self.target.label));
        }
    }
}

/// What to send for a job, nothing if this target does not hear of it.
fn message(
    target: &Target,
    standing: &mut Standing,
    key: &Key,
    job: &Job,
    attempt: u32,
    (now, wall_ns): (Instant, u64),
) -> Option<Message> {
    let url = target.url.as_ref().ok()?.clone();
    if let Some(notification) = &job.notification
        && !target.hears(notification.transition)
    {
        if notification.transition == Transition::Resolve {
            standing.forget(key);
        }
        return None;
    }
    match (target.kind, &job.notification) {
        (Kind::Webhook(format), Some(notification)) => {
            let body = target.webhook_body(format, notification);
            Some(Message { url, idempotency_key: idempotency_key(notification), body })
        }
        (Kind::Webhook(_), None) => None,
        (Kind::AlertmanagerApi, notification) => {
            if let Some(notification) = notification
                && (attempt == 1 || !standing.holds(key))
            {
                standing.apply(notification, now, wall_ns);
            }
            let body = standing.message(key, wall_ns)?;
            Some(Message { url, idempotency_key: None, body })
        }
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
