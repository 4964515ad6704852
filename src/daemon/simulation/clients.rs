//! Clients: each request is sent, byte for byte the same, until it is acknowledged.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use prost::Message;

use super::twin::Item;
use crate::daemon::intake::Workers;
use crate::decode::Encoding;
use crate::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use crate::decode::otlp::common::v1::any_value::Value;
use crate::decode::otlp::common::v1::{AnyValue, KeyValue};
use crate::decode::otlp::resource::v1::Resource;
use crate::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use crate::ingest::{Answer, Intake};
use crate::model::{SECOND_NS, Signal};
use crate::send::Chance;

const MS: u64 = 1_000_000;
/// Requests that the clients have open together.
const OPEN_MAX: usize = 8;

type Sending = Pin<Box<dyn Future<Output = Answer>>>;

/// One that is not acknowledged.
struct Open {
    id: usize,
    items: u64,
    body: Bytes,
    /// Copies under way, and until when their answer is waited for.
    sent: Vec<(Sending, u64)>,
    next_at: u64,
}

#[derive(Default)]
pub(super) struct Clients {
    open: Vec<Open>,
}

impl Clients {
    pub(super) fn has_room(&self) -> bool {
        self.open.len() < OPEN_MAX
    }

    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    pub(super) fn add(&mut self, id: usize, items: &[Item]) {
        let body = Bytes::from(body(id, items));
        self.open.push(Open { id, items: items.len() as u64, body, sent: Vec::new(), next_at: 0 });
    }

    /// Sends what is due, now and then a second copy of what is under way.
    pub(super) fn send(&mut self, workers: &Arc<Workers>, now: u64, chance: &mut Chance) {
        for open in &mut self.open {
            open.sent.retain(|(_, until)| now < *until);
            let is_due = open.sent.is_empty() && open.next_at <= now;
            let again = !is_due && open.sent.len() == 1 && chance.below(40) == 0;
            if is_due || again {
                let (workers, body) = (Arc::clone(workers), open.body.clone());
                let sending = async move { workers.take(Signal::Traces, Encoding::Protobuf, body).await };
                open.sent.push((Box::pin(sending), now + SECOND_NS + chance.below(10 * SECOND_NS)));
            }
        }
    }

    /// Hears the answers that are there; who was acknowledged.
    pub(super) fn hear(&mut self, now: u64, chance: &mut Chance) -> Vec<usize> {
        let mut acknowledged = Vec::new();
        for open in &mut self.open {
            let mut context = Context::from_waker(Waker::noop());
            let (mut accepted, mut refused) = (false, false);
            open.sent.retain_mut(|(sending, _)| match sending.as_mut().poll(&mut context) {
                Poll::Pending => true,
                Poll::Ready(Answer::Accepted { items, rejected: 0, .. }) if items == open.items => {
                    accepted = true;
                    false
                }
                Poll::Ready(Answer::Busy { .. }) => {
                    refused = true;
                    false
                }
                Poll::Ready(other) => panic!("request {} is answered {other:?}", open.id),
            });
            if refused {
                open.next_at = now + 200 * MS + chance.below(3 * SECOND_NS);
            }
            if accepted {
                acknowledged.push(open.id);
            }
        }
        self.open.retain(|open| !acknowledged.contains(&open.id));
        acknowledged
    }

    /// The connections are gone, with the answers that were on their way.
    pub(super) fn hang_up(&mut self, now: u64, chance: &mut Chance) {
        for open in &mut self.open {
            open.sent.clear();
            open.next_at = now + chance.below(2 * SECOND_NS);
        }
    }
}

/// The service's name is the request's own: how often it was counted can be read from the books.
fn body(id: usize, items: &[Item]) -> Vec<u8> {
    let spans = items.iter().enumerate().map(|(place, item)| {
        let named = [("host.name", &item.host), ("part", &item.part)];
        let named = named.into_iter().filter_map(|(key, value)| Some(attribute(key, value.as_deref()?)));
        Span {
            trace_id: (id as u128 + 1).to_be_bytes().to_vec(),
            span_id: (place as u64 + 1).to_be_bytes().to_vec(),
            name: "GET".to_owned(),
            kind: 2,
            start_time_unix_nano: item.at_ns - 10 * MS,
            end_time_unix_nano: item.at_ns,
            attributes: named.chain([attribute("http.route", item.route)]).collect(),
            status: Some(Status { code: if item.good { 0 } else { 2 }, ..Status::default() }),
            ..Span::default()
        }
    });
    let scope = ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() };
    let resource =
        Resource { attributes: vec![attribute("service.name", &service(id))], ..Resource::default() };
    let spans = ResourceSpans { resource: Some(resource), scope_spans: vec![scope], ..Default::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec()
}

pub(super) fn service(id: usize) -> String {
    format!("request-{id}")
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value }
}
