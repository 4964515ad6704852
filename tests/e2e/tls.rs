//! TLS and client certificates on all three listeners, with real clients: curl, tonic, the SDK for Python,
//! and our own commands. Every certificate is made by the test that needs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

use crate::hostile::{call, framed};
use crate::program::{Daemon, Ran, Scratch, program, ran, until};
use crate::{missing, peer};

const TOKEN: &str = "sends-and-reads-1f2e3d4c";

/// An authority, and where its certificate lies.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(scratch: &Scratch, name: &str) -> Self {
        let mut params = named([], name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let file = scratch.write(&format!("{name}.pem"), &params.self_signed(&key).unwrap().pem());
        Self { issuer: Issuer::new(params, key), file }
    }

    /// Writes `NAME.pem` and `NAME.key`.
    fn sign(&self, scratch: &Scratch, name: &str) {
        let params = named(["localhost".to_owned(), "127.0.0.1".to_owned()], name);
        let key = KeyPair::generate().unwrap();
        scratch.write(&format!("{name}.pem"), &params.signed_by(&key, &self.issuer).unwrap().pem());
        scratch.write(&format!("{name}.key"), &key.serialize_pem());
    }
}

/// OpenSSL takes a certificate that is called as its authority for one that signed itself.
fn named(hosts: impl Into<Vec<String>>, name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A daemon with a certificate of `authority`, and with `more` in its `listen.tls`.
async fn start(scratch: Scratch, authority: &Authority, more: &str) -> Daemon {
    authority.sign(&scratch, "server");
    scratch.write("token", TOKEN);
    let config = scratch.write(
        "evenkeel.yaml",
        &format!(
            "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  listen: {{tls: {{cert_file: server.pem, key_file: server.key{more}}}}}\n  \
             auth: {{tokens: [{{name: a, file: token, role: ingest}}, {{name: b, file: token, role: viewer}}]}}\n"
        ),
    );
    Daemon::start_with(scratch, ["run".as_ref(), "-c".as_ref(), config.as_os_str()]).await
}

/// What curl says: the status and the version of HTTP, or its exit code where no answer came.
fn curl(daemon: &Daemon, ca: &Path, args: &[&str]) -> Result<String, i32> {
    let mut command = Command::new("curl");
    command.args(["-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "--cacert"]);
    command.arg(ca).args(["-H", &format!("Authorization: Bearer {TOKEN}")]).args(args);
    let Ran { code, out, .. } = ran(command.current_dir(daemon.scratch().folder()));
    if code == Some(0) { Ok(out) } else { Err(code.unwrap_or(-1)) }
}

fn otlp(daemon: &Daemon) -> String {
    format!("https://{}/v1/traces", daemon.address("otlp_http"))
}

fn page(daemon: &Daemon, path: &str) -> String {
    format!("https://{}{path}", daemon.address("http"))
}

async fn channel(daemon: &Daemon, ca: &Path, identity: Option<&str>) -> Option<Channel> {
    let file = |name: &str| std::fs::read(daemon.scratch().path(name)).unwrap();
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(std::fs::read(ca).unwrap()));
    if let Some(name) = identity {
        tls = tls.identity(Identity::from_pem(file(&format!("{name}.pem")), file(&format!("{name}.key"))));
    }
    let endpoint = Channel::from_shared(format!("https://{}", daemon.address("otlp_grpc"))).unwrap();
    endpoint.tls_config(tls).unwrap().connect().await.ok()
}

fn authorized() -> String {
    format!("Bearer {TOKEN}")
}

#[tokio::test]
async fn all_three_listeners_speak_tls_and_nothing_else() {
    if peer("curl").is_none() {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch, "ca");
    let daemon = start(scratch, &authority, "").await;
    let json = ["-H", "Content-Type: application/json", "-d", "{}"];
    for (http, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let sent = curl(&daemon, &authority.file, &[&json[..], &[http, &otlp(&daemon)]].concat());
        assert_eq!(sent, Ok(format!("200 {version}")));
        let read = curl(&daemon, &authority.file, &[http, &page(&daemon, "/api/v1/counts")]);
        assert_eq!(read, Ok(format!("200 {version}")));
    }
    let grpc = channel(&daemon, &authority.file, None).await.expect("a channel");
    let code = |headers: Vec<(&'static str, String)>| {
        let grpc = grpc.clone();
        async move {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
            call(&grpc, &headers, &framed(0, b"")).await.code()
        }
    };
    assert_eq!(code(vec![("authorization", authorized())]).await, Code::Ok);
    assert_eq!(code(vec![]).await, Code::Unauthenticated);

    for listener in ["otlp_grpc", "otlp_http", "http"] {
        let mut plain = TcpStream::connect(daemon.address(listener)).await.unwrap();
        plain.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        plain.read_to_end(&mut answer).await.ok();
        assert!(!answer.starts_with(b"HTTP/"), "{listener}: {}", String::from_utf8_lossy(&answer));
    }
    let other = Authority::new(daemon.scratch(), "other");
    assert_eq!(curl(&daemon, &other.file, &[&page(&daemon, "/livez")]), Err(60), "of an unknown authority");
    let old = ["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", &page(&daemon, "/livez")];
    assert!(curl(&daemon, &authority.file, &old).is_err(), "TLS 1.1");

    let said = daemon.said();
    assert_eq!(said.matches("this machine only, TLS, with a token of role").count(), 3, "{said}");
    assert!(said.contains(&page(&daemon, "")), "{said}");
    assert_eq!(daemon.stop().await, Some(0));
}

/// Scenario: clients with a certificate of the right authority, of another one, and with none.
/// Guarantees: the first is let in everywhere, the second nowhere, the third to health alone.
#[tokio::test]
async fn a_client_without_a_certificate_is_told_health_alone() {
    if peer("curl").is_none() {
        return;
    }
    let scratch = Scratch::new();
    let (authority, clients) = (Authority::new(&scratch, "ca"), Authority::new(&scratch, "clients"));
    clients.sign(&scratch, "known");
    Authority::new(&scratch, "others").sign(&scratch, "unknown");
    let daemon = start(scratch, &authority, ", client_ca_file: clients.pem").await;
    let json = ["-H", "Content-Type: application/json", "-d", "{}"];
    for (client, sent, health, read) in [
        (Some("known"), Some("200"), Some("200"), Some("200")),
        (Some("unknown"), None, None, None),
        (None, None, Some("200"), Some("403")),
    ] {
        let (cert, key) = (format!("{}.pem", client.unwrap_or("")), format!("{}.key", client.unwrap_or("")));
        let shown: &[&str] = if client.is_some() { &["--cert", &cert, "--key", &key] } else { &[] };
        let status = |args: &[&str]| {
            let said = curl(&daemon, &authority.file, &[shown, args].concat());
            said.ok().map(|said| said[..3].to_owned())
        };
        assert_eq!(status(&[&json[..], &[&otlp(&daemon)]].concat()).as_deref(), sent, "{client:?}");
        assert_eq!(status(&[&page(&daemon, "/livez")]).as_deref(), health, "{client:?}");
        assert_eq!(status(&[&page(&daemon, "/metrics")]).as_deref(), read, "{client:?}");
        let channel = channel(&daemon, &authority.file, client).await;
        let answered = match &channel {
            None => false,
            Some(channel) => {
                let (value, body) = (authorized(), framed(0, b""));
                let headers = [("authorization", &*value)];
                let answer = tokio::spawn({
                    let channel = channel.clone();
                    let headers = headers.map(|(name, value)| (name, value.to_owned()));
                    async move {
                        let headers = headers.each_ref().map(|(name, value)| (*name, &**value));
                        call(&channel, &headers, &body).await.code()
                    }
                });
                answer.await.is_ok_and(|code| code == Code::Ok)
            }
        };
        assert_eq!(answered, sent.is_some(), "gRPC {client:?}");
    }
    let said = daemon.said();
    assert_eq!(said.matches("TLS, with a client certificate, with a token").count(), 3, "{said}");
}

/// Scenario: the certificate is renewed by another authority, its key a little later; before, a client
/// opens a connection.
/// Guarantees: new connections see the new certificate, nobody is cut, and files that do not go together
/// change nothing.
#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections() {
    if peer("curl").is_none() {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch, "ca");
    let daemon = start(scratch, &authority, "").await;
    let grpc = channel(&daemon, &authority.file, None).await.expect("a channel");
    let next = Authority::new(daemon.scratch(), "next");
    next.sign(daemon.scratch(), "renewed");
    let replace = |ending: &str| {
        let path = |name: &str| daemon.scratch().path(&format!("{name}.{ending}"));
        std::fs::rename(path("renewed"), path("server")).unwrap();
    };
    replace("pem");
    until("it is said", || async { daemon.said().contains("door.tls.kept").then_some(()) }).await;
    assert_eq!(curl(&daemon, &authority.file, &[&page(&daemon, "/livez")]), Ok("200 2".to_owned()));
    replace("key");
    let renewed = || async { curl(&daemon, &next.file, &[&page(&daemon, "/livez")]).ok() };
    assert_eq!(until("the new certificate is shown", renewed).await, "200 2");
    assert_eq!(curl(&daemon, &authority.file, &[&page(&daemon, "/livez")]), Err(60));
    let value = authorized();
    let code = call(&grpc, &[("authorization", &value)], &framed(0, b"")).await.code();
    assert_eq!(code, Code::Ok, "over the connection that stood");
}

#[tokio::test]
async fn a_handshake_that_stalls_takes_a_place_and_is_cut_in_time() {
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch, "ca");
    let daemon = start(scratch, &authority, "").await;
    let begin = Instant::now();
    let mut stalled = Vec::new();
    for listener in ["otlp_grpc", "otlp_http", "http"] {
        let mut stream = TcpStream::connect(daemon.address(listener)).await.unwrap();
        stream.write_all(b"\x16\x03\x01\x02\0\x01").await.unwrap();
        stalled.push(stream);
    }
    let metrics = || async {
        let said = ran(program().args(["slo", "list", "--url", &page(&daemon, "")]));
        assert_eq!(said.code, Some(69), "no TLS without the authority: {}", said.err);
        let client = evenkeel::respond::open_client();
        let pem = reqwest::Certificate::from_pem(&std::fs::read(&authority.file).unwrap()).unwrap();
        let client = client.tls_certs_only([pem]).build().unwrap();
        let asked = client.get(page(&daemon, "/metrics")).header("authorization", authorized());
        let text = asked.send().await.unwrap().text().await.unwrap();
        let open = r#"evenkeel_connections_open{listener="otlp_grpc"} 1"#;
        text.contains(open).then_some(text)
    };
    until("the stalled connections are counted", metrics).await;
    for mut stream in stalled {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await;
        closed.expect("cut").ok();
    }
    let took = begin.elapsed();
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(15), "{took:?}");
}

