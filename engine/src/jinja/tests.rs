//! Templates against what Jinja2 made of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

use super::{Fault, Time, Value, parse, render};
use std::collections::HashMap;
use std::sync::Arc;

/// Noon of a Monday, 30 November 2026.
const NOW: Time = Time { seconds: 1_796_040_000, microseconds: 123_456, offset: 0 };

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::None,
        serde_json::Value::Bool(b) => Value::Bool(*b),
        serde_json::Value::Number(n) if n.is_f64() => Value::Float(n.as_f64().unwrap()),
        serde_json::Value::Number(n) => Value::Int(i128::from(n.as_i64().unwrap())),
        serde_json::Value::String(text) => Value::str(text.as_str()),
        serde_json::Value::Array(items) => Value::list(items.iter().map(value).collect()).unwrap(),
        serde_json::Value::Object(map) => Value::dict(map.iter().map(|(k, v)| (k.as_str(), value(v)))).unwrap(),
    }
}

fn context(json: &serde_json::Value) -> HashMap<Arc<str>, Value> {
    json.as_object().unwrap().iter().map(|(k, v)| (k.as_str().into(), value(v))).collect()
}

fn rendered(source: &str, context: &HashMap<Arc<str>, Value>) -> Result<String, Fault> {
    let work = || {
        let program = parse(source).map_err(|(_, fault)| fault)?;
        render(&program, context, 1 << 22, || NOW).map_err(|(_, fault)| fault)
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(256 << 20).spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

/// Tries recorded cases: equal or refused by us, and errors where Jinja2 has errors. Returns how many are equal and what
/// is refused.
fn tried(json: &str) -> (usize, Vec<String>) {
    let recorded: serde_json::Value = serde_json::from_str(json).unwrap();
    let context = context(&recorded["context"]);
    let (mut alike, mut refused, mut different) = (0, Vec::new(), Vec::new());
    for case in recorded["cases"].as_array().unwrap() {
        let got = rendered(case[0].as_str().unwrap(), &context);
        match (case[1].as_str(), &got) {
            (Some(wanted), Ok(text)) if wanted == text => alike += 1,
            (None, Err(_)) => alike += 1,
            (Some(_), Err(fault)) => refused.push(format!("{} {fault:?}", case[0])),
            (wanted, got) => different.push(format!("{}\n  got {got:?}\n  for {wanted:?} {}", case[0], case[2])),
        }
    }
    assert!(different.is_empty(), "{} different:\n{}\n{alike} alike", different.len(), different.join("\n"));
    (alike, refused)
}

#[test]
fn snippets_are_rendered_as_jinja2_renders_them() {
    let (alike, refused) = tried(include_str!("../../tests/templates/snippets.json"));
    assert!(alike > 1600 && refused.len() < 70, "{alike} alike, refused: {refused:?}");
}

#[test]
fn dates_are_pythons() {
    let cases: serde_json::Value = serde_json::from_str(include_str!("../../tests/templates/dates.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let (seconds, microseconds) = (case[0].as_i64().unwrap(), case[1].as_u64().unwrap() as u32);
        let time = Time { seconds, microseconds, offset: 0 };
        let got = super::date::formatted(case[2].as_str().unwrap(), &time).unwrap();
        assert_eq!(got, case[3].as_str().unwrap(), "{seconds} {}", case[2]);
    }
    // Three hours ahead of UTC it is the next day, and no other second.
    let ahead = Time { seconds: 1_796_078_000, microseconds: 0, offset: 3 * 3600 };
    assert_eq!(super::date::formatted("%F %T %s%z", &ahead).unwrap(), "2026-12-01 01:33:20 1796078000");
    for unknown in ["%Q", "%-z", "%", "%-", "%5000d", "%Ey", "%+"] {
        let got = super::date::formatted(unknown, &NOW);
        assert!(if unknown == "%" { got == Ok("%".to_owned()) } else { got.is_err() }, "{unknown}: {got:?}");
    }
}

/// Zones by name are those of the system's own data, where it has any.
#[test]
fn local_time_is_pythons() {
    let recorded: serde_json::Value = serde_json::from_str(include_str!("../../tests/templates/zones.json")).unwrap();
    let times: Vec<i64> = recorded["times"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap()).collect();
    let named = std::path::Path::new("/usr/share/zoneinfo/America/New_York").exists();
    for case in recorded["zones"].as_array().unwrap() {
        let zone = case[0].as_str().unwrap();
        if zone.trim_start_matches(':').contains('/') && zone != "No/Such_Zone" && !zone.contains(',') && !named {
            eprintln!("skipped: {zone}, since the system has no time zones");
            continue;
        }
        for (&at, ahead) in times.iter().zip(case[1].as_array().unwrap()) {
            let got = super::zone::ahead(Some(zone.as_ref()), at);
            assert_eq!(got, ahead.as_i64().unwrap(), "{zone} at {at}");
        }
    }
    // A device, which would not end, and a file that is no zone.
    for no_zone in ["/dev/zero", "/", file!()] {
        assert_eq!(super::zone::ahead(Some(no_zone.as_ref()), times[0]), 0, "{no_zone}");
    }
    // Without a value it is the system's own.
    let own = super::zone::ahead(Some(":/etc/localtime".as_ref()), times[0]);
    assert_eq!(super::zone::ahead(None, times[0]), own);
}

/// Cases of a file that a path in the environment names, made as the recorded ones are.
#[test]
fn snippets_from_elsewhere() {
    let Some(path) = std::env::var_os("OCELLI_SNIPPETS") else { return };
    let (alike, refused) = tried(&std::fs::read_to_string(path).unwrap());
    println!("alike {alike}, refused {}:\n{}", refused.len(), refused.join("\n"));
}

/// FNV-1a of 64 bits.
fn digest(text: &str) -> String {
    let step = |value: u64, byte: u8| (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The template of a recorded name: a file of the folder `templates`, or the one in a vocabulary.
fn published(folder: &std::path::Path, name: &str) -> Option<String> {
    if name.ends_with(".jinja") {
        return std::fs::read_to_string(folder.join("templates").join(name)).ok();
    }
    let file = ocelli_quant::gguf::Gguf::parse(Arc::new(std::fs::read(folder.join(name)).ok()?)).ok()?;
    file.str("tokenizer.chat_template").ok()?.map(str::to_owned)
}

/// `OCELLI_MATERIALS` names llama.cpp's models/, as the vocabularies' test has it.
#[test]
fn published_templates_are_rendered_as_jinja2_renders_them() {
    let Some(folder) = std::env::var_os("OCELLI_MATERIALS").map(std::path::PathBuf::from) else {
        eprintln!("skipped: OCELLI_MATERIALS names no folder of templates");
        return;
    };
    let recorded: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/templates/published.json")).unwrap();
    let (mut alike, mut refused, mut different, mut templates) = (0, Vec::new(), Vec::new(), 0);
    for (name, digests) in recorded["digests"].as_object().unwrap() {
        let source = published(&folder, name).unwrap_or_else(|| panic!("{name} is missing"));
        templates += 1;
        for (label, wanted) in digests.as_object().unwrap() {
            let mut all = serde_json::json!({"tools": null, "documents": null, "add_generation_prompt": true});
            for part in [&recorded["special"], &recorded["conversations"][label]] {
                all.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
            }
            match (rendered(&source, &context(&all)), wanted.as_str()) {
                (Ok(text), Some(wanted)) if digest(&text) == wanted => alike += 1,
                (Err(_), None) => alike += 1,
                (Err(fault), Some(_)) => refused.push(format!("{name}, {label}: {fault:?}")),
                (got, _) => different.push(format!("{name}, {label}: {got:?}")),
            }
        }
    }
    eprintln!("{templates} templates: {alike} alike, {} refused, {} different", refused.len(), different.len());
    refused.iter().for_each(|line| eprintln!("refused: {line}"));
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(refused.is_empty());
}
