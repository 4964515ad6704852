//! `kubernetes_job` of a step: the Job is made by its API, under a name that its run decides.

use serde_json::{Map, Value, json};

use super::super::Reading;
use super::super::metadata::is_label;
use super::super::node::{self, Node};
use super::super::reader::{self, Fields};
use super::code::{self, Argument};
use super::http::{self, Credential, Request, content_type};
use super::{Around, json as bodies, services, texts};
use crate::runbook::{Body, Target, Text};

const JOB: &[&str] = &["url", "namespace", "job", "token_file", "ca_file"];
const KEPT_S: u64 = 3_600;
const API_VERSION: &str = "batch/v1";

pub(super) fn read(
    ctx: &mut Reading<'_>,
    node: &Node,
    around: Around<'_>,
    timeout_ms: u64,
) -> Option<Request> {
    http::conceal(ctx, node);
    let fields = Fields::new(&mut ctx.report, node, "a kubernetes_job step", JOB)?;
    let base = services::base(ctx, fields, None);
    let namespace = fields.required(&mut ctx.report, "namespace").and_then(|node| namespace(ctx, node));
    fields.required(&mut ctx.report, "token_file");
    let node = fields.required(&mut ctx.report, "job")?;
    let job = bodies::object(ctx, node, "job", around);
    if node.entries().is_some() {
        check(ctx, node, namespace.as_deref(), around);
    }
    let (base, namespace) = (base?, namespace?);
    let url = format!("{base}/apis/batch/v1/namespaces/{namespace}/jobs");
    let mut http = http::post(Target::KubernetesJob, Text::plain(url));
    let job = Value::Object(completed(job?, timeout_ms));
    http.body = Body::Json(bodies::body(ctx, node, &job));
    http.headers = vec![content_type("application/json")];
    Some(services::closed(ctx, fields, around, http, Credential::BEARER))
}

fn namespace(ctx: &mut Reading<'_>, node: &Node) -> Option<String> {
    let text = reader::text(&mut ctx.report, node, "namespace")?;
    if !is_label(text) {
        let message = format!("`{text}` is no name of a namespace: lower-case letters, digits and `-`");
        ctx.report.error("E0706", node.at, message);
    }
    Some(text.to_owned())
}

/// What Kubernetes would set otherwise: no second pod, an end in time, gone after an hour.
fn completed(mut job: Map<String, Value>, timeout_ms: u64) -> Map<String, Value> {
    job.insert("apiVersion".to_owned(), json!(API_VERSION));
    job.insert("kind".to_owned(), json!("Job"));
    if let Some(Value::Object(spec)) = job.get_mut("spec") {
        let defaults = [
            ("backoffLimit", 0),
            ("activeDeadlineSeconds", timeout_ms.div_ceil(1_000)),
            ("ttlSecondsAfterFinished", KEPT_S),
        ];
        for (name, value) in defaults {
            spec.entry(name).or_insert_with(|| json!(value));
        }
    }
    job
}

fn check(ctx: &mut Reading<'_>, job: &Node, namespace: Option<&str>, around: Around<'_>) {
    let is = |node: &Node, text: &str| node.scalar().is_some_and(|scalar| scalar.text == text);
    for (name, only) in [("apiVersion", API_VERSION), ("kind", "Job")] {
        if let Some(node) = job.get(name).filter(|node| !is(node, only)) {
            ctx.report.error("E0706", node.at, format!("`{name}` of a Job is `{only}`"));
        }
    }
    let metadata = job.get("metadata");
    let of_metadata = |name: &str| metadata.and_then(|metadata| metadata.get(name));
    if let Some(node) = of_metadata("name").or(of_metadata("generateName")) {
        let message = "a Job has no name here: Evenkeel gives it one by its run, so that it is made once";
        ctx.report.error("E0706", node.at, message);
    }
    if let (Some(node), Some(namespace)) = (of_metadata("namespace"), namespace)
        && !is(node, namespace)
    {
        ctx.report.error("E0706", node.at, format!("the Job's namespace is `{namespace}`"));
    }
    let template = job.get("spec").and_then(|spec| spec.get("template"));
    let Some(pod) = template.and_then(|template| template.get("spec")) else {
        let hint = "spec: {template: {spec: {restartPolicy: Never, containers: […]}}}";
        return ctx.report.error_with("E0706", job.at, "a Job needs `spec.template.spec`", hint);
    };
    match pod.get("restartPolicy") {
        Some(node) if is(node, "Never") || is(node, "OnFailure") => {}
        found => {
            let message = "`restartPolicy` of a Job's pod is Never or OnFailure";
            ctx.report.error("E0706", found.map_or(pod.at, |node| node.at), message);
        }
    }
    if !matches!(pod.get("containers").map(|node| &node.value), Some(node::Value::Sequence(items)) if !items.is_empty())
    {
        ctx.report.error("E0706", pod.at, "a Job's pod needs `containers`");
    }
    for list in ["initContainers", "containers"] {
        for container in items(pod.get(list)) {
            let [command, args] = ["command", "args"].map(|name| arguments(container.get(name)));
            code::in_container(ctx, &command, &args, around.scope);
        }
    }
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(node::Value::Sequence(items)) => items,
        _ => &[],
    }
}

/// Those that are texts; what is wrong in them has been told.
fn arguments(node: Option<&Node>) -> Vec<Argument<'_>> {
    let argument = |node| Some(Argument { text: texts::parsed(node)?, node });
    items(node).iter().filter_map(argument).collect()
}
