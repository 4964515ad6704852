//! CloudEvents 1.0 over HTTP, structured and binary. Pure: a notification in, attributes and bytes out.

use serde_json::{Map, Value, json};

use super::body;
use super::words::Words;
use crate::model::rfc3339;

pub(super) const STRUCTURED: &str = "application/cloudevents+json";

/// Context attributes in order. `source` and `id` together are the event's identity: the same in each retry.
fn attributes(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let notification = words.notification;
    let source = match words.external_url.trim_end_matches('/') {
        "" => "/evenkeel",
        url => url,
    };
    vec![
        ("specversion", "1.0".to_owned()),
        ("id", format!("{}:{}", notification.dedup_key, notification.sequence)),
        ("source", source.to_owned()),
        ("type", format!("dev.evenkeel.alert.{}.v1", notification.transition.as_str())),
        ("subject", notification.alert.id.clone()),
        ("time", rfc3339(notification.at.0)),
        ("partitionkey", notification.dedup_key.clone()),
    ]
}

/// One document of the type [`STRUCTURED`].
pub(super) fn structured(words: &Words<'_>) -> Vec<u8> {
    let attributes = attributes(words).into_iter().filter(|(_, value)| !value.is_empty());
    let mut event: Map<String, Value> =
        attributes.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let data: Value =
        serde_json::from_slice(&body::evenkeel(words.notification)).expect("our own JSON is read back");
    event.insert("datacontenttype".to_owned(), json!("application/json"));
    event.insert("data".to_owned(), data);
    Value::Object(event).to_string().into_bytes()
}

/// Headers of the binary mode; the body is Evenkeel's own.
pub(super) fn headers(words: &Words<'_>) -> Vec<(String, String)> {
    let attributes = attributes(words).into_iter().filter(|(_, value)| !value.is_empty());
    attributes.map(|(name, value)| (format!("ce-{name}"), encoded(&value))).collect()
}

/// What the HTTP binding has percent-encoded: all but printable ASCII, and `"` and `%` of that.
fn encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'"' | b'%') => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::notification;
    use super::*;
    use crate::engine::Transition;

    #[test]
    fn an_event_has_the_attributes_of_1_0_and_our_own_body_as_its_data() {
        let notification = notification("K1", 3, Transition::Resolve);
        let words = Words { notification: &notification, external_url: "http://evenkeel:8080/" };
        let event: Value = serde_json::from_slice(&structured(&words)).unwrap();
        let data: Value = serde_json::from_slice(&body::evenkeel(&notification)).unwrap();
        assert_eq!(
            event,
            json!({
                "specversion": "1.0", "id": "K1:3", "source": "http://evenkeel:8080",
                "type": "dev.evenkeel.alert.resolve.v1", "subject": "alt_1",
                "time": "2015-05-17T10:05:03.005Z", "partitionkey": "K1",
                "datacontenttype": "application/json", "data": data,
            })
        );
        let headers = headers(&words);
        assert_eq!(headers[1], ("ce-id".to_owned(), "K1:3".to_owned()));
        assert_eq!(headers.len(), 7, "{headers:?}");
    }

    #[test]
    fn header_values_are_printable_ascii_whatever_the_key_holds() {
        assert_eq!(encoded("a \"b\" 100% ä€\r\n~"), "a%20%22b%22%20100%25%20%C3%A4%E2%82%AC%0D%0A~");
    }
}
