//! PyTorch checkpoints: they give what safetensors give, and each that is not what it says fails by its own code.

use std::fs;

use ocelli_convert::{ConvertError, Options, convert};
use ocelli_quant::TensorType::F32;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::seeds::keep;
use crate::tiny::*;
use crate::torch_file::*;

/// Converts the tiny model with these weights.
fn with_weights(model: &Model, name: &str, bytes: &[u8]) -> Result<Vec<u8>, ConvertError> {
    let scratch = Scratch::new();
    model.write(&scratch.0);
    fs::remove_file(scratch.0.join("model.safetensors")).unwrap();
    fs::write(scratch.0.join(name), bytes).unwrap();
    let out = scratch.0.join("out.gguf");
    convert(&scratch.0, &out, &Options::new(F32), &())?;
    Ok(fs::read(out).unwrap())
}

fn fails(bytes: &[u8], code: &str, parts: &[&str]) {
    keep("torch", bytes);
    let error = with_weights(&Model::new(), "pytorch_model.bin", bytes).unwrap_err();
    check(&error, code, &[&["pytorch_model.bin"], parts].concat());
}

/// A file with that pickle and one storage of four floats.
fn program(pickle: Pickle) -> Vec<u8> {
    file(&pickle.end(), &Storages::from([("0".to_owned(), vec![0; 16])]))
}

fn of_safetensors(model: &Model) -> Vec<u8> {
    let scratch = Scratch::new();
    model.write(&scratch.0);
    let out = scratch.0.join("out.gguf");
    convert(&scratch.0, &out, &Options::new(F32), &()).unwrap();
    fs::read(out).unwrap()
}

#[test]
fn every_form_gives_what_safetensors_give() {
    for store in [Store::F32, Store::F16, Store::BF16, Store::F64] {
        let model = Model { store, ..Model::new() };
        let want = of_safetensors(&model);
        let names: Vec<&String> = model.tensors.keys().collect();
        let (dict, storages) = state_dict(&model, &names);
        let plain = dict.clone().end();
        let wrapped = |key: &str| {
            let outer = Pickle::new().op(b"}(").text("epoch").integer(3).text("lr").op(b"G\0\0\0\0\0\0\0\0").text(key);
            outer.op(&dict.0[2..]).op(b"u").end()
        };
        let prefixed = |prefix: &str| {
            let mut other = model.clone();
            other.tensors = model.tensors.iter().map(|(name, t)| (format!("{prefix}{name}"), t.clone())).collect();
            state_dict(&other, &other.tensors.keys().collect::<Vec<_>>()).0.end()
        };
        for (form, bytes) in [
            ("plain", file(&plain, &storages)),
            ("wide", archive(&entries(&plain, &storages), Numbers::Wide)),
            ("model", file(&wrapped("model"), &storages)),
            ("state_dict", file(&wrapped("state_dict"), &storages)),
            ("model_state_dict", file(&wrapped("model_state_dict"), &storages)),
            ("module.", file(&prefixed("module."), &storages)),
            ("_orig_mod.", file(&prefixed("_orig_mod."), &storages)),
            ("both", file(&prefixed("module._orig_mod."), &storages)),
            ("the other way round", file(&prefixed("_orig_mod.module."), &storages)),
        ] {
            assert!(with_weights(&model, "pytorch_model.bin", &bytes).unwrap() == want, "{form}");
        }
        if store == Store::F32 {
            assert!(with_weights(&model, "pytorch_model.bin", &legacy(dict, &storages)).unwrap() == want);
        }
    }
}

#[test]
fn shards_are_read_by_their_index() {
    let (model, scratch) = (Model::new(), Scratch::new());
    model.write(&scratch.0);
    fs::remove_file(scratch.0.join("model.safetensors")).unwrap();
    let mut map = serde_json::Map::new();
    for shard in 0..2 {
        let names: Vec<&String> = model.tensors.keys().skip(shard).step_by(2).collect();
        let name = format!("pytorch_model-0000{}-of-00002.bin", shard + 1);
        fs::write(scratch.0.join(&name), model.torch_bytes(&names)).unwrap();
        map.extend(names.into_iter().map(|tensor| (tensor.clone(), Value::from(name.clone()))));
    }
    let index = json!({"weight_map": map}).to_string();
    fs::write(scratch.0.join("pytorch_model.bin.index.json"), index).unwrap();
    let out = scratch.0.join("out.gguf");
    convert(&scratch.0, &out, &Options::new(F32), &()).unwrap();
    assert!(fs::read(&out).unwrap() == of_safetensors(&model));
    // Safetensors beside it are preferred.
    fs::write(scratch.0.join("model.safetensors"), b"x").unwrap();
    let error = convert(&scratch.0, &out, &Options::new(F32), &()).unwrap_err();
    check(&error, "safetensors_header_too_small", &["model.safetensors"]);
}

