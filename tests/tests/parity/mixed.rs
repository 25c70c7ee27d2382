//! Flamingo and Frozen against their originals: logits, greedy and beam text and scores of prompts with none to four
//! pictures, run in batches that end between and behind pictures.

use crate::{check_generations, check_logits, check_scores, close, quiet};
use ocelli_convert::{OpenFlamingo, Options, convert_open_flamingo};
use ocelli_engine::image::{ImageLimits, Picture, Video};
use ocelli_engine::{
    Conversation, Engine, Error, GenerateOptions, Item, Load, Mark, Model, Prompt, Session, SessionOptions, join_pair,
    open_file, prompt_ids,
};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use ocelli_tests::formula::fnv1a;
use ocelli_tests::mixed_golden::{
    FLAMINGO, FROZEN, GoldenPiece, IN_PARTS, MixedCase, MixedGolden, QWEN_VL, SMOLVLM, VIDEOS,
};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn open(golden: &MixedGolden, dir: &Path, threads: usize) -> Model {
    golden.write(&dir.join("hf")).unwrap();
    let file = dir.join("model.gguf");
    ocelli_convert::convert(&dir.join("hf"), &file, &Options::new(TensorType::F32), &())
        .unwrap_or_else(|e| panic!("{}: {e}", golden.name));
    Engine::new(threads).unwrap().open(&file, Load::Map).unwrap_or_else(|e| panic!("{}: {e}", golden.name))
}

fn session(model: &Model, batch: usize) -> Session {
    model.session(&SessionOptions { beams: 5, batch, frames: 7, ..SessionOptions::default() }).unwrap()
}

pub(crate) fn picture(golden: &MixedGolden, index: usize) -> Arc<Picture> {
    let p = &golden.pictures[index];
    Arc::new(Picture::new(p.width, p.height, p.rgb(), &ImageLimits::default()).unwrap())
}

fn video(golden: &MixedGolden, frames: &[usize]) -> Video {
    let frames = frames.iter().map(|&index| picture(golden, index)).collect();
    Video::new(frames, &ImageLimits::default()).unwrap()
}

fn prompt(golden: &MixedGolden, case: &MixedCase) -> Prompt {
    case.pieces.iter().fold(Prompt::new(), |prompt, piece| match piece {
        GoldenPiece::Text(text) => prompt.text(text.as_str()),
        GoldenPiece::Picture(index) => prompt.image(picture(golden, *index)),
        GoldenPiece::Video(frames) => prompt.video(video(golden, frames)),
    })
}

/// One of the added tokens stands for each row of a picture.
pub(crate) fn ids(model: &Model, prompt: &Prompt) -> Vec<u32> {
    let items = model.compose(prompt).unwrap();
    let find = |token| model.tokenizer().find(token);
    let image = find("<|image_pad|>").or_else(|| find("<image>")).unwrap();
    let one = |item: &Item| match item {
        Item::Tokens(ids) => ids.clone(),
        Item::Image(..) | Item::Video(..) if item.marks().is_empty() => {
            vec![image; model.count(std::slice::from_ref(item))]
        }
        Item::Image(..) | Item::Video(..) => {
            let mark = |mark: &Mark| [mark.tokens.clone(), vec![image; mark.rows]].concat();
            item.marks().iter().flat_map(mark).collect()
        }
    };
    items.iter().flat_map(one).collect()
}

/// Of all that the tower is shown.
fn pixel_hash(model: &Model, pictures: impl Iterator<Item = Arc<Picture>>) -> String {
    let preprocess = model.preprocess().unwrap();
    let mut bytes = Vec::new();
    for picture in pictures {
        for shown in preprocess.shown(&picture).unwrap() {
            let pixels = preprocess.pixels(&shown).unwrap();
            bytes.extend(pixels.data.iter().flat_map(|value| value.to_le_bytes()));
        }
    }
    format!("{:016x}", fnv1a(&bytes))
}

pub(crate) fn agrees(golden: &MixedGolden, batches: &[usize]) {
    let dir = tempfile::tempdir().unwrap();
    compare(golden, &open(golden, dir.path(), 2), batches, true);
}

