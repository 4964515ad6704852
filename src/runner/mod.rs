//! Steps of runbooks: child processes and requests, each within its bounds. What becomes of a step is told exactly once;
//! whether it is to be done is decided elsewhere.

mod link;
mod vault;

pub use link::Link;
pub use vault::{Settings, StepSecrets, Vault};

use std::time::Duration;

use crate::runbook::{Outcome, StepCall, StepKey};

pub struct Runner;

impl Runner {
    pub fn start(
        _settings: Settings,
        _client: reqwest::Client,
        _settled: impl Fn(StepKey, Outcome) + Send + Sync + 'static,
    ) -> Self {
        Self
    }

    pub fn link_key(&self) -> Option<crate::respond::Secret> {
        None
    }

    pub fn reconfigure(&self, _settings: Settings) {}

    pub fn run(&self, _step: StepCall) {}

    pub async fn drain(&self, _deadline: Duration) {}
}
