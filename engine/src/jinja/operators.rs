//! Arithmetic and order, as Python has them; whole numbers have 127 bits here, what needs more is refused.

use super::run::Run;
use super::strings::escaped;
use super::syntax::Binary;
use super::value::{Value, equal};
use super::{R, fail, format};
use std::cmp::Ordering;

/// Integers up to here are floats without loss.
const EXACT: i128 = 1 << 53;

/// How a whole number lies to a float; `None` beside what is no number.
pub(super) fn int_against_float(n: i128, x: f64) -> Option<Ordering> {
    if x.is_nan() {
        return None;
    }
    if x.abs() >= 1.7e38 {
        return Some(if x > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let whole = x.trunc();
    Some(n.cmp(&(whole as i128)).then(0.0f64.total_cmp(&(x - whole + 0.0))))
}

/// The order of two values that have one; `None` where a number is none.
pub(super) fn order(a: &Value, b: &Value) -> R<Option<Ordering>> {
    match (a, b) {
        (Value::Str(a) | Value::Markup(a), Value::Str(b) | Value::Markup(b)) => return Ok(Some(a.cmp(b))),
        (Value::List(x), Value::List(y)) | (Value::Tuple(x), Value::Tuple(y)) => {
            for (a, b) in x.items.iter().zip(&y.items) {
                if !equal(a, b)? {
                    return order(a, b);
                }
            }
            return Ok(Some(x.items.len().cmp(&y.items.len())));
        }
        (Value::Float(a), Value::Float(b)) => return Ok(a.partial_cmp(b)),
        _ => {}
    }
    match (a.as_int(), b.as_int(), a, b) {
        (Some(a), Some(b), ..) => Ok(Some(a.cmp(&b))),
        (Some(n), None, _, Value::Float(x)) => Ok(int_against_float(n, *x)),
        (None, Some(n), Value::Float(x), _) => Ok(int_against_float(n, *x).map(Ordering::reverse)),
        _ => match a.misused().or(b.misused()) {
            Some(fault) => Err(fault),
            None => fail(format!("'{}' and '{}' have no order", a.type_name(), b.type_name())),
        },
    }
}

pub(super) fn signed(value: &Value, negative: bool) -> R<Value> {
    match (value, value.as_int()) {
        (Value::Float(x), _) => Ok(Value::Float(if negative { -x } else { *x })),
        (_, Some(n)) => Ok(Value::Int(if negative { -n } else { n })),
        _ => value.refused(|kind| format!("a sign before {kind}")),
    }
}

fn too_large<T>(op: Binary) -> R<T> {
    fail(format!("the result of {} is over 127 bits", sign(op)))
}

fn sign(op: Binary) -> &'static str {
    match op {
        Binary::Add => "+",
        Binary::Subtract => "-",
        Binary::Multiply => "*",
        Binary::Divide => "/",
        Binary::FloorDivide => "//",
        Binary::Modulo => "%",
        Binary::Power => "**",
    }
}

fn ints(op: Binary, a: i128, b: i128) -> R<Value> {
    let result = match op {
        Binary::Add => a.checked_add(b),
        Binary::Subtract => a.checked_sub(b),
        Binary::Multiply => a.checked_mul(b),
        Binary::Divide | Binary::FloorDivide | Binary::Modulo if b == 0 => return fail("division by zero"),
        Binary::Divide => {
            if a.abs() > EXACT || b.abs() > EXACT {
                return fail("a quotient of numbers over 53 bits is not known");
            }
            return Ok(Value::Float(a as f64 / b as f64));
        }
        Binary::FloorDivide => a.checked_div_euclid(b).map(|q| if b < 0 && a.rem_euclid(b) != 0 { q - 1 } else { q }),
        Binary::Modulo => a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r }),
        Binary::Power if b < 0 => return floats(op, a as f64, b as f64),
        Binary::Power => match (a, u32::try_from(b)) {
            (0 | 1, _) => Some(if b == 0 { 1 } else { a }),
            (-1, _) => Some(if b % 2 == 0 { 1 } else { -1 }),
            (_, Ok(exponent)) => a.checked_pow(exponent),
            _ => None,
        },
    };
    result.map_or_else(|| too_large(op), |n| if n == i128::MIN { too_large(op) } else { Ok(Value::Int(n)) })
}

fn floats(op: Binary, a: f64, b: f64) -> R<Value> {
    if b == 0.0 && matches!(op, Binary::Divide | Binary::FloorDivide | Binary::Modulo) {
        return fail("division by zero");
    }
    Ok(Value::Float(match op {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Modulo | Binary::FloorDivide => {
            let mut rest = a % b;
            let mut quotient = (a - rest) / b;
            if rest != 0.0 {
                if (rest < 0.0) != (b < 0.0) {
                    rest += b;
                    quotient -= 1.0;
                }
            } else {
                rest = 0.0f64.copysign(b);
            }
            if op == Binary::Modulo {
                rest
            } else if quotient != 0.0 {
                let floor = quotient.floor();
                if quotient - floor > 0.5 { floor + 1.0 } else { floor }
            } else {
                0.0f64.copysign(a / b)
            }
        }
        Binary::Power => {
            if a == 0.0 && b < 0.0 {
                return fail("0.0 cannot be raised to a negative power");
            }
            if a < 0.0 && a.is_finite() && b.is_finite() && b.fract() != 0.0 {
                return fail("a fractional power of a negative number is not known");
            }
            let power = a.powf(b);
            if power.is_infinite() && a.is_finite() && b.is_finite() {
                return fail("the result of ** is too large");
            }
            power
        }
    }))
}

