//! A family is complete when it runs, converts, is documented and has goldens. This fails until all four are there.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

#[test]
fn every_family_runs_converts_is_documented_and_has_goldens() {
    let runs: BTreeSet<&str> = ocelli_engine::families().into_iter().collect();
    let converts: BTreeSet<&str> = ocelli_convert::families().into_iter().map(|(name, _)| name).collect();
    assert_eq!(runs, converts, "families of the engine and of the converter");
    let goldens: Vec<String> = std::fs::read_dir(ocelli_tests::golden::folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    let format = include_str!("../../docs/format.md");
    for family in runs {
        assert!(goldens.iter().any(|name| name.starts_with(&format!("{family}_"))), "{family} has no golden");
        assert!(format.contains(&format!("`{family}`")), "{family} is not in docs/format.md");
    }
}

/// Where the tables of what runs begin and end in docs/models.md.
const MARKS: [&str; 2] = ["<!-- what runs: made from the code -->\n", "<!-- what runs: end -->\n"];

/// The tables that docs/models.md has of what runs.
fn tables() -> String {
    let code = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut text = String::from("\n| architecture | models | converted from `model_type` |\n|---|---|---|\n");
    let converted = ocelli_convert::language_models();
    for (name, models) in ocelli_engine::architectures() {
        let from: Vec<&str> = converted.iter().filter(|(_, to)| *to == name).map(|(from, _)| *from).collect();
        text += &format!("| `{name}` | {models} | {} |\n", code(&from));
    }
    text += "\n| family | converted from `model_type` |\n|---|---|\n";
    for (name, from) in ocelli_convert::families().into_iter().filter(|(name, _)| *name != "text") {
        text += &format!("| `{name}` | {} |\n", code(from));
    }
    text + "\n"
}

/// Fails where the page and the code differ; `OCELLI_UPDATE_DOCS=1` writes the tables anew.
#[test]
fn the_table_of_what_runs_is_the_codes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/models.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).unwrap();
    let (has, behind) = rest.split_once(MARKS[1]).unwrap();
    let wanted = tables();
    if std::env::var_os("OCELLI_UPDATE_DOCS").is_some() {
        std::fs::write(path, [before, MARKS[0], &wanted, MARKS[1], behind].concat()).unwrap();
    } else {
        assert_eq!(has, wanted, "docs/models.md: OCELLI_UPDATE_DOCS=1 cargo test -p ocelli-tests --test families");
    }
    let runs: BTreeSet<&str> = ocelli_engine::architectures().into_iter().map(|(name, _)| name).collect();
    for (from, to) in ocelli_convert::language_models() {
        assert!(runs.contains(to), "{from} becomes {to}, which does not run");
    }
}
