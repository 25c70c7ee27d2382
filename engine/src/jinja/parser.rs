//! Statements of a template.
//!
//! Source: Jinja2's `parser`, with the tags of its loop controls and transformers' `generation`. Expressions are in
//! `expressions`. The non-obvious thing: nesting is bounded here, so that whatever walks through the tree may recurse.

use super::lexer::{Token, tokens};
use super::syntax::{Expr, For, MacroDef, Name, Node, Program, Stmt, Target};
use super::{Fault, R, fail, quoted, scopes};
use std::collections::HashMap;
use std::sync::Arc;

/// Deepest nesting of statements and expressions together.
const DEEPEST: usize = 100;
/// Most names of a template.
const MOST_NAMES: usize = 2048;

pub(super) struct Parser {
    pub(super) tokens: Vec<(usize, Token)>,
    pub(super) at: usize,
    pub(super) depth: usize,
    program: Program,
    names: HashMap<Arc<str>, Name>,
    frames: usize,
    /// Loops around the statement, within its macro.
    loops: usize,
    blocks: Vec<Arc<str>>,
    /// Whether unknown filters and tests are errors only when they are reached, as within conditions.
    pub(super) soft: bool,
    /// An unknown filter or test that stands in no condition, as far as is known.
    pub(super) unknown: Option<String>,
}

/// Parses a template; an error comes with its line.
pub(crate) fn parse(source: &str) -> Result<Program, (usize, Fault)> {
    let tokens = tokens(source)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
        program: Program::default(),
        names: HashMap::new(),
        frames: 1,
        loops: 0,
        blocks: Vec::new(),
        soft: false,
        unknown: None,
    };
    let body = parser.statements(&[]).map_err(|fault| (parser.line(), fault))?;
    parser.program.body = body;
    let names = [parser.name("caller"), parser.name("kwargs"), parser.name("varargs")];
    let [Ok(caller), Ok(kwargs), Ok(varargs)] = names else {
        return Err((0, Fault::Failed(format!("more than {MOST_NAMES} names"))));
    };
    let mut program = parser.program;
    scopes::resolve(&mut program, parser.frames, [caller, kwargs, varargs]);
    Ok(program)
}

impl Parser {
    pub(super) fn name(&mut self, name: &str) -> R<Name> {
        if let Some(&known) = self.names.get(name) {
            return Ok(known);
        }
        let number = self.program.names.len();
        if number >= MOST_NAMES {
            return fail(format!("more than {MOST_NAMES} names"));
        }
        let name: Arc<str> = name.into();
        self.program.names.push(name.clone());
        self.names.insert(name, number as Name);
        Ok(number as Name)
    }

