//! Edge: Kafka. The only folder that names rdkafka. Reads topics as a member of a consumer group, hands each record to the
//! ledger by its offset, and publishes what was decided. Where each partition stands is kept with the counts, so that a
//! record counts once whatever ends in between; what is committed to Kafka is for others to look at, and for members of
//! the group that take over.

mod client;
mod cloud_event;
mod consumer;
mod context;
mod dead_letter;
pub mod doctor;
mod form;
mod group;
mod lane;
mod placing;
mod proto;
mod publish;
mod status;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::config::Kafka as Settings;
use crate::engine::{Ack, Batch, Placing, Plan, Position};
use crate::model::Now;

pub use placing::signature;
pub use publish::{Outlet, Publisher};
pub use status::{Condition, Status};

/// What comes of a batch, once it is kept.
pub type Answer = oneshot::Receiver<Ack>;

/// Where records go. All of it may wait for a commit.
pub trait Counting: Send + Sync + 'static {
    fn plan(&self) -> Arc<Plan>;
    /// After a batch was folded under a plan that is no longer in effect.
    fn follow(&self);
    /// Seeds what a fold hashes with.
    fn key(&self) -> u64;
    fn now(&self) -> Now;
    /// What comes in can be kept.
    fn is_kept(&self) -> bool;
    /// `None`: the daemon ends.
    fn submit(&self, batch: Box<Batch>) -> Option<Answer>;
    /// `None`: the daemon ends. `Some(false)`: there is no room for one more partition.
    fn place(&self, placing: Placing) -> Option<bool>;
    /// Waits until what was handed in before is kept. Whether it is.
    fn flush(&self) -> bool;
    /// Topics of which some partition was read before.
    fn topics(&self) -> BTreeSet<String>;
    /// Topics are not read, and why; `None` where they are.
    fn trouble(&self, why: Option<String>);
    /// `None`: the daemon ends.
    fn position(&self, topic: &str, partition: i32) -> Option<Option<Position>>;
}

/// A consumer that runs.
pub struct Consumer {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    status: Arc<Status>,
}

impl Consumer {
    /// `instance`: this member's name in the group, the same after a restart.
    pub fn start(
        settings: Settings,
        instance: Option<String>,
        counting: Arc<dyn Counting>,
    ) -> std::io::Result<Self> {
        let (stop, status) = (Arc::new(AtomicBool::new(false)), Arc::new(Status::default()));
        let (halt, told) = (Arc::clone(&stop), Arc::clone(&status));
        let thread = std::thread::Builder::new()
            .name("kafka".to_owned())
            .spawn(move || consumer::run(&settings, instance.as_deref(), &*counting, &told, &halt))?;
        Ok(Self { thread: Some(thread), stop, status })
    }

    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Finishes what was read, says to the group how far that was, and leaves.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop();
    }
}
