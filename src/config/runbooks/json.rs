//! JSON as it is written in YAML: a body whose texts have parameters.

use serde_json::{Map, Number, Value};

use super::super::Reading;
use super::super::node::{self, Node, Scalar};
use super::super::reader;
use super::Around;
use super::texts;

const BYTES_MAX: usize = 65_536;

/// A mapping as a JSON object.
pub(super) fn object(
    ctx: &mut Reading<'_>,
    node: &Node,
    name: &str,
    around: Around<'_>,
) -> Option<Map<String, Value>> {
    let Value::Object(fields) = value(ctx, node, around)? else {
        reader::wrong_type(&mut ctx.report, node, &format!("`{name}` is a mapping"));
        return None;
    };
    Some(fields)
}

/// As it is sent, but for parameters.
pub(super) fn body(ctx: &mut Reading<'_>, node: &Node, value: &Value) -> String {
    let text = value.to_string();
    if text.len() > BYTES_MAX {
        ctx.report.error("E0215", node.at, format!("a body has at most {BYTES_MAX} bytes"));
    }
    text
}

/// `None` where a text of it has a mistake.
pub(super) fn value(ctx: &mut Reading<'_>, node: &Node, around: Around<'_>) -> Option<Value> {
    match &node.value {
        node::Value::Scalar(scalar) => match plain(scalar) {
            Value::String(text) => texts::text(ctx, node, "json", around.scope).map(|_| Value::String(text)),
            other => Some(other),
        },
        node::Value::Sequence(items) => {
            let items: Vec<Option<Value>> = items.iter().map(|item| value(ctx, item, around)).collect();
            items.into_iter().collect::<Option<Vec<Value>>>().map(Value::Array)
        }
        node::Value::Mapping(entries) => {
            let mut fields = Some(Map::new());
            for (key, node) in entries {
                if key.text.contains("{{") {
                    let message = "parameters stand in values, not in names of fields";
                    ctx.report.error("E0704", key.at, message);
                }
                match (value(ctx, node, around), &mut fields) {
                    (Some(value), Some(fields)) => {
                        fields.insert(key.text.clone(), value);
                    }
                    _ => fields = None,
                }
            }
            fields.map(Value::Object)
        }
    }
}

/// What YAML reads as a text stays one, and so does a number that JSON would not write.
fn plain(scalar: &Scalar) -> Value {
    let text = || Value::String(scalar.text.clone());
    if scalar.is_null() {
        return Value::Null;
    }
    if !scalar.is_typed() {
        return text();
    }
    match scalar.truth() {
        Some(truth) => Value::Bool(truth),
        None => serde_json::from_str::<Number>(&scalar.text).map_or_else(|_| text(), Value::Number),
    }
}
