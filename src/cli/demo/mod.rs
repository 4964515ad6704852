//! `demo`: the whole story in a minute, with nothing to configure and no other program. Three simulated
//! services send real OTLP through the sockets; a deploy goes bad, the page comes, the budget moves,
//! and it recovers after the rollback.
//!
//! What is not real is said: history is put in as weighted counts, and event time runs ten times
//! as fast as the clock until it has caught up.

mod pager;
mod stage;
mod story;

use std::path::{Path, PathBuf};

use super::Exit;
use super::args::{DemoArgs, Global};
use crate::config::{Config, Listen, World, load};
use crate::daemon::{Daemon, State};
use story::Story;

const DOCUMENTS: &str = "\
apiVersion: evenkeel/v1
kind: Config
spec:
  alerting:
    route: {receiver: pager}
    receivers:
      - {name: pager, webhook_configs: [{url: '${env:PAGER}', format: evenkeel}]}
---
apiVersion: openslo/v1
kind: Service
metadata: {name: checkout, annotations: {evenkeel.dev/tier: '1'}}
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout-availability
  annotations: {evenkeel.dev/sla: '99.5'}
spec:
  service: checkout
  indicator:
    metadata: {name: checkout-requests-ok}
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource: {type: evenkeel, spec: {spans: 'service.name == \"checkout\" && kind == \"server\" && http.response.status_code >= 500'}}
        total:
          metricSource: {type: evenkeel, spec: {spans: 'service.name == \"checkout\" && kind == \"server\"'}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{displayName: non-5xx, target: 0.999}]
";

/// The documents above, and where the pager listens.
struct Script {
    pager: String,
}

impl World for Script {
    fn read(&self, _: &Path) -> Result<String, String> {
        Ok(DOCUMENTS.to_owned())
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "PAGER").then(|| self.pager.clone())
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

pub(super) async fn demo(global: &Global, args: &DemoArgs) -> Exit {
    match tell(global, args).await {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::OurFault
        }
    }
}

async fn tell(global: &Global, args: &DemoArgs) -> anyhow::Result<Exit> {
    let pager = pager::start().await?;
    let config = |listen: Option<Listen>| -> anyhow::Result<Config> {
        let loaded = load(&[PathBuf::from("demo.yaml")], &Script { pager: pager.url.clone() });
        let mut config = loaded.config.ok_or_else(|| anyhow::anyhow!("{:?}", loaded.findings))?;
        config.listen = listen.unwrap_or(config.listen);
        Ok(config)
    };
    let daemon = match Daemon::start(config(None)?, None, State::Fleeting).await {
        Ok(daemon) => daemon,
        Err(_ports_taken) => Daemon::start(config(Some(free_ports()))?, None, State::Fleeting).await?,
    };
    let mut story = Story::new(daemon, pager, global.output)?;
    let seen_all = tokio::select! {
        told = story.tell() => told?,
        _ = tokio::signal::ctrl_c() => false,
    };
    if !args.once && seen_all {
        story.go_on().await;
    }
    story.end().await;
    Ok(if seen_all || !args.once { Exit::Done } else { Exit::No })
}

/// The usual ports are taken: any three that are free.
fn free_ports() -> Listen {
    let any = || "127.0.0.1:0".to_owned();
    Listen { otlp_grpc: any(), otlp_http: any(), http: any() }
}
