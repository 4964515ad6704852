//! Runbooks as they are read: each field, each default, what is sent to whom, and what must hold for any of them.

use std::process::Command as Process;

use serde_json::{Value, json};

use super::*;
use crate::engine::RunbookPlan;
use crate::runbook::{
    Action, Approval, Blast, Body, Bounds, Breaker, Call, HttpCall, Limits, Moment, Occasion, Params, Poll,
    Rule, StepKey, Success,
};

const CONFIG: &str = r"apiVersion: evenkeel/v1
kind: Config
spec:
  auth: {tokens: [{name: in, file: in, role: ingest}, {name: alice, file: op, role: operator}]}
  runbooks: {commands: [/usr/bin/systemctl, /usr/local/lib/evenkeel/], approval_key_file: key}
";

const WHOLE: &str = r#"
spec:
  description: Restarts the unit of a service
  triggers:
    - {match: ['service="checkout"', 'severity="page"']}
    - {on: [escalate, resolve], match: 'team=~"a|b", tier!="3"'}
  params:
    unit: {from: label.service, enum: [checkout, cart]}
    replicas: {value: 3, min: 1, max: 10}
    host: {from: label.host_name, pattern: '[a-z0-9-]{1,40}', max_length: 40}
    service: {from: service, pattern: '.*'}
    alert: {from: alert, pattern: '.*'}
  target: host
  limits: {cooldown: 5m, concurrency: 2, blast_radius: {targets: 3, within: 1h}, breaker: {failures: 4, pause: 2h}}
  quiet_times:
    - {days: [sat, sun], from: '22:00', to: '06:00', time_zone: Europe/Berlin}
    - {from: '12:00', to: '13:30', reason: lunch}
  destructive: true
  approval: {by: [alice], expires: 30m}
  watch: 20m
  manual_time: 15m
  steps:
    - name: restart
      command:
        argv: [/usr/bin/systemctl, restart, 'unit-{{ unit }}.service']
        env: {LANG: C, HOST: '{{ host }}'}
        user: ops
        folder: /var/lib/evenkeel
        limits: {cpu: 5s, memory_mib: 64, open_files: 32, file_mib: 1}
        secrets: {API_TOKEN: {file: token}}
      timeout: 30s
      retry: {attempts: 3, pause: 7s}
      idempotent: true
    - name: hook
      http:
        url: 'https://ci.example/hooks/{{ unit }}?run={{ run_id }}'
        method: PUT
        headers: {X-A: 'b {{ unit }}'}
        json: {n: 1, f: 1.50, t: true, z: null, s: "2", text: 'a {{ unit }}', list: [1, '{{ host }}'], zero: 007, empty: {}}
        secret_file: key
        secret_id: "7"
        authorization_file: token
        ca_file: ca.pem
    - {name: look, http: {url: 'http://127.0.0.1/state', method: GET}}
    - {name: told, cloudevent: {url: 'https://ci.example/events', json: {unit: '{{ unit }}'}}}
    - {name: rundeck, rundeck: {url: 'https://rundeck.example/', job: 1b2c-3d, options: {unit: '{{ unit }}', n: 3}, token_file: token}}
    - {name: st2, stackstorm: {url: 'https://st2.example', webhook: ops/restart, json: {unit: '{{ unit }}'}, api_key_file: token}}
    - {name: ansible, ansible_rulebook: {url: 'http://127.0.0.1:5000/endpoint', token_file: token}}
    - {name: dispatch, github: {repository: o/r, event_type: rollback, payload: {unit: '{{ unit }}', deep: {n: 1}}, token_file: token}}
    - name: job
      timeout: 90s
      kubernetes_job:
        url: https://kubernetes.default.svc
        namespace: ops
        token_file: token
        job:
          metadata: {labels: {team: ops}}
          spec:
            backoffLimit: 1
            template: {spec: {restartPolicy: Never, containers: [{name: a, image: kubectl, args: [scale, '--replicas={{ replicas }}']}]}}