/// `generates` where the file has the golden's generation settings.
fn compare(golden: &MixedGolden, model: &Model, batches: &[usize], generates: bool) {
    for &batch in batches {
        let mut session = session(model, batch);
        for (i, case) in golden.cases.iter().enumerate() {
            let what = format!("{} case {i}, batch {batch}", golden.name);
            let prompt = prompt(golden, case);
            assert_eq!(ids(model, &prompt), case.ids, "{what}: ids");
            let pictures = case.pieces.iter().filter_map(|piece| match piece {
                GoldenPiece::Picture(index) => Some(picture(golden, *index)),
                GoldenPiece::Text(_) | GoldenPiece::Video(_) => None,
            });
            if let Some(pixels) = &case.pixels {
                assert_eq!(&pixel_hash(model, pictures.clone()), pixels, "{what}: pixels");
            }
            let mut samples = Vec::new();
            if let Some(media) = &case.media {
                let rows = case.pieces.iter().find_map(|piece| match piece {
                    GoldenPiece::Text(_) => None,
                    GoldenPiece::Picture(index) => Some(session.embed_image(&picture(golden, *index)).unwrap()),
                    GoldenPiece::Video(frames) => Some(session.embed_video(&video(golden, frames)).unwrap()),
                });
                samples.push(("media", rows.unwrap(), media));
            }
            if let Some(features) = &case.features {
                let first = pictures.clone().next();
                samples.push(("features", session.image_features(&first.unwrap()).unwrap(), features));
            }
            for (name, all, sample) in samples {
                assert_eq!(all.len(), sample.shape.iter().product::<usize>(), "{what}: {name}");
                let got: Vec<f32> = sample.index.iter().map(|&i| all[i]).collect();
                close(&got, &sample.values, &format!("{what}: {name}"));
            }
            check_logits(&session.all_logits(&prompt).unwrap(), &case.logits, &what);
            if generates {
                check_generations(&mut session, &prompt, &case.generate, &what);
            }
            check_scores(&mut session, &prompt, &case.score, &what);
        }
    }
}

#[test]
fn models_agree_whole_and_in_pieces() {
    for name in FLAMINGO.into_iter().chain(VIDEOS) {
        agrees(&MixedGolden::load("flamingo", name).unwrap(), &[5, 7, 256]);
    }
    for name in FROZEN {
        agrees(&MixedGolden::load("frozen", name).unwrap(), &[5, 256]);
    }
    for name in SMOLVLM {
        agrees(&MixedGolden::load("smolvlm", name).unwrap(), &[7, 256]);
    }
}

/// What lies in three parts, as it was released, becomes the same tensors and keys as what lies in one directory, which
/// agree with the original.
#[test]
fn three_parts_become_the_file_of_one_directory() {
    for name in IN_PARTS {
        let golden = MixedGolden::load("flamingo", name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        drop(open(&golden, dir.path(), 1));
        let parts = golden.write_parts(&dir.path().join("parts")).unwrap();
        let sources = OpenFlamingo { adapter: parts.adapter, language: parts.language, vision: parts.vision };
        let file = dir.path().join("parts.gguf");
        convert_open_flamingo(&sources, &file, &Options::new(TensorType::F32), &())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let [whole, parts] = [dir.path().join("model.gguf"), file]
            .map(|path| Gguf::parse(Arc::new(std::fs::read(path).unwrap())).unwrap_or_else(|e| panic!("{name}: {e}")));
        assert_eq!(parts.keys().count(), whole.keys().count(), "{name}");
        for ((key, a), (_, b)) in parts.keys().zip(whole.keys()) {
            assert_eq!(MetaValue::from(a), MetaValue::from(b), "{name}: {key}");
        }
        assert_eq!(parts.tensors().len(), whole.tensors().len(), "{name}");
        for (a, b) in parts.tensors().iter().zip(whole.tensors()) {
            assert_eq!((&a.name, &a.shape), (&b.name, &b.shape), "{name}");
            assert!(parts.data(a) == whole.data(b), "{name}: {}", a.name);
        }
    }
}

/// Goldens that are not kept, made by `flamingo.py`, `smolvlm.py` or `qwen_vl.py` with `--random FIRST COUNT DIR`.
#[test]
#[ignore = "OCELLI_MIXED_GOLDENS names a folder of goldens that are not kept"]
fn configurations_in_a_folder_agree() {
    let folder = std::env::var_os("OCELLI_MIXED_GOLDENS").expect("OCELLI_MIXED_GOLDENS names the folder");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        agrees(&MixedGolden::read(&entry.unwrap().path()).unwrap(), &[5, 256]);
        count += 1;
    }
    eprintln!("{count} configurations agree");
    assert!(count > 0);
}

