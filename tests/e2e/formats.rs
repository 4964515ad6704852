//! States of older formats, as they were written then: brought to today's after a copy.
//!
//! `state-format-1.db.zst`: a daemon with the configuration below and no receiver that answers was sent
//! `evenkeel send --service shop --rate 50/s --errors 30% --for 3s --seed 7 --signal all`, then killed.

use serde_json::json;

use crate::program::{Daemon, Scratch, assert_books_balance, program, ran, until};
use crate::sink::Sink;

fn documents(url: &str) -> String {
    format!(
        "{}---\napiVersion: evenkeel/v1\nkind: Config\nspec:\n  classify:\n    - {{name: broken, when: 'log && severity >= 17', category: exception, alert: {{}}}}\n  alerting:\n    route: {{receiver: oncall}}\n    receivers: [{{name: oncall, webhook_configs: [{{url: '{url}', format: evenkeel}}]}}]\n",
        include_str!("shop.yaml")
    )
}

/// Guarantees: what an older version counted and had still to say is there; a copy of before is beside it; the second
/// start finds today's format.
#[tokio::test]
async fn a_state_of_format_1_is_migrated_after_a_copy() {
    let mut sink = Sink::start().await;
    let (folder, documents) = (Scratch::new(), documents(&sink.url));
    let packed = include_bytes!("../testdata/state-format-1.db.zst");
    std::fs::create_dir(folder.path("data")).unwrap();
    std::fs::write(folder.path("data/state.db"), zstd::decode_all(&packed[..]).unwrap()).unwrap();

    let daemon = Daemon::start_on(&folder, &documents).await;
    let page = sink.next().await.body;
    assert_eq!(
        (&page["transition"], &page["alert"]["labels"]["alertname"]),
        (&json!("trigger"), &json!("broken"))
    );
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    let accepted = ["spans", "logs", "metrics"].map(|signal| counts["items"][signal]["accepted"].clone());
    assert_eq!(accepted, [150, 150, 57]);
    let slo = &counts["slos"][0];
    assert_eq!((&slo["good"], &slo["bad"]), (&json!(100), &json!(50)));
    let migrated = daemon.said();
    assert!(migrated.contains("state.migrated") && !migrated.contains("state.damaged"), "{migrated}");

    let copy = folder.path("data/format-1-1");
    let verified = ran(program().args(["backup", "verify"]).arg(&copy));
    assert!(verified.code == Some(0) && verified.out.contains("with 357 items"), "{}", verified.out);
    until("the page is settled", || async {
        (daemon.counts().await["notifications"]["pending"] == 0).then_some(())
    })
    .await;
    let counts = daemon.counts().await;
    assert_eq!(daemon.stop().await, Some(0));
    let daemon = Daemon::start_on(&folder, &documents).await;
    assert_eq!(daemon.counts().await["items"], counts["items"]);
    assert!(!daemon.said().contains("state.migrated"), "{}", daemon.said());
    assert!(sink.is_quiet(), "silence while we were away ends nothing");
}
