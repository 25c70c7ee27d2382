//! The filter `tojson` as transformers defines it: Python's `json.dumps` with `ensure_ascii=False`. Jinja's own would
//! escape what HTML does not like.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

/// Deepest nesting that is written.
const DEEPEST: usize = 64;

/// `value|tojson` and `value|tojson(indent=4)`.
pub(super) fn to_json(state: &State, value: &Value, indent: Option<usize>, named: Kwargs) -> Result<String, Error> {
    let indent = match indent {
        Some(indent) => Some(indent),
        None => named.get::<Option<usize>>("indent")?,
    };
    // Python's other arguments change what templates do not look at.
    let _ = named.get::<Option<Value>>("ensure_ascii")?;
    let _ = named.get::<Option<Value>>("sort_keys")?;
    let _ = named.get::<Option<Value>>("separators")?;
    named.assert_all_used()?;
    let mut writer = Writer { out: String::new(), indent: indent.map(|n| n.min(16)), state, paid: 0 };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer<'a> {
    out: String,
    indent: Option<usize>,
    state: &'a State<'a, 'a>,
    /// Bytes paid for in fuel.
    paid: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(Error::new(ErrorKind::InvalidOperation, "too deeply nested for JSON"));
        }
        self.state.consume_fuel(1 + (self.out.len() - self.paid) as u64 / 64)?;
        self.paid = self.out.len();
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.out.push_str(&value.to_string()),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                self.out.push('[');
                let mut any = false;
                for element in value.try_iter()? {
                    self.next(any, depth + 1);
                    self.value(&element, depth + 1)?;
                    any = true;
                }
                self.close(']', any, depth);
            }
            ValueKind::Map => {
                self.out.push('{');
                let mut any = false;
                for key in value.try_iter()? {
                    self.next(any, depth + 1);
                    self.string(&key.to_string());
                    self.out.push_str(": ");
                    self.value(&value.get_item(&key)?, depth + 1)?;
                    any = true;
                }
                self.close('}', any, depth);
            }
            kind => return Err(Error::new(ErrorKind::BadSerialization, format!("{kind} is not JSON"))),
        }
        Ok(())
    }

    /// Goes to the next element, the first one or after another.
    fn next(&mut self, after: bool, depth: usize) {
        if after {
            self.out.push_str(if self.indent.is_some() { "," } else { ", " });
        }
        self.line(depth);
    }

    fn close(&mut self, bracket: char, any: bool, depth: usize) {
        if any {
            self.line(depth);
        }
        self.out.push(bracket);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' => self.out.push_str(&format!("\\u{:04x}", c as u32)),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}
