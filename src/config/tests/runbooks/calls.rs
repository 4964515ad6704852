//! What a document's steps call, to the byte.

use std::process::Command as Process;

use serde_json::{Value, json};

use super::*;
use crate::runbook::{Body, Call, HttpCall, Occasion, Params, Poll, StepKey, Success};

fn occasion() -> Occasion {
    let labels = [("service", "checkout"), ("host_name", "web-1")];
    Occasion {
        alert: "alt_1".to_owned(),
        dedup_key: "key".to_owned(),
        service: "checkout".to_owned(),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        summary: "checkout burns".to_owned(),
        started_at: "2026-11-26T12:00:00Z".to_owned(),
        moment: "trigger".to_owned(),
    }
}

/// What a step of the whole document calls.
fn call(config: &Config, step: &str) -> Call {
    let runbook = &only(config).runbook;
    let place = runbook.steps.iter().position(|one| one.name == step).expect("a step");
    let key = StepKey { run: "run_1".to_owned(), step: place as u32, attempt: 1 };
    let occasion = occasion();
    let params = runbook.values(&Params::new(), &occasion).expect("values");
    runbook.call(key, &params, &occasion).expect("a step").expect("a call").call
}

fn request(config: &Config, step: &str) -> (HttpCall, Value) {
    let Call::Http(call) = call(config, step) else { panic!("a request") };
    let body = serde_json::from_str(&call.body).unwrap_or(Value::Null);
    (call, body)
}

/// Headers but for the key, as `name: value`.
fn headers(call: &HttpCall) -> Vec<String> {
    let told = call.headers.iter().filter(|(name, _)| name != "Idempotency-Key");
    told.map(|(name, value)| format!("{name}: {value}")).collect()
}

fn secret_header(call: &HttpCall) -> Option<String> {
    call.secret_header.as_ref().map(|(name, before)| format!("{name}: {before}"))
}

#[test]
fn a_command_is_called_as_it_is_written() {
    let Call::Command(call) = call(&whole(), "restart") else { panic!("a command") };
    assert_eq!(call.argv, ["/usr/bin/systemctl", "restart", "unit-checkout.service"]);
    let env: Vec<String> = call.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(env, ["EVENKEEL_RUN=run_1/1/1", "LANG=C", "HOST=web-1"]);
    assert_eq!(call.secrets, ["API_TOKEN"]);
}

/// Guarantees: a body keeps the types that YAML has: what is quoted is a text, and so is a number that JSON does not write.
#[test]
fn a_request_has_what_its_document_says() {
    let config = whole();
    let (call, body) = request(&config, "hook");
    assert_eq!((&*call.method, &*call.url), ("PUT", "https://ci.example/hooks/checkout?run=run_1"));
    assert_eq!(headers(&call), ["X-A: b checkout", "Content-Type: application/json"]);
    assert_eq!(secret_header(&call).as_deref(), Some("Authorization: "));
    assert!(call.is_signed);
    let expected = json!({
        "n": 1, "f": 1.5, "t": true, "z": null, "s": "2", "text": "a checkout", "list": [1, "web-1"], "zero": "007",
        "empty": {},
    });
    assert_eq!(body, expected);
    let (look, _) = request(&config, "look");
    assert_eq!((&*look.method, &*look.body, headers(&look)), ("GET", "", Vec::new()));
    let (told, body) = request(&config, "told");
    assert_eq!(headers(&told), ["Content-Type: application/cloudevents+json"]);
    assert_eq!((&body["data"], &body["id"]), (&json!({"unit": "checkout"}), &json!("run_1/4/1")));
}

#[test]
fn other_systems_are_asked_as_their_documentation_says() {
    let config = whole();
    let (rundeck, body) = request(&config, "rundeck");
    assert_eq!(rundeck.url, "https://rundeck.example/api/41/job/1b2c-3d/executions");
    assert_eq!(headers(&rundeck), ["Content-Type: application/json", "Accept: application/json"]);
    assert_eq!(secret_header(&rundeck).as_deref(), Some("X-Rundeck-Auth-Token: "));
    assert_eq!(body, json!({"options": {"unit": "checkout", "n": "3"}}));
    let before = "https://rundeck.example/api/41/execution".to_owned();
    assert_eq!(rundeck.poll, Some(Poll::Rundeck { before }));
    let (st2, body) = request(&config, "st2");
    assert_eq!(st2.url, "https://st2.example/api/v1/webhooks/ops/restart");
    assert_eq!(secret_header(&st2).as_deref(), Some("St2-Api-Key: "));
    assert_eq!(body, json!({"unit": "checkout"}));
    let (ansible, body) = request(&config, "ansible");
    assert_eq!(ansible.url, "http://127.0.0.1:5000/endpoint");
    assert_eq!(secret_header(&ansible).as_deref(), Some("Authorization: Bearer "));
    assert_eq!((&body["run"], &body["alert"]["id"]), (&json!("run_1"), &json!("alt_1")));
    let (github, body) = request(&config, "dispatch");
    assert_eq!(github.url, "https://api.github.com/repos/o/r/dispatches");
    assert_eq!(secret_header(&github).as_deref(), Some("Authorization: Bearer "));
    let told = ["Accept: application/vnd.github+json", "X-GitHub-Api-Version: 2022-11-28"];
    assert_eq!(headers(&github)[1..], told);
    let payload = json!({"unit": "checkout", "deep": {"n": 1}, "evenkeel_run": "run_1"});
    assert_eq!(body, json!({"event_type": "rollback", "client_payload": payload}));
}

