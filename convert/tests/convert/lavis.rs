//! LAVIS' BLIP-2 checkpoints: each becomes the file that the same weights in the layout of transformers become, but for what
//! LAVIS' own code has otherwise; and what is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use ocelli_convert::{ConvertError, Lavis, Options, Report, convert, convert_lavis};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, MetaValue};
use serde_json::{Value, json};

use crate::t5;
use crate::tiny::*;
use crate::torch_file::*;

const EVA: u64 = 88;
pub const Q: u64 = 128;
const SEEN: u64 = 3;
const COMPARED: u64 = 24;
/// Blocks that are used; the tower's own file has one more.
const BLOCKS: u64 = 2;
const WORDS: [&str; 8] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "##s"];
/// Rows of the table: the words and `[DEC]`.
pub const ROWS: u64 = WORDS.len() as u64 + 1;

fn empty() -> Model {
    Model { config: json!({}), tensors: BTreeMap::new(), store: Store::F32, files: BTreeMap::new() }
}

/// A model in both layouts, LAVIS' in its parts.
#[derive(Clone)]
pub struct Parts {
    pub hf: Model,
    pub checkpoint: Model,
    pub vision: Option<Model>,
    pub language: Option<Model>,
    pub tokenizer: Option<BTreeMap<String, String>>,
}

/// Adds the same tensors under both names.
pub struct Pair<'a>(pub &'a mut Model, pub &'a mut Model);

impl Pair<'_> {
    pub fn add(&mut self, theirs: &str, lavis: &str, shape: &[u64]) {
        self.0.add(theirs, shape);
        self.1.tensors.insert(lavis.to_owned(), self.0.tensors[theirs].clone());
    }

    fn linear(&mut self, theirs: &str, lavis: &str, cols: u64, rows: u64) {
        self.add(&format!("{theirs}.weight"), &format!("{lavis}.weight"), &[rows, cols]);
        self.add(&format!("{theirs}.bias"), &format!("{lavis}.bias"), &[rows]);
    }

    fn norm(&mut self, theirs: &str, lavis: &str, width: u64) {
        for part in ["weight", "bias"] {
            self.add(&format!("{theirs}.{part}"), &format!("{lavis}.{part}"), &[width]);
        }
    }
}

/// EVA's tower as its own file has it, with what nobody needs.
fn tower(hf: &mut Model) -> Model {
    let mut file = empty();
    let mut pair = Pair(hf, &mut file);
    let v = "vision_model";
    pair.add(&format!("{v}.embeddings.class_embedding"), "cls_token", &[1, 1, EVA]);
    pair.add(&format!("{v}.embeddings.position_embedding"), "pos_embed", &[1, 5, EVA]);
    pair.add(&format!("{v}.embeddings.patch_embedding.weight"), "patch_embed.proj.weight", &[EVA, 3, 7, 7]);
    pair.add(&format!("{v}.embeddings.patch_embedding.bias"), "patch_embed.proj.bias", &[EVA]);
    for n in 0..=BLOCKS {
        let (l, b) = (format!("{v}.encoder.layers.{n}"), format!("blocks.{n}"));
        pair.norm(&format!("{l}.layer_norm1"), &format!("{b}.norm1"), EVA);
        pair.norm(&format!("{l}.layer_norm2"), &format!("{b}.norm2"), EVA);
        pair.add(&format!("{l}.self_attn.qkv.weight"), &format!("{b}.attn.qkv.weight"), &[3 * EVA, EVA]);
        pair.linear(&format!("{l}.self_attn.projection"), &format!("{b}.attn.proj"), EVA, EVA);
        pair.linear(&format!("{l}.mlp.fc1"), &format!("{b}.mlp.fc1"), EVA, 96);
        pair.linear(&format!("{l}.mlp.fc2"), &format!("{b}.mlp.fc2"), 96, EVA);
        let Pair(hf, file) = &mut pair;
        file.add(&format!("{b}.attn.q_bias"), &[EVA]);
        file.add(&format!("{b}.attn.v_bias"), &[EVA]);
        let [q, v] = ["q_bias", "v_bias"].map(|bias| file.tensors[&format!("{b}.attn.{bias}")].data.clone());
        let data = [q, vec![0.0; EVA as usize], v].concat();
        hf.tensors.insert(format!("{l}.self_attn.qkv.bias"), Tensor { shape: vec![3 * EVA], data });
    }
    hf.tensors.retain(|name, _| !name.starts_with(&format!("{v}.encoder.layers.{BLOCKS}.")));
    file.norm("norm", EVA);
    file.norm("fc_norm", EVA);
    file.linear("head", EVA, 10);
    file.add("mask_token", &[1, 1, EVA]);
    file
}

