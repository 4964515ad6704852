//! `fallback` of receivers: who hears of a page that the receiver has not taken. A circle would hear of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Reading;
use super::node::Place;
use super::quantity;
use super::reader::Fields;
use super::suggest;
use crate::respond::{Fallback, Receiver};

const AFTER: Duration = Duration::from_secs(120);
const AFTER_MIN_MS: u64 = 1_000;
const AFTER_MAX_MS: u64 = 86_400_000;

/// The fallback as it is written, and where its name stands.
pub(super) fn read(ctx: &mut Reading<'_>, receiver: Fields<'_>) -> Option<(Fallback, Place)> {
    let node = receiver.get("fallback")?;
    let fields = Fields::new(&mut ctx.report, node, "a fallback", &["receiver", "after"])?;
    let after = after(ctx, fields);
    let name = fields.required_text(&mut ctx.report, "receiver")?;
    let at = fields.get("receiver").map_or(fields.at, |node| node.at);
    Some((Fallback { receiver: name.to_owned(), after }, at))
}

fn after(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Duration {
    let Some(text) = fields.text(&mut ctx.report, "after") else { return AFTER };
    match quantity::prometheus_ms(text) {
        Some(ms) if (AFTER_MIN_MS..=AFTER_MAX_MS).contains(&ms) => Duration::from_millis(ms),
        _ => {
            ctx.report.error("E0204", fields.place_of("after"), "`after` is a duration from 1s to 1d");
            AFTER
        }
    }
}

/// Every name leads to a receiver, and none back to where it came from.
pub(super) fn check(
    ctx: &mut Reading<'_>,
    receivers: &[Receiver],
    places: &BTreeMap<String, Place>,
    names: &[String],
) {
    let next: BTreeMap<&str, &str> =
        receivers.iter().filter_map(|one| Some((&*one.name, &*one.fallback.as_ref()?.receiver))).collect();
    for (name, at) in places {
        let Some(fallback) = next.get(&**name) else { continue };
        if !names.iter().any(|one| one == fallback) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let message = format!("unknown receiver `{fallback}`");
            ctx.report.error_with("E0501", *at, message, suggest::hint(fallback, &names));
            continue;
        }
        let mut way = vec![&**name];
        let mut here = *fallback;
        while !way.contains(&here) {
            way.push(here);
            match next.get(here) {
                Some(further) => here = further,
                None => break,
            }
        }
        if here == name {
            way.push(here);
            let message = format!("this fallback leads back to `{name}`: {}", way.join(" -> "));
            ctx.report.error("E0511", *at, message);
        }
    }
}
