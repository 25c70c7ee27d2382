//! The shape of the code: in which direction rooms import, how long files and functions are, who names whom.
//!
//! A room is a file or a folder directly below `engine/src`. Errors are a room of their own, wherever they lie: each
//! `error.rs` says what can go wrong beside it and imports no more than the others do. Code of tests does not count, and
//! neither do comments. What holds is a list of functions from sources to faults, so that each is also given a source that
//! is wrong on purpose.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The rooms of the engine from the top: each imports those below it only.
const ROOMS: &[&str] = &[
    "conversation",
    "generate",
    "session",
    "model",
    "plan",
    "models",
    "blocks",
    "kernels",
    "cancel",
    "chat",
    "prompt",
    "image",
    "weights",
    "sampling",
    "jinja",
    "tokenizer",
    "error",
];
/// Most lines of a file ...
const LINES: usize = 500;
/// ... and of a function, where models are put together.
const FUNCTION: usize = 80;
/// Most files directly in `engine/src`.
const FLAT: usize = 8;

/// Sources by their paths below the repository.
type Sources = BTreeMap<String, String>;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn sources(folders: &[&str]) -> Sources {
    fn walk(folder: &Path, found: &mut Sources) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = Sources::new();
    folders.iter().for_each(|folder| walk(&root().join(folder), &mut found));
    found
}

/// The lines that are compiled into the crate, without comments: everything above the tests, nothing of a file of tests.
fn code(source: &str) -> String {
    if source.contains("\n#![allow(clippy::unwrap_used)]") {
        return String::new();
    }
    let end = source.find("#[cfg(test)]\n#[allow").or_else(|| source.find("#[cfg(test)]\nmod tests {"));
    let lines = source[..end.unwrap_or(source.len())].lines();
    lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn room(path: &str) -> Option<&str> {
    let below = path.strip_prefix("engine/src/")?;
    if below.ends_with("error.rs") {
        return Some("error");
    }
    let first = below.split('/').next()?.trim_end_matches(".rs");
    (first != "lib").then_some(first)
}

/// What a source names of the crate: the first name behind `crate::`, also within braces; of an error, `error`.
fn imports(source: &str) -> BTreeSet<String> {
    let code = code(source);
    let path = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect::<String>();
    let room =
        |path: String| if path.ends_with("Error") { "error".into() } else { path.split(':').next().unwrap().into() };
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{').and_then(|list| list.split('}').next()) {
            Some(list) => found.extend(list.split(',').map(|name| room(path(name.trim())))),
            None => _ = found.insert(room(path(rest))),
        }
    }
    found
}

/// Who imports whom.
fn arrows(sources: &Sources) -> BTreeSet<(String, String)> {
    let mut arrows = BTreeSet::new();
    for (path, source) in sources {
        let Some(from) = room(path) else { continue };
        for to in imports(source) {
            if to != from {
                arrows.insert((from.to_owned(), to));
            }
        }
    }
    arrows
}

/// Imports that go up, or name no room, such as an item by the name that `lib.rs` publishes it under.
fn upward(sources: &Sources) -> Vec<String> {
    let rank = |room: &str| ROOMS.iter().position(|r| *r == room);
    let wrong = |(from, to): &(String, String)| match (rank(from), rank(to)) {
        (Some(from), Some(to)) => from > to,
        _ => true,
    };
    arrows(sources).iter().filter(|arrow| wrong(arrow)).map(|(from, to)| format!("{from} -> {to}")).collect()
}

