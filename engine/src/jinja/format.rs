//! `%` of texts and `str.format`.
//!
//! Source: the Python library reference, "printf-style String Formatting" and "Format Specification Mini-Language".

use super::given::{Given, int};
use super::run::Run;
use super::value::Value;
use super::{R, fail, print};

/// How a value is to be written.
#[derive(Debug, Default, Clone)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `of % args`.
pub(super) fn percent(run: &mut Run<'_>, of: &Value, args: &Value) -> R<String> {
    let of = of.as_str().unwrap_or_default();
    run.pay_text(of.len())?;
    let (mut left, tuple) = match args {
        Value::Tuple(seq) => (seq.items.clone(), true),
        other => (vec![other.clone()], false),
    };
    left.reverse();
    let mut out = String::new();
    let mut chars = of.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = Spec::default();
        let mut named = None;
        if chars.next_if_eq(&'(').is_some() {
            let mut name = String::new();
            let mut open = 1;
            for c in chars.by_ref() {
                open += i32::from(c == '(') - i32::from(c == ')');
                if open == 0 {
                    break;
                }
                name.push(c);
            }
            let Value::Dict(map) = args else {
                return fail("format requires a mapping");
            };
            let Some(value) = map.get_text(&name).filter(|_| open == 0) else {
                return fail(format!("% finds nothing under {}", super::quoted(&name)));
            };
            named = Some(value.clone());
        }
        let mut take = || left.pop().map_or_else(|| fail("not enough arguments for format string"), Ok);
        while let Some(flag) = chars.next_if(|c| "-+ #0".contains(*c)) {
            match flag {
                '-' => spec.align = Some('<'),
                '+' => spec.sign = Some('+'),
                ' ' => spec.sign = spec.sign.or(Some(' ')),
                '#' => spec.alternate = true,
                _ => spec.zero = true,
            }
        }
        let mut digits = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| -> R<Option<i128>> {
            if chars.next_if_eq(&'*').is_some() {
                return int(&take()?, "the width of %").map(Some);
            }
            let mut number = String::new();
            while let Some(c) = chars.next_if(char::is_ascii_digit) {
                number.push(c);
            }
            if number.is_empty() { Ok(None) } else { Ok(Some(number.parse().unwrap_or(i128::MAX))) }
        };
        let width = digits(&mut chars)?.unwrap_or(0);
        if width < 0 {
            spec.align = Some('<');
        }
        spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX);
        if chars.next_if_eq(&'.').is_some() {
            let precision = digits(&mut chars)?.unwrap_or(0);
            spec.precision = Some(usize::try_from(precision.max(0)).unwrap_or(usize::MAX));
        }
        chars.next_if(|c| matches!(c, 'h' | 'l' | 'L'));
        let Some(kind) = chars.next() else {
            return fail("incomplete format");
        };
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match named {
            Some(value) => value,
            None => take()?,
        };
        percent_one(run, &mut spec, kind, &value, &mut out)?;
    }
    let mapping = matches!(args, Value::Dict(_) | Value::List(_) | Value::Range(_));
    if !left.is_empty() && (tuple || !mapping) {
        return fail("not all arguments converted during string formatting");
    }
    Ok(out)
}