/// The tied head shares the embedding's storage, two tensors share another, and a buffer that is not needed is expanded.
#[test]
fn tensors_may_share_a_storage() {
    let mut model = Model::new();
    let (first, second) = ("qformer.layernorm.bias", "qformer.layernorm.weight");
    let names: Vec<&String> = model.tensors.keys().filter(|name| ![first, second].contains(&name.as_str())).collect();
    let (dict, mut storages) = state_dict(&model, &names);
    let both: Vec<u8> =
        [first, second].iter().flat_map(|name| &model.tensors[*name].data).flat_map(|v| v.to_le_bytes()).collect();
    storages.insert("both".to_owned(), both);
    let width = BRIDGE as i64;
    let storage = ("both", 2 * width);
    let dict = dict.op(b"(").text(first).tensor("FloatStorage", storage, 0, &[width], &[1]);
    let dict = dict.text(second).tensor("FloatStorage", storage, width, &[width], &[1]);
    let embedding = model.tensors["language_model.model.decoder.embed_tokens.weight"].clone();
    let at = names.iter().position(|name| name.ends_with("embed_tokens.weight")).unwrap().to_string();
    let shape = [VOCABULARY as i64, WIDTH as i64];
    let elements = embedding.data.len() as i64;
    let dict =
        dict.text("language_model.lm_head.weight").tensor("FloatStorage", (&at, elements), 0, &shape, &strides(&shape));
    let dict = dict.text("qformer.embeddings.position_ids").tensor("FloatStorage", storage, 0, &[512, 512], &[0, 0]);
    let bytes = file(&dict.op(b"u").end(), &storages);
    let got = with_weights(&model, "pytorch_model.bin", &bytes).unwrap();
    model.tensors.insert("language_model.lm_head.weight".to_owned(), embedding);
    assert!(got == of_safetensors(&model));
}

#[test]
fn what_is_not_contiguous_is_refused_where_it_is_needed() {
    let model = Model::new();
    let names: Vec<&String> = model.tensors.keys().filter(|name| *name != "language_projection.weight").collect();
    let (dict, mut storages) = state_dict(&model, &names);
    let shape = [WIDTH as i64, BRIDGE as i64];
    storages.insert("t".to_owned(), vec![0; 4 * (WIDTH * BRIDGE) as usize]);
    let dict = dict.op(b"(").text("language_projection.weight");
    let dict = dict.tensor("FloatStorage", ("t", (WIDTH * BRIDGE) as i64), 0, &shape, &[1, WIDTH as i64]).op(b"u");
    let error = with_weights(&model, "pytorch_model.bin", &file(&dict.end(), &storages)).unwrap_err();
    check(&error, "strided", &["language_projection.weight", "[32, 48]", "[1, 32]", ".contiguous()"]);
}

/// What the fuzz target of these files begins with: a small model that converts, in both formats.
#[test]
fn a_small_checkpoint_is_a_seed() {
    let mut model = Model::new();
    model.tensors.clear();
    model.store = Store::F16;
    model.add("model.embed_tokens.weight", &[320, 32]);
    model.add("model.norm.weight", &[32]);
    let layer = |name: &str| format!("model.layers.0.{name}.weight");
    for name in ["input_layernorm", "post_attention_layernorm"] {
        model.add(&layer(name), &[32]);
    }
    for name in ["mlp.down_proj", "mlp.gate_proj", "mlp.up_proj", "self_attn.o_proj", "self_attn.q_proj"] {
        model.add(&layer(name), &[32, 32]);
    }
    for name in ["self_attn.k_proj", "self_attn.v_proj"] {
        model.add(&layer(name), &[16, 32]);
    }
    let names: Vec<&String> = model.tensors.keys().collect();
    let (dict, storages) = state_dict(&model, &names);
    keep("torch", &file(&dict.clone().end(), &storages));
    keep("torch", &archive(&entries(&dict.end(), &storages), Numbers::Wide));
    model.store = Store::F32;
    let names: Vec<&String> = names.into_iter().filter(|name| !name.contains("embed")).collect();
    let (dict, storages) = state_dict(&model, &names);
    keep("torch", &legacy(dict, &storages));
}

