//! End-to-end tests against real peers: a second binary, since they run the built program as users do.
//!
//! A peer that is missing is said: the test prints `skipped: …`, or fails where EVENKEEL_E2E_STRICT=1.

mod access;
mod alertmanager;
mod cardinality;
mod cli;
mod client;
#[allow(dead_code, reason = "the benches use the rest")]
mod collector;
mod connections;
mod deploy;
mod doctor;
mod events;
mod explaining;
mod faults;
mod floods;
mod formats;
mod golden;
mod hostile;
mod hostility;
mod init;
mod items;
mod judge;
mod jumps;
mod kafka;
mod kept;
mod kills;
mod nab;
mod neighbours;
mod own_telemetry;
mod power;
mod program;
mod rates;
mod receivers;
mod recordings;
mod reload;
mod replay;
mod requests;
mod runbooks;
mod schema;
mod scrape;
mod sdk;
mod sdk_metrics;
mod sdks;
mod services;
mod sink;
mod stopped;
mod storm;
mod suggest;
mod tls;
mod trials;

use std::path::PathBuf;

/// Where the reference data lie, if they are there.
fn shared() -> Option<PathBuf> {
    let shared = std::env::var_os("EVENKEEL_SHARED").map(PathBuf::from);
    if shared.is_none() {
        println!("skipped: EVENKEEL_SHARED does not name the reference data");
    }
    shared
}

/// A program by its name in PATH.
fn peer(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        missing(&format!("{name} is not in PATH; tests/run prepares it"));
    }
    found
}

fn missing(what: &str) {
    let strict = std::env::var("EVENKEEL_E2E_STRICT").is_ok_and(|value| value == "1");
    assert!(!strict, "{what}");
    println!("skipped: {what}");
}
