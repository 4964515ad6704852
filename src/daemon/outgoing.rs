//! Where what leaves goes: notifications to receivers, steps of runbooks to the runner.

use std::sync::Arc;

use anyhow::Context;

use super::commit::Outgoing;
use super::ledger::Ledger;
use crate::engine::{APPROVE_RUN, APPROVE_UNTIL, Notification};
use crate::respond::{self, Receiver, Responder};
use crate::runbook::{End, Outcome};
use crate::runner::{Link, Runner, Settings};

pub(super) struct Out {
    pub(super) responder: Arc<Responder>,
    pub(super) runner: Arc<Runner>,
    ledger: Ledger,
    external_url: String,
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
            external_url.clone(),
            move |id, outcome| settling.settle(id, outcome),
        );
        let client = respond::client().context("set up the client for steps of runbooks")?;
        let runner = Runner::start(settings, client, move |key, outcome| steps.settle_step(key, outcome));
        let (responder, runner) = (Arc::new(responder), Arc::new(runner));
        Ok(Self { responder, runner, ledger: ledger.clone(), external_url })
    }

    /// With a link, where there is a key to sign it.
    fn with_link(&self, mut notification: Notification) -> Notification {
        let annotations = &mut notification.alert.annotations;
        let run = annotations
            .get(APPROVE_RUN)
            .zip(annotations.get(APPROVE_UNTIL).and_then(|until| until.parse().ok()));
        if let Some(((run, until_s), key)) = run.zip(self.runner.link_key()) {
            let url = format!("{}{}", self.external_url, Link::new(&key, run, until_s).path());
            notification.explain.text.push_str(&format!(" Approve: {url}"));
            annotations.insert("approve_url".to_owned(), url);
        }
        notification
    }

    pub(super) fn send(&self, one: Outgoing) {
        match one {
            Outgoing::Notification(notification) => self.responder.notify(self.with_link(notification)),
            Outgoing::Step(step) => self.runner.run(step),
            Outgoing::NotBegun(key) => {
                let why = "the state could not be kept, so it was not begun".to_owned();
                self.ledger.settle_step(key, Outcome { end: End::Failed, why, output: String::new() });
            }
        }
    }
}
