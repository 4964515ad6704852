//! A real Kafka for tests: `broker` has the brokers, `client` makes topics, produces and reads, `confluent` produces by
//! another client, and `itself` tests all three. `reading`, `losing`, `three` and `publishing` try the program with it, `faults`
//! with a `proxy` in between, `rights` and `collector` what `deploy/kafka` ships.

pub mod broker;
pub mod client;
mod collector;
pub mod confluent;
mod faults;
mod itself;
mod losing;
mod proxy;
mod publishing;
mod reading;
mod rights;
mod three;
