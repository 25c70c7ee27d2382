//! Runs a template's statements.
//!
//! Source: Jinja2's `compiler` and `runtime`. The non-obvious thing: scopes lie in one list and are dropped at the end of
//! a loop's round, unless a macro was defined meanwhile, which goes on seeing the scope that it was defined in.

use super::date::Time;
use super::given::Given;
use super::syntax::{Args, Expr, For, Load, Name, Node, Program, Stmt, Target};
use super::value::{Function, Macro, Map, Value};
use super::{Fault, R, fail, filters};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Deepest nesting of what runs: statements, expressions and calls.
const DEEPEST: usize = 1200;

pub(super) struct Run<'p> {
    pub(super) program: &'p Program,
    context: &'p HashMap<Arc<str>, Value>,
    fuel: u64,
    pub(super) clock: fn() -> Time,
    line: usize,
    depth: usize,
    scopes: Vec<Scope>,
    /// Macros and bodies of calls made so far.
    closures: usize,
    pub(super) objects: Vec<Object>,
}

struct Scope {
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

/// A loop that runs.
pub(super) struct Loop {
    index: usize,
    scope: usize,
    source: Source,
    /// Whether the loop's condition is still to be asked.
    tested: bool,
    pub(super) depth0: usize,
    /// Rounds begun.
    pub(super) round: usize,
    pub(super) before: Option<Value>,
    current: Option<Value>,
    after: Option<Value>,
    pub(super) length: Option<usize>,
    pub(super) changed: Option<Vec<Value>>,
}

enum Source {
    Items(std::vec::IntoIter<Value>),
    Iter(usize),
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Flow {
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

    fn enter(&mut self, frame: usize, parent: Option<usize>) -> R<usize> {
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

    fn find(&self, name: Name, scope: usize) -> Option<&Option<Value>> {
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

    fn store(&mut self, name: Name, value: Value, scope: usize) {
        let names = &mut self.scopes[scope].names;
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) => *place = Some(value),
            None => names.push((name, Some(value))),
        }
    }

    fn assign(&mut self, target: &'p Target, value: Value, scope: usize) -> R<()> {
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

    fn execute(&mut self, body: &'p [Node], scope: usize, out: &mut String) -> R<Flow> {
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

    fn run_loop(&mut self, index: usize, over: &Value, scope: usize, depth0: usize, out: &mut String) -> R<()> {
        let program = self.program;
        let it: &'p For = &program.loops[index];
        let length = if it.test.is_none() { self.length_if_known(over)? } else { None };
        let source = match over {
            Value::Iter(id) => Source::Iter(*id),
            over => Source::Items(self.items(over)?.into_iter()),
        };
        let tested = it.test.is_some();
        let (before, current, after, changed) = (None, None, None, None);
        let state = Loop { index, scope, source, tested, depth0, round: 0, before, current, after, length, changed };
        let id = self.objects.len();
        self.objects.push(Object::Loop(Box::new(state)));
        let mut went_through = false;
        while let Some(item) = self.next_of(id)? {
            let state = self.loop_state(id)?;
            state.round += 1;
            state.before = state.current.replace(item.clone());
            let (mark, closures) = (self.scopes.len(), self.closures);
            let inner = self.enter(it.body_frame, Some(scope))?;
            self.store(it.name, Value::Loop(id), inner);
            self.assign(&it.target, item, inner)?;
            let flow = self.execute(&it.body, inner, out)?;
            if self.closures == closures {
                self.scopes.truncate(mark);
            }
            match flow {
                Flow::Break => break,
                Flow::Continue => {}
                // As in Jinja2 a round that ends early does not count for 'else'.
                Flow::Next => went_through = true,
            }
        }
        if !went_through && !it.otherwise.is_empty() {
            let inner = self.enter(it.else_frame, Some(scope))?;
            if self.execute(&it.otherwise, inner, out)? != Flow::Next {
                return fail("'break' or 'continue' in the 'else' of a loop is not known");
            }
        }
        Ok(())
    }

    /// `loop(...)` of a recursive loop: its text for other elements.
    pub(super) fn recurse(&mut self, id: usize, over: &Value) -> R<Value> {
        let state = self.loop_state(id)?;
        let (index, scope, depth0) = (state.index, state.scope, state.depth0 + 1);
        if !self.program.loops[index].recursive {
            return fail("only a loop marked as 'recursive' can be called");
        }
        let mut out = String::new();
        self.deeper(|this| this.run_loop(index, over, scope, depth0, &mut out))?;
        Ok(Value::str(out))
    }

    pub(super) fn loop_state(&mut self, id: usize) -> R<&mut Loop> {
        match &mut self.objects[id] {
            Object::Loop(state) => Ok(state),
            _ => fail("no loop"),
        }
    }

    fn next_of(&mut self, id: usize) -> R<Option<Value>> {
        match self.loop_state(id)?.after.take() {
            Some(after) => Ok(Some(after)),
            None => self.pull(id),
        }
    }

    /// The element after the current one, which stays the next.
    pub(super) fn peek_of(&mut self, id: usize) -> R<Option<Value>> {
        if self.loop_state(id)?.after.is_none() {
            let after = self.pull(id)?;
            self.loop_state(id)?.after = after;
        }
        Ok(self.loop_state(id)?.after.clone())
    }

    /// Takes the next element that the loop's condition lets through.
    fn pull(&mut self, id: usize) -> R<Option<Value>> {
        loop {
            self.pay(1)?;
            let state = self.loop_state(id)?;
            let (index, scope, tested) = (state.index, state.scope, state.tested);
            let item = match &mut state.source {
                Source::Items(items) => items.next(),
                Source::Iter(iter) => {
                    let iter = *iter;
                    self.take_one(iter)
                }
            };
            let Some(item) = item else {
                return Ok(None);
            };
            let it: &'p For = &self.program.loops[index];
            let Some(test) = it.test.as_ref().filter(|_| tested) else {
                return Ok(Some(item));
            };
            let inner = self.enter(it.test_frame, Some(scope))?;
            self.assign(&it.target, item.clone(), inner)?;
            let held = self.evaluate(test, inner)?;
            if self.truth(&held)? {
                return Ok(Some(item));
            }
        }
    }

    pub(super) fn take_one(&mut self, iter: usize) -> Option<Value> {
        match &mut self.objects[iter] {
            Object::Iter(items) => items.pop_front(),
            _ => None,
        }
    }

    /// Number of a loop's rounds; where nothing tells it, all elements are fetched.
    pub(super) fn length_of(&mut self, id: usize) -> R<usize> {
        if let Some(length) = self.loop_state(id)?.length {
            return Ok(length);
        }
        let mut rest = Vec::new();
        while let Some(item) = self.pull(id)? {
            rest.push(item);
        }
        let state = self.loop_state(id)?;
        let length = rest.len() + state.round + usize::from(state.after.is_some());
        state.source = Source::Items(rest.into_iter());
        state.tested = false;
        state.length = Some(length);
        Ok(length)
    }

    /// Calls a macro.
    pub(super) fn call_macro(&mut self, called: &Macro, given: Given) -> R<Value> {
        let program = self.program;
        let it = &program.macros[called.index];
        let shown = || it.name.map_or("a body of a call", |name| &*program.names[name as usize]);
        let Given { args, mut named } = given;
        let inner = self.enter(it.frame, Some(called.scope))?;
        let mut take = |name: Name| {
            let at = named.iter().position(|(known, _)| **known == *program.names[name as usize])?;
            Some(named.remove(at).1)
        };
        for (at, &name) in it.parameters.iter().enumerate() {
            let value = args.get(at).cloned().or_else(|| take(name));
            if let Some(value) = value {
                self.store(name, value, inner);
            }
        }
        if let Some(name) = it.caller {
            let caller = take(name).filter(|caller| !matches!(caller, Value::None));
            self.store(name, caller.unwrap_or(Value::Undefined(Some("caller".into()))), inner);
        }
        if let Some(name) = it.kwargs {
            let map = Value::dict(std::mem::take(&mut named))?;
            self.store(name, map, inner);
        }
        if let Some((name, _)) = named.first() {
            return fail(format!("macro {} has no argument '{name}'", shown()));
        }
        let more: Vec<Value> = args.iter().skip(it.parameters.len()).cloned().collect();
        if let Some(name) = it.varargs {
            self.store(name, Value::tuple(more)?, inner);
        } else if !more.is_empty() {
            return fail(format!(
                "macro {} takes {} arguments, {} are given",
                shown(),
                it.parameters.len(),
                args.len()
            ));
        }
        let required = it.parameters.len() - it.defaults.len();
        for (at, &name) in it.parameters.iter().enumerate() {
            let missing = matches!(self.find(name, inner), Some(None));
            if let Some(default) = it.defaults.get(at.wrapping_sub(required)).filter(|_| missing && at >= required) {
                let value = self.evaluate(default, inner)?;
                self.store(name, value, inner);
            }
        }
        let mut out = String::new();
        let line = self.line;
        self.deeper(|this| this.execute(&it.body, inner, &mut out))?;
        self.line = line;
        Ok(Value::str(out))
    }

    pub(super) fn arguments(&mut self, args: &'p Args, scope: usize) -> R<Given> {
        let mut given = Given::default();
        for expr in &args.positional {
            given.args.push(self.evaluate(expr, scope)?);
        }
        for (name, expr) in &args.named {
            given.named.push((name.clone(), self.evaluate(expr, scope)?));
        }
        if let Some(star) = &args.star {
            let star = self.evaluate(star, scope)?;
            given.args.extend(self.items(&star)?);
        }
        if let Some(stars) = &args.stars {
            let Value::Dict(map) = self.evaluate(stars, scope)? else {
                return fail("what stands after ** is no dictionary");
            };
            for (key, value) in &map.entries {
                let Value::Str(key) = key else {
                    return fail("names of arguments are texts");
                };
                if given.named.iter().any(|(known, _)| known == key) {
                    return fail(format!("the argument '{key}' is given twice"));
                }
                given.named.push((key.clone(), value.clone()));
            }
        }
        self.pay(given.args.len() + given.named.len())?;
        Ok(given)
    }

    /// A chain of filters; `text` is what a block gives to the first.
    pub(super) fn filtered(&mut self, filter: &'p Expr, text: Option<String>, scope: usize) -> R<Value> {
        let Expr::Filter(of, name, args) = filter else {
            return self.evaluate(filter, scope);
        };
        let value = match of {
            Some(of) => self.deeper(|this| this.filtered(of, text, scope))?,
            None => Value::str(text.unwrap_or_default()),
        };
        let given = self.arguments(args, scope)?;
        filters::apply(self, name, &value, given)
    }
}
