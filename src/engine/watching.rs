//! From what a rule's alert decided to facts and notifications.

use super::alerts::About;
use super::burning::plain_labels;
use super::effect::Explain;
use super::fact::{Fact, Subject, What};
use super::watch::{Watch, WatchHit};
use super::watches::{Change, Changed};
use super::{Effects, Engine};
use crate::alert::Episode;
use crate::model::{Labels, Severity};

impl Engine {
    pub(super) fn watch(&mut self, hits: &[WatchHit], effects: &mut Effects) {
        let plan = std::sync::Arc::clone(&self.plan);
        for hit in hits {
            let index = usize::from(hit.watch);
            let changed = self.watches.observe(&plan.watches[index], hit, self.now);
            self.tell_watch(Some(index), &plan.watches[index], changed, effects);
        }
    }

    pub(super) fn watch_silence(&mut self, effects: &mut Effects) {
        let plan = std::sync::Arc::clone(&self.plan);
        for (index, watch) in plan.watches.iter().enumerate() {
            for changed in self.watches.follow(index, watch, self.now, self.blind_until) {
                self.tell_watch(Some(index), watch, changed, effects);
            }
        }
    }

    /// `index`: the watch's place, if it has one.
    pub(super) fn tell_watch(
        &mut self,
        index: Option<usize>,
        watch: &Watch,
        changed: Changed,
        effects: &mut Effects,
    ) {
        let Changed { at, key, service, changes } = changed;
        let subject = Subject::Rule(watch.name.clone());
        let names = watch.key.iter().map(|part| part.name.clone());
        let group: Labels = names.zip(key).filter(|(_, value)| !value.is_empty()).collect();
        for change in changes {
            let whats = match change {
                Change::FlappingStarted { changes } => vec![What::FlappingStarted { changes }],
                Change::FlappingEnded => vec![What::FlappingEnded],
                Change::Step { step, text } => {
                    let labels = labels(&self.plan.tenant, watch, &service, &group, step.episode());
                    let about = About {
                        subject: &subject,
                        group: &group,
                        service: &service,
                        labels,
                        targets: &[],
                        tells_resolve: true,
                        starts_runs: index.is_some(),
                    };
                    let explain = Explain { text: words(watch, &group, &text), burns: None };
                    self.alerts.tell((&self.plan, self.now), about, step, explain)
                }
            };
            for what in whats {
                if let What::EpisodeOpened(change) = &what
                    && change.episode.severity == Severity::Page
                    && !change.receivers.is_empty()
                    && let Some(index) = index
                {
                    self.watches.page(index);
                }
                let fact = Fact { at, subject: subject.clone(), group: group.clone(), what };
                self.alerts.apply(self.now, &fact, &mut effects.requests);
                effects.facts.push(fact);
            }
        }
    }
}

/// `disk-full (host.name=a): 3 events within 5m, …`
fn words(watch: &Watch, group: &Labels, text: &str) -> String {
    let parts: Vec<String> = group.iter().map(|(name, value)| format!("{name}={value}")).collect();
    match parts.is_empty() {
        true => format!("{}: {text}", watch.name),
        false => format!("{} ({}): {text}", watch.name, parts.join(", ")),
    }
}

/// The parts of the key are labels too, with `_` for what Prometheus allows in no label's name.
fn labels(tenant: &str, watch: &Watch, service: &str, group: &Labels, episode: &Episode) -> Labels {
    let mut labels = plain_labels(group);
    let own = [
        ("alertname", watch.name.as_str()),
        ("rule", &watch.name),
        ("service", service),
        ("category", episode.category.as_str()),
        ("severity", episode.severity.as_str()),
        ("priority", episode.priority.as_str()),
        ("condition", &episode.condition),
        ("tenant", tenant),
    ];
    labels.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    labels
}
