//! A page about a run: one file that needs nothing else, readable on a phone, in the dark and by a screen reader.
//!
//! The non-obvious thing: questions, choices and answers may be anybody's. They are escaped, a policy in the head forbids the page
//! to load anything, and only the script that filters the list may run. Every plot's numbers stand in a table beside it.

use super::price::Ran;
use crate::encoded::{escaped, from_base64, thumbnail};
use crate::eval::lines::Line;
use crate::eval::summary::summary;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{counted, size};
use crate::read::{decoded, read_picture};
use ocelli_convert::write_atomically;
use ocelli_engine::image::ImageLimits;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = include_str!("report.html");

/// Most wrong answers on a page, each with its picture.
const MOST: usize = 500;

/// The picture of a question by its place, in base64, where it is no file.
pub type Inside<'a> = dyn Fn(usize) -> Option<&'a str> + 'a;

/// Writes the page.
pub fn write(
    path: &Path,
    (all, rows, seed): (&[Ran], &[Map<String, Value>], u64),
    inside: &Inside<'_>,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let Some(first) = all.first() else { return Ok(()) };
    let told = summary(&first.lines, seed);
    let mut page = HEAD.to_owned();
    let task = told.get("task").and_then(Value::as_str).unwrap_or_default();
    let _ = writeln!(
        page,
        "<header><h1>{}</h1>\n<p>{}, {}</p></header>\n<main>",
        escaped(task),
        escaped(&first.name),
        counted(first.lines.len(), "question")
    );
    numbers(&mut page, &told);
    if rows.len() > 1 {
        price(&mut page, rows);
    }
    for (name, title) in [("groups", "By group"), ("topics", "By topic")] {
        if let Some(groups) = told.get(name).and_then(Value::as_object) {
            bars(&mut page, title, groups);
        }
    }
    if let Some(tenths) = told.get("calibration").and_then(Value::as_array) {
        calibration(&mut page, tenths);
    }
    interrupt.is_polled();
    wrong(&mut page, &first.lines, &|line| picture(line, inside), &|| interrupt.raised())?;
    interrupt.leaves();
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(write_atomically(path, page.as_bytes())?)
}

/// The summary's numbers that stand alone.
fn numbers(page: &mut String, told: &Map<String, Value>) {
    page.push_str("<section><h2>Summary</h2><dl>\n");
    for (name, value) in told {
        let text = match value {
            Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or(0.0)),
            Value::Number(number) => number.to_string(),
            Value::Array(ends) if name.ends_with("interval") => {
                let ends: Vec<String> = ends.iter().filter_map(Value::as_f64).map(|end| format!("{end:.2}")).collect();
                ends.join(" to ")
            }
            _ => continue,
        };
        let name = name.replace('_', " ");
        let _ = writeln!(page, "<div><dt>{}</dt><dd>{text}</dd></div>", escaped(&name));
    }
    page.push_str("</dl></section>\n");
}

fn real(row: &Map<String, Value>, name: &str) -> Option<f64> {
    row.get(name).and_then(Value::as_f64)
}

/// What other types or models cost: a plot of accuracy by size, and a table.
fn price(page: &mut String, rows: &[Map<String, Value>]) {
    page.push_str("<section><h2>Price of a type</h2>\n");
    let points: Vec<(f64, f64, [f64; 2], String)> = rows
        .iter()
        .filter_map(|row| {
            let (bytes, accuracy) = (real(row, "bytes")?, real(row, "accuracy")?);
            let first = real(&rows[0], "accuracy")?;
            let ends = row.get("interval").and_then(Value::as_array);
            let end = |at: usize| ends.and_then(|ends| ends.get(at)?.as_f64()).map_or(accuracy, |end| first + end);
            let name = row.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
            Some((bytes, accuracy, [end(0), end(1)], name))
        })
        .collect();
    plot(page, &points);
    page.push_str("<div class=\"wide\"><table><thead><tr><th>model</th><th>size</th><th>memory</th><th>accuracy</th><th>change</th><th>95 %</th><th>changed</th><th>p</th><th>seconds</th><th>joules</th></tr></thead><tbody>\n");
    for row in rows {
        let number =
            |name: &str, digits: usize| real(row, name).map_or("–".to_owned(), |value| format!("{value:.digits$}"));
        let bytes = |name: &str| row.get(name).and_then(Value::as_u64).map_or("–".to_owned(), size);
        let ends = row.get("interval").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_f64);
        let ends: Vec<String> = ends.map(|end| format!("{end:+.2}")).collect();
        let name = escaped(row.get("model").and_then(Value::as_str).unwrap_or_default());
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{name}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            bytes("bytes"),
            bytes("memory"),
            number("accuracy", 2),
            number("difference", 2),
            ends.join(" to "),
            number("changed", 0),
            number("p", 4),
            number("seconds", 1),
            number("joules", 0)
        );
    }
    page.push_str("</tbody></table></div><p>Change and interval are paired, question by question, against the first row (bootstrap); p is McNemar's exact test.</p></section>\n");
}

