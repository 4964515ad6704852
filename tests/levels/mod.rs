//! Service levels from documents and requests to facts: everything that `check` reads and the ledger decides, without a
//! socket. Times are seconds after the beginning of a story.

mod alerting;
mod calendars;
mod counting;
mod explaining;
mod grouping;
mod methods;
mod restarts;
mod trials;
mod twin;
mod worked;
mod world;
