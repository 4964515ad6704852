//! Requests: what is sent, and what each kind of answer, or none, means for the step.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncWriteExt;

use super::*;
use crate::respond::SigningKey;
use crate::respond::tests::server::{Say, Server};
use crate::runbook::{HttpCall, Poll, Success, Target};

pub fn http(url: &str) -> HttpCall {
    HttpCall {
        target: Target::Http,
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: vec![("Idempotency-Key".to_owned(), key(0).to_string())],
        body: r#"{"a":1}"#.to_owned(),
        secret_header: None,
        is_signed: false,
        success: Success::Any2xx,
        poll: None,
    }
}

pub async fn call(call: HttpCall, timeout_ms: u64) -> Outcome {
    outcome(StepSecrets::default(), timeout_ms, Call::Http(call)).await
}

fn with_header(text: &str) -> StepSecrets {
    StepSecrets { header: Some(secret(text)), ..StepSecrets::default() }
}

#[tokio::test]
async fn a_request_is_sent_as_the_step_says_and_its_answer_is_kept_without_secrets() {
    let answer = "token t0ken-of-ours\x1b[1m is\r\nfine";
    let mut server = Server::start([Say::Full(201, "", answer)]).await;
    let mut one = http(&format!("{}/a%2Fb?c=d", server.url));
    one.method = "PUT".to_owned();
    one.headers.push(("X-Summary".to_owned(), "ä;$(id)".to_owned()));
    one.secret_header = Some(("Authorization".to_owned(), "Bearer ".to_owned()));
    let outcome = outcome(with_header("t0ken-of-ours\n"), 10_000, Call::Http(one)).await;
    assert_eq!((outcome.end, &*outcome.why), (End::Succeeded, "answered 201 Created"));
    assert_eq!(outcome.output, "token (secret)[1m is\nfine");
    let seen = server.next().await;
    assert!(seen.head.starts_with("put /a%2fb?c=d http/1.1"), "{}", seen.head);
    assert_eq!(seen.header("authorization"), Some("bearer t0ken-of-ours"));
    assert_eq!(seen.header("x-summary"), Some("ä;$(id)"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!((seen.idempotency_key(), &*seen.body), ("run_1/1/1", r#"{"a":1}"#));
}

/// Guarantees: who knows a key can tell that the body is ours; with two keys, either of them.
#[tokio::test]
async fn a_signed_request_has_a_signature_of_its_body_for_each_key() {
    let mut server = Server::start([]).await;
    let keys =
        ["new", "old"].map(|id| SigningKey { id: id.to_owned(), secret: secret(&format!("key-{id}")) });
    let mut one = http(&server.url);
    one.is_signed = true;
    let secrets = StepSecrets { keys: keys.to_vec(), ..StepSecrets::default() };
    assert_eq!(outcome(secrets, 10_000, Call::Http(one.clone())).await.end, End::Succeeded);
    let seen = server.next().await;
    let signatures: Vec<&str> =
        seen.head.lines().filter_map(|line| line.strip_prefix("evenkeel-signature: ")).collect();
    assert_eq!(signatures.len(), 2);
    for (key, signature) in keys.iter().zip(signatures) {
        let at = signature.strip_prefix("t=").and_then(|rest| rest.split(',').next()).unwrap();
        let expected = respond::signature(key, at.parse().unwrap(), seen.body.as_bytes()).unwrap();
        assert_eq!(signature, expected);
    }
    let unsigned = call(one, 10_000).await;
    let told = (unsigned.end, &*unsigned.why);
    assert_eq!(told, (End::Failed, "it is to be signed, and its keys are not there"));
    assert!(server.heard_nothing_more());
}

#[tokio::test]
async fn what_can_not_be_sent_has_failed_before_anything_was() {
    let mut server = Server::start([]).await;
    let change = |change: fn(&mut HttpCall)| {
        let mut one = http(&server.url);
        change(&mut one);
        call(one, 10_000)
    };
    for (outcome, expected) in [
        (change(|one| one.method = "NO SUCH".to_owned()).await, "`NO SUCH` is no method"),
        (
            change(|one| one.headers.push(("A".to_owned(), "b\r\nC: d".to_owned()))).await,
            "its header `A` can not be sent",
        ),
        (
            change(|one| one.url = "file:///etc/passwd".to_owned()).await,
            "`file:///etc/passwd` is no address: file is neither http nor https",
        ),
        (
            change(|one| one.secret_header = Some(("A".to_owned(), String::new()))).await,
            "its secret is not there",
        ),
    ] {
        assert_eq!((outcome.end, &*outcome.why), (End::Failed, expected));
    }
    assert!(server.heard_nothing_more());
}

#[tokio::test]
async fn answers_that_refuse_have_failed_and_those_that_do_not_tell_are_unknown() {
    for (say, end, expected) in [
        (Say::Full(400, "", "no such thing"), End::Failed, "answered 400 Bad Request"),
        (Say::Status(409), End::Failed, "answered 409 Conflict"),
        (Say::Status(500), End::Failed, "answered 500 Internal Server Error"),
        (Say::Status(503), End::Failed, "answered 503 Service Unavailable"),
        (Say::Status(502), End::Unknown, "answered 502 Bad Gateway: it may have been taken, or not"),
        (Say::Status(504), End::Unknown, "answered 504 Gateway Timeout: it may have been taken, or not"),
        (Say::Hang, End::Unknown, "no answer came in time: it may have been taken, or not"),
    ] {
        let within_ms = if matches!(say, Say::Hang) { 300 } else { 10_000 };
        let server = Server::start([say]).await;
        let outcome = call(http(&server.url), within_ms).await;
        assert_eq!((outcome.end, &*outcome.why), (end, expected));
        assert_eq!(outcome.output, if expected.contains("400") { "no such thing" } else { "" });
    }
    let server = Server::start([Say::Reset]).await;
    let outcome = call(http(&server.url), 10_000).await;
    assert_eq!(outcome.end, End::Unknown);
    assert!(outcome.why.ends_with(": it may have been taken, or not"), "{}", outcome.why);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let outcome = call(http(&url), 10_000).await;
    assert_eq!(outcome.end, End::Failed);
    assert!(outcome.why.starts_with("could not connect: "), "{}", outcome.why);
}

#[tokio::test]
async fn redirects_are_refused() {
    let mut other = Server::start([]).await;
    let location: &'static str = format!("Location: {}/\r\n", other.url).leak();
    for status in [301, 302, 303, 307, 308] {
        let server = Server::start([Say::Full(status, location, "")]).await;
        let outcome = call(http(&server.url), 10_000).await;
        assert_eq!(outcome.end, End::Failed);
        assert!(outcome.why.ends_with(": redirects are not followed"), "{}", outcome.why);
    }
    assert!(other.heard_nothing_more());
}

#[tokio::test]
async fn of_an_answer_without_end_little_is_read_and_less_kept() {
    let server = Server::start([Say::Flood(200)]).await;
    let outcome = call(http(&server.url), 10_000).await;
    assert_eq!((outcome.end, outcome.output.len()), (End::Succeeded, 2_048));
}

/// Scenario: the status is in, and the rest of the answer never comes.
/// Guarantees: it has succeeded, and is told so before its time is over.
#[tokio::test]
async fn a_good_status_is_enough_where_the_rest_of_the_answer_does_not_come() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let hold = async {
        let mut stream = listener.accept().await.unwrap().0;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
        std::future::pending::<()>().await;
    };
    let outcome =
        tokio::select! { outcome = call(http(&url), 60_000) => outcome, () = hold => unreachable!() };
    assert_eq!((outcome.end, &*outcome.output), (End::Succeeded, "half"));
}

#[tokio::test]
async fn at_a_stop_a_request_on_its_way_is_unknown() {
    let mut server = Server::start([Say::Hang]).await;
    let mut rig = Rig::new(StepSecrets::default());
    rig.runner.run(step(0, 60_000, Call::Http(http(&server.url))));
    server.next().await;
    rig.runner.drain(Duration::from_millis(10)).await;
    let (_, outcome) = rig.next().await;
    assert_eq!((outcome.end, &*outcome.why), (End::Unknown, "its end was not known when Evenkeel stopped"));
}

/// Guarantees: a step's own authorities are trusted by that step, and nobody else trusts them.
#[tokio::test]
async fn authorities_of_a_step_are_trusted_in_place_of_the_systems() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let _ = respond::client(); // which sets up the process's cryptography
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4_096]).await;
            let _ = stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let trusting =
        |pem: &str| StepSecrets { authorities: Some(pem.as_bytes().to_vec()), ..StepSecrets::default() };
    let taken = outcome(trusting(&cert.pem()), 10_000, Call::Http(http(&url))).await;
    assert_eq!((taken.end, &*taken.why), (End::Succeeded, "answered 202 Accepted"));
    let untrusted = call(http(&url), 10_000).await;
    assert!(untrusted.end == End::Failed && untrusted.why.starts_with("could not connect"), "{untrusted:?}");
    let none = outcome(trusting("nothing"), 10_000, Call::Http(http(&url))).await;
    assert_eq!((none.end, &*none.why), (End::Failed, "the file of authorities holds no certificate"));
}

pub fn polled(server: &Server, poll: Poll) -> HttpCall {
    let mut one = http(&format!("{}/api/41/job/u-1/executions", server.url));
    one.secret_header = Some(("X-Rundeck-Auth-Token".to_owned(), String::new()));
    if matches!(poll, Poll::Job { .. }) {
        one.success = Success::OrConflict;
    }
    one.poll = Some(poll);
    one
}
