//! Runs a template's statements.
//!
//! Source: Jinja2's `compiler` and `runtime`. The non-obvious thing: scopes lie in one list and are dropped at the end of
//! a loop's round, unless a macro was defined meanwhile, which goes on seeing the scope that it was defined in.

use super::date::Time;
use super::given::Given;
use super::loops::Loop;
use super::syntax::{Expr, Load, Name, Node, Program, Stmt, Target};
use super::value::{Function, Macro, Map, Value};
use super::{Fault, R, fail};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Deepest nesting of what runs: statements, expressions and calls.
const DEEPEST: usize = 1200;

pub(super) struct Run<'p> {
    pub(super) program: &'p Program,
    context: &'p HashMap<Arc<str>, Value>,
    fuel: u64,
    pub(super) clock: fn() -> Time,
    pub(super) line: usize,
    depth: usize,
    pub(super) scopes: Vec<Scope>,
    /// Macros and bodies of calls made so far.
    pub(super) closures: usize,
    pub(super) objects: Vec<Object>,
}

pub(super) struct Scope {
    names: Vec<(Name, Option<Value>)>,
    parent: Option<usize>,
}

/// What changes while a template runs.
pub(super) enum Object {
    Iter(VecDeque<Value>),
    Namespace(Map),
    Loop(Box<Loop>),
    Cycler(Vec<Value>, usize),
    Joiner(Arc<str>, bool),
}

/// How a body went.
#[derive(PartialEq, Eq, Clone, Copy)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

/// Renders a program; `clock` is read each time that the template asks for it. An error comes with the line of the statement.
pub(crate) fn render(
    program: &Program,
    context: &HashMap<Arc<str>, Value>,
    fuel: u64,
    clock: fn() -> Time,
) -> Result<String, (usize, Fault)> {
    let (scopes, objects) = (Vec::new(), Vec::new());
    let mut run = Run { program, context, fuel, clock, line: 0, depth: 0, scopes, closures: 0, objects };
    let mut out = String::new();
    let done = run.enter(0, None).and_then(|scope| run.execute(&program.body, scope, &mut out));
    done.map(|_| out).map_err(|fault| (run.line, fault))
}

