//! Values that are hostile, texts that are odd, and calls to the byte.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What somebody would write into a service's name, a label or an annotation.
fn hostile() -> Vec<String> {
    let short = [
        "",
        ";id",
        "; rm -rf /",
        "&& id",
        "|| id",
        "| tee /etc/passwd",
        "`id`",
        "$(id)",
        "${IFS}id",
        "$HOME",
        "a\nid",
        "a\r\nid",
        "a\0b",
        "\u{1b}[2J",
        "\u{85}next",
        "a\tb",
        "-oProxyCommand=id",
        "--config=/etc/shadow",
        "-rf",
        "--",
        "-",
        "\u{2010}x",
        "\u{2013}x",
        "\u{2014}exec",
        "\u{2212}1",
        "\u{ff0d}c",
        "../../etc/passwd",
        "/etc/passwd",
        "~root",
        "{{ run_id }}",
        "{{ unit }}",
        "%s%n",
        "%0aid",
        "*",
        "?",
        "[a-z]",
        "a b",
        "\"quoted\"",
        "'quoted'",
        "\\",
        "<script>",
        "a#b",
        "!!",
        "checkout ",
        " checkout",
        "CHECKOUT",
        "1e3",
        "+5",
        "05",
        "0x10",
        "11",
        "99999999999999999999",
    ];
    let long = ["a".repeat(257), "x".repeat(1 << 20), "ä".repeat(129)];
    short.into_iter().map(str::to_owned).chain(long).collect()
}

fn pattern(text: &str, bytes_max: usize) -> Rule {
    Rule::pattern(text, bytes_max).expect("a pattern")
}

#[test]
fn no_hostile_value_passes_a_rule_that_names_what_is_meant() {
    let rules = [
        Rule::OneOf(vec!["checkout".to_owned(), "cart".to_owned()]),
        Rule::Whole { min: 1, max: 10 },
        pattern("[a-z][a-z0-9-]{0,39}", 40),
        pattern("a|b", 256),
    ];
    let values = hostile();
    assert!(values.len() >= 40);
    for rule in &rules {
        for value in &values {
            let why = rule.check(value);
            assert!(why.is_err(), "{rule:?} takes {value:?}");
            let why = why.unwrap_err();
            assert!(value.len() < 10 || !why.contains(value.as_str()), "the value is repeated: {why}");
        }
    }
    for (rule, value) in rules.iter().zip(["cart", "10", "web-1", "b"]) {
        assert_eq!(rule.check(value), Ok(()), "{rule:?}");
    }
}

/// Guarantees: even a rule that takes everything takes no option, no control character and nothing long.
#[test]
fn what_passes_any_rule_is_a_short_word_that_is_no_option() {
    let all = pattern("(?s).*", VALUE_BYTES_MAX);
    for value in hostile() {
        let is_tame = !value.is_empty()
            && value.len() <= VALUE_BYTES_MAX
            && !value.chars().any(char::is_control)
            && !value.starts_with(['-', '\u{2010}', '\u{2013}', '\u{2014}', '\u{2212}', '\u{ff0d}']);
        assert_eq!(all.check(&value).is_ok(), is_tame, "{value:?}");
    }
}

