//! Reads Rust source as far as the rules need: tokens, what is test code, which paths are named, how long
//! functions are. It knows no types and expands no macros, but what stands in a macro's body is read too.

use std::collections::BTreeMap;

/// An identifier, `::`, one character of punctuation, or `"` for any literal in quotes.
#[derive(Clone, Debug)]
pub struct Token {
    pub text: String,
    /// From 1.
    pub line: usize,
}

impl Token {
    fn is(&self, text: &str) -> bool {
        self.text == text
    }

    fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// A path as it is written out in full: `["crate", "engine", "Plan"]`, `["std", "fs"]`.
#[derive(Clone, Debug)]
pub struct Named {
    pub segments: Vec<String>,
    pub line: usize,
    pub in_test: bool,
    /// Part of a `use`, where a single segment names a crate.
    pub imported: bool,
}

/// One file, read.
pub struct Source {
    /// `["engine", "plan"]` of `src/engine/plan.rs`; empty for `lib.rs` and `main.rs`.
    module: Vec<String>,
    pub tokens: Vec<Token>,
    /// For each token: it stands below `#[cfg(test)]`.
    pub in_test: Vec<bool>,
}

impl Source {
    pub fn new(file: &str, text: &str) -> Self {
        let tokens = tokens(text);
        let in_test = test_code(&tokens);
        Self { module: module_of(file), tokens, in_test }
    }

    pub fn module(&self) -> &[String] {
        &self.module
    }

    /// Modules in files of their own that are declared for tests only.
    pub fn test_modules(&self) -> Vec<Vec<String>> {
        let declared = self.tokens.windows(3).enumerate().filter(|(at, three)| {
            self.in_test[*at] && three[0].is("mod") && three[1].is_word() && three[2].is(";")
        });
        declared.map(|(_, three)| [&self.module[..], &[three[1].text.clone()]].concat()).collect()
    }

    /// Every path of the file. What a `use` made short is written out.
    pub fn paths(&self) -> Vec<Named> {
        let mut found = Vec::new();
        let mut aliases = BTreeMap::new();
        self.walk(|source, at, module| {
            let import = source.tokens[at].is("use") && !source.tokens.get(at + 1).is_some_and(|t| t.is("<"));
            if !import {
                return;
            }
            for (mut segments, alias, line) in source.leaves(at + 1) {
                let in_test = source.in_test[at];
                segments = absolute(segments, module, &BTreeMap::new());
                if !in_test && segments.last().is_some_and(|last| last != "*") {
                    aliases.insert(alias, segments.clone());
                }
                found.push(Named { segments, line, in_test, imported: true });
            }
        });
        self.walk(|source, at, module| {
            if let Some(segments) = source.inline_path(at) {
                let segments = absolute(segments, module, &aliases);
                let (line, in_test) = (source.tokens[at].line, source.in_test[at]);
                found.push(Named { segments, line, in_test, imported: false });
            }
        });
        found
    }