/// Pairs of llama.cpp's, written by its own package: `pairs.py DIR`, `qwen_vl_pairs.py DIR`.
#[test]
#[ignore = "OCELLI_PAIRS names a folder of pairs that are not kept"]
fn pairs_in_a_folder_agree() {
    let folder = std::env::var_os("OCELLI_PAIRS").expect("OCELLI_PAIRS names the folder");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (family, of) = name.split_once('-').unwrap_or(("smolvlm", &name));
        let golden = MixedGolden::load(family, of.trim_end_matches("_old")).unwrap();
        let [text, eyes] = ["text.gguf", "mmproj.gguf"].map(|file| open_file(&path.join(file), Load::Map).unwrap());
        let pair = join_pair(text, eyes, ["text.gguf", "mmproj.gguf"]).unwrap_or_else(|e| panic!("{name}: {e}"));
        let model = Engine::new(2).unwrap().open_file(pair).unwrap_or_else(|e| panic!("{name}: {e}"));
        compare(&golden, &model, &[7, 256], false);
        count += 1;
    }
    eprintln!("{count} pairs agree");
    assert!(count > 0);
}

/// A prompt that begins as another, with the same and with other pictures, answers as in a session of its own: what each
/// position looks at is kept with it, and cut off with it.
#[test]
fn kept_prefixes_look_at_their_own_pictures() {
    let golden = MixedGolden::load("flamingo", "idefics").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    // Room for the pictures of one prompt only: every other prompt makes some go.
    let options = SessionOptions { batch: 7, images: 2, image_cache: Some(0), ..SessionOptions::default() };
    let mut kept = model.session(&options).unwrap();
    kept.keep_prefix(true);
    let start = |last: usize| {
        let first =
            Prompt::new().text("what is it?").image(picture(&golden, 0)).text("a cat").image(picture(&golden, last));
        first.text("and the street")
    };
    let greedy = GenerateOptions { max_new_tokens: 6, ..GenerateOptions::default() };
    let prompts = [
        start(1),
        start(1).text("more"),
        start(2),
        start(2).text("</s> it is"),
        start(2).text("</s> it is red"),
        start(0).text("</s> it is").image(picture(&golden, 3)),
        Prompt::new().text("what is it?").image(picture(&golden, 3)).text("a cat"),
        Prompt::new().text("what is it?"),
        start(1),
    ];
    let mut reused = 0;
    for (i, prompt) in prompts.iter().enumerate() {
        let got = kept.generate(prompt, &greedy, &mut quiet).unwrap();
        let want = model.session(&options).unwrap().generate(prompt, &greedy, &mut quiet).unwrap();
        assert_eq!(got.ids, want.ids, "prompt {i}");
        reused += got.timings.reused;
        let scores = kept.score(prompt, &[" a cat", " two."], &mut quiet).unwrap();
        let fresh = model.session(&options).unwrap().score(prompt, &[" a cat", " two."], &mut quiet).unwrap();
        for (a, b) in scores.iter().zip(&fresh) {
            close(&a.logprobs, &b.logprobs, &format!("scores of prompt {i}"));
        }
    }
    assert!(reused > 20, "{reused} positions were reused");
    let three = start(1).image(picture(&golden, 2));
    let error = kept.generate(&three, &greedy, &mut quiet).unwrap_err();
    assert!(matches!(error, Error::BeyondPlan { what: "images", .. }), "{error}");
    assert_eq!(kept.generate(&prompts[0], &greedy, &mut quiet).unwrap().timings.reused, 0, "an error keeps nothing");
}

