//! Expressions of a template.
//!
//! Source: Jinja2's `parser`. The non-obvious thing: the order is not Python's. `~` binds tighter than `+`, `**` groups
//! from the left, a minus binds tighter than `**`, and a filter tighter than all of them but a sign before it.

use super::lexer::Token;
use super::parser::Parser;
use super::syntax::{Args, Binary, Comparison, Expr};
use super::value::Value;
use super::{R, checks, fail, filters, quoted};

/// Longest chain of operators of one kind.
const LONGEST_CHAIN: usize = 200;

impl Parser {
    /// Parts that commas separate, and whether there was a comma.
    pub(super) fn tuple_of<T>(
        &mut self,
        mut part: impl FnMut(&mut Self) -> R<T>,
        brackets: bool,
        end: Option<&str>,
    ) -> R<(Vec<T>, bool)> {
        let mut parts = Vec::new();
        let mut is_tuple = false;
        loop {
            if !parts.is_empty() {
                self.expect_op(",")?;
            }
            let ended = matches!(self.peek(), Token::PrintEnd | Token::BlockEnd | Token::Op(")"));
            if ended || end.is_some_and(|end| self.is_word(end)) {
                break;
            }
            parts.push(part(self)?);
            if !self.is_op(",") {
                break;
            }
            is_tuple = true;
        }
        if parts.is_empty() && !brackets {
            return self.unexpected("an expression");
        }
        Ok((parts, is_tuple))
    }

    /// An expression, or several with commas between, which are a tuple.
    pub(super) fn tuple(&mut self, conditions: bool, brackets: bool, end: Option<&str>) -> R<Expr> {
        let (mut parts, is_tuple) = self.tuple_of(|this| this.expression(conditions), brackets, end)?;
        Ok(if is_tuple || parts.len() != 1 { Expr::Tuple(parts) } else { parts.remove(0) })
    }

    /// An expression; without `conditions` up to an `if`.
    pub(super) fn expression(&mut self, conditions: bool) -> R<Expr> {
        self.nested(|this| if conditions { this.conditional() } else { this.or() })
    }

    fn conditional(&mut self) -> R<Expr> {
        // An unknown filter in any part of a condition is an error only where the part is reached.
        let unknown = self.unknown.clone();
        let mut expr = self.or()?;
        let mut links = 0;
        while self.skip_word("if") {
            let test = self.or()?;
            let otherwise = if self.skip_word("else") { Some(self.nested(Self::conditional)?) } else { None };
            expr = Expr::If(Box::new((test, expr, otherwise)));
            links = self.link(links)?;
            self.unknown.clone_from(&unknown);
        }
        Ok(expr)
    }

    fn link(&self, links: usize) -> R<usize> {
        if links >= LONGEST_CHAIN {
            return fail(format!("an expression has more than {LONGEST_CHAIN} parts"));
        }
        Ok(links + 1)
    }

    fn or(&mut self) -> R<Expr> {
        let mut left = self.and()?;
        let mut links = 0;
        while self.skip_word("or") {
            left = Expr::Or(Box::new((left, self.and()?)));
            links = self.link(links)?;
        }
        Ok(left)
    }

    fn and(&mut self) -> R<Expr> {
        let mut left = self.not()?;
        let mut links = 0;
        while self.skip_word("and") {
            left = Expr::And(Box::new((left, self.not()?)));
            links = self.link(links)?;
        }
        Ok(left)
    }

