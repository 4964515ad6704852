//! The program under test: started on free ports, stopped by its process id.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
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

/// Built from the C of that name, for it takes libc's place: to be named by `LD_PRELOAD`.
pub fn shim(scratch: &Scratch, name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/e2e/{name}.c"));
    let built = scratch.path(&format!("{name}.so"));
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&built).arg(source).status();
    assert!(compiled.unwrap().success());
    built
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

/// One process of `run`; killed when it is dropped.
pub struct Life {
    child: Child,
    ready_file: PathBuf,
    stderr: PathBuf,
}

impl Life {
    /// On free ports, with its state, its words and the file that says when it is ready in this folder, unless `args`
    /// or `env` say otherwise.
    pub fn begin(
        scratch: &Scratch,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        env: &[(&str, &OsStr)],
    ) -> Self {
        let (ready_file, stderr) = (scratch.path("ready.json"), scratch.path("stderr"));
        let _not_there = std::fs::remove_file(&ready_file);
        let mut command = program();
        command.args(args).args(["--ready-file".as_ref(), ready_file.as_os_str()]);
        for listener in ["OTLP_GRPC", "OTLP_HTTP", "HTTP"] {
            command.env(format!("EVENKEEL_LISTEN__{listener}"), "127.0.0.1:0");
        }
        command.env("EVENKEEL_DATA_DIR", scratch.path("data")).envs(env.iter().copied());
        let words = std::fs::OpenOptions::new().create(true).append(true).open(&stderr).unwrap();
        let child = command.stderr(words).spawn().unwrap();
        Self { child, ready_file, stderr }
    }

    /// Where it listens, once it accepts; or how it ended before.
    pub async fn ready(&mut self) -> Result<Value, ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Ok(text) = std::fs::read_to_string(&self.ready_file) {
                return Ok(serde_json::from_str(&text).unwrap());
            }
            if let Some(ended) = self.child.try_wait().unwrap() {
                return Err(ended);
            }
            assert!(begun.elapsed() < PATIENCE, "it is not ready: {}", self.said());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// What it, and who was in this folder before it, has said on standard error so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("it has ended", || std::future::ready(child.try_wait().unwrap())).await
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name]).arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub struct Daemon {
    life: Life,
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

    /// With these documents, and a state that outlives it in the other folder.
    pub async fn start_on(folder: &Scratch, documents: &str) -> Self {
        let scratch = Scratch::new();
        let file = scratch.write("evenkeel.yaml", documents);
        let data = folder.path("data");
        let args = ["run".as_ref(), "-c".as_ref(), file.as_os_str(), "--data-dir".as_ref(), data.as_os_str()];
        Self::start_with(scratch, args).await
    }

    /// Runs with these arguments on free ports.
    pub async fn start_with(scratch: Scratch, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self::start_as(scratch, args, &[]).await
    }

    /// And with these variables.
    pub async fn start_as(
        scratch: Scratch,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        env: &[(&str, &OsStr)],
    ) -> Self {
        let mut life = Life::begin(&scratch, args, env);
        let ready = match life.ready().await {
            Ok(ready) => ready,
            Err(ended) => panic!("it ended by itself, {ended}: {}", life.said()),
        };
        let client = evenkeel::respond::client().unwrap();
        Self { life, ready, client, scratch }
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
        self.life.said()
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
        self.life.pid()
    }

    pub fn signal(&self, name: &str) {
        self.life.signal(name);
    }

    /// SIGTERM, and the exit code.
    pub async fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.life.ended().await.code()
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
