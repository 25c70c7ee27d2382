//! Values as texts: Python's `str` and `repr`.
//!
//! The non-obvious thing: Python prints some objects with their address in memory, which is another each time. Those are
//! refused.

use super::run::{Object, Run};
use super::unicode::is_printable;
use super::value::{Map, Value, View};
use super::{R, fail};
use std::borrow::Cow;

/// Deepest nesting that is printed, namespaces included, which may hold themselves.
const DEEPEST: usize = 300;

/// A float as Python's `repr` prints it: the shortest digits that read back the same.
pub(super) fn float(x: f64) -> String {
    if x.is_nan() {
        return "nan".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let shortest = format!("{x:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let plain = format!("{x}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

impl Run<'_> {
    /// `str(value)`; texts are taken as they are.
    pub(super) fn string<'v>(&mut self, value: &'v Value) -> R<Cow<'v, str>> {
        Ok(match value {
            Value::Str(text) | Value::Markup(text) => Cow::Borrowed(&**text),
            Value::Undefined(_) => Cow::Borrowed(""),
            other => Cow::Owned(self.repr(other)?),
        })
    }

    pub(super) fn repr(&mut self, value: &Value) -> R<String> {
        let mut out = String::new();
        self.write_repr(value, 0, &mut out)?;
        Ok(out)
    }

    fn write_repr(&mut self, value: &Value, depth: usize, out: &mut String) -> R<()> {
        self.pay(1)?;
        if depth > DEEPEST {
            return fail(format!("a value that nests deeper than {DEEPEST} is not printed"));
        }
        match value {
            Value::Undefined(_) => out.push_str("Undefined"),
            Value::None => out.push_str("None"),
            Value::Bool(b) => out.push_str(if *b { "True" } else { "False" }),
            Value::Int(n) => out.push_str(&n.to_string()),
            Value::Float(x) => out.push_str(&float(*x)),
            Value::Str(text) => {
                self.pay_text(text.len())?;
                write_text(text, out);
            }
            Value::Markup(text) => {
                self.pay_text(text.len())?;
                out.push_str("Markup(");
                write_text(text, out);
                out.push(')');
            }
            Value::List(seq) => self.write_items(&seq.items, "[", "]", depth, out)?,
            Value::Tuple(seq) => {
                let end = if seq.items.len() == 1 { ",)" } else { ")" };
                self.write_items(&seq.items, "(", end, depth, out)?;
            }
            Value::Dict(map) => self.write_map(map, depth, out)?,
            Value::View(view, _) => {
                out.push_str(match view {
                    View::Keys => "dict_keys(",
                    View::Values => "dict_values(",
                    View::Items => "dict_items(",
                });
                let items = self.items(value)?;
                self.write_items(&items, "[", "])", depth, out)?;
            }
            Value::Range(range) => {
                out.push_str(&format!("range({}, {}", range.start, range.stop));
                if range.step != 1 {
                    out.push_str(&format!(", {}", range.step));
                }
                out.push(')');
            }
            Value::Namespace(id) => {
                let Object::Namespace(map) = &self.objects[*id] else {
                    return fail("no namespace");
                };
                let entries = map.entries.clone();
                out.push_str("<Namespace ");
                self.write_entries(&entries, depth, out)?;
                out.push('>');
            }
            Value::Loop(id) => {
                let length = self.length_of(*id)?;
                let round = self.loop_state(*id)?.round;
                out.push_str(&format!("<LoopContext {round}/{length}>"));
            }
            Value::Macro(it) => match self.program.macros[it.index].name {
                Some(name) => {
                    out.push_str("<Macro ");
                    write_text(&self.program.names[name as usize], out);
                    out.push('>');
                }
                None => out.push_str("<Macro anonymous>"),
            },
            other => return fail(format!("a {} is not printed: its text has an address", other.type_name())),
        }
        Ok(())
    }

    fn write_items(&mut self, items: &[Value], open: &str, close: &str, depth: usize, out: &mut String) -> R<()> {
        out.push_str(open);
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                out.push_str(", ");
            }
            self.write_repr(item, depth + 1, out)?;
        }
        out.push_str(close);
        Ok(())
    }

    fn write_map(&mut self, map: &Map, depth: usize, out: &mut String) -> R<()> {
        self.write_entries(&map.entries, depth, out)
    }

    fn write_entries(&mut self, entries: &[(Value, Value)], depth: usize, out: &mut String) -> R<()> {
        out.push('{');
        for (n, (key, value)) in entries.iter().enumerate() {
            if n > 0 {
                out.push_str(", ");
            }
            self.write_repr(key, depth + 1, out)?;
            out.push_str(": ");
            self.write_repr(value, depth + 1, out)?;
        }
        out.push('}');
        Ok(())
    }
}

/// A text in quotes, as Python's `repr` writes it.
pub(super) fn write_text(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => match c as u32 {
                code @ 0..=0xff => out.push_str(&format!("\\x{code:02x}")),
                code @ 0x100..=0xffff => out.push_str(&format!("\\u{code:04x}")),
                code => out.push_str(&format!("\\U{code:08x}")),
            },
        }
    }
    out.push(quote);
}