/// The Q-Former without its text branch, and the norm behind the tower.
fn former(pair: &mut Pair<'_>, texts: bool) {
    pair.norm("vision_model.post_layernorm", "ln_vision", EVA);
    pair.add("query_tokens", "query_tokens", &[1, SEEN, Q]);
    pair.norm("qformer.layernorm", "Qformer.bert.embeddings.LayerNorm", Q);
    for n in 0..5 {
        let (l, b) = (format!("qformer.encoder.layer.{n}"), format!("Qformer.bert.encoder.layer.{n}"));
        for (kind, from) in [("attention", Q), ("crossattention", EVA)] {
            if kind == "crossattention" && n % 2 == 1 {
                continue;
            }
            for (part, cols) in [("query", Q), ("key", from), ("value", from)] {
                pair.linear(&format!("{l}.{kind}.attention.{part}"), &format!("{b}.{kind}.self.{part}"), cols, Q);
            }
            pair.linear(&format!("{l}.{kind}.output.dense"), &format!("{b}.{kind}.output.dense"), Q, Q);
            pair.norm(&format!("{l}.{kind}.output.LayerNorm"), &format!("{b}.{kind}.output.LayerNorm"), Q);
        }
        for kind in ["_query", ""].into_iter().take(if texts { 2 } else { 1 }) {
            let [up, down] = ["intermediate", "output"].map(|part| format!("{part}{kind}"));
            pair.linear(&format!("{l}.{up}.dense"), &format!("{b}.{up}.dense"), Q, 40);
            pair.linear(&format!("{l}.{down}.dense"), &format!("{b}.{down}.dense"), 40, Q);
            pair.norm(&format!("{l}.{down}.LayerNorm"), &format!("{b}.{down}.LayerNorm"), Q);
        }
    }
}

fn config(text: &Value) -> Value {
    json!({
        "model_type": "blip-2", "num_query_tokens": SEEN, "image_text_hidden_size": COMPARED, "text_config": text,
        "vision_config": {"hidden_size": EVA, "intermediate_size": 96, "num_hidden_layers": BLOCKS,
            "num_attention_heads": 1, "image_size": 14, "patch_size": 7},
        "qformer_config": {"hidden_size": Q, "intermediate_size": 40, "num_hidden_layers": 5, "num_attention_heads": 2,
            "cross_attention_frequency": 2, "vocab_size": ROWS, "max_position_embeddings": 20},
    })
}

pub fn words() -> BTreeMap<String, String> {
    BTreeMap::from([("vocab.txt".to_owned(), WORDS.map(|word| format!("{word}\n")).concat())])
}

