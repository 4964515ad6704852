//! Who may come in by bearer tokens: over all three listeners, and with our own commands.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::Channel;

use crate::hostile::{call, framed};
use crate::program::{Daemon, Scratch, program, ran, until};
use crate::sink::{spans, wall_s};

const INGEST: &str = "ingest-5f1c9d2e8b7a4630";
const VIEWER: &str = "viewer-0a9b8c7d6e5f4321";

const DOCUMENT: &str = "
apiVersion: evenkeel/v1
kind: Config
spec:
  auth:
    tokens:
      - {name: collector, file: ingest.token, role: ingest}
      - {name: dashboard, file: viewer.token, role: viewer}
";

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("ingest.token", &format!("{INGEST}\n"));
    scratch.write("viewer.token", VIEWER);
    scratch.write("evenkeel.yaml", DOCUMENT);
    scratch
}

async fn start(more: &[&str]) -> Daemon {
    let scratch = scratch();
    let config = scratch.path("evenkeel.yaml").display().to_string();
    Daemon::start_with(scratch, ["run", "-c", &config].iter().chain(more)).await
}

fn bearer(token: &str) -> Option<String> {
    Some(format!("Bearer {token}"))
}

/// Status, `WWW-Authenticate` and body of a request with these `Authorization` headers.
async fn ask(daemon: &Daemon, request: reqwest::RequestBuilder, given: &[String]) -> (u16, String, String) {
    let request = given.iter().fold(request, |request, value| request.header("authorization", value));
    let answer = request.send().await.unwrap();
    let challenge = answer.headers().get("www-authenticate").map_or("", |value| value.to_str().unwrap());
    let challenge = challenge.to_owned();
    assert_eq!(daemon.status("/livez").await.0, 200);
    (answer.status().as_u16(), challenge, answer.text().await.unwrap())
}

fn get(daemon: &Daemon, path: &str) -> reqwest::RequestBuilder {
    evenkeel::respond::client().unwrap().get(daemon.url(path))
}

fn post(daemon: &Daemon, kind: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
    let url = format!("http://{}/v1/traces", daemon.address("otlp_http"));
    evenkeel::respond::client().unwrap().post(url).header("content-type", kind.to_owned()).body(body)
}

async fn counts(daemon: &Daemon) -> Value {
    let answer = get(daemon, "/api/v1/counts").header("authorization", bearer(VIEWER).unwrap());
    answer.send().await.unwrap().json().await.unwrap()
}

/// Scenario: a client announces 20 MB and sends none of them.
#[tokio::test]
async fn an_unknown_token_is_refused_with_401_before_the_body_is_read() {
    let daemon = start(&[]).await;
    for given in ["", "Authorization: Bearer guessed\r\n", "Authorization: Basic YTpi\r\n"] {
        let mut stream = TcpStream::connect(daemon.address("otlp_http")).await.unwrap();
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{given}content-length: 20000000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await;
        let answer =
            String::from_utf8_lossy(&answer[..read.expect("an answer").unwrap()]).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 401 "), "{given:?}: {answer}");
        assert!(answer.contains("\r\nwww-authenticate: bearer\r\n"), "{answer}");
    }
    assert_eq!(counts(&daemon).await["items"]["spans"]["offered"], 0);
}

#[tokio::test]
async fn each_listener_lets_in_its_role_alone() {
    let daemon = start(&[]).await;
    let url = format!("http://{}", daemon.address("otlp_grpc"));
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    let body = spans(wall_s() - 10..wall_s(), false);
    let twice = vec![format!("Bearer {INGEST}"), "Bearer x".to_owned()];
    for (given, sends, reads) in [
        (vec![], 401, 401),
        (bearer("guessed").into_iter().collect(), 401, 401),
        (bearer(&INGEST[1..]).into_iter().collect(), 401, 401),
        (vec![format!("Basic {INGEST}")], 401, 401),
        (twice, 401, 401),
        (bearer(INGEST).into_iter().collect(), 200, 403),
        (vec![format!("bEARER   {INGEST}")], 200, 403),
        (bearer(VIEWER).into_iter().collect(), 403, 200),
    ] {
        let (status, challenge, text) =
            ask(&daemon, post(&daemon, "application/json", body.clone()), &given).await;
        assert_eq!((status, challenge == "Bearer"), (sends, sends == 401), "{given:?}: {text}");
        for path in ["/", "/metrics", "/api/v1/counts", "/api/v1/slos", "/api/v1/alerts", "/api/v1/facts"] {
            let (status, challenge, text) = ask(&daemon, get(&daemon, path), &given).await;
            assert_eq!((status, challenge == "Bearer"), (reads, reads == 401), "{path} {given:?}: {text}");
        }
        let absent = if reads == 200 { 404 } else { reads };
        assert_eq!(ask(&daemon, get(&daemon, "/api/v1/nothing"), &given).await.0, absent, "{given:?}");
        let headers: Vec<(&str, &str)> = given.iter().map(|one| ("authorization", &**one)).collect();
        let code = call(&channel, &headers, &framed(0, b"")).await.code();
        let expected = match sends {
            200 => Code::Ok,
            403 => Code::PermissionDenied,
            _ => Code::Unauthenticated,
        };
        assert_eq!(code, expected, "{given:?}");
    }
    let counts = counts(&daemon).await;
    assert_eq!(
        counts["items"]["spans"],
        json!({"offered": 20, "accepted": 10, "duplicate": 10, "refused": 0, "rejected": 0})
    );
    let metrics = get(&daemon, "/metrics").header("authorization", bearer(VIEWER).unwrap());
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    for line in [
        r#"evenkeel_requests_denied_total{listener="otlp_grpc",reason="unauthenticated"} 5"#,
        r#"evenkeel_requests_denied_total{listener="otlp_http",reason="forbidden"} 1"#,
        r#"evenkeel_requests_denied_total{listener="http",reason="forbidden"} 14"#,
        r#"evenkeel_ingest_requests_total{transport="http",signal="traces",outcome="unauthenticated"} 5"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn health_is_told_without_a_token() {
    let daemon = start(&[]).await;
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(daemon.status(path).await, (200, "ok\n".to_owned()));
    }
    let said = daemon.said();
    assert_eq!(said.matches("(this machine only, with a token of role ingest)").count(), 2, "{said}");
    assert!(said.contains("(this machine only, with a token of role viewer)"), "{said}");
}

