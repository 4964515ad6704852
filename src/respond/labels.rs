//! Identity of a label set, as Alertmanager's receivers know it. Names and values only, no meaning.

use serde_json::Value;

use crate::model::Labels;

/// What changes within an episode, and so cannot be part of what groups its messages.
const CHANGING: [&str; 4] = ["category", "condition", "priority", "severity"];

/// An empty value is no label.
pub(super) fn without_empty(labels: &Labels) -> Labels {
    labels.iter().filter(|(_, value)| !value.is_empty()).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The labels that stay the same from the first message of an episode to the last.
pub(super) fn lasting(labels: &Labels) -> Labels {
    let mut lasting = without_empty(labels);
    lasting.retain(|name, _| !CHANGING.contains(&name.as_str()));
    lasting
}

/// `{}:{alertname="…", slo="…"}`: the root route, and the labels that group.
pub(super) fn group_key(lasting: &Labels) -> String {
    let pairs: Vec<String> =
        lasting.iter().map(|(name, value)| format!("{name}={}", Value::from(value.as_str()))).collect();
    format!("{{}}:{{{}}}", pairs.join(", "))
}

/// The 64-bit fingerprint of Prometheus: FNV-1a over sorted names and values, each followed by 0xff.
pub(super) fn fingerprint(labels: &Labels) -> u64 {
    fnv1a(labels.iter().flat_map(|(name, value)| [name, value]).flat_map(|text| text.bytes().chain([0xff])))
}

pub(super) fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fnv_1a_agrees_with_its_published_test_values() {
        for (text, hash) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(fnv1a(text.bytes()), hash, "{text}");
        }
    }

    #[test]
    fn a_fingerprint_separates_names_from_values() {
        assert_eq!(fingerprint(&Labels::new()), 0xcbf2_9ce4_8422_2325);
        assert_ne!(fingerprint(&labels(&[("ab", "c")])), fingerprint(&labels(&[("a", "bc")])));
    }

    #[test]
    fn a_group_key_survives_an_escalation_and_quotes_its_values() {
        let ticket = labels(&[("slo", "a\"b"), ("severity", "ticket"), ("alertname", "Burn"), ("empty", "")]);
        let page =
            labels(&[("slo", "a\"b"), ("severity", "page"), ("priority", "P1"), ("alertname", "Burn")]);
        assert_eq!(group_key(&lasting(&ticket)), r#"{}:{alertname="Burn", slo="a\"b"}"#);
        assert_eq!(group_key(&lasting(&ticket)), group_key(&lasting(&page)));
    }
}