#[test]
fn nothing_is_called() {
    let import = |module: &str, name: &str| Pickle::new().import(module, name).text("id").op(b"\x85R");
    for (module, name) in [
        ("posix", "system"),
        ("os", "system"),
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("collections", "Counter"),
        ("torch._utils", "_rebuild_tensor_v3"),
    ] {
        fails(&program(import(module, name)), "torch_import", &[&format!("{module}.{name}"), "not an allowed"]);
    }
    // The name is made of texts on the stack.
    let stack = Pickle::new().op(b"\x8c\x05posix\x8c\x06system\x93");
    fails(&program(stack), "torch_import", &["posix.system"]);
    // Instances, extensions, classes with arguments and everything of protocol 0.
    for opcode in [b'i', b'o', 0x82, 0x92, b'I', b'V', b'P', b'p', b'g', b'S', 0x8b, 0x96, 0xff] {
        let pickle = Pickle::new().import("collections", "OrderedDict").op(&[opcode]).op(b"x\nx\n");
        fails(&program(pickle), "torch_opcode", &["byte 27", &format!("{opcode:#04x}")]);
    }
    // Of what may be imported, bags of settings alone are made so, and of nothing.
    let make =
        |module: &str, name: &str, arguments: &[u8]| Pickle::new().import(module, name).op(arguments).op(b"\x81");
    fails(&program(make("collections", "OrderedDict", b")")), "torch_pickle", &["NEWOBJ"]);
    fails(&program(make("argparse", "Namespace", b"K\x01\x85")), "torch_pickle", &["NEWOBJ"]);
    fails(&program(make("argparse", "Namespace", b")")), "torch_no_tensors", &["a dict of []"]);
    // Only imports can be called, and only what is one may be set.
    fails(&program(Pickle::new().text("eval").op(b")R")), "torch_pickle", &["text cannot be called"]);
    fails(&program(Pickle::new().op(b"))b")), "torch_pickle", &["BUILD"]);
}

#[test]
fn operands() {
    let torch = || Pickle::new().import("torch._utils", "_rebuild_tensor_v2");
    let cases: [(Pickle, &str); 17] = [
        (torch().integer(1).op(b"\x85R"), "wrong argument count 1"),
        (torch().op(b")R"), "wrong argument count 0"),
        (torch().op(b"(").tuple(&[]).integer(0).tuple(&[]).tuple(&[]).op(b"\x89NtR"), "a tensor of a tuple"),
        (Pickle::new().tensor("FloatStorage", ("0", 4), -1, &[4], &[1]), "-1 where a count"),
        (Pickle::new().tensor("FloatStorage", ("0", 4), 0, &[-4], &[1]), "-4 where a count"),
        (Pickle::new().tensor("FloatStorage", ("0", 4), 0, &[4, 1], &[1]), "2 sizes, but 1 strides"),
        (Pickle::new().tensor("FloatStorage", ("0", 4), 0, &[1; 17], &[1; 17]), "17 dimensions"),
        (Pickle::new().op(b"](").text("a").integer(1).op(b"u"), "the target is a list, not a dict"),
        (Pickle::new().op(b")").text("a").integer(1).op(b"s"), "the target is a tuple, not a dict"),
        (Pickle::new().op(b"}N").op(b"a"), "the target is a dict, not a list"),
        (Pickle::new().op(b"}(Nu"), "a key without a value"),
        (Pickle::new().op(b"a"), "nothing on the stack"),
        (Pickle::new().op(b"N(0"), "nothing on the stack"),
        (Pickle::new().op(b"t"), "no mark"),
        (Pickle::new().op(b"h\x07"), "place 7"),
        (Pickle::new().op(b"NQ"), "BINPERSID"),
        (Pickle::new().op(b"X\x01\0\0\0\xff"), "not UTF-8"),
    ];
    for (pickle, part) in cases {
        fails(&program(pickle), "torch_pickle", &[part]);
    }
    let view = Pickle::new().op(b"(").text("storage").import("torch", "FloatStorage").text("0").text("cpu").integer(4);
    fails(&program(view.op(b"(KKKttQ")), "torch_pickle", &["view of a storage"]);
    fails(&program(Pickle::new().op(b"X\xff\xff\xff\x7f")), "torch_pickle_truncated", &["2147483647 bytes"]);
    let mut unfinished = Pickle::new().op(b"}").0;
    unfinished.truncate(3);
    fails(&file(&unfinished, &Storages::new()), "torch_pickle_truncated", &["0 remain"]);
}