    fn not(&mut self) -> R<Expr> {
        if self.skip_word("not") {
            return Ok(Expr::Not(Box::new(self.nested(Self::not)?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> R<Expr> {
        let first = self.sum()?;
        let mut rest = Vec::new();
        loop {
            let comparison = match self.peek() {
                Token::Op("==") => Comparison::Equal,
                Token::Op("!=") => Comparison::Unequal,
                Token::Op("<") => Comparison::Less,
                Token::Op("<=") => Comparison::LessEqual,
                Token::Op(">") => Comparison::Greater,
                Token::Op(">=") => Comparison::GreaterEqual,
                Token::Name(name) if &**name == "in" => Comparison::In,
                Token::Name(name)
                    if &**name == "not" && matches!(self.peek_second(), Token::Name(name) if &**name == "in") =>
                {
                    self.next();
                    Comparison::NotIn
                }
                _ => break,
            };
            self.next();
            rest.push((comparison, self.sum()?));
        }
        Ok(if rest.is_empty() { first } else { Expr::Compare(Box::new(first), rest) })
    }

    fn sum(&mut self) -> R<Expr> {
        self.chain(&[("+", Binary::Add), ("-", Binary::Subtract)], Self::concat)
    }

    fn concat(&mut self) -> R<Expr> {
        let first = self.product()?;
        if !self.is_op("~") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.skip_op("~") {
            parts.push(self.product()?);
        }
        Ok(Expr::Concat(parts))
    }

    fn product(&mut self) -> R<Expr> {
        let operators =
            [("*", Binary::Multiply), ("/", Binary::Divide), ("//", Binary::FloorDivide), ("%", Binary::Modulo)];
        self.chain(&operators, |this| this.chain(&[("**", Binary::Power)], |this| this.unary(true)))
    }

    fn chain(&mut self, operators: &[(&str, Binary)], operand: fn(&mut Self) -> R<Expr>) -> R<Expr> {
        let mut left = operand(self)?;
        let mut links = 0;
        while let Some(&(op, binary)) = operators.iter().find(|(op, _)| self.is_op(op)) {
            self.skip_op(op);
            left = Expr::Binary(binary, Box::new((left, operand(self)?)));
            links = self.link(links)?;
        }
        Ok(left)
    }

    fn unary(&mut self, with_filters: bool) -> R<Expr> {
        let expr = if self.skip_op("-") {
            Expr::Negate(Box::new(self.nested(|this| this.unary(false))?))
        } else if self.skip_op("+") {
            Expr::Plus(Box::new(self.nested(|this| this.unary(false))?))
        } else {
            self.primary()?
        };
        let expr = self.postfix(expr)?;
        if with_filters { self.filters_and_tests(expr) } else { Ok(expr) }
    }

    fn primary(&mut self) -> R<Expr> {
        Ok(match self.next() {
            Token::Name(name) => match &*name {
                "true" | "True" => Expr::Const(Value::Bool(true)),
                "false" | "False" => Expr::Const(Value::Bool(false)),
                "none" | "None" => Expr::Const(Value::None),
                "self" | "super" => {
                    return fail(format!("{} is not known: there are no other templates", quoted(&name)));
                }
                name => Expr::Name(self.name(name)?),
            },
            Token::Text(mut text) => {
                while let Token::Text(more) = self.peek() {
                    text = format!("{text}{more}").into();
                    self.next();
                }
                Expr::Const(Value::Str(text))
            }
            Token::Int(n) => Expr::Const(Value::Int(n)),
            Token::Float(x) => Expr::Const(Value::Float(x)),
            Token::Op("(") => {
                let expr = self.nested(|this| this.tuple(true, true, None))?;
                self.expect_op(")")?;
                expr
            }
            Token::Op("[") => {
                let mut items = Vec::new();
                while !self.is_op("]") {
                    if !items.is_empty() {
                        self.expect_op(",")?;
                        if self.is_op("]") {
                            break;
                        }
                    }
                    items.push(self.expression(true)?);
                }
                self.expect_op("]")?;
                Expr::List(items)
            }
            Token::Op("{") => {
                let mut pairs = Vec::new();
                while !self.is_op("}") {
                    if !pairs.is_empty() {
                        self.expect_op(",")?;
                        if self.is_op("}") {
                            break;
                        }
                    }
                    let key = self.expression(true)?;
                    self.expect_op(":")?;
                    pairs.push((key, self.expression(true)?));
                }
                self.expect_op("}")?;
                Expr::Dict(pairs)
            }
            _ => {
                self.step_back();
                return self.unexpected("an expression");
            }
        })
    }

    fn postfix(&mut self, mut expr: Expr) -> R<Expr> {
        let mut links = 0;
        loop {
            if self.skip_op(".") {
                expr = match self.next() {
                    Token::Name(name) => Expr::Attribute(Box::new(expr), name),
                    Token::Int(n) => Expr::Item(Box::new((expr, Expr::Const(Value::Int(n))))),
                    _ => {
                        self.step_back();
                        return self.unexpected("a name or number");
                    }
                };
            } else if self.skip_op("[") {
                let mut parts = Vec::new();
                while !self.is_op("]") {
                    if !parts.is_empty() {
                        self.expect_op(",")?;
                    }
                    parts.push(self.subscript()?);
                }
                self.expect_op("]")?;
                let part = if parts.len() == 1 { parts.remove(0) } else { Expr::Tuple(parts) };
                expr = Expr::Item(Box::new((expr, part)));
            } else if self.is_op("(") {
                expr = Expr::Call(Box::new((expr, self.arguments()?)));
            } else {
                return Ok(expr);
            }
            links = self.link(links)?;
        }
    }

    fn subscript(&mut self) -> R<Expr> {
        let start = if self.is_op(":") {
            None
        } else {
            let expr = self.expression(true)?;
            if !self.is_op(":") {
                return Ok(expr);
            }
            Some(expr)
        };
        self.expect_op(":")?;
        let bound = |this: &mut Self| {
            let none = this.is_op(":") || this.is_op("]") || this.is_op(",");
            if none { Ok(None) } else { this.expression(true).map(Some) }
        };
        let stop = bound(self)?;
        let step = if self.skip_op(":") { bound(self)? } else { None };
        Ok(Expr::Slice(Box::new([start, stop, step])))
    }

    fn arguments(&mut self) -> R<Args> {
        let mut args = Args::default();
        self.expect_op("(")?;
        let mut first = true;
        let invalid = || fail("invalid arguments of a call");
        while !self.is_op(")") {
            if !first {
                self.expect_op(",")?;
                if self.is_op(")") {
                    break;
                }
            }
            first = false;
            if self.skip_op("*") {
                if args.star.is_some() || args.stars.is_some() {
                    return invalid();
                }
                args.star = Some(self.expression(true)?);
            } else if self.skip_op("**") {
                if args.stars.is_some() {
                    return invalid();
                }
                args.stars = Some(self.expression(true)?);
            } else if let (Token::Name(name), Token::Op("=")) = (self.peek().clone(), self.peek_second()) {
                if args.stars.is_some() || args.named.iter().any(|(known, _)| *known == name) {
                    return invalid();
                }
                self.next();
                self.next();
                args.named.push((name, self.expression(true)?));
            } else {
                if args.star.is_some() || args.stars.is_some() || !args.named.is_empty() {
                    return invalid();
                }
                args.positional.push(self.expression(true)?);
            }
        }
        self.expect_op(")")?;
        Ok(args)
    }

    fn filters_and_tests(&mut self, mut expr: Expr) -> R<Expr> {
        let mut links = 0;
        loop {
            expr = if self.is_op("|") {
                self.filters(Some(expr), false)?
            } else if self.skip_word("is") {
                self.test(expr)?
            } else if self.is_op("(") {
                Expr::Call(Box::new((expr, self.arguments()?)))
            } else {
                return Ok(expr);
            };
            links = self.link(links)?;
        }
    }

    /// Filters of `expr`, or of the text of a block; `inline` where the first has no `|` before it.
    pub(super) fn filters(&mut self, expr: Option<Expr>, inline: bool) -> R<Expr> {
        let mut expr = expr;
        let mut inline = inline;
        let mut links = 0;
        while inline || self.skip_op("|") {
            inline = false;
            let name = self.dotted_name()?;
            if !self.soft && !filters::exists(&name) {
                self.unknown.get_or_insert_with(|| format!("no filter is named {}", quoted(&name)));
            }
            let args = if self.is_op("(") { self.arguments()? } else { Args::default() };
            expr = Some(Expr::Filter(expr.map(Box::new), name.as_str().into(), Box::new(args)));
            links = self.link(links)?;
        }
        match expr {
            Some(expr) => Ok(expr),
            None => self.unexpected("a filter"),
        }
    }

    fn dotted_name(&mut self) -> R<String> {
        let mut name = self.expect_name()?.to_string();
        while self.skip_op(".") {
            name.push('.');
            name.push_str(&self.expect_name()?);
        }
        Ok(name)
    }

    fn test(&mut self, expr: Expr) -> R<Expr> {
        let negated = self.skip_word("not");
        let name = self.dotted_name()?;
        if !self.soft && !checks::exists(&name) {
            self.unknown.get_or_insert_with(|| format!("no test is named {}", quoted(&name)));
        }
        let args = match self.peek() {
            Token::Op("(") => self.arguments()?,
            Token::Name(name) if matches!(&**name, "else" | "or" | "and") => Args::default(),
            Token::Name(name) if &**name == "is" => return fail("tests cannot be chained with 'is'"),
            Token::Name(_) | Token::Text(_) | Token::Int(_) | Token::Float(_) | Token::Op("[" | "{") => {
                let primary = self.nested(Self::primary)?;
                Args { positional: vec![self.postfix(primary)?], ..Args::default() }
            }
            _ => Args::default(),
        };
        let test = Expr::Test(Box::new(expr), name.as_str().into(), Box::new(args));
        Ok(if negated { Expr::Not(Box::new(test)) } else { test })
    }
}
