//! YAML text -> documents, with the place of every node. Anchors, aliases, tags and merge keys are
//! refused: a configuration says what it means where it says it. Mappings and sequences only nest so deep.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::node::{Key, Node, Place, Scalar, Style, Value};
use super::report::Report;

const FILE_BYTES_MAX: usize = 1 << 20;
const NODES_MAX: usize = 100_000;
const DEPTH_MAX: usize = 64;
const FIELDS_MAX: usize = 1_000;

/// A mapping or sequence that is not closed yet.
struct Open {
    at: Place,
    value: Value,
    /// Of a mapping: the key that waits for its value.
    key: Option<Key>,
}

struct Builder<'r> {
    report: &'r mut Report,
    file: usize,
    open: Vec<Open>,
    nodes: usize,
    documents: Vec<Node>,
}

/// The documents of a file that are complete, and whether that is all of them.
/// The text is the one that the report holds under `file`.
pub(super) fn parse(report: &mut Report, file: usize, text: &str) -> (Vec<Node>, bool) {
    let start = Place { file, line: 1, column: 1, width: 1 };
    if text.len() > FILE_BYTES_MAX {
        report.error("E0107", start, format!("the file has more than {FILE_BYTES_MAX} bytes"));
        return (Vec::new(), false);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { report, file, open: Vec::new(), nodes: 0, documents: Vec::new() };
    let mut whole = true;
    for event in Parser::new_from_str(text) {
        let sound = match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => {
                builder.syntax_error(&error);
                false
            }
        };
        if !sound {
            whole = false;
            break;
        }
    }
    let documents = builder.documents;
    if whole && documents.is_empty() {
        report.note("N0101", start, "the file has no document");
    }
    let (empty, full): (Vec<_>, Vec<_>) = documents.into_iter().partition(Node::is_null);
    for document in empty {
        report.note("N0102", document.at, "an empty document is skipped");
    }
    (full, whole)
}

impl Builder<'_> {
    /// False where reading the file must end.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        let at = self.place(span);
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            Event::Alias(_) => (1, false),
            _ => (0, false),
        };
        if anchor > 0 {
            self.anchor(at);
        }
        if tag {
            self.report.error_with("E0104", at, "tags are not read", "leave the `!…` out");
        }
        match event {
            Event::Scalar(text, style, ..) => {
                let single_line = span.start.line() == span.end.line();
                self.scalar(at, text.into_owned(), style, single_line)
            }
            Event::Alias(_) => self.scalar(at, String::new(), ScalarStyle::Plain, true),
            Event::SequenceStart(..) => self.enter(at, Value::Sequence(Vec::new())),
            Event::MappingStart(..) => self.enter(at, Value::Mapping(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            _ => true,
        }
    }

    fn scalar(&mut self, at: Place, text: String, style: ScalarStyle, single_line: bool) -> bool {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        self.take(Node { at, value: Value::Scalar(Scalar { text, style, written: None, single_line }) })
    }

    fn enter(&mut self, at: Place, value: Value) -> bool {
        if self.open.len() >= DEPTH_MAX {
            self.report.error("E0107", at, format!("nested deeper than {DEPTH_MAX} levels"));
            return false;
        }
        self.open.push(Open { at, value, key: None });
        true
    }

    fn leave(&mut self) -> bool {
        match self.open.pop() {
            Some(Open { at, value, .. }) => self.take(Node { at, value }),
            None => false,
        }
    }

    /// A finished node goes into what is open around it: a list, a mapping as key or as value, the file.
    fn take(&mut self, node: Node) -> bool {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            self.report.error("E0107", node.at, format!("the file has more than {NODES_MAX} values"));
            return false;
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return true;
        };
        match (&mut open.value, open.key.take()) {
            (Value::Sequence(items), _) => items.push(node),
            (Value::Mapping(entries), Some(key)) => {
                match entries.iter().find(|(one, _)| one.text == key.text) {
                    Some((first, _)) => {
                        let before = format!("first on line {}", first.at.line);
                        self.report.error_with(
                            "E0106",
                            key.at,
                            format!("duplicate key `{}`", key.text),
                            before,
                        );
                    }
                    None => entries.push((key, node)),
                }
            }
            (Value::Mapping(entries), None) if entries.len() >= FIELDS_MAX => {
                let message = format!("a mapping has more than {FIELDS_MAX} fields");
                self.report.error("E0107", node.at, message);
                return false;
            }
            (Value::Mapping(_), None) => open.key = Some(key(self.report, node)),
            (Value::Scalar(_), _) => {}
        }
        true
    }

    fn anchor(&mut self, at: Place) {
        self.report.error_with(
            "E0103",
            at,
            "anchors and aliases are not read",
            "write the value out in each place",
        );
    }

    fn syntax_error(&mut self, error: &ScanError) {
        let (line, column) = (error.marker().line().max(1), error.marker().col() + 1);
        let mut at = Place { file: self.file, line, column, width: 1 };
        if error.info().contains("unknown anchor") {
            return self.anchor(at);
        }
        // The scanner may notice a tab only on the line after the one that it complains about.
        let tab = [line, line + 1].into_iter().find_map(|line| {
            let text = self.report.line_at(self.file, line);
            let indent = text.chars().take_while(|c| c.is_whitespace());
            Some((line, indent.clone().position(|c| c == '\t')?))
        });
        if let (Some((line, column)), true) = (tab, error.info().contains("tab")) {
            (at.line, at.column) = (line, column + 1);
            return self.report.error_with("E0102", at, "a tab is used as indentation", "indent with spaces");
        }
        let (message, hint) = plain_words(error.info());
        let message = format!("this is not valid YAML: {message}");
        match hint {
            "" => self.report.error("E0101", at, message),
            hint => self.report.error_with("E0101", at, message, hint),
        }
    }

    fn place(&self, span: Span) -> Place {
        let (line, column) = (span.start.line().max(1), span.start.col() + 1);
        let at = Place { file: self.file, line, column, width: 1 };
        let width = match span.start.line() == span.end.line() {
            true => span.len(),
            false => (self.report.line(at).chars().count() + 1).saturating_sub(column),
        };
        Place { width: width.max(1), ..at }
    }
}

fn key(report: &mut Report, node: Node) -> Key {
    let at = node.at;
    match node.value {
        Value::Scalar(scalar) => {
            if scalar.text == "<<" && scalar.style == Style::Plain {
                report.error_with(
                    "E0105",
                    at,
                    "merge keys are not read",
                    "write the fields out where they belong",
                );
            }
            Key { text: scalar.text, at }
        }
        _ => {
            report.error("E0108", at, "a key must be a text");
            Key { text: String::new(), at }
        }
    }
}

/// The parser's own words for the frequent slips, said for people.
fn plain_words(info: &str) -> (&str, &'static str) {
    let table = [
        ("mapping values are not allowed", "a `:` is not expected here", "quote a text that contains `: `"),
        ("unexpected end of stream", "a quote is never closed", ""),
        ("did not find expected key", "the indentation fits no mapping above", ""),
        ("did not find expected '-'", "the indentation fits no list above", ""),
        ("simple key expect", "a key without `:`", ""),
        ("did not find expected node content", "a value is missing", ""),
        ("unknown escape character", "an unknown escape in double quotes", "use single quotes, or `\\\\`"),
        ("illegal placement of ':'", "a bracket is never closed, or `:` is misplaced", ""),
    ];
    let found = table.into_iter().find(|(part, ..)| info.contains(part));
    found.map_or((info, ""), |(_, words, hint)| (words, hint))
}
