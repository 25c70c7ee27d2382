//! Calls: arguments, macros and chains of filters.
//!
//! Source: Jinja2's `compiler` and `runtime`, `Macro`. The non-obvious thing: a default is evaluated in the macro's own scope,
//! each time that it is needed.

use super::given::Given;
use super::run::Run;
use super::syntax::{Args, Expr, Name};
use super::value::{Macro, Value};
use super::{R, fail, filters};

impl<'p> Run<'p> {
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
