//! `kubernetes_job` of a step: the Job is made by its API, under a name that its run decides.

use serde_json::{Map, Value, json};

use super::super::Reading;
use super::super::metadata::is_label;
use super::super::node::{self, Node};
use super::super::reader::{self, Fields};
use super::code::Argument;
use super::http::{self, Credential, Request, content_type};
use super::{Around, json as bodies, services, steering, texts, within};
use crate::runbook::{Body, Piece, Target, Text};

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
    in_their_places(ctx, job, &mut Vec::new());
    for list in ["initContainers", "containers"] {
        for container in items(pod.get(list)) {
            let variables = variables(ctx, container);
            let [command, args] = ["command", "args"].map(|name| arguments(container.get(name), &variables));
            let image = container.get("image").and_then(Node::scalar).map_or("", |image| &*image.text);
            within::of_a_container(ctx, image, &command, &args, around.scope);
        }
    }
}

/// How an element of a list is called in a path.
const ITEM: &str = "[]";

/// Where a parameter may stand: what else a Job says decides what runs, as whom and with what.
fn takes_params(path: &[&str]) -> bool {
    match path {
        ["metadata", "labels" | "annotations", _]
        | ["spec", "template", "metadata", "labels" | "annotations", _] => true,
        ["spec", "template", "spec", "initContainers" | "containers", ITEM, rest @ ..] => {
            matches!(rest, ["command" | "args", ITEM] | ["env", ITEM, "value"])
        }
        _ => false,
    }
}

fn in_their_places<'n>(ctx: &mut Reading<'_>, node: &'n Node, path: &mut Vec<&'n str>) {
    match &node.value {
        node::Value::Mapping(entries) => {
            for (key, node) in entries {
                path.push(&key.text);
                in_their_places(ctx, node, path);
                path.pop();
            }
        }
        node::Value::Sequence(items) => {
            path.push(ITEM);
            items.iter().for_each(|item| in_their_places(ctx, item, path));
            path.pop();
        }
        node::Value::Scalar(_) => {
            let has_params = texts::parsed(node).is_some_and(|text| text.names().next().is_some());
            if has_params && !takes_params(path) {
                out_of_place(ctx, node);
            }
        }
    }
}

fn out_of_place(ctx: &mut Reading<'_>, node: &Node) {
    let message = "parameters of a Job stand in `command`, `args` and `env[].value` of containers, in labels and annotations";
    let hint = "write it as it is, or hand the parameter over: env: [{name: X, value: '{{ x }}'}]";
    ctx.report.error_with("E0706", node.at, message, hint);
}

/// Kubernetes puts values of variables into probes and paths of volumes, too.
fn without_variables(ctx: &mut Reading<'_>, node: &Node, variables: &[&str]) {
    match &node.value {
        node::Value::Mapping(entries) => {
            entries.iter().for_each(|(_, node)| without_variables(ctx, node, variables));
        }
        node::Value::Sequence(items) => {
            items.iter().for_each(|item| without_variables(ctx, item, variables));
        }
        node::Value::Scalar(scalar) => {
            if variables.iter().any(|name| scalar.text.contains(&format!("$({name})"))) {
                out_of_place(ctx, node);
            }
        }
    }
}

/// Names of the variables of a container that hold a parameter: by themselves, by `$(NAME)` of one before them, or by a label.
fn variables<'n>(ctx: &mut Reading<'_>, container: &'n Node) -> Vec<&'n str> {
    let mut names: Vec<&str> = Vec::new();
    for variable in items(container.get("env")) {
        let Some(name) = variable.get("name").and_then(Node::scalar) else { continue };
        let label =
            ["valueFrom", "fieldRef", "fieldPath"].iter().try_fold(variable, |node, key| node.get(key));
        let label = label.filter(|path| path.scalar().is_some_and(|path| is_label_of_the_pod(&path.text)));
        let has_params =
            |node: &&Node| expanded(node, &names).is_some_and(|text| text.names().next().is_some());
        if let Some(value) = variable.get("value").filter(has_params).or(label) {
            steering::without_params(ctx, &name.text, value);
            names.push(&name.text);
        }
    }
    let others = container.entries().unwrap_or_default().iter();
    for (_, node) in others.filter(|(key, _)| !matches!(&*key.text, "command" | "args" | "env")) {
        without_variables(ctx, node, &names);
    }
    names
}

fn is_label_of_the_pod(path: &str) -> bool {
    path.starts_with("metadata.labels") || path.starts_with("metadata.annotations")
}

/// The text as Kubernetes hands it over: `$(NAME)` is the variable's value, which is a parameter like any other.
fn expanded(node: &Node, variables: &[&str]) -> Option<Text> {
    let Text(mut pieces) = texts::parsed(node)?;
    for name in variables {
        let reference = format!("$({name})");
        let split = |piece: &Piece| match piece {
            Piece::Plain(text) => text.split_once(&*reference).map(|(a, b)| (a.to_owned(), b.to_owned())),
            Piece::Param(_) => None,
        };
        if let Some((place, (before, after))) =
            pieces.iter().enumerate().find_map(|(place, piece)| Some((place, split(piece)?)))
        {
            let parts = [Piece::Plain(before), Piece::Param((*name).to_owned()), Piece::Plain(after)];
            let parts =
                parts.into_iter().filter(|piece| !matches!(piece, Piece::Plain(text) if text.is_empty()));
            pieces.splice(place..=place, parts);
        }
    }
    Some(Text(pieces))
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(node::Value::Sequence(items)) => items,
        _ => &[],
    }
}

/// Those that are texts; what is wrong in them has been told.
fn arguments<'n>(node: Option<&'n Node>, variables: &[&str]) -> Vec<Argument<'n>> {
    let argument = |node| Some(Argument { text: expanded(node, variables)?, node, target: None });
    items(node).iter().filter_map(argument).collect()
}