#[test]
fn budgets() {
    // Each turn puts the object twice into a tuple: shared, so that it costs one object and not twice as many.
    let doubling = (0..60).fold(Pickle::new().text("x"), |pickle, _| pickle.op(b"q\x00h\x00\x86"));
    fails(&program(doubling), "torch_no_tensors", &["a tuple"]);
    let deep = Pickle::new().op(b")").op(&[0x85; 1_000_000]);
    fails(&program(deep), "torch_budget", &["nested", "64"]);
    let deep = Pickle::new().op(&[b']'; 80]).op(&[b'a'; 79]);
    fails(&program(deep), "torch_budget", &["nested"]);
    let itself = (0..80).fold(Pickle::new().op(b"]q\x00"), |pickle, _| pickle.op(b"h\x00a"));
    fails(&program(itself), "torch_budget", &["nested"]);
    fails(&program(Pickle::new().op(&[b'N'; 2_100_000])), "torch_budget", &["pickle objects", "2097152"]);
    fails(&program(Pickle::new().op(b"N").op(&[b'2'; 8_400_000])), "torch_budget", &["instructions"]);
    fails(&program(Pickle::new().op(b"Nr\xff\xff\xff\xff")), "torch_budget", &["memo"]);
    fails(&program(Pickle::new().op(&vec![b'N'; 33 << 20])), "torch_budget", &["bytes of the pickle"]);
}

#[test]
fn tensors_must_lie_in_their_storages() {
    let one = |elements: i64, offset: i64, shape: &[i64], strides: &[i64]| {
        program(
            Pickle::new().op(b"}").text("a").tensor("FloatStorage", ("0", elements), offset, shape, strides).op(b"s"),
        )
    };
    fails(&one(3, 0, &[3], &[1]), "torch_storage_size", &["'a'", "16 bytes", "take 12"]);
    fails(&one(1 << 62, 0, &[4], &[1]), "torch_storage_size", &["4611686018427387904"]);
    for (offset, shape, strides) in [
        (0, &[5][..], &[1][..]),
        (1, &[4], &[1]),
        (1 << 62, &[1], &[1]),
        (i64::MAX, &[2], &[i64::MAX]),
        (0, &[2, 2], &[3, 1]),
        (0, &[(1 << 31) - 1, (1 << 31) - 1], &[(1 << 31) - 1, 1]),
        (0, &[1 << 40, 1 << 40], &[0, 0]),
        (5, &[0], &[1]),
    ] {
        fails(&one(4, offset, shape, strides), "torch_out_of_storage", &["4 elements", "'a'"]);
    }
    let other = Pickle::new().op(b"}").text("a").tensor("FloatStorage", ("1", 4), 0, &[4], &[1]).op(b"s");
    fails(&program(other), "torch_storage_missing", &["'a'", "'1'"]);
    let twice = |p: Pickle| p.text("a").tensor("FloatStorage", ("0", 4), 0, &[4], &[1]).op(b"s");
    fails(&program(twice(twice(Pickle::new().op(b"}")))), "torch_duplicate_tensor", &["'a'"]);
}

