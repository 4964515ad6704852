//! Debian's Alertmanager as receiver: our alert is there while it burns, and gone after the resolve.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::peer;
use crate::program::{Daemon, Scratch, until};
use crate::sink::{send_outage, spans, wall_s};

const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

struct Alertmanager {
    child: Child,
    url: String,
    _scratch: Scratch,
}

impl Alertmanager {
    /// Another program may take the port in between; then it ends and is started with the next.
    async fn answering(program: &std::path::Path) -> Self {
        for _attempt in 0..5 {
            let mut started = Self::start(program);
            loop {
                if started.alerts().await.is_some() {
                    return started;
                }
                if started.child.try_wait().unwrap().is_some() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        panic!("Alertmanager ended five times before it answered");
    }

    fn start(program: &std::path::Path) -> Self {
        let scratch = Scratch::new();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .arg(format!("--config.file={}", scratch.write("alertmanager.yml", CONFIG).display()))
            .arg(format!("--storage.path={}", scratch.path("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, url: format!("http://127.0.0.1:{port}"), _scratch: scratch }
    }

    /// Alerts that it knows as active; `None` while it does not answer.
    async fn alerts(&self) -> Option<Vec<Value>> {
        let client = evenkeel::respond::client().unwrap();
        let answer = client.get(format!("{}/api/v2/alerts", self.url)).send().await.ok()?;
        answer.json().await.ok()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[tokio::test]
async fn alertmanager_holds_our_alert_until_it_is_resolved() {
    let Some(program) = peer("prometheus-alertmanager") else { return };
    let alertmanager = Alertmanager::answering(&program).await;
    let daemon = Daemon::start(&format!(
        "{}---\napiVersion: evenkeel/v1\nkind: Config\nspec:\n  alerting:\n    route: {{receiver: am}}\n    receivers:\n      - {{name: am, alertmanager_configs: [{{url: '{}'}}]}}\n",
        include_str!("shop.yaml"),
        alertmanager.url
    ))
    .await;
    send_outage(&daemon).await;
    let ours = until("the alert is in Alertmanager", || async { alertmanager.alerts().await?.pop() }).await;
    for (label, value) in
        [("alertname", "shop-availability"), ("severity", "page"), ("priority", "P2"), ("condition", "1h/5m")]
    {
        assert_eq!(ours["labels"][label], value, "{ours}");
    }
    assert!(ours["annotations"]["summary"].as_str().unwrap().contains("of shop events fail"), "{ours}");

    let now = wall_s();
    let recovered = spans(now - 380..now, false);
    assert_eq!(daemon.export("traces", "application/json", recovered).await.0, 200);
    until("the alert is gone", || async { alertmanager.alerts().await?.is_empty().then_some(()) }).await;
    let counts = daemon.counts().await;
    assert_eq!(
        (&counts["notifications"]["delivered"], &counts["notifications"]["failed"]),
        (&2.into(), &0.into())
    );
    assert_eq!(daemon.stop().await, Some(0));
}
