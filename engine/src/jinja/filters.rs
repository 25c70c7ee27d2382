//! The filters: their names, and those of single values and texts. Those of lists are in `sequences`.
//!
//! Source: Jinja2's `filters`.

use super::given::{Given, int, text};
use super::run::Run;
use super::strings::{capitalized, escape, escaped, lines, padded, replaced, stripped};
use super::unicode::{self, is_space};
use super::value::{Value, View};
use super::{R, fail, format, json, numbers, operators, quoted, sequences};
use std::sync::Arc;

const FILTERS: [&str; 54] = [
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "items",
    "map",
    "min",
    "max",
    "pprint",
    "random",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "urlize",
    "wordcount",
    "wordwrap",
    "xmlattr",
    "tojson",
];

pub(super) fn exists(name: &str) -> bool {
    FILTERS.contains(&name)
}

pub(super) fn apply(run: &mut Run<'_>, name: &str, value: &Value, given: Given) -> R<Value> {
    run.pay_text(value.as_str().map_or(0, str::len))?;
    match name {
        "default" | "d" => {
            let [default, boolean] = given.bind(name, ["default_value", "boolean"], 0)?;
            let boolean = boolean.map_or(Ok(false), |boolean| run.truth(&boolean))?;
            let missing = value.is_undefined() || boolean && !run.truth(value)?;
            Ok(if missing { default.unwrap_or_else(|| Value::str("")) } else { value.clone() })
        }
        "tojson" => json::to_json(run, value, given),
        "abs" => {
            given.none(name)?;
            match (value, value.as_int()) {
                (Value::Float(x), _) => Ok(Value::Float(x.abs())),
                (_, Some(n)) => Ok(Value::Int(n.abs())),
                _ => value.refused(|kind| format!("abs of {kind}")),
            }
        }
        "int" | "float" | "round" => number(run, name, value, given),
        "length" | "count" => {
            given.none(name)?;
            match run.length_if_known(value)? {
                Some(length) => Ok(Value::from(length)),
                None => value.refused(|kind| format!("object of type '{kind}' has no len()")),
            }
        }
        "attr" => {
            let [attribute] = given.bind(name, ["name"], 1)?;
            let attribute = attribute.unwrap_or(Value::None);
            let attribute = text(&attribute, name)?;
            match value {
                Value::Dict(map) if map.get_text(attribute).is_some() => {
                    let own = run.attribute(&Value::Dict(Arc::default()), attribute)?;
                    Ok(own.clone())
                }
                _ => run.attribute(value, attribute),
            }
        }
        "items" => {
            given.none(name)?;
            match value {
                Value::Undefined(_) => run.iterator(Vec::new()),
                Value::Dict(map) => {
                    let items = run.items(&Value::View(View::Items, map.clone()))?;
                    run.iterator(items)
                }
                _ => fail("only a dictionary has pairs"),
            }
        }
        "pprint" | "random" | "striptags" | "urlize" | "wordwrap" | "xmlattr" => {
            fail(format!("the filter '{name}' is not known here"))
        }
        "upper" | "lower" | "capitalize" | "title" | "trim" | "string" | "safe" | "escape" | "e" | "forceescape"
        | "center" | "replace" | "indent" | "truncate" | "wordcount" | "format" | "urlencode" | "filesizeformat" => {
            of_text(run, name, value, given)
        }
        name if exists(name) => sequences::apply(run, name, value, given),
        name => fail(format!("no filter is named {}", quoted(name))),
    }
}