/// A picture is encoded once in a session, whether it comes twice in a prompt or in the next one.
#[test]
fn pictures_are_read_once() {
    let golden = MixedGolden::load("flamingo", "idefics").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let mut session = model.session(&SessionOptions { image_cache: Some(0), ..SessionOptions::default() }).unwrap();
    let mut encoded = |order: &[usize]| {
        let prompt = order.iter().fold(Prompt::new(), |p, &i| p.image(picture(&golden, i)).text("it is"));
        let options = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
        session.generate(&prompt, &options, &mut quiet).unwrap().timings.encoded
    };
    assert_eq!([encoded(&[0, 1, 0]), encoded(&[1, 0, 0]), encoded(&[2, 1])], [2, 0, 1]);
}

/// A video is no picture: neither its rows nor what is kept of them are taken for those of its frames, and where places in
/// the prompt are learned the same picture is another at another place.
#[test]
fn videos_are_kept_apart() {
    let golden = MixedGolden::load("flamingo", "open_frames").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    assert_eq!(model.video_frames(), Some(3), "as many as there are embeddings");
    let mut session = session(&model, 256);
    let one = session.embed_image(&picture(&golden, 0)).unwrap();
    let [same, twice, turned, other] =
        [&[0][..], &[0, 0], &[1, 0], &[0, 1]].map(|f| session.embed_video(&video(&golden, f)).unwrap());
    close(&same, &one, "a video of one frame");
    assert!(one != twice && twice != turned && turned != other && twice != other);
    let mut encoded = |prompt: Prompt| {
        let options = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
        session.generate(&prompt, &options, &mut quiet).unwrap().timings.encoded
    };
    let (zero, clip) = (picture(&golden, 0), Arc::new(video(&golden, &[2, 0])));
    assert_eq!(encoded(Prompt::new().image(Arc::clone(&zero)).text("it is")), 0, "read at that place above");
    assert_eq!(encoded(Prompt::new().text("a").video(Arc::clone(&clip)).image(Arc::clone(&zero))), 3);
    assert_eq!(encoded(Prompt::new().video(clip).text("b").image(zero)), 0);
}

/// What the goldens of videos hold is more than rounding: without either table the rows are others.
#[test]
fn embeddings_of_time_matter() {
    let golden = MixedGolden::load("flamingo", "open_frames").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let clip = video(&golden, &[0, 1, 2, 3]);
    let with = session(&model, 256).embed_video(&clip).unwrap();
    for key in ["ocelli.resampler.frame_count", "ocelli.resampler.media_count"] {
        let bytes = changed(model.file(), key, None);
        let without = Engine::new(1).unwrap().open_bytes(Arc::new(bytes)).unwrap();
        let without = session(&without, 256).embed_video(&clip).unwrap();
        let most = with.iter().zip(&without).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most > 0.05, "{key}: {most}");
    }
}

/// With kept prefixes, too, each picture and video has the embedding of its place in the whole prompt.
#[test]
fn kept_prefixes_count_what_came_before() {
    let golden = MixedGolden::load("flamingo", "open_frames").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let options = SessionOptions { frames: 3, image_cache: Some(0), ..SessionOptions::default() };
    let mut kept = model.session(&options).unwrap();
    kept.keep_prefix(true);
    let greedy = GenerateOptions { max_new_tokens: 6, ..GenerateOptions::default() };
    let start =
        Prompt::new().text("what is it?").video(video(&golden, &[0, 1, 2])).text("a cat").image(picture(&golden, 3));
    let prompts = [
        start.clone(),
        start.clone().text("and the street").image(picture(&golden, 0)),
        start.clone().text("and the street").video(video(&golden, &[0])).text("it is"),
        start.text("and the street").video(video(&golden, &[0, 3])).text("it is"),
    ];
    for (i, prompt) in prompts.iter().enumerate() {
        let scores = kept.score(prompt, &[" a cat", " two."], &mut quiet).unwrap();
        let fresh = model.session(&options).unwrap().score(prompt, &[" a cat", " two."], &mut quiet).unwrap();
        for (a, b) in scores.iter().zip(&fresh) {
            close(&a.logprobs, &b.logprobs, &format!("scores of prompt {i}"));
        }
        let reused = kept.generate(prompt, &greedy, &mut quiet).unwrap().timings.reused;
        assert!(reused > 5, "prompt {i}: {reused}");
    }
}

