//! How the end of what was taken is learned: by asking, with pauses that grow.

use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::http::{Peer, ended};
use crate::runbook::{End, Outcome};

/// What an answer says of the end.
enum Seen {
    Ended(End, String),
    /// And how far it is.
    GoesOn(String),
}

/// What is asked after.
struct Asked<'a> {
    /// `execution 7`, for people.
    what: &'a str,
    url: &'a str,
    /// Why it may not have been taken at all.
    doubt: Option<String>,
    seen: fn(&Value) -> Seen,
    /// The part of an answer that people are shown.
    shown: fn(&Value) -> &Value,
}

/// An execution of Rundeck; `answer` has its number.
pub(super) async fn rundeck(peer: &Peer<'_>, before: &str, answer: &[u8]) -> Outcome {
    let json: Value = serde_json::from_slice(answer).unwrap_or_default();
    let id = match &json["id"] {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    let is_plain = (1..=64).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    if !is_plain {
        let why = "was taken, and the answer has no `id` to ask after".to_owned();
        return ended(End::Unknown, why, peer.excerpt(answer));
    }
    let (what, url) = (format!("execution {id}"), format!("{before}/{id}"));
    let asked = Asked { what: &what, url: &url, doubt: None, seen: rundeck_seen, shown: |json| json };
    follow(peer, asked).await
}

/// A Job of Kubernetes, known by its name. `doubt`: why it may not be there.
pub(super) async fn job(peer: &Peer<'_>, url: &str, doubt: Option<String>) -> Outcome {
    let what = format!("Job {}", url.rsplit('/').next().unwrap_or_default());
    let asked = Asked { what: &what, url, doubt, seen: job_seen, shown: |json| &json["status"] };
    follow(peer, asked).await
}

async fn follow(peer: &Peer<'_>, asked: Asked<'_>) -> Outcome {
    let what = asked.what;
    let left = || peer.until.saturating_duration_since(Instant::now());
    let mut pause = peer.pace.poll.min(left() / 2);
    let (mut state, mut output) = (None, String::new());
    let mut trouble = "its time was over".to_owned();
    loop {
        sleep(pause.min(left())).await;
        if left().is_zero() {
            break;
        }
        match peer.ask(asked.url).await {
            Ok((status, body)) if status.is_success() => {
                let json: Value = serde_json::from_slice(&body).unwrap_or_default();
                output = peer.excerpt((asked.shown)(&json).to_string().as_bytes());
                match (asked.seen)(&json) {
                    Seen::Ended(end, why) => {
                        return ended(end, peer.excerpt(format!("{what} {why}").as_bytes()), output);
                    }
                    Seen::GoesOn(how) => state = Some(how),
                }
            }
            Ok((status, body)) if is_final(status) => {
                let output = peer.excerpt(&body);
                return match asked.doubt.filter(|_| status == StatusCode::NOT_FOUND && state.is_none()) {
                    Some(doubt) => ended(End::Failed, format!("{doubt}, and {what} is not there"), output),
                    None => {
                        let why = format!("was taken, and asked for {what} it answered {status}");
                        ended(End::Unknown, why, output)
                    }
                };
            }
            Ok((status, _)) => trouble = format!("answered {status}"),
            // The last question may have had no time for an answer.
            Err(why) if !left().is_zero() => trouble = why,
            Err(_) => {}
        }
        pause = (pause * 2).clamp(peer.pace.poll, peer.pace.poll_max);
    }
    match (state, asked.doubt) {
        (Some(state), _) => {
            let why = peer.excerpt(format!("{what} was still {state} when its time was over").as_bytes());
            ended(End::TimedOut, why, output)
        }
        (None, doubt) => {
            let taken = doubt.unwrap_or_else(|| "was taken".to_owned());
            ended(End::Unknown, format!("{taken}, and nobody could be asked for {what}: {trouble}"), output)
        }
    }
}

/// Asking again does not help.
fn is_final(status: StatusCode) -> bool {
    let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    !status.is_server_error() && !later.contains(&status)
}

fn rundeck_seen(execution: &Value) -> Seen {
    let status = execution["status"].as_str().unwrap_or("in a state that it does not tell");
    match status {
        "succeeded" => Seen::Ended(End::Succeeded, "succeeded".to_owned()),
        "timedout" => Seen::Ended(End::TimedOut, "took longer than Rundeck gives it".to_owned()),
        "failed" | "failed-with-retry" | "aborted" | "incomplete" | "missed" => {
            Seen::Ended(End::Failed, format!("ended as `{status}`"))
        }
        going => Seen::GoesOn(format!("`{going}`")),
    }
}

fn job_seen(job: &Value) -> Seen {
    let status = &job["status"];
    let is_true = |kind: &str| {
        let conditions = status["conditions"].as_array();
        conditions.into_iter().flatten().find(|one| one["type"] == kind && one["status"] == "True")
    };
    if let Some(failed) = is_true("Failed") {
        let told = ["reason", "message"].map(|name| failed[name].as_str().unwrap_or_default());
        let told = told.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
        return Seen::Ended(End::Failed, format!("failed: {told}").trim_end_matches(": ").to_owned());
    }
    let (succeeded, wanted) = (status["succeeded"].as_u64(), job["spec"]["completions"].as_u64());
    if is_true("Complete").is_some() || succeeded.unwrap_or(0) >= wanted.unwrap_or(1).max(1) {
        return Seen::Ended(End::Succeeded, "succeeded".to_owned());
    }
    let count = |name: &str| status[name].as_u64().unwrap_or(0);
    Seen::GoesOn(match (count("active"), count("failed")) {
        (0, 0) => "waiting to begin".to_owned(),
        (active, failed) => format!("going on, with {active} of its pods active and {failed} failed"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(seen: Seen) -> String {
        match seen {
            Seen::Ended(end, why) => format!("{}: {why}", end.as_str()),
            Seen::GoesOn(how) => how,
        }
    }

    #[test]
    fn a_job_has_ended_when_all_its_completions_have_or_a_condition_says_so() {
        let condition = |kind: &str, status: &str| json!([{"type": kind, "status": status, "reason": "BackoffLimitExceeded", "message": "too often"}]);
        for (job, expected) in [
            (json!({}), "waiting to begin"),
            (json!({"status": {"active": 1}}), "going on, with 1 of its pods active and 0 failed"),
            (json!({"status": {"succeeded": 1}}), "succeeded: succeeded"),
            (
                json!({"spec": {"completions": 3}, "status": {"succeeded": 2, "active": 1}}),
                "going on, with 1 of its pods active and 0 failed",
            ),
            (json!({"spec": {"completions": 3}, "status": {"succeeded": 3}}), "succeeded: succeeded"),
            (json!({"status": {"conditions": condition("Complete", "True")}}), "succeeded: succeeded"),
            (
                json!({"status": {"conditions": condition("Failed", "False"), "failed": 1}}),
                "going on, with 0 of its pods active and 1 failed",
            ),
            (
                json!({"status": {"conditions": condition("Failed", "True")}}),
                "failed: failed: BackoffLimitExceeded: too often",
            ),
            (json!({"status": {"conditions": [{"type": "Failed", "status": "True"}]}}), "failed: failed"),
            (json!([1]), "waiting to begin"),
        ] {
            assert_eq!(told(job_seen(&job)), expected, "{job}");
        }
    }
}