fn first_stage() -> Parts {
    let (mut hf, mut checkpoint) = (empty(), empty());
    hf.config = config(&json!({}));
    hf.files = words();
    hf.files.get_mut("vocab.txt").unwrap().push_str("[DEC]\n");
    hf.files.insert("tokenizer_config.json".to_owned(), json!({"bos_token": "[DEC]"}).to_string());
    let vision = tower(&mut hf);
    let mut pair = Pair(&mut hf, &mut checkpoint);
    former(&mut pair, true);
    for (table, rows) in [("word_embeddings.weight", ROWS), ("position_embeddings.weight", 20)] {
        pair.add(&format!("embeddings.{table}"), &format!("Qformer.bert.embeddings.{table}"), &[rows, Q]);
    }
    pair.linear("vision_projection", "vision_proj", Q, COMPARED);
    pair.linear("text_projection", "text_proj", Q, COMPARED);
    pair.linear("itm_head", "itm_head", Q, 2);
    let head = "cls.predictions";
    pair.linear(&format!("{head}.transform.dense"), &format!("Qformer.{head}.transform.dense"), Q, Q);
    pair.norm(&format!("{head}.transform.LayerNorm"), &format!("Qformer.{head}.transform.LayerNorm"), Q);
    pair.add(&format!("{head}.decoder.bias"), &format!("Qformer.{head}.decoder.bias"), &[ROWS]);
    let copy = |model: &mut Model, from: &str, to: &str| {
        let tensor = model.tensors[from].clone();
        model.tensors.insert(to.to_owned(), tensor);
    };
    copy(&mut checkpoint, "Qformer.cls.predictions.decoder.bias", "Qformer.cls.predictions.bias");
    copy(&mut checkpoint, "Qformer.bert.embeddings.word_embeddings.weight", "Qformer.cls.predictions.decoder.weight");
    checkpoint.add("Qformer.bert.embeddings.position_ids", &[1, 20]);
    checkpoint.add("temp", &[]);
    Parts { hf, checkpoint, vision: Some(vision), language: None, tokenizer: Some(words()) }
}

/// The second stage before a language model, whose layer LAVIS calls `projection`, with or without the layers of texts.
pub fn second_stage(language: Model, projection: &str, width: u64, texts: bool) -> Parts {
    let (mut hf, mut checkpoint) = (empty(), empty());
    hf.config = config(&language.config);
    hf.files = language.files.clone();
    let vision = tower(&mut hf);
    let mut pair = Pair(&mut hf, &mut checkpoint);
    former(&mut pair, texts);
    pair.linear("language_projection", projection, Q, width);
    for (name, tensor) in &language.tensors {
        hf.tensors.insert(format!("language_model.{name}"), tensor.clone());
    }
    Parts { hf, checkpoint, vision: Some(vision), language: Some(language), tokenizer: None }
}

fn with_opt() -> Parts {
    let whole = Model::new();
    let mut language = empty();
    language.config = whole.config["text_config"].clone();
    language.files.insert("tokenizer.json".to_owned(), tokenizer_json().to_string());
    for (name, tensor) in &whole.tensors {
        if let Some(name) = name.strip_prefix("language_model.") {
            language.tensors.insert(name.to_owned(), tensor.clone());
        }
    }
    second_stage(language, "opt_proj", WIDTH, false)
}

fn with_t5() -> Parts {
    let language = t5::model(&json!({"feed_forward_proj": "gated-gelu", "tie_word_embeddings": false}));
    let mut parts = second_stage(language, "t5_proj", t5::WIDTH, false);
    // What LAVIS sets and transformers' conversion of its checkpoints kept.
    parts.hf.config["text_config"]["dense_act_fn"] = json!("gelu");
    parts
}

impl Parts {
    /// Converts LAVIS' parts.
    pub fn convert(&self) -> Result<(Gguf, Report), ConvertError> {
        let scratch = Scratch::new();
        let at = |name: &str| scratch.0.join(name);
        let save = |model: &Model, path: PathBuf| {
            let (dict, storages) = state_dict(model, &model.tensors.keys().collect::<Vec<_>>());
            let wrapped = Pickle::new().op(b"}").text("model").op(&dict.0[2..]).op(b"s").end();
            fs::write(&path, file(&wrapped, &storages)).unwrap();
            path
        };
        let checkpoint = save(&self.checkpoint, at("trained.pth"));
        let vision = self.vision.as_ref().map(|model| {
            fs::write(at("tower.pth"), model.torch_bytes(&model.tensors.keys().collect::<Vec<_>>())).unwrap();
            at("tower.pth")
        });
        let folder = |name: &str| {
            fs::create_dir(at(name)).unwrap();
            at(name)
        };
        let language = self.language.as_ref().map(|model| {
            let folder = folder("language");
            model.write(&folder);
            folder
        });
        let mut options = Options::new(F32);
        options.tokenizer = self.tokenizer.as_ref().map(|files| {
            let folder = folder("tokenizer");
            files.iter().for_each(|(name, content)| fs::write(folder.join(name), content).unwrap());
            folder
        });
        let report = convert_lavis(&Lavis { checkpoint, vision, language }, &at("out.gguf"), &options, &())?;
        Ok((parse(&at("out.gguf")), report))
    }

