//! Our view of a request against the generated types walked naively, for any request in any field order.

mod json;
mod malformed;
mod quick;
mod random;
mod shared;
mod signal;
mod table;
mod twin;

use super::otlp::common::v1::{AnyValue, KeyValue, any_value};
use super::{Decoded, Encoding, Limits, Malformed, decode};
use crate::model::{Origin, Signal, Wanted};

/// Names that `random` and the tests use, under each origin, so that leaks between levels show.
const NAMES: [&str; 4] = ["service.name", "http.route", "a", "b"];
const ORIGINS: [Origin; 3] = [Origin::Nearest, Origin::Item, Origin::Resource];

fn wanted() -> Wanted {
    let mut wanted = Wanted::default();
    for name in NAMES {
        for origin in ORIGINS {
            wanted.slot(origin, name);
        }
    }
    wanted
}

/// The items of a request, each as its debug text.
fn items(signal: Signal, encoding: Encoding, body: &[u8]) -> Result<(Vec<String>, Decoded), Malformed> {
    let mut items = Vec::new();
    let mut each = |item: &crate::model::Item<'_>| items.push(format!("{item:?}"));
    let decoded = decode(signal, encoding, body, &wanted(), Limits::DEFAULT, &mut each)?;
    Ok((items, decoded))
}

/// The text of the error that a request must give.
fn refusal(encoding: Encoding, body: &[u8]) -> String {
    match items(Signal::Traces, encoding, body) {
        Err(Malformed::Undecodable(why)) => why,
        other => panic!("not undecodable: {other:?}"),
    }
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.to_owned()))
}
