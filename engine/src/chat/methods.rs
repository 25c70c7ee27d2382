//! Methods of Python's strings and dictionaries that templates call.
//!
//! Source: the Python library reference; only what does not change its object, as in transformers' sandbox. The
//! non-obvious thing: work on a text is paid for in fuel by its length, or a template could loop over a long one for ever
//! at the price of a step.

use minijinja::value::{Rest, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

/// Calls `method` of `value`, where the engine knows no such method.
pub(super) fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match (value.kind(), value.as_str()) {
        (_, Some(text)) => {
            state.consume_fuel(1 + text.len() as u64 / 64)?;
            of_string(text, method, args)
        }
        (ValueKind::Map, _) => of_map(value, method, args),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn of_string(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    /// Arguments there are none of.
    fn none(args: &[Value]) -> Result<(), Error> {
        from_args::<()>(args)
    }
    Ok(match method {
        "strip" | "lstrip" | "rstrip" => {
            let (chars,): (Option<&str>,) = from_args(args)?;
            let gone = |c: char| chars.map_or(c.is_whitespace(), |chars| chars.contains(c));
            Value::from(match method {
                "strip" => text.trim_matches(gone),
                "lstrip" => text.trim_start_matches(gone),
                _ => text.trim_end_matches(gone),
            })
        }
        "split" | "rsplit" => {
            let (separator, most): (Option<&str>, Option<i64>) = from_args(args)?;
            // One more part than cuts; a negative number is no limit.
            let parts = most.and_then(|most| usize::try_from(most).ok()).map_or(usize::MAX, |n| n.saturating_add(1));
            split(text, separator, parts, method == "rsplit")?
        }
        "splitlines" => {
            none(args)?;
            text.lines().map(Value::from).collect()
        }
        "startswith" | "endswith" => {
            let (affix,): (&Value,) = from_args(args)?;
            let found = |affix: &Value| {
                let affix = affix.as_str().ok_or_else(|| Error::from(ErrorKind::InvalidOperation))?;
                Ok::<_, Error>(if method == "startswith" { text.starts_with(affix) } else { text.ends_with(affix) })
            };
            match affix.as_str() {
                Some(_) => Value::from(found(affix)?),
                None => {
                    let mut any = false;
                    for affix in affix.try_iter()? {
                        any |= found(&affix)?;
                    }
                    Value::from(any)
                }
            }
        }
        "removeprefix" | "removesuffix" => {
            let (affix,): (&str,) = from_args(args)?;
            let rest = if method == "removeprefix" { text.strip_prefix(affix) } else { text.strip_suffix(affix) };
            Value::from(rest.unwrap_or(text))
        }
        "replace" => {
            let (from, to, most): (&str, &str, Option<i64>) = from_args(args)?;
            let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
            // What may come out is bounded before it is made: each byte could become one `to`.
            let cuts = text.len().saturating_add(1).min(most);
            if cuts.saturating_mul(to.len()) > super::LONGEST_CONVERSATION {
                return Err(Error::new(ErrorKind::InvalidOperation, "the result of replace may be too long"));
            }
            Value::from(text.replacen(from, to, most))
        }
        "find" | "rfind" => {
            let (part,): (&str,) = from_args(args)?;
            let at = if method == "find" { text.find(part) } else { text.rfind(part) };
            // Python counts characters.
            Value::from(at.map_or(-1, |at| text[..at].chars().count() as i64))
        }
        "count" => {
            let (part,): (&str,) = from_args(args)?;
            Value::from(text.matches(part).count())
        }
        "join" => {
            let (parts,): (&Value,) = from_args(args)?;
            let mut joined = String::new();
            for (n, part) in parts.try_iter()?.enumerate() {
                if n > 0 {
                    joined.push_str(text);
                }
                joined.push_str(part.as_str().ok_or_else(|| Error::from(ErrorKind::InvalidOperation))?);
                if joined.len() > super::LONGEST_CONVERSATION {
                    return Err(Error::new(ErrorKind::InvalidOperation, "the result of join is too long"));
                }
            }
            Value::from(joined)
        }
        "format" => Value::from(format(text, args)?),
        "upper" => none(args).map(|()| Value::from(text.to_uppercase()))?,
        "lower" => none(args).map(|()| Value::from(text.to_lowercase()))?,
        "capitalize" => none(args).map(|()| Value::from(capitalized(text)))?,
        "title" => none(args).map(|()| Value::from(titled(text)))?,
        "isdigit" => none(args).map(|()| all(text, |c| c.is_numeric()))?,
        "isalpha" => none(args).map(|()| all(text, char::is_alphabetic))?,
        "isspace" => none(args).map(|()| all(text, char::is_whitespace))?,
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    })
}

/// `text.format(...)` with `{}` and `{0}`; other fields are not known.
fn format(text: &str, args: &[Value]) -> Result<String, Error> {
    let unknown = || Error::new(ErrorKind::InvalidOperation, "format knows {} and {0} only");
    let mut out = String::new();
    let mut next = 0;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, field) = rest.split_at(at);
        out.push_str(before);
        if field.starts_with("{{") || field.starts_with("}}") {
            out.push_str(&field[..1]);
            rest = &field[2..];
            continue;
        }
        let (name, after) = field.strip_prefix('{').and_then(|field| field.split_once('}')).ok_or_else(unknown)?;
        let index = if name.is_empty() { next } else { name.parse().map_err(|_| unknown())? };
        next += 1;
        let value = args.get(index).ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
        out.push_str(&value.to_string());
        if out.len() > super::LONGEST_CONVERSATION {
            return Err(Error::new(ErrorKind::InvalidOperation, "the result of format is too long"));
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn split(text: &str, separator: Option<&str>, parts: usize, from_end: bool) -> Result<Value, Error> {
    let empty = |separator: &str| separator.is_empty();
    if separator.is_some_and(empty) {
        return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
    }
    let found: Vec<&str> = match (separator, from_end) {
        (Some(separator), false) => text.splitn(parts, separator).collect(),
        (Some(separator), true) => {
            let mut found: Vec<&str> = text.rsplitn(parts, separator).collect();
            found.reverse();
            found
        }
        (None, false) => {
            let mut found = Vec::new();
            let mut rest = text.trim_start();
            while !rest.is_empty() && found.len() + 1 < parts {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                found.push(&rest[..end]);
                rest = rest[end..].trim_start();
            }
            found.extend(Some(rest).filter(|rest| !rest.is_empty()));
            found
        }
        (None, true) => {
            let mut found = Vec::new();
            let mut rest = text.trim_end();
            while !rest.is_empty() && found.len() + 1 < parts {
                let start =
                    rest.char_indices().rfind(|&(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8());
                found.push(&rest[start..]);
                rest = rest[..start].trim_end();
            }
            found.extend(Some(rest).filter(|rest| !rest.is_empty()));
            found.reverse();
            found
        }
    };
    Ok(found.into_iter().map(Value::from).collect())
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

fn titled(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase())
        } else {
            out.extend(c.to_uppercase())
        }
        inside = c.is_alphabetic();
    }
    out
}

fn all(text: &str, of: impl Fn(char) -> bool) -> Value {
    Value::from(!text.is_empty() && text.chars().all(of))
}

fn of_map(map: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "get" => {
            let (key, Rest(default)): (&Value, Rest<Value>) = from_args(args)?;
            let found = map.get_item(key)?;
            let missing = || default.first().cloned().unwrap_or_else(|| Value::from(()));
            Ok(if found.is_undefined() { missing() } else { found })
        }
        "keys" => from_args::<()>(args).and_then(|()| Ok(map.try_iter()?.collect())),
        "values" | "items" => {
            let () = from_args(args)?;
            let mut found = Vec::new();
            for key in map.try_iter()? {
                let value = map.get_item(&key)?;
                found.push(if method == "items" { Value::from(vec![key, value]) } else { value });
            }
            Ok(Value::from(found))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}
