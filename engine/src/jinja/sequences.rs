//! The filters of lists and dictionaries.
//!
//! Source: Jinja2's `filters`. The non-obvious things: what they give can often be gone through only once, as in Python;
//! texts are compared without their case unless asked otherwise; and attributes are looked up as elements first.

use super::given::{Given, int, text};
use super::run::Run;
use super::syntax::Binary;
use super::value::{Seen, Value, equal};
use super::{R, checks, fail};

pub(super) fn apply(run: &mut Run<'_>, name: &str, value: &Value, given: Given) -> R<Value> {
    match name {
        "map" => mapped(run, value, given),
        "select" | "reject" | "selectattr" | "rejectattr" => selected(run, name, value, given),
        "list" => {
            given.none(name)?;
            let items = run.items(value)?;
            Value::list(items)
        }
        "first" => {
            given.none(name)?;
            let first = match value {
                Value::Iter(id) => run.take_one(*id),
                value => run.items(value)?.into_iter().next(),
            };
            Ok(first.unwrap_or_else(|| Value::undefined("the first element")))
        }
        "last" => {
            given.none(name)?;
            if matches!(value, Value::Iter(_) | Value::Loop(_)) {
                return fail("what gives its elements once has no last one");
            }
            let items = run.items(value)?;
            Ok(items.into_iter().next_back().unwrap_or_else(|| Value::undefined("the last element")))
        }
        "reverse" => {
            given.none(name)?;
            let mut items = run.items(value)?;
            items.reverse();
            match value {
                Value::Str(of) | Value::Markup(of) => Ok(value.alike(of.chars().rev().collect::<String>())),
                Value::Iter(_) => Value::list(items),
                _ => run.iterator(items),
            }
        }
        "join" => joined(run, value, given),
        "sort" | "unique" | "min" | "max" | "groupby" | "dictsort" => ordered(run, name, value, given),
        "sum" => {
            let [attribute, start] = given.bind(name, ["attribute", "start"], 0)?;
            let getter = Getter::new(attribute.as_ref(), false)?;
            let mut sum = start.unwrap_or(Value::Int(0));
            if sum.as_str().is_some() {
                return fail("texts are not summed");
            }
            for item in run.items(value)? {
                let item = getter.get(run, &item, None)?;
                sum = run.binary(Binary::Add, &sum, &item)?;
            }
            Ok(sum)
        }
        "batch" | "slice" => parts(run, name, value, given),
        name => fail(format!("the filter '{name}' is not known here")),
    }
}

/// How `attribute=` finds its value: elements of elements, with dots between.
struct Getter {
    parts: Vec<Value>,
    ignore_case: bool,
}

impl Getter {
    fn new(attribute: Option<&Value>, ignore_case: bool) -> R<Self> {
        let parts = match attribute {
            None | Some(Value::None) => Vec::new(),
            Some(attribute) => match attribute.as_str() {
                Some(path) => path.split('.').map(part).collect::<R<_>>()?,
                None => vec![attribute.clone()],
            },
        };
        Ok(Self { parts, ignore_case })
    }

    fn get(&self, run: &mut Run<'_>, item: &Value, default: Option<&Value>) -> R<Value> {
        let mut found = item.clone();
        for part in &self.parts {
            found = run.item(&found, part)?;
            if let Some(default) = default.filter(|default| found.is_undefined() && !matches!(default, Value::None)) {
                found = default.clone();
            }
        }
        match &found {
            Value::Str(of) | Value::Markup(of) if self.ignore_case => {
                run.pay_text(of.len())?;
                Ok(found.alike(of.to_lowercase()))
            }
            _ => Ok(found),
        }
    }
}

fn part(part: &str) -> R<Value> {
    if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Value::str(part));
    }
    part.parse().map(Value::Int).or_else(|_| fail("the number of an element is over 127 bits"))
}

fn mapped(run: &mut Run<'_>, value: &Value, mut given: Given) -> R<Value> {
    if !run.truth(value)? {
        return run.iterator(Vec::new());
    }
    let mut out = Vec::new();
    if given.args.is_empty() && given.named.iter().any(|(name, _)| &**name == "attribute") {
        let [attribute, default] = given.bind("map", ["attribute", "default"], 1)?;
        let getter = Getter::new(attribute.as_ref(), false)?;
        for item in run.items(value)? {
            run.pay(1)?;
            out.push(getter.get(run, &item, default.as_ref())?);
        }
        return run.iterator(out);
    }
    if given.args.is_empty() {
        return fail("map requires a filter argument");
    }
    let name = given.args.remove(0);
    for item in run.items(value)? {
        run.pay(1)?;
        out.push(run.filter_named(&name, &item, given.clone())?);
    }
    run.iterator(out)
}