fn of_text(run: &mut Run<'_>, name: &str, value: &Value, given: Given) -> R<Value> {
    let of = run.string(value)?;
    run.pay_text(of.len())?;
    match name {
        "upper" => given.none(name).map(|()| value.alike(of.to_uppercase())),
        "lower" => given.none(name).map(|()| value.alike(of.to_lowercase())),
        "capitalize" => given.none(name).map(|()| value.alike(capitalized(&of))),
        "title" => given.none(name).map(|()| Value::str(titled(&of))),
        "string" => given.none(name).map(|()| value.alike(&*of)),
        "safe" => given.none(name).map(|()| Value::Markup((&*of).into())),
        "escape" | "e" => {
            given.none(name)?;
            Ok(Value::Markup(if value.as_str().is_some() { escaped(value).into() } else { escape(&of).into() }))
        }
        "forceescape" => given.none(name).map(|()| Value::Markup(escape(&of).into())),
        "wordcount" => {
            given.none(name)?;
            Ok(Value::from(of.split(|c| !unicode::is_word(c)).filter(|word| !word.is_empty()).count()))
        }
        "trim" => {
            let [chars] = given.bind(name, ["chars"], 0)?;
            let chars = chars.filter(|chars| !matches!(chars, Value::None));
            let chars = chars.as_ref().map(|chars| text(chars, name)).transpose()?;
            run.pay_text(of.len().saturating_mul(chars.map_or(0, str::len)))?;
            Ok(value.alike(stripped(&of, chars, "strip")))
        }
        "center" => {
            let [width] = given.bind(name, ["width"], 0)?;
            let width = width.map_or(Ok(80), |width| int(&width, name))?;
            padded(run, &of, width, ' ', name).map(|out| value.alike(out))
        }
        "replace" => {
            let [from, to, most] = given.bind(name, ["old", "new", "count"], 2)?;
            let (from, to) = (from.unwrap_or(Value::None), to.unwrap_or(Value::None));
            let (from, to) = (run.string(&from)?, run.string(&to)?);
            let most = most.filter(|most| !matches!(most, Value::None));
            let most = most.map_or(Ok(-1), |most| int(&most, name))?;
            replaced(run, &of, &from, &to, most).map(Value::str)
        }
        "format" => {
            let args = match (given.args.is_empty(), given.named.is_empty()) {
                (false, false) => return fail("format takes values in order or by name, not both"),
                (_, true) => Value::tuple(given.args)?,
                (true, false) => Value::dict(given.named)?,
            };
            if matches!(value, Value::Markup(_)) {
                return fail("format of an escaped text is not known");
            }
            format::percent(run, &Value::str(&*of), &args).map(Value::str)
        }
        "indent" => indented(run, value, given),
        "truncate" => truncated(value, given),
        "urlencode" => {
            given.none(name)?;
            if run.length_if_known(value)?.is_some() && value.as_str().is_none() {
                return fail("urlencode of a list or dictionary is not known");
            }
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-~/".contains(&b);
            let byte = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
            Ok(Value::str(of.bytes().map(byte).collect::<String>()))
        }
        _ => {
            let [binary] = given.bind(name, ["binary"], 0)?;
            let binary = binary.map_or(Ok(false), |binary| run.truth(&binary))?;
            file_size(value, binary)
        }
    }
}

