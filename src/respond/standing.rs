//! What an Alertmanager has been told and must go on hearing: firing alerts, so that those of a lost
//! daemon end by themselves, and ended ones for a while, so that no end is missed.
//!
//! To Alertmanager an alert is its label set. An escalation that changes labels therefore ends the
//! old set and begins the new one in the same message. Both clocks are arguments.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::body::{annotations, to_json};
use super::labels::without_empty;
use super::words::alert_url;
use crate::engine::{Notification, Transition};
use crate::model::{Labels, rfc3339};

/// Episodes that are kept going; those beyond end by themselves at Alertmanager until they change.
const EPISODES_MAX: usize = 50_000;

/// A firing alert ends after this many missed messages.
const RESENDS_TO_LIVE: u32 = 4;

pub(super) struct Standing {
    resend: Duration,
    resend_resolved: Duration,
    external_url: String,
    episodes: BTreeMap<String, Vec<Alert>>,
    next: Option<Instant>,
}

struct Alert {
    labels: Labels,
    annotations: Labels,
    generator_url: String,
    starts_ns: u64,
    end: Option<End>,
}

#[derive(Clone, Copy)]
struct End {
    at_ns: u64,
    forget: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostableAlert<'a> {
    labels: &'a Labels,
    annotations: &'a Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
}

impl Standing {
    pub fn new(resend: Duration, resend_resolved: Duration, external_url: String) -> Self {
        Self { resend, resend_resolved, external_url, episodes: BTreeMap::new(), next: None }
    }

    /// What links begin with from now on, those of what stands too.
    pub fn lead_to(&mut self, external_url: &str) {
        let before = std::mem::replace(&mut self.external_url, external_url.to_owned());
        for alert in self.episodes.values_mut().flatten() {
            if let Some(path) = alert.generator_url.strip_prefix(before.trim_end_matches('/')) {
                alert.generator_url = format!("{}{path}", external_url.trim_end_matches('/'));
            }
        }
    }

    /// Takes over one transition. Times ahead of our wall clock are cut to it: Alertmanager would take an
    /// end in the future for an alert that still fires.
    pub fn apply(&mut self, notification: &Notification, now: Instant, wall_ns: u64) {
        let mut alerts = self.episodes.remove(&notification.dedup_key).unwrap_or_default();
        let labels = without_empty(&notification.alert.labels);
        let starts_ns = notification.started_at.0.min(wall_ns);
        let end = |at_ns: u64, starts_ns: u64| End {
            at_ns: at_ns.min(wall_ns).max(starts_ns),
            forget: now + self.resend_resolved,
        };
        let resolved = notification.transition == Transition::Resolve;
        let ends_ns = if resolved { notification.at.0 } else { wall_ns };
        if !resolved {
            alerts.retain(|alert| alert.labels != labels);
        }
        for alert in &mut alerts {
            alert.end.get_or_insert(end(ends_ns, alert.starts_ns));
        }
        if !resolved || alerts.is_empty() {
            alerts.push(Alert {
                labels,
                annotations: annotations(notification),
                generator_url: alert_url(notification, &self.external_url).unwrap_or_default(),
                starts_ns,
                end: resolved.then(|| end(ends_ns, starts_ns)),
            });
        }
        self.episodes.insert(notification.dedup_key.clone(), alerts);
        self.next.get_or_insert(now + self.resend);
    }

    /// The message about one episode, as of now.
    pub fn message(&self, key: &str, wall_ns: u64) -> Option<Vec<u8>> {
        let time_to_live = self.resend.saturating_mul(RESENDS_TO_LIVE);
        let alive_until_ns =
            wall_ns.saturating_add(u64::try_from(time_to_live.as_nanos()).unwrap_or(u64::MAX));
        let alerts = self.episodes.get(key)?.iter().map(|alert| alert.postable(alive_until_ns));
        let alerts: Vec<PostableAlert> = alerts.collect();
        Some(to_json(&alerts))
    }

    pub fn holds(&self, key: &str) -> bool {
        self.episodes.contains_key(key)
    }

