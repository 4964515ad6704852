//! `mapping` of a topic in `json`: which field of a record means what. Reads no record.

use super::Reading;
use super::node::{Node, Place};
use super::reader::{self, Fields, sound};
use crate::decode::events::{Attributes, FieldOrConstant, FieldPath, Mapping, TimeField, TimeUnit};

const FIELDS: &[&str] = &["time", "service", "severity", "name", "body", "attributes"];
const ATTRIBUTES_MAX: usize = 256;
const VALUE_BYTES_MAX: usize = 256;

pub(super) fn read(ctx: &mut Reading<'_>, node: &Node) -> Option<Mapping> {
    let fields = Fields::new(&mut ctx.report, node, "a mapping", FIELDS)?;
    let time = fields.get("time").map(|node| time(ctx, node));
    let service = fields.required(&mut ctx.report, "service").and_then(|node| source(ctx, node, "service"));
    let [severity, name] = ["severity", "name"].map(|key| fields.get(key).map(|node| source(ctx, node, key)));
    let body = fields.get("body").map(|node| body(ctx, node));
    let attributes = fields.get("attributes").map(|node| attributes(ctx, node));
    Some(Mapping {
        time: sound(time)?,
        service: service?,
        severity: sound(severity)?,
        name: sound(name)?,
        body: sound(body)?,
        attributes: sound(attributes)?.unwrap_or_default(),
    })
}

fn time(ctx: &mut Reading<'_>, node: &Node) -> Option<TimeField> {
    let fields = Fields::new(&mut ctx.report, node, "a mapped time", &["field", "unit"])?;
    let words = [
        ("rfc3339", TimeUnit::Rfc3339),
        ("s", TimeUnit::Seconds),
        ("ms", TimeUnit::Millis),
        ("us", TimeUnit::Micros),
        ("ns", TimeUnit::Nanos),
    ];
    let unit = fields.get("unit").map(|node| reader::word(&mut ctx.report, node, "unit", &words));
    let field = fields.required(&mut ctx.report, "field").and_then(|node| path(ctx, node, "field"));
    Some(TimeField { field: field?, unit: sound(unit)?.unwrap_or_default() })
}

fn body(ctx: &mut Reading<'_>, node: &Node) -> Option<FieldPath> {
    let fields = Fields::new(&mut ctx.report, node, "a mapped body", &["field"])?;
    fields.required(&mut ctx.report, "field").and_then(|node| path(ctx, node, "field"))
}

fn source(ctx: &mut Reading<'_>, node: &Node, key: &str) -> Option<FieldOrConstant> {
    let fields = Fields::new(&mut ctx.report, node, "a mapped value", &["field", "value"])?;
    if fields.get("field").is_none() && fields.get("value").is_none() {
        fields.required(&mut ctx.report, "field");
        return None;
    }
    let field = fields.get("field").map(|node| path(ctx, node, "field"));
    let value = fields.text(&mut ctx.report, "value");
    if let Some(text) = value.filter(|text| text.is_empty() || text.len() > VALUE_BYTES_MAX) {
        let why = if text.is_empty() { "is empty" } else { "has more than 256 bytes" };
        ctx.report.error("E0214", fields.place_of("value"), format!("`value` of `{key}` {why}"));
    }
    Some(FieldOrConstant { field: sound(field)?, value: value.map(str::to_owned) })
}

fn attributes(ctx: &mut Reading<'_>, node: &Node) -> Option<Attributes> {
    let Some(entries) = node.entries() else {
        reader::wrong_type(&mut ctx.report, node, "`attributes` names an attribute and its field each");
        return None;
    };
    if let Some((key, _)) = entries.get(ATTRIBUTES_MAX) {
        ctx.report.error("E0215", key.at, format!("a mapping has at most {ATTRIBUTES_MAX} attributes"));
    }
    let mut named = Vec::new();
    for (key, node) in entries.iter().take(ATTRIBUTES_MAX) {
        if key.text.is_empty() {
            ctx.report.error("E0214", key.at, "an attribute's name is empty");
        }
        if let Some(path) = path(ctx, node, &key.text) {
            named.push((key.text.clone(), path));
        }
    }
    Some(Attributes::Named(named))
}

fn path(ctx: &mut Reading<'_>, node: &Node, name: &str) -> Option<FieldPath> {
    let text = reader::text(&mut ctx.report, node, name)?;
    FieldPath::new(text).map_err(|why| no_path(ctx, node.at, text, why)).ok()
}

fn no_path(ctx: &mut Reading<'_>, at: Place, text: &str, why: &str) {
    let hint = "write the names of fields from the outside in, with dots between them: app.name";
    ctx.report.error_with("E0222", at, format!("`{text}` {why}"), hint);
}