/// Accuracy by size.
fn plot(page: &mut String, points: &[(f64, f64, [f64; 2], String)]) {
    let most = points.iter().map(|point| point.0).fold(1.0, f64::max);
    let ends = || points.iter().flat_map(|point| [point.1, point.2[0], point.2[1]]);
    let (low, high) = (ends().fold(f64::MAX, f64::min) - 1.0, ends().fold(f64::MIN, f64::max) + 1.0);
    let x = |bytes: f64| 50.0 + bytes / most * 490.0;
    let y = |accuracy: f64| 220.0 - (accuracy - low) / (high - low).max(1e-9) * 200.0;
    page.push_str("<svg viewBox=\"0 0 640 260\" role=\"img\" aria-label=\"Accuracy by size of the file; the table below has the numbers\"><path class=\"axis\" d=\"M50 10V220H600\"/>");
    let _ = write!(
        page,
        "<text x=\"44\" y=\"24\" class=\"end\">{high:.1}</text><text x=\"44\" y=\"220\" class=\"end\">{low:.1}</text><text x=\"600\" y=\"240\" class=\"end\">size</text>"
    );
    for (at, (bytes, accuracy, [from, to], name)) in points.iter().enumerate() {
        let (x, middle, top, bottom) = (x(*bytes), y(*accuracy), y(*to), y(*from));
        let under = if at % 2 == 0 { -10.0 } else { 20.0 };
        let _ = write!(
            page,
            "<path class=\"bar\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/><circle cx=\"{x:.1}\" cy=\"{middle:.1}\" r=\"5\"/><text x=\"{x:.1}\" y=\"{:.1}\" class=\"middle\">{}</text>",
            middle + under,
            escaped(name.rsplit('/').next().unwrap_or(name))
        );
    }
    page.push_str("</svg>\n");
}

/// Percentages as bars.
fn bars(page: &mut String, title: &str, groups: &Map<String, Value>) {
    let _ = writeln!(page, "<section><h2>{title}</h2><table class=\"bars\"><tbody>");
    for (name, value) in groups {
        let (width, text) =
            value.as_f64().map_or((0.0, "–".to_owned()), |percent| (percent, format!("{percent:.2}")));
        let name = escaped(name);
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{name}</th><td class=\"number\">{text}</td><td class=\"run\" aria-hidden=\"true\"><i style=\"width:{width:.1}%\"></i></td></tr>"
        );
    }
    page.push_str("</tbody></table></section>\n");
}

