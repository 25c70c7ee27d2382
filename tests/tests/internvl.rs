//! InternVL beside its parity: tiles and rows follow from a picture's size and have room in the plan; its pairs of llama.cpp's
//! answer as the one file does; what cannot be is refused by name.

#![allow(clippy::unwrap_used)]

use ocelli_engine::image::Picture;
use ocelli_engine::{
    Engine, Error, Event, GenerateOptions, Item, Model, Prompt, SessionOptions, join_pair, limit_image_rows,
};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, MetaValue, Named, TensorInfo};
use ocelli_tests::pairs::{self, Style, mmproj, text};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

fn parsed(bytes: Vec<u8>) -> Gguf {
    pairs::parsed(bytes).unwrap()
}

fn whole(name: &str, ty: TensorType) -> Gguf {
    pairs::converted("internvl", name, ty, tempfile::tempdir().unwrap().path()).unwrap()
}

fn open(file: Gguf) -> Result<Model, Error> {
    Engine::new(2).unwrap().open_file(file)
}

fn picture(width: u32, height: u32) -> Arc<Picture> {
    pairs::picture(width, height).unwrap()
}

fn quiet(_: Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn answer(model: &Model) -> (Vec<u32>, Vec<u32>) {
    pairs::answer(model).unwrap()
}

/// No picture has more rows than there is room for, and those that are allowed are kept to; a picture that comes again is
/// not encoded again.
#[test]
fn rows_follow_from_a_pictures_size() {
    let one = whole("default", TensorType::F32);
    let model = open(one.clone()).unwrap();
    // Four rows a tile, at most twelve tiles and the whole, and the two tokens around all.
    assert_eq!(model.image_positions(), 13 * 4 + 2);
    let mut seen = BTreeSet::new();
    for (width, height) in (1..200).step_by(13).flat_map(|w| (1..200).step_by(11).map(move |h| (w, h))) {
        let views = model.views(width, height).unwrap();
        assert!(views.positions <= model.image_positions() && views.positions == views.rows + 2, "{width}x{height}");
        assert_eq!(views.rows, views.tiles * 4);
        seen.insert(views.tiles);
    }
    assert!(seen.len() > 6 && seen.contains(&1) && seen.contains(&13) && !seen.contains(&2), "{seen:?}");
    let mut session = model.session(&SessionOptions { image_cache: Some(0), ..SessionOptions::default() }).unwrap();
    for (width, height) in [(1, 1), (1, 200), (200, 1), (90, 40), (113, 29)] {
        let views = model.views(width, height).unwrap();
        assert_eq!(session.embed_image(&picture(width, height)).unwrap().len(), views.rows * 64, "{width}x{height}");
        let items = model.compose(&Prompt::new().image(picture(width, height)).complete()).unwrap();
        assert_eq!(items.iter().map(Item::positions).sum::<usize>(), views.positions);
    }
    let options = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
    let prompt = Prompt::new().image(picture(90, 40)).text("it is");
    let encoded = [(); 2].map(|()| session.generate(&prompt, &options, &mut quiet).unwrap().timings.encoded);
    assert_eq!(encoded, [1, 0]);
    let of = |rows: u32| open(limit_image_rows(one.clone(), rows).unwrap());
    for (most, wide, least) in [(1000, 13, 1), (52, 13, 1), (51, 12, 1), (20, 5, 1), (12, 3, 1), (11, 1, 1), (4, 1, 1)]
    {
        let model = of(most).unwrap();
        let tiles = |width, height| model.views(width, height).unwrap().tiles;
        assert_eq!((tiles(1200, 100), tiles(30, 30)), (wide, least), "{most}");
    }
    let message = of(3).err().unwrap().to_string();
    assert!(message.contains("ocelli.image.max_rows") && message.contains('3') && message.contains('4'), "{message}");
    let plan = |model: &Model| model.plan(&SessionOptions::default()).unwrap();
    let (all, few) = (plan(&model), plan(&of(4).unwrap()));
    assert!(few.images * 12 < all.images && few.scratch <= all.scratch && few.other < all.other, "{all:?} {few:?}");
}

fn eyes(file: &Gguf, style: Style, change: impl FnOnce(&mut Vec<(String, MetaValue)>)) -> Gguf {
    // llama.cpp's files say GELU, whichever it is.
    let change = |keys: &mut Vec<(String, MetaValue)>| {
        set(keys, "clip.use_gelu", true);
        keys.retain(|(key, _)| key != "clip.vision.feature_layer");
        change(keys);
    };
    parsed(mmproj(file, "internvl", style, change).unwrap())
}

fn set(keys: &mut Vec<(String, MetaValue)>, key: &str, value: impl Into<MetaValue>) {
    keys.retain(|(known, _)| known != key);
    keys.push((key.to_owned(), value.into()));
}

#[test]
fn pairs_answer_as_the_one_file_and_are_pairs_again() {
    for (ty, old) in [(TensorType::F32, true), (TensorType::Q8_0, false)] {
        let one = whole("default", ty);
        let wanted = answer(&open(one.clone()).unwrap());
        for fused in [false, true] {
            let second = eyes(&one, Style { exchanged: false, fused }, |keys| {
                if old {
                    // Files of the first versions do not say how many tiles, nor how many patches become a row.
                    keys.retain(|(key, _)| !key.contains("preproc_") && !key.contains("scale_factor"));
                }
            });
            let words = parsed(text(&one).unwrap());
            let model = open(join_pair(words.clone(), second.clone(), ["a", "b"]).unwrap()).unwrap();
            assert_eq!(answer(&model), wanted, "{ty:?} fused {fused}");
            assert!(model.notes().is_empty(), "{:?}", model.notes());
            let dir = tempfile::tempdir().unwrap();
            let [joined, ..] = pairs::joined_and_split(&words, &second, dir.path()).unwrap();
            assert_eq!(answer(&open(joined).unwrap()), wanted);
        }
        // What was converted becomes a pair as well.
        let [t, m] = pairs::split(&one, tempfile::tempdir().unwrap().path()).unwrap();
        assert_eq!(m.tensor("v.class_embd").unwrap().shape.len(), 1);
        assert_eq!(answer(&open(join_pair(t, m, ["t", "m"]).unwrap()).unwrap()), wanted);
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let one = whole("default", TensorType::F32);
    let words = parsed(text(&one).unwrap());
    let refused = |words: &Gguf, second: Gguf, wanted: &[&str]| {
        let message = pairs::refusal(words, second).unwrap();
        assert!(wanted.iter().all(|word| message.contains(word)), "{wanted:?} are not in: {message}");
    };
    let plain = eyes(&one, Style::default(), |_| ());
    let other = eyes(&whole("single", TensorType::F32), Style::default(), |_| ());
    refused(&words, other, &["text.gguf", "eyes.gguf", "40", "64", "qwen2.embedding_length"]);
    let vision = |key: &str, value: MetaValue, wanted: &[&str]| {
        let key = format!("clip.vision.{key}");
        refused(&words, eyes(&one, Style::default(), |keys| set(keys, &key, value)), &[wanted, &[&key]].concat());
    };
    vision("projector.scale_factor", MetaValue::U32(0), &["0"]);
    vision("projector.scale_factor", MetaValue::U32(3), &["3", "4"]);
    vision("projector.scale_factor", MetaValue::U32(u32::MAX), &["4294967295"]);
    vision("preproc_min_tiles", MetaValue::U32(0), &["0"]);
    vision("preproc_min_tiles", MetaValue::U32(13), &["13", "12"]);
    vision("preproc_max_tiles", MetaValue::U32(u32::MAX), &["4294967295"]);
    vision("feature_layer", MetaValue::U32s(vec![1, 2]), &["2 layers"]);
    vision("feature_layer", MetaValue::U32s(vec![4]), &["4"]);
    let named = |from: &'static str, to: &'static str| {
        move |info: &TensorInfo| {
            let name = if info.name == from { to.to_owned() } else { info.name.clone() };
            vec![Named { name, shape: info.shape.clone(), skip: 0 }]
        }
    };
    for name in ["v.blk.1.ls2.weight", "mm.model.mlp.0.weight", "mm.model.mlp.1.weight"] {
        let without = |info: &TensorInfo| if info.name == name { Vec::new() } else { named("", "")(info) };
        refused(&words, plain.clone().with(Vec::new(), without).unwrap(), &[name]);
    }
    let renamed = named("v.blk.0.ls1.weight", "v.blk.0.attn_q_norm.weight");
    refused(&words, plain.clone().with(Vec::new(), renamed).unwrap(), &["v.blk.0.attn_q_norm.weight"]);
    let tokens = words.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let tokens: Vec<String> = tokens.iter().map(|t| t.replace("</img>", "<end>")).collect();
    let keys = vec![("tokenizer.ggml.tokens".to_owned(), MetaValue::Strings(tokens))];
    refused(&words.clone().with(keys, named("", "")).unwrap(), plain, &["</img>", "tokens"]);
}
