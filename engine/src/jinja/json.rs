//! The filter `tojson`, as transformers has it: Python's `json.dumps`, other than ASCII as it is, nothing escaped for HTML.

use super::given::Given;
use super::run::Run;
use super::value::Value;
use super::{R, fail, operators, print};
use std::cmp::Ordering;

struct Writer<'r, 'p> {
    run: &'r mut Run<'p>,
    out: String,
    indent: Option<String>,
    separators: (String, String),
    ascii: bool,
    sorted: bool,
    /// Bytes paid for.
    paid: usize,
}

pub(super) fn to_json(run: &mut Run<'_>, value: &Value, given: Given) -> R<Value> {
    let names = ["ensure_ascii", "indent", "separators", "sort_keys"];
    let [ascii, indent, separators, sorted] = given.bind("tojson", names, 0)?;
    let given = |value: Option<Value>| value.filter(|value| !matches!(value, Value::None));
    let indent = match given(indent) {
        None => None,
        Some(indent) => match (indent.as_str(), indent.as_int()) {
            (Some(text), _) => Some(text.to_owned()),
            (None, Some(n)) => {
                let width = usize::try_from(n.max(0)).unwrap_or(usize::MAX);
                run.pay_text(width)?;
                Some(" ".repeat(width))
            }
            _ => return indent.refused(|kind| format!("tojson: the indent is {kind}")),
        },
    };
    let separators = match given(separators) {
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
        Some(pair) => match run.items(&pair)?.as_slice() {
            [Value::Str(item), Value::Str(key)] => (item.to_string(), key.to_string()),
            _ => return fail("tojson: the separators are not two texts"),
        },
    };
    let mut truth = |value: Option<Value>| value.map_or(Ok(false), |value| run.truth(&value));
    let (ascii, sorted) = (truth(ascii)?, truth(sorted)?);
    let mut writer = Writer { run, out: String::new(), indent, separators, ascii, sorted, paid: 0 };
    writer.value(value, 0)?;
    Ok(Value::str(writer.out))
}

impl Writer<'_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> R<()> {
        self.run.pay_text(self.out.len() - self.paid)?;
        self.paid = self.out.len();
        match value {
            Value::Str(text) | Value::Markup(text) => self.text(text),
            Value::List(seq) | Value::Tuple(seq) => {
                self.out.push('[');
                for (n, item) in seq.items.iter().enumerate() {
                    self.next(n > 0, depth + 1);
                    self.value(item, depth + 1)?;
                }
                self.close(']', !seq.items.is_empty(), depth);
            }
            Value::Dict(map) => {
                self.out.push('{');
                let mut entries: Vec<&(Value, Value)> = map.entries.iter().collect();
                if self.sorted {
                    entries = self.by_key(entries)?;
                }
                for (n, (key, value)) in entries.iter().enumerate() {
                    self.next(n > 0, depth + 1);
                    match key {
                        Value::Str(key) | Value::Markup(key) => self.text(key),
                        key => {
                            let key = scalar(key)?;
                            self.text(&key);
                        }
                    }
                    let between = self.separators.1.clone();
                    self.out.push_str(&between);
                    self.value(value, depth + 1)?;
                }
                self.close('}', !map.entries.is_empty(), depth);
            }
            other => self.out.push_str(&scalar(other)?),
        }
        Ok(())
    }

    fn by_key<'m>(&mut self, mut entries: Vec<&'m (Value, Value)>) -> R<Vec<&'m (Value, Value)>> {
        self.run.pay(entries.len().saturating_mul(8))?;
        let texts = entries.iter().all(|(key, _)| key.as_str().is_some());
        let numbers = entries.iter().all(|(key, _)| key.as_int().is_some());
        if !texts && !numbers {
            return fail("tojson: keys of these types have no order here");
        }
        entries.sort_by(|a, b| operators::order(&a.0, &b.0).ok().flatten().unwrap_or(Ordering::Equal));
        Ok(entries)
    }

    /// Goes to the next element, the first one or after another.
    fn next(&mut self, after: bool, depth: usize) {
        if after {
            self.out.push_str(&self.separators.0);
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
        if let Some(indent) = &self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(indent.as_str(), depth));
        }
    }

    fn text(&mut self, text: &str) {
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
                c if c < ' ' || self.ascii && c > '~' => {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        self.out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

fn scalar(value: &Value) -> R<String> {
    Ok(match value {
        Value::None => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Float(x) if x.is_nan() => "NaN".to_owned(),
        Value::Float(x) if x.is_infinite() => if *x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        Value::Float(x) => print::float(*x),
        other => return other.refused(|kind| format!("{kind} is not JSON")),
    })
}
