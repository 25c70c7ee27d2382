//! Seeds of the fuzz targets that are no input of another test: heads of small models of every family, tables of every
//! kind of tokenizer, templates with what they use, a small checkpoint and sequences of C calls. The targets' openings
//! (`fuzz/src`) say how each is laid out. Without OCELLI_FUZZ_CORPUS nothing is written.

#![allow(clippy::unwrap_used)]

#[path = "../../fuzz/keep.rs"]
mod seeds;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ocelli_convert::{Options, convert};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::Gguf;
use ocelli_tests::checkpoint::{Dtype, write_weights};
use ocelli_tests::golden::Golden;
use ocelli_tests::mixed_golden::MixedGolden;
use ocelli_tests::opt_tokenizer::TokenizerGolden;
use ocelli_tests::text_golden::{TEXT, TextGolden};
use serde_json::Value;

/// A file without its tensors' data.
fn keep_head(bytes: &[u8]) {
    let file = Gguf::parse(Arc::new(bytes.to_vec())).unwrap();
    seeds::keep("gguf", &bytes[..usize::try_from(file.data_offset()).unwrap()]);
}

#[test]
fn heads_of_models() {
    keep_head(include_bytes!("../../cli/models/tiny-blip2.gguf"));
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out.gguf");
    let keep = |folder: &Path, ty: TensorType| {
        convert(folder, &out, &Options::new(ty), &()).unwrap();
        keep_head(&fs::read(&out).unwrap());
    };
    for name in TEXT {
        let folder = scratch.path().join(name);
        TextGolden::load(name).unwrap().write(&folder).unwrap();
        keep(&folder, TensorType::Q8_0);
    }
    for (family, name) in
        [("frozen", "class"), ("frozen", "nf"), ("flamingo", "idefics"), ("flamingo", "idefics_every")]
    {
        let folder = scratch.path().join(name);
        MixedGolden::load(family, name).unwrap().write(&folder).unwrap();
        keep(&folder, TensorType::Q8_0);
    }
    let folder = scratch.path().join("blip2");
    Golden::load("default").unwrap().write(&folder).unwrap();
    keep(&folder, TensorType::F16);
}

/// The checkpoint that `fuzz/src/checkpoint.rs` has the configuration of.
#[test]
fn a_small_checkpoint() {
    let layer = |name: &str| format!("model.layers.0.{name}.weight");
    let tensors = [
        ("model.embed_tokens.weight".to_owned(), vec![320, 32]),
        (layer("input_layernorm"), vec![32]),
        (layer("mlp.down_proj"), vec![32, 32]),
        (layer("mlp.gate_proj"), vec![32, 32]),
        (layer("mlp.up_proj"), vec![32, 32]),
        (layer("post_attention_layernorm"), vec![32]),
        (layer("self_attn.k_proj"), vec![16, 32]),
        (layer("self_attn.o_proj"), vec![32, 32]),
        (layer("self_attn.q_proj"), vec![32, 32]),
        (layer("self_attn.v_proj"), vec![16, 32]),
        ("model.norm.weight".to_owned(), vec![32]),
    ];
    let scratch = tempfile::tempdir().unwrap();
    write_weights(scratch.path(), 1, &tensors, Dtype::F16, None, &|_, _| ()).unwrap();
    seeds::keep("safetensors", &fs::read(scratch.path().join("model.safetensors")).unwrap());
}

fn engine_test(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests").join(file);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Every tenth snippet that Jinja was asked, and the goldens' conversations in chat.rs of the engine's tests.
#[test]
fn templates() {
    let snippets = engine_test("templates/snippets.json");
    for case in snippets["cases"].as_array().unwrap().iter().step_by(10) {
        seeds::keep("chat", case[0].as_str().unwrap().as_bytes());
    }
}

/// Lines of tokens, each with a type and a score.
fn tables<'a>(head: &str, tokens: impl Iterator<Item = (&'a str, u32, f32)>, merges: &str, text: &str) {
    let mut input = format!("{head}\n");
    let lines: Vec<String> = tokens.map(|(token, ty, score)| format!("{token}\t{ty} {score}")).collect();
    write!(input, "{}\n\n{merges}\n\n{text}", lines.join("\n")).unwrap();
    seeds::keep("tokenizer", input.as_bytes());
}

