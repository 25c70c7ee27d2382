//! The tests that stand after `is`.
//!
//! Source: Jinja2's `tests`. The non-obvious thing: a text and an undefined value are sequences and iterable, none is
//! neither.

use super::given::{Given, text};
use super::run::Run;
use super::syntax::{Binary, Comparison};
use super::value::{Value, equal};
use super::{R, fail, filters, quoted, unicode};
use std::sync::Arc;

const TESTS: [&str; 39] = [
    "odd",
    "even",
    "divisibleby",
    "defined",
    "undefined",
    "filter",
    "test",
    "none",
    "boolean",
    "false",
    "true",
    "integer",
    "float",
    "lower",
    "upper",
    "string",
    "mapping",
    "number",
    "sequence",
    "iterable",
    "callable",
    "sameas",
    "escaped",
    "in",
    "==",
    "eq",
    "equalto",
    "!=",
    "ne",
    ">",
    "gt",
    "greaterthan",
    "ge",
    ">=",
    "<",
    "lt",
    "lessthan",
    "<=",
    "le",
];

pub(super) fn exists(name: &str) -> bool {
    TESTS.contains(&name)
}

pub(super) fn holds(run: &mut Run<'_>, name: &str, value: &Value, given: Given) -> R<bool> {
    let comparison = match name {
        "in" => Some(Comparison::In),
        "==" | "eq" | "equalto" => Some(Comparison::Equal),
        "!=" | "ne" => Some(Comparison::Unequal),
        ">" | "gt" | "greaterthan" => Some(Comparison::Greater),
        ">=" | "ge" => Some(Comparison::GreaterEqual),
        "<" | "lt" | "lessthan" => Some(Comparison::Less),
        "<=" | "le" => Some(Comparison::LessEqual),
        _ => None,
    };
    if comparison.is_some() || matches!(name, "divisibleby" | "sameas") {
        let parameter = match name {
            "divisibleby" => "num",
            "sameas" => "other",
            "in" => "seq",
            _ => "",
        };
        let [other] = given.bind(name, [parameter], 1)?;
        let other = other.unwrap_or(Value::None);
        return match (comparison, name) {
            (Some(comparison), _) => run.compared(comparison, value, &other),
            (None, "sameas") => same(value, &other),
            _ => {
                let rest = run.binary(Binary::Modulo, value, &other)?;
                equal(&rest, &Value::Int(0))
            }
        };
    }
    given.none(name)?;
    Ok(match name {
        "odd" | "even" => {
            let rest = run.binary(Binary::Modulo, value, &Value::Int(2))?;
            equal(&rest, &Value::Int(i128::from(name == "odd")))?
        }
        "defined" => !value.is_undefined(),
        "undefined" => value.is_undefined(),
        "filter" => filters::exists(text(value, "the name of a filter")?),
        "test" => exists(text(value, "the name of a test")?),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "false" => matches!(value, Value::Bool(false)),
        "true" => matches!(value, Value::Bool(true)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => matches!(value, Value::Bool(_) | Value::Int(_) | Value::Float(_)),
        "string" => value.as_str().is_some(),
        "mapping" => matches!(value, Value::Dict(_)),
        "escaped" => matches!(value, Value::Markup(_)),
        "lower" | "upper" => {
            let of = run.string(value)?;
            let mut cased = of.chars().filter(|&c| unicode::is_cased(c)).peekable();
            cased.peek().is_some() && cased.all(|c| if name == "lower" { c.is_lowercase() } else { c.is_uppercase() })
        }
        "sequence" => match value {
            Value::Undefined(_) | Value::Dict(_) | Value::List(_) | Value::Tuple(_) | Value::Range(_) => true,
            other => other.as_str().is_some(),
        },
        "iterable" => Run::is_iterable(value),
        "callable" => matches!(
            value,
            Value::Undefined(_)
                | Value::Macro(_)
                | Value::Method(_)
                | Value::Function(_)
                | Value::Loop(_)
                | Value::Joiner(_)
        ),
        _ => return fail(format!("no test is named {}", quoted(name))),
    })
}

/// Whether both are one object.
fn same(a: &Value, b: &Value) -> R<bool> {
    /// Whole numbers that Python keeps one object of.
    const SMALL: std::ops::RangeInclusive<i128> = -5..=256;
    Ok(match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) if a != b || SMALL.contains(a) => a == b,
        (Value::List(a), Value::List(b)) => Arc::ptr_eq(a, b),
        (Value::Dict(a), Value::Dict(b)) => Arc::ptr_eq(a, b),
        (Value::Namespace(a), Value::Namespace(b)) | (Value::Loop(a), Value::Loop(b)) => a == b,
        (Value::Macro(a), Value::Macro(b)) => Arc::ptr_eq(a, b),
        (a, b) if a.type_name() != b.type_name() => false,
        (a, b) if a.as_str().is_some() && a.as_str() != b.as_str() => false,
        (a, _) => return fail(format!("whether two values of type {} are one object is not known", a.type_name())),
    })
}
