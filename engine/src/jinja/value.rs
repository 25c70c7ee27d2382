//! The values of a template: Python's, as far as a template can make them.
//!
//! Source: the Python language reference, "Data model". The non-obvious thing: values never change, what changes
//! (namespaces, loops, iterators) lies in the run's own table and is named by its number. So no value holds itself, and a
//! list knows how deep it is: what walks through values needs no other bound.

use super::{Fault, R, fail};
use std::collections::HashMap;
use std::sync::Arc;

/// Deepest nesting of lists and dictionaries.
const DEEPEST: u16 = 200;

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// No value, and why.
    Undefined(Option<Arc<str>>),
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Arc<str>),
    /// A text that was escaped for HTML, or is said to be.
    Markup(Arc<str>),
    List(Arc<Seq>),
    Tuple(Arc<Seq>),
    Dict(Arc<Map>),
    /// `dict.keys()` and the like.
    View(View, Arc<Map>),
    Range(Range),
    /// What gives its elements once: the number of it.
    Iter(usize),
    Namespace(usize),
    Loop(usize),
    Cycler(usize),
    Joiner(usize),
    Macro(Arc<Macro>),
    /// A method and what it belongs to.
    Method(Arc<(Value, Arc<str>)>),
    Function(Function),
}

/// Elements of a list or tuple.
#[derive(Debug)]
pub(crate) struct Seq {
    pub(super) items: Vec<Value>,
    depth: u16,
    /// A tuple of `groupby`, which has names for its two elements.
    pub(super) group: bool,
}

/// A dictionary, in the order of insertion.
#[derive(Debug, Default)]
pub(crate) struct Map {
    pub(super) entries: Vec<(Value, Value)>,
    texts: HashMap<Arc<str>, usize>,
    others: HashMap<Key, usize>,
    depth: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Keys,
    Values,
    Items,
}

/// `range(start, stop, step)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(super) start: i128,
    pub(super) stop: i128,
    pub(super) step: i128,
}

/// A macro or the body of a call, with the scope that it was defined in.
#[derive(Debug)]
pub(crate) struct Macro {
    pub(super) index: usize,
    pub(super) scope: usize,
}

/// Functions that every template may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Range,
    Dict,
    Namespace,
    Cycler,
    Joiner,
    Lipsum,
    RaiseException,
    StrftimeNow,
}

/// What a dictionary finds a value by that is no text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Undefined,
    None,
    Int(i128),
    Float(u64),
    Text(Arc<str>),
    Tuple(Vec<Key>),
    Object(u8, usize),
}

impl Range {
    pub(super) fn len(&self) -> usize {
        let (low, high, step) = if self.step > 0 {
            (self.start, self.stop, self.step)
        } else {
            (self.stop, self.start, self.step.saturating_neg())
        };
        if low >= high { 0 } else { usize::try_from((high - low - 1) / step + 1).unwrap_or(usize::MAX) }
    }

    pub(super) fn at(&self, index: usize) -> Value {
        Value::Int(self.start + self.step * index as i128)
    }
}

impl Map {
    pub(super) fn get(&self, key: &Value) -> R<Option<&Value>> {
        Ok(self.position(key)?.and_then(|at| self.entries.get(at)).map(|(_, value)| value))
    }

    pub(super) fn get_text(&self, key: &str) -> Option<&Value> {
        self.texts.get(key).and_then(|&at| self.entries.get(at)).map(|(_, value)| value)
    }

    fn position(&self, key: &Value) -> R<Option<usize>> {
        Ok(match key.as_str() {
            Some(text) => self.texts.get(text).copied(),
            None => self.others.get(&hash(key)?).copied(),
        })
    }

    /// Sets a value; a key that is there keeps its place.
    pub(crate) fn set(&mut self, key: Value, value: Value) -> R<()> {
        let depth = deeper(key.depth().max(value.depth()))?;
        self.depth = self.depth.max(depth);
        if let Some(at) = self.position(&key)? {
            self.entries[at].1 = value;
            return Ok(());
        }
        match &key {
            Value::Str(text) | Value::Markup(text) => {
                self.texts.insert(text.clone(), self.entries.len());
            }
            key => {
                self.others.insert(hash(key)?, self.entries.len());
            }
        }
        self.entries.push((key, value));
        Ok(())
    }
}

