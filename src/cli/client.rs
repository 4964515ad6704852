//! Talking to a running daemon.

use std::path::{Path, PathBuf};

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde_json::Value;

use super::Exit;
use super::args::{Global, Output, ReloadArgs};
use super::reach::{Trouble, trouble};
use crate::door::token_in;
use crate::respond;
use crate::send::{self, Credentials, SendArgs, SendError};

/// Who we are to the daemon, and how we know it.
struct Caller {
    client: reqwest::Client,
    credentials: Credentials,
}

impl Caller {
    /// The exit code after the trouble was told.
    fn new(global: &Global) -> Result<Self, Exit> {
        Self::of(global).map_err(|why| {
            eprintln!("error: {why}");
            Exit::Usage
        })
    }

    fn of(global: &Global) -> Result<Self, String> {
        let read = |path: &Option<PathBuf>, what| {
            let path = path.as_deref().filter(|path| !path.as_os_str().is_empty());
            path.map(|path| bytes(path, what)).transpose()
        };
        let authorization = read(&global.token_file, "token file")?.map(|text| {
            let text = String::from_utf8(text).unwrap_or_default();
            bearer(&text).map_err(|why| format!("the token file {why}"))
        });
        let (cert, key) = (read(&global.cert_file, "certificate file")?, read(&global.key_file, "key file")?);
        let credentials = Credentials {
            authorization: authorization.transpose()?,
            ca: read(&global.ca_file, "CA file")?,
            identity: cert.zip(key),
        };
        let client = client(&credentials)?;
        Ok(Self { client, credentials })
    }
}

fn bytes(path: &Path, what: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("the {what} {} can not be read: {error}", path.display()))
}

fn bearer(text: &str) -> Result<HeaderValue, &'static str> {
    let token = token_in(text)?;
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| "holds no token")?;
    value.set_sensitive(true);
    Ok(value)
}

fn client(credentials: &Credentials) -> Result<reqwest::Client, String> {
    let mut builder = respond::open_client();
    if let Some(value) = &credentials.authorization {
        builder = builder.default_headers([(AUTHORIZATION, value.clone())].into_iter().collect());
    }
    if let Some(pem) = &credentials.ca {
        let authorities = reqwest::Certificate::from_pem_bundle(pem).ok().filter(|found| !found.is_empty());
        builder = builder.tls_certs_only(authorities.ok_or("the CA file holds no certificate")?);
    }
    if let Some((cert, key)) = &credentials.identity {
        let identity = reqwest::Identity::from_pem(&[key.as_slice(), b"\n", cert].concat());
        let why = "the certificate file and the key file hold no certificate and key";
        builder = builder.identity(identity.map_err(|_| why)?);
    }
    builder.build().map_err(|error| format!("set up the HTTP client: {error}"))
}

/// What the daemon answered, or the exit code after the trouble was told.
pub(super) async fn get(global: &Global, path: &str) -> Result<Value, Exit> {
    ask(global, Method::GET, path).await
}

