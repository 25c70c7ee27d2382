//! docs/security.md says which test shows each promise: every test, file and fuzz target that it names is there.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What stands between backticks on a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// What of a row of the table is not there: `column` names paths, functions in the file before them and fuzz targets.
fn missing(column: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut source = String::new();
    let (tests, targets) = column.split_once("fuzz target").unwrap_or((column, ""));
    for name in quoted(tests) {
        if name.contains('/') {
            let path = root().join(name);
            if !path.exists() {
                wrong.push(name.to_owned());
            }
            source = fs::read_to_string(path).unwrap_or_default();
        } else if !source.contains(&format!("fn {name}(")) {
            wrong.push(name.to_owned());
        }
    }
    let target = |name: &&str| !root().join(format!("fuzz/fuzz_targets/{name}.rs")).exists();
    wrong.extend(quoted(targets).filter(target).map(str::to_owned));
    wrong
}

#[test]
fn what_is_promised_is_shown() {
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| **")).collect();
    assert!(rows.len() >= 10, "{} rows", rows.len());
    for row in rows {
        let column = row.trim_end_matches('|').rsplit(" | ").next().unwrap();
        assert!(quoted(column).next().is_some(), "nothing shows it: {row}");
        assert_eq!(missing(column), Vec::<String>::new(), "{row}");
    }
}

#[test]
fn what_is_not_there_is_seen() {
    let column = "`tests/tests/security.rs`: `what_is_not_there_is_seen`, `no_such_test`; `no/such.rs`; fuzz target `gguf` or `none`";
    assert_eq!(missing(column), ["no_such_test", "no/such.rs", "none"]);
}
