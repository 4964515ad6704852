//! The peers that `benches/peers/build` makes: where they are, and a Collector that runs on free ports.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::program::{Scratch, until};

/// A program of the peers, if it was built: in the folder that EVENKEEL_E2E_PEERS names, or below the target folder.
pub fn built(program: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("peers");
    let folder = std::env::var_os("EVENKEEL_E2E_PEERS").map_or_else(beside, PathBuf::from);
    let found = Some(folder.join(program)).filter(|file| file.is_file());
    if found.is_none() {
        println!("skipped: {program} is not in {}; benches/peers/build makes it", folder.display());
    }
    found
}

/// A Collector with one of the configurations of `benches/peers`.
pub struct Collector {
    child: Child,
    grpc: SocketAddr,
    http: SocketAddr,
    scratch: Scratch,
}

impl Collector {
    /// `more` are variables that the configuration asks for.
    pub async fn start(program: &Path, config: &str, more: &[(&str, &str)]) -> Self {
        let (grpc, http) = (free(), free());
        let scratch = Scratch::new();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(config);
        let mut command = Command::new(program);
        command.arg("--config").arg(file);
        command.env("OTLP_GRPC", grpc.to_string()).env("OTLP_HTTP", http.to_string());
        command.envs(more.iter().copied());
        let said = std::fs::File::create(scratch.path("said")).unwrap();
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        let mut collector = Self { child: command.spawn().unwrap(), grpc, http, scratch };
        until("the Collector listens", || {
            let ended = collector.child.try_wait().unwrap();
            assert!(ended.is_none(), "{}", collector.said());
            let listens = |addr: &SocketAddr| std::net::TcpStream::connect(addr).is_ok();
            std::future::ready((listens(&grpc) && listens(&http)).then_some(()))
        })
        .await;
        collector
    }

    pub fn grpc(&self) -> String {
        self.grpc.to_string()
    }

    pub fn http(&self) -> String {
        self.http.to_string()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, upon which it sends what it holds; what it had to say.
    pub async fn stop(mut self) -> String {
        let sent = Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success());
        until("the Collector has ended", || std::future::ready(self.ended())).await;
        self.said()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<String> {
        self.child.try_wait().unwrap().map(|status| status.to_string())
    }

    pub fn said(&self) -> String {
        std::fs::read_to_string(self.scratch.path("said")).unwrap()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A port that was free a moment ago: a Collector can not say which one it took.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
