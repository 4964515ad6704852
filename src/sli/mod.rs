//! Event-time sliding windows over sparse buckets. Knows no objective and no clock but the one it is told.
//!
//! A window of W seconds at clock t holds the events of (t - W, t], to the width of one bucket:
//! its counts lie between those of the window one bucket shorter and one bucket longer.

mod periods;
mod series;
mod slices;
mod tier;

pub use periods::Periods;
pub use series::{Layout, Series, WindowId};
pub use slices::{Slices, Sum, Verdict};
pub use tier::COUNT_MAX;
