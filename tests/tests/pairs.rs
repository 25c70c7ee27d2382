//! Pairs of llama.cpp's answer as the one file does, however they were written; what does not go together is refused by name,
//! with both numbers; and one file of a pair is the pair again.

#![allow(clippy::unwrap_used)]

use ocelli_convert::{Options, convert, pair};
use ocelli_engine::image::Picture;
use ocelli_engine::{
    Engine, Error, Load, Model, Prompt, SessionOptions, find_mmproj, join_pair, limit_image_rows, open_file,
};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use ocelli_tests::mixed_golden::MixedGolden;
use ocelli_tests::pairs::{self, Style, mmproj, text};
use ocelli_tests::spliced_golden::{LLAVA, SplicedGolden};
use std::path::Path;
use std::sync::Arc;

type Keys = Vec<(String, MetaValue)>;

/// The golden of a family, converted.
fn whole(family: &str, name: &str) -> Gguf {
    let dir = tempfile::tempdir().unwrap();
    MixedGolden::load(family, name).unwrap().write(&dir.path().join("hf")).unwrap();
    let file = dir.path().join("one.gguf");
    convert(&dir.path().join("hf"), &file, &Options::new(TensorType::F32), &()).unwrap();
    parsed(std::fs::read(file).unwrap())
}

fn parsed(bytes: Vec<u8>) -> Gguf {
    Gguf::parse(Arc::new(bytes)).unwrap()
}

fn eyes(file: &Gguf, change: impl FnOnce(&mut Keys)) -> Gguf {
    parsed(mmproj(file, "idefics3", Style::default(), change).unwrap())
}

fn set(keys: &mut Keys, key: &str, value: impl Into<MetaValue>) {
    keys.retain(|(known, _)| known != key);
    keys.push((key.to_owned(), value.into()));
}

fn open(file: Gguf) -> Result<Model, Error> {
    Engine::new(1).unwrap().open_file(file)
}

fn picture(width: u32, height: u32) -> Arc<Picture> {
    pairs::picture(width, height).unwrap()
}

fn answer(model: &Model) -> (Vec<u32>, Vec<u32>) {
    pairs::answer(model).unwrap()
}

#[test]
fn a_pair_answers_as_the_one_file_however_its_tower_was_written() {
    let one = whole("smolvlm", "default");
    let wanted = answer(&open(one.clone()).unwrap());
    for (exchanged, fused) in [(false, false), (true, false), (false, true), (true, true)] {
        let second = parsed(mmproj(&one, "idefics3", Style { exchanged, fused }, |_| ()).unwrap());
        let both = join_pair(parsed(text(&one).unwrap()), second, ["text.gguf", "mmproj.gguf"]).unwrap();
        let model = open(both).unwrap();
        assert_eq!(answer(&model), wanted, "exchanged {exchanged}, fused {fused}");
        assert!(model.notes().is_empty(), "{:?}", model.notes());
    }
}

