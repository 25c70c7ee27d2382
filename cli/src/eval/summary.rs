//! What judged answers are worth together.

use super::lines::Line;
use super::metrics::caption::{Captioned, bleu, cider_d, rouge_l};
use super::metrics::words::words;
use super::open::{BENCHMARKS, Kind};
use super::scienceqa::GROUPS;
use super::statistics::{bootstrap, interval, mean, roc_auc};
use serde_json::{Map, Value, json};

/// Percent of the mean; null where there is none.
pub fn percent(values: &[f64]) -> Value {
    // Hundred times the sum first: 3188 of 4241 are 75.17095024758311, as the paper's code writes it.
    #[allow(clippy::cast_precision_loss)]
    let count = values.len() as f64;
    if values.is_empty() { Value::Null } else { json!(values.iter().sum::<f64>() / count * 100.0) }
}

fn worth<'l>(lines: impl Iterator<Item = &'l Line>) -> Vec<f64> {
    lines.map(Line::worth).collect()
}

/// The summary of a task's lines, as `--json` prints it.
pub fn summary(lines: &[Line], seed: u64) -> Map<String, Value> {
    let task = lines.first().and_then(|line| line.text("task")).unwrap_or("scienceqa");
    let all = worth(lines.iter());
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    put("task", json!(task));
    put("n", json!(lines.len()));
    put("accuracy", percent(&all));
    put("failed", json!(lines.iter().filter(|line| line.is("failed")).count()));
    put("errors", json!(lines.iter().filter(|line| line.fields.contains_key("error")).count()));
    put("interval", json!(bootstrap(&all, seed).map(|ends| ends.map(|end| end * 100.0))));
    if task == "scienceqa" {
        let groups = GROUPS.map(|group| {
            let has = |line: &&Line| {
                let groups = line.fields.get("groups").and_then(Value::as_array);
                groups.is_some_and(|groups| groups.iter().any(|one| one == group))
            };
            (group.to_owned(), percent(&worth(lines.iter().filter(has))))
        });
        put("groups", Value::Object(groups.into_iter().collect()));
        put("topics", Value::Object(by(lines, "topic")));
    }
    if let Some(more) = Measures::of(task) {
        more.put(lines, seed, &mut out);
    }
    let tenths = calibration(lines);
    if !tenths.is_empty() {
        let tenths = tenths.into_iter().map(|(sure, right, count)| json!({ "sure": sure, "right": right, "n": count }));
        out.insert("calibration".to_owned(), tenths.collect());
    }
    out
}

/// Measures of a benchmark beside accuracy.
enum Measures {
    Captions,
    YesNo,
    Area,
    Groups,
}

impl Measures {
    fn of(task: &str) -> Option<Self> {
        match BENCHMARKS.iter().find(|benchmark| benchmark.name == task)?.kind {
            Kind::Caption => Some(Self::Captions),
            Kind::YesNo => Some(Self::YesNo),
            Kind::Likely => Some(Self::Area),
            Kind::People | Kind::Choice => Some(Self::Groups),
            Kind::Exact => None,
        }
    }

    fn put(&self, lines: &[Line], seed: u64, out: &mut Map<String, Value>) {
        match self {
            Self::Captions => captions(lines, seed, out),
            Self::YesNo => yes_and_no(lines, out),
            Self::Area => {
                let scores: Vec<(f64, bool)> = lines.iter().filter_map(likely_yes).collect();
                let area = |drawn: &[usize]| roc_auc(&drawn.iter().map(|at| scores[*at]).collect::<Vec<_>>());
                out.insert("roc_auc".to_owned(), json!(roc_auc(&scores).map(|area| area * 100.0)));
                let ends = interval(scores.len(), seed, area).map(|ends| ends.map(|end| end * 100.0));
                out.insert("roc_auc_interval".to_owned(), json!(ends));
                // What has no likelihood has no place on the curve.
                out.insert("left_out".to_owned(), json!(lines.len() - scores.len()));
            }
            Self::Groups => {
                let named =
                    |line: &Line| line.fields.get("groups").and_then(Value::as_array).cloned().unwrap_or_default();
                let mut names: Vec<String> =
                    lines.iter().flat_map(named).filter_map(|name| name.as_str().map(str::to_owned)).collect();
                names.sort_unstable();
                names.dedup();
                let of = |name: &String| {
                    percent(&worth(lines.iter().filter(|line| named(line).iter().any(|one| one == name))))
                };
                let groups: Map<String, Value> = names.iter().map(|name| (name.clone(), of(name))).collect();
                if !groups.is_empty() {
                    out.insert("groups".to_owned(), groups.into());
                }
            }
        }
    }
}

