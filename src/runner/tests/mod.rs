//! The whole folder against real programs and real sockets. Where a test needs to know that a program is under way, the
//! program says so over a connection, and its death is seen by the end of that.

mod argv;
mod commands;
mod ending;
mod requests;
mod targets;

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::respond::Secret;
use crate::runbook::{Bounds, CommandCall};

pub const PYTHON: &str = "/usr/bin/python3";
const FAST: Pace = Pace {
    term_grace: Duration::from_millis(200),
    kill_grace: Duration::from_secs(5),
    pipe_grace: Duration::from_millis(100),
    excerpt_within: Duration::from_secs(2),
    answer_within: Duration::from_secs(1),
    poll: Duration::from_millis(5),
    poll_max: Duration::from_millis(20),
    pages_first: Duration::from_secs(1),
};

pub struct Rig {
    pub runner: Runner,
    /// Notifications that were not tried yet.
    pub untried: watch::Sender<usize>,
    settled: mpsc::UnboundedReceiver<(StepKey, Outcome)>,
}

impl Rig {
    pub fn new(secrets: StepSecrets) -> Self {
        let (sender, settled) = mpsc::unbounded_channel();
        let tell = move |key, outcome| drop(sender.send((key, outcome)));
        let client = respond::client().unwrap();
        let (untried, seen) = watch::channel(0);
        Self { runner: Runner::start_at(FAST, settings(secrets), client, seen, tell), untried, settled }
    }

    pub async fn next(&mut self) -> (StepKey, Outcome) {
        let next = timeout(Duration::from_secs(60), self.settled.recv());
        next.await.expect("an outcome in time").expect("a runner")
    }

    pub fn heard_nothing_more(&mut self) -> bool {
        self.settled.try_recv().is_err()
    }
}

pub fn settings(secrets: StepSecrets) -> Settings {
    let vault = Vault::from([(("book".to_owned(), "step".to_owned()), secrets)]);
    Settings { vault, ..Settings::default() }
}

pub fn key(number: u32) -> StepKey {
    StepKey { run: "run_1".to_owned(), step: number, attempt: 1 }
}

pub fn step(number: u32, timeout_ms: u64, call: Call) -> StepCall {
    let (runbook, name) = ("book".to_owned(), "step".to_owned());
    StepCall { key: key(number), runbook, identity: 0, name, timeout_ms, call }
}

/// What becomes of one step, which is told once.
pub async fn outcome(secrets: StepSecrets, timeout_ms: u64, call: Call) -> Outcome {
    let mut rig = Rig::new(secrets);
    rig.runner.run(step(0, timeout_ms, call));
    let (told, outcome) = rig.next().await;
    assert_eq!(told, key(0));
    rig.runner.drain(Duration::ZERO).await;
    assert!(rig.heard_nothing_more(), "told once");
    outcome
}

pub fn command(argv: &[&str]) -> CommandCall {
    CommandCall {
        argv: argv.iter().map(|one| (*one).to_owned()).collect(),
        env: vec![("EVENKEEL_RUN".to_owned(), key(0).to_string())],
        secrets: Vec::new(),
        stdin: "{}\n".to_owned(),
        user: None,
        folder: "/".to_owned(),
        bounds: Bounds::default(),
    }
}

/// With a minute, which nothing here needs.
pub async fn run(call: CommandCall) -> Outcome {
    outcome(StepSecrets::default(), 60_000, Call::Command(call)).await
}

/// A test that needs Python is left out where there is none.
pub fn has_python() -> bool {
    let is_there = std::path::Path::new(PYTHON).exists();
    if !is_there {
        eprintln!("left out: {PYTHON} is not there");
    }
    is_there
}

/// Where programs say that they are under way.
pub struct Lookout(TcpListener);

impl Lookout {
    pub async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// To be put before a Python program, which then says `ready()`.
    pub fn python(&self, program: &str) -> String {
        let port = self.0.local_addr().unwrap().port();
        format!(
            "import os, signal, socket, sys, time\n\
             def ready():\n    s = socket.create_connection(('127.0.0.1', {port}))\n    s.sendall(b'ready\\n')\n    return s\n\
             {program}"
        )
    }

    pub async fn ready(&self) -> Seen {
        let seen = timeout(Duration::from_secs(30), self.0.accept()).await.expect("a program under way");
        let mut stream = BufReader::new(seen.unwrap().0);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line, "ready\n");
        Seen(stream)
    }
}

/// A program that is under way.
pub struct Seen(BufReader<TcpStream>);

impl Seen {
    /// All processes that hold the connection have ended.
    pub async fn dies(mut self) {
        let mut rest = Vec::new();
        let end = timeout(Duration::from_secs(30), self.0.read_to_end(&mut rest)).await;
        let _ = end.expect("its end");
    }
}

pub fn secret(text: &str) -> Secret {
    Secret::new(text)
}

/// A folder of its own for a test, gone with it.
pub struct Folder(pub std::path::PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evenkeel-runner-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Written by another process: a file that is open for writing in this one can not be executed.
    pub fn file(&self, name: &str, mode: &str, content: &str) -> String {
        let path = self.path(name);
        let script = "printf %s \"$3\" > \"$1\" && chmod \"$2\" \"$1\"";
        let argv = ["-c", script, "sh", &path, mode, content];
        assert!(std::process::Command::new("/bin/sh").args(argv).status().unwrap().success());
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