/// How sure and how often right.
fn calibration(page: &mut String, tenths: &[Value]) {
    page.push_str("<section><h2>Calibration</h2><p>The likeliest choice's probability, and how often it was right.</p>\n<svg viewBox=\"0 0 260 260\" class=\"small\" role=\"img\" aria-label=\"How often right by how sure; the table below has the numbers\"><path class=\"axis\" d=\"M40 20V220H240M40 220L240 20\"/>");
    let real = |tenth: &Value, name: &str| tenth.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    for tenth in tenths {
        let (x, y) = (40.0 + real(tenth, "sure") * 200.0, 220.0 - real(tenth, "right") * 200.0);
        let _ = write!(page, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>");
    }
    page.push_str("</svg><table><thead><tr><th>sure</th><th>right</th><th>questions</th></tr></thead><tbody>\n");
    for tenth in tenths {
        let (sure, right) = (real(tenth, "sure"), real(tenth, "right"));
        let _ = writeln!(page, "<tr><td>{sure:.2}</td><td>{right:.2}</td><td>{}</td></tr>", real(tenth, "n"));
    }
    page.push_str("</tbody></table></section>\n");
}

/// A question's picture as the page has it.
fn picture(line: &Line, inside: &Inside<'_>) -> Option<String> {
    let limits = ImageLimits::default();
    let picture = match line.text("image") {
        Some(path) => read_picture(Path::new(path), &limits).ok()?,
        None => {
            let at = usize::try_from(line.number("number")?.checked_sub(1)?).ok()?;
            decoded(Path::new("a picture of the table"), &from_base64(inside(at)?)?, &limits).ok()?
        }
    };
    thumbnail(&picture)
}

/// Wrong answers, each with its picture, prompt and rationale: all of them, or so many as a page holds, evenly picked.
fn wrong(
    page: &mut String,
    lines: &[Line],
    picture: &dyn Fn(&Line) -> Option<String>,
    stopped: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let wrong =
        |line: &&Line| line.fields.contains_key("error") || line.fields.contains_key("correct") && line.worth() < 0.5;
    let wrong: Vec<&Line> = lines.iter().filter(wrong).collect();
    let shown = wrong.len().min(MOST);
    let (of, told) = match wrong.len() {
        all if all > shown => (format!("{shown} of "), "<p>Evenly picked; the file of answers has all.</p>"),
        _ => (String::new(), ""),
    };
    let count = counted(wrong.len(), "wrong answer");
    let _ = writeln!(
        page,
        "<section><h2>{of}{count}</h2>{told}<p class=\"filter\"><label for=\"filter\">Show those with</label> <input id=\"filter\" type=\"search\" autocomplete=\"off\"> <output id=\"shown\" aria-live=\"polite\">{shown}</output></p>\n<ol id=\"wrong\">"
    );
    for line in (0..shown).filter_map(|at| wrong.get(at * wrong.len() / shown)) {
        if stopped() {
            return Err(Failure::Interrupted);
        }
        answer(page, line, picture(line));
    }
    page.push_str("</ol></section>\n");
    page.push_str(SCRIPT);
    Ok(())
}

/// A wrong answer.
fn answer(page: &mut String, line: &Line, picture: Option<String>) {
    let text = |name: &str| match line.fields.get(name) {
        Some(Value::String(text)) => escaped(text),
        Some(Value::Array(all)) => escaped(
            &all.iter().map(|one| one.as_str().map_or(one.to_string(), str::to_owned)).collect::<Vec<_>>().join(", "),
        ),
        Some(other) if !other.is_null() => escaped(&other.to_string()),
        _ => String::new(),
    };
    let _ = write!(page, "<li><h3>{}</h3>", text("id"));
    if let Some(data) = picture {
        let _ = write!(
            page,
            "<img loading=\"lazy\" alt=\"the picture of question {}\" src=\"data:image/png;base64,{data}\">",
            text("id")
        );
    }
    let _ = write!(
        page,
        "<p><b>{}</b> instead of <b>{}</b> <span>{} {}</span></p>",
        text("prediction"),
        text("answer"),
        text("groups"),
        text("topic")
    );
    for (name, title) in [("output", "Output"), ("prompt", "Prompt"), ("rationale", "Rationale"), ("error", "Error")] {
        let said = text(name);
        if !said.is_empty() {
            let open = if name == "output" { " open" } else { "" };
            let shown = said_as_written(line, name).unwrap_or(said);
            let _ = write!(page, "<details{open}><summary>{title}</summary><pre>{shown}</pre></details>");
        }
    }
    page.push_str("</li>\n");
}

/// A text with its line breaks, which [`escaped`] has nothing for.
fn said_as_written(line: &Line, name: &str) -> Option<String> {
    line.text(name).map(|text| text.split('\n').map(escaped).collect::<Vec<_>>().join("\n"))
}

const SCRIPT: &str = "<script nonce=\"ocelli\">
const box = document.getElementById('filter'), shown = document.getElementById('shown');
const all = [...document.querySelectorAll('#wrong > li')];
box.addEventListener('input', () => {
  const wanted = box.value.toLowerCase();
  let count = 0;
  for (const one of all) {
    one.hidden = !one.textContent.toLowerCase().includes(wanted);
    count += !one.hidden;
  }
  shown.textContent = count;
});
</script>
";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::eval::lines::parse;

    #[test]
    fn a_page_holds_so_many_wrong_answers_and_says_of_how_many() {
        let lines = |count: usize| {
            let text: String = (1..=count).map(|id| format!("{{\"id\":{id},\"correct\":false}}\n")).collect();
            parse("x", text.as_bytes()).unwrap().0
        };
        let page = |count: usize| {
            let mut page = String::new();
            wrong(&mut page, &lines(count), &|_| None, &|| false).unwrap();
            page
        };
        let many = page(1203);
        assert!(many.contains("<h2>500 of 1203 wrong answers</h2>"), "{}", &many[..200]);
        assert_eq!(many.matches("<li>").count(), MOST);
        assert!(many.contains("<h3>1</h3>") && many.contains("<h3>1201</h3>"), "from the first to the last");
        let few = page(500);
        assert!(few.contains("<h2>500 wrong answers</h2>") && few.matches("<li>").count() == 500);
        assert!(page(0).contains("<h2>0 wrong answers</h2>"));
        let ended = wrong(&mut String::new(), &lines(3), &|_| None, &|| true);
        assert!(matches!(ended, Err(Failure::Interrupted)));
    }
}
