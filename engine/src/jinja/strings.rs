//! Methods of texts.
//!
//! Source: the Python library reference, "Text Sequence Type". The non-obvious thing: places are counted in characters,
//! and a text that was escaped escapes what is put into it.

use super::given::{Given, int, text};
use super::run::Run;
use super::unicode::{self, is_line_end, is_space};
use super::value::Value;
use super::{R, fail, format};
use std::borrow::Cow;

const KNOWN: [&str; 44] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
];

pub(super) fn knows(name: &str) -> bool {
    KNOWN.contains(&name) || matches!(name, "zfill" | "translate" | "maketrans")
}

/// A text escaped for HTML, unless it is said to be so.
pub(super) fn escaped(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Markup(text) => Cow::Borrowed(text),
        other => Cow::Owned(escape(other.as_str().unwrap_or_default())),
    }
}

pub(super) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('>', "&gt;").replace('<', "&lt;");
    text.replace('\'', "&#39;").replace('"', "&#34;")
}

pub(super) fn call(run: &mut Run<'_>, value: &Value, name: &str, given: Given) -> R<Value> {
    let of = value.as_str().unwrap_or_default();
    run.pay_text(of.len())?;
    match name {
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = positional(name, given, 0)?;
            let chars = chars.filter(|chars| !matches!(chars, Value::None));
            let chars = chars.as_ref().map(|chars| text(chars, name)).transpose()?;
            if let Some(chars) = chars {
                run.pay_text(of.len().saturating_mul(chars.len()))?;
            }
            Ok(value.alike(stripped(of, chars, name)))
        }
        "split" | "rsplit" => split(run, value, name, given),
        "splitlines" => {
            let [keep] = given.bind(name, ["keepends"], 0)?;
            let keep = keep.is_some_and(|keep| !matches!(keep, Value::Bool(false) | Value::Int(0)));
            let lines: Vec<Value> = lines(of, keep).into_iter().map(|line| value.alike(line)).collect();
            run.pay(lines.len())?;
            Value::list(lines)
        }
        "partition" | "rpartition" => {
            let [separator] = positional(name, given, 1)?;
            let separator = separator.unwrap_or(Value::None);
            let separator = text(&separator, name)?;
            if separator.is_empty() {
                return fail("empty separator");
            }
            let at = if name == "partition" { of.find(separator) } else { of.rfind(separator) };
            let parts = match at {
                Some(at) => [&of[..at], separator, &of[at + separator.len()..]],
                None if name == "partition" => [of, "", ""],
                None => ["", "", of],
            };
            Value::tuple(parts.into_iter().map(|part| value.alike(part)).collect())
        }
        "startswith" | "endswith" | "find" | "rfind" | "index" | "rindex" | "count" => search(run, of, name, given),
        "removeprefix" | "removesuffix" => {
            let [affix] = positional(name, given, 1)?;
            let affix = affix.unwrap_or(Value::None);
            let affix = text(&affix, name)?;
            let rest = if name == "removeprefix" { of.strip_prefix(affix) } else { of.strip_suffix(affix) };
            Ok(value.alike(rest.unwrap_or(of)))
        }
        "replace" => {
            let [from, to, most] = positional(name, given, 2)?;
            let most = most.map_or(Ok(-1), |most| int(&most, name))?;
            let (from, to) = (from.unwrap_or(Value::None), to.unwrap_or(Value::None));
            text(&from, name)?;
            text(&to, name)?;
            if matches!(value, Value::Markup(_)) {
                return replaced(run, of, &escaped(&from), &escaped(&to), most).map(|out| value.alike(out));
            }
            replaced(run, of, text(&from, name)?, text(&to, name)?, most).map(|out| value.alike(out))
        }
        "join" => {
            let [parts] = positional(name, given, 1)?;
            let parts = run.items(&parts.unwrap_or(Value::None))?;
            let mut out = String::new();
            for (n, part) in parts.iter().enumerate() {
                let part_text = text(part, "join")?;
                run.pay_text(part_text.len() + of.len())?;
                out.push_str(if n > 0 { of } else { "" });
                if matches!(value, Value::Markup(_)) {
                    out.push_str(&escaped(part));
                } else {
                    out.push_str(part_text);
                }
            }
            Ok(value.alike(out))
        }
        "format" | "format_map" => {
            if matches!(value, Value::Markup(_)) {
                return fail("format of an escaped text is not known");
            }
            let given = if name == "format" { given } else { mapping(given)? };
            format::braces(run, of, given).map(Value::str)
        }
        "center" | "ljust" | "rjust" | "zfill" => {
            let [width, fill] = positional(name, given, 1)?;
            let fill = fill.map_or(Ok(' '), |fill| single(&fill))?;
            let width = int(&width.unwrap_or(Value::None), name)?;
            padded(run, of, width, fill, name).map(|out| value.alike(out))
        }
        "expandtabs" | "encode" | "isidentifier" | "translate" | "maketrans" | "istitle" => {
            fail(format!("the method '{name}' of texts is not known"))
        }
        _ => {
            given.none(name)?;
            plain(of, name).map(|out| match out {
                Value::Str(text) => value.alike(text),
                other => other,
            })
        }
    }
}

