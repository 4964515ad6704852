//! Both listeners over real sockets, before an intake that answers as it is told.

mod grpc;
mod http;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::door::{Entrance, bind};

/// Answers in the order of `answers`, then with a full success; keeps what it was given.
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    seen: Mutex<Vec<(Signal, Encoding, Bytes)>>,
    /// Given to each request before it is answered.
    permits: Semaphore,
    arrived: Semaphore,
}

impl Intake for Script {
    async fn take(&self, signal: Signal, encoding: Encoding, body: Bytes) -> Answer {
        self.seen.lock().unwrap().push((signal, encoding, body));
        self.arrived.add_permits(1);
        self.permits.acquire().await.unwrap().forget();
        let next = self.answers.lock().unwrap().pop_front();
        next.unwrap_or(Answer::Accepted { items: 1, rejected: 0, reason: None })
    }
}

struct Edge {
    addr: SocketAddr,
    entrance: Arc<Entrance>,
    intake: Arc<Script>,
    admission: Arc<Admission>,
    counters: Arc<Counters>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<io::Result<()>>,
}

#[derive(Clone, Copy)]
struct Setting {
    transport: Transport,
    bytes_max: u64,
    permits: usize,
}

impl Setting {
    fn of(transport: Transport) -> Self {
        Self { transport, bytes_max: 128 * 1024 * 1024, permits: Semaphore::MAX_PERMITS }
    }

    async fn start(self, answers: impl IntoIterator<Item = Answer>) -> Edge {
        let bound = bind("127.0.0.1:0").await.unwrap();
        let addr = bound.addr();
        let intake = Arc::new(Script {
            answers: Mutex::new(answers.into_iter().collect()),
            seen: Mutex::default(),
            permits: Semaphore::new(self.permits),
            arrived: Semaphore::new(0),
        });
        let (admission, counters) = (Arc::new(Admission::with_limits(self.bytes_max, 1_000)), Arc::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let parts = (Arc::clone(&intake), Arc::clone(&admission), Arc::clone(&counters));
        let entrance = Arc::new(Entrance::default());
        let inside = Arc::clone(&entrance);
        let served = match self.transport {
            Transport::Http => tokio::spawn(serve_http(bound, inside, parts.0, parts.1, parts.2, shutdown)),
            Transport::Grpc => tokio::spawn(serve_grpc(bound, inside, parts.0, parts.1, parts.2, shutdown)),
        };
        Edge { addr, entrance, intake, admission, counters, stop, served }
    }
}

impl Edge {
    fn seen(&self) -> Vec<(Signal, Encoding, Bytes)> {
        std::mem::take(&mut *self.intake.seen.lock().unwrap())
    }

    fn counted(&self, outcome: Outcome) -> u64 {
        let requests = self.counters.snapshot().requests;
        requests.iter().filter(|line| line.outcome == outcome).map(|line| line.count).sum()
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}