fn file_size(value: &Value, binary: bool) -> R<Value> {
    let Some(bytes) = value.as_str().map_or_else(|| value.as_float(), numbers::parse_float) else {
        return value.refused(|kind| format!("filesizeformat of {kind}"));
    };
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return Ok(Value::str("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::str(format!("{} Bytes", bytes.trunc() as i128)));
    }
    if !bytes.is_finite() {
        return fail("filesizeformat of no number");
    }
    let mut unit = base;
    let prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
    for (n, prefix) in prefixes.iter().enumerate() {
        unit *= base;
        if bytes < unit || n + 1 == prefixes.len() {
            let prefix = if binary { format!("{}iB", prefix.to_uppercase()) } else { format!("{prefix}B") };
            return Ok(Value::str(format!("{:.1} {prefix}", base * bytes / unit)));
        }
    }
    fail("filesizeformat of no number")
}

/// Words begin after blanks, hyphens and opening brackets here, and nowhere else.
fn titled(of: &str) -> String {
    let between = |c: char| is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
    let mut out = String::with_capacity(of.len());
    let mut rest = of;
    while !rest.is_empty() {
        let start = rest.find(|c| !between(c)).unwrap_or(rest.len());
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(between).unwrap_or(rest.len());
        let word = &rest[..end];
        let mut chars = word.chars();
        if let Some(first) = chars.next() {
            out.extend(first.to_uppercase());
            out.push_str(&chars.as_str().to_lowercase());
        }
        rest = &rest[end..];
    }
    out
}

fn indented(run: &mut Run<'_>, value: &Value, given: Given) -> R<Value> {
    let [width, first, blank] = given.bind("indent", ["width", "first", "blank"], 0)?;
    let of = text(value, "indent")?;
    let width = width.unwrap_or(Value::Int(4));
    let indent = match width.as_str() {
        Some(text) => text.to_owned(),
        None => {
            let width = usize::try_from(int(&width, "indent")?.max(0)).unwrap_or(usize::MAX);
            run.pay_text(width)?;
            " ".repeat(width)
        }
    };
    let mut truth = |value: Option<Value>| value.map_or(Ok(false), |value| run.truth(&value));
    let (first, blank) = (truth(first)?, truth(blank)?);
    let of = format!("{of}\n");
    let lines = lines(&of, false);
    run.pay_text(of.len().saturating_add(lines.len().saturating_mul(indent.len())))?;
    let mut out = if first { indent.clone() } else { String::new() };
    for (n, line) in lines.into_iter().enumerate() {
        if n > 0 {
            out.push('\n');
            out.push_str(if blank || !line.is_empty() { &indent } else { "" });
        }
        out.push_str(line);
    }
    Ok(value.alike(out))
}

fn truncated(value: &Value, given: Given) -> R<Value> {
    let names = ["length", "killwords", "end", "leeway"];
    let [length, killwords, end, leeway] = given.bind("truncate", names, 0)?;
    let length = length.map_or(Ok(255), |length| int(&length, "truncate"))?;
    let leeway = leeway.filter(|leeway| !matches!(leeway, Value::None));
    let leeway = leeway.map_or(Ok(5), |leeway| int(&leeway, "truncate"))?;
    let killwords = killwords.is_some_and(|kill| !matches!(kill, Value::Bool(false) | Value::None | Value::Int(0)));
    let end = end.unwrap_or_else(|| Value::str("..."));
    let (of, end) = (text(value, "truncate")?, text(&end, "truncate")?);
    let width = end.chars().count() as i128;
    if length < width || leeway < 0 {
        return fail(format!("truncate: a length of {length} with an end of {width} and a leeway of {leeway}"));
    }
    if of.chars().count() as i128 <= length.saturating_add(leeway) {
        return Ok(value.clone());
    }
    let kept: String = of.chars().take((length - width) as usize).collect();
    let kept = if killwords { kept.as_str() } else { kept.rsplit_once(' ').map_or(kept.as_str(), |(kept, _)| kept) };
    Ok(value.alike(format!("{kept}{end}")))
}

fn number(run: &mut Run<'_>, name: &str, value: &Value, given: Given) -> R<Value> {
    if let Some(fault) = value.misused() {
        return Err(fault);
    }
    match name {
        "int" => {
            let [default, base] = given.bind(name, ["default", "base"], 0)?;
            let base = base.map_or(Ok(10), |base| int(&base, name))?;
            let default = default.unwrap_or(Value::Int(0));
            match (value.as_str(), value.as_int(), value) {
                (Some(of), ..) => match numbers::parse_int(of, base)? {
                    Some(n) => Ok(Value::Int(n)),
                    None => match numbers::parse_float(of).filter(|x| x.is_finite()) {
                        Some(x) => truncated_float(x),
                        None => Ok(default),
                    },
                },
                (None, Some(n), _) => Ok(Value::Int(n)),
                (None, None, Value::Float(x)) if x.is_infinite() => fail("cannot convert float infinity to integer"),
                (None, None, Value::Float(x)) if x.is_nan() => Ok(default),
                (None, None, Value::Float(x)) => truncated_float(*x),
                _ => Ok(default),
            }
        }
        "float" => {
            let [default] = given.bind(name, ["default"], 0)?;
            let parsed = value.as_str().map_or_else(|| value.as_float(), numbers::parse_float);
            Ok(parsed.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
        }
        _ => rounded(run, value, given),
    }
}

fn truncated_float(x: f64) -> R<Value> {
    if x.abs() >= 1.7e38 {
        fail("a whole number over 127 bits is not known")
    } else {
        Ok(Value::Int(x.trunc() as i128))
    }
}

fn rounded(run: &mut Run<'_>, value: &Value, given: Given) -> R<Value> {
    let [precision, method] = given.bind("round", ["precision", "method"], 0)?;
    let precision = precision.unwrap_or(Value::Int(0));
    let method = method.unwrap_or_else(|| Value::str("common"));
    let method = text(&method, "round")?;
    if !matches!(method, "common" | "ceil" | "floor") {
        return fail("method must be common, ceil or floor");
    }
    let digits = int(&precision, "round")?;
    if method == "common" {
        return match (value.as_int(), value.as_float()) {
            (Some(n), _) if digits >= 0 => Ok(Value::Int(n)),
            (None, Some(x)) if !x.is_finite() || digits > 330 => Ok(Value::Float(x)),
            (None, Some(x)) if digits >= 0 => {
                let text = format!("{x:.*}", digits as usize);
                Ok(Value::Float(text.parse().unwrap_or(x)))
            }
            (None, None) => value.refused(|kind| format!("round of {kind}")),
            _ => fail("round to less than whole numbers is not known"),
        };
    }
    let Some(_) = value.as_float() else {
        return value.refused(|kind| format!("round of {kind}"));
    };
    let scale = run.binary(super::syntax::Binary::Power, &Value::Int(10), &precision)?;
    let scaled = run.binary(super::syntax::Binary::Multiply, value, &scale)?;
    let whole = match scaled {
        Value::Float(x) if !x.is_finite() => return fail("round of no number"),
        Value::Float(x) => truncated_float(if method == "ceil" { x.ceil() } else { x.floor() })?,
        other => other,
    };
    let scale = operators::signed(&scale, false)?;
    run.binary(super::syntax::Binary::Divide, &whole, &scale)
}