    pub fn fails(&self, code: &str, parts: &[&str]) {
        match self.convert() {
            Ok(_) => panic!("converted, expected {code}"),
            Err(error) => check(&error, code, parts),
        }
    }

    /// Converts both layouts, finds the same tensors, and gives LAVIS' file with the keys that differ.
    pub fn compare(&self) -> (Gguf, Report, BTreeSet<String>) {
        let (lavis, report) = self.convert().unwrap();
        let scratch = Scratch::new();
        self.hf.write(&scratch.0);
        let out = scratch.0.join("out.gguf");
        convert(&scratch.0, &out, &Options::new(F32), &()).unwrap();
        let hf = parse(&out);
        let names = |file: &Gguf| file.tensors().iter().map(|tensor| tensor.name.clone()).collect::<BTreeSet<_>>();
        assert_eq!(names(&lavis), names(&hf));
        for name in names(&hf) {
            assert_eq!(lavis.tensor(&name).unwrap().shape, hf.tensor(&name).unwrap().shape, "{name}");
            assert_eq!(decode(&lavis, &name), decode(&hf, &name), "{name}");
        }
        let keys = |file: &Gguf| {
            let text = |value| format!("{:?}", MetaValue::from(value));
            file.keys().map(|(key, value)| (key.to_owned(), text(value))).collect::<BTreeSet<_>>()
        };
        let (one, other) = (keys(&lavis), keys(&hf));
        let differ = one.symmetric_difference(&other).map(|(key, _)| key.clone()).collect();
        (lavis, report, differ)
    }
}

pub fn number(file: &Gguf, key: &str) -> Option<u32> {
    file.u32(key).unwrap()
}

/// What LAVIS' own code has otherwise.
pub const EPSILON: &str = "clip.vision.post_norm_epsilon";

#[test]
fn the_first_stage_is_that_of_transformers() {
    let (file, report, differ) = first_stage().compare();
    assert_eq!(differ, BTreeSet::from([EPSILON.to_owned()]));
    assert_eq!(file.f32(EPSILON).unwrap(), Some(1e-5));
    assert_eq!(file.f32("clip.vision.attention.layer_norm_epsilon").unwrap(), Some(1e-6));
    assert_eq!(number(&file, "ocelli.generation.bos_id"), Some(ROWS as u32 - 1));
    assert_eq!(number(&file, "ocelli.generation.min_new_tokens"), Some(9));
    for unused in ["temp", "visual_encoder.fc_norm.weight", "visual_encoder.mask_token", "visual_encoder.head.bias"] {
        assert!(report.skipped.iter().any(|name| name == unused), "{unused}: {:?}", report.skipped);
    }
    assert!(report.notes.iter().any(|note| note.contains("3 blocks")), "{:?}", report.notes);
    // A tokenizer that has the token already.
    let mut known = first_stage();
    known.tokenizer.as_mut().unwrap().get_mut("vocab.txt").unwrap().push_str("[DEC]\n");
    assert_eq!(known.compare().2, BTreeSet::from([EPSILON.to_owned()]));
    // Without the head that writes, and with halves.
    let mut mute = first_stage();
    mute.hf.tensors.retain(|name, _| !name.starts_with("cls."));
    mute.checkpoint.tensors.retain(|name, _| !name.starts_with("Qformer.cls."));
    mute.checkpoint.store = Store::F16;
    mute.vision.as_mut().unwrap().store = Store::F16;
    assert_eq!(mute.compare().2, BTreeSet::from([EPSILON.to_owned()]));
}

#[test]
fn the_second_stage_is_that_of_transformers() {
    for (parts, end, least) in [(with_opt(), 7, Some(1)), (with_t5(), 1, None)] {
        let (file, _, differ) = parts.compare();
        let own = |key: &&String| !key.starts_with("ocelli.generation.") && !key.starts_with("general.sampling.");
        assert_eq!(differ.iter().filter(own).collect::<Vec<_>>(), [EPSILON]);
        let ends = file.get("ocelli.generation.eos_ids").map(MetaValue::from);
        assert!(matches!(&ends, Some(MetaValue::U32s(ids)) if *ids == [end]), "{ends:?}");
        for (key, wanted) in [("num_beams", Some(5)), ("max_new_tokens", Some(30)), ("min_new_tokens", least)] {
            assert_eq!(number(&file, &format!("ocelli.generation.{key}")), wanted, "{key}");
        }
    }
}

