//! The shape of the code: in which direction rooms import, how long files and functions are, who names whom.
//!
//! A room is a file or a folder directly below a crate's `src`. Errors are a room of their own, wherever they lie: each
//! `error.rs` says what can go wrong beside it and imports no more than the others do. Code of tests does not count, and
//! neither do comments. What holds is a list of functions from sources to faults, so that each is also given a source that
//! is wrong on purpose.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A crate whose rooms are in order.
struct House {
    /// Its folder.
    folder: &'static str,
    /// From the top: each room imports those below it only.
    rooms: &'static [&'static str],
}

const ENGINE: House = House {
    folder: "engine/src",
    rooms: &[
        "conversation",
        "generate",
        "session",
        "model",
        "plan",
        "company",
        "models",
        "blocks",
        "kernels",
        "cancel",
        "chat",
        "prompt",
        "image",
        "pointing",
        "weights",
        "sampling",
        "jinja",
        "tokenizer",
        "error",
    ],
};
const CONVERT: House = House {
    folder: "convert/src",
    rooms: &[
        "quantize",
        "pair",
        "recipe",
        "imatrix",
        "families",
        "parts",
        "tokenizer",
        "write",
        "layout",
        "keys",
        "checkpoint",
        "output",
        "atomic",
        "settings",
        "json",
        "report",
        "error",
    ],
};
const CLI: House = House {
    folder: "cli/src",
    rooms: &[
        "main",
        "commands",
        "batch",
        "eval",
        "prompt_args",
        "shot_args",
        "pool",
        "features",
        "video_args",
        "frames",
        "grammar_args",
        "read",
        "marks",
        "recipe_args",
        "model_args",
        "picture_args",
        "hub",
        "watch",
        "progress",
        "json_lines",
        "answer",
        "pointing",
        "encoded",
        "repeats",
        "wrap",
        "bundled",
        "interrupt",
        "usage",
        "foreign",
        "help",
        "vocabulary",
        "output",
        "failure",
    ],
};
const FFI: House = House {
    folder: "ffi/src",
    rooms: &[
        "abi", "options", "handle", "cells", "guard", "hooks", "last", "stage", "structs", "log", "affinity", "pixels",
        "sized", "strings", "status",
    ],
};
/// Most lines of a file ...
const LINES: usize = 500;
/// ... and of a function of the engine.
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

impl House {
    fn sources(&self) -> Sources {
        sources(&[self.folder])
    }

    fn room<'a>(&self, path: &'a str) -> Option<&'a str> {
        let below = path.strip_prefix(self.folder)?.strip_prefix('/')?;
        if below.ends_with("error.rs") {
            return Some("error");
        }
        let first = below.split('/').next()?.trim_end_matches(".rs");
        (first != "lib").then_some(first)
    }

    /// Who imports whom.
    fn arrows(&self, sources: &Sources) -> BTreeSet<(String, String)> {
        let mut arrows = BTreeSet::new();
        for (path, source) in sources {
            let Some(from) = self.room(path) else { continue };
            for to in imports(source) {
                if to != from {
                    arrows.insert((from.to_owned(), to));
                }
            }
        }
        arrows
    }

    /// Imports that go up, or name no room, such as an item by the name that `lib.rs` publishes it under.
    fn upward(&self, sources: &Sources) -> Vec<String> {
        let rank = |room: &str| self.rooms.iter().position(|r| *r == room);
        let wrong = |(from, to): &(String, String)| match (rank(from), rank(to)) {
            (Some(from), Some(to)) => from > to,
            _ => true,
        };
        self.arrows(sources).iter().filter(|arrow| wrong(arrow)).map(|(from, to)| format!("{from} -> {to}")).collect()
    }

    /// Prints what there is and fails on what is wrong.
    fn check(&self) {
        let sources = self.sources();
        let arrows = self.arrows(&sources);
        let rooms: BTreeSet<_> = sources.keys().filter_map(|path| self.room(path)).collect();
        let longest = sources.iter().max_by_key(|(_, source)| source.lines().count()).unwrap();
        let circles = circles(&arrows);
        println!(
            "{}: {} rooms, {} arrows, {} circles; the longest file is {} with {} lines",
            self.folder,
            rooms.len(),
            arrows.len(),
            circles.len(),
            longest.0,
            longest.1.lines().count()
        );
        none("rooms that import each other", circles);
        none("imports that go up", self.upward(&sources));
        assert_eq!(rooms, self.rooms.iter().copied().collect(), "the rooms and their order in this test");
    }
}