#[test]
fn other_objects_are_no_state_dicts() {
    fails(&program(Pickle::new().op(b"}")), "torch_no_tensors", &["a dict of []"]);
    fails(&program(Pickle::new().op(b"}").text("epoch").integer(1).op(b"s")), "torch_no_tensors", &["[epoch]"]);
    fails(&program(Pickle::new().op(b"N")), "torch_no_tensors", &["None"]);
    let tensor = |p: Pickle| p.tensor("FloatStorage", ("0", 4), 0, &[4], &[1]).op(b"s");
    let mixed = tensor(Pickle::new().op(b"}").text("a")).text("more").op(b"}s");
    fails(&program(mixed), "torch_not_a_tensor", &["'more' is a dict"]);
    fails(&program(tensor(Pickle::new().op(b"}").integer(1))), "torch_not_a_tensor", &["an integer"]);
    let names = ["weights", "of another model"];
    let unknown = names.iter().fold(Pickle::new().op(b"}"), |p, name| tensor(p.text(name)));
    let error = with_weights(&Model::new(), "pytorch_model.bin", &program(unknown)).unwrap_err();
    check(&error, "unknown_tensors", &["2 unknown"]);
}

#[test]
fn archives() {
    let (dict, storages) = state_dict(&Model::new(), &[&"query_tokens".to_owned()]);
    let all = entries(&dict.end(), &storages);
    let with = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut all = all.clone();
        change(&mut all);
        archive(&all, Numbers::Both)
    };
    let at = |name: &str| all.iter().position(|entry| entry.name == name).unwrap();
    let (order, first) = (at("file/byteorder"), at("file/data/0"));
    fails(&with(&|e| e[order].bytes = b"big".to_vec()), "torch_byte_order", &["'big'"]);
    fails(&with(&|e| e[order].bytes = vec![b' '; 65]), "torch_budget", &["byte order"]);
    fails(&with(&|e| e[first].method = 8), "torch_compressed", &["file/data/0", "method 8"]);
    fails(&with(&|e| e[first].flags |= 1), "torch_encrypted", &["file/data/0"]);
    fails(&with(&|e| e[first].flags |= 0x2000), "torch_encrypted", &["file/data/0"]);
    fails(&with(&|e| e[order].name = "file/data.pkl".to_owned()), "torch_ambiguous", &["2 entries 'file/data.pkl'"]);
    fails(&with(&|e| e[order].name = "other/data.pkl".to_owned()), "torch_ambiguous", &["2 × data.pkl"]);
    fails(&with(&|e| e[0].name = "file/data.pk".to_owned()), "torch_damaged", &["no data.pkl"]);
    fails(
        &with(&|e| e[order].name = "file/constants.pkl".to_owned()),
        "torch_script",
        &["constants.pkl", "state_dict"],
    );
    fails(&with(&|e| e[order].name = "file/code/m.py".to_owned()), "torch_script", &["file/code/"]);
    fails(&with(&|e| e.retain(|entry| entry.name != "file/data/0")), "torch_storage_missing", &["'0'"]);

    let whole = with(&|_| ());
    let find = |bytes: &[u8], mark: &[u8]| bytes.windows(4).position(|w| w == mark).unwrap();
    let patch = |at: usize, bytes: &[u8]| {
        let mut patched = whole.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        patched
    };
    let (directory, record) = (find(&whole, b"PK\x01\x02"), find(&whole, b"PK\x06\x06"));
    let (locator, end) = (record + 56, record + 76);
    let second = directory + 46 + all[0].name.len();
    // One reader believes the header before an entry, another the directory.
    fails(&patch(30, b"file/other.pk"), "torch_ambiguous", &["says otherwise"]);
    fails(&patch(8, &[8]), "torch_ambiguous", &["says otherwise"]);
    fails(&patch(second + 42, &[0; 4]), "torch_ambiguous", &["says otherwise"]);
    // Behind the entry, in front of the directory: the entry of the header at 0 now reaches over the next one.
    let long = (directory as u32 - 200).to_le_bytes();
    let mut overlapping = patch(directory + 20, &long);
    overlapping[directory + 24..directory + 28].copy_from_slice(&long);
    fails(&overlapping, "torch_overlap", &["'file/data.pkl'", "'file/byteorder'"]);
    for (at, bytes, part) in [
        (directory + 20, &[9][..], "is stored, but has"),
        (directory + 27, &[0x40], "is stored, but has"),
        (directory + 42, &[0xf0, 0xff, 0xff], "reaches beyond"),
        (directory, b"X", "its mark"),
        (directory + 28, &[0xff, 0xff], "cut off in an entry"),
        (record, b"X", "no zip64 record"),
        (record + 4, &[45], "no zip64 record"),
        (record + 32, &[7], "entries: "),
        (record + 24, &[7], "one part of several"),
        (record + 40, &[7], "directory bytes: "),
        (record + 48, &[7], "directory start: "),
        (locator + 15, &[0x80], "zip64 record at byte"),
        (locator, b"X", "the directory has"),
        (end, b"X", "no end record"),
        (end + 4, &[1], "one part of several"),
    ] {
        fails(&patch(at, bytes), "torch_damaged", &[part]);
    }
    // Counts that do not fit the directory, in both records.
    let mut many = patch(record + 24, &[(1u64 << 32).to_le_bytes(); 2].concat());
    many[end + 8..end + 12].fill(0xff);
    fails(&many, "torch_budget", &["zip entries"]);
    let mut many = patch(record + 24, &[30_000u64.to_le_bytes(); 2].concat());
    many[end + 8..end + 12].fill(0xff);
    fails(&many, "torch_damaged", &["30000 entries need at least 46 bytes each"]);
    let mut few = patch(record + 24, &[1u64.to_le_bytes(); 2].concat());
    few[end + 8..end + 12].copy_from_slice(&[1, 0, 1, 0]);
    fails(&few, "torch_damaged", &["behind its 1 entries"]);
    let mut commented = whole.clone();
    let comment = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    commented[end + 20] = 22;
    commented.extend(comment);
    fails(&commented, "torch_ambiguous", &["2 end records"]);
    let wide = archive(&all, Numbers::Wide);
    let field = find(&wide, b"PK\x01\x02") + 46 + all[0].name.len();
    let mut lacking = wide.clone();
    lacking[field] = 2;
    fails(&lacking, "torch_damaged", &["lacks the zip64 field"]);
    let mut short = wide;
    short[field + 2] = 200;
    fails(&short, "torch_damaged", &["is cut off"]);

    fails(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "torch_lfs_pointer", &["fetch"]);
    fails(b"", "torch_unknown_format", &[]);
    fails(b"GGUF\x03\0\0\0", "torch_unknown_format", &["47, 47, 55, 46"]);
    fails(b"PK", "torch_damaged", &["no end record"]);
}

