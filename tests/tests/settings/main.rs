//! No setting of a checkpoint can be lost: each key of each golden's JSON files is renamed and put one level deeper, one
//! level up and beside, and others are added. Every conversion then is refused, or says a note more, or
//! gives the same bytes. What each key is worth is the goldens' own concern.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::panic)]

mod changes;
mod heads;
mod idefics;
mod tokenizer;

use changes::{Outcomes, Subject};
use ocelli_tests::golden::Golden;
use ocelli_tests::itm_golden::ItmGolden;
use ocelli_tests::mixed_golden::MixedGolden;
use ocelli_tests::spliced_golden::SplicedGolden;
use ocelli_tests::text_golden::TextGolden;
use std::path::Path;

/// Tries all changes of these files, each subject in a thread of its own.
fn judged(subjects: &[Subject], files: &[&str]) -> Vec<Outcomes> {
    std::thread::scope(|scope| {
        let work: Vec<_> = subjects.iter().map(|subject| scope.spawn(move || subject.all(files))).collect();
        let outcomes = work.into_iter().map(|thread| thread.join().unwrap());
        let outcomes: Vec<Outcomes> = outcomes.collect();
        for (subject, outcomes) in subjects.iter().zip(&outcomes) {
            println!("{}: {outcomes:?}", subject.name);
            assert!(outcomes.refused > 40, "{}: {outcomes:?}", subject.name);
        }
        outcomes
    })
}

#[test]
fn no_setting_is_lost() {
    let text = [
        "llama_untied",
        "llama_llama3",
        "gemma_scaled",
        "mpt",
        "mpt_mosaic",
        "neox",
        "five_llama_llama3",
        "five_gemma",
        "five_neox",
        "qwen2_window",
        "mistral",
        "gemma2_caps",
        "phi3_partial",
        "five_phi3",
    ];
    let mixed = [
        ("flamingo", "idefics"),
        ("flamingo", "idefics_five"),
        ("flamingo", "open_neox"),
        ("frozen", "class"),
        ("frozen", "nf_odd"),
        ("qwen_vl", "default"),
        ("qwen_vl", "two"),
        ("qwen_vl", "two_five"),
        ("smolvlm", "default"),
        ("smolvlm", "whole"),
    ];
    let mut subjects: Vec<Subject> = Vec::new();
    for name in text {
        subjects.push(Subject::new(name, |dir| TextGolden::load(name).unwrap().write(dir).unwrap()));
    }
    for (family, name) in mixed {
        subjects.push(Subject::new(name, |dir| MixedGolden::load(family, name).unwrap().write(dir).unwrap()));
    }
    for name in ["untied", "five"] {
        subjects.push(Subject::new(name, |dir| Golden::load(name).unwrap().write(dir).unwrap()));
    }
    for name in ["default", "five"] {
        let subject = Subject::new(&format!("itm_{name}"), |dir| ItmGolden::load(name).unwrap().write(dir).unwrap());
        subjects.push(subject.without("/text_config"));
    }
    for name in ["default", "layers", "next", "five_next"] {
        let write = |dir: &Path| SplicedGolden::load("llava", name).unwrap().write(dir).unwrap();
        subjects.push(Subject::new(&format!("llava_{name}"), write));
    }
    let write = |dir: &Path| SplicedGolden::load("kosmos", "half").unwrap().write(dir).unwrap();
    subjects.push(Subject::new("kosmos", write));
    for name in ["quarter", "five_inner"] {
        let write = |dir: &Path| SplicedGolden::load("internvl", name).unwrap().write(dir).unwrap();
        subjects.push(Subject::new(&format!("internvl_{name}"), write).without("/video_processor"));
    }
    for name in ["default", "five"] {
        let write = |dir: &Path| SplicedGolden::load("gemma3", name).unwrap().write(dir).unwrap();
        subjects.push(Subject::new(&format!("gemma3_{name}"), write));
    }
    let write = |dir: &Path| SplicedGolden::load("mplug_owl", "default").unwrap().write(dir).unwrap();
    subjects.push(Subject::new("mplug_owl", write));
    let files = ["config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json"];
    let outcomes = judged(&subjects, &files);
    let same: usize = outcomes.iter().map(|outcomes| outcomes.same).sum();
    assert!(same > 50, "{same} changes of keys that have no effect passed");
}
