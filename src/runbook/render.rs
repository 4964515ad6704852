//! From a step, its parameters and what happened to the call, to the byte. The same call is shown by a dry run.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Runbook;
use super::call::{Call, CommandCall, HttpCall, Poll, Step as StepCall, StepKey, Success};
use super::params::{Params, values};
use super::step::{Action, Body, Command, Http, Step, Target};
use super::text::Text;
use super::trigger::Occasion;

/// Beside the parameters, in texts: `run_…`, and the key of the attempt.
pub const RUN_ID: &str = "run_id";
pub const RUN_KEY: &str = "run_key";
/// Characters of a Job's name: a label of DNS.
const JOB_NAME_CHARS: usize = 63;

impl Runbook {
    /// The values of a run, or why there is none. `given` is what a person gave.
    pub fn values(&self, given: &Params, occasion: &Occasion) -> Result<Params, String> {
        values(&self.params, given, occasion)
    }

    /// What is acted upon; empty where the runbook has neither a target nor an alert with a service.
    pub fn target_of<'a>(&self, params: &'a Params, occasion: &'a Occasion) -> &'a str {
        let named = self.target.and_then(|place| params.get(&self.params.get(place)?.name));
        named.unwrap_or(&occasion.service)
    }

    /// `None` where the runbook has no such step.
    pub fn call(
        &self,
        key: StepKey,
        params: &Params,
        occasion: &Occasion,
    ) -> Option<Result<StepCall, String>> {
        let step = self.steps.get(key.step as usize)?;
        Some(self.call_of(step, key, params, occasion))
    }

    fn call_of(
        &self,
        step: &Step,
        key: StepKey,
        params: &Params,
        occasion: &Occasion,
    ) -> Result<StepCall, String> {
        let event = self.event(step, &key, params, occasion);
        let mut params = params.clone();
        params.insert(RUN_ID.to_owned(), key.run.clone());
        params.insert(RUN_KEY.to_owned(), key.to_string());
        let call = match &step.action {
            Action::Command(command) => Call::Command(command.call(&key, &params, &event)?),
            Action::Http(http) => Call::Http(http.call(&key, &params, &event)?),
        };
        let (runbook, identity, name) = (self.name.clone(), self.identity, step.name.clone());
        Ok(StepCall { key, runbook, identity, name, timeout_ms: step.timeout_ms, call })
    }

    /// Why one of its steps can not be called with these values.
    pub fn refusal(&self, run: &str, params: &Params, occasion: &Occasion) -> Option<String> {
        (0..self.steps.len() as u32).find_map(|step| {
            let key = StepKey { run: run.to_owned(), step, attempt: 1 };
            self.call(key, params, occasion)?.err()
        })
    }

    /// What a program reads, and an endpoint where it asks for nothing else.
    fn event(&self, step: &Step, key: &StepKey, params: &Params, occasion: &Occasion) -> Value {
        let mut event = json!({
            "run": key.run, "key": key.to_string(), "runbook": self.name, "step": step.name, "attempt": key.attempt,
            "parameters": params,
        });
        if !occasion.alert.is_empty() {
            event["alert"] = json!({
                "id": occasion.alert, "dedup_key": occasion.dedup_key, "service": occasion.service,
                "labels": occasion.labels, "summary": occasion.summary, "started_at": occasion.started_at,
                "transition": occasion.moment,
            });
        }
        event
    }
}

impl Command {
    fn call(&self, key: &StepKey, params: &Params, event: &Value) -> Result<CommandCall, String> {
        let argv = self.argv.iter().map(|one| filled(one, params)).collect::<Result<_, _>>()?;
        let mut env: Vec<(String, String)> = vec![("EVENKEEL_RUN".to_owned(), key.to_string())];
        for (name, value) in &self.env {
            env.push((name.clone(), filled(value, params)?));
        }
        Ok(CommandCall {
            argv,
            env,
            secrets: self.secrets.clone(),
            stdin: format!("{event}\n"),
            user: self.user.clone(),
            folder: self.folder.clone().unwrap_or_else(|| "/".to_owned()),
            bounds: self.bounds,
        })
    }
}

