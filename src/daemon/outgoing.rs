//! Where what leaves goes: notifications to receivers, steps of runbooks to the runner.

use std::sync::Arc;

use anyhow::Context;

use super::commit::Outgoing;
use super::ledger::Ledger;
use crate::engine::{APPROVE, Notification};
use crate::respond::{self, Receiver, Responder};
use crate::runbook::{End, Outcome};
use crate::runner::{Link, Runner, Settings};

pub(super) struct Out {
    pub(super) responder: Arc<Responder>,
    pub(super) runner: Arc<Runner>,
    ledger: Ledger,
}

impl Out {
    /// Starts both; needs a tokio runtime.
    pub(super) fn start(
        receivers: Vec<Receiver>,
        settings: Settings,
        ledger: &Ledger,
        external_url: String,
    ) -> anyhow::Result<Self> {
        let (settling, steps) = (ledger.clone(), ledger.clone());
        let responder = Responder::start(
            receivers,
            respond::client().context("set up the client for notifications")?,
            external_url,
            move |id, outcome| settling.settle(id, outcome),
        );
        let client = respond::client().context("set up the client for steps of runbooks")?;
        let runner = Runner::start(settings, client, responder.untried(), move |key, outcome| {
            steps.settle_step(key, outcome);
        });
        let (responder, runner) = (Arc::new(responder), Arc::new(runner));
        Ok(Self { responder, runner, ledger: ledger.clone() })
    }

    /// With links, where there is a key to sign them.
    fn with_links(&self, mut notification: Notification) -> Notification {
        let asked = notification.alert.annotations.get(APPROVE).cloned().unwrap_or_default();
        let asked = asked.split(' ').filter_map(|one| one.split_once(':'));
        let Some((key, base)) = self.runner.links() else { return notification };
        let base = base.unwrap_or_else(|| self.responder.external_url());
        let mut number = 0;
        for (run, until) in asked {
            let Ok(until_s) = until.parse() else { continue };
            let url = format!("{base}{}", Link::new(&key, run, until_s).path());
            notification.explain.text.push_str(&format!(" Approve {run}: {url}"));
            number += 1;
            let name = if number == 1 { "approve_url".to_owned() } else { format!("approve_url_{number}") };
            notification.alert.annotations.insert(name, url);
        }
        notification
    }

    pub(super) fn send(&self, one: Outgoing) {
        match one {
            Outgoing::Notification(notification) => self.responder.notify(self.with_links(notification)),
            Outgoing::Step(step) => self.runner.run(step),
            Outgoing::NotBegun(key) => {
                let why = "the state could not be kept, so it was not begun";
                self.ledger.settle_step(key, Outcome::new(End::NotBegun, why));
            }
        }
    }
}
