//! Attributes and elements of values, and the methods of all but texts.
//!
//! Source: Jinja2's `sandbox`. The non-obvious thing: `a.b` asks for a method before an element and `a['b']` the other
//! way round, so `tool.items` is a method whatever the dictionary holds. Methods that would change a value are undefined.

use super::given::Given;
use super::run::{Object, Run};
use super::value::{Range, Value, View, equal};
use super::{R, fail, strings};
use std::sync::Arc;

const OF_DICTIONARIES: [&str; 4] = ["get", "items", "keys", "values"];
const OF_SEQUENCES: [&str; 2] = ["count", "index"];
/// What changes its value, which the sandbox forbids.
const CHANGING: [&str; 13] = [
    "append",
    "clear",
    "pop",
    "reverse",
    "insert",
    "sort",
    "extend",
    "remove",
    "popitem",
    "setdefault",
    "update",
    "",
    "",
];
/// Attributes that Python's values have and that are not known here.
const UNKNOWN: [&str; 14] = [
    "fromkeys",
    "copy",
    "mapping",
    "isdisjoint",
    "as_integer_ratio",
    "bit_count",
    "conjugate",
    "from_bytes",
    "fromhex",
    "hex",
    "to_bytes",
    "is_integer",
    "send",
    "throw",
];

