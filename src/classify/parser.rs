//! Tokens to an expression, by binding power (Pratt); `primary` reads the values in between. Constructs that the language does not have
//! are named, not just refused; parsing goes on where it is clear what was meant.

use std::ops::Range;

use super::ast::{Expr, Form, Logic, Op};
use super::error::ExprError;
use super::lexer::{Token, tokens};

pub(super) const LEN_MAX: usize = 8 * 1024;
/// Parentheses, brackets, `!`, arguments and `? :` within each other. Bounds every recursion over
/// an expression, here and in the steps after.
pub(super) const DEPTH_MAX: usize = 64;

const CHOOSE: u8 = 1;
const ANY: u8 = 2;
const ALL: u8 = 3;
const COMPARE: u8 = 4;
const ADD: u8 = 5;
const MULTIPLY: u8 = 6;

/// The expression as far as it could be read, and every mistake found on the way.
pub(super) fn parse(text: &str) -> (Option<Expr>, Vec<ExprError>) {
    if text.len() > LEN_MAX {
        let message = format!("an expression is at most {LEN_MAX} bytes long, this one has {}", text.len());
        return (None, vec![ExprError::new(0..text.len(), message)]);
    }
    let (tokens, errors) = tokens(text);
    let cut = !errors.is_empty();
    let mut parser = Parser { text, tokens, next: 0, depth: 0, cut, errors };
    let expr = parser.whole().ok();
    (expr, parser.errors)
}

/// Parsing cannot go on; the reason has been reported.
pub(super) struct Stop;

pub(super) type Parsed<T = Expr> = Result<T, Stop>;

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) tokens: Vec<(Token<'t>, Range<usize>)>,
    pub(super) next: usize,
    depth: usize,
    /// The text may have been cut off at a character that is no token.
    pub(super) cut: bool,
    pub(super) errors: Vec<ExprError>,
}

enum Infix {
    Choose,
    Logic(Logic),
    Compare(Op),
    In,
    Arithmetic,
}

impl<'t> Parser<'t> {
    fn whole(&mut self) -> Parsed {
        if *self.peek() == Token::End {
            let error = ExprError::new(0..self.text.len(), "the expression is empty");
            return self.stop(error.hint("write `true` to select every item"));
        }
        let expr = self.expr(0)?;
        match self.peek() {
            Token::End => Ok(expr),
            Token::Bad => Err(Stop),
            _ => self.stop_at_operator(&expr),
        }
    }

    pub(super) fn expr(&mut self, power_min: u8) -> Parsed {
        let prefix = self.prefix()?;
        let mut left = self.postfix(prefix)?;
        while let Some((infix, power, correction)) = self.infix() {
            if power < power_min {
                break;
            }
            let (_, at) = self.advance();
            if let Some(correction) = correction {
                let written = &self.text[at.clone()];
                let error = ExprError::new(at.clone(), format!("`{written}` is no operator"));
                self.errors.push(error.hint(correction));
            }
            left = match infix {
                Infix::Choose => self.choose(left)?,
                Infix::Logic(logic) => {
                    let right = self.expr(power + 1)?;
                    chained(logic, left, right)
                }
                Infix::Compare(op) => {
                    let right = self.expr(power + 1)?;
                    let at = left.at.start..right.at.end;
                    let form = Form::Compare(op, Box::new([left, right]));
                    self.unchained(Expr { at, form })?
                }
                Infix::In => {
                    let right = self.expr(power + 1)?;
                    let at = left.at.start..right.at.end;
                    self.unchained(Expr { at, form: Form::In(Box::new([left, right])) })?
                }
                Infix::Arithmetic => {
                    let right = self.expr(power + 1)?;
                    self.arithmetic(&left, &at, &right)
                }
            };
        }
        Ok(left)
    }

    /// What the next token does between two values. With a correction where something else is the
    /// language's own word for it.
    fn infix(&self) -> Option<(Infix, u8, Option<&'static str>)> {
        let compare = |op| Some((Infix::Compare(op), COMPARE, None));
        match self.peek() {
            Token::Symbol("?") => Some((Infix::Choose, CHOOSE, None)),
            Token::Symbol("||") => Some((Infix::Logic(Logic::Any), ANY, None)),
            Token::Symbol("&&") => Some((Infix::Logic(Logic::All), ALL, None)),
            Token::Symbol("==") => compare(Op::Equal),
            Token::Symbol("!=") => compare(Op::NotEqual),
            Token::Symbol("<") => compare(Op::Less),
            Token::Symbol("<=") => compare(Op::LessOrEqual),
            Token::Symbol(">") => compare(Op::Greater),
            Token::Symbol(">=") => compare(Op::GreaterOrEqual),
            Token::Word("in") => Some((Infix::In, COMPARE, None)),
            Token::Symbol("+" | "-") => Some((Infix::Arithmetic, ADD, None)),
            Token::Symbol("*" | "/" | "%") => Some((Infix::Arithmetic, MULTIPLY, None)),
            Token::Symbol("=") => Some((Infix::Compare(Op::Equal), COMPARE, Some("compare with `==`"))),
            Token::Symbol("&") => Some((Infix::Logic(Logic::All), ALL, Some("write `&&`"))),
            Token::Symbol("|") => Some((Infix::Logic(Logic::Any), ANY, Some("write `||`"))),
            Token::Word("and" | "AND") => Some((Infix::Logic(Logic::All), ALL, Some("write `&&`"))),
            Token::Word("or" | "OR") => Some((Infix::Logic(Logic::Any), ANY, Some("write `||`"))),
            _ => None,
        }
    }

