//! Faults between a broker and us: records that come damaged, connections that are cut.

use super::broker::shared;
use super::client::Record;
use super::proxy::Proxy;
use super::reading::{counted, document, partitions, request};
use crate::program::{Daemon, assert_books_balance, until};

async fn failing(daemon: &Daemon, why: &str) {
    until("readiness says what is wrong", || async {
        let (status, text) = daemon.status("/readyz").await;
        (status == 503 && text.contains(why)).then_some(())
    })
    .await;
    let kafka = daemon.get("/api/v1/kafka").await;
    assert_eq!(kafka["condition"], "failing", "{kafka}");
}

async fn well(daemon: &Daemon) {
    until("readiness says that all is well", || async {
        (daemon.status("/readyz").await.0 == 200).then_some(())
    })
    .await;
}

/// Scenario: of what is fetched a byte of the first batch is another, for a while; sound batches are behind it.
/// Guarantees: meanwhile the state is failing with the reason and nothing is passed over; afterwards every record counts once.
#[tokio::test]
async fn records_that_come_damaged_are_read_again_until_they_are_sound() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("damaged", 2, &[]).await;
    let proxy = Proxy::before(&broker.plain()).await;
    let daemon = Daemon::start(&document(&proxy.address, "damaged", "")).await;
    let produce = async |codec: &str| {
        let to = |place: i32| Record { partition: Some(place % 2), ..Record::of(request(4)) };
        client.produce("damaged", codec, (0..40).map(to).collect()).await;
    };
    produce("none").await;
    counted(&daemon, "spans", 160).await;
    proxy.damage(true);
    for codec in ["none", "zstd", "lz4", "none"] {
        produce(codec).await;
    }
    failing(&daemon, "records come damaged").await;
    let seen = proxy.damaged();
    until("it has tried again", || async { (proxy.damaged() > seen + 1).then_some(()) }).await;
    assert_eq!(daemon.status("/readyz").await.0, 503);
    assert!(proxy.damaged() < seen + 100, "it backs off");
    assert_eq!(daemon.export("traces", "application/x-protobuf", request(3)).await.0, 200);
    proxy.damage(false);
    counted(&daemon, "spans", 160 + 4 * 160 + 3).await;
    well(&daemon).await;
    let read = partitions(&daemon).await;
    assert!(
        read.iter().all(|one| one["records"] == 100 && one["lost"] == 0 && one["poison"] == 0),
        "{read:?}"
    );
    assert_books_balance(&daemon.counts().await);
}

/// Scenario: connections are cut again and again while records come; then nobody can be reached for a while.
/// Guarantees: every record counts once; while nobody can be reached the state is failing with the reason.
#[tokio::test]
async fn connections_that_are_cut_lose_nothing_and_nobody_to_reach_is_told() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("cut", 2, &[]).await;
    let proxy = Proxy::before(&broker.plain()).await;
    let daemon = Daemon::start(&document(&proxy.address, "cut", "")).await;
    let produce = async |records: usize| {
        client.produce("cut", "zstd", (0..records).map(|_| Record::of(request(2))).collect()).await;
    };
    for round in 1..=5 {
        produce(100).await;
        proxy.cut();
        produce(100).await;
        counted(&daemon, "spans", round * 400).await;
    }
    proxy.close();
    produce(50).await;
    failing(&daemon, "Kafka is not read").await;
    proxy.open();
    counted(&daemon, "spans", 2_100).await;
    well(&daemon).await;
    let read = partitions(&daemon).await;
    let of_all = |field: &str| read.iter().map(|one| one[field].as_u64().unwrap()).sum::<u64>();
    assert_eq!((of_all("records"), of_all("lost")), (1_050, 0));
}

/// Scenario: records come damaged whenever they are fetched, and somebody deletes them.
/// Guarantees: they count as lost, readiness says that all is well, and what follows is read.
#[tokio::test]
async fn damaged_records_that_are_deleted_count_as_lost_and_what_follows_is_read() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("hopeless", 1, &[]).await;
    let proxy = Proxy::before(&broker.plain()).await;
    let daemon = Daemon::start(&document(&proxy.address, "hopeless", "")).await;
    let produce = async |records: usize| {
        client.produce("hopeless", "none", (0..records).map(|_| Record::of(request(4))).collect()).await;
    };
    produce(30).await;
    counted(&daemon, "spans", 120).await;
    proxy.damage(true);
    produce(20).await;
    failing(&daemon, "records come damaged: MessageSet at offset 30 ").await;
    client.delete_before("hopeless", 0, 50).await;
    well(&daemon).await;
    proxy.damage(false);
    produce(10).await;
    counted(&daemon, "spans", 160).await;
    let read = partitions(&daemon).await;
    assert_eq!((&read[0]["records"], &read[0]["lost"]), (&40.into(), &20.into()), "{read:?}");
}
