//! The broker of the tests and their client, before anything of ours is tried with them.

use rdkafka::error::RDKafkaErrorCode;

use super::broker::{alone, shared};
use super::client::Record;
use super::confluent;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

fn record(partition: i32, name: &str) -> Record {
    let value = format!("{name} ").repeat(10_000);
    let headers = vec![("codec".to_owned(), name.as_bytes().to_vec()), ("empty".to_owned(), vec![])];
    Record { partition: Some(partition), key: Some(name.into()), headers, ..Record::of(value) }
}

/// Guarantees: what either client produces with any codec is read as it was, in its place.
#[tokio::test]
async fn records_are_read_as_they_were_produced() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("itself", 2, &[]).await;
    for (place, codec) in CODECS.iter().enumerate() {
        let records = vec![record(0, codec), record(1, codec), record(1, codec)];
        let place = place as i64;
        let expected = [Ok((0, place)), Ok((1, 2 * place)), Ok((1, 2 * place + 1))];
        assert_eq!(client.produce("itself", codec, records).await, expected, "{codec}");
    }
    client.produce("itself", "none", vec![Record { partition: Some(0), ..Record::default() }]).await;
    for codec in CODECS {
        if !confluent::produce(&broker.plain(), "itself", codec, &[record(1, codec)]).await {
            return;
        }
    }
    let read = client.read("itself").await;
    let same = |record: &Record| Record { offset: None, at_ms: None, ..record.clone() };
    let of = |partition: i32| read.iter().filter(move |one| one.partition == Some(partition));
    let mut first: Vec<Record> = CODECS.iter().map(|codec| record(0, codec)).collect();
    first.push(Record { partition: Some(0), ..Record::default() });
    assert_eq!(of(0).map(same).collect::<Vec<_>>(), first);
    let ours = CODECS.iter().flat_map(|codec| [record(1, codec), record(1, codec)]);
    let second: Vec<Record> = ours.chain(CODECS.iter().map(|codec| record(1, codec))).collect();
    assert_eq!(of(1).map(same).collect::<Vec<_>>(), second);
    assert!(read.iter().all(|one| one.at_ms.is_some()));
    assert_eq!(of(1).map(|one| one.offset).collect::<Vec<_>>(), (0..15).map(Some).collect::<Vec<_>>());
}

#[tokio::test]
async fn alice_comes_by_password_and_by_certificate_and_nobody_by_less() {
    let Some(broker) = shared().await else { return };
    broker.client().create("doors", 1, &[]).await;
    let hello = || vec![Record { at_ms: Some(1), ..Record::of("hello") }];
    for door in [broker.scram_client(), broker.mutual_tls_client()] {
        assert!(door.produce("doors", "none", hello()).await[0].is_ok());
        assert_eq!(door.read("doors").await[0].value, Some(b"hello".into()));
    }
    let door = broker.scram_client().with("sasl.password", "guessed").with("message.timeout.ms", "1000");
    assert_eq!(door.produce("doors", "none", hello()).await, [Err(RDKafkaErrorCode::MessageTimedOut)]);
    assert_eq!(broker.client().read("doors").await.len(), 2);
}

#[tokio::test]
async fn a_group_is_seen_with_what_it_has_committed() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("grouped", 2, &[("max.message.bytes", "1000")]).await;
    let long = client.produce("grouped", "none", vec![Record::of("long ".repeat(1000))]).await;
    assert_eq!(long, [Err(RDKafkaErrorCode::MessageSizeTooLarge)]);
    client.commit("readers", "grouped", 1, 7).await;
    assert_eq!(client.committed("readers", "grouped").await, [None, Some(7)]);
    assert_eq!(client.group("readers").await, ("Empty".to_owned(), 0));
    client.delete("grouped").await;
    client.create("grouped", 1, &[]).await;
    assert_eq!(client.read("grouped").await, []);
}

#[tokio::test]
async fn a_broker_that_was_killed_comes_back_with_what_it_had() {
    let Some(broker) = alone().await else { return };
    let client = broker.client();
    client.create("kept", 1, &[]).await;
    let three = client.produce("kept", "zstd", vec![record(0, "kept"); 3]).await;
    assert_eq!(three, [Ok((0, 0)), Ok((0, 1)), Ok((0, 2))]);
    broker.kill(1).await;
    let nobody = client.clone().with("message.timeout.ms", "500");
    let lost = nobody.produce("kept", "none", vec![Record::of("lost")]).await;
    assert_eq!(lost, [Err(RDKafkaErrorCode::MessageTimedOut)]);
    broker.up().await;
    assert_eq!(client.read("kept").await.len(), 3);
}