/// How much likelier yes is than no, and whether it is right.
fn likely_yes(line: &Line) -> Option<(f64, bool)> {
    match line.fields.get("scores")?.as_array()?.as_slice() {
        [no, yes] => Some((yes.as_f64()? - no.as_f64()?, line.text("answer") == Some("yes"))),
        _ => None,
    }
}

/// The measures of COCO's code, all in percent as its tables have them. Captions have no accuracy. One that is missing is an empty
/// text, where what people wrote is known.
fn captions(lines: &[Line], seed: u64, out: &mut Map<String, Value>) {
    let of = |line: &Line| {
        let people = line.fields.get("answer")?.as_array()?.iter().filter_map(Value::as_str).map(words).collect();
        Some(Captioned { said: words(line.text("output").unwrap_or_default()), people })
    };
    let all: Vec<Captioned> = lines.iter().filter_map(of).collect();
    if all.len() < lines.len() {
        out.insert("left_out".to_owned(), json!(lines.len() - all.len()));
    }
    for (n, score) in (1..).zip(bleu(&all)) {
        out.insert(format!("bleu_{n}"), json!(score * 100.0));
    }
    let ciders = cider_d(&all);
    out.insert("rouge_l".to_owned(), percent(&all.iter().map(rouge_l).collect::<Vec<_>>()));
    out.insert("cider_d".to_owned(), percent(&ciders));
    // Named, since it stands in every table beside the others: it is not computed.
    out.insert("meteor".to_owned(), Value::Null);
    // Each caption's own, with what is rare as all of them have it.
    out.insert("interval".to_owned(), json!(bootstrap(&ciders, seed).map(|ends| ends.map(|end| end * 100.0))));
    out.insert("accuracy".to_owned(), Value::Null);
}

/// Precision, recall and their harmonic mean of yes (Li et al. 2023). What has no prediction counts as the wrong one of both, but
/// not as a yes that was said.
fn yes_and_no(lines: &[Line], out: &mut Map<String, Value>) {
    let yes = Some("yes");
    let count = |said: Option<&str>, right: &str| {
        let both = |line: &&Line| line.text("prediction") == said && line.text("answer") == Some(right);
        #[allow(clippy::cast_precision_loss)]
        let count = lines.iter().filter(both).count() as f64;
        count
    };
    let (hit, said_alarm, said_missed) = (count(yes, "yes"), count(yes, "no"), count(Some("no"), "yes"));
    let (alarm, missed) = (said_alarm + count(None, "no"), said_missed + count(None, "yes"));
    let part = |of: f64, all: f64| if all > 0.0 { json!(of / all * 100.0) } else { Value::Null };
    out.insert("precision".to_owned(), part(hit, hit + alarm));
    out.insert("recall".to_owned(), part(hit, hit + missed));
    out.insert("f1".to_owned(), part(2.0 * hit, 2.0 * hit + alarm + missed));
    #[allow(clippy::cast_precision_loss)]
    let n = lines.len() as f64;
    out.insert("yes".to_owned(), part(hit + said_alarm, n));
}

/// Accuracies by what a field says, by its values in their order.
pub fn by(lines: &[Line], field: &str) -> Map<String, Value> {
    let mut names: Vec<&str> = lines.iter().filter_map(|line| line.text(field)).collect();
    names.sort_unstable();
    names.dedup();
    let of = |name: &str| percent(&worth(lines.iter().filter(|line| line.text(field) == Some(name))));
    names.into_iter().map(|name| (name.to_owned(), of(name))).collect()
}