"#;

fn document(name: &str, spec: &str) -> String {
    format!("---\napiVersion: evenkeel/v1\nkind: Runbook\nmetadata: {{name: {name}}}\n{}\n", spec.trim())
}

fn world(text: &str) -> Fake {
    let pair = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).expect("a certificate");
    Fake::files(&[
        ("a.yaml", text),
        ("in", "0123456789abcdef-in\n"),
        ("op", "0123456789abcdef-op\n"),
        ("key", "hunter2hunter2hunter2\n"),
        ("token", "hunter2\n"),
        ("ca.pem", &pair.cert.pem()),
    ])
}

fn read(text: &str) -> Config {
    let world = world(text);
    let loaded = loaded(&world, "a.yaml");
    let found = printed(&world, &loaded, false);
    assert_eq!(found, "");
    loaded.config.expect("sound")
}

/// The codes of what is wrong.
fn codes(text: &str) -> Vec<&'static str> {
    let loaded = loaded(&world(text), "a.yaml");
    loaded.findings.iter().filter(|one| one.level == Level::Error).map(|one| one.code).collect()
}

fn whole() -> Config {
    let config = read(&format!("{CONFIG}{}", document("whole", WHOLE)));
    assert!(!format!("{config:?}").contains("hunter2"), "a secret in what we could print");
    config
}

fn only(config: &Config) -> &RunbookPlan {
    let [plan] = &config.plan.runbooks[..] else { panic!("one runbook") };
    plan
}

/// A runbook of one step.
fn one_step(step: &str) -> String {
    format!("{CONFIG}{}", document("one", &format!("spec: {{steps: [{{name: a, {step}}}]}}")))
}

#[test]
fn every_field_is_read() {
    let config = whole();
    let RunbookPlan { runbook, quiet } = only(&config);
    assert_eq!((&*runbook.name, &*runbook.description), ("whole", "Restarts the unit of a service"));
    assert_eq!(runbook.declared_at, "a.yaml:7:1");
    assert_eq!(runbook.triggers[0].moments, [Moment::Trigger]);
    assert_eq!(runbook.triggers[1].moments, [Moment::Escalate, Moment::Resolve]);
    let matchers: Vec<String> =
        runbook.triggers.iter().flat_map(|one| &one.matchers).map(|one| one.matcher().to_string()).collect();
    assert_eq!(matchers, ["service=\"checkout\"", "severity=\"page\"", "team=~\"a|b\"", "tier!=\"3\""]);
    let sources: Vec<String> =
        runbook.params.iter().map(|one| format!("{} {:?}", one.name, one.from)).collect();
    let expected = [
        "unit Label(\"service\")",
        "replicas Value(\"3\")",
        "host Label(\"host_name\")",
        "service Service",
        "alert Alert",
    ];
    assert_eq!(sources, expected);
    assert!(matches!(&runbook.params[0].rule, Rule::OneOf(values) if values == &["checkout", "cart"]));
    assert!(matches!(runbook.params[1].rule, Rule::Whole { min: 1, max: 10 }));
    assert!(matches!(runbook.params[2].rule, Rule::Pattern { bytes_max: 40, .. }));
    assert_eq!(runbook.target, Some(2));
    let Limits { cooldown_s, concurrency, blast, breaker } = runbook.limits;
    assert_eq!((cooldown_s, concurrency), (300, 2));
    assert_eq!(blast, Some(Blast { targets: 3, within_s: 3_600 }));
    assert_eq!(breaker, Breaker { failures: 4, pause_s: 7_200 });
    assert_eq!(runbook.approval, Some(Approval { by: vec!["alice".to_owned()], expires_s: 1_800 }));
    assert_eq!((runbook.is_destructive, runbook.watch_s, runbook.manual_s), (true, 1_200, 900));
    let reasons: Vec<&str> = quiet.iter().map(|one| &*one.reason).collect();
    assert_eq!(reasons, ["sat, sun from 22:00 to 06:00 (Europe/Berlin)", "lunch"]);
    let steps: Vec<(&str, u64, u32, u64, bool)> = runbook
        .steps
        .iter()
        .map(|one| (&*one.name, one.timeout_ms, one.attempts, one.pause_ms, one.is_idempotent))
        .collect();
    assert_eq!(steps[0], ("restart", 30_000, 3, 7_000, true));
    assert_eq!(steps[1], ("hook", 60_000, 1, 0, false));
    assert_eq!(steps[8], ("job", 90_000, 1, 0, true));
    let Action::Command(command) = &runbook.steps[0].action else { panic!("a command") };
    assert_eq!(
        (command.user.as_deref(), command.folder.as_deref()),
        (Some("ops"), Some("/var/lib/evenkeel"))
    );
    assert_eq!(command.bounds, Bounds { cpu_s: 5, memory_mib: 64, open_files: 32, file_mib: 1 });
}

