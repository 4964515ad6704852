//! Tokens to a tree, by precedence. Reads more of the language than is ever converted, so that a refusal can name what
//! it met.

use super::lexer::{Token, tokens};
use super::{Expr, Form, Grouping, Matcher, Op, Refusal, Selector};

const DEPTH_MAX: usize = 64;
const AGGREGATES: &[&str] = &[
    "sum",
    "min",
    "max",
    "avg",
    "group",
    "stddev",
    "stdvar",
    "count",
    "count_values",
    "bottomk",
    "topk",
    "quantile",
    "limitk",
    "limit_ratio",
];
/// By how tightly they bind.
const OPERATORS: &[(&str, u8)] = &[
    ("or", 1),
    ("and", 2),
    ("unless", 2),
    ("==", 3),
    ("!=", 3),
    ("<=", 3),
    (">=", 3),
    ("<", 3),
    (">", 3),
    ("+", 4),
    ("-", 4),
    ("*", 5),
    ("/", 5),
    ("%", 5),
    ("^", 6),
];

type Parsed<T = Expr> = Result<T, Refusal>;

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
}

pub fn parse(text: &str) -> Parsed {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let expr = parser.expr(0)?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.refuse("an operator is missing")),
    }
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)].0
    }

    fn place(&self) -> usize {
        self.tokens[self.next.min(self.tokens.len() - 1)].1
    }

    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn refuse(&self, why: impl Into<String>) -> Refusal {
        Refusal::new(self.place(), why)
    }

    fn takes(&mut self, symbol: &'static str) -> bool {
        let there = *self.peek() == Token::Symbol(symbol);
        self.next += usize::from(there);
        there
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Token::Word(one) if one.eq_ignore_ascii_case(word));
        self.next += usize::from(there);
        there
    }

    fn expect(&mut self, symbol: &'static str) -> Parsed<()> {
        match self.takes(symbol) {
            true => Ok(()),
            false => Err(self.refuse(format!("`{symbol}` is missing"))),
        }
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            return Err(self.refuse(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        self.depth += 1;
        let found = inner(self);
        self.depth -= 1;
        found
    }

    fn operator(&self) -> Option<(&'static str, u8)> {
        let spelled = match self.peek() {
            Token::Word(word) => word.to_ascii_lowercase(),
            Token::Symbol(symbol) => (*symbol).to_owned(),
            _ => return None,
        };
        OPERATORS.iter().copied().find(|(op, _)| *op == spelled)
    }

    fn expr(&mut self, above: u8) -> Parsed {
        let mut left = self.operand()?;
        while let Some((op, binds)) = self.operator().filter(|(_, binds)| *binds > above) {
            let at = left.at;
            self.next += 1;
            let matching = self.matching()?;
            let right = self.nested(|parser| parser.expr(if op == "^" { binds - 1 } else { binds }))?;
            let form = Form::Binary { op, matching, left: Box::new(left), right: Box::new(right) };
            left = Expr { at, form };
        }
        Ok(left)
    }

    /// `bool`, `on (…)`, `group_left (…)`: whether they name labels.
    fn matching(&mut self) -> Parsed<bool> {
        let mut named = false;
        loop {
            if self.takes_word("bool") {
                continue;
            }
            let words = ["on", "ignoring", "group_left", "group_right"];
            let Some(word) = words.into_iter().find(|word| self.takes_word(word)) else { return Ok(named) };
            if *self.peek() == Token::Symbol("(") {
                named |= !self.labels()?.is_empty();
            }
            named |= word.starts_with("group");
        }
    }

    fn labels(&mut self) -> Parsed<Vec<String>> {
        self.expect("(")?;
        let mut labels = Vec::new();
        while !self.takes(")") {
            match self.advance() {
                Token::Word(label) | Token::Text(label) => labels.push(label),
                _ => return Err(self.refuse("a label is missing")),
            }
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(labels)
    }

    fn operand(&mut self) -> Parsed {
        let at = self.place();
        let form = match self.peek().clone() {
            Token::Number(number) => {
                self.next += 1;
                Form::Number(number)
            }
            Token::Text(_) => {
                self.next += 1;
                Form::Text
            }
            Token::Symbol("(") => {
                self.next += 1;
                let inner = self.nested(|parser| parser.expr(0))?;
                self.expect(")")?;
                return self.postfix(inner);
            }
            Token::Symbol("+") => {
                self.next += 1;
                return self.nested(Self::operand);
            }
            Token::Symbol("-") => {
                self.next += 1;
                Form::Negative(Box::new(self.nested(|parser| parser.expr(5))?))
            }
            Token::Symbol("{") => return self.selector(String::new(), at),
            Token::Word(word) => return self.word(&word, at),
            Token::End => return Err(self.refuse("the query ends too early")),
            Token::Range(_) | Token::Symbol(_) => return Err(self.refuse("a value is missing")),
        };
        Ok(Expr { at, form })
    }

    fn word(&mut self, word: &str, at: usize) -> Parsed {
        self.next += 1;
        let lower = word.to_ascii_lowercase();
        let called = matches!(self.peek(), Token::Symbol("("));
        let grouped = matches!(self.peek(), Token::Word(next) if next == "by" || next == "without");
        if AGGREGATES.contains(&&*lower) && (called || grouped) {
            let expr = self.nested(|parser| parser.aggregate(lower, at))?;
            return self.postfix(expr);
        }
        if called {
            let args = self.nested(Self::args)?;
            return self.postfix(Expr { at, form: Form::Call { name: lower, args } });
        }
        if ["nan", "inf"].contains(&&*lower) {
            return Ok(Expr { at, form: Form::Number(lower) });
        }
        self.selector(word.to_owned(), at)
    }

    fn aggregate(&mut self, name: String, at: usize) -> Parsed {
        let before = self.grouping()?;
        let args = self.args()?;
        let grouping = if before.is_some() { before } else { self.grouping()? };
        Ok(Expr { at, form: Form::Aggregate { name, grouping, args } })
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = self.takes_word("without");
        if !without && !self.takes_word("by") {
            return Ok(None);
        }
        Ok(Some(Grouping { without, labels: self.labels()? }))
    }

    fn args(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("(")?;
        let mut args = Vec::new();
        while !self.takes(")") {
            args.push(self.expr(0)?);
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(args)
    }

    /// A window behind something that is no selector is a subquery.
    fn postfix(&mut self, expr: Expr) -> Parsed {
        match self.peek() {
            Token::Range(_) => Err(self.refuse("a subquery is not read")),
            Token::Word(word) if word.eq_ignore_ascii_case("offset") => {
                Err(self.refuse("an `offset` is not read"))
            }
            _ => Ok(expr),
        }
    }

    fn selector(&mut self, metric: String, at: usize) -> Parsed {
        let mut selector = Selector { metric, matchers: Vec::new(), range: None, shifted: false };
        if self.takes("{") {
            self.matchers(&mut selector)?;
        }
        if let Token::Range(range) = self.peek().clone() {
            if range.rsplit_once("}}").map_or(&*range, |(_, after)| after).contains(':') {
                return Err(self.refuse("a subquery is not read"));
            }
            self.next += 1;
            selector.range = Some(range);
        }
        while self.takes_word("offset") || self.takes("@") {
            selector.shifted = true;
            self.takes("-");
            self.next += 1;
            if self.takes("(") {
                self.expect(")")?;
            }
        }
        Ok(Expr { at, form: Form::Selector(selector) })
    }

    fn matchers(&mut self, selector: &mut Selector) -> Parsed<()> {
        while !self.takes("}") {
            let (label, quoted) = match self.advance() {
                Token::Word(label) => (label, false),
                Token::Text(label) => (label, true),
                _ => return Err(self.refuse("a label is missing")),
            };
            let op = match self.peek() {
                Token::Symbol("=") => Some(Op::Equal),
                Token::Symbol("!=") => Some(Op::NotEqual),
                Token::Symbol("=~") => Some(Op::Matches),
                Token::Symbol("!~") => Some(Op::MatchesNot),
                _ => None,
            };
            match op {
                None if quoted && selector.metric.is_empty() => selector.metric = label,
                None => return Err(self.refuse(format!("`{label}` is compared with nothing"))),
                Some(op) => {
                    self.next += 1;
                    let Token::Text(value) = self.advance() else {
                        return Err(self.refuse(format!("the value of `{label}` stands in quotes")));
                    };
                    match label == "__name__" && op == Op::Equal && selector.metric.is_empty() {
                        true => selector.metric = value,
                        false => selector.matchers.push(Matcher { label, op, value }),
                    }
                }
            }
            if !self.takes(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(())
    }
}
