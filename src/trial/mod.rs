//! Tests of a configuration: made-up traffic through the plan that ships, and what is expected of it on a timeline.
//!
//! Pure: time is what the document says, a second at a time. Who reads recordings hands their requests in.

mod apart;
mod coverage;
mod expect;
mod happen;
mod judge;
mod junit;
mod pace;
mod recorded;
mod report;
mod run;
mod sample;
mod scale;
mod script;
mod stage;

#[cfg(test)]
mod tests;

pub use coverage::{Coverage, Part};
pub use expect::{Act, Amount, Expect, Level, Moment, Telling, Wanted, When, defaults};
pub use happen::Happening;
pub use junit::{Case, junit};
pub use pace::{RATE_MAX, Rate};
pub use report::{Line, Mark, Report, offset};
pub use run::Run;
pub use sample::{Attribute, Sample};
pub use script::{Feed, Flow, Recording, Stretch, TIME_S_MAX, TIMELINE_S_MAX, Trial};
