//! Alert episodes, their priority, and which receivers hear of them. Knows no window and no socket.

mod episode;
mod identity;
mod priority;
pub mod route;

pub use episode::{Episode, REOPEN_NS, Step};
pub use identity::{Identity, key_of};
pub use priority::{Assessment, Situation, assess};