/// LLaVA's files leave the tower's last block off, and say so by a key; without it the last one that is there is not run.
#[test]
fn llavas_pair_runs_the_blocks_that_its_authors_run() {
    let dir = tempfile::tempdir().unwrap();
    SplicedGolden::load("llava", LLAVA[0]).unwrap().write(&dir.path().join("hf")).unwrap();
    let file = dir.path().join("one.gguf");
    convert(&dir.path().join("hf"), &file, &Options::new(TensorType::F32), &()).unwrap();
    let one = parsed(std::fs::read(file).unwrap());
    let side = one.u32("clip.vision.image_size").unwrap().unwrap();
    let blocks = one.u32("clip.vision.block_count").unwrap().unwrap();
    let pair = |left_off: bool, exchanged: bool| {
        let style = Style { exchanged, fused: false };
        let second = mmproj(&one, "mlp", style, |keys| {
            keys.retain(|(key, _)| key != "clip.vision.feature_layer");
            set(keys, "clip.has_llava_projector", left_off);
        });
        open(join_pair(parsed(text(&one).unwrap()), parsed(second.unwrap()), ["a", "b"]).unwrap()).unwrap()
    };
    // Of the tower's size, so that how pictures are fitted does not matter.
    let rows = |model: &Model| {
        let mut session = model.session(&SessionOptions::default()).unwrap();
        let rows = session.embed_image(&picture(side, side)).unwrap();
        rows.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    let wanted = rows(&open(one.clone()).unwrap());
    for exchanged in [false, true] {
        assert!(rows(&pair(true, exchanged)) == wanted, "exchanged {exchanged}");
    }
    let fewer = pair(false, false);
    assert_eq!(fewer.file().u32("clip.vision.block_count").unwrap(), Some((blocks - 1).max(1)));
    assert_eq!(fewer.preprocess().unwrap().fit, ocelli_engine::image::Fit::Pad { rgb: [122, 116, 104] });
    // Another tower's mean is another colour.
    let second = mmproj(&one, "mlp", Style::default(), |keys| {
        set(keys, "clip.vision.image_mean", MetaValue::F32s(vec![0.5; 3]));
    });
    let other = join_pair(parsed(text(&one).unwrap()), parsed(second.unwrap()), ["a", "b"]).unwrap();
    assert_eq!(open(other).unwrap().preprocess().unwrap().fit, ocelli_engine::image::Fit::Pad { rgb: [127; 3] });
}

/// Sizes that would become more rows are no choice; what is left may be few, but not none.
#[test]
fn a_grid_has_as_many_rows_as_are_allowed() {
    let dir = tempfile::tempdir().unwrap();
    SplicedGolden::load("llava", "next").unwrap().write(&dir.path().join("hf")).unwrap();
    let file = dir.path().join("one.gguf");
    convert(&dir.path().join("hf"), &file, &Options::new(TensorType::F32), &()).unwrap();
    let one = parsed(std::fs::read(file).unwrap());
    let shapes = [(50, 50), (90, 40), (40, 90), (300, 20)];
    let rows = |model: &Model| shapes.map(|(width, height)| model.views(width, height).unwrap().rows);
    let all = rows(&open(one.clone()).unwrap());
    let (least, most) = (*all.iter().min().unwrap(), *all.iter().max().unwrap());
    assert!(least < most, "{all:?}");
    let limit = u32::try_from(most - 1).unwrap();
    let model = open(limit_image_rows(one.clone(), limit).unwrap()).unwrap();
    assert!(rows(&model).iter().all(|&rows| rows < most), "{all:?} {:?}", rows(&model));
    let mut session = model.session(&SessionOptions::default()).unwrap();
    assert_eq!(session.embed_image(&picture(50, 50)).unwrap().len() % rows(&model)[0], 0);
    let message = open(limit_image_rows(one, 1).unwrap()).err().unwrap().to_string();
    assert!(message.contains("ocelli.image.max_rows") && message.contains("image_grid_pinpoints"), "{message}");
}

/// What `ocelli convert` makes of a language model names a family, too: the one that sees nothing.
#[test]
fn a_converted_language_model_takes_an_mmproj() {
    let one = whole("smolvlm", "default");
    let words = parsed(text(&one).unwrap());
    let mut writer = Writer::new();
    for (key, value) in words.keys() {
        writer.set(key, MetaValue::from(value));
    }
    writer.set("ocelli.family", "text");
    for tensor in words.tensors() {
        writer.tensor(tensor.name.clone(), &tensor.shape, tensor.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    words.tensors().iter().for_each(|tensor| body.write(words.data(tensor)).unwrap());
    let named = parsed(body.finish().unwrap());
    assert_eq!(
        answer(&open(join_pair(named, eyes(&one, |_| ()), ["a", "b"]).unwrap()).unwrap()),
        answer(&open(one).unwrap())
    );
}

#[test]
fn an_activation_is_what_llama_cpp_takes_for_it() {
    let one = whole("smolvlm", "default");
    let of = |gelu: Option<bool>, silu: Option<bool>| {
        let second = eyes(&one, |keys| {
            keys.retain(|(key, _)| key != "clip.use_gelu");
            gelu.into_iter().for_each(|on| set(keys, "clip.use_gelu", on));
            silu.into_iter().for_each(|on| set(keys, "clip.use_silu", on));
        });
        let model = open(join_pair(parsed(text(&one).unwrap()), second, ["a", "b"]).unwrap())?;
        Ok::<_, Error>(model.file().str("clip.vision.activation").unwrap().map(str::to_owned))
    };
    assert_eq!(of(None, None).unwrap().as_deref(), Some("gelu_quick"));
    assert_eq!(of(Some(false), None).unwrap().as_deref(), Some("gelu_quick"));
    assert_eq!(of(Some(true), None).unwrap().as_deref(), Some("gelu_tanh"));
    assert_eq!(of(Some(false), Some(true)).unwrap().as_deref(), Some("silu"));
    assert!(matches!(of(Some(true), Some(true)), Err(Error::BadParameter { key, .. }) if key == "clip.use_silu"));
}

#[test]
fn what_a_file_does_not_say_or_has_too_much_of_is_said() {
    let one = whole("smolvlm", "default");
    let second = eyes(&one, |keys| {
        keys.retain(|(key, _)| key != "clip.vision.preproc_image_size" && key != "clip.projector_type");
        set(keys, "clip.vision.projector_type", "idefics3");
        set(keys, "clip.has_audio_encoder", true);
        set(keys, "clip.audio.projector_type", "ultravox");
    });
    let model = open(join_pair(parsed(text(&one).unwrap()), second, ["a", "b"]).unwrap()).unwrap();
    // The golden's own longer side is four times the tower's.
    assert_eq!(answer(&model), answer(&open(one).unwrap()));
    let notes = model.notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("ultravox") && notes[0].contains("left out"), "{notes:?}");
    assert!(notes[1].contains("112 pixels"), "{notes:?}");
}

/// The two files, their names as they are called, and what the message says.
fn refused(model: Gguf, second: Gguf, words: &[&str]) {
    let error = match join_pair(model, second, ["text.gguf", "eyes.gguf"]) {
        Err(error) => error,
        Ok(both) => open(both).err().unwrap(),
    };
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}

#[test]
fn what_does_not_go_together_is_refused_with_both_names_and_numbers() {
    let (one, other) = (whole("smolvlm", "default"), whole("smolvlm", "three"));
    let words = parsed(text(&one).unwrap());
    let plain = eyes(&one, |_| ());
    refused(words.clone(), eyes(&other, |_| ()), &["text.gguf", "eyes.gguf", "48", "64", "llama.embedding_length"]);
    refused(plain.clone(), words.clone(), &["text.gguf is no language model", "clip"]);
    refused(words.clone(), words.clone(), &["eyes.gguf is no mmproj", "llama"]);
    refused(one.clone(), plain.clone(), &["text.gguf sees already"]);
    refused(
        words.clone(),
        eyes(&one, |keys| set(keys, "clip.projector_type", "resampler")),
        &["resampler", "gemma3, idefics3, internvl, lfm2, mlp"],
    );
    refused(
        words.clone(),
        eyes(&one, |keys| keys.retain(|(key, _)| key != "clip.projector_type")),
        &["clip.projector_type"],
    );
    refused(words.clone(), eyes(&one, |keys| set(keys, "clip.has_vision_encoder", false)), &["has_vision_encoder"]);
    refused(words.clone(), eyes(&one, |keys| set(keys, "clip.projector_type", "mlp")), &["mm.0.weight"]);
    let same = |info: &ocelli_quant::gguf::TensorInfo| {
        vec![ocelli_quant::gguf::Named { name: info.name.clone(), shape: info.shape.clone(), skip: 0 }]
    };
    let gemma = words.clone().with(vec![("general.architecture".to_owned(), "gemma3".into())], same).unwrap();
    refused(gemma, plain.clone(), &["idefics3", "llama", "gemma3"]);
    // An mmproj by itself is no model, and is called what it is.
    assert!(matches!(open(plain), Err(Error::UnknownArchitecture { got, .. }) if got == "mmproj"));
}

#[test]
fn the_one_that_fits_is_found_beside_the_model() {
    let (one, other) = (whole("smolvlm", "default"), whole("smolvlm", "three"));
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("text.gguf"), text(&one).unwrap()).unwrap();
    let model = open_file(&at("text.gguf"), Load::Map).unwrap();
    let found = || find_mmproj(&model, &at("text.gguf"));
    assert!(found().unwrap().mmproj.is_none() && found().unwrap().others.is_empty());
    std::fs::write(at("mmproj-other.gguf"), mmproj(&other, "idefics3", Style::default(), |_| ()).unwrap()).unwrap();
    std::fs::write(at("mmproj-broken.gguf"), b"GGUF").unwrap();
    // Another model's, and a broken one.
    let beside = found().unwrap();
    assert_eq!(beside.mmproj, None);
    let why: Vec<String> = beside.others.iter().map(ToString::to_string).collect();
    assert!(why.len() == 2 && why[0].contains("mmproj-broken.gguf") && why[1].contains("mmproj-other.gguf"), "{why:?}");
    let bytes = mmproj(&one, "idefics3", Style::default(), |_| ()).unwrap();
    std::fs::write(at("mmproj-text-f32.gguf"), &bytes).unwrap();
    assert_eq!(found().unwrap().mmproj, Some(at("mmproj-text-f32.gguf")));
    std::fs::write(at("text.mmproj.gguf"), &bytes).unwrap();
    let message = found().unwrap_err().to_string();
    assert!(message.contains("mmproj-text-f32.gguf") && message.contains("text.mmproj.gguf"), "{message}");
    // A model that sees needs none.
    assert_eq!(find_mmproj(&one, &at("text.gguf")).unwrap().mmproj, None);
}

/// Keys and tensors, in order.
fn same(a: &Gguf, b: &Gguf, what: &str) {
    let keys = |file: &Gguf| -> Keys {
        let mut keys: Keys = file.keys().map(|(key, value)| (key.to_owned(), MetaValue::from(value))).collect();
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        keys
    };
    assert_eq!(keys(a), keys(b), "{what}");
    assert_eq!(a.tensors().len(), b.tensors().len(), "{what}");
    for (a_info, b_info) in a.tensors().iter().zip(b.tensors()) {
        assert_eq!((&a_info.name, &a_info.shape, a_info.ty), (&b_info.name, &b_info.shape, b_info.ty), "{what}");
        assert!(a.data(a_info) == b.data(b_info), "{what}: {}", a_info.name);
    }
}

#[test]
fn one_file_of_a_pair_answers_as_the_pair_and_is_the_pair_again() {
    let one = whole("smolvlm", "default");
    let words = parsed(text(&one).unwrap());
    let second = parsed(mmproj(&one, "idefics3", Style { exchanged: true, fused: false }, |_| ()).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let none: [&Path; 0] = [];
    pair::join([&words, &second], &none, &at("one.gguf"), true, &()).unwrap();
    let joined = parsed(std::fs::read(at("one.gguf")).unwrap());
    assert_eq!(answer(&open(joined.clone()).unwrap()), answer(&open(one.clone()).unwrap()));
    pair::split(&joined, &none, [&at("t.gguf"), &at("m.gguf")], true, &()).unwrap();
    same(&parsed(std::fs::read(at("t.gguf")).unwrap()), &words, "the language model");
    same(&parsed(std::fs::read(at("m.gguf")).unwrap()), &second, "the mmproj");
    // What was converted from a checkpoint becomes a pair as well, which answers the same.
    let whole_pictures = whole("smolvlm", "single");
    pair::split(&whole_pictures, &none, [&at("t3.gguf"), &at("m3.gguf")], true, &()).unwrap();
    let [words, second] = [at("t3.gguf"), at("m3.gguf")].map(|path| parsed(std::fs::read(path).unwrap()));
    let both = open(join_pair(words, second, ["t3", "m3"]).unwrap()).unwrap();
    assert_eq!(answer(&both), answer(&open(whole_pictures).unwrap()), "what is not as the projector has it is kept");
    pair::split(&one, &none, [&at("t2.gguf"), &at("m2.gguf")], true, &()).unwrap();
    let again = [at("t2.gguf"), at("m2.gguf")].map(|path| parsed(std::fs::read(path).unwrap()));
    assert!(again[0].tensors().iter().all(|tensor| !tensor.name.starts_with("v.")));
    assert_eq!(again[1].tensor("v.patch_embd.weight").unwrap().shape, [7, 7, 3, 48]);
    let [words, second] = again;
    assert!(pair::is_pair(&one) && pair::is_pair(&joined) && !pair::is_pair(&words) && !pair::is_pair(&second));
    let both = join_pair(words, second, ["t2", "m2"]).unwrap();
    assert_eq!(answer(&open(both).unwrap()).0, answer(&open(one).unwrap()).0);
}

#[test]
fn a_picture_becomes_as_many_rows_as_are_allowed() {
    let one = whole("smolvlm", "default");
    // Four rows a tile, at most four by four tiles and the whole.
    let of = |rows: u32| open(limit_image_rows(one.clone(), rows).unwrap());
    for (most, square, wide) in
        [(1000, 68, 36), (68, 68, 36), (67, 40, 36), (40, 40, 36), (36, 20, 36), (19, 4, 12), (4, 4, 4)]
    {
        let model = of(most).unwrap();
        let rows = |width, height| model.views(width, height).unwrap().rows;
        assert_eq!((rows(50, 50), rows(90, 40)), (square, wide), "{most}");
        let mut session = model.session(&SessionOptions::default()).unwrap();
        let seen = session.embed_image(&picture(90, 40)).unwrap();
        assert_eq!(seen.len(), wide * 64);
    }
    let message = of(3).err().unwrap().to_string();
    assert!(message.contains("ocelli.image.max_rows") && message.contains('3') && message.contains('4'), "{message}");
    // Less scratch and less room for kept pictures.
    let plan = |model: &Model| model.plan(&SessionOptions::default()).unwrap();
    let (all, few) = (plan(&open(one.clone()).unwrap()), plan(&of(4).unwrap()));
    assert!(few.images * 8 < all.images && few.scratch <= all.scratch, "{all:?} {few:?}");
}

#[test]
fn numbers_of_an_mmproj_that_cannot_be_are_refused_by_key() {
    let one = whole("smolvlm", "default");
    let words = parsed(text(&one).unwrap());
    let vision = |key: &str, value: MetaValue, wanted: &[&str]| {
        let second = eyes(&one, |keys| set(keys, &format!("clip.vision.{key}"), value));
        refused(words.clone(), second, &[wanted, &[key]].concat());
    };
    vision("patch_size", MetaValue::U32(0), &["0"]);
    vision("image_size", MetaValue::U32(u32::MAX), &["4294967295"]);
    vision("projector.scale_factor", MetaValue::U32(0), &["0"]);
    vision("projector.scale_factor", MetaValue::U32(3), &["3", "4"]);
    vision("projector.scale_factor", MetaValue::U32(u32::MAX), &["4294967295"]);
    vision("preproc_image_size", MetaValue::U32(0), &["0"]);
    vision("preproc_image_size", MetaValue::U32(u32::MAX), &["4294967295"]);
    vision("preproc_image_size", MetaValue::U32(4096), &["4096", "tiles"]);
    vision("image_mean", MetaValue::F32s(vec![0.5]), &["1 numbers", "3"]);
    vision("image_std", MetaValue::F32s(vec![0.5, 0.5]), &["2 numbers", "3"]);
    vision("attention.head_count", MetaValue::U32(0), &["0"]);
    vision("attention.head_count", MetaValue::U32(5), &["5", "48"]);
    vision("attention.head_count_kv", MetaValue::U32(2), &["2", "4"]);
    vision("attention.layer_norm_epsilon", MetaValue::F32(f32::NAN), &["NaN"]);
    vision("block_count", MetaValue::U32(0), &["0"]);
    vision("block_count", MetaValue::Str("two".to_owned()), &["string"]);
}

/// A tensor that the projector's picture of the layout needs, and a token that the layout needs.
#[test]
fn what_an_mmproj_lacks_is_named() {
    let one = whole("smolvlm", "default");
    let words = parsed(text(&one).unwrap());
    let second = eyes(&one, |_| ());
    let without = |name: &'static str| {
        second
            .clone()
            .with(Vec::new(), |info| {
                let kept = ocelli_quant::gguf::Named { name: info.name.clone(), shape: info.shape.clone(), skip: 0 };
                if info.name == name { Vec::new() } else { vec![kept] }
            })
            .unwrap()
    };
    for name in ["v.patch_embd.weight", "v.blk.1.ffn_up.weight", "v.position_embd.weight", "mm.model.fc.weight"] {
        refused(words.clone(), without(name), &[name]);
    }
    let tokens: Vec<String> =
        words.strings("tokenizer.ggml.tokens").unwrap().unwrap().iter().map(str::to_owned).collect();
    let renamed = tokens.iter().map(|token| if token == "<global-img>" { "<globe>".to_owned() } else { token.clone() });
    let mut writer = Writer::new();
    for (key, value) in words.keys() {
        let value =
            if key == "tokenizer.ggml.tokens" { MetaValue::Strings(renamed.clone().collect()) } else { value.into() };
        writer.set(key, value);
    }
    for tensor in words.tensors() {
        writer.tensor(tensor.name.clone(), &tensor.shape, tensor.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for tensor in words.tensors() {
        body.write(words.data(tensor)).unwrap();
    }
    refused(parsed(body.finish().unwrap()), second, &["<global-img>", "tokenizer.ggml.tokens"]);
}

/// Shapes at the edges of what a picture may have, and sizes that are decided from the header.
#[test]
fn pictures_of_odd_shapes_become_what_their_size_says() {
    let model = open(whole("smolvlm", "default")).unwrap();
    let mut session = model.session(&SessionOptions::default()).unwrap();
    for (width, height) in [(1, 1), (1, 200), (200, 1), (199, 1), (3, 2), (112, 28), (113, 29), (2000, 1000)] {
        let views = model.views(width, height).unwrap();
        let seen = session.embed_image(&picture(width, height)).unwrap();
        assert_eq!(seen.len(), views.rows * 64, "{width}x{height}");
        let items = model.compose(&Prompt::new().image(picture(width, height))).unwrap();
        assert_eq!(
            items.iter().map(ocelli_engine::Item::positions).sum::<usize>(),
            views.positions + 1,
            "{width}x{height}"
        );
        let most = model.image_positions();
        assert!(views.positions <= most, "{width}x{height}: {} of {most}", views.positions);
        assert!(width != height || views.positions == most, "a square has most");
    }
}

/// Changed bytes of an mmproj are refused or read as something else, and nothing panics, hangs, or asks for too much memory.
fn mutants(from: u64, count: u64) -> (u64, u64) {
    let one = whole("smolvlm", "single");
    let words = parsed(text(&one).unwrap());
    let bytes = mmproj(&one, "idefics3", Style::default(), |_| ()).unwrap();
    // The head is what is worth changing; weights are numbers.
    let head = usize::try_from(parsed(bytes.clone()).data_offset()).unwrap();
    let (mut opened, mut refused) = (0, 0);
    for seed in from..from + count {
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let mut changed = bytes.clone();
        for _ in 0..=next() % 3 {
            let at = (next() % head as u64) as usize;
            match next() % 3 {
                0 => changed[at] = (next() & 255) as u8,
                1 => changed[at] ^= 1 << (next() % 8),
                _ => changed[at..(at + 4).min(head)].fill(if next() % 2 == 0 { 255 } else { 0 }),
            }
        }
        let Ok(second) = Gguf::parse(Arc::new(changed)) else {
            refused += 1;
            continue;
        };
        let model = join_pair(words.clone(), second, ["a", "b"]).and_then(open);
        let Ok(model) = model else {
            refused += 1;
            continue;
        };
        let options = SessionOptions { context: 256, budget: 256 << 20, ..SessionOptions::default() };
        if let Ok(mut session) = model.session(&options) {
            let _ = session.embed_image(&picture(9, 7));
        }
        opened += 1;
    }
    (opened, refused)
}

#[test]
fn mutants_of_an_mmproj_are_refused_or_run() {
    let (opened, refused) = mutants(1, 10_000);
    assert!(opened > 100 && refused > 2500, "{opened} opened, {refused} refused");
}

/// A layer scale, a second slice of the kernel, norms of heads: a tower without them is another tower.
#[test]
fn what_is_not_understood_of_an_mmproj_is_refused_or_said() {
    let one = whole("smolvlm", "default");
    let words = parsed(text(&one).unwrap());
    let second = eyes(&one, |keys| set(keys, "clip.vision.image_min_pixels", 4096u32));
    let both = join_pair(words.clone(), second.clone(), ["text.gguf", "eyes.gguf"]).unwrap();
    let notes = open(both).unwrap().notes().join("\n");
    assert!(notes.contains("clip.vision.image_min_pixels"), "{notes}");
    for name in ["v.blk.0.ls1.weight", "v.patch_embd.weight.1", "v.blk.1.attn_q_norm.weight", "mm.1.weight"] {
        let named = |info: &ocelli_quant::gguf::TensorInfo| {
            let renamed = if info.name == "v.post_ln.weight" { name } else { &info.name };
            vec![ocelli_quant::gguf::Named { name: renamed.to_owned(), shape: info.shape.clone(), skip: 0 }]
        };
        let changed = second.clone().with(Vec::new(), named).unwrap();
        let error = join_pair(words.clone(), changed, ["text.gguf", "eyes.gguf"]).and_then(open).err().unwrap();
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
    let third = |info: &ocelli_quant::gguf::TensorInfo| {
        let fused = info.name == "v.blk.0.attn_q.bias";
        let name = if fused { "v.blk.0.attn_qkv.bias" } else { &info.name };
        let shape = if fused { vec![info.shape[0] - 1] } else { info.shape.clone() };
        vec![ocelli_quant::gguf::Named { name: name.to_owned(), shape, skip: 0 }]
    };
    let odd = second.with(Vec::new(), third).unwrap();
    let error = join_pair(words, odd, ["text.gguf", "eyes.gguf"]).and_then(open).err().unwrap().to_string();
    assert!(error.contains("attn_qkv.bias") && error.contains("47") && error.contains("45"), "{error}");
}