/// Arguments that Python takes by order only.
fn positional<const N: usize>(name: &str, given: Given, required: usize) -> R<[Option<Value>; N]> {
    given.bind(name, [""; N], required)
}

fn mapping(given: Given) -> R<Given> {
    let [map] = given.bind("format_map", ["mapping"], 1)?;
    let Some(Value::Dict(map)) = map else {
        return fail("format_map takes a dictionary");
    };
    let named = map.entries.iter().filter_map(|(key, value)| Some((key.as_str()?.into(), value.clone())));
    Ok(Given { args: Vec::new(), named: named.collect() })
}

pub(super) fn single(value: &Value) -> R<char> {
    let mut chars = text(value, "the fill character")?.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(c),
        _ => fail("the fill character must be exactly one character"),
    }
}

/// Methods that look at the text alone.
fn plain(of: &str, name: &str) -> R<Value> {
    let all = |kind: fn(char) -> bool| Value::Bool(!of.is_empty() && of.chars().all(kind));
    let cased = |good: fn(char) -> bool| {
        let mut cased = of.chars().filter(|&c| unicode::is_cased(c)).peekable();
        Value::Bool(cased.peek().is_some() && cased.all(good))
    };
    Ok(match name {
        "upper" => Value::str(of.to_uppercase()),
        "lower" => Value::str(of.to_lowercase()),
        "casefold" if of.is_ascii() => Value::str(of.to_ascii_lowercase()),
        "casefold" => return fail("casefold of other than ASCII is not known"),
        "capitalize" => Value::str(capitalized(of)),
        "title" => Value::str(titled(of)),
        "swapcase" => {
            let mut out = String::with_capacity(of.len());
            for c in of.chars() {
                match c {
                    'Σ' => return fail("swapcase of Σ is not known"),
                    c if c.is_uppercase() => out.extend(c.to_lowercase()),
                    c if c.is_lowercase() => out.extend(c.to_uppercase()),
                    c => out.push(c),
                }
            }
            Value::str(out)
        }
        "isalpha" => all(unicode::is_alphabetic),
        "isalnum" => all(unicode::is_alphanumeric),
        "isdecimal" => all(unicode::is_decimal),
        "isdigit" | "isnumeric" => {
            // Which of the other numbers are digits is in no table here.
            if of.chars().any(|c| {
                !c.is_ascii()
                    && !unicode::is_decimal(c)
                    && (unicode::is_numeric(c) || name == "isnumeric" && unicode::is_alphabetic(c))
            }) {
                return fail(format!("{name} of this text is not known"));
            }
            all(unicode::is_decimal)
        }
        "isspace" => all(is_space),
        "isascii" => Value::Bool(of.is_ascii()),
        "isprintable" => Value::Bool(of.chars().all(unicode::is_printable)),
        "islower" => cased(|c| c.is_lowercase()),
        "isupper" => cased(|c| c.is_uppercase()),
        _ => return fail(format!("the method '{name}' of texts is not known")),
    })
}

pub(super) fn stripped<'t>(of: &'t str, chars: Option<&str>, name: &str) -> &'t str {
    let gone = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    match name {
        "strip" => of.trim_matches(gone),
        "lstrip" => of.trim_start_matches(gone),
        _ => of.trim_end_matches(gone),
    }
}

pub(super) fn capitalized(of: &str) -> String {
    let mut out = String::with_capacity(of.len());
    if let Some(first) = of.chars().next() {
        unicode::push_title(first, &mut out);
    }
    out + &unicode::lower_rest(of)
}

fn titled(of: &str) -> String {
    let mut out = String::with_capacity(of.len());
    let mut rest = of;
    while let Some(start) = rest.find(unicode::is_cased) {
        let end = rest[start..].find(|c| !unicode::is_cased(c)).map_or(rest.len(), |end| start + end);
        out.push_str(&rest[..start]);
        out.push_str(&capitalized(&rest[start..end]));
        rest = &rest[end..];
    }
    out + rest
}

pub(super) fn lines(of: &str, keep: bool) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = of;
    while let Some(at) = rest.find(is_line_end) {
        let end = if rest[at..].starts_with("\r\n") {
            at + 2
        } else {
            at + rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        out.push(if keep { &rest[..end] } else { &rest[..at] });
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        out.push(rest);
    }
    out
}

