//! Runbooks as they are read: each field, each default, each bound.

mod calls;
mod programs;

use super::*;
use crate::engine::RunbookPlan;
use crate::runbook::{Action, Approval, Blast, Bounds, Breaker, Limits, Moment, Rule};

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

/// Sound, but for patterns that take anything, and labels that nothing here has.
fn read(text: &str) -> Config {
    let world = world(text);
    let mut loaded = loaded(&world, "a.yaml");
    loaded.findings.retain(|one| !matches!(one.code, "W0702" | "W0703"));
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
fn a_secret_of_several_lines_goes_to_a_program_as_it_is() {
    let text = one_step("command: {argv: [/usr/bin/systemctl], secrets: {KEY: {file: lines}}}");
    let mut world = world(&text);
    let lines = "-----BEGIN KEY-----\nx\n-----END KEY-----\n";
    world.files.insert("lines".to_owned(), lines.to_owned());
    let vault = loaded(&world, "a.yaml").config.expect("sound").runner.vault;
    let secrets: Vec<&str> =
        vault.values().flat_map(|one| &one.named).map(|(_, secret)| secret.reveal()).collect();
    assert_eq!(secrets, [lines]);
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

#[test]
fn the_shipped_runbooks_are_sound() {
    let config = "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  include: [slos/*.yaml, runbooks/*.yaml]\n  \
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
    /// Guarantees: without a script of the list no shell starts, and no interpreter with a value in its arguments.
    #[test]
    fn no_arguments_let_a_value_reach_code(
        program in prop::sample::select(vec!["sh", "bash", "dash", "zsh", "fish", "python3.12", "perl", "ruby", "node"]),
        before in prop::sample::select(vec!["", "/bin/docker, exec, -i, web, ", "/bin/kubectl, exec, -i, pod, --, "]),
        arguments in prop::collection::vec(
            prop::sample::select(vec!["-c", "-e", "-lc", "-x", "--", "'-'", "--eval", "a", "'{{ x }}'", "'-c{{ x }}'"]),
            0..5,
        ),
    ) {
        let argv = format!("{before}/bin/{program}, {}", arguments.join(", "));
        let spec = format!(
            "spec: {{params: {{x: {{from: service, pattern: '.*'}}}}, steps: [{{name: a, command: {{argv: [{argv}]}}}}]}}"
        );
        let config = CONFIG.replace("[/usr/bin/systemctl,", "[/bin/,");
        let found = codes(&format!("{config}{}", document("a", &spec)));
        let is_shell = matches!(program, "sh" | "bash" | "dash" | "zsh" | "fish");
        // Inside of a container scripts and code have no list.
        let is = |words: &[&str]| !before.is_empty() && arguments.iter().any(|one| words.contains(one));
        let has_params = arguments.iter().any(|one| one.contains("{{"));
        if is_shell && !is(&["a", "-c", "-lc", "--eval"]) || has_params && !is(&["a"]) {
            prop_assert!(!found.is_empty(), "{}", argv);
        }
        prop_assert!(found.iter().all(|code| matches!(*code, "E0701" | "E0702")), "{} {:?}", argv, found);
    }

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
}
