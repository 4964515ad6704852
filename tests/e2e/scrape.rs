//! `/metrics` as Prometheus' own linter sees it.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::peer;
use crate::program::Daemon;

const SLO: &str = include_str!("shop.yaml");

/// Guarantees: every name, type and help text passes `promtool check metrics`, before and after traffic.
#[tokio::test]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    let Some(promtool) = peer("promtool") else { return };
    let daemon = Daemon::start(SLO).await;
    for round in 0..2 {
        let mut child = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let text = daemon.text("/metrics").await;
        assert!(
            text.contains(
                "evenkeel_slo_budget_remaining_ratio{slo=\"shop-availability\",objective=\"no-errors\"}"
            ),
            "{text}"
        );
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let said = child.wait_with_output().unwrap();
        let words = [said.stdout, said.stderr].concat();
        assert!(
            said.status.success() && words.is_empty(),
            "round {round}: {}",
            String::from_utf8_lossy(&words)
        );
        crate::sink::send_outage(&daemon).await;
    }
    assert_eq!(daemon.stop().await, Some(0));
}