    /// One level deeper, for the time of `inside`.
    pub(super) fn nested<T>(&mut self, inside: impl FnOnce(&mut Self) -> R<T>) -> R<T> {
        if self.depth >= DEEPEST {
            return fail(format!("nests deeper than {DEEPEST}"));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn frame(&mut self) -> usize {
        self.frames += 1;
        self.frames - 1
    }

    /// Statements up to one of the tags `ends`, whose name is the next token; without any, to the end.
    fn statements(&mut self, ends: &[&str]) -> R<Vec<Node>> {
        let mut body = Vec::new();
        loop {
            let line = self.line();
            match self.next() {
                Token::Data(text) => body.push(Node { line, kind: Stmt::Text(text) }),
                Token::PrintBegin => {
                    let expr = self.nested(|this| this.tuple(true, false, None))?;
                    self.all_known()?;
                    if self.next() != Token::PrintEnd {
                        self.at -= 1;
                        return self.unexpected("end of print statement");
                    }
                    body.push(Node { line, kind: Stmt::Print(expr) });
                }
                Token::BlockBegin => {
                    if ends.iter().any(|end| self.is_word(end)) {
                        return Ok(body);
                    }
                    self.nested(|this| this.statement(line, &mut body))?;
                    self.all_known()?;
                    self.expect_block_end()?;
                }
                Token::End if ends.is_empty() => return Ok(body),
                _ => {
                    self.at -= 1;
                    return self.unexpected(&format!("'{}'", ends.join("' or '")));
                }
            }
        }
    }

    fn all_known(&mut self) -> R<()> {
        self.unknown.take().map_or(Ok(()), fail)
    }

    /// The body of a tag: its end, and statements up to one of `ends`.
    fn body(&mut self, ends: &[&str]) -> R<Vec<Node>> {
        self.skip_op(":");
        self.expect_block_end()?;
        self.statements(ends)
    }

    /// As [`Parser::body`] with one end, which is taken.
    fn whole_body(&mut self, end: &str) -> R<Vec<Node>> {
        let body = self.body(&[end])?;
        self.at += 1;
        Ok(body)
    }

    fn statement(&mut self, line: usize, out: &mut Vec<Node>) -> R<()> {
        let tag = self.expect_name()?;
        let kind = match &*tag {
            "for" => self.for_loop()?,
            "if" => self.condition()?,
            "set" => self.set()?,
            "macro" => self.macro_definition()?,
            "call" => self.call_block()?,
            "filter" => {
                let frame = self.frame();
                let filter = self.filters(None, true)?;
                Stmt::Filter { frame, filter, body: self.harder(|this| this.whole_body("endfilter"))? }
            }
            "with" => self.with()?,
            "generation" => {
                let body = self.closure(|this| this.whole_body("endgeneration"))?;
                Stmt::Generation(self.add_macro(None, Vec::new(), Vec::new(), body))
            }
            "autoescape" => {
                let (frame, on) = (self.frame(), self.expression(true)?);
                Stmt::Autoescape { frame, on, body: self.harder(|this| this.whole_body("endautoescape"))? }
            }
            "block" => self.block()?,
            "break" | "continue" if self.loops == 0 => return fail(format!("'{tag}' outside of a loop")),
            "break" => Stmt::Break,
            "continue" => Stmt::Continue,
            "print" => return self.print(line, out),
            "include" | "import" | "from" => self.elsewhere(&tag)?,
            "extends" => return fail("templates that extend others are not known: there is no other template"),
            _ => return fail(format!("unknown tag {}", quoted(&tag))),
        };
        out.push(Node { line, kind });
        Ok(())
    }

    fn print(&mut self, line: usize, out: &mut Vec<Node>) -> R<()> {
        let mut first = true;
        while *self.peek() != Token::BlockEnd {
            if !first {
                self.expect_op(",")?;
            }
            first = false;
            let kind = Stmt::Print(self.expression(true)?);
            out.push(Node { line, kind });
        }
        Ok(())
    }

    /// Within a scope of its own unknown filters are errors again.
    fn harder<T>(&mut self, inside: impl FnOnce(&mut Self) -> R<T>) -> R<T> {
        let before = std::mem::replace(&mut self.soft, false);
        let result = inside(self);
        self.soft = before;
        result
    }

    /// Within a macro's body: no loop is around it.
    fn closure<T>(&mut self, inside: impl FnOnce(&mut Self) -> R<T>) -> R<T> {
        let loops = std::mem::replace(&mut self.loops, 0);
        let result = self.harder(inside);
        self.loops = loops;
        result
    }

    fn for_loop(&mut self) -> R<Stmt> {
        let target = self.target(Some("in"), false)?;
        self.expect_word("in")?;
        let over = self.tuple(false, false, Some("recursive"))?;
        let test = if self.skip_word("if") { Some(self.harder(|this| this.expression(true))?) } else { None };
        let recursive = self.skip_word("recursive");
        let name = self.name("loop")?;
        if names_of(&target).contains(&name) {
            return fail("a loop cannot assign to 'loop'");
        }
        let (body_frame, test_frame, else_frame) = (self.frame(), self.frame(), self.frame());
        self.loops += 1;
        let body = self.harder(|this| this.body(&["endfor", "else"]));
        self.loops -= 1;
        let body = body?;
        let otherwise = if self.skip_word("else") {
            self.harder(|this| this.whole_body("endfor"))?
        } else {
            self.at += 1;
            Vec::new()
        };
        self.program.loops.push(For {
            target,
            over,
            test,
            recursive,
            body,
            otherwise,
            body_frame,
            test_frame,
            else_frame,
            name,
        });
        Ok(Stmt::For(self.program.loops.len() - 1))
    }

    fn condition(&mut self) -> R<Stmt> {
        let before = std::mem::replace(&mut self.soft, true);
        let parsed = self.branches();
        self.soft = before;
        parsed
    }

    fn branches(&mut self) -> R<Stmt> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let test = self.tuple(false, false, None)?;
            let body = self.body(&["elif", "else", "endif"])?;
            branches.push((test, body));
            if self.skip_word("elif") {
                continue;
            }
            if self.skip_word("else") {
                otherwise = self.whole_body("endif")?;
            } else {
                self.at += 1;
            }
            return Ok(Stmt::If(branches, otherwise));
        }
    }

    fn set(&mut self) -> R<Stmt> {
        let target = self.target(None, true)?;
        if self.skip_op("=") {
            return Ok(Stmt::Set(target, self.tuple(true, false, None)?));
        }
        let frame = self.frame();
        let filter = if self.is_op("|") { Some(self.filters(None, false)?) } else { None };
        Ok(Stmt::SetBlock { frame, target, filter, body: self.harder(|this| this.whole_body("endset"))? })
    }

    fn with(&mut self) -> R<Stmt> {
        let frame = self.frame();
        let mut values = Vec::new();
        while *self.peek() != Token::BlockEnd {
            if !values.is_empty() {
                self.expect_op(",")?;
            }
            let target = self.target(None, false)?;
            self.expect_op("=")?;
            values.push((target, self.expression(true)?));
        }
        Ok(Stmt::With { frame, values, body: self.harder(|this| this.whole_body("endwith"))? })
    }

