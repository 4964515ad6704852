//! What `deploy/` ships works with the program as it is.

use std::path::Path;

use crate::program::{Daemon, Scratch, program, ran};

/// Scenario: the unit's own start line, with the folder that it names replaced by the shipped configuration.
#[tokio::test]
async fn the_start_line_of_the_systemd_unit_starts_the_daemon() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let unit = std::fs::read_to_string(root.join("deploy/systemd/evenkeel.service")).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/evenkeel ")).unwrap();
    let shipped = root.join("config");
    let args = line.split(' ').map(|word| match word {
        "/etc/evenkeel" => shipped.as_os_str(),
        word => word.as_ref(),
    });
    let daemon = Daemon::start_with(Scratch::new(), args).await;
    let slos = daemon.get("/api/v1/slos").await;
    assert_eq!(slos["slos"][0]["name"], "checkout-availability");
    assert_eq!(daemon.stop().await, Some(0));
}

#[test]
fn the_configuration_for_kafka_has_nothing_to_complain_about() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("deploy/kafka/evenkeel.yaml");
    let checked = ran(program().args(["check", "--deny-warnings"]).args([&file, &root.join("config/slos")]));
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
}
