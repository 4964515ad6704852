//! Talking to a running daemon.

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::Value;

use super::Exit;
use super::args::{Global, Output};
use crate::door::token_in;
use crate::respond;
use crate::send::{self, SendArgs, SendError};

/// Who we are to the daemon.
struct Caller {
    client: reqwest::Client,
    authorization: Option<HeaderValue>,
}

impl Caller {
    /// The exit code after the trouble was told.
    fn new(global: &Global) -> Result<Self, Exit> {
        let authorization = authorization(global)?;
        let mut headers = HeaderMap::new();
        headers.extend(authorization.clone().map(|value| (AUTHORIZATION, value)));
        let client = respond::open_client().default_headers(headers).build().map_err(|error| {
            eprintln!("error: set up the HTTP client: {error}");
            Exit::OurFault
        })?;
        Ok(Self { client, authorization })
    }
}

fn authorization(global: &Global) -> Result<Option<HeaderValue>, Exit> {
    let Some(path) = global.token_file.as_ref().filter(|path| !path.as_os_str().is_empty()) else {
        return Ok(None);
    };
    let bad = |why: String| {
        eprintln!("error: the token file {}: {why}", path.display());
        Exit::Usage
    };
    let text = std::fs::read_to_string(path).map_err(|error| bad(format!("it can not be read: {error}")))?;
    let token = token_in(&text).map_err(|why| bad(format!("it {why}")))?;
    let mut value =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| bad("it is no header".into()))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// What the daemon answered, or the exit code after the trouble was told.
pub(super) async fn get(global: &Global, path: &str) -> Result<Value, Exit> {
    let url = format!("{}{path}", global.url.trim_end_matches('/'));
    let caller = Caller::new(global)?;
    let answer = caller.client.get(&url).send().await.map_err(|error| {
        eprintln!("error: no daemon answers at {}: {error}\n  hint: start one with `evenkeel run`, or name it with --url", global.url);
        Exit::Unreachable
    })?;
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
    if matches!(status, reqwest::StatusCode::UNAUTHORIZED | reqwest::StatusCode::FORBIDDEN) {
        eprintln!("  hint: name a file with a token of role `viewer` with --token-file");
        return Err(Exit::NotPermitted);
    }
    Err(Exit::No)
}

pub(super) async fn send(global: &Global, args: &SendArgs) -> Exit {
    let caller = match Caller::new(global) {
        Ok(caller) => caller,
        Err(exit) => return exit,
    };
    let mut silence = std::io::sink();
    let mut narration = std::io::stderr();
    let progress: &mut (dyn std::io::Write + Send) = if global.quiet { &mut silence } else { &mut narration };
    match send::run(args, &caller.client, caller.authorization.as_ref(), progress).await {
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