fn selected(run: &mut Run<'_>, name: &str, value: &Value, mut given: Given) -> R<Value> {
    if !run.truth(value)? {
        return run.iterator(Vec::new());
    }
    let getter = if name.ends_with("attr") {
        if given.args.is_empty() {
            return fail("Missing parameter for attribute name");
        }
        Getter::new(Some(&given.args.remove(0)), false)?
    } else {
        Getter::new(None, false)?
    };
    let test = if given.args.is_empty() { None } else { Some(given.args.remove(0)) };
    let mut out = Vec::new();
    for item in run.items(value)? {
        run.pay(1)?;
        let found = getter.get(run, &item, None)?;
        let holds = match &test {
            Some(test) => checks::holds(run, text(test, "the name of a test")?, &found, given.clone())?,
            None => run.truth(&found)?,
        };
        if holds == name.starts_with("select") {
            out.push(item);
        }
    }
    run.iterator(out)
}

fn joined(run: &mut Run<'_>, value: &Value, given: Given) -> R<Value> {
    let [separator, attribute] = given.bind("join", ["d", "attribute"], 0)?;
    let separator = separator.unwrap_or_else(|| Value::str(""));
    let separator = run.string(&separator)?;
    let getter = Getter::new(attribute.as_ref(), false)?;
    let mut out = String::new();
    for (n, item) in run.items(value)?.iter().enumerate() {
        let item = getter.get(run, item, None)?;
        let item = run.string(&item)?;
        run.pay_text(item.len() + separator.len())?;
        out.push_str(if n > 0 { &separator } else { "" });
        out.push_str(&item);
    }
    Ok(Value::str(out))
}

/// Filters that compare.
fn ordered(run: &mut Run<'_>, name: &str, value: &Value, given: Given) -> R<Value> {
    let (attribute, default, case_sensitive, reverse, by) = match name {
        "sort" => {
            let [reverse, case, attribute] = given.bind(name, ["reverse", "case_sensitive", "attribute"], 0)?;
            (attribute, None, case, reverse, None)
        }
        "groupby" => {
            let [attribute, default, case] = given.bind(name, ["attribute", "default", "case_sensitive"], 1)?;
            (attribute, default, case, None, None)
        }
        "dictsort" => {
            let [case, by, reverse] = given.bind(name, ["case_sensitive", "by", "reverse"], 0)?;
            (None, None, case, reverse, by)
        }
        _ => {
            let [case, attribute] = given.bind(name, ["case_sensitive", "attribute"], 0)?;
            (attribute, None, case, None, None)
        }
    };
    let mut truth = |value: Option<Value>| value.map_or(Ok(false), |value| run.truth(&value));
    let (case_sensitive, reverse) = (truth(case_sensitive)?, truth(reverse)?);
    if name == "dictsort" {
        let Value::Dict(map) = value else {
            return value.refused(|kind| format!("dictsort of {kind}"));
        };
        let at = match by.as_ref().map_or(Some("key"), Value::as_str) {
            Some("key") => 0,
            Some("value") => 1,
            _ => return fail("You can only sort by either \"key\" or \"value\""),
        };
        let getter = Getter { parts: vec![Value::Int(at)], ignore_case: !case_sensitive };
        let pairs = run.items(&Value::View(super::value::View::Items, map.clone()))?;
        let keyed = keyed(run, pairs, &getter, None)?;
        return Value::list(run.sorted(keyed, reverse)?);
    }
    if name == "sort" {
        return sorted(run, value, attribute.as_ref(), !case_sensitive, reverse);
    }
    let getter = Getter::new(attribute.as_ref(), !case_sensitive)?;
    let items = run.items(value)?;
    let keyed = keyed(run, items, &getter, default.as_ref())?;
    match name {
        "unique" => {
            let mut seen = Seen::new();
            let mut out = Vec::new();
            for (key, item) in keyed {
                if seen.insert(&key)? {
                    out.push(item);
                }
            }
            run.iterator(out)
        }
        "groupby" => grouped(run, keyed, attribute.as_ref(), default.as_ref(), case_sensitive),
        _ => {
            let mut best: Option<(Value, Value)> = None;
            for (key, item) in keyed {
                let better = match &best {
                    None => true,
                    Some((than, _)) => {
                        let comparison = if name == "min" {
                            super::syntax::Comparison::Less
                        } else {
                            super::syntax::Comparison::Greater
                        };
                        run.compared(comparison, &key, than)?
                    }
                };
                if better {
                    best = Some((key, item));
                }
            }
            Ok(best.map_or_else(|| Value::undefined("the result for an empty list"), |(_, item)| item))
        }
    }
}

