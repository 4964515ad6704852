//! `recorder`: what a daemon keeps of what came in, to be replayed. Records nothing.

use std::time::Duration;

use super::Reading;
use super::node::Node;
use super::quantity;
use super::reader::Fields;

const FIELDS: &[&str] = &["folded", "max_bytes", "max_age", "mask"];
const MIB: u64 = 1024 * 1024;
const BYTES: u64 = 256 * MIB;
const BYTES_MIN: u64 = 8 * MIB;
const BYTES_MAX: u64 = 1024 * 1024 * MIB;
const AGE: Duration = Duration::from_secs(48 * 3600);
const AGE_MIN_MS: u64 = 3_600_000;
const AGE_MAX_MS: u64 = 366 * 86_400_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorder {
    /// Whether folded requests are recorded.
    pub folded: bool,
    pub max_bytes: u64,
    pub max_age: Duration,
    /// Attributes whose values are not recorded, beside those that never are.
    pub mask: Vec<String>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { folded: true, max_bytes: BYTES, max_age: AGE, mask: Vec::new() }
    }
}

pub(super) fn read(ctx: &mut Reading<'_>, node: Option<&Node>) -> Recorder {
    let mut recorder = Recorder::default();
    let fields = node.and_then(|node| Fields::new(&mut ctx.report, node, "recorder", FIELDS));
    let Some(fields) = fields else { return recorder };
    recorder.folded = fields.truth(&mut ctx.report, "folded").unwrap_or(true);
    if let Some(text) = fields.text(&mut ctx.report, "max_bytes") {
        match quantity::bytes(text).filter(|bytes| (BYTES_MIN..=BYTES_MAX).contains(bytes)) {
            Some(bytes) => recorder.max_bytes = bytes,
            None => ctx.report.error(
                "E0204",
                fields.place_of("max_bytes"),
                "`max_bytes` is a size from 8MiB to 1TiB, as 256MiB is",
            ),
        }
    }
    if let Some(text) = fields.text(&mut ctx.report, "max_age") {
        match quantity::prometheus_ms(text).filter(|ms| (AGE_MIN_MS..=AGE_MAX_MS).contains(ms)) {
            Some(ms) => recorder.max_age = Duration::from_millis(ms),
            None => ctx.report.error(
                "E0204",
                fields.place_of("max_age"),
                "`max_age` is a duration from 1h to 366d",
            ),
        }
    }
    for (name, node) in fields.texts(&mut ctx.report, "mask") {
        match name.is_empty() {
            true => ctx.report.error("E0204", node.at, "`mask` is a list of names of attributes"),
            false => recorder.mask.push(name.to_owned()),
        }
    }
    recorder
}