impl<'p> Run<'p> {
    /// Takes fuel for `steps` more steps.
    pub(super) fn pay(&mut self, steps: usize) -> R<()> {
        match self.fuel.checked_sub(steps as u64) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => Err(Fault::OutOfFuel),
        }
    }

    /// Takes fuel for work on so many bytes of text.
    pub(super) fn pay_text(&mut self, bytes: usize) -> R<()> {
        self.pay(1 + bytes / 64)
    }

    pub(super) fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> R<T>) -> R<T> {
        if self.depth >= DEEPEST {
            return fail(format!("calls and expressions nest deeper than {DEEPEST}"));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    pub(super) fn enter(&mut self, frame: usize, parent: Option<usize>) -> R<usize> {
        let program = self.program;
        let frame = &program.frames[frame];
        self.pay(1 + frame.len() / 4)?;
        let names = frame.iter().map(|&(name, load)| {
            let value = match load {
                Load::Resolve => self.resolve(name, parent.is_none()),
                Load::Alias => parent.and_then(|parent| self.find(name, parent).cloned().flatten()),
                Load::Parameter | Load::Undefined => None,
            };
            (name, value)
        });
        let names = names.collect();
        self.scopes.push(Scope { names, parent });
        Ok(self.scopes.len() - 1)
    }

    /// What is known to the whole template; blocks know what the template set before them.
    fn resolve(&self, name: Name, block: bool) -> Option<Value> {
        let set =
            self.scopes.first().filter(|_| block).and_then(|root| {
                root.names.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.clone())
            });
        let text = &self.program.names[name as usize];
        set.or_else(|| self.context.get(text).cloned()).or_else(|| {
            Some(Value::Function(match &**text {
                "range" => Function::Range,
                "dict" => Function::Dict,
                "namespace" => Function::Namespace,
                "cycler" => Function::Cycler,
                "joiner" => Function::Joiner,
                "lipsum" => Function::Lipsum,
                "raise_exception" => Function::RaiseException,
                "strftime_now" => Function::StrftimeNow,
                _ => return None,
            }))
        })
    }

    pub(super) fn find(&self, name: Name, scope: usize) -> Option<&Option<Value>> {
        let mut scope = Some(scope);
        while let Some(at) = scope {
            let here = &self.scopes[at];
            if let Some((_, value)) = here.names.iter().find(|(known, _)| *known == name) {
                return Some(value);
            }
            scope = here.parent;
        }
        None
    }

    pub(super) fn load(&self, name: Name, scope: usize) -> R<Value> {
        match self.find(name, scope) {
            Some(Some(value)) => Ok(value.clone()),
            Some(None) => Ok(Value::undefined(&self.program.names[name as usize])),
            None => fail(format!("the name '{}' is not known here", self.program.names[name as usize])),
        }
    }

    pub(super) fn store(&mut self, name: Name, value: Value, scope: usize) {
        let names = &mut self.scopes[scope].names;
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) => *place = Some(value),
            None => names.push((name, Some(value))),
        }
    }

    pub(super) fn assign(&mut self, target: &'p Target, value: Value, scope: usize) -> R<()> {
        match target {
            Target::Name(name) => self.store(*name, value, scope),
            Target::Tuple(parts) => {
                let items = self.items(&value)?;
                if items.len() != parts.len() {
                    return fail(format!("{} values cannot be put to {} names", items.len(), parts.len()));
                }
                for (part, item) in parts.iter().zip(items) {
                    self.assign(part, item, scope)?;
                }
            }
            Target::Attribute(name, attribute) => match self.load(*name, scope)? {
                Value::Namespace(id) => match &mut self.objects[id] {
                    Object::Namespace(map) => map.set(Value::Str(attribute.clone()), value)?,
                    _ => return fail("no namespace"),
                },
                _ => return fail("cannot assign attribute on non-namespace object"),
            },
        }
        Ok(())
    }

    pub(super) fn iterator(&mut self, items: Vec<Value>) -> R<Value> {
        self.pay(1 + items.len() / 4)?;
        self.objects.push(Object::Iter(items.into()));
        Ok(Value::Iter(self.objects.len() - 1))
    }

    pub(super) fn execute(&mut self, body: &'p [Node], scope: usize, out: &mut String) -> R<Flow> {
        for node in body {
            self.line = node.line;
            self.pay(1)?;
            let flow = self.deeper(|this| this.statement(node, scope, out))?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, value: &Value, out: &mut String) -> R<()> {
        match value.as_str() {
            Some(text) => {
                self.pay_text(text.len())?;
                out.push_str(text);
            }
            None => out.push_str(&self.string(value)?),
        }
        Ok(())
    }

    fn statement(&mut self, node: &'p Node, scope: usize, out: &mut String) -> R<Flow> {
        match &node.kind {
            Stmt::Text(text) => {
                self.pay_text(text.len())?;
                out.push_str(text);
            }
            Stmt::Print(expr) => {
                let value = self.evaluate(expr, scope)?;
                self.write(&value, out)?;
            }
            Stmt::Set(target, expr) => {
                let value = self.evaluate(expr, scope)?;
                self.assign(target, value, scope)?;
            }
            Stmt::If(branches, otherwise) => {
                for (test, body) in branches {
                    let test = self.evaluate(test, scope)?;
                    if self.truth(&test)? {
                        return self.execute(body, scope, out);
                    }
                }
                return self.execute(otherwise, scope, out);
            }
            Stmt::For(index) => {
                let over = self.evaluate(&self.program.loops[*index].over, scope)?;
                self.run_loop(*index, &over, scope, 0, out)?;
            }
            Stmt::Macro(index) => {
                let made = self.closure(*index, scope);
                if let Some(name) = self.program.macros[*index].name {
                    self.store(name, made, scope);
                }
            }
            Stmt::Break => return Ok(Flow::Break),
            Stmt::Continue => return Ok(Flow::Continue),
            Stmt::Elsewhere(tag, ..) => return fail(format!("'{tag}' needs another template, and there is none")),
            _ => return self.block_statement(node, scope, out),
        }
        Ok(Flow::Next)
    }

    /// Statements whose body is a scope or a text of its own.
    fn block_statement(&mut self, node: &'p Node, scope: usize, out: &mut String) -> R<Flow> {
        match &node.kind {
            Stmt::Call(index, call) => {
                let caller = self.closure(*index, scope);
                let Expr::Call(call) = call else {
                    return fail("a call is expected");
                };
                let callee = self.evaluate(&call.0, scope)?;
                let mut given = self.arguments(&call.1, scope)?;
                given.named.push(("caller".into(), caller));
                let value = self.call(&callee, given)?;
                self.write(&value, out)?;
            }
            Stmt::Generation(index) => {
                let body = self.closure(*index, scope);
                let value = self.call(&body, Given::default())?;
                self.write(&value, out)?;
            }
            Stmt::Filter { frame, body, filter } => {
                let inner = self.enter(*frame, Some(scope))?;
                let mut text = String::new();
                let flow = self.execute(body, inner, &mut text)?;
                if flow != Flow::Next {
                    return Ok(flow);
                }
                let value = self.filtered(filter, Some(text), inner)?;
                self.write(&value, out)?;
            }
            Stmt::SetBlock { frame, target, filter, body } => {
                let inner = self.enter(*frame, Some(scope))?;
                let mut text = String::new();
                let flow = self.execute(body, inner, &mut text)?;
                if flow != Flow::Next {
                    return Ok(flow);
                }
                let value = match filter {
                    Some(filter) => self.filtered(filter, Some(text), inner)?,
                    None => Value::str(text),
                };
                self.assign(target, value, scope)?;
            }
            Stmt::With { frame, values, body } => {
                let inner = self.enter(*frame, Some(scope))?;
                for (target, value) in values {
                    let value = self.evaluate(value, scope)?;
                    self.assign(target, value, inner)?;
                }
                return self.execute(body, inner, out);
            }
            Stmt::Autoescape { frame, on, body } => {
                let inner = self.enter(*frame, Some(scope))?;
                let on = self.evaluate(on, inner)?;
                if self.truth(&on)? {
                    return fail("escaping of all texts is not known");
                }
                return self.execute(body, inner, out);
            }
            Stmt::Block { frame, body } => {
                let inner = self.enter(*frame, None)?;
                return self.execute(body, inner, out);
            }
            _ => {}
        }
        Ok(Flow::Next)
    }

    fn closure(&mut self, index: usize, scope: usize) -> Value {
        self.closures += 1;
        Value::Macro(Arc::new(Macro { index, scope }))
    }
}