/// A tower that was trained along is in the checkpoint, with no more blocks than are used.
#[test]
fn a_tower_of_the_checkpoints_own_goes_before_a_file() {
    let mut parts = first_stage();
    let mut tower = parts.vision.clone().unwrap();
    tower.tensors.retain(|name, _| !name.starts_with(&format!("blocks.{BLOCKS}.")));
    for (name, tensor) in tower.tensors {
        parts.checkpoint.tensors.insert(format!("visual_encoder.{name}"), tensor);
    }
    parts.vision = None;
    assert_eq!(parts.compare().2, BTreeSet::from([EPSILON.to_owned()]));
    parts.vision = Some(with_opt().vision.unwrap());
    parts.vision.as_mut().unwrap().tensors.values_mut().for_each(|tensor| tensor.data.fill(7.0));
    let (_, report, _) = parts.compare();
    assert!(report.notes.iter().any(|note| note.contains("tower.pth is not read")), "{:?}", report.notes);
}

#[test]
fn clips_tower_is_read_too() {
    let mut parts = first_stage();
    let width = 64;
    let mut tower = empty();
    tower.add("conv1.weight", &[width, 3, 7, 7]);
    tower.add("class_embedding", &[width]);
    tower.add("positional_embedding", &[5, width]);
    tower.norm("ln_pre", width);
    tower.norm("ln_post", width);
    tower.add("proj", &[width, 5]);
    for n in 0..2 {
        let b = format!("transformer.resblocks.{n}");
        tower.norm(&format!("{b}.ln_1"), width);
        tower.norm(&format!("{b}.ln_2"), width);
        tower.add(&format!("{b}.attn.in_proj_weight"), &[3 * width, width]);
        tower.add(&format!("{b}.attn.in_proj_bias"), &[3 * width]);
        tower.linear(&format!("{b}.attn.out_proj"), width, width);
        tower.linear(&format!("{b}.mlp.c_fc"), width, 4 * width);
        tower.linear(&format!("{b}.mlp.c_proj"), 4 * width, width);
    }
    parts.checkpoint.norm("ln_vision", width);
    for n in [0, 2, 4] {
        for part in ["key", "value"] {
            let name = format!("Qformer.bert.encoder.layer.{n}.crossattention.self.{part}.weight");
            parts.checkpoint.add(&name, &[Q, width]);
        }
    }
    parts.vision = Some(tower.clone());
    let (file, _) = parts.convert().unwrap();
    let data = |name: &str| tower.tensors[name].data.clone();
    assert_eq!(decode(&file, "v.pre_ln.weight"), data("ln_pre.weight"));
    assert_eq!(decode(&file, "v.class_embd.weight"), data("class_embedding"));
    assert_eq!(decode(&file, "v.position_embd.weight"), data("positional_embedding"));
    let fused = data("transformer.resblocks.0.attn.in_proj_weight");
    let size = (width * width) as usize;
    for (n, part) in ["q", "k", "v"].into_iter().enumerate() {
        assert_eq!(decode(&file, &format!("v.blk.0.attn_{part}.weight")), fused[n * size..(n + 1) * size]);
    }
    assert_eq!(decode(&file, "v.blk.0.ffn_down.weight"), data("transformer.resblocks.0.mlp.c_proj.weight"));
    assert_eq!(number(&file, "clip.vision.block_count"), Some(1));
    assert_eq!(number(&file, "clip.vision.attention.head_count"), Some(1));
    assert_eq!(file.str("clip.vision.activation").unwrap(), Some("gelu_quick"));
    assert_eq!(file.f32("clip.vision.attention.layer_norm_epsilon").unwrap(), Some(1e-5));
}

