//! The order of the steps. `fold` is the workers' half: one request becomes one delta batch.
//! `Engine::step` is the ledger's door: state, input and now determine the next state and the effects.

mod batch;
mod effect;
mod plan;
pub mod view;

pub use batch::{Ack, AckToken, Batch, EventRecord, Request};
pub use effect::{AlertSummary, Effect, Explain, Notification, NotificationId, Outcome, Transition};
pub use plan::{Dedup, Indicator, Operator, Plan, Selector, SloPlan};
