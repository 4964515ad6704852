//! Records together and alone, good and not.

use prost::Message;

use super::*;
use crate::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use crate::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span};
use crate::model::SECOND_NS;

const NOW: Now = Now(1_000_000 * SECOND_NS);

fn body(spans: u64) -> Vec<u8> {
    let span = |second: u64| Span {
        name: "GET /".to_owned(),
        start_time_unix_nano: NOW.0 - SECOND_NS,
        end_time_unix_nano: NOW.0 - second,
        ..Span::default()
    };
    let scope = ScopeSpans { spans: (0..spans).map(span).collect(), ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
}

/// Until nothing is left: accepted items, and the offsets of poison.
fn all(bodies: &[Result<&[u8], &str>]) -> (u64, Vec<usize>, usize) {
    let plan = Plan::empty();
    let records: Vec<RecordBody<'_>> =
        bodies.iter().map(|body| RecordBody { body: *body, time: None }).collect();
    let (mut items, mut poison, mut done, mut batches) = (0, Vec::new(), 0, 0);
    while done < records.len() {
        let form = (Signal::Traces, Encoding::Protobuf);
        let folded = fold_records(&plan, 7, form, &records[done..], NOW, &Identities::default());
        items += folded.batch.accepted();
        assert_eq!(folded.batch.services.iter().map(|one| one.items).sum::<u64>(), folded.batch.accepted());
        assert!(folded.batch.fingerprint.is_none());
        poison.extend(folded.poison.iter().map(|(place, _)| done + place));
        assert!(folded.taken > 0, "no record is looked at for ever");
        (done, batches) = (done + folded.taken, batches + 1);
    }
    (items, poison, batches)
}

#[test]
fn records_share_a_batch_and_what_can_not_be_read_stays_out_of_it() {
    let (one, three) = (body(1), body(3));
    let garbage: &[u8] = b"\xff\xffnot a request";
    assert_eq!(all(&[Ok(&one), Ok(&three), Ok(&one)]), (5, vec![], 1));
    assert_eq!(all(&[Ok(&one), Ok(garbage), Ok(&three)]), (4, vec![1], 1));
    assert_eq!(all(&[Err("no key"), Ok(&three), Err("no key")]), (3, vec![0, 2], 1));
}

#[test]
fn a_record_that_breaks_off_leaves_no_trace_of_its_first_items() {
    let (one, long) = (body(1), body(9));
    // A length that reaches beyond the end, after nine whole spans.
    let broken = [&long[..], &[0x0a, 0x7f]].concat();
    assert_eq!(all(&[Ok(&broken)]), (0, vec![0], 1), "alone");
    let (items, poison, batches) = all(&[Ok(&one), Ok(&broken), Ok(&one), Ok(&one)]);
    assert_eq!((items, poison, batches), (3, vec![1], 3));
}

#[test]
fn an_item_without_a_time_has_that_of_its_record() {
    let span = Span { name: "GET /".to_owned(), ..Span::default() };
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    let body = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    let at = |ago: u64| RecordBody { body: Ok(&body), time: Some(EventTime(NOW.0 - ago * SECOND_NS)) };
    let form = (Signal::Traces, Encoding::Protobuf);
    let known = Identities::default();
    let folded = fold_records(&Plan::empty(), 7, form, &[at(3_600), at(60)], NOW, &known);
    assert_eq!(folded.batch.seconds, [(1_000_000 - 3_600, 1), (1_000_000 - 60, 1)]);
}