#[test]
fn parts_that_are_missing_are_named() {
    let mut parts = first_stage();
    parts.tokenizer = None;
    parts.fails("part_missing", &["trained.pth", "--tokenizer", "bert-base-uncased"]);
    parts.vision = None;
    parts.fails("part_missing", &["visual_encoder", "--vision", "eva_vit_g.pth"]);
    let mut parts = with_opt();
    parts.language = None;
    parts.fails("part_missing", &["opt_proj.weight", "--language", "facebook/opt-2.7b"]);
    parts.language = with_t5().language;
    parts.fails("lavis_language", &["opt_proj.weight", "OPT", "t5"]);
    parts.vision = Some(parts.checkpoint.clone());
    parts.fails("no_tower", &["tower.pth", "cls_token", "class_embedding"]);
    let mut parts = first_stage();
    parts.language = with_opt().language;
    let (_, report) = parts.convert().unwrap();
    assert!(report.notes.iter().any(|note| note.contains("--language is not read")), "{:?}", report.notes);
}

#[test]
fn what_is_no_checkpoint_of_lavis_is_refused_by_name() {
    let mut parts = first_stage();
    parts.checkpoint = parts.vision.clone().unwrap();
    parts.fails("no_lavis_checkpoint", &["trained.pth", "query_tokens"]);
    let with = |name: &str, shape: &[u64]| {
        let mut parts = first_stage();
        parts.checkpoint.add(name, shape);
        parts
    };
    let without = |name: &str| {
        let mut parts = first_stage();
        assert!(parts.checkpoint.tensors.remove(name).is_some());
        parts
    };
    let unknown = "Qformer.bert.encoder.layer.1.attention.gate";
    with(unknown, &[1]).fails("unknown_tensors", &[unknown]);
    with("visual_encoder_m.cls_token", &[1]).fails("unknown_tensors", &["visual_encoder_m.cls_token"]);
    let missing = "Qformer.bert.encoder.layer.3.output_query.dense.bias";
    without(missing).fails("missing_tensors", &[missing]);
    without("ln_vision.weight").fails("missing_tensors", &["ln_vision.weight"]);
    without("vision_proj.weight").fails("missing_tensors", &["vision_proj.weight"]);
    with("itm_head.weight", &[3, Q]).fails("shape", &["itm_head.weight", "[3, 128]", "[2, 128]"]);
    with("query_tokens", &[1, SEEN, 100]).fails("lavis_size", &["query_tokens", "100", "64"]);
    with("query_tokens", &[64]).fails("lavis_size", &["query_tokens", "[64]"]);
    let decoder = "Qformer.cls.predictions.decoder.weight";
    with(decoder, &[ROWS, Q]).fails("lavis_copy", &[decoder, "word_embeddings"]);
    let bias = "Qformer.cls.predictions.bias";
    with(bias, &[ROWS]).fails("lavis_copy", &[bias, "decoder.bias"]);
    let mut parts = first_stage();
    parts.vision.as_mut().unwrap().add("pos_embed", &[1, 6, EVA]);
    parts.fails("lavis_size", &["visual_encoder.pos_embed", "6 rows"]);
    parts.vision.as_mut().unwrap().add("cls_token", &[1, 1, 90]);
    parts.fails("lavis_size", &["visual_encoder.cls_token", "90", "88"]);
    let mut parts = first_stage();
    let unknown = "blocks.1.gamma_1";
    parts.vision.as_mut().unwrap().add(unknown, &[EVA]);
    parts.fails("unknown_tensors", &["visual_encoder.blocks.1.gamma_1"]);
    for (words, what) in [("[PAD]\n[UNK]\n[CLS]\n[SEP]\n", "5 tokens"), (&"a\n".repeat(2), "twice")] {
        let mut parts = first_stage();
        parts.tokenizer.as_mut().unwrap().insert("vocab.txt".to_owned(), words.to_owned());
        parts.fails("tokenizer", &[what]);
    }
    let mut parts = first_stage();
    parts.tokenizer.as_mut().unwrap().get_mut("vocab.txt").unwrap().push_str("x\n");
    parts.fails("tokenizer", &["[DEC]", "9 rows"]);
}
