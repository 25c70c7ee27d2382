//! The values of expressions, and what all values can be asked: whether they are true, what they hold, how long they are.

use super::given::{Given, int};
use super::run::{Object, Run};
use super::syntax::{Comparison, Expr};
use super::value::{Function, Map, Range, Value, View, equal};
use super::{Fault, R, checks, fail, filters, operators, strings};
use std::cmp::Ordering;
use std::sync::Arc;

/// Most elements of a range, as in Jinja2's sandbox.
const LONGEST_RANGE: usize = 100_000;

impl<'p> Run<'p> {
    pub(super) fn evaluate(&mut self, expr: &'p Expr, scope: usize) -> R<Value> {
        self.pay(1)?;
        match expr {
            Expr::Const(value) => Ok(value.clone()),
            Expr::Name(name) => self.load(*name, scope),
            other => self.deeper(|this| this.compound(other, scope)),
        }
    }

    fn all(&mut self, exprs: &'p [Expr], scope: usize) -> R<Vec<Value>> {
        self.pay(exprs.len())?;
        exprs.iter().map(|expr| self.evaluate(expr, scope)).collect()
    }

    fn compound(&mut self, expr: &'p Expr, scope: usize) -> R<Value> {
        match expr {
            Expr::Tuple(items) => Value::tuple(self.all(items, scope)?),
            Expr::List(items) => Value::list(self.all(items, scope)?),
            Expr::Dict(pairs) => {
                let mut map = Map::default();
                for (key, value) in pairs {
                    let key = self.evaluate(key, scope)?;
                    map.set(key, self.evaluate(value, scope)?)?;
                }
                self.pay(2 * pairs.len())?;
                Ok(Value::Dict(Arc::new(map)))
            }
            Expr::If(parts) => {
                let test = self.evaluate(&parts.0, scope)?;
                match (self.truth(&test)?, &parts.2) {
                    (true, _) => self.evaluate(&parts.1, scope),
                    (false, Some(otherwise)) => self.evaluate(otherwise, scope),
                    (false, None) => Ok(Value::Undefined(Some("the value of an 'if' without 'else'".into()))),
                }
            }
            Expr::Or(pair) | Expr::And(pair) => {
                let left = self.evaluate(&pair.0, scope)?;
                let decided = self.truth(&left)? == matches!(expr, Expr::Or(_));
                if decided { Ok(left) } else { self.evaluate(&pair.1, scope) }
            }
            Expr::Not(inner) => {
                let value = self.evaluate(inner, scope)?;
                Ok(Value::Bool(!self.truth(&value)?))
            }
            Expr::Compare(first, rest) => self.compare(first, rest, scope),
            Expr::Binary(op, pair) => {
                let (left, right) = (self.evaluate(&pair.0, scope)?, self.evaluate(&pair.1, scope)?);
                self.binary(*op, &left, &right)
            }
            Expr::Concat(parts) => {
                let mut out = String::new();
                for part in parts {
                    let value = self.evaluate(part, scope)?;
                    let text = self.string(&value)?;
                    self.pay_text(text.len())?;
                    out.push_str(&text);
                }
                Ok(Value::str(out))
            }
            Expr::Negate(inner) | Expr::Plus(inner) => {
                let value = self.evaluate(inner, scope)?;
                operators::signed(&value, matches!(expr, Expr::Negate(_)))
            }
            Expr::Attribute(of, name) => {
                let value = self.evaluate(of, scope)?;
                self.attribute(&value, name)
            }
            Expr::Item(pair) => self.subscript(pair, scope),
            Expr::Call(call) => {
                let callee = self.evaluate(&call.0, scope)?;
                let given = self.arguments(&call.1, scope)?;
                self.call(&callee, given)
            }
            Expr::Filter(..) => self.filtered(expr, None, scope),
            Expr::Test(of, name, args) => {
                let value = self.evaluate(of, scope)?;
                let given = self.arguments(args, scope)?;
                checks::holds(self, name, &value, given).map(Value::Bool)
            }
            Expr::Slice(_) => fail("a slice stands in no subscript, or in one of several"),
            Expr::Const(_) | Expr::Name(_) => self.evaluate(expr, scope),
        }
    }