proptest! {
    #[test]
    fn no_value_that_is_taken_begins_with_a_dash_or_has_control_characters(
        value in any::<String>(),
        head in "[-\u{2010}-\u{2014}]{0,2}",
        min in 0_i64..100,
    ) {
        for value in [format!("{head}{value}"), value] {
            let rules =
                [pattern("(?s).*", VALUE_BYTES_MAX), Rule::OneOf(vec![value.clone()]), Rule::Whole { min, max: 200 }];
            for rule in rules.iter().filter(|rule| rule.check(&value).is_ok()) {
                prop_assert!(!value.starts_with('-') && !value.chars().any(char::is_control), "{:?}", rule);
                prop_assert!((1..=VALUE_BYTES_MAX).contains(&value.len()));
            }
        }
    }

    #[test]
    fn a_number_is_taken_as_it_is_spelled_within_its_range(number in -300_i64..300) {
        let rule = Rule::Whole { min: -5, max: 100 };
        prop_assert_eq!(rule.check(&number.to_string()).is_ok(), (-5..=100).contains(&number));
        for odd in [format!("+{number}"), format!("0{number}")] {
            prop_assert!(rule.check(&odd).is_err());
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[{} a-z_.%é\n]{0,40}") {
        if let Ok(parsed) = Text::parse(&text) {
            let params: Params = parsed.names().map(|name| (name.to_owned(), "v".to_owned())).collect();
            prop_assert!(parsed.fill(&params).is_some());
        }
    }
}

#[test]
fn texts_have_parameters_between_double_braces() {
    let param = |name: &str| Piece::Param(name.to_owned());
    let plain = |text: &str| Piece::Plain(text.to_owned());
    for (text, pieces) in [
        ("", vec![]),
        ("a", vec![plain("a")]),
        ("{{a}}", vec![param("a")]),
        ("{{ a }}{{  b_1 }}", vec![param("a"), param("b_1")]),
        ("x-{{ a }}.y", vec![plain("x-"), param("a"), plain(".y")]),
        ("{ a } }} %s $a", vec![plain("{ a } }} %s $a")]),
    ] {
        assert_eq!(Text::parse(text), Ok(Text(pieces)), "{text}");
    }
    for (text, at) in
        [("{{", 0), ("a{{ b", 1), ("{{}}", 0), ("ä{{ a.b }}", 2), ("{{ a | b }}", 0), ("{{ {{ a }} }}", 0)]
    {
        assert_eq!(Text::parse(text).map_err(|(at, _)| at), Err(at), "{text}");
    }
}

fn text(text: &str) -> Text {
    Text::parse(text).expect("a text")
}

fn runbook(action: Action) -> Runbook {
    let param =
        |name: &str, from| Param { name: name.to_owned(), from, rule: pattern("(?s).*", VALUE_BYTES_MAX) };
    Runbook {
        name: "restart".to_owned(),
        description: String::new(),
        triggers: Vec::new(),
        params: vec![param("unit", From::Service), param("host", From::Label("host_name".to_owned()))],
        target: Some(1),
        limits: Limits::default(),
        approval: None,
        is_destructive: false,
        watch_s: 600,
        manual_s: 0,
        steps: vec![Step {
            name: "a".to_owned(),
            action,
            timeout_ms: 1_000,
            attempts: 1,
            pause_ms: 0,
            is_idempotent: false,
        }],
        identity: 0,
        declared_at: String::new(),
    }
}

fn occasion(service: &str) -> Occasion {
    Occasion {
        alert: "alt_1".to_owned(),
        dedup_key: "key".to_owned(),
        service: service.to_owned(),
        labels: [("host_name".to_owned(), "web-1".to_owned())].into(),
        summary: "burns".to_owned(),
        started_at: "2026-11-26T12:00:00Z".to_owned(),
        moment: "trigger".to_owned(),
    }
}

fn call(action: Action, service: &str) -> Result<Call, String> {
    let (runbook, occasion) = (runbook(action), occasion(service));
    let params = runbook.values(&Params::new(), &occasion)?;
    let key = StepKey { run: "run_1".to_owned(), step: 0, attempt: 2 };
    Ok(runbook.call(key, &params, &occasion).expect("a step")?.call)
}

fn request(target: Target, url: &str, body: Body, service: &str) -> Result<HttpCall, String> {
    let http = Http {
        target,
        method: "POST".to_owned(),
        url: text(url),
        headers: vec![("X-Unit".to_owned(), text("{{ unit }}"))],
        body,
        secret_header: None,
        is_signed: false,
    };
    match call(Action::Http(http), service)? {
        Call::Http(call) => Ok(call),
        Call::Command(_) => panic!("a request"),
    }
}

/// Guarantees: each value that passes is one argument as it came, is read by nobody on its way, and the event has it too.
#[test]
fn a_hostile_value_is_one_argument_byte_for_byte() {
    let mut taken = 0;
    for value in hostile() {
        let command = Command {
            argv: ["/bin/canary", "{{ unit }}", "a{{ unit }}b", "{{ run_key }}"].map(text).to_vec(),
            env: vec![("UNIT".to_owned(), text("{{ unit }}"))],
            secrets: Vec::new(),
            user: None,
            folder: None,
            bounds: Bounds::default(),
        };
        let Ok(Call::Command(call)) = call(Action::Command(command), &value) else { continue };
        taken += 1;
        assert_eq!(call.argv, ["/bin/canary", &value, &format!("a{value}b"), "run_1/1/2"]);
        assert_eq!(
            call.env,
            [("EVENKEEL_RUN", "run_1/1/2"), ("UNIT", &*value)].map(|(a, b)| (a.into(), b.into()))
        );
        assert_eq!(call.stdin.matches('\n').count(), 1, "one line");
        let event: Value = serde_json::from_str(&call.stdin).expect("JSON");
        assert_eq!(
            (&event["parameters"]["unit"], &event["alert"]["service"]),
            (&json!(value), &json!(value))
        );
    }
    assert!(taken > 20, "{taken}");
}

#[test]
fn a_value_can_not_leave_its_place_in_an_address() {
    let url = "https://ci.example/hooks/{{ unit }}/run?u={{ unit }}";
    for (value, encoded) in [
        ("a?b=c&d#e", "a%3Fb%3Dc%26d%23e"),
        ("%2e", "%252e"),
        ("ä b", "%C3%A4%20b"),
        ("x@evil.example", "x%40evil.example"),
    ] {
        let call = request(Target::Http, url, Body::Empty, value).expect("a call");
        assert_eq!(call.url, format!("https://ci.example/hooks/{encoded}/run?u={encoded}"));
    }
    for value in [".", "..", "a/../b", "a\\b"] {
        let why = request(Target::Http, url, Body::Empty, value).unwrap_err();
        assert_eq!(why, "`unit` would change the path of the address");
    }
}

/// Guarantees: a value stays within the string that it stands in, and is not looked at again.
#[test]
fn a_value_can_not_leave_its_string_in_a_body() {
    let body = r#"{"a":"x {{ unit }}","list":["{{ host }}"],"n":1,"{{ unit }}":true}"#;
    for value in hostile() {
        let Ok(call) = request(Target::Http, "https://ci.example", Body::Json(body.to_owned()), &value)
        else {
            continue;
        };
        let told: Value = serde_json::from_str(&call.body).expect("JSON");
        let expected = json!({"a": format!("x {value}"), "list": ["web-1"], "n": 1, "{{ unit }}": true});
        assert_eq!(told, expected);
    }
}

#[test]
fn each_kind_of_request_has_its_key_and_its_end() {
    let of = |target, url| request(target, url, Body::Json("{}".to_owned()), "checkout").expect("a call");
    let http = of(Target::Http, "https://ci.example");
    let headers = [("X-Unit", "checkout"), ("Idempotency-Key", "run_1/1/2")];
    assert_eq!(http.headers, headers.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!((&*http.body, http.success, http.poll), ("{}", Success::Any2xx, None));
    let rundeck = of(Target::Rundeck, "https://r.example/api/41/job/x/executions");
    let before = "https://r.example/api/41/execution".to_owned();
    assert_eq!(rundeck.poll, Some(Poll::Rundeck { before }));
    for target in [Target::StackStorm, Target::GitHub, Target::AnsibleRulebook] {
        let call = of(target, "https://ci.example");
        assert_eq!((call.success, call.poll), (Success::Any2xx, None), "{}", target.as_str());
    }
}

#[test]
fn a_job_has_one_name_for_all_attempts_of_a_step() {
    let url = "https://k.example/apis/batch/v1/namespaces/ops/jobs";
    let body = Body::Json(r#"{"spec":{}}"#.to_owned());
    let call = request(Target::KubernetesJob, url, body, "checkout").expect("a call");
    let job: Value = serde_json::from_str(&call.body).expect("JSON");
    let name = job["metadata"]["name"].as_str().expect("a name");
    assert!(
        name.len() <= 63 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    );
    assert_eq!(call.success, Success::OrConflict);
    assert_eq!(call.poll, Some(Poll::Job { url: format!("{url}/{name}") }));
}

#[test]
fn a_cloud_event_has_what_its_specification_requires() {
    for (body, data) in
        [(Body::Event, "checkout"), (Body::Json(r#"{"unit":"{{ unit }}"}"#.to_owned()), "checkout")]
    {
        let is_event = body == Body::Event;
        let call = request(Target::CloudEvent, "https://ci.example", body, "checkout").expect("a call");
        let event: Value = serde_json::from_str(&call.body).expect("JSON");
        let required =
            ["specversion", "id", "source", "type"].map(|name| event[name].as_str().unwrap_or_default());
        assert_eq!(required, ["1.0", "run_1/1/2", "/evenkeel/runbooks", "io.evenkeel.runbook.step.v1"]);
        let unit = if is_event { &event["data"]["parameters"]["unit"] } else { &event["data"]["unit"] };
        assert_eq!(unit, data);
    }
}

#[test]
fn a_value_that_is_missing_fixed_or_unknown_is_told_by_its_parameter() {
    let mut of = runbook(Action::Http(Http {
        target: Target::Http,
        method: "POST".to_owned(),
        url: text("https://ci.example"),
        headers: Vec::new(),
        body: Body::Empty,
        secret_header: None,
        is_signed: false,
    }));
    let given = |name: &str, value: &str| Params::from([(name.to_owned(), value.to_owned())]);
    let values = |of: &Runbook, given: Params, occasion: &Occasion| of.values(&given, occasion).unwrap_err();
    let bare = Occasion { service: "checkout".to_owned(), ..Occasion::default() };
    assert_eq!(values(&of, Params::new(), &bare), "`host`: the alert has no label `host_name`");
    assert_eq!(values(&of, Params::new(), &Occasion::default()), "`unit` has no value");
    let why = values(&of, given("hots", "x"), &bare);
    assert_eq!(why, "the runbook has no parameter `hots`: it has unit, host");
    let why = values(&of, given("host", "--secret"), &bare);
    assert_eq!(why, "`host` begins with a dash, as an option of a program does");
    of.params[1].from = From::Value("web-1".to_owned());
    assert_eq!(values(&of, given("host", "web-2"), &bare), "`host` is fixed by the runbook");
    let params = of.values(&given("host", "web-1"), &bare).expect("values");
    assert_eq!(of.target_of(&params, &bare), "web-1");
    of.target = None;
    assert_eq!(of.target_of(&params, &bare), "checkout");
}

#[test]
fn a_trigger_takes_moments_and_labels() {
    let matcher = |name: &str, value: &str| {
        let op = crate::model::MatcherOp::Equal;
        let matcher = crate::model::Matcher { name: name.to_owned(), op, value: value.to_owned() };
        crate::model::Compiled::new(matcher).expect("a matcher")
    };
    let labels = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let trigger = Trigger {
        moments: vec![Moment::Trigger, Moment::Resolve],
        matchers: vec![matcher("service", "checkout"), matcher("severity", "page")],
    };
    let page = labels(&[("service", "checkout"), ("severity", "page")]);
    assert!(trigger.takes(Moment::Trigger, &page) && trigger.takes(Moment::Resolve, &page));
    assert!(!trigger.takes(Moment::Escalate, &page));
    assert!(!trigger.takes(Moment::Trigger, &labels(&[("service", "checkout")])));
    let all = Trigger { moments: Moment::ALL.to_vec(), matchers: Vec::new() };
    assert!(Moment::ALL.iter().all(|moment| all.takes(*moment, &labels(&[]))));
}