pub(super) fn padded(run: &mut Run<'_>, of: &str, width: i128, fill: char, name: &str) -> R<String> {
    let length = of.chars().count();
    let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
    let missing = width.saturating_sub(length);
    run.pay_text(missing.saturating_mul(fill.len_utf8()))?;
    let pad = |n: usize| std::iter::repeat_n(fill, n).collect::<String>();
    Ok(match name {
        "ljust" => of.to_owned() + &pad(missing),
        "rjust" => pad(missing) + of,
        "center" => {
            let left = missing / 2 + (missing & width & 1);
            pad(left) + of + &pad(missing - left)
        }
        _ => {
            let sign = usize::from(of.starts_with(['+', '-']));
            let zeros: String = std::iter::repeat_n('0', missing).collect();
            format!("{}{zeros}{}", &of[..sign], &of[sign..])
        }
    })
}

pub(super) fn replaced(run: &mut Run<'_>, of: &str, from: &str, to: &str, most: i128) -> R<String> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    // What may come out is paid for before it is made.
    let found = if from.is_empty() { of.chars().count() + 1 } else { of.matches(from).count() };
    run.pay_text(of.len().saturating_add(found.min(most).saturating_mul(to.len())))?;
    Ok(of.replacen(from, to, most))
}

fn search(run: &mut Run<'_>, of: &str, name: &str, given: Given) -> R<Value> {
    let [part, start, end] = positional(name, given, 1)?;
    let part = part.unwrap_or(Value::None);
    let bound = |value: Option<Value>| match value {
        None | Some(Value::None) => Ok(None),
        Some(value) => int(&value, name).map(Some),
    };
    let (start, end) = (bound(start)?, bound(end)?);
    let length = of.chars().count() as i128;
    let clamp = |n: i128| (if n < 0 { n.saturating_add(length) } else { n }).clamp(0, length);
    let (from, to) = (start.map_or(0, clamp), end.map_or(length, clamp));
    // Beyond the end not even an empty text is found.
    let outside = from > to || start.is_some_and(|start| start > length);
    let byte = |n: i128| of.char_indices().nth(n as usize).map_or(of.len(), |(at, _)| at);
    let within = if outside { "" } else { &of[byte(from)..byte(to)] };
    if name == "startswith" || name == "endswith" {
        let parts = match &part {
            Value::Tuple(parts) => parts.items.clone(),
            part => vec![part.clone()],
        };
        let mut any = false;
        for part in &parts {
            let part = text(part, name)?;
            run.pay_text(part.len())?;
            any |= !outside && if name == "startswith" { within.starts_with(part) } else { within.ends_with(part) };
        }
        return Ok(Value::Bool(any));
    }
    let part = text(&part, name)?;
    if name == "count" {
        return Ok(Value::from(if outside { 0 } else { within.matches(part).count() }));
    }
    let at = if name.starts_with('r') { within.rfind(part) } else { within.find(part) }.filter(|_| !outside);
    match at {
        Some(at) => Ok(Value::Int(from + within[..at].chars().count() as i128)),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => fail("substring not found"),
    }
}

fn split(run: &mut Run<'_>, value: &Value, name: &str, given: Given) -> R<Value> {
    let of = value.as_str().unwrap_or_default();
    let [separator, most] = given.bind(name, ["sep", "maxsplit"], 0)?;
    let separator = separator.filter(|separator| !matches!(separator, Value::None));
    let separator = separator.as_ref().map(|separator| text(separator, name)).transpose()?;
    if separator == Some("") {
        return fail("empty separator");
    }
    // One more part than cuts; a negative number is no limit.
    let most = most.map_or(Ok(-1), |most| int(&most, name))?;
    let parts = usize::try_from(most).map_or(usize::MAX, |most| most.saturating_add(1));
    let from_end = name == "rsplit";
    let mut found: Vec<&str> = match (separator, from_end) {
        (Some(separator), false) => of.splitn(parts, separator).collect(),
        (Some(separator), true) => of.rsplitn(parts, separator).collect(),
        (None, false) => {
            let mut found = Vec::new();
            let mut rest = of.trim_start_matches(is_space);
            while !rest.is_empty() && found.len() + 1 < parts {
                let end = rest.find(is_space).unwrap_or(rest.len());
                found.push(&rest[..end]);
                rest = rest[end..].trim_start_matches(is_space);
            }
            found.extend(Some(rest).filter(|rest| !rest.is_empty()));
            found
        }
        (None, true) => {
            let mut found = Vec::new();
            let mut rest = of.trim_end_matches(is_space);
            while !rest.is_empty() && found.len() + 1 < parts {
                let start = rest.char_indices().rfind(|&(_, c)| is_space(c)).map_or(0, |(at, c)| at + c.len_utf8());
                found.push(&rest[start..]);
                rest = rest[..start].trim_end_matches(is_space);
            }
            found.extend(Some(rest).filter(|rest| !rest.is_empty()));
            found
        }
    };
    if from_end {
        found.reverse();
    }
    run.pay(found.len())?;
    Value::list(found.into_iter().map(|part| value.alike(part)).collect())
}
