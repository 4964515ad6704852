//! Matchers as text, in both of Alertmanager's notations. The classic one is tried first, and what it
//! takes stands; the UTF-8 one adds quoted names, names of any letters, and the escapes of Go's strings.

use crate::model::{Matcher, MatcherOp};

const OPERATORS: [(&str, MatcherOp); 4] = [
    ("=~", MatcherOp::Matches),
    ("!~", MatcherOp::MatchesNot),
    ("!=", MatcherOp::NotEqual),
    ("=", MatcherOp::Equal),
];

/// Parses `severity="page"`, `team=~"a|b"`, `{a="1", b!="2"}` or `a=1,b=2` into matchers.
/// The error is the byte offset and a sentence.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, (usize, String)> {
    match classic(text) {
        Some(matchers) => Ok(matchers),
        None => Cursor { text, at: 0 }.matchers(),
    }
}

/// `name op value`, between commas that stand outside of quotes; the outermost braces do not count.
fn classic(text: &str) -> Option<Vec<Matcher>> {
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    let mut pieces = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        let last = pieces.last_mut()?;
        match c {
            ',' if !quoted => {
                pieces.push(String::new());
                continue;
            }
            '"' => quoted ^= !std::mem::take(&mut escaped),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
        last.push(c);
    }
    if pieces.last().is_some_and(|piece| piece.trim().is_empty()) {
        pieces.pop();
    }
    pieces.iter().map(|piece| classic_one(piece)).collect()
}

fn classic_one(piece: &str) -> Option<Matcher> {
    let piece = piece.trim();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = piece.find(|c| !word(c))?;
    let (name, rest) = piece.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start();
    let (sign, op) = OPERATORS.into_iter().find(|(sign, _)| rest.starts_with(sign))?;
    let value = classic_value(rest[sign.len()..].trim())?;
    Some(Matcher { name: name.to_owned(), op, value })
}

/// A backslash that escapes nothing stands for itself, so that `\d` needs no doubling.
fn classic_value(text: &str) -> Option<String> {
    let inner = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => text,
    };
    let mut value = String::new();
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('"', _) => return None,
            ('\\', Some('n')) => value.push('\n'),
            ('\\', Some('"')) => value.push('"'),
            ('\\', Some('\\')) => value.push('\\'),
            ('\\', None) if inner.len() < text.len() => return None, // it escapes the closing quote
            _ => {
                value.push(c);
                continue;
            }
        }
        chars.next();
    }
    Some(value)
}

/// The UTF-8 notation, read from left to right.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

type Parsed<T> = Result<T, (usize, String)>;

impl Cursor<'_> {
    fn matchers(mut self) -> Parsed<Vec<Matcher>> {
        let braces = self.eat("{");
        let mut out = Vec::new();
        loop {
            self.space();
            if self.rest().is_empty() || self.rest().starts_with('}') {
                break;
            }
            out.push(self.matcher()?);
            if !self.eat(",") {
                break;
            }
        }
        if braces && !self.eat("}") {
            return self.fail("a `}` is missing");
        }
        self.space();
        match self.rest().chars().next() {
            None => Ok(out),
            Some(c) => self.fail(&format!("`{c}` is not expected here, between matchers stands a comma")),
        }
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let name = self.word("a label's name")?;
        self.space();
        let found = OPERATORS.into_iter().find(|(sign, _)| self.rest().starts_with(sign));
        let Some((sign, op)) = found else {
            return self.fail("one of = != =~ !~ is missing");
        };
        self.at += sign.len();
        let value = self.word("a value")?;
        Ok(Matcher { name, op, value })
    }

    /// A quoted text, or a run of characters without meaning of their own.
    fn word(&mut self, what: &str) -> Parsed<String> {
        self.space();
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let reserved = |c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c);
        let end = self.rest().find(reserved).unwrap_or(self.rest().len());
        if end == 0 {
            return self.fail(&format!("{what} is missing"));
        }
        let word = self.rest()[..end].to_owned();
        self.at += end;
        Ok(word)
    }

    fn quoted(&mut self) -> Parsed<String> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        while let Some(c) = self.rest().chars().next() {
            let here = self.at;
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => out.push(self.escape().ok_or((here, "an unknown escape, write `\\\\`".to_owned()))?),
                c => out.push(c),
            }
        }
        Err((start, "this quote is never closed".to_owned()))
    }

    fn escape(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        let digits = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => {
                return Some(match c {
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'v' => '\u{b}',
                    '\\' => '\\',
                    '"' => '"',
                    _ => return None,
                });
            }
        };
        let hex = self.rest().get(..digits)?;
        let number = u32::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with('+'))?;
        self.at += digits;
        char::from_u32(number)
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn fail<T>(&self, message: &str) -> Parsed<T> {
        Err((self.at, message.to_owned()))
    }
}