#[test]
fn secrets_go_to_the_edge_by_runbook_and_step() {
    let config = whole();
    let vault = &config.runner.vault;
    let steps: Vec<&str> = vault.keys().map(|(_, step)| &**step).collect();
    assert_eq!(steps, ["ansible", "dispatch", "hook", "job", "restart", "rundeck", "st2"]);
    let of = |step: &str| &vault[&("whole".to_owned(), step.to_owned())];
    assert_eq!(of("restart").named, [("API_TOKEN".to_owned(), Secret::new("hunter2"))]);
    let hook = of("hook");
    assert_eq!(hook.header, Some(Secret::new("hunter2")));
    let keys: Vec<(&str, &str)> = hook.keys.iter().map(|key| (&*key.id, key.secret.reveal())).collect();
    assert_eq!(keys, [("7", "hunter2hunter2hunter2")]);
    assert!(hook.authorities.as_ref().is_some_and(|pem| pem.starts_with(b"-----BEGIN")));
    assert_eq!(config.runner.link_key, Some(Secret::new("hunter2hunter2hunter2")));
}

#[test]
fn without_fields_the_defaults_hold() {
    let config = read(&one_step("command: {argv: [/usr/bin/systemctl]}"));
    let RunbookPlan { runbook, quiet } = only(&config);
    let Limits { cooldown_s, concurrency, blast, breaker } = runbook.limits;
    assert_eq!((cooldown_s, concurrency, blast), (600, 1, None));
    assert_eq!(breaker, Breaker { failures: 3, pause_s: 3_600 });
    assert_eq!((runbook.watch_s, runbook.manual_s, runbook.target), (600, 0, None));
    assert!(runbook.triggers.is_empty() && runbook.approval.is_none() && quiet.is_empty());
    let step = &runbook.steps[0];
    assert_eq!((step.timeout_ms, step.attempts, step.is_idempotent), (60_000, 1, false));
    assert!(config.runner.vault.is_empty());
}

#[test]
fn who_has_to_agree_is_said_by_either_word() {
    for (spec, by, expires_s) in [
        ("destructive: true", vec![], 900),
        ("approval: {}", vec![], 900),
        ("destructive: true, approval: {expires: 1h}", vec![], 3_600),
        ("approval: {by: alice}", vec!["alice".to_owned()], 900),
    ] {
        let spec = format!("spec: {{{spec}, steps: [{{name: a, command: {{argv: [/usr/bin/systemctl]}}}}]}}");
        let config = read(&format!("{CONFIG}{}", document("a", &spec)));
        assert_eq!(only(&config).runbook.approval, Some(Approval { by, expires_s }), "{spec}");
    }
}