    pub fn forget(&mut self, key: &str) {
        self.episodes.remove(key);
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// The keys to be sent again if it is time for that, without what is over for good.
    pub fn due(&mut self, now: Instant) -> Vec<String> {
        if self.next.is_none_or(|next| now < next) {
            return Vec::new();
        }
        self.episodes.retain(|_, alerts| {
            alerts.retain(|alert| alert.end.is_none_or(|end| now <= end.forget));
            !alerts.is_empty()
        });
        while self.episodes.len() > EPISODES_MAX {
            self.episodes.pop_last();
        }
        self.next = (!self.episodes.is_empty()).then(|| now + self.resend);
        self.episodes.keys().cloned().collect()
    }
}

impl Alert {
    fn postable(&self, alive_until_ns: u64) -> PostableAlert<'_> {
        PostableAlert {
            labels: &self.labels,
            annotations: &self.annotations,
            starts_at: rfc3339(self.starts_ns),
            ends_at: rfc3339(self.end.map_or(alive_until_ns, |end| end.at_ns)),
            generator_url: &self.generator_url,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::tests::notification;
    use super::*;
    use crate::model::SECOND_NS;

    const WALL_NS: u64 = 1_431_857_400 * SECOND_NS; // 2015-05-17 10:10:00 UTC
    const MINUTE: Duration = Duration::from_secs(60);

    fn standing() -> Standing {
        Standing::new(MINUTE, 5 * MINUTE, "http://evenkeel:8080".to_owned())
    }

    fn message(standing: &Standing, wall_ns: u64) -> Value {
        serde_json::from_slice(&standing.message("K1", wall_ns).unwrap()).unwrap()
    }

    #[test]
    fn a_firing_alert_is_posted_with_an_end_four_minutes_ahead() {
        let mut standing = standing();
        standing.apply(&notification("K1", 1, Transition::Trigger), Instant::now(), WALL_NS);
        let golden = concat!(
            r#"[{"labels":{"alertname":"ErrorBudgetBurn","severity":"page","slo":"checkout-availability"},"#,
            r#""annotations":{"runbook_url":"https://runbooks/checkout","summary":"5.0 % of checkout requests fail"},"#,
            r#""startsAt":"2015-05-17T10:05:03Z","endsAt":"2015-05-17T10:14:00Z","#,
            r#""generatorURL":"http://evenkeel:8080/api/v1/alerts/alt_1"}]"#,
        );
        assert_eq!(standing.message("K1", WALL_NS).unwrap(), golden.as_bytes());
        let later = message(&standing, WALL_NS + 60 * SECOND_NS);
        assert_eq!(later[0]["endsAt"], "2015-05-17T10:15:00Z");
    }

    #[test]
    fn a_resolve_ends_at_its_event_time_never_before_the_start_and_never_ahead_of_our_clock() {
        for (at_ns, ends_at) in [
            (1_431_857_200 * SECOND_NS, "2015-05-17T10:06:40Z"),
            (0, "2015-05-17T10:05:03Z"),
            (u64::MAX, "2015-05-17T10:10:00Z"),
        ] {
            let mut standing = standing();
            standing.apply(&notification("K1", 1, Transition::Trigger), Instant::now(), WALL_NS);
            let mut resolve = notification("K1", 2, Transition::Resolve);
            resolve.at.0 = at_ns;
            standing.apply(&resolve, Instant::now(), WALL_NS);
            let alerts = message(&standing, WALL_NS);
            assert_eq!((alerts.as_array().unwrap().len(), &alerts[0]["endsAt"]), (1, &ends_at.into()));
        }
    }

    #[test]
    fn an_escalation_ends_the_old_label_set_and_begins_the_new_one_in_one_message() {
        let mut standing = standing();
        let mut ticket = notification("K1", 1, Transition::Trigger);
        ticket.alert.labels.insert("severity".to_owned(), "ticket".to_owned());
        standing.apply(&ticket, Instant::now(), WALL_NS);
        standing.apply(&notification("K1", 2, Transition::Escalate), Instant::now(), WALL_NS);
        let alerts = message(&standing, WALL_NS);
        assert_eq!(alerts[0]["labels"]["severity"], "ticket");
        assert_eq!(alerts[0]["endsAt"], "2015-05-17T10:10:00Z");
        assert_eq!(alerts[1]["labels"]["severity"], "page");
        assert_eq!(alerts[1]["endsAt"], "2015-05-17T10:14:00Z");
        assert_eq!(alerts.as_array().unwrap().len(), 2);
    }

    #[test]
    fn firing_alerts_are_due_each_minute_and_ended_ones_for_five() {
        let (mut standing, start) = (standing(), Instant::now());
        standing.apply(&notification("K1", 1, Transition::Trigger), start, WALL_NS);
        for minute in 1..60 {
            assert_eq!(standing.deadline(), Some(start + MINUTE * minute));
            assert!(standing.due(start + MINUTE * minute - Duration::from_nanos(1)).is_empty());
            assert_eq!(standing.due(start + MINUTE * minute), ["K1"]);
        }
        let resolved = start + MINUTE * 59;
        standing.apply(&notification("K1", 2, Transition::Resolve), resolved, WALL_NS);
        let heard = (1..20).filter(|minute| !standing.due(resolved + MINUTE * *minute).is_empty()).count();
        assert_eq!((heard, standing.deadline()), (5, None));
    }

    #[test]
    fn an_episode_that_opens_again_fires_again_under_the_same_labels() {
        let mut standing = standing();
        for (sequence, transition) in
            [(1, Transition::Trigger), (2, Transition::Resolve), (3, Transition::Trigger)]
        {
            standing.apply(&notification("K1", sequence, transition), Instant::now(), WALL_NS);
        }
        let alerts = message(&standing, WALL_NS);
        assert_eq!(
            (alerts.as_array().unwrap().len(), &alerts[0]["endsAt"]),
            (1, &"2015-05-17T10:14:00Z".into())
        );
    }

    #[test]
    fn a_resolve_after_a_restart_still_ends_its_own_labels() {
        let mut standing = standing();
        standing.apply(&notification("K1", 2, Transition::Resolve), Instant::now(), WALL_NS);
        assert_eq!(message(&standing, WALL_NS)[0]["endsAt"], "2015-05-17T10:05:03.005Z");
    }
}