/// Rooms that reach themselves.
fn circles(arrows: &BTreeSet<(String, String)>) -> Vec<String> {
    let reach = |start: &str| {
        let mut seen = BTreeSet::new();
        let mut next = vec![start.to_owned()];
        while let Some(room) = next.pop() {
            for (_, to) in arrows.iter().filter(|(from, _)| *from == room) {
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
        seen
    };
    ROOMS.iter().filter(|room| reach(room).contains(**room)).map(|room| (*room).to_owned()).collect()
}

fn long_files(sources: &Sources) -> Vec<String> {
    let long = sources.iter().map(|(path, source)| (path, source.lines().count())).filter(|(_, lines)| *lines > LINES);
    long.map(|(path, lines)| format!("{path}: {lines} lines")).collect()
}

/// Functions over the limit, of formatted code: from `fn` to the brace that closes at the same depth.
fn long_functions(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (path, source) in sources {
        let lines: Vec<&str> = source.lines().collect();
        for (first, line) in lines.iter().enumerate() {
            let depth = line.len() - line.trim_start().len();
            let head = line.trim_start().split('(').next().unwrap_or_default();
            if !head.split(' ').any(|word| word == "fn") || line.trim_start().starts_with("//") {
                continue;
            }
            let close = format!("{}}}", " ".repeat(depth));
            let Some(length) = lines[first..].iter().position(|l| *l == close) else { continue };
            if length + 1 > FUNCTION && !line.ends_with(';') {
                found.push(format!("{path}:{}: {} lines", first + 1, length + 1));
            }
        }
    }
    found
}

/// Code without its texts, which help and examples are.
fn without_texts(code: &str) -> String {
    let mut rest = code.replace("'\"'", "' '").replace("\\\\", "  ").replace("\\\"", "  ");
    let mut kept = String::new();
    while let Some((before, text)) = rest.split_once('"') {
        kept.push_str(before);
        rest = text.split_once('"').map_or_else(String::new, |(_, behind)| behind.to_owned());
    }
    kept + &rest
}

/// The families' names in code that is to know none of them.
fn named_families(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (path, source) in sources {
        for line in without_texts(&code(source)).to_lowercase().lines() {
            if let Some(name) = ["blip2", "flamingo", "idefics", "kosmos", "llava"].iter().find(|n| line.contains(**n))
            {
                found.push(format!("{path}: {name} in '{}'", line.trim()));
            }
        }
    }
    found
}

/// Keys that the engine reads and `docs/format.md` does not have: a [`Header`]'s prefix with a name, or a whole key.
fn unknown_keys(sources: &Sources, format: &str) -> Vec<String> {
    let readers =
        ["count", "count_or", "counts", "epsilon", "positive", "activation", "switch", "triple", "text", "heads"];
    let documented = |key: &str| {
        format.contains(&format!("`{key}`"))
            || key.rsplit_once('.').is_some_and(|(_, name)| format.contains(&format!(".{name}`")))
    };
    let mut found = Vec::new();
    for (path, source) in sources {
        let code = code(source);
        let texts: Vec<&str> = code.split('"').skip(1).step_by(2).collect();
        let whole = |text: &&&str| text.starts_with("ocelli.") && !text.ends_with('.') && !text.contains(['{', ' ']);
        found.extend(texts.iter().filter(whole).filter(|key| !documented(key)).map(|key| format!("{path}: {key}")));
        for reader in readers {
            for (at, call) in code.match_indices(&format!(".{reader}(\"")) {
                let name = code[at + call.len()..].split('"').next().unwrap_or_default();
                if !documented(&format!("ocelli.{name}")) && !format.contains(&format!(".{name}`")) {
                    found.push(format!("{path}: {name}"));
                }
            }
        }
    }
    found
}

fn none(what: &str, faults: Vec<String>) {
    assert!(faults.is_empty(), "{what}:\n  {}", faults.join("\n  "));
}

#[test]
fn rooms_import_downwards_only() {
    let engine = sources(&["engine/src"]);
    let arrows = arrows(&engine);
    let rooms: BTreeSet<_> = engine.keys().filter_map(|path| room(path)).collect();
    let longest = engine.iter().max_by_key(|(_, source)| source.lines().count()).unwrap();
    let circles = circles(&arrows);
    println!(
        "{} rooms, {} arrows, {} circles; the longest file is {} with {} lines",
        rooms.len(),
        arrows.len(),
        circles.len(),
        longest.0,
        longest.1.lines().count()
    );
    none("rooms that import each other", circles);
    none("imports that go up", upward(&engine));
    assert_eq!(rooms, ROOMS.iter().copied().collect(), "the rooms and their order in this test");
    let flat = engine.keys().filter(|path| path.matches('/').count() == 2).count();
    assert!(flat <= FLAT, "{flat} files directly in engine/src, at most {FLAT}");
}

#[test]
fn an_import_that_goes_up_is_seen() {
    let mut engine = sources(&["engine/src"]);
    let broken = engine.get_mut("engine/src/kernels/mod.rs").unwrap();
    broken.insert_str(0, "use crate::{cancel, session::Session};\n");
    assert_eq!(upward(&engine), ["kernels -> session"]);
    assert!(circles(&arrows(&engine)).contains(&"kernels".to_owned()));
    let published = engine.get_mut("engine/src/blocks/mod.rs").unwrap();
    published.insert_str(0, "use crate::Model;\n");
    assert!(upward(&engine).contains(&"blocks -> Model".to_owned()));
}

#[test]
fn files_and_functions_are_short() {
    let folders = ["quant", "engine", "convert", "ffi", "cli", "tests/src", "tests/tests"];
    none("files over the limit", long_files(&sources(&folders)));
    let assembled = sources(&["engine/src/blocks", "engine/src/models", "engine/src/session"]);
    none("functions over the limit", long_functions(&assembled));
}

#[test]
fn what_is_long_is_seen() {
    let line = "    let x = 1;\n";
    let long = format!("impl A {{\n    pub fn long(\n        a: u8,\n    ) {{\n{}    }}\n}}\n", line.repeat(LINES));
    let sources = Sources::from([("a.rs".to_owned(), long), ("b.rs".to_owned(), "fn short() {\n}\n".to_owned())]);
    assert_eq!(long_files(&sources), ["a.rs: 506 lines"]);
    assert_eq!(long_functions(&sources), ["a.rs:2: 504 lines"]);
}

#[test]
fn no_family_is_named_where_none_is_known() {
    let blind = [
        "engine/src/blocks",
        "engine/src/kernels",
        "engine/src/session",
        "engine/src/generate",
        "engine/src/conversation",
        "engine/src/sampling",
        "engine/src/prompt",
        "ffi/src",
        "cli/src",
    ];
    let mut blind = sources(&blind);
    // A checkpoint in several parts is converted by a command of its own.
    blind.remove("cli/src/commands/convert.rs");
    none("families named", named_families(&blind));
    let broken = "let help = \"blip2 \\\"x\";\nif family == Family::Flamingo {\n".to_owned();
    let broken = Sources::from([("a.rs".to_owned(), broken)]);
    assert_eq!(named_families(&broken).len(), 1);
}

#[test]
fn every_key_that_is_read_is_documented() {
    let format = include_str!("../../docs/format.md");
    none("keys that docs/format.md lacks", unknown_keys(&sources(&["engine/src"]), format));
    let read = "let a = header.count(\"no_such_number\", 1..=2)?;\nfile.u32(\"ocelli.no.such.key\")?;\n";
    let broken = Sources::from([("a.rs".to_owned(), read.to_owned())]);
    assert_eq!(unknown_keys(&broken, format), ["a.rs: ocelli.no.such.key", "a.rs: no_such_number"]);
}

/// The processor is a device like others: only where an engine is made is it named.
#[test]
fn devices_are_named_where_an_engine_is_made() {
    let mut engine = sources(&["engine/src"]);
    let named = |engine: &Sources| {
        let outside = engine.iter().filter(|(path, _)| !path.starts_with("engine/src/kernels/"));
        outside.filter(|(_, source)| code(source).contains("cpu::")).map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(named(&engine), ["engine/src/model.rs"]);
    engine.get_mut("engine/src/plan.rs").unwrap().push_str("use crate::kernels::cpu::Cpu;\n");
    assert_eq!(named(&engine).len(), 2);
}

/// Paths between backticks that look like files of this repository.
fn lost_paths(text: &str) -> Vec<String> {
    let inside = text.split('`').skip(1).step_by(2);
    let file = |t: &&str| t.contains('/') && [".rs", ".py", ".md", ".json"].iter().any(|end| t.ends_with(end));
    let named = inside.filter(file).filter(|t| !t.contains(['{', '*', ' ', '<']) && !t.chars().any(char::is_uppercase));
    named
        .filter(|t| !root().join(t).exists() && !root().join("engine/src").join(t).exists())
        .map(str::to_owned)
        .collect()
}

#[test]
fn files_that_pages_name_are_there() {
    let pages =
        ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/adding-a-family.md", "docs/format.md", "docs/performance.md"];
    for page in pages {
        none(page, lost_paths(&std::fs::read_to_string(root().join(page)).unwrap()));
    }
    assert_eq!(lost_paths("see `engine/src/lib.rs` and `engine/src/gone.rs`"), ["engine/src/gone.rs"]);
}
