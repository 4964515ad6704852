//! Targets of steps that are real systems of others: a rulebook of Ansible.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::{RULE, all_ended, in_trouble};
use crate::missing;
use crate::program::{Daemon, Scratch, until};
use crate::sink::Sink;

/// `ansible-rulebook` with its own webhook, which prints what a rule of it took.
struct Rulebook {
    running: Child,
    port: u16,
    _scratch: Scratch,
}

impl Rulebook {
    fn start(venv: &std::path::Path, token: &str) -> Self {
        let scratch = Scratch::new();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let rules = scratch.write(
            "rules.yaml",
            &format!(
                "- name: evenkeel\n  hosts: all\n  sources:\n    - eda.builtin.webhook: {{host: 127.0.0.1, port: {port}, token: {token}}}\n  rules:\n    - name: restart\n      condition: event.payload.runbook == \"restart\"\n      action: {{print_event: {{var_root: payload}}}}\n"
            ),
        );
        let hosts = scratch.write("hosts.yaml", "all: {hosts: {localhost: {ansible_connection: local}}}\n");
        let path = format!("{}:{}", venv.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let running = Command::new(venv.join("bin/ansible-rulebook"))
            .args(["-r", rules.to_str().unwrap(), "-i", hosts.to_str().unwrap()])
            .env("PATH", path)
            .env("PYTHONUNBUFFERED", "1")
            .current_dir(scratch.folder())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { running, port, _scratch: scratch }
    }

    /// Up to the line that holds the text.
    fn said(&mut self, text: &'static str) -> std::thread::JoinHandle<String> {
        let out = BufReader::new(self.running.stdout.take().unwrap());
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).find(|line| line.contains(text)).unwrap_or_default()
        })
    }
}

impl Drop for Rulebook {
    fn drop(&mut self) {
        let _gone = self.running.kill();
        let _gone = self.running.wait();
    }
}

/// Guarantees: a rulebook's own webhook takes the step with its token, and its rule sees the parameter; with another
/// token the step has failed and says so.
#[tokio::test]
async fn a_rulebook_of_ansible_takes_the_step_and_its_rule_sees_the_parameter() {
    let Some(venv) = std::env::var_os("EVENKEEL_E2E_ANSIBLE").map(PathBuf::from) else {
        return missing(
            "EVENKEEL_E2E_ANSIBLE names no environment with ansible-rulebook; tests/run prepares it",
        );
    };
    let (sink, scratch) = (Sink::start().await, Scratch::new());
    let mut rulebook = Rulebook::start(&venv, "hush-hush");
    let said = rulebook.said("web-1");
    let port = rulebook.port;
    let listens = || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop) };
    until("the rulebook listens", listens).await;
    let runbook = |name: &str, token: &str| {
        let token = scratch.write(&format!("{name}.token"), token);
        format!(
            "---\napiVersion: evenkeel/v1\nkind: Runbook\nmetadata: {{name: {name}}}\nspec:\n  triggers: [{{}}]\n  params: {{host: {{from: label.host_name, pattern: '[a-z0-9-]{{1,40}}'}}}}\n  target: host\n  steps:\n    - {{name: tell, ansible_rulebook: {{url: 'http://127.0.0.1:{port}/endpoint', token_file: '{}'}}}}\n",
            token.display()
        )
    };
    let documents = RULE.replace("RECEIVER", &sink.url).replace("CANARY", "/usr/bin/true")
        + &runbook("restart", "hush-hush")
        + &runbook("stranger", "another");
    let daemon = Daemon::start(&documents).await;
    let body = in_trouble(&[("shop".to_owned(), "web-1".to_owned())]);
    assert_eq!(daemon.export("traces", "application/json", body).await.0, 200);
    let runs = all_ended(&daemon, 2).await;
    for run in &runs {
        let expected = if run["runbook"] == "restart" { "succeeded" } else { "failed" };
        assert_eq!(run["state"], json!(expected), "{run}");
    }
    let seen = tokio::task::spawn_blocking(|| said.join().unwrap()).await.unwrap();
    assert!(seen.contains("'host': 'web-1'") && seen.contains("'runbook': 'restart'"), "{seen}");
    assert_eq!(daemon.stop().await, Some(0));
}