#[tokio::test]
async fn our_own_commands_trust_the_ca_file_and_show_their_certificate() {
    let scratch = Scratch::new();
    let (authority, clients) = (Authority::new(&scratch, "ca"), Authority::new(&scratch, "clients"));
    clients.sign(&scratch, "me");
    let daemon = start(scratch, &authority, ", client_ca_file: clients.pem").await;
    let command = |args: &[&str]| {
        let mut command = program();
        let file = |name: &str| daemon.scratch().path(name);
        command.args(args).env("EVENKEEL_TOKEN_FILE", file("token")).env("EVENKEEL_CA_FILE", file("ca.pem"));
        command.env("EVENKEEL_CERT_FILE", file("me.pem")).env("EVENKEEL_KEY_FILE", file("me.key"));
        ran(&mut command)
    };
    let listed = command(&["slo", "list", "--url", &page(&daemon, "")]);
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    for (protocol, listener) in [("grpc", "otlp_grpc"), ("http/protobuf", "otlp_http")] {
        let endpoint = format!("https://{}", daemon.address(listener));
        let args = ["send", "--for", "300ms", "--protocol", protocol, "--endpoint", &endpoint];
        let sent = command(&args);
        assert_eq!(sent.code, Some(0), "{protocol}: {}", sent.err);
    }
    let wrong = command(&["slo", "list", "--url", &page(&daemon, ""), "--ca-file", "/dev/null"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    assert!(wrong.err.contains("the CA file holds no certificate"), "{}", wrong.err);
}

#[test]
fn a_key_of_another_certificate_is_told_by_check() {
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch, "ca");
    authority.sign(&scratch, "one");
    authority.sign(&scratch, "two");
    let check = |tls: &str| {
        let text = format!("apiVersion: evenkeel/v1\nkind: Config\nspec:\n  listen:\n    tls: {{{tls}}}\n");
        ran(program().arg("check").arg(scratch.write("evenkeel.yaml", &text)))
    };
    let good = check("cert_file: one.pem, key_file: one.key, client_ca_file: ca.pem");
    assert_eq!(good.code, Some(0), "{}", good.err);
    let bad = check("cert_file: one.pem, key_file: two.key");
    assert_eq!(bad.code, Some(78), "{}", bad.err);
    assert!(bad.err.contains("error[E0219]: two.key does not belong to the certificate"), "{}", bad.err);
    assert!(bad.err.contains("evenkeel.yaml:5:41"), "{}", bad.err);
}

#[tokio::test]
async fn the_python_sdk_comes_in_with_token_and_certificate() {
    let Some(python) = std::env::var_os("EVENKEEL_E2E_PYTHON") else {
        return missing(
            "EVENKEEL_E2E_PYTHON names no Python with OpenTelemetry's SDK; tests/run prepares it",
        );
    };
    let scratch = Scratch::new();
    let (authority, clients) = (Authority::new(&scratch, "ca"), Authority::new(&scratch, "clients"));
    clients.sign(&scratch, "sdk");
    let daemon = start(scratch, &authority, ", client_ca_file: clients.pem").await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdk.py");
    for (protocol, listener) in [("grpc", "otlp_grpc"), ("http", "otlp_http")] {
        let address = daemon.address(listener).replace("127.0.0.1", "localhost");
        let said = ran(Command::new(&python)
            .args([script, protocol, &format!("https://{address}"), "gzip", protocol])
            .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{TOKEN}"))
            .env("OTEL_EXPORTER_OTLP_CERTIFICATE", &authority.file)
            .env("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", daemon.scratch().path("sdk.pem"))
            .env("OTEL_EXPORTER_OTLP_CLIENT_KEY", daemon.scratch().path("sdk.key")));
        assert_eq!(said.code, Some(0), "{protocol}: {}", said.err);
    }
    let mut listed = program();
    for (name, file) in [("TOKEN", "token"), ("CA", "ca.pem"), ("CERT", "sdk.pem"), ("KEY", "sdk.key")] {
        listed.env(format!("EVENKEEL_{name}_FILE"), daemon.scratch().path(file));
    }
    let tapped = ran(listed.args(["tap", "--count", "1", "-o", "json", "--url", &page(&daemon, "")]));
    let event: Value = serde_json::from_str(tapped.out.lines().next().unwrap_or_default()).unwrap();
    assert!(["grpc", "http"].contains(&event["service"].as_str().unwrap()), "{event}");
}
