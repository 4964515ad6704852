//! Steps as a document declares them, secrets apart: those are at the edge, by runbook and step.

use borsh::{BorshDeserialize, BorshSerialize};

use super::text::Text;

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Step {
    pub name: String,
    pub action: Action,
    /// Of one attempt, up to its known end.
    pub timeout_ms: u64,
    /// 1: never again.
    pub attempts: u32,
    /// Before the next attempt.
    pub pause_ms: u64,
    /// To do it twice is to do it once: it may be tried again, and taken up again after a crash.
    pub is_idempotent: bool,
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub enum Action {
    Command(Command),
    Http(Http),
}

impl Action {
    /// As a document names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Http(http) => http.target.as_str(),
        }
    }
}

/// A program, by its arguments. No shell reads them.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Command {
    /// The first is an absolute path of the allow-list, without parameters.
    pub argv: Vec<Text>,
    /// All that the program's environment has, beside `EVENKEEL_RUN`.
    pub env: Vec<(String, Text)>,
    /// Names under which secrets are handed over: the environment's variable of the name says the file descriptor's path.
    pub secrets: Vec<String>,
    /// Who it runs as, where the daemon may choose: a name of the system.
    pub user: Option<String>,
    /// An absolute path; `/` if none.
    pub folder: Option<String>,
    pub bounds: Bounds,
}

/// `setrlimit(2)`
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Bounds {
    pub cpu_s: u64,
    pub memory_mib: u64,
    pub open_files: u64,
    pub file_mib: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { cpu_s: 60, memory_mib: 1_024, open_files: 256, file_mib: 64 }
    }
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Http {
    pub target: Target,
    pub method: String,
    /// Its scheme, host and port have no parameters; values are percent-encoded.
    pub url: Text,
    pub headers: Vec<(String, Text)>,
    pub body: Body,
    /// The header that the step's secret is sent in, and what stands before the secret.
    pub secret_header: Option<(String, String)>,
    /// The body is signed with the step's key.
    pub is_signed: bool,
}

/// Who is spoken to: what a success is, and how the end is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Target {
    Http,
    CloudEvent,
    Rundeck,
    StackStorm,
    AnsibleRulebook,
    GitHub,
    KubernetesJob,
}

impl Target {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::CloudEvent => "cloudevent",
            Self::Rundeck => "rundeck",
            Self::StackStorm => "stackstorm",
            Self::AnsibleRulebook => "ansible_rulebook",
            Self::GitHub => "github",
            Self::KubernetesJob => "kubernetes_job",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Body {
    Empty,
    /// What happened, as a command reads it from its standard input.
    Event,
    /// A JSON text as it was written, in whose strings parameters stand.
    Json(String),
}