#[test]
fn a_job_is_named_by_its_run_and_ends() {
    let (job, body) = request(&whole(), "job");
    assert_eq!(job.url, "https://kubernetes.default.svc/apis/batch/v1/namespaces/ops/jobs");
    assert_eq!(secret_header(&job).as_deref(), Some("Authorization: Bearer "));
    assert_eq!((&body["apiVersion"], &body["kind"]), (&json!("batch/v1"), &json!("Job")));
    let spec = &body["spec"];
    let limits = ["backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"].map(|name| &spec[name]);
    assert_eq!(limits, [&json!(1), &json!(90), &json!(3_600)]);
    assert_eq!(spec["template"]["spec"]["containers"][0]["args"], json!(["scale", "--replicas=3"]));
    let name = body["metadata"]["name"].as_str().expect("a name");
    assert!(name.starts_with("evenkeel-") && name.len() <= 63, "{name}");
    assert_eq!(body["metadata"]["labels"], json!({"team": "ops"}));
    assert_eq!(job.success, Success::OrConflict);
    assert_eq!(job.poll, Some(Poll::Job { url: format!("{}/{name}", job.url) }));
}

/// Bodies against the schemas that EVENKEEL_SHARED has, by a checker that is not ours.
#[test]
fn bodies_are_what_the_schemas_of_others_allow() {
    let config = whole();
    let shared = std::env::var_os("EVENKEEL_SHARED").map(PathBuf::from);
    let python = std::env::var_os("EVENKEEL_E2E_PYTHON").map(PathBuf::from);
    let checker = python.map(|python| python.with_file_name("check-jsonschema")).filter(|path| path.exists());
    let (Some(shared), Some(checker)) = (shared, checker) else {
        eprintln!(
            "skipped: EVENKEEL_SHARED and EVENKEEL_E2E_PYTHON do not name schemas and a checker of them"
        );
        return;
    };
    for (step, schema) in [
        ("dispatch", "wire/github-repository-dispatch.schema.json"),
        ("rundeck", "wire/rundeck-run-job.schema.json"),
    ] {
        let file = std::env::temp_dir().join(format!("evenkeel-runbook-{}-{step}.json", std::process::id()));
        fs::write(&file, request(&config, step).0.body).expect("written");
        let schema = shared.join("specs").join(schema);
        let said = Process::new(&checker).arg("--schemafile").arg(schema).arg(&file).output().expect("run");
        fs::remove_file(file).expect("removed");
        assert!(said.status.success(), "{step}: {}", String::from_utf8_lossy(&said.stdout));
    }
}

#[test]
fn a_body_without_words_is_the_event() {
    let config = read(&one_step("http: {url: 'http://127.0.0.1/x'}"));
    let Action::Http(http) = &only(&config).runbook.steps[0].action else { panic!("a request") };
    assert_eq!((&http.body, &*http.method), (&Body::Event, "POST"));
}

proptest! {
    /// Guarantees: whatever passes a rule is one argument, byte for byte, and nothing else of the call changes.
    #[test]
    fn a_value_stays_one_argument(value in "[ -~äé\u{2028}]{1,60}") {
        let text = "spec: {params: {x: {from: service, pattern: '(?s).*'}}, steps: [{name: a, command: {argv: [/usr/bin/systemctl, 'a{{ x }}b', c]}}]}";
        let config = read(&format!("{CONFIG}{}", document("a", text)));
        let runbook = &only(&config).runbook;
        let occasion = Occasion { service: value.clone(), ..occasion() };
        if let Ok(params) = runbook.values(&Params::new(), &occasion) {
            let key = StepKey { run: "run_1".to_owned(), step: 0, attempt: 1 };
            let Call::Command(call) = runbook.call(key, &params, &occasion).expect("a step").expect("a call").call
            else { panic!("a command") };
            prop_assert_eq!(call.argv, ["/usr/bin/systemctl".to_owned(), format!("a{value}b"), "c".to_owned()]);
        } else {
            let is_refused = value.starts_with(['-', '@']) || value.contains('\u{2028}');
            prop_assert!(is_refused);
        }
    }
}