#[test]
fn old_files() {
    let model = Model::new();
    let (dict, storages) = state_dict(&model, &[&"query_tokens".to_owned(), &"qformer.layernorm.bias".to_owned()]);
    let whole = legacy(dict.clone(), &storages);
    fails(&whole[..whole.len() - 1], "torch_damaged", &["storage '1' ends behind"]);
    fails(&[&whole[..], b"x"].concat(), "torch_damaged", &["1 bytes behind"]);
    let mut other = storages.clone();
    other.insert("7".to_owned(), vec![0; 4]);
    fails(&legacy(dict.clone(), &other), "torch_pickle", &["no tensor has the storage '7'"]);
    let few = Storages::from([("0".to_owned(), storages["0"].clone())]);
    fails(&legacy(dict.clone(), &few), "torch_storage_missing", &["'1'"]);
    let mut short = storages.clone();
    short.get_mut("1").unwrap().truncate(8);
    fails(&legacy(dict, &short), "torch_storage_size", &["8 bytes"]);
    for cut in (15..whole.len()).step_by(37) {
        let error = with_weights(&model, "pytorch_model.bin", &whole[..cut]).unwrap_err();
        assert!(error.code().starts_with("torch_"), "{cut}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Files with some bytes changed or cut off give a model or an error of their own kind.
    #[test]
    fn damaged_files_fail_in_order(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        old in any::<bool>(),
    ) {
        let model = Model::new();
        let names: Vec<&String> = model.tensors.keys().take(4).collect();
        let (dict, storages) = state_dict(&model, &names);
        // Storages are left out, so that the changes meet what is parsed.
        let storages: Storages = storages.into_keys().map(|key| (key, Vec::new())).collect();
        let mut bytes = if old { legacy(dict, &storages) } else { file(&dict.end(), &storages) };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let error = with_weights(&model, "pytorch_model.bin", &bytes).unwrap_err();
        prop_assert!(error.code().starts_with("torch_") || error.code() == "unknown_tensors", "{error}");
    }
}
