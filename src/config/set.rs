//! The documents of all files of a set: includes followed, kinds told apart, names unique.
//! Looks into a document only as far as its kind, its name and `include`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::node::{Node, Place, Value};
use super::{Reading, reader, substitute, suggest, yaml};

const FILES_MAX: usize = 1_000;
const OURS: &str = "evenkeel/v1";
const OPENSLO: &str = "openslo/v1";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Config,
    Test,
    Runbook,
    Service,
    Slo,
    Sli,
    DataSource,
    AlertPolicy,
    AlertCondition,
    AlertNotificationTarget,
    /// A configuration file of Alertmanager, known by its shape.
    Alertmanager,
}

pub(super) const KINDS: &[(&str, &str, Kind)] = &[
    (OURS, "Config", Kind::Config),
    (OURS, "Test", Kind::Test),
    (OURS, "Runbook", Kind::Runbook),
    (OPENSLO, "Service", Kind::Service),
    (OPENSLO, "SLO", Kind::Slo),
    (OPENSLO, "SLI", Kind::Sli),
    (OPENSLO, "DataSource", Kind::DataSource),
    (OPENSLO, "AlertPolicy", Kind::AlertPolicy),
    (OPENSLO, "AlertCondition", Kind::AlertCondition),
    (OPENSLO, "AlertNotificationTarget", Kind::AlertNotificationTarget),
];

impl Kind {
    pub fn spelled(self) -> &'static str {
        KINDS.iter().find(|(.., one)| *one == self).map_or("Alertmanager", |(_, name, _)| name)
    }
}

pub(super) struct Document {
    pub kind: Kind,
    /// Empty where the document has none.
    pub name: String,
    pub at: Place,
    /// Of the file: what relative paths in the document start from.
    pub folder: PathBuf,
    pub node: Node,
}

pub(super) struct Set {
    pub documents: Vec<Document>,
}

impl Set {
    /// Documents of a kind, by name: the order of files decides nothing.
    pub fn of(&self, kind: Kind) -> Vec<&Document> {
        let mut found: Vec<_> = self.documents.iter().filter(|document| document.kind == kind).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    pub fn named(&self, kind: Kind, name: &str) -> Option<&Document> {
        self.documents.iter().find(|document| document.kind == kind && document.name == name)
    }

    /// A hash of what the documents say, after substitution. Paths, places, comments, the order of documents,
    /// where to listen and where links lead, who may come in and tests do not count.
    pub fn version(&self) -> u64 {
        let in_effect = self.documents.iter().filter(|document| document.kind != Kind::Test);
        let mut texts: Vec<String> = in_effect.map(canonical).collect();
        texts.sort();
        digest(texts.iter().map(String::as_str))
    }
}

/// What nodes say, whatever their places and comments: equal for equal meaning.
pub(super) fn identity<'n>(nodes: impl IntoIterator<Item = Option<&'n Node>>) -> u64 {
    let texts: Vec<String> = nodes
        .into_iter()
        .map(|node| {
            let mut out = String::new();
            node.inspect(|node| node.canonical(&mut out));
            out
        })
        .collect();
    digest(texts.iter().map(String::as_str))
}