    fn subscript(&mut self, pair: &'p (Expr, Expr), scope: usize) -> R<Value> {
        let value = self.evaluate(&pair.0, scope)?;
        if let Expr::Slice(parts) = &pair.1 {
            let mut bounds = [Value::None, Value::None, Value::None];
            for (bound, part) in bounds.iter_mut().zip(parts.iter()) {
                if let Some(part) = part {
                    *bound = self.evaluate(part, scope)?;
                }
            }
            return self.slice(&value, &bounds);
        }
        let key = self.evaluate(&pair.1, scope)?;
        self.item(&value, &key)
    }

    fn compare(&mut self, first: &'p Expr, rest: &'p [(Comparison, Expr)], scope: usize) -> R<Value> {
        let mut left = self.evaluate(first, scope)?;
        for (comparison, expr) in rest {
            let right = self.evaluate(expr, scope)?;
            if !self.compared(*comparison, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    pub(super) fn compared(&mut self, comparison: Comparison, left: &Value, right: &Value) -> R<bool> {
        self.pay_for(left)?;
        Ok(match comparison {
            Comparison::Equal => equal(left, right)?,
            Comparison::Unequal => !equal(left, right)?,
            Comparison::In => self.contains(right, left)?,
            Comparison::NotIn => !self.contains(right, left)?,
            Comparison::Less => operators::order(left, right)? == Some(Ordering::Less),
            Comparison::Greater => operators::order(left, right)? == Some(Ordering::Greater),
            Comparison::LessEqual => operators::order(left, right)?.is_some_and(Ordering::is_le),
            Comparison::GreaterEqual => operators::order(left, right)?.is_some_and(Ordering::is_ge),
        })
    }

    /// Takes fuel for a pass over what a value holds.
    pub(super) fn pay_for(&mut self, value: &Value) -> R<()> {
        match value {
            Value::Str(text) | Value::Markup(text) => self.pay_text(text.len()),
            Value::List(seq) | Value::Tuple(seq) => {
                self.pay(1)?;
                seq.items.iter().try_for_each(|item| self.pay_for(item))
            }
            Value::Dict(map) => {
                self.pay(1)?;
                map.entries.iter().try_for_each(|(_, item)| self.pay_for(item))
            }
            _ => self.pay(1),
        }
    }

    pub(super) fn contains(&mut self, whole: &Value, part: &Value) -> R<bool> {
        match whole {
            Value::Str(text) | Value::Markup(text) => match part.as_str() {
                Some(part) => {
                    self.pay_text(text.len())?;
                    Ok(text.contains(part))
                }
                None => fail(format!("'in' a text asks for a text, not {}", part.type_name())),
            },
            Value::Dict(map) | Value::View(View::Keys, map) => Ok(map.get(part)?.is_some()),
            Value::Range(range) if part.as_int().is_some() => {
                let n = part.as_int().unwrap_or_default();
                let (low, high) =
                    if range.step > 0 { (range.start, range.stop) } else { (range.stop + 1, range.start + 1) };
                Ok(low <= n && n < high && (n - range.start) % range.step == 0)
            }
            Value::Undefined(_) | Value::List(_) | Value::Tuple(_) | Value::Range(_) | Value::View(..) => {
                for item in self.items(whole)? {
                    self.pay_for(&item)?;
                    if equal(&item, part)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Iter(id) => {
                while let Some(item) = self.take_one(*id) {
                    self.pay_for(&item)?;
                    if equal(&item, part)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            other => other.refused(|kind| format!("argument of type '{kind}' is not iterable")),
        }
    }

    pub(super) fn truth(&mut self, value: &Value) -> R<bool> {
        Ok(match value {
            Value::Undefined(_) | Value::None => false,
            Value::Bool(b) => *b,
            Value::Int(n) => *n != 0,
            Value::Float(x) => *x != 0.0,
            Value::Loop(id) => self.length_of(*id)? > 0,
            other => self.length_if_known(other)? != Some(0),
        })
    }

    /// The number of elements where a value has one.
    pub(super) fn length_if_known(&mut self, value: &Value) -> R<Option<usize>> {
        Ok(Some(match value {
            Value::Undefined(_) => 0,
            Value::Str(text) | Value::Markup(text) => {
                self.pay_text(text.len())?;
                text.chars().count()
            }
            Value::List(seq) | Value::Tuple(seq) => seq.items.len(),
            Value::Dict(map) | Value::View(_, map) => map.entries.len(),
            Value::Range(range) => range.len(),
            Value::Loop(id) => self.length_of(*id)?,
            _ => return Ok(None),
        }))
    }

    pub(super) fn is_iterable(value: &Value) -> bool {
        let sequence = matches!(value, Value::Str(_) | Value::Markup(_) | Value::List(_) | Value::Tuple(_));
        let dict = matches!(value, Value::Dict(_) | Value::View(..));
        sequence || dict || matches!(value, Value::Undefined(_) | Value::Range(_) | Value::Iter(_) | Value::Loop(_))
    }

    /// What a value holds, as a loop goes through it; what gives its elements once is empty afterwards.
    pub(super) fn items(&mut self, value: &Value) -> R<Vec<Value>> {
        let items: Vec<Value> = match value {
            Value::Undefined(_) => Vec::new(),
            Value::Str(text) | Value::Markup(text) => {
                // A value for each character.
                self.pay(text.len())?;
                text.chars().map(|c| Value::str(c.to_string())).collect()
            }
            Value::List(seq) | Value::Tuple(seq) => seq.items.clone(),
            Value::Dict(map) | Value::View(View::Keys, map) => map.entries.iter().map(|(key, _)| key.clone()).collect(),
            Value::View(View::Values, map) => map.entries.iter().map(|(_, value)| value.clone()).collect(),
            Value::View(View::Items, map) => {
                let pair = |(key, value): &(Value, Value)| Value::tuple(vec![key.clone(), value.clone()]);
                map.entries.iter().map(pair).collect::<R<_>>()?
            }
            Value::Range(range) => {
                self.pay(range.len())?;
                (0..range.len()).map(|at| range.at(at)).collect()
            }
            Value::Iter(id) => match &mut self.objects[*id] {
                Object::Iter(items) => std::mem::take(items).into(),
                _ => Vec::new(),
            },
            Value::Loop(_) => return fail("a loop cannot be gone through by another"),
            other => return other.refused(|kind| format!("'{kind}' object is not iterable")),
        };
        self.pay(items.len() / 4)?;
        Ok(items)
    }

    pub(super) fn call(&mut self, callee: &Value, given: Given) -> R<Value> {
        self.pay(1)?;
        match callee {
            Value::Macro(called) => {
                let called = called.clone();
                self.call_macro(&called, given)
            }
            Value::Function(function) => self.call_function(*function, given),
            Value::Method(of) => match &of.0 {
                text @ (Value::Str(_) | Value::Markup(_)) => strings::call(self, text, &of.1, given),
                other => self.call_method(other, &of.1, given),
            },
            Value::Loop(id) => {
                let [over] = given.bind("loop", ["iterable"], 1)?;
                self.recurse(*id, &over.unwrap_or(Value::None))
            }
            Value::Joiner(id) => {
                given.none("joiner")?;
                match &mut self.objects[*id] {
                    Object::Joiner(separator, used) if *used => Ok(Value::Str(separator.clone())),
                    Object::Joiner(_, used) => {
                        *used = true;
                        Ok(Value::str(""))
                    }
                    _ => fail("no joiner"),
                }
            }
            other => other.refused(|kind| format!("'{kind}' object is not callable")),
        }
    }

    fn call_function(&mut self, function: Function, given: Given) -> R<Value> {
        match function {
            Function::Range => range(given),
            Function::Dict => Ok(Value::Dict(Arc::new(self.dictionary(given)?))),
            Function::Namespace => {
                let map = self.dictionary(given)?;
                self.objects.push(Object::Namespace(map));
                Ok(Value::Namespace(self.objects.len() - 1))
            }
            Function::Cycler => {
                if given.args.is_empty() || !given.named.is_empty() {
                    return fail("a cycler needs at least one item");
                }
                self.objects.push(Object::Cycler(given.args, 0));
                Ok(Value::Cycler(self.objects.len() - 1))
            }
            Function::Joiner => {
                let [separator] = given.bind("joiner", ["sep"], 0)?;
                let separator = match separator {
                    Some(Value::Str(text)) => text,
                    Some(other) => return other.refused(|kind| format!("joiner takes a text, not {kind}")),
                    None => ", ".into(),
                };
                self.objects.push(Object::Joiner(separator, false));
                Ok(Value::Joiner(self.objects.len() - 1))
            }
            Function::Lipsum => fail("lipsum, which is random, is not known"),
            Function::RaiseException => {
                let [message] = given.bind("raise_exception", ["message"], 1)?;
                let message = self.string(&message.unwrap_or(Value::None))?.into_owned();
                Err(Fault::Raised(message))
            }
            Function::StrftimeNow => {
                let [format] = given.bind("strftime_now", ["format"], 1)?;
                let format = format.unwrap_or(Value::None);
                let format = super::given::text(&format, "strftime_now")?;
                // A width of 1000 takes six bytes.
                self.pay_text(170 * format.len())?;
                super::date::formatted(format, &(self.clock)()).map(Value::str)
            }
        }
    }

    /// The arguments of `dict` and `namespace`.
    fn dictionary(&mut self, given: Given) -> R<Map> {
        let mut map = Map::default();
        if given.args.len() > 1 {
            return fail("a dictionary is made of one value and of names");
        }
        match given.args.first() {
            None => {}
            Some(Value::Dict(of)) => {
                for (key, value) in &of.entries {
                    map.set(key.clone(), value.clone())?;
                }
            }
            Some(pairs) => {
                for pair in self.items(pairs)? {
                    let Ok([key, value]) = <[Value; 2]>::try_from(self.items(&pair)?) else {
                        return fail("a dictionary is made of pairs");
                    };
                    map.set(key, value)?;
                }
            }
        }
        for (key, value) in given.named {
            map.set(Value::Str(key), value)?;
        }
        self.pay(2 * map.entries.len())?;
        Ok(map)
    }

    /// Applies a filter that is named by a value.
    pub(super) fn filter_named(&mut self, name: &Value, value: &Value, given: Given) -> R<Value> {
        match name.as_str() {
            Some(name) => filters::apply(self, name, value, given),
            None => fail("a filter's name is a text"),
        }
    }
}

fn range(given: Given) -> R<Value> {
    if given.args.is_empty() || given.args.len() > 3 || !given.named.is_empty() {
        return fail("range takes one to three whole numbers");
    }
    let numbers: Vec<i128> = given.args.iter().map(|arg| int(arg, "range")).collect::<R<_>>()?;
    let (start, stop, step) = match numbers[..] {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] => (start, stop, step),
        _ => return fail("range takes one to three whole numbers"),
    };
    if step == 0 {
        return fail("range() arg 3 must not be zero");
    }
    const MOST: i128 = 1 << 64;
    if [start, stop, step].iter().any(|n| n.abs() > MOST) {
        return fail("a range has numbers over 64 bits");
    }
    let range = Range { start, stop, step };
    if range.len() > LONGEST_RANGE {
        return fail(format!("a range of {} numbers is over the limit of {LONGEST_RANGE}", range.len()));
    }
    Ok(Value::Range(range))
}
