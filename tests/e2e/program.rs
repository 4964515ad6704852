//! The program under test: started on free ports, stopped by its process id.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long a command that ends by itself may take; the demo needs most of a minute.
const COMMAND_MAX: Duration = Duration::from_secs(180);

/// A folder of its own below the target folder, removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("e2e-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

pub fn program() -> Command {
    let built = env!("CARGO_BIN_EXE_evenkeel");
    let mut command = Command::new(std::env::var_os("EVENKEEL_BIN").unwrap_or(built.into()));
    for variable in ["CONFIG", "URL", "TOKEN_FILE", "CA_FILE", "CERT_FILE", "KEY_FILE"]
        .map(|name| format!("EVENKEEL_{name}"))
    {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

/// How a command ended and what it said.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end.
pub fn ran(command: &mut Command) -> Ran {
    let scratch = Scratch::new();
    let (out, err) = (scratch.path("out"), scratch.path("err"));
    let file = |path: &Path| std::fs::File::create(path).unwrap();
    let mut child = command.stdout(file(&out)).stderr(file(&err)).spawn().unwrap();
    let begin = Instant::now();
    let code = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.code(),
            None if begin.elapsed() > COMMAND_MAX => {
                child.kill().unwrap();
                panic!("gave up waiting: {command:?}\n{}", std::fs::read_to_string(err).unwrap());
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    Ran { code, out: text(&out), err: text(&err) }
}

pub struct Daemon {
    child: Child,
    ready: Value,
    client: reqwest::Client,
    scratch: Scratch,
}

impl Daemon {
    /// Runs with these documents added to free ports.
    pub async fn start(documents: &str) -> Self {
        let scratch = Scratch::new();
        if documents.is_empty() {
            return Self::start_with(scratch, ["run"]).await;
        }
        let file = scratch.write("evenkeel.yaml", documents);
        Self::start_with(scratch, ["run".as_ref(), "-c".as_ref(), file.as_os_str()]).await
    }

    /// Runs with these arguments on free ports.
    pub async fn start_with(scratch: Scratch, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let ready_file = scratch.path("ready.json");
        let mut command = program();
        command.args(args).args(["--ready-file".as_ref(), ready_file.as_os_str()]);
        for listener in ["OTLP_GRPC", "OTLP_HTTP", "HTTP"] {
            command.env(format!("EVENKEEL_LISTEN__{listener}"), "127.0.0.1:0");
        }
        command.env("EVENKEEL_DATA_DIR", scratch.path("data"));
        command.stderr(std::fs::File::create(scratch.path("stderr")).unwrap());
        let child = command.spawn().unwrap();
        let text = until("the daemon is ready", || async { std::fs::read_to_string(&ready_file).ok() }).await;
        let ready = serde_json::from_str(&text).unwrap();
        let client = evenkeel::respond::client().unwrap();
        Self { child, ready, client, scratch }
    }

    pub fn address(&self, listener: &str) -> &str {
        self.ready[listener].as_str().unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address("http"))
    }

    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// What it has said on standard error so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.scratch.path("stderr")).unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.client.get(self.url(path)).send().await.unwrap().json().await.unwrap()
    }

    pub async fn text(&self, path: &str) -> String {
        self.client.get(self.url(path)).send().await.unwrap().text().await.unwrap()
    }

    /// Status and text of a path on the page's port.
    pub async fn status(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(self.url(path)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub async fn counts(&self) -> Value {
        self.get("/api/v1/counts").await
    }

    /// Posts one export request; the status and the answer.
    pub async fn export(&self, signal: &str, kind: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let url = format!("http://{}/v1/{signal}", self.address("otlp_http"));
        let answer = self.client.post(url).header("content-type", kind).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// `VmRSS:` is what it takes now, `VmHWM:` the most it took.
    pub fn memory_kb(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, and the exit code.
    pub async fn stop(mut self) -> Option<i32> {
        let sent = Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success());
        let child = &mut self.child;
        let mut ended = || child.try_wait().unwrap();
        until("the daemon has ended", || std::future::ready(ended())).await.code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Asks until there is an answer; waits for the condition, never for luck.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The books of an answer to `/api/v1/counts` balance.
pub fn assert_books_balance(counts: &Value) {
    let number = |value: &Value| value.as_u64().unwrap();
    let mut accepted = 0;
    for items in counts["items"].as_object().unwrap().values() {
        let sum: u64 =
            ["accepted", "duplicate", "refused", "rejected"].iter().map(|one| number(&items[*one])).sum();
        assert_eq!(number(&items["offered"]), sum, "{items}");
        accepted += number(&items["accepted"]);
    }
    let events = &counts["events"];
    let parts = ["filtered", "informational", "warning", "exception", "future"];
    let sum: u64 = parts.iter().map(|one| number(&events[*one])).sum();
    assert_eq!((number(&events["received"]), accepted), (sum, sum), "{events}");
    for slo in counts["slos"].as_array().unwrap() {
        assert_eq!(number(&slo["total"]), number(&slo["good"]) + number(&slo["bad"]), "{slo}");
    }
}