fn keyed(run: &mut Run<'_>, items: Vec<Value>, getter: &Getter, default: Option<&Value>) -> R<Vec<(Value, Value)>> {
    run.pay(items.len())?;
    items.into_iter().map(|item| Ok((getter.get(run, &item, default)?, item))).collect()
}

/// Sorts by one attribute or by several, which commas separate.
fn sorted(run: &mut Run<'_>, value: &Value, attribute: Option<&Value>, ignore_case: bool, reverse: bool) -> R<Value> {
    let getters = match attribute.and_then(Value::as_str) {
        Some(several) => {
            several.split(',').map(|one| Getter::new(Some(&Value::str(one)), ignore_case)).collect::<R<Vec<_>>>()?
        }
        None => vec![Getter::new(attribute, ignore_case)?],
    };
    let mut keyed = Vec::new();
    for item in run.items(value)? {
        let mut keys = Vec::new();
        for getter in &getters {
            keys.push(getter.get(run, &item, None)?);
        }
        run.pay(1 + keys.len())?;
        keyed.push((Value::list(keys)?, item));
    }
    Value::list(run.sorted(keyed, reverse)?)
}

fn grouped(
    run: &mut Run<'_>,
    keyed: Vec<(Value, Value)>,
    attribute: Option<&Value>,
    default: Option<&Value>,
    case_sensitive: bool,
) -> R<Value> {
    let pairs = keyed.into_iter().map(|(key, item)| Ok((key.clone(), Value::tuple(vec![key, item])?)));
    let sorted = run.sorted(pairs.collect::<R<_>>()?, false)?;
    let real = Getter::new(attribute, false)?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for pair in sorted {
        let Value::Tuple(pair) = pair else {
            return fail("no pair");
        };
        let (key, item) = (pair.items[0].clone(), pair.items[1].clone());
        match groups.last_mut() {
            Some((known, items)) if equal(known, &key)? => items.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let mut out = Vec::new();
    for (key, items) in groups {
        let key = if case_sensitive { key } else { real.get(run, &items[0], default)? };
        out.push(Value::group(key, items)?);
    }
    run.pay(out.len())?;
    Value::list(out)
}

fn parts(run: &mut Run<'_>, name: &str, value: &Value, given: Given) -> R<Value> {
    let count = if name == "batch" { "linecount" } else { "slices" };
    let [count, fill] = given.bind(name, [count, "fill_with"], 1)?;
    let fill = fill.filter(|fill| !matches!(fill, Value::None));
    let count = count.unwrap_or(Value::None);
    let items = run.items(value)?;
    let mut out: Vec<Vec<Value>> = Vec::new();
    let count = usize::try_from(int(&count, name)?.max(0)).unwrap_or(usize::MAX);
    if name == "batch" {
        if count == 0 {
            return fail("batch of no elements is not known");
        }
        out = items.chunks(count).map(<[Value]>::to_vec).collect();
        if let (Some(fill), Some(last)) = (fill, out.last_mut()) {
            run.pay(count)?;
            last.resize(count, fill);
        }
    } else {
        if count == 0 {
            return fail("integer division or modulo by zero");
        }
        run.pay(count)?;
        let (each, extra) = (items.len() / count, items.len() % count);
        let mut rest = items.as_slice();
        for n in 0..count {
            let (part, after) = rest.split_at(each + usize::from(n < extra));
            rest = after;
            let mut part = part.to_vec();
            part.extend(fill.iter().filter(|_| n >= extra).cloned());
            out.push(part);
        }
    }
    let lists = out.into_iter().map(Value::list).collect::<R<_>>()?;
    run.iterator(lists)
}