/// Whether two values are the same key, for `unique`.
pub(super) struct Seen(std::collections::HashSet<Key>);

impl Seen {
    pub(super) fn new() -> Self {
        Self(std::collections::HashSet::new())
    }

    /// Whether `value` is new.
    pub(super) fn insert(&mut self, value: &Value) -> R<bool> {
        Ok(self.0.insert(hash(value)?))
    }
}

/// Most values in one key. A tuple may hold another twice, which may hold a third twice, and so on: as a key all of them
/// would be told one by one.
const LARGEST_KEY: usize = 32;

fn hash(value: &Value) -> R<Key> {
    hash_within(value, &mut { LARGEST_KEY })
}

fn hash_within(value: &Value, left: &mut usize) -> R<Key> {
    match left.checked_sub(1) {
        Some(less) => *left = less,
        None => return fail(format!("a key of more than {LARGEST_KEY} values is not known")),
    }
    Ok(match value {
        Value::Undefined(_) => Key::Undefined,
        Value::None => Key::None,
        Value::Bool(b) => Key::Int(i128::from(*b)),
        Value::Int(n) => Key::Int(*n),
        // Whole numbers are the same key, whatever their type.
        Value::Float(x) if x.fract() == 0.0 && x.abs() < 1e30 => Key::Int(*x as i128),
        Value::Float(x) => Key::Float(x.to_bits()),
        Value::Str(text) | Value::Markup(text) => Key::Text(text.clone()),
        Value::Tuple(seq) => Key::Tuple(seq.items.iter().map(|item| hash_within(item, left)).collect::<R<_>>()?),
        Value::Namespace(n) => Key::Object(0, *n),
        Value::Loop(n) => Key::Object(1, *n),
        Value::Cycler(n) => Key::Object(2, *n),
        Value::Joiner(n) => Key::Object(3, *n),
        Value::Macro(m) => Key::Object(4, Arc::as_ptr(m) as usize),
        other => return fail(format!("unhashable type: '{}'", other.type_name())),
    })
}

fn deeper(depth: u16) -> R<u16> {
    if depth >= DEEPEST { fail(format!("lists nest deeper than {DEEPEST}")) } else { Ok(depth + 1) }
}

impl Value {
    pub(crate) fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    pub(super) fn undefined(name: &str) -> Self {
        Self::Undefined(Some(name.into()))
    }

    fn seq(items: Vec<Value>, group: bool) -> R<Arc<Seq>> {
        let depth = deeper(items.iter().map(Value::depth).max().unwrap_or(0))?;
        Ok(Arc::new(Seq { items, depth, group }))
    }

    pub(crate) fn list(items: Vec<Value>) -> R<Self> {
        Ok(Self::List(Self::seq(items, false)?))
    }

    pub(super) fn tuple(items: Vec<Value>) -> R<Self> {
        Ok(Self::Tuple(Self::seq(items, false)?))
    }

    pub(super) fn group(key: Value, items: Vec<Value>) -> R<Self> {
        Ok(Self::Tuple(Self::seq(vec![key, Self::list(items)?], true)?))
    }

    /// A dictionary of texts.
    pub(crate) fn dict<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> R<Self> {
        let mut map = Map::default();
        for (key, value) in entries {
            map.set(Self::str(key), value)?;
        }
        Ok(Self::Dict(Arc::new(map)))
    }

    fn depth(&self) -> u16 {
        match self {
            Self::List(seq) | Self::Tuple(seq) => seq.depth,
            Self::Dict(map) | Self::View(_, map) => map.depth,
            Self::Method(of) => of.0.depth().saturating_add(1),
            _ => 0,
        }
    }