/// Scenario: Saturdays and Sundays from 22:00 to 06:00 in Berlin, and a break each noon in UTC.
#[test]
fn quiet_times_go_by_the_clock_on_the_wall() {
    let config = whole();
    let quiet = &only(&config).quiet;
    let is_quiet = |time: &str| {
        let at = time.parse::<jiff::Timestamp>().expect("a time").as_second() as u64;
        quiet.iter().any(|one| one.covers(at))
    };
    for (time, expected) in [
        ("2026-11-28T20:59:59Z", false),
        ("2026-11-28T21:00:00Z", true),
        ("2026-11-29T04:59:59Z", true),
        ("2026-11-29T05:00:00Z", false),
        ("2026-11-30T04:59:59Z", true),
        ("2026-12-01T04:00:00Z", false),
        ("2026-12-01T12:00:00Z", true),
        ("2026-12-01T13:30:00Z", false),
    ] {
        assert_eq!(is_quiet(time), expected, "{time}");
    }
    let all_day = "spec: {quiet_times: [{days: [mon], from: '00:00', to: '24:00'}], steps: [{name: a, command: {argv: [/usr/bin/systemctl]}}]}";
    let config = read(&format!("{CONFIG}{}", document("a", all_day)));
    let covers = |time: &str| {
        let at = time.parse::<jiff::Timestamp>().expect("a time").as_second() as u64;
        only(&config).quiet[0].covers(at)
    };
    assert!(covers("2026-11-30T00:00:00Z") && covers("2026-11-30T23:59:59Z"));
    assert!(!covers("2026-11-29T23:59:59Z") && !covers("2026-12-01T00:00:00Z"));
}

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
fn the_shipped_runbooks_are_sound() {
    let config = "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  include: [runbooks/*.yaml]\n  \
                  runbooks: {commands: [/usr/bin/systemctl, /usr/local/lib/evenkeel/]}\n";
    let pair = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).expect("a certificate");
    let account = "/var/run/secrets/kubernetes.io/serviceaccount";
    let files = [
        ("a.yaml".to_owned(), config.to_owned()),
        (format!("{account}/token"), "token".to_owned()),
        (format!("{account}/ca.crt"), pair.cert.pem()),
        ("/run/secrets/github-dispatch".to_owned(), "token".to_owned()),
    ];
    let world = Fake { files: files.into(), ..Fake::on_disk("config") };
    let loaded = loaded(&world, "a.yaml");
    assert_eq!(printed(&world, &loaded, false), "");
    let plans = loaded.config.expect("sound").plan.runbooks;
    let names: Vec<&str> = plans.iter().map(|plan| &*plan.runbook.name).collect();
    assert_eq!(names, ["collect-diagnostics", "restart-checkout", "roll-back-checkout", "scale-checkout"]);
}

#[test]
fn lists_of_runbooks_are_bounded() {
    let step = "{name: a, command: {argv: [/usr/bin/systemctl]}}";
    let of = |spec: &str| codes(&format!("{CONFIG}{}", document("a", &format!("spec: {{{spec}}}"))));
    let many: String =
        (0..201).map(|i| document(&format!("r{i}"), &format!("spec: {{steps: [{step}]}}"))).collect();
    assert_eq!(codes(&format!("{CONFIG}{many}")), ["E0215"]);
    let params: String = (0..33).map(|i| format!("p{i}: {{value: a, enum: [a]}}, ")).collect();
    assert_eq!(of(&format!("params: {{{params}}}, steps: [{step}]")), ["E0215"]);
    let triggers = "{on: trigger}, ".repeat(17);
    assert_eq!(of(&format!("triggers: [{triggers}], steps: [{step}]")), ["E0215"]);
    let steps: String = (0..21).map(|i| step.replace("name: a", &format!("name: a{i}")) + ", ").collect();
    assert_eq!(of(&format!("steps: [{steps}]")), ["E0215"]);
    let arguments = "a, ".repeat(64);
    let step = format!("command: {{argv: [/usr/bin/systemctl, {arguments}]}}");
    assert_eq!(codes(&one_step(&step)), ["E0215"]);
    let long = "a".repeat(4_097);
    assert_eq!(codes(&one_step(&format!("command: {{argv: [/usr/bin/systemctl, {long}]}}"))), ["E0215"]);
    let body = "a".repeat(70_000);
    assert_eq!(codes(&one_step(&format!("http: {{url: 'http://127.0.0.1', json: {body}}}"))), ["E0215"]);
    let values: String = (0..101).map(|i| format!("v{i}, ")).collect();
    let step = "{name: a, command: {argv: [/usr/bin/systemctl]}}";
    assert_eq!(
        of(&format!("params: {{a: {{from: service, enum: [{values}]}}}}, steps: [{step}]")),
        ["E0215"]
    );
}

