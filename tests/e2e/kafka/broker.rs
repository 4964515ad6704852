//! Brokers by `tests/kafka/broker`: one that all tests of a run share, and some for a test of its own.
//!
//! The script holds them for as long as its standard input is open, so they end with the process that started them, however
//! that ends.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::missing;

/// The broker of all tests of this run; each has topics and groups of its own. Begun by the first that asks.
pub async fn shared() -> Option<RwLockReadGuard<'static, Broker>> {
    Some(the_one().await?.read().await)
}

/// The same with no other test at it, to be stopped and started; whoever has it leaves it running.
pub async fn alone() -> Option<RwLockWriteGuard<'static, Broker>> {
    Some(the_one().await?.write().await)
}

async fn the_one() -> Option<&'static RwLock<Broker>> {
    static THE_ONE: OnceCell<Option<RwLock<Broker>>> = OnceCell::const_new();
    let begin = || async { Broker::start(&["--secure"]).await.map(RwLock::new) };
    THE_ONE.get_or_init(begin).await.as_ref()
}

/// One or more brokers; killed when it is dropped, and what they hold is removed.
pub struct Broker {
    script: PathBuf,
    port: u16,
    folder: PathBuf,
    brokers: usize,
    holding: Child,
}

impl Broker {
    /// With these words after `hold PORT`; none where nobody has prepared Kafka.
    pub async fn start(words: &[&str]) -> Option<Self> {
        let Some(script) = std::env::var_os("EVENKEEL_E2E_KAFKA").map(PathBuf::from) else {
            missing("EVENKEEL_E2E_KAFKA names no script that starts Kafka; tests/run prepares it");
            return None;
        };
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Some(tokio::task::spawn_blocking(move || Self::hold(script, &words)).await.unwrap())
    }

    fn hold(script: PathBuf, words: &[String]) -> Self {
        let port = free_port();
        let mut command = Command::new(&script);
        command.args(["hold", &port.to_string()]).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holding = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(holding.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let Some((addresses, folder)) = said.trim_end().split_once(' ') else {
            let mut why = String::new();
            holding.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("no broker: {why}");
        };
        let (brokers, folder) = (addresses.split(',').count(), PathBuf::from(folder));
        Self { script, port, folder, brokers, holding }
    }

    /// Where they listen without a password, for `bootstrap.servers`.
    pub fn plain(&self) -> String {
        self.addresses(0)
    }

    /// Where they ask for a password, of a secure one.
    pub fn scram(&self) -> String {
        self.addresses(2)
    }

    /// Where they ask for a certificate, of a secure one.
    pub fn mutual_tls(&self) -> String {
        self.addresses(3)
    }

    fn addresses(&self, offset: u16) -> String {
        let ports = (0..self.brokers as u16).map(|broker| self.port + 10 * broker + offset);
        ports.map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    }

    /// `ca.pem`, `alice.pem`, `alice.key`, of a secure one.
    pub fn tls(&self, name: &str) -> PathBuf {
        self.folder.join("tls").join(name)
    }

    /// The folder of Kafka's own commands.
    pub fn commands(&self) -> PathBuf {
        self.folder.with_file_name("bin")
    }

    /// SIGKILL for one; the first is 1.
    pub async fn kill(&self, broker: usize) {
        self.script("kill", &[&broker.to_string()]).await;
    }

    /// Starts those that are not running, and waits until all answer.
    pub async fn up(&self) {
        self.script("up", &[]).await;
    }

    /// Kafka's own command: `topics`, `groups`, `configs` or `acls`; what it said.
    pub async fn script(&self, verb: &str, more: &[&str]) -> String {
        let mut command = Command::new(&self.script);
        command.args([verb, &self.port.to_string()]).args(more).stdin(Stdio::null());
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let [out, err] = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(ended.status.success(), "{verb} {more:?}: {out}{err}");
        out
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.holding.stdin.take());
        let _ended = self.holding.wait();
    }
}

/// A port with room above it for three brokers, all below those that the system hands out by itself.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const PLACES: u32 = 300;
    let is_free = |port: &u16| (*port..port + 24).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    let place = || (std::process::id() + NEXT.fetch_add(1, Ordering::Relaxed)) % PLACES;
    let mut ports = (0..PLACES).map(|_| 20_000 + 40 * place() as u16);
    ports.find(is_free).expect("24 free ports")
}