    /// A text like this one: escaped where this one is.
    pub(super) fn alike(&self, text: impl Into<Arc<str>>) -> Self {
        match self {
            Self::Markup(_) => Self::Markup(text.into()),
            _ => Self::Str(text.into()),
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Markup(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number that this is, booleans included.
    pub(super) fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Bool(b) => Some(i128::from(*b)),
            _ => None,
        }
    }

    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(x) => Some(*x),
            other => other.as_int().map(|n| n as f64),
        }
    }

    pub(super) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    /// The name of the type, as Python says it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Markup(_) => "Markup",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::View(View::Keys, _) => "dict_keys",
            Self::View(View::Values, _) => "dict_values",
            Self::View(View::Items, _) => "dict_items",
            Self::Range(_) => "range",
            Self::Iter(_) => "generator",
            Self::Namespace(_) => "Namespace",
            Self::Loop(_) => "LoopContext",
            Self::Cycler(_) => "Cycler",
            Self::Joiner(_) => "Joiner",
            Self::Macro(_) => "Macro",
            Self::Method(_) => "method",
            Self::Function(_) => "function",
        }
    }

    /// An undefined value used as if it had one.
    pub(super) fn misused(&self) -> Option<Fault> {
        match self {
            Self::Undefined(Some(name)) => Some(Fault::Failed(format!("{} is undefined", super::quoted(name)))),
            Self::Undefined(None) => Some(Fault::Failed("a value is undefined".to_owned())),
            _ => None,
        }
    }

    /// Refuses a type that an operation does not know, in Python's words or with the name of what is undefined.
    pub(super) fn refused<T>(&self, why: impl FnOnce(&str) -> String) -> R<T> {
        Err(self.misused().unwrap_or_else(|| Fault::Failed(why(self.type_name()))))
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<usize> for Value {
    fn from(n: usize) -> Self {
        Self::Int(n as i128)
    }
}

/// Whether two values are equal; the run's objects are equal to themselves.
pub(super) fn equal(a: &Value, b: &Value) -> R<bool> {
    Ok(match (a, b) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::Str(a) | Value::Markup(a), Value::Str(b) | Value::Markup(b)) => a == b,
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            if a.items.len() != b.items.len() {
                return Ok(false);
            }
            for (a, b) in a.items.iter().zip(&b.items) {
                if !equal(a, b)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Dict(a), Value::Dict(b)) => {
            if a.entries.len() != b.entries.len() {
                return Ok(false);
            }
            for (key, value) in &a.entries {
                match b.get(key)? {
                    Some(other) if equal(value, other)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Range(a), Value::Range(b)) => {
            let n = a.len();
            n == b.len() && (n == 0 || a.start == b.start && (n == 1 || a.step == b.step))
        }
        (Value::View(a, x), Value::View(b, y)) => {
            if *a == View::Values || *b == View::Values {
                a == b && Arc::ptr_eq(x, y)
            } else {
                return fail("keys of dictionaries are not compared here");
            }
        }
        (Value::Iter(a), Value::Iter(b))
        | (Value::Namespace(a), Value::Namespace(b))
        | (Value::Loop(a), Value::Loop(b))
        | (Value::Cycler(a), Value::Cycler(b))
        | (Value::Joiner(a), Value::Joiner(b)) => a == b,
        (Value::Macro(a), Value::Macro(b)) => Arc::ptr_eq(a, b),
        (Value::Method(a), Value::Method(b)) => a.1 == b.1 && equal(&a.0, &b.0)?,
        (Value::Function(a), Value::Function(b)) => a == b,
        (a, b) => match (a.as_int(), b.as_int()) {
            (Some(a), Some(b)) => a == b,
            (Some(n), None) | (None, Some(n)) => {
                let other = if a.as_int().is_some() { b } else { a };
                matches!(other, Value::Float(x) if super::operators::int_against_float(n, *x) == Some(std::cmp::Ordering::Equal))
            }
            (None, None) => matches!((a, b), (Value::Float(a), Value::Float(b)) if a == b),
        },
    })
}
