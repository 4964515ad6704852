//! What is called for one attempt of one step, to the byte, and what comes of it.

use borsh::{BorshDeserialize, BorshSerialize};

use super::step::{Bounds, Target};

/// One attempt: the key under which it happens at most once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct StepKey {
    /// `run_…`: of the alert's episode and the runbook.
    pub run: String,
    /// From 0.
    pub step: u32,
    /// From 1.
    pub attempt: u32,
}

impl std::fmt::Display for StepKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.run, self.step + 1, self.attempt)
    }
}

/// What the edge is to do.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Step {
    pub key: StepKey,
    pub runbook: String,
    /// Of the runbook's text: the secrets of another one are not for it.
    pub identity: u64,
    /// The step's name.
    pub name: String,
    pub timeout_ms: u64,
    pub call: Call,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Call {
    Command(CommandCall),
    Http(HttpCall),
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CommandCall {
    pub argv: Vec<String>,
    /// The whole environment but for the paths of secrets.
    pub env: Vec<(String, String)>,
    pub secrets: Vec<String>,
    /// One line of JSON.
    pub stdin: String,
    pub user: Option<String>,
    pub folder: String,
    pub bounds: Bounds,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct HttpCall {
    pub target: Target,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub secret_header: Option<(String, String)>,
    pub is_signed: bool,
    pub success: Success,
    pub poll: Option<Poll>,
}

/// Which answers mean that it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Success {
    /// 200 to 299.
    Any2xx,
    /// And 409: what is to be made is there, by an earlier attempt.
    OrConflict,
}

/// How the end of what was taken is learned.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Poll {
    /// `GET {before}/{id of the answer}`, whose `status` becomes `succeeded`, `failed`, `aborted` or `timedout`.
    Rundeck { before: String },
    /// `GET` of the Job, whose `status` has `succeeded`, or a condition `Failed`.
    Job { url: String },
}

impl Call {
    /// As a document names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Http(http) => http.target.as_str(),
        }
    }
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Outcome {
    pub end: End,
    /// A sentence for people.
    pub why: String,
    /// What it said, cut and cleaned.
    pub output: String,
}

impl Outcome {
    /// Of what said nothing.
    pub fn new(end: End, why: impl Into<String>) -> Self {
        Self { end, why: why.into(), output: String::new() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum End {
    Succeeded,
    Failed,
    TimedOut,
    /// It may have happened, or not: nobody can tell.
    Unknown,
    /// It has not, for sure, and nothing is against it but the moment.
    NotBegun,
}

impl End {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Unknown => "unknown",
            Self::NotBegun => "not_begun",
        }
    }
}