#[test]
fn videos_that_do_not_fit_are_refused() {
    let golden = MixedGolden::load("flamingo", "open_frames").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let greedy = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
    let clip = Prompt::new().video(video(&golden, &[0, 1])).text("it is");
    let mut pictures_only = model.session(&SessionOptions::default()).unwrap();
    let error = pictures_only.generate(&clip, &greedy, &mut quiet).unwrap_err();
    assert!(matches!(error, Error::BeyondPlan { what: "frames", .. }), "{error}");
    let many = (0..5).fold(Prompt::new(), |prompt, i| prompt.image(picture(&golden, i % 4)));
    let error = pictures_only.generate(&many, &greedy, &mut quiet).unwrap_err();
    assert!(matches!(error, Error::TooManyMedia { media: 5, places: 4 }), "{error}");
    let error = model.plan(&SessionOptions { frames: 257, ..SessionOptions::default() }).unwrap_err();
    assert!(matches!(error, Error::BadOption { name: "frames", .. }), "{error}");
    let plan = |frames| model.plan(&SessionOptions { frames, batch: 1, ..SessionOptions::default() }).unwrap().scratch;
    assert!(plan(1) == plan(0) && plan(64) > plan(8));

    let golden = MixedGolden::load("frozen", "class").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    assert_eq!(model.video_frames(), None);
    let clip = Prompt::new().video(video(&golden, &[0, 1])).text("it is");
    let mut session = model.session(&SessionOptions { frames: 8, ..SessionOptions::default() }).unwrap();
    let error = session.generate(&clip, &greedy, &mut quiet).unwrap_err();
    assert!(matches!(error, Error::NoVideo { videos: 1 }), "{error}");
    let error = session.embed_video(&video(&golden, &[0])).unwrap_err();
    assert!(matches!(error, Error::NoVideo { videos: 1 }), "{error}");
}

#[test]
fn threads_do_not_change_a_bit() {
    let golden = MixedGolden::load("flamingo", "idefics_every").unwrap();
    let all = [1, 3].map(|threads| {
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), threads);
        let logits = session(&model, 5).all_logits(&prompt(&golden, &golden.cases[2])).unwrap();
        logits.iter().map(|l| l.to_bits()).collect::<Vec<_>>()
    });
    assert_eq!(all[0], all[1]);
}