/// Where the list that opens at the start of `text` closes, and what is behind its commas at its own depth.
fn listed(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0usize, 1, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => {
                found.push(&text[from..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 1 => {
                found.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// Adds the rooms that an import names, which may be a list and have lists in it. An error is in the room `error`.
fn add_rooms(first: Option<&str>, import: &str, found: &mut BTreeSet<String>) {
    let import = import.trim_start();
    if import.starts_with('{') {
        listed(import).into_iter().for_each(|part| add_rooms(first, part, found));
        return;
    }
    let path: String = import.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
    let room = first.unwrap_or_else(|| path.split(':').next().unwrap_or_default());
    match path.strip_suffix("::") {
        Some(_) if import[path.len()..].starts_with('{') => add_rooms(Some(room), &import[path.len()..], found),
        _ if path.ends_with("Error") => _ = found.insert("error".to_owned()),
        _ if !room.is_empty() => _ = found.insert(room.to_owned()),
        _ => {}
    }
}

/// What a source names of the crate: the first name behind `crate::`, also within braces; of an error, `error`.
fn imports(source: &str) -> BTreeSet<String> {
    let code = code(source);
    let mut found = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        add_rooms(None, &code[at + start.len()..], &mut found);
    }
    found
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
    let rooms: BTreeSet<&String> = arrows.iter().map(|(from, _)| from).collect();
    rooms.into_iter().filter(|room| reach(room).contains(*room)).cloned().collect()
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
            if !head.contains("fn ") || line.trim_start().starts_with("//") {
                continue;
            }
            let close = format!("{}}}", " ".repeat(depth));
            // A trait's function may have no body.
            let end = |l: &&str| l.len() - l.trim_start().len() == depth && (*l == close || l.ends_with(';'));
            let Some(length) = lines[first..].iter().position(end) else { continue };
            if length + 1 > FUNCTION {
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

const NAMES: [&str; 9] =
    ["blip2", "flamingo", "idefics", "instructblip", "kosmos", "llava", "minigpt", "mplug", "smolvlm"];

/// The families' names in code that is to know none of them.
fn named_families(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (path, source) in sources {
        for line in without_texts(&code(source)).to_lowercase().lines() {
            if let Some(name) = NAMES.iter().find(|n| line.contains(**n)) {
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

/// Keys that are read by the name of one architecture, where it may be any.
fn keys_of_one_architecture(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (path, source) in sources {
        let code = code(source);
        let named = |text: &&str| ["opt.", "llama.", "gemma3.", "mpt.", "gptneox."].iter().any(|a| text.starts_with(a));
        found.extend(code.split('"').skip(1).step_by(2).filter(named).map(|key| format!("{path}: {key}")));
    }
    found
}

fn none(what: &str, faults: Vec<String>) {
    assert!(faults.is_empty(), "{what}:\n  {}", faults.join("\n  "));
}

#[test]
fn rooms_import_downwards_only() {
    ENGINE.check();
    CONVERT.check();
    CLI.check();
    FFI.check();
    let flat = ENGINE.sources().keys().filter(|path| path.matches('/').count() == 2).count();
    assert!(flat <= FLAT, "{flat} files directly in engine/src, at most {FLAT}");
}

#[test]
fn an_import_that_goes_up_is_seen() {
    let mut engine = ENGINE.sources();
    let broken = engine.get_mut("engine/src/kernels/mod.rs").unwrap();
    broken.insert_str(0, "use crate::{cancel, session::Session};\n");
    assert_eq!(ENGINE.upward(&engine), ["kernels -> session"]);
    assert!(circles(&ENGINE.arrows(&engine)).contains(&"kernels".to_owned()));
    let published = engine.get_mut("engine/src/blocks/mod.rs").unwrap();
    published.insert_str(0, "use crate::Model;\n");
    assert!(ENGINE.upward(&engine).contains(&"blocks -> Model".to_owned()));
    let mut convert = CONVERT.sources();
    convert.get_mut("convert/src/json.rs").unwrap().insert_str(0, "use crate::{report, settings::{Known, Object}};\n");
    assert_eq!(CONVERT.upward(&convert), ["json -> settings"]);
    assert_eq!(circles(&CONVERT.arrows(&convert)), ["json", "settings"]);
    let mut ffi = FFI.sources();
    ffi.get_mut("ffi/src/last.rs").unwrap().insert_str(0, "use crate::abi::{OCELLI_FEATURE_FD as FD};\n");
    assert_eq!(FFI.upward(&ffi), ["last -> abi"]);
    assert_eq!(circles(&FFI.arrows(&ffi)), ["abi", "cells", "guard", "handle", "last"]);
}

#[test]
fn lists_of_imports_are_taken_apart() {
    let source =
        "use crate::{a::{b, c::{d, E}}, f};\nuse crate::g::{H, IError};\nuse crate::JError;\ncrate::k(crate::L);\n";
    assert_eq!(imports(source).into_iter().collect::<Vec<_>>(), ["L", "a", "error", "f", "g", "k"]);
}

#[test]
fn files_and_functions_are_short() {
    let folders = ["quant", "engine", "convert", "ffi", "cli", "tests/src", "tests/tests", "tests/gpu"];
    none("files over the limit", long_files(&sources(&folders)));
    none("functions over the limit", long_functions(&sources(&["engine/src"])));
}

#[test]
fn what_is_long_is_seen() {
    let line = "        let x = 1;\n";
    let long = format!("impl A {{\n    pub fn long(\n        a: u8,\n    ) {{\n{}    }}\n}}\n", line.repeat(LINES));
    let short = format!("trait A {{\n    fn short();\n{0}}}\nstruct B {{\n    call: fn(u8),\n{0}}}\n", line.repeat(80));
    let sources = Sources::from([("a.rs".to_owned(), long), ("b.rs".to_owned(), short)]);
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

#[test]
fn a_language_models_keys_have_its_own_architecture() {
    none("keys of one architecture", keys_of_one_architecture(&sources(&["engine/src"])));
    let read = "return Err(bad(\"opt.embedding_length\", 7));\n";
    let broken = Sources::from([("a.rs".to_owned(), read.to_owned())]);
    assert_eq!(keys_of_one_architecture(&broken), ["a.rs: opt.embedding_length"]);
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
    engine.get_mut("engine/src/plan.rs").unwrap().insert_str(0, "use crate::kernels::cpu::Cpu;\n");
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
