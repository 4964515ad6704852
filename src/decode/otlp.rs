//! The OTLP messages as owned types, generated from `proto/`. Whoever sends uses them, and tests hold
//! our own view of the bytes against them. Requests are not received through them.

#[allow(missing_docs, clippy::all, clippy::pedantic)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/otlp.rs"));
}

pub use generated::opentelemetry::proto::{collector, common, logs, metrics, resource, trace};