/// A unigram vocabulary with a map of characters: a block of 256 units a place, the keys `x`, `xy` and `\t`.
fn unigram() {
    let mut units = vec![0u32; 256 * 5];
    let mut unit = |at: usize, byte: u8, base: usize, value: bool| {
        units[at] = u32::from(byte) | ((at ^ base) as u32) << 10 | u32::from(value) << 8;
    };
    unit(0, 0, 256, false);
    unit(256 ^ usize::from(b'x'), b'x', 512, true);
    unit(256 ^ usize::from(b'\t'), b'\t', 768, true);
    unit(512 ^ usize::from(b'y'), b'y', 1024, true);
    for (at, value) in [(512, 0), (768, 3), (1024, 5)] {
        units[at] = 1 << 31 | value;
    }
    let trie: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let map = [&(trie.len() as u32).to_le_bytes()[..], &trie, b"ab\0 \0\0"].concat();
    let digits: String = map.iter().map(|byte| format!("{byte:02x}")).collect();
    let pieces = ["▁", "a", "b", "ab", "▁a", "abc", "c", "▁abc", "é"];
    for more in ["", " remove_extra_whitespaces=1 add_space_prefix=1"] {
        let special = [("<pad>", 3, 0.0), ("</s>", 3, 0.0), ("<unk>", 2, 0.0), ("<x>", 4, 0.0)].into_iter();
        let pieces = pieces.iter().zip(1u8..).map(|(piece, n)| (*piece, 1, -f32::from(n)));
        let head = format!("t5 default{more}");
        tables(&head, special.clone().chain(pieces.clone()), "", "abc </s>é\n 👍 ab<x> x");
        let head = format!("{head} precompiled_charsmap={digits}");
        tables(&head, special.chain(pieces), "", " x\txy  xabc<x>\tyx ");
    }
}

