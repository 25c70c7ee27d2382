//! Output heads that differ from the embedding they are tied to: the original before transformers 5 uses the embedding,
//! from 5.0 on the head, and what is used is said.

use crate::changes::Subject;
use ocelli_quant::gguf::Gguf;
use ocelli_tests::mixed_golden::MixedGolden;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Whose rows are one head's: of the vocabulary, and of what was added to it.
const PARTS: [(&str, &str); 2] = [
    ("lm_head.weight", "model.embed_tokens.weight"),
    ("lm_head.additional_fc.weight", "model.embed_tokens.additional_embedding.weight"),
];

/// An IDEFICS whose configuration ties its head, some of whose parts repeat the embedding's.
fn tied(golden: &str, repeated: &[(&str, &str)]) -> (Gguf, Vec<String>) {
    let write = |dir: &Path| {
        MixedGolden::load("flamingo", golden).unwrap().write(dir).unwrap();
        let path = dir.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        config["tie_word_embeddings"] = json!(true);
        fs::write(path, config.to_string()).unwrap();
        let path = dir.join("model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        for (head, embedding) in repeated {
            let range = |name: &str| {
                let at = |end: usize| 8 + length + header[name]["data_offsets"][end].as_u64().unwrap() as usize;
                at(0)..at(1)
            };
            bytes.copy_within(range(embedding), range(head).start);
        }
        fs::write(path, bytes).unwrap();
    };
    let subject = Subject::new(golden, write);
    (Gguf::parse(Arc::new(subject.bytes.clone())).unwrap(), subject.notes.clone())
}

#[test]
fn a_tied_head_that_differs_is_said_whatever_it_is_made_of() {
    for (repeated, differing) in [(&PARTS[..0], &PARTS[..]), (&PARTS[..1], &PARTS[1..]), (&PARTS[1..], &PARTS[..1])] {
        for (golden, used) in
            [("idefics", "the embedding is used"), ("idefics_five", "it is used, as in transformers 5")]
        {
            let (file, notes) = tied(golden, repeated);
            let said: Vec<&String> = notes.iter().filter(|note| note.contains("ties the output head")).collect();
            assert_eq!(said.len(), differing.len(), "{notes:?}");
            for (note, (head, embedding)) in said.iter().zip(differing) {
                assert!(note.contains(&format!("{head} differs from {embedding}: {used}")), "{note}");
            }
            let own = file.tensor("output.weight");
            assert_eq!(own.is_some(), golden == "idefics_five");
            if let (Some(own), Some(embedding)) = (own, file.tensor("token_embd.weight")) {
                assert!(own.shape == embedding.shape && file.data(own) != file.data(embedding));
            }
        }
    }
    for golden in ["idefics", "idefics_five"] {
        let (file, notes) = tied(golden, &PARTS);
        assert!(file.tensor("output.weight").is_none() && notes.iter().all(|note| !note.contains("head")), "{notes:?}");
    }
}
