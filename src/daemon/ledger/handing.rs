//! Questions to the ledger, other plans, and how threads that may wait hand things in: those that read topics.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Ledger, Message, Question, Receivers, Sight, Unavailable};
use crate::engine::{Ack, Answered, Ask, Batch, History, Placing, Plan, Trouble};

impl Ledger {
    /// Puts another plan into effect between two batches; what differs, in words. Waits for room.
    pub async fn configure(&self, plan: Arc<Plan>, receivers: Receivers) -> Result<Vec<String>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let inbox = self.inbox.clone();
        let sent = tokio::task::spawn_blocking(move || {
            inbox.send(Message::Configured { plan, receivers, reply }).is_ok()
        });
        if !sent.await.unwrap_or(false) {
            return Err(Unavailable);
        }
        answer.await.map_err(|_| Unavailable)
    }

    /// As `configure`, for who turns the loop by hand: `None` where there is no room.
    #[cfg(test)]
    pub(in crate::daemon) fn try_configure(
        &self,
        plan: Arc<Plan>,
        receivers: Receivers,
    ) -> Option<oneshot::Receiver<Vec<String>>> {
        let (reply, answer) = oneshot::channel();
        self.inbox.try_send(Message::Configured { plan, receivers, reply }).ok()?;
        Some(answer)
    }

    /// Waits for room. The answer comes when the batch is kept. `None`: the ledger has stopped.
    pub fn submit(&self, batch: Box<Batch>) -> Option<oneshot::Receiver<Ack>> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Observed { batch, reply }).ok()?;
        Some(answer)
    }

    /// As [`Ledger::flush`], from a thread of one's own. `false`: the ledger has stopped.
    pub fn flush_and_wait(&self) -> bool {
        let (reply, done) = oneshot::channel();
        self.inbox.send(Message::Flush(reply)).is_ok() && done.blocking_recv().is_ok()
    }

    pub fn troubled(&self, trouble: Trouble, why: Option<String>) {
        let _stopped = self.inbox.send(Message::Troubled { trouble, why });
    }

    pub fn place(&self, placing: Placing) -> Option<oneshot::Receiver<Ack>> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Placed { placing, reply }).ok()?;
        Some(answer)
    }

    pub fn inject(&self, history: History) {
        let _stopped = self.inbox.send(Message::Injected(history));
    }

    /// What a person asks for; the answer comes when it is kept.
    pub async fn wish(&self, ask: Ask) -> Result<Answered, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.inbox.try_send(Message::Asked { ask, reply }).map_err(|_| Unavailable)?;
        answer.await.map_err(|_| Unavailable)
    }

    /// Answers a question from the state between two inputs.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Sight<'_>) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let asked: Question = Box::new(move |sight| {
            let _gone = reply.send(question(sight));
        });
        self.questions.try_send(asked).map_err(|_| Unavailable)?;
        self.wake();
        answer.await.map_err(|_| Unavailable)
    }

    /// As [`Ledger::ask`], from a thread of one's own.
    pub fn ask_and_wait<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Sight<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let asked: Question = Box::new(move |sight| {
            let _gone = reply.send(question(sight));
        });
        self.questions.send(asked).ok()?;
        self.wake();
        answer.blocking_recv().ok()
    }
}
