//! Talking to a running daemon.

use serde_json::Value;

use super::Exit;
use super::args::{Global, Output};
use crate::respond;
use crate::send::{self, SendArgs, SendError};

/// What the daemon answered, or the exit code after the trouble was told.
pub(super) async fn get(global: &Global, path: &str) -> Result<Value, Exit> {
    let url = format!("{}{path}", global.url.trim_end_matches('/'));
    let client = respond::open_client().map_err(|error| {
        eprintln!("error: set up the HTTP client: {error}");
        Exit::OurFault
    })?;
    let answer = client.get(&url).send().await.map_err(|error| {
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
    Err(Exit::No)
}

pub(super) async fn send(global: &Global, args: &SendArgs) -> Exit {
    let client = match respond::open_client() {
        Ok(client) => client,
        Err(error) => {
            eprintln!("error: set up the HTTP client: {error}");
            return Exit::OurFault;
        }
    };
    let mut silence = std::io::sink();
    let mut narration = std::io::stderr();
    let progress: &mut (dyn std::io::Write + Send) = if global.quiet { &mut silence } else { &mut narration };
    match send::run(args, &client, progress).await {
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
            }
        }
    }
}
