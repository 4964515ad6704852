//! A small HTTP server that answers from a script and remembers what it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

#[derive(Clone, Debug)]
pub enum Say {
    Status(u16),
    /// Status, headers (each ended by CR LF), body.
    Full(u16, &'static str, &'static str),
    /// Holds the connection open and says nothing.
    Hang,
    /// Closes the connection with the request half read.
    Reset,
    /// A status and 64 MiB of answer.
    Flood(u16),
}

#[derive(Clone, Debug)]
pub struct Seen {
    /// Request line and headers, in lower case.
    pub head: String,
    pub body: String,
    pub at: Instant,
}

pub struct Server {
    pub url: String,
    pub seen: mpsc::UnboundedReceiver<Seen>,
}

type Script = Arc<Mutex<VecDeque<Say>>>;

impl Server {
    /// After the last line of the script everything is answered with 200.
    pub async fn start(script: impl IntoIterator<Item = Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script: Script = Arc::new(Mutex::new(script.into_iter().collect()));
        let (sender, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), sender.clone()));
            }
        });
        Self { url, seen }
    }

    pub async fn next(&mut self) -> Seen {
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, self.seen.recv())
            .await
            .expect("a request in time")
            .expect("a running server")
    }

    pub fn heard_nothing_more(&mut self) -> bool {
        self.seen.try_recv().is_err()
    }
}

impl Seen {
    /// The key and number that the request carries.
    pub fn idempotency_key(&self) -> &str {
        self.header("idempotency-key").unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn serve(mut stream: TcpStream, script: Script, seen: mpsc::UnboundedSender<Seen>) {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).to_ascii_lowercase();
    let mut one = Seen { head, body: String::new(), at: Instant::now() };
    let length: usize = one.header("content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    one.body = String::from_utf8_lossy(&bytes[head_end..]).into_owned();
    let say = script.lock().unwrap().pop_front().unwrap_or(Say::Status(200));
    let _ = seen.send(one);
    let _ = answer(&mut stream, say).await;
}

/// The other side may hang up in the middle of it: that is its right.
async fn answer(stream: &mut TcpStream, say: Say) -> std::io::Result<()> {
    let (status, headers, body) = match say {
        Say::Status(status) => (status, "", ""),
        Say::Full(status, headers, body) => (status, headers, body),
        Say::Reset => return stream.set_zero_linger(),
        Say::Hang => return stream.read_u8().await.map(|_| ()),
        Say::Flood(status) => {
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", 64 << 20);
            stream.write_all(head.as_bytes()).await?;
            for _ in 0..64 << 4 {
                stream.write_all(&[b'x'; 64 << 10]).await?;
            }
            return Ok(());
        }
    };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}
