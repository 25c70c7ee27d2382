//! LFM2-VL beside its parity: rows follow from a picture's size and have room in the plan; its pairs of llama.cpp's answer as the
//! one file does; what cannot be is refused by name.

#![allow(clippy::unwrap_used)]

use ocelli_engine::image::Picture;
use ocelli_engine::{Engine, Error, Item, Model, Prompt, SessionOptions, join_pair, limit_image_rows};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, MetaValue};
use ocelli_tests::pairs::{self, Style, mmproj, text};
use std::sync::Arc;

fn parsed(bytes: Vec<u8>) -> Gguf {
    pairs::parsed(bytes).unwrap()
}

fn whole(name: &str, ty: TensorType) -> Gguf {
    pairs::converted("lfm2_vl", name, ty, tempfile::tempdir().unwrap().path()).unwrap()
}

fn open(file: Gguf) -> Result<Model, Error> {
    Engine::new(2).unwrap().open_file(file)
}

fn picture(width: u32, height: u32) -> Arc<Picture> {
    pairs::picture(width, height).unwrap()
}

fn answer(model: &Model) -> (Vec<u32>, Vec<u32>) {
    pairs::answer(model).unwrap()
}

#[test]
fn rows_follow_from_a_pictures_size() {
    let one = whole("default", TensorType::F32);
    for limit in [None, Some(100), Some(40), Some(9), Some(1)] {
        let file = limit.map_or(one.clone(), |rows| limit_image_rows(one.clone(), rows).unwrap());
        let model = open(file).unwrap();
        let mut session = model.session(&SessionOptions { image_cache: Some(0), ..SessionOptions::default() }).unwrap();
        for (width, height) in [(1, 1), (1, 90), (150, 1), (90, 40), (113, 129), (300, 20), (31, 33)] {
            let views = model.views(width, height).unwrap();
            assert!(views.rows <= limit.unwrap_or(u32::MAX) as usize, "{limit:?} {width}x{height}");
            assert!(views.positions <= model.image_positions(), "{limit:?} {width}x{height}");
            let rows = session.embed_image(&picture(width, height)).unwrap();
            assert_eq!(rows.len(), views.rows * 64, "{limit:?} {width}x{height}");
            let items = model.compose(&Prompt::new().image(picture(width, height)).complete()).unwrap();
            assert_eq!(items.iter().map(Item::positions).sum::<usize>(), views.positions);
        }
    }
}

fn eyes(file: &Gguf, style: Style, change: impl FnOnce(&mut Vec<(String, MetaValue)>)) -> Gguf {
    parsed(mmproj(file, "lfm2", style, change).unwrap())
}

fn set(keys: &mut Vec<(String, MetaValue)>, key: &str, value: impl Into<MetaValue>) {
    keys.retain(|(known, _)| known != key);
    keys.push((key.to_owned(), value.into()));
}

#[test]
fn pairs_answer_as_the_one_file() {
    for ty in [TensorType::F32, TensorType::Q8_0] {
        let one = whole("default", ty);
        let wanted = answer(&open(one.clone()).unwrap());
        for fused in [false, true] {
            let second = eyes(&one, Style { exchanged: false, fused }, |_| ());
            let model = open(join_pair(parsed(text(&one).unwrap()), second, ["a", "b"]).unwrap()).unwrap();
            assert_eq!(answer(&model), wanted, "{ty:?} fused {fused}");
        }
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let one = whole("default", TensorType::F32);
    let words = parsed(text(&one).unwrap());
    let vision = |key: &str, value: u32, wanted: &str| {
        let key = format!("clip.vision.{key}");
        let second = eyes(&one, Style::default(), |keys| set(keys, &key, value));
        let message = pairs::refusal(&words, second).unwrap();
        assert!(message.contains(&key) && message.contains(wanted), "{message}");
    };
    vision("projector.scale_factor", 0, "0");
    vision("projector.scale_factor", u32::MAX, "4294967295");
    vision("preproc_image_size", 33, "33");
    vision("preproc_min_tiles", 1, "at least 2");
    vision("preproc_max_tiles", u32::MAX, "4294967295");
    vision("image_max_pixels", u32::MAX, "rows");
    vision("image_min_pixels", u32::MAX, "4294967295");
    let kv = |counts: Vec<u32>, wanted: &str| {
        let same = |info: &ocelli_quant::gguf::TensorInfo| {
            vec![ocelli_quant::gguf::Named { name: info.name.clone(), shape: info.shape.clone(), skip: 0 }]
        };
        let keys = vec![("lfm2.attention.head_count_kv".to_owned(), MetaValue::U32s(counts))];
        let message = open(one.clone().with(keys, same).unwrap()).err().unwrap().to_string();
        assert!(message.contains(wanted), "{message}");
    };
    kv(vec![0, 0, 2], "3 layers");
    kv(vec![0, 0, 0, 0], "at least one layer must attend");
    kv(vec![0, 1, 2, 0], "must be 1 in all layers");
    kv(vec![2, 2, 2, 2], "attn_q");
}
