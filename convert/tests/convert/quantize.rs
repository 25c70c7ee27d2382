//! One GGUF made into another: types, bytes, keys, importances, and what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ocelli_convert::imatrix::{Columns, Imatrix};
use ocelli_convert::quantize::{Mix, Pattern, Recipe, Report, quantize};
use ocelli_quant::TensorType::{self, *};
use ocelli_quant::gguf::{Gguf, Value, Writer};

use crate::tiny::*;

const WIDTH: u64 = 256;
/// Longer than a chunk, so that a row is encoded in parts.
const LONG: u64 = (1 << 17) + 256;

/// Numbers between -1 and 1, nearly all different.
fn numbers(count: u64, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(count as usize).collect()
}

/// A file with every kind of tensor there is, in `ty` what is a matrix.
fn write(path: &Path, ty: TensorType) -> Gguf {
    let matrices: [(&str, [u64; 2]); 8] = [
        ("token_embd.weight", [WIDTH, 40]),
        ("blk.0.attn_v.weight", [WIDTH, 9]),
        ("blk.0.ffn_down.weight", [512, 7]),
        ("blk.0.ffn_up.weight", [WIDTH, 5]),
        ("blk.0.attn_k.weight", [96, 5]),
        ("v.blk.0.ffn_up.weight", [WIDTH, 3]),
        ("long.weight", [LONG, 2]),
        ("output.weight", [WIDTH, 40]),
    ];
    let kept: [(&str, [u64; 2]); 4] = [
        ("output_norm.weight", [WIDTH, 1]),
        ("v.position_embd.weight", [WIDTH, 4]),
        ("v.patch_embd.weight", [WIDTH, 4]),
        ("blk.0.ffn_up.bias", [5, 1]),
    ];
    let mut writer = Writer::new();
    writer.set("general.architecture", "llama").set("general.file_type", 1u32).set("later.key", vec![1i32, -2]);
    writer.set("llama.attention.head_count", 4u32);
    let all: Vec<_> = matrices.map(|m| (m, ty)).into_iter().chain(kept.map(|m| (m, F32))).collect();
    for ((name, shape), ty) in &all {
        writer.tensor(*name, shape, if ty.block_len() as u64 > shape[0] || shape[0] == 96 { F16 } else { *ty });
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for seed in 1.. {
        let Some(info) = body.current().cloned() else { break };
        let mut bytes = vec![0; info.bytes as usize];
        info.ty.encode(&numbers(info.elements(), seed), &mut bytes).unwrap();
        body.write(&bytes).unwrap();
    }
    fs::write(path, body.finish().unwrap()).unwrap();
    parse(path)
}

fn recipe(mix: &str) -> Recipe {
    Recipe::new(mix.parse::<Mix>().unwrap())
}

fn made(file: &Gguf, recipe: &Recipe, directory: &Path) -> (Gguf, Report) {
    let out: PathBuf = directory.join("made.gguf");
    let report = quantize(file, &[directory.join("in.gguf")], &out, recipe, &()).unwrap();
    assert_eq!(report.bytes_out, fs::metadata(&out).unwrap().len());
    (parse(&out), report)
}

fn ty(file: &Gguf, name: &str) -> TensorType {
    file.tensor(name).unwrap().ty
}

#[test]
fn every_mix_is_what_its_encoder_makes() {
    let scratch = Scratch::new();
    let file = write(&scratch.0.join("in.gguf"), F16);
    for mix in Mix::ALL {
        let (out, report) = made(&file, &Recipe::new(mix), &scratch.0);
        assert_eq!(out.get("general.file_type"), Some(Value::U32(mix.file_type())));
        let keys: Vec<&str> = out.keys().map(|(key, _)| key).collect();
        let before: Vec<&str> = file.keys().map(|(key, _)| key).collect();
        assert_eq!(keys[..before.len()], before, "in their places");
        assert_eq!(keys[before.len()..], ["general.quantization_version"]);
        for (old, new) in file.tensors().iter().zip(out.tensors()) {
            assert_eq!((&old.name, &old.shape), (&new.name, &new.shape));
            let mut wanted = vec![0; new.bytes as usize];
            if new.ty == old.ty {
                wanted.copy_from_slice(file.data(old));
            } else {
                let floats = decode(&file, &old.name);
                for (row, to) in floats
                    .chunks(old.shape[0] as usize)
                    .zip(wanted.chunks_mut(new.ty.row_bytes(old.shape[0] as usize).unwrap()))
                {
                    new.ty.encode(row, to).unwrap();
                }
            }
            assert!(out.data(new) == wanted, "{mix}: {}", new.name);
        }
        assert_eq!(ty(&out, "blk.0.ffn_up.weight"), mix.base());
        assert_eq!(ty(&out, "v.position_embd.weight"), F32);
        let block = mix.base().block_len();
        assert_eq!(
            ty(&out, "output.weight"),
            if block == 1 {
                mix.base()
            } else if mix.base() == Q8_0 {
                Q8_0
            } else {
                Q6K
            }
        );
        assert_eq!(report.fallbacks.iter().any(|(name, ..)| name == "blk.0.attn_k.weight"), block == 256, "{mix}");
        let rows: usize = report.types.iter().map(|row| row.1).sum();
        assert_eq!(rows, file.tensors().len());
    }
}

#[test]
fn patterns_and_parts_come_before_the_mix() {
    let scratch = Scratch::new();
    let file = write(&scratch.0.join("in.gguf"), F16);
    let mut recipe = recipe("q4_k_m");
    recipe.pure = true;
    recipe.head = Some(Q8_0);
    recipe.embedding = Some(F16);
    recipe.tensor_types = [("v.*", Q5_0), ("*ffn_up*", Q3K)].map(|(p, ty)| (Pattern::new(p), ty)).into();
    let (out, _) = made(&file, &recipe, &scratch.0);
    let types = ["output", "token_embd", "v.blk.0.ffn_up", "blk.0.ffn_up", "blk.0.attn_v", "v.patch_embd"]
        .map(|name| ty(&out, &format!("{name}.weight")));
    assert_eq!(types, [Q8_0, F16, Q5_0, Q3K, Q4K, F32]);
    recipe.tensor_types = vec![(Pattern::new("*"), Iq4Nl)];
    let error = quantize(&file, &["in"], &scratch.0.join("o.gguf"), &recipe, &()).unwrap_err();
    check(&error, "encode", &["iq4_nl", "token_embd.weight"]);
}

#[test]
fn threads_change_nothing_and_quantising_again_is_noted() {
    let scratch = Scratch::new();
    let file = write(&scratch.0.join("in.gguf"), Q8_0);
    let bytes = [1, 2, 5].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (_, report) = pool.install(|| made(&file, &recipe("q4_k_s"), &scratch.0));
        assert!(report.notes.iter().any(|note| note.contains("quantised before (q8_0)")), "{report:?}");
        fs::read(scratch.0.join("made.gguf")).unwrap()
    });
    assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2]);
}

