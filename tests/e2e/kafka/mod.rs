//! A real Kafka for tests: `broker` has the brokers, `client` makes topics, produces and reads, `confluent` produces by
//! another client, and `itself` tests all three. `reading` and `publishing` try the program with it, `rights` and
//! `collector` what `deploy/kafka` ships.

pub mod broker;
pub mod client;
mod collector;
pub mod confluent;
mod itself;
mod publishing;
mod reading;
mod rights;
