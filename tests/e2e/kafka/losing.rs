//! Topics that lose records before they are read, and records that are too large, or of no form that is read.

use std::io::Write;

use serde_json::Value;

use super::broker::shared;
use super::client::Record;
use super::reading::{counted, document, partitions, request, requests_of};
use crate::program::{Daemon, Scratch, assert_books_balance, until};

const WIDE: &[(&str, &str)] = &[("max.message.bytes", "33554432")];

async fn lost(daemon: &Daemon, records: u64) {
    let is_so = || async { (partitions(daemon).await[0]["lost"] == records).then_some(()) };
    until(&format!("{records} are told as lost"), is_so).await;
    let kafka = daemon.get("/api/v1/kafka").await;
    assert_eq!((&kafka["condition"], &kafka["reason"]), (&Value::from("reading"), &Value::Null), "{kafka}");
    assert_eq!(daemon.status("/readyz").await.0, 200);
    let metric = format!(
        "evenkeel_kafka_records_total{{topic=\"trimmed\",partition=\"0\",outcome=\"lost\"}} {records}"
    );
    let metrics = daemon.text("/metrics").await;
    assert!(metrics.contains(&metric), "{metrics}");
}

/// Scenario: records are deleted before they are read, while the daemon is stopped, and again while its process stands still.
/// Guarantees: what is left is counted, each record once, and what is gone is counted as lost.
#[tokio::test]
async fn records_that_were_deleted_unread_are_counted_as_lost_and_what_is_left_as_ever() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("trimmed", 1, &[]).await;
    let produce = async |records: usize| {
        client.produce("trimmed", "zstd", (0..records).map(|_| Record::of(request(3))).collect()).await;
    };
    let (folder, document) = (Scratch::new(), document(&broker.plain(), "trimmed", ""));
    let daemon = Daemon::start_on(&folder, &document).await;
    produce(20).await;
    counted(&daemon, "spans", 60).await;
    assert_eq!(daemon.stop().await, Some(0));
    produce(30).await;
    client.delete_before("trimmed", 0, 35).await;
    let daemon = Daemon::start_on(&folder, &document).await;
    counted(&daemon, "spans", 60 + 15 * 3).await;
    lost(&daemon, 15).await;

    daemon.signal("STOP");
    // By which a fetch that waits is answered, so that what comes then is not fetched.
    produce(1).await;
    produce(39).await;
    client.delete_before("trimmed", 0, 80).await;
    daemon.signal("CONT");
    produce(5).await;
    let is_read = || async { partitions(&daemon).await.pop().filter(|one| one["next_offset"] == 95) };
    let of = until("all of it is read", is_read).await;
    let [records, gone] = ["records", "lost"].map(|field| of[field].as_u64().unwrap());
    assert!(gone == 44 || gone == 45, "{of}");
    assert_eq!(records + gone, 95, "{of}");
    counted(&daemon, "spans", 3 * records).await;
    lost(&daemon, gone).await;
    assert_books_balance(&daemon.counts().await);
}

/// Guarantees: records far beyond the size that a fetch asks for are read like any other; one of more than a request may have is
/// set aside as it came, with the reason, and what is behind it goes on.
#[tokio::test]
async fn large_records_are_read_and_what_is_larger_than_a_request_may_be_is_set_aside() {
    let Some(broker) = shared().await else { return };
    let client = broker.client().with("message.max.bytes", "33554432");
    client.create("large", 1, WIDE).await;
    client.create("large.dead", 1, WIDE).await;
    let name = "x".repeat(1_000);
    let [large, larger] = [6_500, 19_000].map(|spans| requests_of(spans, &name));
    let beyond = requests_of(21_000, &name);
    assert!(large.len() > 6 << 20 && larger.len() > 18 << 20 && beyond.len() > 20 << 20);
    let records = [&request(1), &large, &larger, &beyond, &large, &request(2)];
    let produced = records.map(|value| Record::of(value.clone())).to_vec();
    assert!(client.produce("large", "none", produced).await.iter().all(Result::is_ok));
    let document = document(&broker.plain(), "large", "    dead_letter: large.dead\n");
    let daemon = Daemon::start(&document).await;
    counted(&daemon, "spans", 1 + 6_500 + 19_000 + 6_500 + 2).await;
    let of = partitions(&daemon).await[0].clone();
    assert_eq!((&of["records"], &of["poison"], &of["lost"]), (&6.into(), &1.into(), &0.into()), "{of}");
    let letters = client.read("large.dead").await;
    assert_eq!(letters.len(), 1);
    assert!(letters[0].value.as_ref() == Some(&beyond), "it is there as it came");
    assert_eq!(header(&letters[0], "evenkeel.reason"), "more than 20971520 bytes in one record");
    assert_eq!(header(&letters[0], "evenkeel.offset"), "3");
    let memory = daemon.memory_kb("VmHWM:");
    assert!(memory < 400_000, "{memory} kB for records of 20 MB");
}

fn header(record: &Record, name: &str) -> String {
    let (_, value) = record.headers.iter().find(|(one, _)| one == name).expect("a header of that name");
    String::from_utf8(value.clone()).unwrap()
}

/// Scenario: batches of each codec in which some records are compressed once more by their producer, or are garbage.
/// Guarantees: these are set aside with the reason, and everything around them is counted.
#[tokio::test]
async fn a_record_with_a_codec_of_its_own_is_set_aside_and_holds_up_nothing() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("codecs", 1, &[]).await;
    client.create("codecs.dead", 1, &[]).await;
    let zipped = |value: &[u8]| {
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(value).unwrap();
        zip.finish().unwrap()
    };
    let said = ("content-encoding".to_owned(), b"gzip".to_vec());
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let garbage: Vec<u8> =
            (0..2_000_u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let bad = [
            Record { headers: vec![said.clone()], ..Record::of(zipped(&request(7))) },
            Record::of(zipped(&request(7))),
            Record::of(garbage),
        ];
        let good = || Record::of(request(2));
        let records = bad.into_iter().flat_map(|bad| [good(), bad]).chain([good()]).collect();
        assert_eq!(client.produce("codecs", codec, records).await.len(), 7);
    }
    let document = document(&broker.plain(), "codecs", "    dead_letter: codecs.dead\n");
    let daemon = Daemon::start(&document).await;
    counted(&daemon, "spans", 5 * 4 * 2).await;
    let of = partitions(&daemon).await[0].clone();
    assert_eq!((&of["records"], &of["poison"]), (&35.into(), &15.into()), "{of}");
    assert_eq!(daemon.status("/readyz").await.0, 200);
    let letters = client.read("codecs.dead").await;
    assert_eq!(letters.len(), 15);
    assert!(letters.iter().all(|letter| !header(letter, "evenkeel.reason").is_empty()));
    assert_eq!(letters.iter().filter(|letter| letter.headers.contains(&said)).count(), 5);
}