impl Http {
    fn call(&self, key: &StepKey, params: &Params, event: &Value) -> Result<HttpCall, String> {
        let names = self.url.names().filter(|name| *name != RUN_KEY);
        for (name, value) in names.filter_map(|name| Some((name, params.get(name)?))) {
            if matches!(&**value, "." | "..") || value.contains(['/', '\\']) {
                return Err(format!("`{name}` would change the path of the address"));
            }
        }
        // Kubernetes puts variables of a container in their place.
        let dollar = params.iter().find(|(_, value)| value.contains('$'));
        if let (Target::KubernetesJob, Some((name, _))) = (self.target, dollar) {
            return Err(format!("`{name}` has a `$`, which a Job takes for a variable"));
        }
        let url =
            self.url.fill_with(params, percent_encoded).ok_or("a parameter of the address has no value")?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.headers {
            headers.push((name.clone(), filled(value, params)?));
        }
        headers.push(("Idempotency-Key".to_owned(), key.to_string()));
        let mut body = match &self.body {
            Body::Empty => String::new(),
            Body::Event => event.to_string(),
            Body::Json(text) => {
                let template: Value =
                    serde_json::from_str(text).map_err(|error| format!("the body is no JSON: {error}"))?;
                in_strings(template, params)?.to_string()
            }
        };
        let (mut success, mut poll) = (Success::Any2xx, None);
        match self.target {
            Target::CloudEvent => body = cloud_event(key, event, &body),
            Target::KubernetesJob => {
                let name = job_name(key);
                body = named_job(&body, &name)?;
                success = Success::OrConflict;
                poll = Some(Poll::Job { url: format!("{url}/{name}") });
            }
            Target::Rundeck => {
                let before = url.rsplit_once("/job/").map(|(before, _)| format!("{before}/execution"));
                poll = before.map(|before| Poll::Rundeck { before });
            }
            Target::Http | Target::StackStorm | Target::AnsibleRulebook | Target::GitHub => {}
        }
        Ok(HttpCall {
            target: self.target,
            method: self.method.clone(),
            url,
            headers,
            body,
            secret_header: self.secret_header.clone(),
            is_signed: self.is_signed,
            success,
            poll,
        })
    }
}

fn filled(text: &Text, params: &Params) -> Result<String, String> {
    let missing = || text.names().find(|name| !params.contains_key(*name)).unwrap_or_default();
    text.fill(params).ok_or_else(|| format!("`{}` has no value", missing()))
}

/// RFC 3986: all but what is unreserved.
fn percent_encoded(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Keys of objects stay as they are.
fn in_strings(value: Value, params: &Params) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => {
            let parsed = Text::parse(&text).map_err(|(_, why)| why)?;
            Value::String(filled(&parsed, params)?)
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|one| in_strings(one, params)).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let field = |(name, one)| Ok::<_, String>((name, in_strings(one, params)?));
            Value::Object(fields.into_iter().map(field).collect::<Result<_, _>>()?)
        }
        other => other,
    })
}

/// CloudEvents 1.0, structured. Who takes it tells doubles by `source` and `id`.
fn cloud_event(key: &StepKey, event: &Value, data: &str) -> String {
    let data: Value = serde_json::from_str(data).unwrap_or_else(|_| event.clone());
    json!({
        "specversion": "1.0", "id": key.to_string(), "source": "/evenkeel/runbooks",
        "type": "io.evenkeel.runbook.step.v1", "subject": event["runbook"], "datacontenttype": "application/json",
        "data": data,
    })
    .to_string()
}

/// The same for all attempts of a step: a Job that is there is not made again.
fn job_name(key: &StepKey) -> String {
    let digest = Sha256::digest(format!("{}/{}", key.run, key.step));
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("evenkeel-{hex}");
    debug_assert!(name.len() <= JOB_NAME_CHARS, "a label of DNS");
    name
}

fn named_job(body: &str, name: &str) -> Result<String, String> {
    let mut job: Value =
        serde_json::from_str(body).map_err(|error| format!("the Job is no JSON: {error}"))?;
    if !job["metadata"].is_object() {
        job["metadata"] = json!({});
    }
    job["metadata"]["name"] = Value::String(name.to_owned());
    Ok(job.to_string())
}