fn percent_one(run: &mut Run<'_>, spec: &mut Spec, kind: char, value: &Value, out: &mut String) -> R<()> {
    let left = spec.align == Some('<');
    spec.align = Some(if left { '<' } else { '>' });
    match kind {
        's' | 'r' => {
            spec.zero = false;
            let text = if kind == 's' { run.string(value)?.into_owned() } else { run.repr(value)? };
            padded_text(run, spec, &text, out)
        }
        'c' => {
            spec.zero = false;
            let c = match (value.as_str(), value.as_int()) {
                (Some(_), _) => super::strings::single(value)?,
                (None, Some(n)) => match u32::try_from(n).ok().and_then(char::from_u32) {
                    Some(c) => c,
                    None => return fail("%c is given no character"),
                },
                _ => return value.refused(|kind| format!("%c requires a character, not {kind}")),
            };
            spec.precision = None;
            padded_text(run, spec, &c.to_string(), out)
        }
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
            let decimal = matches!(kind, 'd' | 'i' | 'u');
            let n = match (value, value.as_int()) {
                (_, Some(n)) => n,
                (Value::Float(x), _) if decimal && x.abs() < 1.7e38 => x.trunc() as i128,
                _ => return value.refused(|of| format!("%{kind} requires a whole number, not {of}")),
            };
            spec.kind = Some(if decimal { 'd' } else { kind });
            let (sign, prefix, mut digits) = whole(spec, n);
            if let Some(precision) = spec.precision {
                run.pay_text(precision)?;
                digits = "0".repeat(precision.saturating_sub(digits.len())) + &digits;
            }
            spec.zero &= !left;
            padded_number(run, spec, &sign, &prefix, &digits, out)
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let Some(x) = value.as_float() else {
                return value.refused(|of| format!("%{kind} requires a number, not {of}"));
            };
            spec.kind = Some(kind);
            spec.zero &= !left;
            let digits = float_digits(run, spec, x)?;
            let sign = sign_of(spec, x.is_sign_negative() && !x.is_nan());
            padded_number(run, spec, sign, "", &digits, out)
        }
        kind => fail(format!("%{kind} is not known")),
    }
}

fn sign_of(spec: &Spec, negative: bool) -> &'static str {
    match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    }
}

fn whole(spec: &Spec, n: i128) -> (String, String, String) {
    let magnitude = n.unsigned_abs();
    let (digits, prefix) = match spec.kind {
        Some('x') => (format!("{magnitude:x}"), "0x"),
        Some('X') => (format!("{magnitude:X}"), "0X"),
        Some('o') => (format!("{magnitude:o}"), "0o"),
        Some('b') => (format!("{magnitude:b}"), "0b"),
        _ => (magnitude.to_string(), ""),
    };
    let prefix = if spec.alternate { prefix } else { "" };
    (sign_of(spec, n < 0).to_owned(), prefix.to_owned(), digits)
}