    fn choose(&mut self, condition: Expr) -> Parsed {
        let then = self.nested(|parser| parser.expr(CHOOSE))?;
        self.expect(":", "between the two ways of `? :`")?;
        let otherwise = self.nested(|parser| parser.expr(CHOOSE))?;
        let at = condition.at.start..otherwise.at.end;
        Ok(Expr { at, form: Form::Choose(Box::new([condition, then, otherwise])) })
    }

    /// `1 < x < 5` would compare a truth with 5.
    fn unchained(&mut self, first: Expr) -> Parsed {
        if !matches!(self.infix(), Some((Infix::Compare(_) | Infix::In, ..))) {
            return Ok(first);
        }
        let (_, at) = self.advance();
        let hint = "join two comparisons with `&&`, or put the first one in parentheses";
        self.errors.push(ExprError::new(at, "comparisons do not chain").hint(hint));
        let right = self.expr(COMPARE + 1)?;
        match self.infix() {
            Some((Infix::Compare(_) | Infix::In, ..)) => Err(Stop),
            _ => Ok(Expr { at: first.at.start..right.at.end, form: Form::Bad }),
        }
    }

    fn arithmetic(&mut self, left: &Expr, operator: &Range<usize>, right: &Expr) -> Expr {
        let at = left.at.start..right.at.end;
        let names = matches!(left.form, Form::Name(_)) && matches!(right.form, Form::Name(_));
        let tight = left.at.end == operator.start && operator.end == right.at.start;
        let hint = if names && tight && &self.text[operator.clone()] == "-" {
            let whole = &self.text[at.clone()];
            format!("a name with a hyphen is written attributes[\"{whole}\"]")
        } else {
            "compare a value as it was sent, with the result worked out by hand".to_owned()
        };
        let message = "arithmetic is not part of this language";
        self.errors.push(ExprError::new(operator.clone(), message).hint(hint));
        Expr { at, form: Form::Bad }
    }

    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            let (_, at) = self.tokens[self.next].clone();
            return self.stop(
                ExprError::new(at, format!("the expression is nested more than {DEPTH_MAX} deep"))
                    .hint("a chain of `&&` or `||` needs no parentheses; `x in [..]` replaces many `||`"),
            );
        }
        self.depth += 1;
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    fn stop_at_operator(&mut self, left: &Expr) -> Parsed {
        let (token, at) = self.advance();
        let written = &self.text[at.clone()];
        let before = &self.text[left.at.clone()];
        let error = ExprError::new(at, format!("an operator is missing in front of `{written}`"));
        self.stop(match token {
            Token::Word("contains" | "startsWith" | "endsWith" | "matches") => {
                error.hint(format!("write {before}.{written}(\"…\")"))
            }
            Token::Word("not") => error.hint("write !(x in [..])"),
            Token::Word("is") => error.hint("compare with `==`"),
            Token::Symbol("=~") => error.hint(format!("write {before}.matches(\"…\")")),
            Token::Symbol(")" | "]") => ExprError { message: format!("`{written}` closes nothing"), ..error },
            Token::Symbol(";" | ":" | "," | "}" | "{") => {
                ExprError { message: format!("`{written}` has no meaning here"), ..error }
            }
            _ => error,
        })
    }

    pub(super) fn expect(&mut self, symbol: &'static str, why: &str) -> Parsed<Range<usize>> {
        let (token, at) = self.advance();
        match token {
            Token::Symbol(found) if found == symbol => Ok(at),
            Token::Bad => Err(Stop),
            Token::End if self.cut => Err(Stop),
            _ => self.stop(ExprError::new(at, format!("`{symbol}` is missing {why}"))),
        }
    }

    pub(super) fn stop<T>(&mut self, error: ExprError) -> Parsed<T> {
        self.errors.push(error);
        Err(Stop)
    }

    pub(super) fn peek(&self) -> &Token<'t> {
        &self.tokens[self.next].0
    }

    /// Takes a token; the closing `End` is never passed.
    pub(super) fn advance(&mut self) -> (Token<'t>, Range<usize>) {
        let token = self.tokens[self.next].clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }
}

fn chained(logic: Logic, left: Expr, right: Expr) -> Expr {
    let at = left.at.start..right.at.end;
    let form = match left.form {
        Form::Logic(same, mut parts) if same == logic => {
            parts.push(right);
            Form::Logic(logic, parts)
        }
        form => Form::Logic(logic, vec![Expr { at: left.at, form }, right]),
    };
    Expr { at, form }
}
