//! The tables that JSON is read by against `proto/`: no field is missing, misnumbered or mistyped.

use std::collections::BTreeMap;

use crate::decode::json::schema::{Kind, LOGS, METRICS, Message, TRACES};

const FILES: [&str; 5] = [
    include_str!("../../../proto/opentelemetry/proto/common/v1/common.proto"),
    include_str!("../../../proto/opentelemetry/proto/resource/v1/resource.proto"),
    include_str!("../../../proto/opentelemetry/proto/trace/v1/trace.proto"),
    include_str!("../../../proto/opentelemetry/proto/logs/v1/logs.proto"),
    include_str!("../../../proto/opentelemetry/proto/metrics/v1/metrics.proto"),
];

/// The messages that are no request of their own in JSON.
const UNUSED: [&str; 3] = ["TracesData", "LogsData", "MetricsData"];

/// `repeated type name = number`, of which the types of other packages have lost the package.
type Fields = Vec<String>;

#[test]
fn the_tables_of_json_are_those_of_the_proto_files() {
    let declared = declared();
    let mut seen = BTreeMap::new();
    for (root, message) in
        [("ResourceSpans", &TRACES), ("ResourceLogs", &LOGS), ("ResourceMetrics", &METRICS)]
    {
        let Kind::Message(block) = message.fields[0].kind else { panic!("a root without blocks") };
        compare(root, block, &declared, &mut seen);
    }
    let all: Vec<_> = declared.keys().filter(|name| !UNUSED.contains(&name.as_str())).collect();
    assert_eq!(seen.keys().collect::<Vec<_>>(), all, "messages in the tables and in the files");
}

fn compare(
    name: &str,
    message: &Message,
    declared: &BTreeMap<String, Fields>,
    seen: &mut BTreeMap<String, ()>,
) {
    if seen.insert(name.to_owned(), ()).is_some() {
        return;
    }
    let mut fields = Fields::new();
    for line in &declared[name] {
        let (head, field_type) = line.split_once(": ").unwrap();
        let field = message.fields.iter().find(|field| format!("{} = {}", field.name, field.number) == head);
        let field = field.unwrap_or_else(|| panic!("{name}: no `{line}`"));
        let repeated = if field.repeated { "repeated " } else { "" };
        let kind = match field.kind {
            Kind::Message(inner) | Kind::Item(inner) => {
                let inner_name = field_type.trim_start_matches("repeated ");
                compare(inner_name, inner, declared, seen);
                inner_name.to_owned()
            }
            Kind::Enum(_) => field_type.to_owned(),
            Kind::Id => "bytes".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        fields.push(format!("{head}: {repeated}{kind}"));
    }
    assert_eq!((&fields, fields.len()), (&declared[name], message.fields.len()), "{name}");
}

/// Messages to `name = number: type`, by reading the files line by line as we wrote them.
fn declared() -> BTreeMap<String, Fields> {
    let mut messages: BTreeMap<String, Fields> = BTreeMap::new();
    for file in FILES {
        let mut open: Vec<Option<String>> = Vec::new();
        for line in file.lines().map(str::trim) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["message", name, "{"] => {
                    open.push(Some(name.to_owned()));
                    messages.insert(name.to_owned(), Fields::new());
                }
                ["oneof", _, "{"] => open.push(open.last().cloned().flatten()),
                ["enum", _, "{"] => open.push(None),
                ["}"] => drop(open.pop()),
                [.., _, _, "=", _] => {
                    if let Some(Some(message)) = open.last() {
                        messages.get_mut(message).unwrap().push(declaration(&words));
                    }
                }
                _ => {}
            }
        }
    }
    messages
}

fn declaration(words: &[&str]) -> String {
    let [before @ .., field_type, name, "=", number] = words else { panic!("{words:?}") };
    let repeated = if before == ["repeated"] { "repeated " } else { "" };
    let field_type = field_type.rsplit('.').next().unwrap_or(field_type);
    format!("{name} = {}: {repeated}{field_type}", number.trim_end_matches(';'))
}