/// How sure the likelihoods are and how often right, in tenths: the mean of the likeliest choice's probability, the part that was
/// right, how many.
pub fn calibration(lines: &[Line]) -> Vec<(f64, f64, usize)> {
    let mut tenths: Vec<(Vec<f64>, Vec<f64>)> = vec![(Vec::new(), Vec::new()); 10];
    for line in lines {
        let Some(scores) = line.fields.get("scores").and_then(Value::as_array) else { continue };
        let scores: Vec<f64> = scores.iter().filter_map(Value::as_f64).collect();
        let Some(most) = scores.iter().copied().reduce(f64::max) else { continue };
        let sure = 1.0 / scores.iter().map(|score| (score - most).exp()).sum::<f64>();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let tenth = ((sure * 10.0) as usize).min(9);
        tenths[tenth].0.push(sure);
        tenths[tenth].1.push(line.worth());
    }
    let filled = tenths.iter().filter(|(sure, _)| !sure.is_empty());
    filled.filter_map(|(sure, right)| Some((mean(sure)?, mean(right)?, sure.len()))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::eval::lines::parse;

    #[test]
    fn groups_and_topics_are_averages_of_their_own() {
        let line = |correct: bool, groups: &str, topic: &str| {
            format!("{{\"task\":\"scienceqa\",\"correct\":{correct},\"groups\":{groups},\"topic\":\"{topic}\"}}\n")
        };
        let text = line(true, "[\"NAT\",\"TXT\"]", "physics")
            + &line(false, "[\"NAT\",\"IMG\"]", "physics")
            + &line(true, "[\"SOC\",\"TXT\"]", "maps")
            + "{\"error\":{}}\n";
        let lines = parse("x", text.as_bytes()).unwrap().0;
        let summary = summary(&lines, 0);
        assert_eq!((&summary["n"], &summary["accuracy"], &summary["errors"]), (&json!(4), &json!(50.0), &json!(1)));
        let groups = &summary["groups"];
        assert_eq!(groups["NAT"], 50.0);
        assert_eq!(groups["TXT"], 100.0);
        assert_eq!(groups["IMG"], 0.0);
        assert!(groups["LAN"].is_null());
        assert_eq!(summary["topics"], json!({"maps": 100.0, "physics": 50.0}));
        let all = percent(&(0..4241).map(|i| f64::from(i < 3188)).collect::<Vec<_>>());
        assert_eq!(all.to_string(), "75.17095024758311");
    }

    #[test]
    fn what_was_not_answered_counts() {
        let of = |task: &str, lines: &[Value]| {
            let named = |line: &Value| {
                let mut line = line.clone();
                line["task"] = json!(task);
                format!("{line}\n")
            };
            summary(&parse("x", lines.iter().map(named).collect::<String>().as_bytes()).unwrap().0, 0)
        };
        let missing = |answer: Value| json!({ "answer": answer, "correct": false, "error": {} });
        let said = |said: &str| json!({ "prediction": said, "answer": said, "correct": true });
        let pope = of("pope", &[said("yes"), said("no"), missing(json!("yes")), missing(json!("no"))]);
        for (name, value) in [("recall", 50.0), ("precision", 50.0), ("f1", 50.0), ("yes", 25.0), ("accuracy", 50.0)] {
            assert_eq!(pope[name], value, "{name}");
        }
        let people = json!(["a blue circle on a table"]);
        let caption = json!({ "output": "a blue circle on a table", "answer": people });
        let without = of("coco-captions", &[caption.clone(), caption.clone()]);
        let with = of("coco-captions", &[caption.clone(), json!({ "answer": people, "error": {} })]);
        assert_eq!((&without["rouge_l"], &with["rouge_l"]), (&json!(100.0), &json!(50.0)));
        assert!(with["bleu_1"].as_f64() < without["bleu_1"].as_f64() && with.get("left_out").is_none());
        assert_eq!(of("coco-captions", &[caption, json!({ "error": {} })])["left_out"], 1);
        let likely = |no: f64, yes: f64, answer: &str| json!({ "scores": [no, yes], "answer": answer });
        let memes = [likely(-1.0, -2.0, "no"), likely(-2.0, -1.0, "yes"), missing(json!("yes"))];
        let memes = of("hateful-memes", &memes);
        assert_eq!((&memes["roc_auc"], &memes["left_out"], &memes["errors"]), (&json!(100.0), &json!(1), &json!(1)));
    }

    #[test]
    fn sureness_is_the_likeliest_ones_probability() {
        let lines =
            parse("x", b"{\"correct\":true,\"scores\":[-1.0,-1.0]}\n{\"correct\":false,\"scores\":[0.0,-50.0]}\n{}\n");
        let tenths = calibration(&lines.unwrap().0);
        assert_eq!(tenths.len(), 2);
        assert_eq!((tenths[0].0, tenths[0].1, tenths[0].2), (0.5, 1.0, 1));
    }
}