impl Run<'_> {
    pub(super) fn binary(&mut self, op: Binary, left: &Value, right: &Value) -> R<Value> {
        match (left.as_int(), right.as_int()) {
            (Some(a), Some(b)) => return ints(op, a, b),
            (count, other) if op == Binary::Multiply => {
                let repeated = match (count, other) {
                    (None, Some(n)) => self.repeated(left, n)?,
                    (Some(n), None) => self.repeated(right, n)?,
                    _ => None,
                };
                if let Some(value) = repeated {
                    return Ok(value);
                }
            }
            _ => {}
        }
        match (op, left, right) {
            (Binary::Modulo, Value::Str(_), _) => return format::percent(self, left, right).map(Value::str),
            (Binary::Modulo, Value::Markup(_), _) => return fail("% of an escaped text is not known"),
            (Binary::Add, Value::Str(a), Value::Str(b)) => {
                self.pay_text(a.len() + b.len())?;
                return Ok(Value::str(format!("{a}{b}")));
            }
            (Binary::Add, Value::Str(_) | Value::Markup(_), Value::Str(_) | Value::Markup(_)) => {
                let (a, b) = (escaped(left), escaped(right));
                self.pay_text(a.len() + b.len())?;
                return Ok(Value::Markup(format!("{a}{b}").into()));
            }
            (Binary::Add, Value::List(a), Value::List(b)) | (Binary::Add, Value::Tuple(a), Value::Tuple(b)) => {
                let items: Vec<Value> = a.items.iter().chain(&b.items).cloned().collect();
                self.pay(items.len())?;
                return if matches!(left, Value::List(_)) { Value::list(items) } else { Value::tuple(items) };
            }
            _ => {}
        }
        match (left.as_float(), right.as_float()) {
            (Some(a), Some(b)) => floats(op, a, b),
            _ => match left.misused().or(right.misused()) {
                Some(fault) => Err(fault),
                None => fail(format!("'{}' {} '{}' is not defined", left.type_name(), sign(op), right.type_name())),
            },
        }
    }

    fn repeated(&mut self, value: &Value, times: i128) -> R<Option<Value>> {
        let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
        Ok(Some(match value {
            Value::Str(text) | Value::Markup(text) => {
                self.pay_text(text.len().saturating_mul(times))?;
                value.alike(text.repeat(times))
            }
            Value::List(seq) | Value::Tuple(seq) => {
                let length = seq.items.len().saturating_mul(times);
                self.pay(length)?;
                let items: Vec<Value> = seq.items.iter().cycle().take(length).cloned().collect();
                if matches!(value, Value::List(_)) { Value::list(items)? } else { Value::tuple(items)? }
            }
            _ => return Ok(None),
        }))
    }

    /// Sorts by keys, as Python does: stable, and an error where two have no order.
    pub(super) fn sorted(&mut self, mut keyed: Vec<(Value, Value)>, reverse: bool) -> R<Vec<Value>> {
        if reverse {
            keyed.reverse();
        }
        let mut width = 1;
        while width < keyed.len() {
            let mut merged = Vec::with_capacity(keyed.len());
            let mut runs = std::mem::take(&mut keyed).into_iter().peekable();
            while runs.peek().is_some() {
                let left: Vec<_> = runs.by_ref().take(width).collect();
                let right: Vec<_> = runs.by_ref().take(width).collect();
                self.merge(left, right, &mut merged)?;
            }
            keyed = merged;
            width *= 2;
        }
        let mut items: Vec<Value> = keyed.into_iter().map(|(_, item)| item).collect();
        if reverse {
            items.reverse();
        }
        Ok(items)
    }

    fn merge(&mut self, left: Vec<(Value, Value)>, right: Vec<(Value, Value)>, out: &mut Vec<(Value, Value)>) -> R<()> {
        let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
        loop {
            let from_right = match (left.peek(), right.peek()) {
                (Some((a, _)), Some((b, _))) => {
                    self.pay_for(a)?;
                    let Some(order) = order(b, a)? else {
                        return fail("what is no number cannot be sorted");
                    };
                    order == Ordering::Less
                }
                (None, Some(_)) => true,
                (Some(_), None) => false,
                (None, None) => return Ok(()),
            };
            out.extend(if from_right { right.next() } else { left.next() });
        }
    }
}