/// Scenario: the file with the list of programs has an error of syntax.
/// Guarantees: that is what is told, not that its programs are missing.
#[test]
fn what_could_not_be_read_is_not_held_against_a_runbook() {
    let broken = "apiVersion: evenkeel/v1\nkind: Config\nspec: {runbooks: {commands: [/bin/a]\n";
    let spec = "spec: {approval: {by: [alice]}, steps: [{name: a, command: {argv: [/bin/a]}}]}";
    let world = Fake::files(&[("a.yaml", broken), ("b.yaml", &document("a", spec))]);
    let loaded = load(&[PathBuf::from("a.yaml"), PathBuf::from("b.yaml")], &world);
    let codes: Vec<&str> = loaded.findings.iter().map(|one| one.code).collect();
    assert_eq!(codes, ["E0101"]);
}

#[test]
fn runbooks_and_what_they_may_start_are_of_the_version() {
    let version = |config: &str, spec: &str| read(&format!("{config}{}", document("a", spec))).plan.version;
    let spec = "spec: {steps: [{name: a, command: {argv: [/usr/bin/systemctl]}}]}";
    let other = "spec: {steps: [{name: b, command: {argv: [/usr/bin/systemctl]}}]}";
    let more = CONFIG.replace("[/usr/bin/systemctl,", "[/usr/bin/systemctl, /bin/x,");
    assert_eq!(version(CONFIG, spec), version(CONFIG, &format!("# why\n{spec}")));
    assert_ne!(version(CONFIG, spec), version(CONFIG, other));
    assert_ne!(version(CONFIG, spec), version(&more, spec));
    let identity = |spec: &str| only(&read(&format!("{CONFIG}{}", document("a", spec)))).runbook.identity;
    assert_eq!(identity(spec), identity(&format!("# why\n{spec}")));
    assert_ne!(identity(spec), identity(other));
}

#[test]
fn a_runbook_survives_what_is_written_down() {
    let config = whole();
    let plan = only(&config);
    let bytes = borsh::to_vec(plan).expect("written");
    let again: RunbookPlan = borsh::from_slice(&bytes).expect("read");
    assert_eq!(format!("{plan:?}"), format!("{again:?}"));
}

proptest! {
    /// Scenario: a sound set, cut anywhere or with one character replaced.
    #[test]
    fn no_damaged_runbook_makes_the_reader_panic(cut in 0_usize..5_000, at in 0_usize..5_000, c in any::<char>()) {
        let whole: Vec<char> = format!("{CONFIG}{}", document("whole", WHOLE)).chars().collect();
        let truncated: String = whole.iter().take(cut).collect();
        codes(&truncated);
        let mut damaged = whole;
        let at = at % damaged.len();
        damaged[at] = c;
        codes(&damaged.into_iter().collect::<String>());
    }

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
            prop_assert!(value.starts_with('-'));
        }
    }
}

#[test]
fn a_body_without_words_is_the_event() {
    let config = read(&one_step("http: {url: 'http://127.0.0.1/x'}"));
    let Action::Http(http) = &only(&config).runbook.steps[0].action else { panic!("a request") };
    assert_eq!((&http.body, &*http.method), (&Body::Event, "POST"));
}