/// The squared error of a tensor, each column's times its importance.
fn error(file: &Gguf, out: &Gguf, name: &str, importance: &[f32]) -> f64 {
    let (a, b) = (decode(file, name), decode(out, name));
    let weights = importance.iter().cycle();
    a.iter().zip(&b).zip(weights).map(|((a, b), w)| f64::from(*w) * f64::from(a - b).powi(2)).sum()
}

#[test]
fn importances_lower_the_weighted_error() {
    let scratch = Scratch::new();
    let file = write(&scratch.0.join("in.gguf"), F16);
    let names = ["blk.0.ffn_up.weight", "long.weight"];
    let importances =
        [WIDTH, LONG].map(|cols| (0..cols).map(|i| if i % 16 < 2 { 50.0 } else { 1.0 }).collect::<Vec<f32>>());
    let columns = importances.clone().map(|i| Columns { sums: i.iter().map(|i| i * 8.0).collect(), count: 8 });
    let entries: BTreeMap<_, _> = names.map(str::to_owned).into_iter().zip(columns).collect();
    let imatrix = Imatrix { entries, datasets: vec!["text".to_owned()], chunks: 3, chunk_size: 64 };
    let path = scratch.0.join("i.gguf");
    imatrix.write(&path, true).unwrap();
    let back = Imatrix::read(&parse(&path)).unwrap();
    assert_eq!(back, imatrix);
    check(&imatrix.write(&path, false).unwrap_err(), "output_exists", &[]);

    for mix in ["q2_k", "q3_k_s", "q4_k_s", "q4_0", "q5_1"] {
        let mut recipe = recipe(mix);
        let (plain, _) = made(&file, &recipe, &scratch.0);
        recipe.imatrix = Some(("i.gguf".to_owned(), back.clone()));
        let (weighted, report) = made(&file, &recipe, &scratch.0);
        for (name, importance) in names.iter().zip(&importances) {
            let errors = [&weighted, &plain].map(|out| error(&file, out, name, importance));
            assert!(errors[0] < errors[1] * 0.95, "{mix} {name}: {errors:?}");
        }
        assert!(report.unweighted.contains(&"blk.0.attn_v.weight".to_owned()), "{report:?}");
        assert_eq!(weighted.get("quantize.imatrix.entries_count"), Some(Value::U32(2)));
        assert_eq!(weighted.get("quantize.imatrix.dataset"), Some(Value::Str("text")));
    }

    let mut recipe = recipe("q4_0");
    let mut other = back;
    other.entries.get_mut("long.weight").unwrap().sums.pop();
    recipe.imatrix = Some(("i".to_owned(), other));
    let error = quantize(&file, &["in"], &scratch.0.join("o.gguf"), &recipe, &()).unwrap_err();
    check(&error, "imatrix_length", &["long.weight", &LONG.to_string(), &(LONG - 1).to_string()]);
    assert!(!scratch.0.join("o.gguf").exists());
}