    fn macro_definition(&mut self) -> R<Stmt> {
        let name = self.expect_name()?;
        if is_constant(&name) {
            return fail(format!("cannot assign to {}", quoted(&name)));
        }
        let name = self.name(&name)?;
        let (parameters, defaults) = self.harder(Self::signature)?;
        let body = self.closure(|this| this.whole_body("endmacro"))?;
        Ok(Stmt::Macro(self.add_macro(Some(name), parameters, defaults, body)))
    }

    fn call_block(&mut self) -> R<Stmt> {
        let (parameters, defaults) =
            if self.is_op("(") { self.harder(Self::signature)? } else { (Vec::new(), Vec::new()) };
        let call = self.expression(true)?;
        if !matches!(call, Expr::Call(_)) {
            return fail("a call is expected");
        }
        let body = self.closure(|this| this.whole_body("endcall"))?;
        Ok(Stmt::Call(self.add_macro(None, parameters, defaults, body), call))
    }

    fn add_macro(&mut self, name: Option<Name>, parameters: Vec<Name>, defaults: Vec<Expr>, body: Vec<Node>) -> usize {
        let frame = self.frame();
        let (caller, kwargs, varargs) = (None, None, None);
        self.program.macros.push(MacroDef { name, parameters, defaults, body, frame, caller, kwargs, varargs });
        self.program.macros.len() - 1
    }

    fn signature(&mut self) -> R<(Vec<Name>, Vec<Expr>)> {
        let (mut parameters, mut defaults) = (Vec::new(), Vec::new());
        self.expect_op("(")?;
        while !self.is_op(")") {
            if !parameters.is_empty() {
                self.expect_op(",")?;
            }
            let name = self.expect_name()?;
            if is_constant(&name) {
                return fail(format!("cannot assign to {}", quoted(&name)));
            }
            let name = self.name(&name)?;
            if parameters.contains(&name) {
                return fail("two parameters have one name");
            }
            parameters.push(name);
            if self.skip_op("=") {
                defaults.push(self.expression(true)?);
            } else if !defaults.is_empty() {
                return fail("a parameter without default follows one with a default");
            }
        }
        self.expect_op(")")?;
        Ok((parameters, defaults))
    }

    fn block(&mut self) -> R<Stmt> {
        let name = self.expect_name()?;
        if self.blocks.contains(&name) {
            return fail(format!("block {} is defined twice", quoted(&name)));
        }
        self.blocks.push(name.clone());
        if self.is_word("scoped") || self.is_word("required") {
            return fail("blocks that are scoped or required are not known");
        }
        let frame = self.frame();
        let body = self.closure(|this| this.whole_body("endblock"))?;
        self.skip_word(&name);
        Ok(Stmt::Block { frame, body })
    }

    /// A tag that needs other templates: read, and refused when it is reached.
    fn elsewhere(&mut self, tag: &str) -> R<Stmt> {
        let template = self.expression(true)?;
        let mut names = Vec::new();
        while *self.peek() != Token::BlockEnd {
            match self.next() {
                Token::Name(name)
                    if !matches!(&*name, "as" | "import" | "with" | "without" | "context" | "ignore" | "missing") =>
                {
                    names.push(self.name(&name)?);
                }
                Token::Name(_) | Token::Op(",") => {}
                _ => {
                    self.at -= 1;
                    return self.unexpected("a name");
                }
            }
        }
        let tag = match tag {
            "include" => "include",
            "import" => "import",
            _ => "from",
        };
        Ok(Stmt::Elsewhere(tag, names, template))
    }

    /// What is assigned to: names, tuples of them, or attributes of namespaces.
    fn target(&mut self, end: Option<&str>, attributes: bool) -> R<Target> {
        let expr = self.tuple_of(|this| this.target_part(attributes), false, end)?;
        Ok(match expr {
            (mut parts, false) if parts.len() == 1 => parts.remove(0),
            (parts, _) => Target::Tuple(parts),
        })
    }

    fn target_part(&mut self, attributes: bool) -> R<Target> {
        match self.next() {
            Token::Name(name) if !is_constant(&name) => {
                let number = self.name(&name)?;
                if attributes && self.skip_op(".") {
                    return Ok(Target::Attribute(number, self.expect_name()?));
                }
                Ok(Target::Name(number))
            }
            Token::Op("(") => self.nested(|this| {
                // In brackets all expressions are read: only names and tuples of them can be assigned to.
                let (mut parts, tuple) = this.tuple_of(|this| this.target_part(false), true, None)?;
                this.expect_op(")")?;
                Ok(if tuple || parts.len() != 1 { Target::Tuple(parts) } else { parts.remove(0) })
            }),
            _ => {
                self.at -= 1;
                self.unexpected("a name to assign to")
            }
        }
    }
}

/// The names that a target sets.
pub(super) fn names_of(target: &Target) -> Vec<Name> {
    match target {
        Target::Name(name) => vec![*name],
        Target::Tuple(parts) => parts.iter().flat_map(names_of).collect(),
        Target::Attribute(..) => Vec::new(),
    }
}

pub(super) fn is_constant(name: &str) -> bool {
    matches!(name, "true" | "false" | "none" | "True" | "False" | "None")
}
