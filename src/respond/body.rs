//! The JSON of the two webhook formats. Pure: a notification in, bytes out.

use serde::Serialize;

use super::labels::{fingerprint, group_key, lasting, without_empty};
use super::words::alert_url;
use crate::engine::{Notification, Subject, Transition};
use crate::model::{Labels, rfc3339};

/// What Alertmanager writes for an end that has not come.
const NO_END: &str = "0001-01-01T00:00:00Z";

#[derive(Serialize)]
struct Evenkeel<'a> {
    version: &'static str,
    dedup_key: &'a str,
    sequence: u32,
    transition: &'static str,
    at: String,
    crossed_at: String,
    alert: EvenkeelAlert<'a>,
    explain: EvenkeelExplain<'a>,
}

#[derive(Serialize)]
struct EvenkeelAlert<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    slo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    service: &'a str,
    category: &'static str,
    priority: &'static str,
    severity: &'static str,
    condition: &'a str,
    labels: &'a Labels,
    annotations: &'a Labels,
}

#[derive(Serialize)]
struct EvenkeelExplain<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    burn_long: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burn_short: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_remaining: Option<&'a str>,
}

/// Evenkeel's own format.
pub(super) fn evenkeel(notification: &Notification) -> Vec<u8> {
    let Notification { alert, explain, .. } = notification;
    let (slo, rule) = match &alert.subject {
        Subject::Slo(name) => (Some(&**name), None),
        Subject::Rule(name) => (None, Some(&**name)),
        Subject::Config(_) | Subject::Runbook(_) => (None, None),
    };
    to_json(&Evenkeel {
        version: "evenkeel/v1",
        dedup_key: &notification.dedup_key,
        sequence: notification.sequence,
        transition: notification.transition.as_str(),
        at: rfc3339(notification.at.0),
        crossed_at: rfc3339(notification.crossed_at.0),
        alert: EvenkeelAlert {
            id: &alert.id,
            slo,
            rule,
            service: &alert.service,
            category: alert.category.as_str(),
            priority: alert.priority.as_str(),
            severity: alert.severity.as_str(),
            condition: &alert.condition,
            labels: &alert.labels,
            annotations: &alert.annotations,
        },
        explain: EvenkeelExplain {
            text: &explain.text,
            burn_long: explain.burns.as_ref().map(|burns| &*burns.long),
            burn_short: explain.burns.as_ref().map(|burns| &*burns.short),
            budget_remaining: explain.burns.as_ref().map(|burns| &*burns.budget_remaining),
        },
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookV4<'a> {
    receiver: &'a str,
    status: &'static str,
    alerts: [WebhookV4Alert<'a>; 1],
    group_labels: &'a Labels,
    common_labels: &'a Labels,
    common_annotations: &'a Labels,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'static str,
    group_key: String,
    truncated_alerts: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookV4Alert<'a> {
    status: &'static str,
    labels: &'a Labels,
    annotations: &'a Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

/// Alertmanager's webhook version 4, with the one alert as its group.
pub(super) fn webhook_v4(notification: &Notification, external_url: &str) -> Vec<u8> {
    let (labels, annotations) = (without_empty(&notification.alert.labels), annotations(notification));
    let group_labels = lasting(&labels);
    let (status, ends_at) = match notification.transition {
        Transition::Resolve => ("resolved", rfc3339(notification.at.max(notification.started_at).0)),
        Transition::Trigger | Transition::Escalate | Transition::Acknowledge => ("firing", NO_END.to_owned()),
    };
    to_json(&WebhookV4 {
        receiver: &notification.receiver,
        status,
        alerts: [WebhookV4Alert {
            status,
            labels: &labels,
            annotations: &annotations,
            starts_at: rfc3339(notification.started_at.0),
            ends_at,
            generator_url: alert_url(notification, external_url).unwrap_or_default(),
            fingerprint: format!("{:016x}", fingerprint(&labels)),
        }],
        group_labels: &group_labels,
        common_labels: &labels,
        common_annotations: &annotations,
        external_url,
        version: "4",
        group_key: group_key(&group_labels),
        truncated_alerts: 0,
    })
}

/// The alert's annotations, and why it fires as `summary` where nobody wrote one.
pub(super) fn annotations(notification: &Notification) -> Labels {
    let mut annotations = notification.alert.annotations.clone();
    annotations.entry("summary".to_owned()).or_insert_with(|| notification.explain.text.clone());
    annotations
}

pub(super) fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("maps of strings to strings always become JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::tests::notification;
    use super::*;

    #[test]
    fn the_evenkeel_format_is_the_contract_to_the_byte() {
        let golden = concat!(
            r#"{"version":"evenkeel/v1","dedup_key":"K1","sequence":1,"transition":"trigger","#,
            r#""at":"2015-05-17T10:05:03.005Z","crossed_at":"2015-05-17T10:05:02Z","#,
            r#""alert":{"id":"alt_1","slo":"checkout-availability","service":"checkout","#,
            r#""category":"exception","priority":"P1","severity":"page","condition":"1h/5m","#,
            r#""labels":{"alertname":"ErrorBudgetBurn","severity":"page","slo":"checkout-availability"},"#,
            r#""annotations":{"runbook_url":"https://runbooks/checkout"}},"#,
            r#""explain":{"text":"5.0 % of checkout requests fail","burn_long":"14.5","burn_short":"50.3","#,
            r#""budget_remaining":"0.61"}}"#,
        );
        let body = evenkeel(&notification("K1", 1, Transition::Trigger));
        assert_eq!(String::from_utf8(body).unwrap(), golden);
    }

    #[test]
    fn the_alertmanager_format_is_version_4_to_the_byte() {
        let golden = concat!(
            r#"{"receiver":"oncall","status":"firing","alerts":[{"status":"firing","#,
            r#""labels":{"alertname":"ErrorBudgetBurn","severity":"page","slo":"checkout-availability"},"#,
            r#""annotations":{"runbook_url":"https://runbooks/checkout","summary":"5.0 % of checkout requests fail"},"#,
            r#""startsAt":"2015-05-17T10:05:03Z","endsAt":"0001-01-01T00:00:00Z","#,
            r#""generatorURL":"http://evenkeel:8080/api/v1/alerts/alt_1","fingerprint":"FINGERPRINT"}],"#,
            r#""groupLabels":{"alertname":"ErrorBudgetBurn","slo":"checkout-availability"},"#,
            r#""commonLabels":{"alertname":"ErrorBudgetBurn","severity":"page","slo":"checkout-availability"},"#,
            r#""commonAnnotations":{"runbook_url":"https://runbooks/checkout","summary":"5.0 % of checkout requests fail"},"#,
            r#""externalURL":"http://evenkeel:8080/","version":"4","#,
            r#""groupKey":"{}:{alertname=\"ErrorBudgetBurn\", slo=\"checkout-availability\"}","truncatedAlerts":0}"#,
        );
        let trigger = notification("K1", 1, Transition::Trigger);
        let text = String::from_utf8(webhook_v4(&trigger, "http://evenkeel:8080/")).unwrap();
        let known = format!("{:016x}", fingerprint(&trigger.alert.labels));
        assert_eq!(text, golden.replace("FINGERPRINT", &known));
    }

    #[test]
    fn a_resolve_of_version_4_ends_at_its_event_time_but_not_before_the_start() {
        let mut resolve = notification("K1", 2, Transition::Resolve);
        let ends_at = |resolve: &Notification| -> Value {
            let body: Value = serde_json::from_slice(&webhook_v4(resolve, "")).unwrap();
            assert_eq!(
                (&body["status"], &body["alerts"][0]["status"]),
                (&"resolved".into(), &"resolved".into())
            );
            body["alerts"][0]["endsAt"].clone()
        };
        assert_eq!(ends_at(&resolve), "2015-05-17T10:05:03.005Z");
        resolve.at.0 = 1;
        assert_eq!(ends_at(&resolve), "2015-05-17T10:05:03Z");
    }

    #[test]
    fn version_4_has_every_member_its_schema_asks_for() {
        let body: Value =
            serde_json::from_slice(&webhook_v4(&notification("K1", 1, Transition::Trigger), "")).unwrap();
        for name in ["groupKey", "status", "receiver", "externalURL"] {
            assert!(body[name].is_string(), "{name}");
        }
        for name in ["groupLabels", "commonLabels", "commonAnnotations"] {
            assert!(body[name].as_object().unwrap().values().all(Value::is_string), "{name}");
        }
        assert_eq!(body["version"], "4");
        for name in ["status", "startsAt", "endsAt", "generatorURL", "fingerprint"] {
            assert!(body["alerts"][0][name].is_string(), "{name}");
        }
        let fingerprint = body["alerts"][0]["fingerprint"].as_str().unwrap();
        assert!(fingerprint.len() == 16 && fingerprint.bytes().all(|b| b"0123456789abcdef".contains(&b)));
    }
}