/// The digits of a float's magnitude.
fn float_digits(run: &mut Run<'_>, spec: &Spec, x: f64) -> R<String> {
    let kind = spec.kind.unwrap_or('f');
    let x = x.abs();
    let precision = spec.precision.unwrap_or(6);
    if precision > 1000 {
        return fail(format!("a precision of {precision} digits is over the limit of 1000"));
    }
    run.pay_text(precision + 310)?;
    if !x.is_finite() {
        let text = if x.is_nan() { "nan" } else { "inf" };
        return Ok(if kind.is_uppercase() { text.to_uppercase() } else { text.to_owned() });
    }
    let exponential = |digits: usize| {
        let text = format!("{x:.digits$e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        (digits.to_owned(), exponent.parse::<i32>().unwrap_or_default())
    };
    let shown = |digits: &str, exponent: i32| {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    };
    let text = match kind.to_ascii_lowercase() {
        'e' => {
            let (digits, exponent) = exponential(precision);
            shown(&digits, exponent)
        }
        'g' => {
            let precision = precision.max(1);
            let (digits, exponent) = exponential(precision - 1);
            let short = |text: &str| {
                let whole = spec.alternate || !text.contains('.');
                if whole { text.to_owned() } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
            };
            if (-4..precision as i32).contains(&exponent) {
                short(&format!("{x:.*}", (precision as i32 - 1 - exponent) as usize))
            } else {
                shown(&short(&digits), exponent)
            }
        }
        '%' => format!("{:.precision$}%", x * 100.0),
        _ => format!("{x:.precision$}"),
    };
    if spec.alternate && !text.contains('.') {
        return fail("'#' for a float without a point is not known");
    }
    Ok(if kind.is_uppercase() { text.to_uppercase() } else { text })
}

fn padded_text(run: &mut Run<'_>, spec: &Spec, text: &str, out: &mut String) -> R<()> {
    let text: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
    padded_number(run, spec, "", "", &text, out)
}

/// Writes sign, prefix and digits in the width that is asked for.
fn padded_number(run: &mut Run<'_>, spec: &Spec, sign: &str, prefix: &str, digits: &str, out: &mut String) -> R<()> {
    let length = sign.chars().count() + prefix.len() + digits.chars().count();
    let missing = spec.width.saturating_sub(length);
    run.pay_text(missing.saturating_mul(spec.fill.map_or(1, char::len_utf8)).saturating_add(digits.len()))?;
    let inside = spec.zero && spec.fill.is_none();
    let fill = spec.fill.unwrap_or(if inside { '0' } else { ' ' });
    let align = if inside { '=' } else { spec.align.unwrap_or('>') };
    let (before, within, after) = match align {
        '<' => (0, 0, missing),
        '^' => (missing / 2, 0, missing - missing / 2),
        '=' => (0, missing, 0),
        _ => (missing, 0, 0),
    };
    let pad = |out: &mut String, n: usize| out.extend(std::iter::repeat_n(fill, n));
    pad(out, before);
    out.push_str(sign);
    out.push_str(prefix);
    pad(out, within);
    out.push_str(digits);
    pad(out, after);
    Ok(())
}

/// `of.format(...)`: fields by place or name, attributes and elements of them, and what stands behind a colon.
pub(super) fn braces(run: &mut Run<'_>, of: &str, given: Given) -> R<String> {
    run.pay_text(of.len())?;
    let mut out = String::new();
    let mut next = Some(0);
    let mut rest = of;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, field) = rest.split_at(at);
        out.push_str(before);
        if field.starts_with("{{") || field.starts_with("}}") {
            out.push_str(&field[..1]);
            rest = &field[2..];
            continue;
        }
        let Some((field, after)) = field.strip_prefix('{').and_then(|field| field.split_once('}')) else {
            return fail("a bracket of format stands alone");
        };
        if field.contains('{') {
            return fail("fields within fields of format are not known");
        }
        rest = after;
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = name.split_once('!').map_or((name, None), |(name, c)| (name, Some(c)));
        let value = field_value(run, name, &given, &mut next)?;
        let value = match conversion {
            None => value,
            Some("s") => Value::str(&*run.string(&value)?),
            Some("r") => Value::str(run.repr(&value)?),
            Some(_) => return fail("this conversion of format is not known"),
        };
        formatted(run, &value, spec, &mut out)?;
    }
    out.push_str(rest);
    Ok(out)
}

fn field_value(run: &mut Run<'_>, field: &str, given: &Given, next: &mut Option<usize>) -> R<Value> {
    let end = field.find(['.', '[']).unwrap_or(field.len());
    let (name, mut path) = field.split_at(end);
    let place = match name.parse::<usize>() {
        Ok(place) => {
            if next.is_some_and(|next| next > 0) {
                return fail("format numbers all fields or none");
            }
            *next = None;
            Some(place)
        }
        Err(_) if name.is_empty() => match next {
            Some(place) => {
                *place += 1;
                Some(*place - 1)
            }
            None => return fail("format numbers all fields or none"),
        },
        Err(_) => None,
    };
    let found = match place {
        Some(place) => given.args.get(place),
        None => given.named.iter().find(|(known, _)| **known == *name).map(|(_, value)| value),
    };
    let Some(mut value) = found.cloned() else {
        return fail(format!("format finds nothing under {}", super::quoted(name)));
    };
    while !path.is_empty() {
        let (key, after, attribute) = match path.strip_prefix('.') {
            Some(rest) => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                (&rest[..end], &rest[end..], true)
            }
            None => match path[1..].split_once(']') {
                Some((key, after)) => (key, after, false),
                None => return fail("a field of format does not end"),
            },
        };
        value = match (attribute, key.parse::<i128>()) {
            (true, _) => run.attribute(&value, key)?,
            (false, Ok(n)) => run.item(&value, &Value::Int(n))?,
            (false, Err(_)) => run.item(&value, &Value::str(key))?,
        };
        path = after;
    }
    Ok(value)
}

