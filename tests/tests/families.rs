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