/// Scenario: the file of a token is emptied, removed, and at last replaced, as a rotation does.
/// Guarantees: the old token holds until there is a new one, and then no longer.
#[tokio::test]
async fn a_replaced_token_file_takes_effect_and_a_spoilt_one_does_not() {
    let daemon = start(&[]).await;
    let status = async |token: &str| {
        let given = Vec::from_iter(bearer(token));
        ask(&daemon, post(&daemon, "application/json", "{}"), &given).await.0
    };
    let warned = async |count: usize| {
        until("it is said", || async {
            (daemon.said().matches("door.token.kept").count() >= count).then_some(())
        })
        .await;
    };
    daemon.scratch().write("ingest.token", "");
    warned(1).await;
    assert_eq!(status(INGEST).await, 200);
    std::fs::remove_file(daemon.scratch().path("ingest.token")).unwrap();
    warned(2).await;
    assert_eq!(status(INGEST).await, 200);
    daemon.scratch().write("next.token", "rotated-7d6e5f4321");
    std::fs::rename(daemon.scratch().path("next.token"), daemon.scratch().path("ingest.token")).unwrap();
    until("the new token is in force", || async {
        (status("rotated-7d6e5f4321").await == 200).then_some(())
    })
    .await;
    assert_eq!((status(INGEST).await, status(VIEWER).await), (401, 403));
}

#[tokio::test]
async fn tokens_are_in_no_log_and_no_answer() {
    let daemon = start(&["-vvv", "-o", "json"]).await;
    let url = format!("http://{}", daemon.address("otlp_grpc"));
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    let mut told = String::new();
    for token in [INGEST, VIEWER, "guessed-c0ffee"] {
        let given = Vec::from_iter(bearer(token));
        told += &ask(&daemon, post(&daemon, "application/json", "no JSON"), &given).await.2;
        told += &ask(&daemon, get(&daemon, "/api/v1/nothing"), &given).await.2;
        told += &ask(&daemon, get(&daemon, "/metrics"), &given).await.2;
        told += call(&channel, &[("authorization", &given[0])], b"?").await.message();
    }
    daemon.scratch().write("ingest.token", "two-c0ffee words");
    until("the file is looked at", || async { daemon.said().contains("door.token.kept").then_some(()) })
        .await;
    told += &daemon.said();
    for token in [INGEST, VIEWER, "c0ffee"] {
        assert!(!told.contains(token), "{told}");
    }
}

#[tokio::test]
async fn our_own_commands_show_the_token_of_their_file() {
    let daemon = start(&[]).await;
    let page = daemon.url("");
    let command = |args: &[&str], token: Option<&str>| {
        let mut command = program();
        command.args(args).args(["--url", &page]);
        if let Some(file) = token {
            command.env("EVENKEEL_TOKEN_FILE", daemon.scratch().path(file));
        }
        ran(&mut command)
    };
    for (token, code) in [(None, 77), (Some("ingest.token"), 77), (Some("viewer.token"), 0)] {
        let said = command(&["slo", "list"], token);
        assert_eq!(said.code, Some(code), "{}", said.err);
        assert_eq!(said.err.contains("--token-file"), code == 77, "{}", said.err);
    }
    for (protocol, listener) in [("grpc", "otlp_grpc"), ("http/protobuf", "otlp_http")] {
        let endpoint = format!("http://{}", daemon.address(listener));
        let args = ["send", "--for", "300ms", "--protocol", protocol, "--endpoint", &endpoint];
        for (token, code) in [(None, 77), (Some("viewer.token"), 77), (Some("ingest.token"), 0)] {
            let said = command(&args, token);
            assert_eq!(said.code, Some(code), "{protocol} {token:?}: {}", said.err);
        }
    }
    let absent = command(&["slo", "list", "--token-file", "/absent"], None);
    assert_eq!(absent.code, Some(2), "{}", absent.err);
    assert!(absent.err.contains("the token file /absent"), "{}", absent.err);
}

#[tokio::test]
async fn tokens_allow_an_address_that_others_reach() {
    let scratch = scratch();
    let config = scratch.path("evenkeel.yaml");
    let check = |document: &str| {
        std::fs::write(&config, document).unwrap();
        ran(program().args(["check".as_ref(), config.as_os_str()]))
    };
    let open = "  listen: {otlp_http: 0.0.0.0:0}\n";
    let with = check(&format!("{DOCUMENT}{open}"));
    assert_eq!(with.code, Some(0), "{}", with.err);
    assert!(with.err.contains("warning[W0204]"), "{}", with.err);
    let without = check(&format!("apiVersion: evenkeel/v1\nkind: Config\nspec:\n{open}"));
    assert_eq!(without.code, Some(78), "{}", without.err);
    assert!(without.err.contains("error[E0209]") && without.err.contains("auth.tokens"), "{}", without.err);
}