fn parse_spec(text: &str) -> R<Spec> {
    let mut spec = Spec::default();
    let mut chars = text.chars().peekable();
    let mut ahead = text.chars();
    match (ahead.next(), ahead.next()) {
        (fill, Some(align @ ('<' | '>' | '^' | '='))) => {
            (spec.fill, spec.align) = (fill, Some(align));
            chars.next();
            chars.next();
        }
        (Some(align @ ('<' | '>' | '^' | '=')), _) => {
            spec.align = Some(align);
            chars.next();
        }
        _ => {}
    }
    spec.sign = chars.next_if(|c| matches!(c, '+' | '-' | ' '));
    spec.alternate = chars.next_if_eq(&'#').is_some();
    spec.zero = chars.next_if_eq(&'0').is_some();
    let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        let mut digits = String::new();
        while let Some(c) = chars.next_if(char::is_ascii_digit) {
            digits.push(c);
        }
        (!digits.is_empty()).then(|| digits.parse().unwrap_or(usize::MAX))
    };
    spec.width = number(&mut chars).unwrap_or(0);
    spec.grouping = chars.next_if(|c| matches!(c, ',' | '_'));
    if chars.next_if_eq(&'.').is_some() {
        spec.precision = Some(number(&mut chars).map_or_else(|| fail("Format specifier missing precision"), Ok)?);
    }
    spec.kind = chars.next();
    if chars.next().is_some() {
        return fail(format!("format does not know {}", super::quoted(text)));
    }
    Ok(spec)
}

fn formatted(run: &mut Run<'_>, value: &Value, spec: &str, out: &mut String) -> R<()> {
    let mut parsed = parse_spec(spec)?;
    let unknown = || fail(format!("format of {} does not know {}", value.type_name(), super::quoted(spec)));
    match (value, parsed.kind) {
        (Value::Int(n), None | Some('d' | 'x' | 'X' | 'o' | 'b')) if parsed.precision.is_none() => {
            let (sign, prefix, digits) = whole(&parsed, *n);
            let digits = grouped(&parsed, digits)?;
            padded_number(run, &parsed, &sign, &prefix, &digits, out)
        }
        (Value::Int(_) | Value::Float(_), Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%')) => {
            let x = value.as_float().unwrap_or_default();
            let digits = float_digits(run, &parsed, x)?;
            let digits = grouped(&parsed, digits)?;
            let sign = sign_of(&parsed, x.is_sign_negative() && !x.is_nan());
            padded_number(run, &parsed, sign, "", &digits, out)
        }
        (Value::Float(x), None) if parsed.precision.is_none() && !parsed.alternate => {
            let digits = grouped(&parsed, print::float(x.abs()))?;
            let sign = sign_of(&parsed, x.is_sign_negative() && !x.is_nan());
            padded_number(run, &parsed, sign, "", &digits, out)
        }
        (Value::Int(_) | Value::Float(_), _) => unknown(),
        (Value::Str(text), None | Some('s')) => {
            if parsed.sign.is_some()
                || parsed.grouping.is_some()
                || parsed.alternate
                || parsed.align == Some('=')
                || parsed.zero
            {
                return unknown();
            }
            parsed.align = parsed.align.or(Some('<'));
            padded_text(run, &parsed, text, out)
        }
        (value, None) if spec.is_empty() => {
            let text = run.string(value)?;
            run.pay_text(text.len())?;
            out.push_str(&text);
            Ok(())
        }
        _ => unknown(),
    }
}

/// Digits in groups of three.
fn grouped(spec: &Spec, digits: String) -> R<String> {
    let Some(mark) = spec.grouping else {
        return Ok(digits);
    };
    if spec.zero || matches!(spec.kind, Some('x' | 'X' | 'o' | 'b')) {
        return fail("groups of digits with zeros before them, or other than decimal, are not known");
    }
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let mut out = String::new();
    for (n, c) in digits[..end].chars().enumerate() {
        if n > 0 && (end - n) % 3 == 0 {
            out.push(mark);
        }
        out.push(c);
    }
    Ok(out + &digits[end..])
}