    /// Names of functions with their first and last line.
    pub fn functions(&self) -> Vec<(String, usize, usize)> {
        let mut found = Vec::new();
        for (at, two) in self.tokens.windows(2).enumerate() {
            if !two[0].is("fn") || !two[1].is_word() {
                continue;
            }
            let mut nesting = 0_i32;
            for (offset, token) in self.tokens[at..].iter().enumerate() {
                match token.text.as_str() {
                    "(" | "[" => nesting += 1,
                    ")" | "]" => nesting -= 1,
                    ";" if nesting == 0 => break,
                    "{" if nesting == 0 => {
                        let end = self.closing(at + offset);
                        found.push((two[1].text.clone(), two[0].line, self.tokens[end].line));
                        break;
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Calls `each` at every token with the module that the token stands in.
    fn walk(&self, mut each: impl FnMut(&Self, usize, &[String])) {
        let mut module = self.module.clone();
        let mut ends = Vec::new();
        for at in 0..self.tokens.len() {
            while ends.last() == Some(&at) {
                ends.pop();
                module.pop();
            }
            if let [keyword, name, brace, ..] = &self.tokens[at..]
                && keyword.is("mod")
                && name.is_word()
                && brace.is("{")
            {
                ends.push(self.closing(at + 2));
                module.push(name.text.clone());
            }
            each(self, at, &module);
        }
    }

    /// The leaves of a `use` tree that begins at a token: path, the name that it brings, line.
    fn leaves(&self, start: usize) -> Vec<(Vec<String>, String, usize)> {
        let mut leaves = Vec::new();
        let (mut prefix, mut open): (Vec<String>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut at = start;
        while let Some(token) = self.tokens.get(at) {
            let ends =
                self.tokens.get(at + 1).is_none_or(|next| [",", "}", ";", "as"].iter().any(|e| next.is(e)));
            match token.text.as_str() {
                ";" => break,
                "{" => open.push(prefix.len()),
                "}" => {
                    open.pop();
                    prefix.truncate(open.last().copied().unwrap_or(0));
                }
                "," => prefix.truncate(open.last().copied().unwrap_or(0)),
                "as" => at += 1,
                "*" => leaves.push(([&prefix[..], &["*".to_owned()]].concat(), "*".to_owned(), token.line)),
                "self" if ends && !prefix.is_empty() => self.leaf(&prefix, at, &mut leaves),
                _ if token.is_word() => {
                    prefix.push(token.text.clone());
                    if ends {
                        self.leaf(&prefix, at, &mut leaves);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        leaves
    }

    fn leaf(&self, path: &[String], at: usize, leaves: &mut Vec<(Vec<String>, String, usize)>) {
        let renamed = self.tokens.get(at + 1).filter(|next| next.is("as")).and(self.tokens.get(at + 2));
        let alias = renamed.map_or_else(|| path[path.len() - 1].clone(), |name| name.text.clone());
        leaves.push((path.to_vec(), alias, self.tokens[at].line));
    }

    /// The path that begins at a token, if one does.
    fn inline_path(&self, at: usize) -> Option<Vec<String>> {
        let before = at.checked_sub(1).map(|before| &self.tokens[before]);
        let continues = before.is_some_and(|t| t.is("."))
            || before.is_some_and(|t| t.is("::"))
                && at >= 2
                && (self.tokens[at - 2].is_word() || self.tokens[at - 2].is(">"));
        if continues || !self.tokens[at].is_word() {
            return None;
        }
        let mut segments = vec![self.tokens[at].text.clone()];
        let mut rest = self.tokens[at + 1..].chunks_exact(2);
        while let Some([colons, word]) = rest.next() {
            if !colons.is("::") || !word.is_word() {
                break;
            }
            segments.push(word.text.clone());
        }
        Some(segments)
    }

    /// The token that closes the brace at a token.
    fn closing(&self, open: usize) -> usize {
        closing(&self.tokens, open)
    }
}

fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_i32;
    for (offset, token) in tokens[open..].iter().enumerate() {
        depth += i32::from(token.is("{")) - i32::from(token.is("}"));
        if depth == 0 {
            return open + offset;
        }
    }
    tokens.len() - 1
}

/// Writes a path out: `crate`, `self`, `super` and the names of earlier imports are resolved.
fn absolute(
    segments: Vec<String>,
    module: &[String],
    aliases: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let root = || vec!["crate".to_owned()];
    match segments[0].as_str() {
        "crate" => segments,
        "evenkeel" if segments.len() > 1 => [root(), segments[1..].to_vec()].concat(),
        "self" | "super" if segments.len() > 1 => {
            let climbs = segments.iter().take_while(|s| *s == "super").count();
            let rest = segments.iter().skip_while(|s| *s == "super" || *s == "self").cloned().collect();
            let kept = module.len().saturating_sub(climbs);
            [root(), module[..kept].to_vec(), rest].concat()
        }
        first => match aliases.get(first) {
            Some(full) => [full.clone(), segments[1..].to_vec()].concat(),
            None => segments,
        },
    }
}

fn module_of(file: &str) -> Vec<String> {
    let inside = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if ["mod", "lib", "main"].contains(&module[module.len() - 1].as_str()) {
        module.pop();
    }
    module
}

/// Marks the items below an attribute `#[cfg(test)]` or `#[cfg(all(test, …))]`.
fn test_code(tokens: &[Token]) -> Vec<bool> {
    let mut marks = vec![false; tokens.len()];
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|t| t.is(text));
    for at in 0..tokens.len() {
        let plain = is(at + 4, "test") && is(at + 5, ")");
        let all = is(at + 4, "all") && is(at + 5, "(") && is(at + 6, "test");
        if !(is(at, "#") && is(at + 1, "[") && is(at + 2, "cfg") && is(at + 3, "(") && (plain || all)) {
            continue;
        }
        let mut end = at;
        while end < tokens.len() && !is(end, "{") && !is(end, ";") {
            end += 1;
        }
        // An item ends with its body, or with `;` where it has none.
        let last = if is(end, "{") { closing(tokens, end) } else { end.min(tokens.len() - 1) };
        marks[at..=last].fill(true);
    }
    marks
}

/// Takes comments, literals and lifetimes out.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let peek = |at: usize| chars.get(at).copied().unwrap_or('\0');
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let (start, first_line) = (at, line);
        match chars[at] {
            '/' if peek(at + 1) == '/' => at = find(&chars, at, |rest| rest[0] == '\n'),
            '/' if peek(at + 1) == '*' => at = after_comment(&chars, at),
            '"' => at = after_quote(&chars, at, '"'),
            '\'' if peek(at + 1) == '\\' || peek(at + 2) == '\'' => at = after_quote(&chars, at, '\''),
            '\'' => at = find(&chars, at + 1, |rest| !word(rest[0])),
            c if word(c) => {
                at = find(&chars, at, |rest| !word(rest[0]));
                let text: String = chars[start..at].iter().collect();
                let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
                match text.as_str() {
                    "r" | "br" | "cr" if peek(at + hashes) == '"' => at = after_raw(&chars, at, hashes),
                    "b" | "c" if peek(at) == '"' => at = after_quote(&chars, at, '"'),
                    "b" if peek(at) == '\'' => at = after_quote(&chars, at, '\''),
                    "r" if hashes == 1 => at += 1,
                    _ => found.push(Token { text, line: first_line }),
                }
            }
            c if c.is_whitespace() => at += 1,
            ':' if peek(at + 1) == ':' => {
                at += 2;
                found.push(Token { text: "::".to_owned(), line });
            }
            c => {
                at += 1;
                found.push(Token { text: c.to_string(), line });
            }
        }
        if matches!(chars[start], '"') {
            found.push(Token { text: "\"".to_owned(), line: first_line });
        }
        line += chars[start..at].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn find(chars: &[char], from: usize, ends: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|at| ends(&chars[*at..])).unwrap_or(chars.len())
}

fn after_quote(chars: &[char], open: usize, quote: char) -> usize {
    let mut at = open + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn after_raw(chars: &[char], hash: usize, hashes: usize) -> usize {
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let end = find(chars, hash + hashes + 1, |rest| rest.starts_with(&close));
    (end + close.len()).min(chars.len())
}

fn after_comment(chars: &[char], open: usize) -> usize {
    let (mut depth, mut at) = (0, open);
    while at < chars.len() {
        match &chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}