impl Run<'_> {
    /// `value.name`.
    pub(super) fn attribute(&mut self, value: &Value, name: &str) -> R<Value> {
        if let Some(fault) = value.misused() {
            return Err(fault);
        }
        if let Some(found) = self.own(value, name)? {
            return Ok(found);
        }
        self.element(value, &Value::str(name)).map(|found| found.unwrap_or_else(|| Value::undefined(name)))
    }

    /// `value[key]`.
    pub(super) fn item(&mut self, value: &Value, key: &Value) -> R<Value> {
        if let Some(fault) = value.misused() {
            return Err(fault);
        }
        if let Some(found) = self.element(value, key)? {
            return Ok(found);
        }
        let own = match key.as_str() {
            Some(name) => self.own(value, name)?,
            None => None,
        };
        Ok(match (own, key.as_str()) {
            (Some(own), _) => own,
            (None, Some(name)) => Value::undefined(name),
            (None, None) => Value::Undefined(Some("an element".into())),
        })
    }

    /// What a value holds under a key, if it does.
    fn element(&mut self, value: &Value, key: &Value) -> R<Option<Value>> {
        Ok(match value {
            Value::Dict(map) => match key {
                Value::List(_) | Value::Dict(_) => None,
                key => map.get(key)?.cloned(),
            },
            Value::List(seq) | Value::Tuple(seq) => {
                key.as_int().and_then(|at| place(at, seq.items.len())).map(|at| seq.items[at].clone())
            }
            Value::Str(text) | Value::Markup(text) => match key.as_int() {
                Some(at) => {
                    self.pay_text(text.len())?;
                    let length = text.chars().count();
                    place(at, length).and_then(|at| text.chars().nth(at)).map(|c| value.alike(c.to_string()))
                }
                None => None,
            },
            Value::Range(range) => key.as_int().and_then(|at| place(at, range.len())).map(|at| range.at(at)),
            _ => None,
        })
    }

    /// A method or attribute that the value's type gives it.
    fn own(&mut self, value: &Value, name: &str) -> R<Option<Value>> {
        // Namespaces have nothing but what was put into them.
        if let Value::Namespace(id) = value {
            let Object::Namespace(map) = &self.objects[*id] else {
                return fail("no namespace");
            };
            return Ok(map.get_text(name).cloned());
        }
        if name.starts_with("__") {
            let unsafe_name =
                format!("the attribute '{}', which is unsafe,", name.chars().take(40).collect::<String>());
            // Every value has some of these; all of them are undefined.
            let held = matches!(value, Value::Dict(map) if map.get_text(name).is_some());
            return Ok((!held).then(|| Value::undefined(&unsafe_name)));
        }
        let method = || Value::Method(Arc::new((value.clone(), name.into())));
        let found = match value {
            Value::Str(_) | Value::Markup(_) => strings::knows(name).then(method),
            Value::Dict(_) if OF_DICTIONARIES.contains(&name) => Some(method()),
            Value::List(_) | Value::Tuple(_) | Value::Range(_) if OF_SEQUENCES.contains(&name) => Some(method()),
            Value::Tuple(seq) if seq.group && name == "grouper" => seq.items.first().cloned(),
            Value::Tuple(seq) if seq.group && name == "list" => seq.items.get(1).cloned(),
            Value::Range(range) => match name {
                "start" => Some(Value::Int(range.start)),
                "stop" => Some(Value::Int(range.stop)),
                "step" => Some(Value::Int(range.step)),
                _ => None,
            },
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => number(value, name),
            Value::Loop(id) => return self.of_loop(*id, name, method()),
            Value::Cycler(id) => match (&self.objects[*id], name) {
                (Object::Cycler(..), "next" | "reset") => Some(method()),
                (Object::Cycler(items, at), "current") => items.get(*at).cloned(),
                (Object::Cycler(_, at), "pos") => Some(Value::from(*at)),
                (Object::Cycler(items, _), "items") => Some(Value::tuple(items.clone())?),
                _ => None,
            },
            Value::Joiner(id) => match (&self.objects[*id], name) {
                (Object::Joiner(separator, _), "sep") => Some(Value::Str(separator.clone())),
                (Object::Joiner(_, used), "used") => Some(Value::Bool(*used)),
                _ => None,
            },
            Value::Macro(it) => {
                let it = &self.program.macros[it.index];
                let text = |name: u32| Value::Str(self.program.names[name as usize].clone());
                match name {
                    "name" => Some(it.name.map_or(Value::None, text)),
                    "arguments" => Some(Value::tuple(it.parameters.iter().map(|&name| text(name)).collect())?),
                    "caller" => Some(Value::Bool(it.caller.is_some())),
                    "catch_kwargs" => Some(Value::Bool(it.kwargs.is_some())),
                    "catch_varargs" => Some(Value::Bool(it.varargs.is_some())),
                    _ => None,
                }
            }
            _ => None,
        };
        if found.is_some() {
            return Ok(found);
        }
        match value {
            Value::List(_) | Value::Dict(_) if CHANGING.contains(&name) && !name.is_empty() => {
                let of_list = !matches!(name, "popitem" | "setdefault" | "update");
                let of_dict = matches!(name, "clear" | "pop" | "popitem" | "setdefault" | "update");
                let held = if matches!(value, Value::List(_)) { of_list } else { of_dict };
                Ok(held.then(|| Value::undefined(&format!("{name}, which would change a value,"))))
            }
            Value::None | Value::Str(_) | Value::Markup(_) | Value::Tuple(_) | Value::Range(_) | Value::Macro(_) => {
                Ok(None)
            }
            Value::List(_) | Value::Dict(_) if !matches!(name, "copy" | "fromkeys") => Ok(None),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) if matches!(name, "send" | "throw" | "copy") => Ok(None),
            other if UNKNOWN.contains(&name) => {
                fail(format!("the attribute '{name}' of {} is not known", other.type_name()))
            }
            Value::Method(_) | Value::Function(_) => {
                fail(format!("attributes of a {} are not known", value.type_name()))
            }
            _ => Ok(None),
        }
    }

    fn of_loop(&mut self, id: usize, name: &str, method: Value) -> R<Option<Value>> {
        let state = self.loop_state(id)?;
        let (round, depth0) = (state.round, state.depth0);
        Ok(Some(match name {
            "index" => Value::from(round),
            "index0" => Value::Int(round as i128 - 1),
            "first" => Value::Bool(round == 1),
            "last" => Value::Bool(self.peek_of(id)?.is_none()),
            "length" => Value::from(self.length_of(id)?),
            "revindex" => Value::Int(self.length_of(id)? as i128 - round as i128 + 1),
            "revindex0" => Value::Int(self.length_of(id)? as i128 - round as i128),
            "depth" => Value::from(depth0 + 1),
            "depth0" => Value::from(depth0),
            "previtem" => {
                let before = self.loop_state(id)?.before.clone();
                before.unwrap_or_else(|| Value::undefined("loop.previtem"))
            }
            "nextitem" => self.peek_of(id)?.unwrap_or_else(|| Value::undefined("loop.nextitem")),
            "cycle" | "changed" => method,
            _ => return Ok(None),
        }))
    }

    /// Calls a method of a value that is no text.
    pub(super) fn call_method(&mut self, value: &Value, name: &str, given: Given) -> R<Value> {
        match (value, name) {
            (Value::Dict(map), "get") => {
                if !given.named.is_empty() {
                    return fail("dict.get takes no names of arguments");
                }
                let [key, default] = given.bind("dict.get", ["key", "default"], 1)?;
                let found = map.get(&key.unwrap_or(Value::None))?.cloned();
                Ok(found.or(default).unwrap_or(Value::None))
            }
            (Value::Dict(map), "items" | "keys" | "values") => {
                given.none(name)?;
                let view = match name {
                    "items" => View::Items,
                    "keys" => View::Keys,
                    _ => View::Values,
                };
                Ok(Value::View(view, map.clone()))
            }
            (Value::Loop(id), "cycle") => {
                let round = self.loop_state(*id)?.round.saturating_sub(1);
                if given.args.is_empty() || !given.named.is_empty() {
                    return fail("no items for cycling given");
                }
                Ok(given.args[round % given.args.len()].clone())
            }
            (Value::Loop(id), "changed") => {
                let before = self.loop_state(*id)?.changed.replace(given.args.clone());
                let same = match before {
                    Some(before) => equal(&Value::tuple(before)?, &Value::tuple(given.args)?)?,
                    None => false,
                };
                Ok(Value::Bool(!same))
            }
            (Value::Cycler(id), _) => {
                given.none(name)?;
                match &mut self.objects[*id] {
                    Object::Cycler(_, at) if name == "reset" => {
                        *at = 0;
                        Ok(Value::None)
                    }
                    Object::Cycler(items, at) => {
                        let item = items[*at].clone();
                        *at = (*at + 1) % items.len();
                        Ok(item)
                    }
                    _ => fail("no cycler"),
                }
            }
            (Value::Int(n), "bit_length") => {
                given.none(name)?;
                Ok(Value::from((128 - n.unsigned_abs().leading_zeros()) as usize))
            }
            (_, "count" | "index") => {
                let [of] = given.bind(name, [""], 1)?;
                let of = of.unwrap_or(Value::None);
                let mut count = 0;
                for (at, item) in self.items(value)?.iter().enumerate() {
                    self.pay_for(item)?;
                    if equal(item, &of)? {
                        if name == "index" {
                            return Ok(Value::from(at));
                        }
                        count += 1;
                    }
                }
                if name == "index" { fail("the value is not in the list") } else { Ok(Value::from(count as usize)) }
            }
            (other, name) => fail(format!("the method '{name}' of {} is not known", other.type_name())),
        }
    }

    /// `value[start:stop:step]`.
    pub(super) fn slice(&mut self, value: &Value, bounds: &[Value; 3]) -> R<Value> {
        if let Some(fault) = value.misused() {
            return Err(fault);
        }
        let length = match value {
            Value::Str(_) | Value::Markup(_) | Value::List(_) | Value::Tuple(_) | Value::Range(_) => {
                self.length_if_known(value)?.unwrap_or(0)
            }
            other => return fail(format!("a {} has no slices", other.type_name())),
        };
        let mut whole = [None; 3];
        for (number, bound) in whole.iter_mut().zip(bounds) {
            match (bound, bound.as_int()) {
                (Value::None, _) => {}
                (_, Some(n)) => *number = Some(n),
                _ => return bound.refused(|kind| format!("a bound of a slice is {kind}")),
            }
        }
        let step = whole[2].unwrap_or(1);
        if step == 0 {
            return fail("slice step cannot be zero");
        }
        let n = length as i128;
        let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
        let clamped = |bound: i128| (if bound < 0 { bound.saturating_add(n) } else { bound }).clamp(low, high);
        let start = whole[0].map_or(if step > 0 { low } else { high }, clamped);
        let stop = whole[1].map_or(if step > 0 { high } else { low }, clamped);
        let step = step.clamp(-n - 1, n + 1);
        let range = Range { start, stop, step };
        let places = || (0..range.len()).filter_map(|at| usize::try_from(start + step * at as i128).ok());
        self.pay(range.len() / 8)?;
        Ok(match value {
            Value::List(seq) => Value::list(places().map(|at| seq.items[at].clone()).collect())?,
            Value::Tuple(seq) => Value::tuple(places().map(|at| seq.items[at].clone()).collect())?,
            Value::Range(of) => {
                let at = |n: i128| of.start + of.step * n;
                Value::Range(Range { start: at(start), stop: at(stop), step: of.step * whole[2].unwrap_or(1) })
            }
            text => {
                let of = text.as_str().unwrap_or_default();
                if step == 1 {
                    let chars = of.chars().skip(start as usize).take(range.len());
                    text.alike(chars.collect::<String>())
                } else {
                    self.pay(length)?;
                    let chars: Vec<char> = of.chars().collect();
                    text.alike(places().map(|at| chars[at]).collect::<String>())
                }
            }
        })
    }
}

/// The place in a list of so many that a number names, from the end where it is negative.
fn place(at: i128, length: usize) -> Option<usize> {
    let at = if at < 0 { at + length as i128 } else { at };
    usize::try_from(at).ok().filter(|&at| at < length)
}

fn number(value: &Value, name: &str) -> Option<Value> {
    let whole = value.as_int();
    match (name, whole) {
        ("real", Some(n)) | ("numerator", Some(n)) => Some(Value::Int(n)),
        ("real", None) => Some(value.clone()),
        ("imag", Some(_)) => Some(Value::Int(0)),
        ("imag", None) => Some(Value::Float(0.0)),
        ("denominator", Some(_)) => Some(Value::Int(1)),
        ("bit_length", Some(n)) => Some(Value::Method(Arc::new((Value::Int(n), name.into())))),
        _ => None,
    }
}
