//! `telemetry`: where our own metrics and traces go.

use std::path::Path;
use std::time::Duration;

use super::node::Node;
use super::reader::Fields;
use super::{Export, Reading, address, quantity};
use crate::door::token_in;

const INTERVAL: Duration = Duration::from_secs(15);
const INTERVAL_MIN_MS: u64 = 1_000;
const INTERVAL_MAX_MS: u64 = 3_600_000;

pub(super) fn read(ctx: &mut Reading<'_>, node: Option<&Node>, folder: &Path) -> Option<Export> {
    let fields = Fields::new(&mut ctx.report, node?, "telemetry", &["otlp"])?;
    let known = ["endpoint", "interval", "token_file"];
    let otlp = fields.required(&mut ctx.report, "otlp")?;
    let fields = Fields::new(&mut ctx.report, otlp, "otlp", &known)?;
    let interval = interval(ctx, fields);
    let token = token(ctx, fields, folder);
    let endpoint = fields.required_text(&mut ctx.report, "endpoint")?;
    let at = fields.get("endpoint")?.at;
    if let Err(why) = address::check_url(endpoint) {
        let hint = "such as http://collector:4318: OTLP over HTTP, without the path of a signal";
        ctx.report.error_with("E0505", at, format!("`{endpoint}` {why}"), hint);
        return None;
    }
    Some(Export { endpoint: endpoint.to_owned(), interval, token })
}

fn interval(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Duration {
    let Some(text) = fields.text(&mut ctx.report, "interval") else { return INTERVAL };
    match quantity::prometheus_ms(text) {
        Some(ms) if (INTERVAL_MIN_MS..=INTERVAL_MAX_MS).contains(&ms) => Duration::from_millis(ms),
        _ => {
            ctx.report.error("E0204", fields.place_of("interval"), "`interval` is a duration from 1s to 1h");
            INTERVAL
        }
    }
}

fn token(ctx: &mut Reading<'_>, fields: Fields<'_>, folder: &Path) -> Option<String> {
    let path = fields.text(&mut ctx.report, "token_file")?;
    let at = fields.place_of("token_file");
    match ctx.world.read(&folder.join(path)) {
        Err(reason) => ctx.report.error("E0411", at, format!("{path} can not be read: {reason}")),
        Ok(text) => match token_in(&text) {
            Ok(token) => return Some(token.to_owned()),
            Err(why) => ctx.report.error("E0218", at, format!("{path} {why}")),
        },
    }
    None
}