/// Has the daemon read its configuration again, and tells what differs or what is wrong.
pub(super) async fn reload(global: &Global, args: &ReloadArgs) -> Exit {
    let _the_answer_is_the_end_of_it = args.wait;
    let answer = match ask(global, Method::POST, "/api/v1/reload").await {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let lines = |key: &str| {
        let lines = answer[key].as_array().into_iter().flatten();
        lines.filter_map(|line| line.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    lines("warnings").iter().for_each(|line| eprintln!("warning: {line}"));
    if global.output != Output::Human {
        println!("{answer}");
        return Exit::Done;
    }
    lines("changes").iter().for_each(|line| println!("{line}"));
    if lines("changes").is_empty() {
        println!("nothing differs");
    }
    Exit::Done
}

/// An answer that comes piece by piece.
pub(super) async fn open(global: &Global, path: &str) -> Result<reqwest::Response, Exit> {
    let answer = request(global, Method::GET, path, None).await?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    Err(told(global, path, answer, Exit::Usage).await.err().unwrap_or(Exit::OurFault))
}

async fn ask(global: &Global, method: Method, path: &str) -> Result<Value, Exit> {
    let answer = request(global, method, path, None).await?;
    told(global, path, answer, Exit::Usage).await
}

/// As [`get`], for what changes something.
pub(super) async fn post(global: &Global, path: &str, body: &Value) -> Result<Value, Exit> {
    let answer = request(global, Method::POST, path, Some(body)).await?;
    told(global, path, answer, Exit::No).await
}

async fn request(
    global: &Global,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<reqwest::Response, Exit> {
    let url = format!("{}{path}", global.url.trim_end_matches('/'));
    let caller = Caller::new(global)?;
    let mut request = caller.client.request(method, &url);
    if let Some(body) = body {
        request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
    }
    request.send().await.map_err(|error| {
        let Trouble { why, hint, answers } = trouble(&url, &error.without_url());
        let what = if answers { "no talking to the daemon" } else { "no daemon answers" };
        eprintln!("error: {what} at {}: {why}\n  hint: {hint}", global.url);
        Exit::Unreachable
    })
}

/// What it says, unless it refuses. `mistaken` is how we end where it can not read what was asked.
async fn told(global: &Global, path: &str, answer: reqwest::Response, mistaken: Exit) -> Result<Value, Exit> {
    let url = format!("{}{path}", global.url.trim_end_matches('/'));
    let status = answer.status();
    if status == reqwest::StatusCode::SERVICE_UNAVAILABLE {
        eprintln!("error: the daemon at {} is busy or stopping; try again", global.url);
        return Err(Exit::Unreachable);
    }
    let body: Value = answer.json().await.map_err(|error| {
        eprintln!("error: {url} answered {status}, and not as Evenkeel does: {error}");
        Exit::Unreachable
    })?;
    if status.is_success() {
        return Ok(body);
    }
    eprintln!("error: {}", body["error"].as_str().unwrap_or("the daemon refused"));
    for line in body["diagnostics"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        eprintln!("error: {line}");
    }
    if status == reqwest::StatusCode::BAD_REQUEST {
        return Err(mistaken);
    }
    if status == reqwest::StatusCode::UNPROCESSABLE_ENTITY {
        return Err(Exit::BadConfiguration);
    }
    if matches!(status, reqwest::StatusCode::UNAUTHORIZED | reqwest::StatusCode::FORBIDDEN) {
        let role = "name a file with a token of role `viewer`, or of `operator` for what changes something, with --token-file";
        eprintln!("  hint: {}", body["hint"].as_str().unwrap_or(role));
        return Err(Exit::NotPermitted);
    }
    Err(Exit::No)
}

/// What a daemon says of itself.
pub(super) enum Readiness {
    Ready,
    /// And why.
    NotReady(String),
}

/// An error says why none answers.
pub(super) async fn readiness(global: &Global, url: &str) -> Result<Readiness, Trouble> {
    let url = format!("{}/readyz", url.trim_end_matches('/'));
    let caller = Caller::of(global);
    let caller =
        caller.map_err(|why| Trouble { why, hint: "look at the files that are named", answers: false })?;
    let answer = caller.client.get(&url).send().await;
    let answer = answer.map_err(|error| trouble(&url, &error.without_url()))?;
    if answer.status().is_success() {
        return Ok(Readiness::Ready);
    }
    let said = answer.text().await.unwrap_or_default();
    let said = said.trim();
    Ok(Readiness::NotReady(said.strip_prefix("not ready: ").unwrap_or(said).to_owned()))
}

pub(super) async fn send(global: &Global, args: &SendArgs) -> Exit {
    let caller = match Caller::new(global) {
        Ok(caller) => caller,
        Err(exit) => return exit,
    };
    let mut silence = std::io::sink();
    let mut narration = std::io::stderr();
    let progress: &mut (dyn std::io::Write + Send) = if global.quiet { &mut silence } else { &mut narration };
    match send::run(args, &caller.client, &caller.credentials, progress).await {
        Ok(report) => {
            if global.output != Output::Human {
                println!("{}", serde_json::to_string(&report).unwrap_or_default());
            }
            if report.failed == 0 && report.rejected == 0 { Exit::Done } else { Exit::No }
        }
        Err(error) => {
            eprintln!("error: {error}");
            match error {
                SendError::Unreachable { .. } => Exit::Unreachable,
                SendError::BadEndpoint { .. } => Exit::Usage,
                SendError::Denied { .. } => {
                    eprintln!("  hint: name a file with a token of role `ingest` with --token-file");
                    Exit::NotPermitted
                }
            }
        }
    }
}
