//! Models in several files: what fits together is one, and everything that does not is an error by name.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Bytes, Gguf, MetaValue, Value, Writer, is_split_key};

/// A file of a split: keys, and tensors of one number each.
#[derive(Clone)]
struct Part {
    keys: Vec<(&'static str, MetaValue)>,
    tensors: Vec<(&'static str, f32)>,
}

impl Part {
    /// As `gguf-split` writes it.
    fn new(number: u16, count: u16, all: i32, tensors: &[(&'static str, f32)]) -> Self {
        let keys = vec![
            ("split.no", MetaValue::U16(number)),
            ("split.count", MetaValue::U16(count)),
            ("split.tensors.count", MetaValue::I32(all)),
        ];
        Self { keys, tensors: tensors.to_vec() }
    }

    fn with(mut self, key: &'static str, value: impl Into<MetaValue>) -> Self {
        self.keys.retain(|(known, _)| *known != key);
        self.keys.push((key, value.into()));
        self
    }

    fn without(mut self, key: &str) -> Self {
        self.keys.retain(|(known, _)| *known != key);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        for (key, value) in &self.keys {
            writer.set(*key, value.clone());
        }
        for (name, _) in &self.tensors {
            writer.tensor(*name, &[1], F32);
        }
        let mut body = writer.begin(Vec::new()).unwrap();
        for (_, number) in &self.tensors {
            body.write(&number.to_le_bytes()).unwrap();
        }
        body.finish().unwrap()
    }
}

fn three() -> [Part; 3] {
    [
        Part::new(0, 3, 4, &[("a", 1.0)]).with("general.name", "x"),
        Part::new(1, 3, 4, &[("b", 2.0), ("c", 3.0)]),
        Part::new(2, 3, 4, &[("d", 4.0)]),
    ]
}

fn join(parts: &[Part]) -> Result<Gguf, ocelli_quant::gguf::GgufError> {
    Gguf::join(parts.iter().map(|part| Arc::new(part.bytes()) as Bytes).collect())
}

#[track_caller]
fn refused(parts: &[Part], code: &str, words: &[&str]) {
    let error = join(parts).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{error}: no {word}");
    }
}

#[test]
fn files_that_fit_are_one() {
    let file = join(&three()).unwrap();
    assert_eq!(file.parts().len(), 3);
    assert_eq!(file.file_len(), three().iter().map(|part| part.bytes().len() as u64).sum::<u64>());
    assert_eq!(file.get("general.name"), Some(Value::Str("x")));
    for (at, (name, number, part)) in [("a", 1f32, 0), ("b", 2.0, 1), ("c", 3.0, 1), ("d", 4.0, 2)].iter().enumerate() {
        let tensor = file.tensor(name).unwrap();
        assert_eq!((file.index_of(name), tensor.part), (Some(at), *part));
        assert_eq!(file.data(tensor), number.to_le_bytes());
    }
    assert!(is_split_key("split.no") && !is_split_key("general.name"));
}

#[test]
fn first_files_may_have_no_tensors_and_later_ones_a_key_or_an_alignment_of_their_own() {
    let [_, second, third] = three();
    let bare = Part::new(0, 3, 3, &[]).with("general.name", "x");
    let second = second.with("split.tensors.count", 3).with("general.name", "x").with("general.alignment", 32u32);
    let third = third.without("split.tensors.count");
    assert_eq!(join(&[bare, second, third]).unwrap().tensors().len(), 3);
}

#[test]
fn g31_what_does_not_fit() {
    let [first, second, third] = three();
    let all = |one: &Part, two: &Part, three: &Part| [one.clone(), two.clone(), three.clone()];
    refused(&all(&first, &third, &second), "split-part", &["file 2", "split.no is 2", "expected 1"]);
    refused(&all(&second, &first, &third), "split-part", &["file 1", "split.no is 1", "expected 0"]);
    refused(&all(&first, &second, &second), "split-part", &["file 3", "split.no is 1", "expected 2"]);
    refused(&[first.clone(), second.clone()], "split-part", &["file 1", "split.count is 3", "expected 2"]);
    let other = second.clone().with("split.count", MetaValue::U16(4));
    refused(&all(&first, &other, &third), "split-part", &["file 2", "split.count is 4", "expected 3"]);
    let whole = second.clone().without("split.count");
    refused(&all(&first, &whole, &third), "split-part", &["file 2", "split.count is missing", "expected 3"]);
    let unnumbered = second.clone().without("split.no");
    refused(&all(&first, &unnumbered, &third), "split-part", &["file 2", "split.no is missing"]);
    let more = third.clone().with("split.tensors.count", 5);
    refused(&all(&first, &second, &more), "split-part", &["file 3", "split.tensors.count is 5", "expected 4"]);
    let twice = Part { tensors: vec![("a", 4.0)], ..third.clone() };
    refused(&all(&first, &second, &twice), "split-tensor", &["'a'", "file 1", "file 3"]);
    let disagrees = second.clone().with("general.name", "y");
    refused(&all(&first, &disagrees, &third), "split-key", &["file 2", "'general.name'"]);
    let adds = third.clone().with("llama.block_count", 2u32);
    refused(&all(&first, &second, &adds), "split-key", &["file 3", "'llama.block_count'"]);
    assert_eq!(Gguf::join(Vec::new()).unwrap_err().code(), "truncated-header");
}

#[test]
fn every_file_is_checked_by_itself() {
    let whole: Vec<Vec<u8>> = three().iter().map(Part::bytes).collect();
    for part in 0..3 {
        for keep in 0..whole[part].len() {
            let mut parts = whole.clone();
            parts[part].truncate(keep);
            let error = Gguf::join(parts.into_iter().map(|bytes| Arc::new(bytes) as Bytes).collect()).unwrap_err();
            assert!(error.is_short_file() && error.to_string().contains(&format!("file {}", part + 1)), "{error}");
        }
    }
}
