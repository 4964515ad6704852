//! Who may agree that a run begins, and for how long.

use serde_json::json;

use super::canary::Canary;
use super::{RULE, all_ended, in_trouble, runs};
use crate::program::{Daemon, Scratch, program, ran, until};
use crate::sink::Sink;

const MORE: &str = "  triggers: [{}]\n  params: {host: {from: label.host_name, pattern: '[a-z0-9-]{1,40}'}}\n  target: host\n  destructive: true\n";

/// Tokens of a viewer and two operators, and a key for links.
fn with_tokens(scratch: &Scratch, documents: &str) -> String {
    for name in ["sender", "viewer", "alice", "bob"] {
        scratch.write(&format!("{name}.token"), &format!("{name}-secret\n"));
    }
    scratch.write("link.key", "a key of some length, for links\n");
    let tokens = [("sender", "ingest"), ("viewer", "viewer"), ("alice", "operator"), ("bob", "operator")]
        .map(|(name, role)| {
            format!(
                "{{name: {name}, file: '{}', role: {role}}}",
                scratch.path(&format!("{name}.token")).display()
            )
        });
    documents
        .replacen("spec:\n", &format!("spec:\n  auth: {{tokens: [{}]}}\n", tokens.join(", ")), 1)
        .replacen(
            "runbooks: {",
            &format!("runbooks: {{approval_key_file: '{}', ", scratch.path("link.key").display()),
            1,
        )
}

async fn trouble(daemon: &Daemon, host: &str) {
    let client = evenkeel::respond::client().unwrap();
    let url = format!("http://{}/v1/traces", daemon.address("otlp_http"));
    let body = in_trouble(&[("shop".to_owned(), host.to_owned())]);
    let post =
        client.post(url).header("content-type", "application/json").bearer_auth("sender-secret").body(body);
    assert_eq!(post.send().await.unwrap().status(), 200);
}

async fn run_of(daemon: &Daemon, host: &str) -> serde_json::Value {
    let client = evenkeel::respond::client().unwrap();
    let wanted = |all: serde_json::Value| {
        all["runs"].as_array().unwrap().iter().find(|run| run["target"] == host).cloned()
    };
    until("the run is there", || async {
        let get = client.get(daemon.url("/api/v1/runs")).bearer_auth("viewer-secret").send().await.unwrap();
        wanted(get.json().await.unwrap())
    })
    .await
}

/// Scenario: a destructive runbook of which `alice` alone may agree, asked by a viewer, by another operator and by her; one
/// that every operator may, by a link of the page.
/// Guarantees: who may not is refused and nothing begins; who may is named; once is once; a forged link and one of another
/// run are refused, looking at a good one changes nothing, and using it begins the run.
#[tokio::test]
async fn the_right_person_or_a_good_link_approves_and_nobody_else() {
    let (mut sink, canary, scratch) = (Sink::start().await, Canary::new(), Scratch::new());
    let alone = canary.runbook(
        "failover",
        ", '{{ host }}'",
        "exit 0",
        &format!("{MORE}  approval: {{by: [alice], expires: 1h}}\n"),
    );
    let any = canary
        .runbook("restart", ", '{{ host }}'", "exit 0", MORE)
        .replace("triggers: [{}]", "triggers: [{match: ['host_name=\"web-2\"']}]");
    let alone = alone.replace("triggers: [{}]", "triggers: [{match: ['host_name=\"web-1\"']}]");
    let documents = RULE.replace("RECEIVER", &sink.url).replace("CANARY", canary.program().to_str().unwrap())
        + &alone
        + &any;
    let documents = with_tokens(&scratch, &documents);
    let daemon = Daemon::start_on(&scratch, &documents).await;
    trouble(&daemon, "web-1").await;
    let page = sink.next().await.body;
    let run = run_of(&daemon, "web-1").await["id"].as_str().unwrap().to_owned();
    assert!(
        page["explain"]["text"].as_str().unwrap().contains(&format!("evenkeel runbook approve {run}")),
        "{page}"
    );
    let ask = |who: &str, args: &[&str]| {
        let token = scratch.path(&format!("{who}.token"));
        ran(program().args(args).env("EVENKEEL_URL", daemon.url("")).env("EVENKEEL_TOKEN_FILE", token))
    };
    for who in ["viewer", "bob"] {
        let refused = ask(who, &["runbook", "approve", &run]);
        assert_eq!(refused.code, Some(77), "{who}: {}", refused.err);
        let is_told =
            refused.err.contains("is approved by alice alone") && refused.err.contains("may approve it");
        assert_eq!(is_told, who == "bob", "{who}: {}", refused.err);
    }
    assert!(canary.calls().is_empty());
    let approved = ask("alice", &["runbook", "approve", &run]);
    assert_eq!(
        (approved.code, approved.out.as_str()),
        (Some(0), &*format!("{run} is approved\n")),
        "{}",
        approved.err
    );
    until("it is called", || async { (canary.calls().len() == 1).then_some(()) }).await;
    assert_eq!(ask("alice", &["runbook", "approve", &run]).code, Some(1), "once is enough");
    let shown = ask("viewer", &["runbook", "show", &run]);
    assert!(shown.out.contains("approved by alice"), "{}", shown.out);

    by_link(&daemon, &mut sink, &canary, &run).await;
    assert_eq!(daemon.stop().await, Some(0));
}

