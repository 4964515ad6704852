//! Systems that runbooks call, from a step as it is declared to what they are sent, and how their end is learned.

use serde_json::{Value, json};

use super::requests::{http, polled};
use super::*;
use crate::respond::tests::server::{Say, Server};
use crate::runbook::{Action, Body, Http, Occasion, Param, Params, Poll, Rule, Runbook, Step, Target, Text};

const SECRET: &str = "a-token-of-ours";

/// A step of a kind, with one parameter that holds what somebody else has written.
fn declared(target: Target, url: &str, body: Body, secret_header: (&str, &str)) -> StepCall {
    let text = |text: &str| Text::parse(text).unwrap();
    let http = Http {
        target,
        method: "POST".to_owned(),
        url: text(url),
        headers: Vec::new(),
        body,
        secret_header: Some((secret_header.0.to_owned(), secret_header.1.to_owned())),
        is_signed: false,
    };
    let step = Step {
        name: "step".to_owned(),
        action: Action::Http(http),
        timeout_ms: 10_000,
        attempts: 1,
        pause_ms: 0,
        is_idempotent: false,
    };
    let unit = Param {
        name: "unit".to_owned(),
        from: crate::runbook::From::Service,
        rule: Rule::pattern(".*", 256).unwrap(),
    };
    let book = Runbook {
        name: "book".to_owned(),
        description: String::new(),
        triggers: Vec::new(),
        params: vec![unit],
        target: None,
        limits: crate::runbook::Limits::default(),
        approval: None,
        is_destructive: false,
        watch_s: 0,
        manual_s: 0,
        steps: vec![step],
        identity: 1,
        declared_at: "book.yaml:1:1".to_owned(),
    };
    // A Job takes no `$`.
    let service = if target == Target::KubernetesJob { r#"a"b\;(id)"# } else { r#"a"b\;$(id)"# };
    let occasion = Occasion { service: service.to_owned(), ..Occasion::default() };
    let values = book.values(&Params::new(), &occasion).unwrap();
    book.call(key(0), &values, &occasion).unwrap().unwrap()
}

async fn done(step: StepCall) -> Outcome {
    let secrets = StepSecrets { header: Some(secret(SECRET)), ..StepSecrets::default() };
    outcome(secrets, step.timeout_ms, step.call).await
}

fn body(json: Value) -> Body {
    Body::Json(json.to_string())
}

#[tokio::test]
async fn rundeck_runs_a_job_and_is_asked_until_it_has_ended() {
    let mut server = Server::start([
        Say::Full(200, "", r#"{"id":7,"status":"running"}"#),
        Say::Full(200, "", r#"{"id":7,"status":"running"}"#),
        Say::Status(503),
        Say::Full(200, "", r#"{"id":7,"status":"succeeded"}"#),
    ])
    .await;
    let options = body(json!({"options": {"unit": "{{ unit }}"}}));
    let url = format!("{}/api/41/job/u-1/executions", server.url);
    let outcome = done(declared(Target::Rundeck, &url, options, ("X-Rundeck-Auth-Token", ""))).await;
    assert_eq!((outcome.end, &*outcome.why), (End::Succeeded, "execution 7 succeeded"));
    assert_eq!(outcome.output, r#"{"id":7,"status":"succeeded"}"#);
    let run = server.next().await;
    assert!(run.head.starts_with("post /api/41/job/u-1/executions http/1.1"), "{}", run.head);
    assert_eq!(run.header("x-rundeck-auth-token"), Some(SECRET));
    assert_eq!(run.header("accept"), Some("application/json"));
    assert_eq!(run.json(), json!({"options": {"unit": r#"a"b\;$(id)"#}}));
    for _ in 0..3 {
        let asked = server.next().await;
        assert!(asked.head.starts_with("get /api/41/execution/7 http/1.1"), "{}", asked.head);
        assert_eq!(asked.header("x-rundeck-auth-token"), Some(SECRET));
        assert_eq!(asked.header("accept"), Some("application/json"));
    }
    assert!(server.heard_nothing_more());
}

#[tokio::test]
async fn what_rundeck_says_of_the_end_is_the_end_and_silence_is_none() {
    let taken = Say::Full(200, "", r#"{"id":"7","status":"running"}"#);
    let ends = |status: &'static str| Say::Full(200, "", status);
    let cases = [
        (ends(r#"{"status":"failed"}"#), End::Failed, "execution 7 ended as `failed`"),
        (ends(r#"{"status":"aborted"}"#), End::Failed, "execution 7 ended as `aborted`"),
        (ends(r#"{"status":"timedout"}"#), End::TimedOut, "execution 7 took longer than Rundeck gives it"),
        (Say::Status(403), End::Unknown, "was taken, and asked for execution 7 it answered 403 Forbidden"),
        (Say::Status(302), End::Unknown, "was taken, and asked for execution 7 it answered 302 Found"),
    ];
    let secrets = || StepSecrets { header: Some(secret(SECRET)), ..StepSecrets::default() };
    for (say, end, expected) in cases {
        let server = Server::start([taken.clone(), say]).await;
        let call = polled(&server, Poll::Rundeck { before: format!("{}/execution", server.url) });
        let outcome = outcome(secrets(), 10_000, Call::Http(call)).await;
        assert_eq!((outcome.end, &*outcome.why), (end, expected));
    }
    let going = Say::Full(200, "", r#"{"status":"running"}"#);
    for (taken, asked, end, expected) in [
        (&taken, going, End::TimedOut, "execution 7 was still `running` when its time was over"),
        (
            &taken,
            Say::Status(500),
            End::Unknown,
            "was taken, and nobody could be asked for execution 7: answered 500 Internal Server Error",
        ),
        (
            &Say::Full(200, "", "<html>"),
            Say::Hang,
            End::Unknown,
            "was taken, and the answer has no `id` to ask after",
        ),
        (
            &Say::Full(200, "", r#"{"id":"../../x"}"#),
            Say::Hang,
            End::Unknown,
            "was taken, and the answer has no `id` to ask after",
        ),
    ] {
        let server = Server::start([vec![taken.clone()], vec![asked; 1_000]].concat()).await;
        let call = polled(&server, Poll::Rundeck { before: format!("{}/execution", server.url) });
        let outcome = outcome(secrets(), 1_000, Call::Http(call)).await;
        assert_eq!((outcome.end, &*outcome.why), (end, expected));
    }
}

#[tokio::test]
async fn a_job_is_made_under_its_own_name_and_followed_to_its_end() {
    let mut server = Server::start([
        Say::Status(201),
        Say::Full(200, "", r#"{"metadata":{"managedFields":[]},"status":{"active":1}}"#),
        Say::Full(200, "", r#"{"status":{"succeeded":1}}"#),
    ])
    .await;
    let job = body(json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [
            {"name": "restart", "image": "tools:1", "args": ["{{ unit }}"]}]}}},
    }));
    let url = format!("{}/apis/batch/v1/namespaces/ops/jobs", server.url);
    let outcome = done(declared(Target::KubernetesJob, &url, job, ("Authorization", "Bearer "))).await;
    let made = server.next().await;
    assert!(made.head.starts_with("post /apis/batch/v1/namespaces/ops/jobs http/1.1"), "{}", made.head);
    let name = made.json()["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name.len() <= 63 && name.starts_with("evenkeel-"), "{name}");
    let args = &made.json()["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(args, &json!([r#"a"b\;(id)"#]));
    let asked = server.next().await;
    assert!(
        asked.head.starts_with(&format!("get /apis/batch/v1/namespaces/ops/jobs/{name} ")),
        "{}",
        asked.head
    );
    assert_eq!(asked.header("authorization"), Some("bearer a-token-of-ours"));
    assert_eq!((outcome.end, outcome.why), (End::Succeeded, format!("Job {name} succeeded")));
    assert_eq!(outcome.output, r#"{"succeeded":1}"#);
}

/// Scenario: the answer about a new Job is a conflict, or there is none.
/// Guarantees: the Job's name tells whether it is there, and what became of it.
#[tokio::test]
async fn a_job_that_may_be_there_is_known_by_its_name() {
    const DONE: &str = r#"{"status":{"succeeded":1}}"#;
    const BROKEN: &str = r#"{"status":{"conditions":[{"type":"Failed","status":"True","reason":"DeadlineExceeded","message":"too slow"}]}}"#;
    let full = |text: &'static str| Say::Full(200, "", text);
    for (made, asked, end, expected) in [
        (Say::Status(409), full(DONE), End::Succeeded, "Job j-1 succeeded"),
        (Say::Status(409), full(BROKEN), End::Failed, "Job j-1 failed: DeadlineExceeded: too slow"),
        (Say::Status(500), full(DONE), End::Succeeded, "Job j-1 succeeded"),
        (
            Say::Status(504),
            Say::Status(404),
            End::Failed,
            "answered 504 Gateway Timeout, and Job j-1 is not there",
        ),
        (Say::Hang, full(DONE), End::Succeeded, "Job j-1 succeeded"),
        (Say::Hang, Say::Status(404), End::Failed, "no answer came in time, and Job j-1 is not there"),
        (Say::Reset, full(DONE), End::Succeeded, "Job j-1 succeeded"),
        (
            Say::Status(201),
            Say::Status(404),
            End::Unknown,
            "was taken, and asked for Job j-1 it answered 404 Not Found",
        ),
        (
            Say::Status(201),
            Say::Status(403),
            End::Unknown,
            "was taken, and asked for Job j-1 it answered 403 Forbidden",
        ),
        (Say::Status(403), Say::Hang, End::Failed, "answered 403 Forbidden"),
    ] {
        let server = Server::start([made, asked]).await;
        let call = polled(&server, Poll::Job { url: format!("{}/jobs/j-1", server.url) });
        let secrets = StepSecrets { header: Some(secret(SECRET)), ..StepSecrets::default() };
        let outcome = outcome(secrets, 4_000, Call::Http(call)).await;
        assert_eq!((outcome.end, &*outcome.why), (end, expected));
    }
}

#[tokio::test]
async fn stackstorm_takes_a_trigger_with_its_key() {
    let mut server = Server::start([Say::Full(202, "", "{}")]).await;
    let payload =
        body(json!({"trigger": "evenkeel.run", "payload": {"unit": "{{ unit }}", "run": "{{ run_key }}"}}));
    let url = format!("{}/api/v1/webhooks/st2", server.url);
    let outcome = done(declared(Target::StackStorm, &url, payload, ("St2-Api-Key", ""))).await;
    assert_eq!((outcome.end, &*outcome.why), (End::Succeeded, "answered 202 Accepted"));
    let seen = server.next().await;
    assert_eq!(seen.header("st2-api-key"), Some(SECRET));
    let expected =
        json!({"trigger": "evenkeel.run", "payload": {"unit": r#"a"b\;$(id)"#, "run": "run_1/1/1"}});
    assert_eq!(seen.json(), expected);
}

#[tokio::test]
async fn github_is_sent_a_dispatch_with_a_bearers_token() {
    let mut server = Server::start([Say::Status(204)]).await;
    let dispatch = body(
        json!({"event_type": "rollback", "client_payload": {"unit": "{{ unit }}", "run": "{{ run_id }}"}}),
    );
    let url = format!("{}/repos/o/r/dispatches", server.url);
    let outcome = done(declared(Target::GitHub, &url, dispatch, ("Authorization", "Bearer "))).await;
    assert_eq!((outcome.end, &*outcome.why), (End::Succeeded, "answered 204 No Content"));
    let seen = server.next().await;
    assert_eq!(seen.header("authorization"), Some("bearer a-token-of-ours"));
    let fields: Vec<String> = seen.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["event_type", "client_payload"], "and no others, which it refuses");
    assert_eq!(seen.json()["client_payload"]["run"], "run_1");
}

#[tokio::test]
async fn a_cloudevent_is_structured_and_known_by_the_key_of_its_attempt() {
    let mut server = Server::start([Say::Status(202)]).await;
    let outcome = done(declared(Target::CloudEvent, &server.url, Body::Event, ("X-Key", ""))).await;
    assert_eq!(outcome.end, End::Succeeded);
    let seen = server.next().await;
    assert_eq!(seen.header("content-type"), Some("application/cloudevents+json"));
    let event = seen.json();
    assert_eq!((&event["specversion"], &event["id"]), (&json!("1.0"), &json!("run_1/1/1")));
    assert_eq!(event["source"], "/evenkeel/runbooks");
    assert_eq!(event["data"]["parameters"]["unit"], r#"a"b\;$(id)"#);
}

#[tokio::test]
async fn a_content_type_of_the_steps_own_is_kept() {
    let mut server = Server::start([]).await;
    let mut one = http(&server.url);
    one.headers.push(("content-type".to_owned(), "text/plain".to_owned()));
    assert_eq!(super::requests::call(one, 10_000).await.end, End::Succeeded);
    assert_eq!(server.next().await.header("content-type"), Some("text/plain"));
}