/// A copy of a file with one key changed, or left out.
pub(crate) fn changed(file: &Gguf, key: &str, to: Option<&MetaValue>) -> Vec<u8> {
    let mut writer = Writer::new();
    for (name, value) in file.keys() {
        match (name == key, to) {
            (true, Some(to)) => drop(writer.set(name, to.clone())),
            (true, None) => {}
            (false, _) => drop(writer.set(name, MetaValue::from(value))),
        }
    }
    for info in file.tensors() {
        writer.tensor(info.name.clone(), &info.shape, info.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for info in file.tensors() {
        body.write(file.data(info)).unwrap();
    }
    body.finish().unwrap()
}

/// Every key of the bridge with values that make no sense: an error that names a key or a tensor, or a model that runs.
#[test]
fn absurd_keys_are_refused_or_run() {
    let engine = Engine::new(1).unwrap();
    let (mut refused, mut ran) = (0, 0);
    for (family, name) in [("flamingo", "idefics"), ("flamingo", "open_frames"), ("frozen", "class"), ("frozen", "nf")]
    {
        let golden = MixedGolden::load(family, name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 1);
        let prompt = prompt(&golden, &golden.cases[2]);
        let greedy = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
        let prefixes = [
            "ocelli.resampler.",
            "ocelli.cross_attention.",
            "ocelli.prompt.",
            "ocelli.image",
            "ocelli.prefix.",
            "ocelli.vision.",
        ];
        let keys: Vec<String> = model.file().keys().map(|(name, _)| name.to_owned()).collect();
        for key in keys.iter().filter(|key| prefixes.iter().any(|prefix| key.starts_with(prefix))) {
            let values = [0, 1, 3, 1 << 20, u32::MAX].map(MetaValue::U32);
            let others = [MetaValue::F32(f32::NAN), MetaValue::Bool(false), MetaValue::Str("no".to_owned())];
            let tries = values.into_iter().chain(others).map(Some).chain([None]);
            for to in tries {
                let bytes = changed(model.file(), key, to.as_ref());
                match engine.open_bytes(Arc::new(bytes)) {
                    Err(error) => {
                        refused += 1;
                        let text = error.to_string();
                        assert!(text.contains(key.as_str()) || text.contains('\''), "{key} {to:?}: {text}");
                    }
                    Ok(model) => {
                        ran += 1;
                        let _ = session(&model, 7).generate(&prompt, &greedy, &mut quiet);
                    }
                }
            }
        }
    }
    assert!(refused > 100 && ran > 10, "{refused} refused, {ran} ran");
}

/// Only a picture has a picture's token: a text that says `<image>` has its letters, in every family. Other special tokens
/// are read, `<|endofchunk|>` between demonstrations, say.
#[test]
fn text_spells_special_tokens_but_no_picture() {
    for (family, name) in
        [("flamingo", "idefics"), ("flamingo", "open"), ("flamingo", "open_neox"), ("frozen", "class")]
    {
        let golden = MixedGolden::load(family, name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 1);
        let tokenizer = model.tokenizer();
        let image = tokenizer.find("<image>").unwrap();
        let ids = |text: &str| prompt_ids(&model.compose(&Prompt::new().text(text)).unwrap());
        for text in ["<image>", "a <image>?", "<image><image>"] {
            let ids = ids(text);
            assert!(!ids.contains(&image), "{name}: {text}");
            assert!(tokenizer.decode(&ids, false).unwrap().ends_with(text), "{name}: {text}");
        }
        for token in golden.added_tokens.iter().filter(|token| *token != "<image>") {
            let id = tokenizer.find(token).unwrap();
            assert!(ids(&format!("a{token}b")).contains(&id), "{name}: {token}");
        }
    }
}

/// A conversation goes on as a prompt with its answer would, and so do its fork and its saved state, which look at the same
/// pictures.
#[test]
fn conversations_look_at_their_pictures_wherever_they_go_on() {
    let flamingo = FLAMINGO.iter().chain(&VIDEOS).map(|name| ("flamingo", name));
    let spliced = FROZEN.iter().map(|name| ("frozen", name)).chain(QWEN_VL.iter().map(|name| ("qwen_vl", name)));
    for (family, name) in flamingo.chain(spliced) {
        let golden = MixedGolden::load(family, name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 2);
        let options = GenerateOptions { max_new_tokens: 4, ..GenerateOptions::default() };
        let layout = SessionOptions { frames: 16, ..SessionOptions::default() };
        let pictures = |case: &MixedCase| case.pieces.iter().filter(|p| !matches!(p, GoldenPiece::Text(_))).count();
        let case = golden.cases.iter().max_by_key(|case| pictures(case)).unwrap();
        let mut first = Conversation::new(&model, &layout, false).unwrap();
        for piece in &case.pieces {
            match piece {
                GoldenPiece::Text(text) => first.add_text(text).unwrap(),
                GoldenPiece::Picture(index) => first.add_image(picture(&golden, *index)).unwrap(),
                GoldenPiece::Video(frames) => first.add_video(Arc::new(video(&golden, frames))).unwrap(),
            }
        }
        let answer = first.generate(&options, &mut quiet).unwrap().ids.clone();
        first.add_text(" and").unwrap();
        let mut fork = first.fork().unwrap();
        let state = first.save().unwrap();
        let mut later = Conversation::new(&model, &layout, false).unwrap();
        later.restore(&state).unwrap();
        let prompt = prompt(&golden, case).tokens(answer).text(" and");
        let wanted = model.session(&layout).unwrap().generate(&prompt, &options, &mut quiet).unwrap().ids;
        for conversation in [&mut first, &mut fork, &mut later] {
            assert_eq!(conversation.generate(&options, &mut quiet).unwrap().ids, wanted, "{name}");
        }
    }
}