#[test]
fn tables_of_tokenizers() {
    let golden = TokenizerGolden::load().unwrap();
    let opt = engine_test("tokenizer_golden.json");
    let merges: Vec<&str> = opt["merges"].as_array().unwrap().iter().map(|m| m.as_str().unwrap()).collect();
    let tokens: Vec<&str> = opt["tokens"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
    for pre in ["opt", "default", "llama-bpe", "qwen2", "gpt-4o"] {
        let tokens = tokens.iter().map(|token| (*token, if token.starts_with('<') { 3 } else { 1 }, 0.0));
        let head = format!("gpt2 {pre} bos_token_id=2 eos_token_id=2 padding_token_id=1 add_bos_token=1");
        tables(&head, tokens, &merges.join("\n"), &golden.texts[0].text);
    }
    let bytes: Vec<String> = (0..256).map(|byte| format!("<0x{byte:02X}>")).collect();
    let pieces = ["▁", "a", "b", "ab", "▁a", "abc", "c", "▁abc", "é"];
    let special = [("<unk>", 2, 0.0), ("<s>", 3, 0.0), ("</s>", 3, 0.0)].into_iter();
    let bytes = bytes.iter().map(|byte| (byte.as_str(), 6, 0.0));
    let pieces = pieces.iter().zip(1u8..).map(|(piece, n)| (*piece, 1, -f32::from(n)));
    tables("llama default bos_token_id=1 eos_token_id=2", special.chain(bytes).chain(pieces), "", "abc </s>é\n 👍 ab");
    let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##b", "ab", "▁the", "▁a", "b", "s"];
    let words = words.iter().map(|word| (*word, 1, 0.0));
    tables("bert default unknown_token_id=1 cls_token_id=2 seperator_token_id=3", words, "", "The abb, the: ab!");
    let pairs = ["<pad>", "<eos>", "<bos>", "▁", "a", "b", "ab", "▁ab", "\\n"].into_iter().map(|token| (token, 1, 0.0));
    tables("gemma4 default bos_token_id=2 eos_token_id=1", pairs, "a b\n▁ ab", "ab  ab a\n\nb");
    unigram();
    for head in ["gpt2", "llama", "t5", "bert", "", "abacus x y=z"] {
        tables(head, [("a", 1, f32::NAN), ("a", 9, 0.0), ("", 4, f32::INFINITY)].into_iter(), "a b\n ab\na  b", "a b");
    }
}

/// Functions by number, each with what makes its arguments right ones; every function alone, and some in a row.
#[test]
fn sequences_of_calls() {
    const FUNCTIONS: u8 = 50;
    for function in 0..FUNCTIONS {
        // A model, a session and a picture are open.
        let mut call = vec![7, function];
        call.extend([0; 12]);
        seeds::keep("calls", &call);
        call.extend((0..48u8).map(|at| at.wrapping_mul(37)));
        seeds::keep("calls", &call);
    }
    let mut all = vec![7];
    for function in 0..FUNCTIONS {
        all.extend([function, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    all.chunks(24 * 9).for_each(|calls| seeds::keep("calls", calls));
}

#[test]
fn lines_of_batches_and_demonstrations() {
    for text in [
        "{\"id\": \"q1\", \"image\": \"a.png\", \"prompt\": \"a\"}\n{\"id\": 1.50, \"images\": [\"a.png\", \"b\"], \"prompt\": \"<image>\\u00e9\"}\n",
        "\u{feff}{\"videos\": [\"v\"], \"prompt\": \"\", \"max_tokens\": 7}\r\n\r\n \t{\"id\": null, \"promt\": \"x\"}\r\n",
        "{\"id\": {\"a\": [1, {\"b\": null}]}, \"prompt\": 7}\n{\"id\": 123456789012345678901234567890, \"prompt\": [\"\"]}\nnone\n[]\n{\"a\": 1, \"a\": 2}",
        "{\"id\": \"\\ud83d\\ude00 \\\"\", \"image\": \"a\", \"images\": [\"b\"]}\n{\"prompt\": NaN}\n{\"\u{e4}\" 1}\n{\"a\": \"\\x\"}\n{\"a\": 1} {}",
        &format!("{{\"a\":{}{}}}\n{{\"a\":{}}}", "[".repeat(200), "]".repeat(200), "9".repeat(400)),
        "{\"image\": \"a.png\", \"question\": \"What?\", \"answer\": \"a\"}\n{\"text\": \"alone\", \"image\": \"b.png\"}\n",
    ] {
        seeds::keep("lines", text.as_bytes());
    }
}

/// Entries as a file of features has them, and all of a file.
#[test]
fn features_of_pools() {
    let entry = |key: u128, numbers: &[f32]| {
        let count = u32::try_from(numbers.len()).unwrap().to_le_bytes();
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        [&key.to_le_bytes()[..], &count, &numbers].concat()
    };
    let entries = [entry(3, &[1e-9]), entry(7, &[0.5, -1.0, 2.0]), entry(u128::MAX, &[])].concat();
    seeds::keep("features", &entries);
    seeds::keep("features", &[entry(7, &[f32::NAN]), entry(7, &[])].concat());
    let content = [b"ocelli features1", &entries[..]].concat();
    let hash = ocelli_engine::image::bytes_hash(&content).to_le_bytes();
    seeds::keep("features", &[&content[..], &hash].concat());
}

/// Names, lists and tables as a hub has them.
#[test]
fn lists_of_a_hub() {
    let (git, sha) = ("a".repeat(40), "B".repeat(64));
    let file = |path: &str| format!("{{\"rfilename\": \"{path}\", \"size\": 30, \"blobId\": \"{git}\"}}");
    let large = |path: &str| {
        format!(
            "{{\"rfilename\": \"{path}\", \"size\": 130, \"lfs\": {{\"sha256\": \"{sha}\", \"size\": 7000, \"pointerSize\": 130}}}}"
        )
    };
    let list =
        |files: &[String]| format!("{{\"id\": \"o/n\", \"sha\": \"0123\", \"siblings\": [{}]}}", files.join(", "));
    let checkpoint: Vec<String> =
        ["config.json", "tokenizer.json", "additional_chat_templates/tool.jinja", "README.md"]
            .map(file)
            .into_iter()
            .chain(
                [
                    "model-00001-of-00002.safetensors",
                    "model-00002-of-00002.safetensors",
                    "model.safetensors.index.json",
                ]
                .map(large),
            )
            .collect();
    let models = [
        "m-Q4_K_M.gguf",
        "m-UD-Q4_K_XL.gguf",
        "m.q8_0.GGUF",
        "mmproj-m-f16.gguf",
        "m-imatrix.gguf",
        "BF16/m-BF16-00001-of-00002.gguf",
        "BF16/m-BF16-00002-of-00002.gguf",
    ];
    let table = r#"{"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}"#;
    let (checkpoint, models) = (list(&checkpoint), list(&models.map(large)));
    for input in [
        format!("o/n\n{checkpoint}\0{table}"),
        format!(
            "https://hub.example/o/n/resolve/refs%2Fpr%2F1/BF16/m-BF16-00001-of-00002.gguf?download=true\n{models}"
        ),
        format!("hf:o/n@v1.0:q4_k_m\n{models}"),
        format!("hf:n:main\n{}\0{{\"weight_map\": {{}}}}", list(&[])),
        format!("o/n/../m\n{}", list(&["../x", "a//b", "a\\\\b", "c:d", "/e", "f\\u0000"].map(file))),
    ] {
        seeds::keep("listing", input.as_bytes());
    }
}

/// Records of an index, without their hashes, and one file.
#[test]
fn indexes_of_folders() {
    let record = |kind: u8, parts: &[&[u8]]| {
        let body = parts.concat();
        let length = u16::try_from(body.len()).unwrap().to_le_bytes();
        [&[kind][..], &length, &body].concat()
    };
    let (hash, stamp) = (3u128.to_le_bytes(), [7u8; 24]);
    let rows = [0.5f32, -0.25].map(f32::to_le_bytes).concat();
    let rows = record(1, &[&hash, &rows, &[64, 129, 32, 0, 0, 1, 2, 3]]);
    let picture = record(2, &[&stamp, &hash, b"a/b.png"]);
    let unreadable = record(3, &[&stamp, &5u32.to_le_bytes(), b"c.png", b"no picture"]);
    seeds::keep("index", &[&rows[..], &picture, &unreadable, &picture[..9]].concat());
    seeds::keep("index", &[&picture[..], &rows, &rows, &record(0, &[&hash, &[4, 0, 0, 0, 1, 0], b"m"])].concat());
    let body = [&7u128.to_le_bytes()[..], &4u32.to_le_bytes(), &4u16.to_le_bytes(), b"tiny"].concat();
    let model = [&u32::try_from(body.len()).unwrap().to_le_bytes()[..], &[0], &body].concat();
    #[allow(clippy::cast_possible_truncation)] // half of it
    let check = (ocelli_engine::image::bytes_hash(&model) as u64).to_le_bytes();
    seeds::keep("index", &[b"ocelli search 01", &model[..], &check, &[9; 30]].concat());
}
