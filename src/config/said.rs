//! What the `Config` document says, setting by setting: for telling what another one changes. Holds no secret.

use super::node::{Node, Value};
use super::set::{self, Kind, Set};

/// Texts longer than this are not shown.
const SHOWN_MAX: usize = 64;
/// Told by their documents, or by what a start alone can change.
const TOLD_ELSEWHERE: &[&str] =
    &["include", "listen", "auth", "data_dir", "ack", "telemetry", "recorder", "kafka"];
/// Their values hold keys and addresses that are secret.
const NEVER_SHOWN: &[&str] = &["alerting"];

/// One setting by its key, such as `tenant` or `runbooks.approval_url`.
#[derive(Clone, Debug)]
pub struct Setting {
    key: String,
    identity: u64,
    /// As it is written, where that is short and no secret.
    shown: Option<String>,
}

/// In the order of the keys.
pub(super) fn read(set: &Set) -> Vec<Setting> {
    let mut settings = Vec::new();
    for document in set.of(Kind::Config) {
        let entries = document.node.get("spec").and_then(Node::entries).unwrap_or_default();
        for (key, node) in entries.iter().filter(|(key, _)| !TOLD_ELSEWHERE.contains(&&*key.text)) {
            add(&mut settings, &key.text, node);
        }
    }
    for document in set.of(Kind::Alertmanager) {
        add(&mut settings, "alerting", &document.node);
    }
    settings.sort_by(|a, b| a.key.cmp(&b.key));
    settings
}

fn add(settings: &mut Vec<Setting>, key: &str, node: &Node) {
    if let Some(entries) = node.entries() {
        let inner = entries.iter().filter(|(_, node)| !node.is_null());
        settings.extend(inner.map(|(name, node)| setting(format!("{key}.{}", name.text), node)));
    } else if !node.is_null() {
        settings.push(setting(key.to_owned(), node));
    }
}

fn setting(key: String, node: &Node) -> Setting {
    let is_secret = NEVER_SHOWN.iter().any(|one| key.split('.').next() == Some(one));
    let shown = shown(node).filter(|text| !is_secret && text.len() <= SHOWN_MAX);
    Setting { key, identity: set::identity([Some(node)]), shown }
}

fn shown(node: &Node) -> Option<String> {
    match &node.value {
        // An address with a user in it has a password, too.
        Value::Scalar(scalar) => Some(scalar.shown().to_owned()).filter(|text| !text.contains('@')),
        Value::Sequence(items) => {
            let items: Option<Vec<&str>> =
                items.iter().map(|item| item.scalar().map(|one| one.shown())).collect();
            items.map(|items| format!("[{}]", items.join(", ")))
        }
        Value::Mapping(_) => None,
    }
}

/// `tenant: default -> acme` for each setting that differs.
pub fn differences(old: &[Setting], new: &[Setting]) -> Vec<(String, String)> {
    let find = |all: &[Setting], key: &str| all.iter().find(|one| one.key == key).cloned();
    let mut keys: Vec<&str> = old.iter().chain(new).map(|one| &*one.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let line = |key: &str| {
        let (before, after) = (find(old, key), find(new, key));
        let identity = |one: &Option<Setting>| one.as_ref().map(|one| one.identity);
        if identity(&before) == identity(&after) {
            return None;
        }
        let word = |one: &Option<Setting>| match one {
            None => Some("not set".to_owned()),
            Some(one) => one.shown.clone(),
        };
        let text = match (word(&before), word(&after)) {
            (Some(before), Some(after)) if before != after => format!("{key}: {before} -> {after}"),
            _ if before.is_none() => format!("{key}: added"),
            _ if after.is_none() => format!("{key}: removed"),
            _ => format!("{key}: changed"),
        };
        Some((key.to_owned(), text))
    };
    keys.into_iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    fn lines(old: &str, new: &str) -> Vec<String> {
        differences(&said(old), &said(new)).into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn what_differs_is_told_by_its_key_and_what_is_short_by_its_value() {
        let old = "  tenant: a\n  dedup: requests\n  explain: {attributes: [http.route]}\n";
        let new = "  dedup: off\n  explain: {attributes: [http.route, region]}\n  runbooks: {approval_url: 'http://h'}\n";
        assert_eq!(
            lines(old, new),
            [
                "dedup: requests -> off",
                "explain.attributes: [http.route] -> [http.route, region]",
                "runbooks.approval_url: not set -> http://h",
                "tenant: a -> not set",
            ]
        );
        assert_eq!(
            lines(old, "  dedup: requests\n  explain: {attributes: ['http.route']}\n  tenant: a\n"),
            [""; 0]
        );
    }

    #[test]
    fn no_secret_is_told() {
        let old = "  alerting: {heartbeat: {url: 'http://h/secret'}}\n  tenant: ${file:secret}\n";
        let new = "  alerting: {heartbeat: {url: 'http://h/other'}}\n  tenant: ${file:other}\n";
        assert_eq!(
            lines(old, new),
            ["alerting.heartbeat: changed", "tenant: ${file:secret} -> ${file:other}"]
        );
    }
}