#[test]
fn files_that_hold_no_importances_are_refused() {
    let broken = |kind: &str, tensors: &[(&str, &[f32])], parts: &[&str]| {
        let mut writer = Writer::new();
        writer.set("general.type", kind);
        for (name, values) in tensors {
            writer.tensor(*name, &[values.len() as u64], F32);
        }
        let mut body = writer.begin(Vec::new()).unwrap();
        for (_, values) in tensors {
            body.write(&values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
        }
        let file = Gguf::parse(std::sync::Arc::new(body.finish().unwrap())).unwrap();
        check(&Imatrix::read(&file).unwrap_err(), "imatrix", parts);
    };
    broken("model", &[], &["general.type", "'model'"]);
    broken("imatrix", &[("a.in_sum2", &[1.0])], &["'a'", "without counts"]);
    broken("imatrix", &[("a.counts", &[1.0])], &["'a'", "without sums"]);
    broken("imatrix", &[("a.in_sum2", &[1.0, -2.0]), ("a.counts", &[1.0])], &["-2"]);
    broken("imatrix", &[("a.in_sum2", &[1.0, f32::NAN]), ("a.counts", &[1.0])], &["NaN"]);
    broken("imatrix", &[("a.in_sum2", &[1.0, 2.0]), ("a.counts", &[1.0, 1.0])], &["2 counts"]);
}

#[test]
fn the_input_is_never_the_output() {
    let scratch = Scratch::new();
    let path = scratch.0.join("in.gguf");
    let file = write(&path, F16);
    let before = fs::read(&path).unwrap();
    let refused = |out: &Path, code: &str| {
        check(&quantize(&file, &[&path], out, &recipe("q8_0"), &()).unwrap_err(), code, &[]);
        assert!(fs::read(&path).unwrap() == before);
    };
    refused(&path, "output_unfit");
    refused(&scratch.0.join("../").join(scratch.0.file_name().unwrap()).join("in.gguf"), "output_unfit");
    refused(&scratch.0, "output_unfit");
    refused(&scratch.0.join("absent/o.gguf"), "output_directory");
    assert_eq!(scratch.names(), ["in.gguf"]);
}

/// llama.cpp's older importance file, byte by byte.
struct Old(Vec<u8>);

impl Old {
    fn new(entries: i32) -> Self {
        Self(entries.to_le_bytes().to_vec())
    }

    fn text(mut self, text: &str) -> Self {
        self.0.extend((text.len() as i32).to_le_bytes());
        self.0.extend(text.bytes());
        self
    }

    fn number(mut self, number: i32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn values(self, values: &[f32]) -> Self {
        let mut file = self.number(values.len() as i32);
        file.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        file
    }

    fn read(&self, directory: &Path) -> Result<Option<Imatrix>, ocelli_convert::ConvertError> {
        let path = directory.join("imatrix.dat");
        fs::write(&path, &self.0).unwrap();
        Imatrix::read_old(&path)
    }
}

#[test]
fn older_importances_quantise_as_the_newer_do() {
    let scratch = Scratch::new();
    let file = write(&scratch.0.join("in.gguf"), F16);
    let (names, calls) = (["blk.0.attn_v.weight", "blk.0.ffn_up.weight", "output.weight"], 12);
    let values = |seed| numbers(WIDTH, seed).iter().map(|value| value.abs() * 12.0).collect::<Vec<f32>>();
    let mut new = Imatrix { chunks: 34, datasets: vec!["wiki.txt".to_owned()], ..Imatrix::default() };
    let mut old = Old::new(names.len() as i32);
    for (seed, name) in (1..).zip(names) {
        old = old.text(name).number(calls).values(&values(seed));
        new.entries.insert(name.to_owned(), Columns { sums: values(seed), count: calls as u64 });
    }
    let old = old.number(34).text("wiki.txt").read(&scratch.0).unwrap().unwrap();
    assert_eq!(old, new);
    new.write(&scratch.0.join("imatrix.gguf"), true).unwrap();
    let new = Imatrix::read(&parse(&scratch.0.join("imatrix.gguf"))).unwrap();
    let made = [old, new].map(|imatrix| {
        let mut recipe = recipe("q4_k_m");
        recipe.imatrix = Some(("file".to_owned(), imatrix));
        made(&file, &recipe, &scratch.0);
        fs::read(scratch.0.join("made.gguf")).unwrap()
    });
    assert!(made[0] == made[1]);
    let plain = made_bytes(&file, &scratch.0);
    assert!(plain != made[0], "importances are of use");
}

fn made_bytes(file: &Gguf, directory: &Path) -> Vec<u8> {
    made(file, &recipe("q4_k_m"), directory);
    fs::read(directory.join("made.gguf")).unwrap()
}

#[test]
fn older_importances_may_end_early_and_say_nothing_of_calls() {
    let scratch = Scratch::new();
    let entry = |calls| Old::new(1).text("a").number(calls).values(&[3.0, 6.0]);
    let read = |file: Old| file.read(&scratch.0).unwrap().unwrap();
    assert_eq!(read(entry(3)).importance("a").unwrap(), [1.0, 2.0]);
    assert_eq!(read(entry(0)).importance("a").unwrap(), [3.0, 6.0]);
    assert_eq!(read(entry(3).number(7)).chunks, 7);
    let named = read(entry(3).number(7).text(""));
    assert_eq!((named.chunks, named.datasets.len()), (7, 0));
}

#[test]
fn damaged_older_importances_are_refused_by_entry() {
    let scratch = Scratch::new();
    let entry = |name: &str| Old::new(1).text(name).number(3);
    let bad = |file: Old, words: &[&str]| check(&file.read(&scratch.0).unwrap_err(), "imatrix", words);
    bad(entry("a").values(&[]), &["'a'", "0 values"]);
    bad(entry("a").number(-1), &["'a'", "-1"]);
    bad(entry("a").number(i32::MAX), &["'a'", "number of values", "2147483647"]);
    bad(entry("a").number(1 << 28), &["'a'", "1073741824 bytes are needed, 0 are left"]);
    bad(entry("a").values(&[1.0, f32::NAN]), &["'a'", "NaN"]);
    bad(entry("a").values(&[-1.0]), &["'a'", "-1"]);
    bad(Old::new(1).text("a").number(-2).values(&[1.0]), &["'a'", "-2 calls"]);
    bad(Old::new(2).text("a").number(1).values(&[1.0]).text("a").number(1).values(&[1.0]), &["'a'", "twice"]);
    bad(Old::new(3).text("a").number(1).values(&[1.0]), &["entry 2 of 3", "4 bytes are needed"]);
    bad(Old::new(1).text("\u{e4}").number(1).values(&[1.0]).number(1).text("d").number(0), &["4 bytes behind its end"]);
    let mut odd = entry("ab").values(&[1.0]);
    odd.0[8] = 0xff;
    bad(odd, &["entry 1 of 1", "UTF-8"]);
    // Cut anywhere it is an error or, where an entry has just ended, a shorter file.
    let whole = Old::new(1).text("abc").number(3).values(&[1.0, 2.0]).number(7).text("wiki");
    let ends = [27, 31];
    for keep in 8..whole.0.len() {
        let cut = Old(whole.0[..keep].to_vec()).read(&scratch.0);
        assert_eq!(cut.is_ok(), ends.contains(&keep), "{keep}: {cut:?}");
    }
    // What begins otherwise is left to the other reader.
    for other in [&b"GGUF\x03\0\0\0"[..], b"version https://git-lfs", b"", b"\x01\0\0\0", b"\0\0\0\0\x01\0\0\0a"] {
        assert_eq!(Old(other.to_vec()).read(&scratch.0).unwrap(), None);
    }
    assert_eq!(Imatrix::read_old(&scratch.0).unwrap(), None);
}