pub(super) fn digest<'t>(texts: impl Iterator<Item = &'t str>) -> u64 {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn canonical(document: &Document) -> String {
    let mut out = format!("{:?} ", document.kind);
    match (document.kind, document.node.get("spec").and_then(Node::entries)) {
        (Kind::Config, Some(entries)) => {
            let mut entries = entries.to_vec();
            entries.retain(|(key, _)| {
                !matches!(&*key.text, "include" | "listen" | "external_url" | "auth" | "data_dir")
            });
            entries.sort_by(|(a, _), (b, _)| a.text.cmp(&b.text));
            for (key, node) in &entries {
                out.push_str(&key.text);
                node.canonical(&mut out);
            }
        }
        _ => document.node.canonical(&mut out),
    }
    out
}

/// Files still to be read, each with the place that asked for it.
struct Queue {
    waiting: VecDeque<(PathBuf, Option<Place>)>,
    seen: BTreeSet<PathBuf>,
}

pub(super) fn read(ctx: &mut Reading<'_>, paths: &[PathBuf]) -> Set {
    let mut queue = Queue { waiting: VecDeque::new(), seen: BTreeSet::new() };
    let mut documents = Vec::new();
    for path in paths {
        queue.expand(ctx, path, None);
    }
    while let Some((path, asked_at)) = queue.waiting.pop_front() {
        read_file(ctx, &path, asked_at, &mut documents, &mut queue);
    }
    refuse_doubles(ctx, &mut documents);
    Set { documents }
}

impl Queue {
    fn expand(&mut self, ctx: &mut Reading<'_>, pattern: &Path, asked_at: Option<Place>) {
        let pattern = normal(pattern);
        match ctx.world.expand(&pattern) {
            Ok(found) if found.is_empty() => {
                let message = format!("no file matches {}", pattern.display());
                let at = asked_at.unwrap_or_else(|| beginning(ctx, &pattern));
                ctx.report.warn("W0402", at, message, "");
            }
            Ok(found) => {
                for path in found {
                    let path = normal(&path);
                    if self.seen.insert(path.clone()) {
                        self.waiting.push_back((path, asked_at));
                    }
                }
            }
            Err(reason) => unreadable(ctx, &pattern, asked_at, &reason),
        }
    }
}

fn read_file(
    ctx: &mut Reading<'_>,
    path: &Path,
    asked_at: Option<Place>,
    documents: &mut Vec<Document>,
    queue: &mut Queue,
) {
    if queue.seen.len() > FILES_MAX {
        queue.waiting.clear();
        return unreadable(ctx, path, asked_at, &format!("a set has at most {FILES_MAX} files"));
    }
    let text = match ctx.world.read(path) {
        Ok(text) => text,
        Err(reason) => return unreadable(ctx, path, asked_at, &reason),
    };
    let file = ctx.report.add_file(&path.display().to_string(), &text);
    let (nodes, whole) = yaml::parse(&mut ctx.report, file, &text);
    ctx.incomplete |= !whole;
    let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
    for mut node in nodes.into_iter().flat_map(documents_of) {
        substitute::substitute(&mut ctx.report, ctx.world, &folder, &mut node);
        let Some(kind) = kind_of(ctx, &node) else { continue };
        let name = node.get("metadata").and_then(|metadata| metadata.get("name"));
        let name = name.and_then(Node::scalar).map_or("", |scalar| &scalar.text).to_owned();
        let document = Document { kind, name, at: node.at, folder: folder.clone(), node };
        if kind == Kind::Config {
            includes(ctx, &document, queue);
        }
        documents.push(document);
    }
}

/// A document may be a list of documents, as OpenSLO's tools write them.
fn documents_of(node: Node) -> Vec<Node> {
    match node.value {
        Value::Sequence(items) if items.iter().all(|item| item.get("kind").is_some()) => items,
        _ => vec![node],
    }
}

fn includes(ctx: &mut Reading<'_>, document: &Document, queue: &mut Queue) {
    let Some(node) = document.node.get("spec").and_then(|spec| spec.get("include")) else { return };
    let nodes = match node.scalar() {
        Some(_) => std::slice::from_ref(node),
        None => reader::list(&mut ctx.report, node, "include"),
    };
    for node in nodes {
        if let Some(pattern) = reader::text(&mut ctx.report, node, "include") {
            queue.expand(ctx, &document.folder.join(pattern), Some(node.at));
        }
    }
}

/// What a document is; `None`, and a finding, where it is nothing that is known.
fn kind_of(ctx: &mut Reading<'_>, node: &Node) -> Option<Kind> {
    let report = &mut ctx.report;
    if node.entries().is_none() {
        reader::wrong_type(report, node, "a document is a mapping with `apiVersion` and `kind`");
        return None;
    }
    let (version, kind) = (node.get("apiVersion"), node.get("kind"));
    if version.is_none() && kind.is_none() && (node.get("route").is_some() || node.get("receivers").is_some())
    {
        return Some(Kind::Alertmanager);
    }
    let Some(version_node) = version else {
        let hint = format!("`apiVersion: {OURS}` or `apiVersion: {OPENSLO}`");
        report.error_with("E0202", node.at, "a document needs `apiVersion`", hint);
        return None;
    };
    let version = reader::text(report, version_node, "apiVersion")?;
    let known: Vec<&str> = KINDS.iter().filter(|(v, ..)| *v == version).map(|(_, kind, _)| *kind).collect();
    if known.is_empty() {
        unknown_version(ctx, version_node, version);
        return None;
    }
    let Some(kind_node) = kind else {
        let hint = format!("known here: {}", known.join(", "));
        report.error_with("E0202", node.at, "a document needs `kind`", hint);
        return None;
    };
    let kind = reader::text(report, kind_node, "kind")?;
    let found = KINDS.iter().find(|(v, k, _)| *v == version && *k == kind).map(|(.., kind)| *kind);
    if found.is_none() {
        let other = KINDS.iter().find(|(_, k, _)| *k == kind);
        let hint = match other {
            Some((other, ..)) => format!("`{kind}` has `apiVersion: {other}`"),
            None => suggest::hint(kind, &known),
        };
        report.error_with("E0206", kind_node.at, format!("unknown kind `{kind}` of {version}"), hint);
    }
    found
}

fn unknown_version(ctx: &mut Reading<'_>, node: &Node, version: &str) {
    let report = &mut ctx.report;
    let words = match version {
        "openslo/v1alpha" => {
            "convert it: `apiVersion: openslo/v1`; `ratioMetrics` is `ratioMetric` below `indicator.spec`; \
             `good.source` and `query` are `metricSource: {type: evenkeel, spec: {spans: …}}`; \
             `timeWindows` is `timeWindow: [{duration: 28d, isRolling: true}]`"
        }
        "openslo.com/v2alpha" | "openslo/v2alpha" => {
            "write it as `apiVersion: openslo/v1`, with `indicator` for `sli`"
        }
        _ => {
            let hint = suggest::hint(version, &[OURS, OPENSLO]);
            return report.error_with("E0206", node.at, format!("unknown apiVersion `{version}`"), hint);
        }
    };
    report.error_with("E0207", node.at, format!("`{version}` is not read"), words);
}

/// One name, one document of a kind; the later ones are dropped.
fn refuse_doubles(ctx: &mut Reading<'_>, documents: &mut Vec<Document>) {
    let mut first: BTreeMap<(Kind, String), Place> = BTreeMap::new();
    documents.retain(|document| {
        let single = matches!(document.kind, Kind::Config | Kind::Alertmanager);
        let name = if single { String::new() } else { document.name.clone() };
        if !single && name.is_empty() {
            return true;
        }
        match first.get(&(document.kind, name.clone())) {
            None => {
                first.insert((document.kind, name), document.at);
                true
            }
            Some(before) => {
                let before = ctx.report.locate(*before);
                let what = match document.kind {
                    Kind::Config => "a set has one document of kind Config".to_owned(),
                    Kind::Alertmanager => "a set has one Alertmanager configuration".to_owned(),
                    kind => format!("{} `{name}` is declared twice", kind.spelled()),
                };
                let message = format!("{what}; the first is at {before}");
                let at = document.node.get("metadata").and_then(|metadata| metadata.get("name"));
                ctx.report.error("E0210", at.map_or(document.at, |name| name.at), message);
                ctx.errors_of_tests += usize::from(document.kind == Kind::Test);
                false
            }
        }
    });
}

fn unreadable(ctx: &mut Reading<'_>, path: &Path, asked_at: Option<Place>, reason: &str) {
    ctx.incomplete = true;
    let at = asked_at.unwrap_or_else(|| beginning(ctx, path));
    ctx.report.error("E0402", at, format!("{} can not be read: {reason}", path.display()));
}

/// The place of a file that has no text.
fn beginning(ctx: &mut Reading<'_>, path: &Path) -> Place {
    let file = ctx.report.add_file(&path.display().to_string(), "");
    Place { file, line: 1, column: 1, width: 1 }
}

/// Without `.` and with `..` taken back where a name precedes it, so that one file has one name.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}
