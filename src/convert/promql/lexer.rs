//! Text to tokens with their places. What stands in square brackets is one token: a window, often a template.

use super::Refusal;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Number(String),
    Text(String),
    /// The inside of `[…]`.
    Range(String),
    Symbol(&'static str),
    End,
}

/// Longer ones first.
const SYMBOLS: &[&str] = &[
    "==", "!=", "=~", "!~", "<=", ">=", "<", ">", "=", "(", ")", "{", "}", ",", "+", "-", "*", "/", "%", "^",
    "@", ":",
];
/// Bounds the depth of the tree as well.
const TOKENS_MAX: usize = 1_000;

pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Refusal> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        at += blank(&text[at..]);
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else {
            found.push((Token::End, at));
            return Ok(found);
        };
        let (token, len) = match first {
            '"' | '\'' | '`' => quoted(rest, first).map_err(|why| Refusal::new(at, why))?,
            '[' => range(rest).ok_or_else(|| Refusal::new(at, "a `[` is never closed"))?,
            '{' if rest.starts_with("{{") => {
                return Err(Refusal::new(at, "a template outside of the window's brackets"));
            }
            '0'..='9' | '.' => word(rest, |c| c.is_ascii_alphanumeric() || c == '.', Token::Number),
            'a'..='z' | 'A'..='Z' | '_' => {
                word(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'), Token::Word)
            }
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (Token::Symbol(symbol), symbol.len()),
                None => return Err(Refusal::new(at, format!("`{first}` has no meaning here"))),
            },
        };
        if found.len() == TOKENS_MAX {
            return Err(Refusal::new(at, format!("the query has more than {TOKENS_MAX} words and signs")));
        }
        found.push((token, at));
        at += len;
    }
}

/// White space and comments.
fn blank(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        match rest.strip_prefix('#') {
            Some(comment) => rest = &comment[comment.find('\n').unwrap_or(comment.len())..],
            None => return text.len() - rest.len(),
        }
    }
}

fn word(rest: &str, inside: impl Fn(char) -> bool, token: fn(String) -> Token) -> (Token, usize) {
    let len = rest.find(|c| !inside(c)).unwrap_or(rest.len());
    (token(rest[..len].to_owned()), len)
}

/// Brackets do not nest; a template within them may hold any text without one.
fn range(rest: &str) -> Option<(Token, usize)> {
    let end = rest.find(']')?;
    Some((Token::Range(rest[1..end].trim().to_owned()), end + 1))
}

fn quoted(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let raw = quote == '`';
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Ok((Token::Text(text), at + 1)),
            '\\' if !raw => match chars.next() {
                Some((_, c @ ('\\' | '"' | '\''))) => text.push(c),
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, c)) => return Err(format!("the escape `\\{c}` is not read")),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err("a quote is never closed".to_owned())
}