/// `other` is another run.
async fn by_link(daemon: &Daemon, sink: &mut Sink, canary: &Canary, other: &str) {
    trouble(daemon, "web-2").await;
    let mut page = sink.next().await.body;
    while page["alert"]["labels"]["host_name"] != "web-2" {
        page = sink.next().await.body;
    }
    let text = page["explain"]["text"].as_str().unwrap();
    let second = run_of(daemon, "web-2").await["id"].as_str().unwrap().to_owned();
    let link = text.split(&format!("Approve {second}: ")).nth(1).expect("the page has a link").to_owned();
    assert_eq!(page["alert"]["annotations"]["approve_url"], link);
    let client = evenkeel::respond::client().unwrap();
    let post = |url: String| {
        let post = client.post(url).send();
        async { post.await.unwrap().status().as_u16() }
    };
    let (head, tail) = link.split_at(link.len() - 1);
    let forged = format!("{head}{}", if tail == "0" { "1" } else { "0" });
    assert_eq!(post(forged).await, 403);
    assert_eq!(post(link.replace(&second, other)).await, 403, "of another run");
    assert_eq!(post(link.replace("until=", "until=9")).await, 403, "of another time");
    let looked = client.get(&link).send().await.unwrap();
    assert!(looked.status() == 200 && looked.text().await.unwrap().contains("<button>Approve</button>"));
    assert_eq!(canary.calls().len(), 1, "looking begins nothing");
    assert_eq!(post(link.clone()).await, 200);
    until("it is called", || async { (canary.calls().len() == 2).then_some(()) }).await;
    assert_eq!(post(link).await, 409, "once is enough");
}

/// Guarantees: what nobody agrees to in time does not run, and agreeing later does not begin it.
#[tokio::test]
async fn an_approval_that_comes_too_late_begins_nothing() {
    let (sink, canary) = (Sink::start().await, Canary::new());
    let more = format!("{MORE}  approval: {{expires: 1s}}\n");
    let documents = RULE.replace("RECEIVER", &sink.url).replace("CANARY", canary.program().to_str().unwrap())
        + &canary.runbook("failover", ", '{{ host }}'", "exit 0", &more);
    let daemon = Daemon::start(&documents).await;
    let body = in_trouble(&[("shop".to_owned(), "web-1".to_owned())]);
    assert_eq!(daemon.export("traces", "application/json", body).await.0, 200);
    let ended = all_ended(&daemon, 1).await;
    assert_eq!(ended[0]["state"], "refused");
    let run = ended[0]["id"].as_str().unwrap();
    let late = ran(program().args(["runbook", "approve", run]).env("EVENKEEL_URL", daemon.url("")));
    assert!(late.code == Some(1) && late.err.contains("nobody approved it until"), "{}", late.err);
    assert_eq!(runs(&daemon).await[0]["state"], json!("refused"));
    assert!(canary.calls().is_empty());
    assert_eq!(daemon.stop().await, Some(0));
}
