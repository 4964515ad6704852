//! Stands between a client and a broker: cuts connections, and damages what is fetched. It speaks as much of Kafka's protocol
//! as that takes: frames, and which answer is one to a fetch.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const HOST: &[u8] = b"127.0.0.1";
const FETCH: i16 = 1;
/// An answer without records is shorter.
const RECORDS_BYTES_MIN: usize = 300;
const FRAME_BYTES_MAX: usize = 64 << 20;

pub struct Proxy {
    pub address: String,
    faults: Arc<Faults>,
}

#[derive(Debug)]
struct Faults {
    ports: [u16; 2],
    damages: AtomicBool,
    /// Answers that were damaged.
    damaged: AtomicU64,
    /// Connections of an older number are cut, and there are none while it is even.
    cut: watch::Sender<u64>,
}

impl Proxy {
    /// Before one broker.
    pub async fn before(broker: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let (_, port) = broker.rsplit_once(':').expect("an address");
        let faults = Arc::new(Faults {
            ports: [port.parse().unwrap(), own.port()],
            damages: AtomicBool::new(false),
            damaged: AtomicU64::new(0),
            cut: watch::Sender::new(1),
        });
        let (shared, broker) = (Arc::clone(&faults), broker.to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let began = *shared.cut.borrow();
                if began % 2 == 0 {
                    continue;
                }
                tokio::spawn(pass_on(client, broker.clone(), Arc::clone(&shared)));
            }
        });
        Self { address: own.to_string(), faults }
    }

    /// From here on a byte of what is fetched is another.
    pub fn damage(&self, damages: bool) {
        self.faults.damages.store(damages, Ordering::SeqCst);
    }

    pub fn damaged(&self) -> u64 {
        self.faults.damaged.load(Ordering::SeqCst)
    }

    /// All connections end, and new ones come about.
    pub fn cut(&self) {
        self.faults.cut.send_modify(|number| *number += 2);
    }

    /// All connections end, and none comes about until `open`.
    pub fn close(&self) {
        self.faults.cut.send_modify(|number| *number += 1);
    }

    pub fn open(&self) {
        self.faults.cut.send_modify(|number| *number += 1);
    }
}

async fn pass_on(client: TcpStream, broker: String, faults: Arc<Faults>) {
    let mut cut = faults.cut.subscribe();
    let Ok(server) = TcpStream::connect(broker).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let asked = Arc::default();
    tokio::select! {
        _ = ask(from_client, to_server, Arc::clone(&asked)) => {}
        _ = answer(from_server, to_client, asked, &faults) => {}
        _ = cut.changed() => {}
    }
}

/// What is asked for, by correlation id.
type Asked = Arc<Mutex<HashMap<i32, i16>>>;

async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, asked: Asked) -> io::Result<()> {
    loop {
        let frame = frame(&mut from).await?;
        if let [_, _, _, _, kind, kind_low, _, _, id @ ..] = &frame[..]
            && let Some(id) = id.first_chunk()
        {
            asked.lock().unwrap().insert(i32::from_be_bytes(*id), i16::from_be_bytes([*kind, *kind_low]));
        }
        to.write_all(&frame).await?;
    }
}

async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    asked: Asked,
    faults: &Faults,
) -> io::Result<()> {
    loop {
        let mut frame = frame(&mut from).await?;
        let id = frame[4..].first_chunk().map(|id| i32::from_be_bytes(*id));
        let kind = id.and_then(|id| asked.lock().unwrap().remove(&id));
        if kind != Some(FETCH) {
            lead_here(&mut frame, faults.ports);
        } else if faults.damages.load(Ordering::SeqCst) && frame.len() > RECORDS_BYTES_MIN {
            // Within the first of several batches.
            let place = frame.len() / 4;
            frame[place] ^= 0x10;
            faults.damaged.fetch_add(1, Ordering::SeqCst);
        }
        to.write_all(&frame).await?;
    }
}

async fn frame(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut size = [0; 4];
    from.read_exact(&mut size).await?;
    let bytes = u32::from_be_bytes(size) as usize;
    assert!(bytes <= FRAME_BYTES_MAX, "no frame: {size:?}");
    let mut frame = size.to_vec();
    frame.resize(4 + bytes, 0);
    from.read_exact(&mut frame[4..]).await?;
    Ok(frame)
}

/// Where the broker says that it listens, the proxy does.
fn lead_here(frame: &mut [u8], [of_broker, own]: [u16; 2]) {
    let named = |port: u16| [HOST, &u32::from(port).to_be_bytes()].concat();
    let (from, to) = (named(of_broker), named(own));
    let mut place = 0;
    while place + from.len() <= frame.len() {
        if frame[place..].starts_with(&from) {
            frame[place..place + to.len()].copy_from_slice(&to);
        }
        place += 1;
    }
}
