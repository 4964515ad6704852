//! `heartbeat`: who outside waits for signs of life. Sends none.

use std::path::Path;
use std::time::Duration;

use super::Reading;
use super::node::Node;
use super::quantity;
use super::reader::Fields;
use super::secrets;
use crate::respond::Heartbeat;

const EVERY: Duration = Duration::from_secs(60);
const EVERY_MIN_MS: u64 = 5_000;
const EVERY_MAX_MS: u64 = 86_400_000;

pub(super) fn read(ctx: &mut Reading<'_>, node: Option<&Node>, folder: &Path) -> Option<Heartbeat> {
    let fields = Fields::new(&mut ctx.report, node?, "heartbeat", &["url", "url_file", "every"])?;
    let every = every(ctx, fields);
    if fields.get("url").is_none() && fields.get("url_file").is_none() {
        fields.required(&mut ctx.report, "url");
        return None;
    }
    let url = secrets::url(ctx, fields, ["url", "url_file"], folder)?;
    Some(Heartbeat { url, every })
}

fn every(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Duration {
    let Some(text) = fields.text(&mut ctx.report, "every") else { return EVERY };
    match quantity::prometheus_ms(text) {
        Some(ms) if (EVERY_MIN_MS..=EVERY_MAX_MS).contains(&ms) => Duration::from_millis(ms),
        _ => {
            ctx.report.error("E0204", fields.place_of("every"), "`every` is a duration from 5s to 1d");
            EVERY
        }
    }
}
