//! What only models have whose pictures take fewer positions than rows, in sizes near their own: where rows stand when a prompt
//! is kept, how many there may be, and what of a file cannot be.

use crate::mixed::{agrees, changed, ids, open, picture};
use crate::{close, quiet};
use ocelli_convert::pair;
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{
    Conversation, Engine, GenerateOptions, Model, Prompt, SessionOptions, join_pair, limit_image_rows,
};
use ocelli_quant::gguf::{Gguf, MetaValue, Named};
use ocelli_tests::mixed_golden::{MixedGolden, QWEN_VL};
use ocelli_tests::pairs::{Style, mmproj, text};
use std::path::Path;
use std::sync::Arc;

fn golden(name: &str) -> MixedGolden {
    MixedGolden::load("qwen_vl", name).unwrap()
}

#[test]
fn models_agree_whole_and_in_pieces() {
    for name in QWEN_VL {
        agrees(&golden(name), &[7, 256]);
    }
}

/// A prompt that begins as another answers as in a session of its own, whatever pictures the two have in common; and so does one
/// that was cut within a picture.
#[test]
fn kept_prefixes_stand_where_their_pictures_leave_them() {
    for name in ["default", "two_five"] {
        let golden = golden(name);
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 1);
        let options = SessionOptions { batch: 7, beams: 5, ..SessionOptions::default() };
        let mut kept = model.session(&options).unwrap();
        kept.keep_prefix(true);
        let start = |second: usize| {
            let first = Prompt::new().text("what is it?").image(picture(&golden, 1)).text("a cat");
            first.image(picture(&golden, second)).text("and the street")
        };
        let greedy = GenerateOptions { max_new_tokens: 6, ..GenerateOptions::default() };
        let prompts = [
            start(0),
            start(0).text("more"),
            start(2),
            start(2).image(picture(&golden, 3)).text("it is"),
            Prompt::new().text("what is it?").image(picture(&golden, 1)),
            Prompt::new().text("what is it?").image(picture(&golden, 0)).text("a cat"),
            Prompt::new().text("what is it?"),
            start(2),
        ];
        let mut reused = 0;
        for (i, prompt) in prompts.iter().enumerate() {
            let got = kept.generate(prompt, &greedy, &mut quiet).unwrap();
            let want = model.session(&options).unwrap().generate(prompt, &greedy, &mut quiet).unwrap();
            assert_eq!(got.ids, want.ids, "{name}: prompt {i}");
            reused += got.timings.reused;
            let scores = kept.score(prompt, &[" a cat", " two."], &mut quiet).unwrap();
            let fresh = model.session(&options).unwrap().score(prompt, &[" a cat", " two."], &mut quiet).unwrap();
            for (a, b) in scores.iter().zip(&fresh) {
                close(&a.logprobs, &b.logprobs, &format!("{name}: scores of prompt {i}"));
            }
        }
        assert!(reused > 50, "{name}: {reused} positions were reused");
    }
}

/// A conversation with a picture behind a picture goes on as its prompt would, and so do its fork and its saved state: by the
/// scores of what may follow, which say more than ids.
#[test]
fn saved_states_stand_where_their_pictures_leave_them() {
    for name in ["default", "two"] {
        let golden = golden(name);
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 1);
        let layout = SessionOptions { batch: 9, ..SessionOptions::default() };
        let options = GenerateOptions { max_new_tokens: 4, ..GenerateOptions::default() };
        let mut first = Conversation::new(&model, &layout, false).unwrap();
        first.add_text("what is it?").unwrap();
        first.add_image(picture(&golden, 1)).unwrap();
        first.add_text(" a cat").unwrap();
        let answer = first.generate(&options, &mut quiet).unwrap().ids.clone();
        let state = first.save().unwrap();
        let mut later = Conversation::new(&model, &layout, false).unwrap();
        later.restore(&state).unwrap();
        let mut fork = first.fork().unwrap();
        let prompt = Prompt::new().text("what is it?").image(picture(&golden, 1)).text(" a cat").tokens(answer);
        let prompt = prompt.image(picture(&golden, 2)).text(" and");
        let wanted = model.session(&layout).unwrap().score(&prompt, &[" two.", " the"], &mut quiet).unwrap();
        for (which, conversation) in [&mut first, &mut fork, &mut later].into_iter().enumerate() {
            conversation.add_image(picture(&golden, 2)).unwrap();
            conversation.add_text(" and").unwrap();
            let used = conversation.used().unwrap();
            assert!(used.kept > 20 && used.kept < used.positions, "{name} {which}: {} kept", used.kept);
            let got = conversation.score(&[" two.", " the"], &mut quiet).unwrap();
            for (a, b) in got.iter().zip(&wanted) {
                close(&a.logprobs, &b.logprobs, &format!("{name}: conversation {which}"));
            }
        }
    }
}

/// What a chat template writes around a picture, or whoever gives ids, is not written again.
#[test]
fn a_picture_is_wrapped_once() {
    let golden = golden("default");
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let image = || picture(&golden, 3);
    let wanted = ids(&model, &Prompt::new().text("is ").image(image()).text("it?"));
    let (start, end) = ("<|vision_start|>", "<|vision_end|>");
    let token = |text: &str| vec![model.tokenizer().find(text).unwrap()];
    for prompt in [
        Prompt::new().text(format!("is {start}")).image(image()).text(format!("{end}it?")),
        Prompt::new().text("is ").tokens(token(start)).image(image()).tokens(token(end)).text("it?"),
    ] {
        assert_eq!(ids(&model, &prompt), wanted);
    }
    let [start, end] = [start, end].map(|text| token(text)[0]);
    assert_eq!(wanted.iter().filter(|id| **id == start).count(), 1);
    // Half of it is none of it, and pictures side by side have their own.
    let half = ids(&model, &Prompt::new().text("is <|vision_start|>").image(image()).image(image()).text("it?"));
    assert_eq!((half.iter().filter(|id| **id == start).count(), half.iter().filter(|id| **id == end).count()), (3, 2));
}

/// A conversation whose template writes a picture's start, place and end becomes the prompt of the same text, and what a message
/// spells of them stays text.
#[test]
fn a_template_writes_what_is_around_a_picture() {
    let golden = golden("default");
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let template = "{% for m in messages %}[{{ m.role }}]{% if m.content is string %}{{ m.content }}{% else %}\
        {% for part in m.content %}{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}\
        {{ part.text }}{% endif %}{% endfor %}{% endif %}[end]{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
    let same = |info: &ocelli_quant::gguf::TensorInfo| {
        vec![Named { name: info.name.clone(), shape: info.shape.clone(), skip: 0 }]
    };
    let key = ("tokenizer.chat_template".to_owned(), MetaValue::from(template));
    let model = Engine::new(1).unwrap().open_file(model.file().clone().with(vec![key], same).unwrap()).unwrap();
    let mut conversation = Conversation::new(&model, &SessionOptions::default(), false).unwrap();
    let said = "what is <|vision_start|><|image_pad|>?";
    conversation.say("user", vec![picture(&golden, 1), picture(&golden, 3)], said).unwrap();
    let got = conversation.items().unwrap();
    let prompt = Prompt::new().complete().text("[user]").image(picture(&golden, 1)).image(picture(&golden, 3));
    let wanted = model.compose(&prompt).unwrap();
    let pictures = |items: &[ocelli_engine::Item]| items.iter().filter_map(ocelli_engine::Item::views).count();
    assert_eq!((pictures(&got), pictures(&wanted)), (2, 2));
    let [got, wanted] = [got, wanted].map(|items| ocelli_engine::prompt_ids(&items));
    assert_eq!(got[..wanted.len()], wanted);
    let [start, image] = ["<|vision_start|>", "<|image_pad|>"].map(|text| model.tokenizer().find(text).unwrap());
    assert!(!got[wanted.len()..].iter().any(|id| [start, image].contains(id)), "{got:?}");
    assert!(model.tokenizer().decode(&got, false).unwrap().ends_with(&format!("{said}[end][assistant]")));
}

fn reopened(file: &Gguf) -> Result<Model, String> {
    Engine::new(1).unwrap().open_file(file.clone()).map_err(|error| error.to_string())
}

/// Rows of a picture of any shape are at most as many as are allowed, the plan knows, and fewer of them need less memory.
#[test]
fn pictures_have_as_many_rows_as_are_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden("default"), dir.path(), 1);
    let shapes = [(97, 65), (140, 40), (31, 133), (9, 7), (1, 200), (2000, 10), (1600, 1200)];
    let mut scratch = model.plan(&SessionOptions::default()).unwrap().scratch;
    for most in [30u32, 8, 3, 1] {
        let limited = reopened(&limit_image_rows(model.file().clone(), most).unwrap()).unwrap();
        for (width, height) in shapes {
            let views = limited.views(width, height).unwrap();
            assert!((1..=most as usize).contains(&views.rows), "{width}x{height}: {} of {most}", views.rows);
            let (lines, columns) = views.grid.unwrap();
            assert_eq!((lines * columns, views.positions), (views.rows, views.rows + 2), "a token on both sides");
            let rgb = vec![9; (width * height * 3) as usize];
            let picture = Picture::new(width, height, rgb, &ImageLimits::default()).unwrap();
            let items = limited.compose(&Prompt::new().image(picture.clone())).unwrap();
            assert_eq!(limited.count(&items), views.positions + 1, "and one that begins the prompt");
            let seen = limited.session(&SessionOptions::default()).unwrap().embed_image(&picture).unwrap();
            assert_eq!(seen.len(), views.rows * limited.embedding_width());
        }
        assert!(limited.image_positions() <= most as usize + 2);
        let plan = limited.plan(&SessionOptions { batch: 1, ..SessionOptions::default() }).unwrap();
        assert!(plan.scratch < scratch, "{most} rows: {} of {scratch}", plan.scratch);
        scratch = plan.scratch;
    }
    assert!(reopened(&limit_image_rows(model.file().clone(), 1 << 20).unwrap()).err().unwrap().contains("max_rows"));
    // A file that allows more than is usual says so.
    let more = changed(model.file(), "clip.vision.image_max_pixels", Some(&MetaValue::U32(1 << 24)));
    let more = Engine::new(1).unwrap().open_bytes(Arc::new(more)).unwrap();
    assert_eq!(more.views(4000, 3000).unwrap().rows, 972, "36 x 27");
    assert!(more.notes().join(" ").contains("at most 1024 rows"), "{:?}", more.notes());
    assert!(model.notes().is_empty(), "{:?}", model.notes());
}

/// Numbers that cannot be are refused by the key that says them.
#[test]
fn numbers_that_cannot_be_are_refused_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let three = open(&golden("default"), dir.path(), 1);
    let other = tempfile::tempdir().unwrap();
    let two = open(&golden("two_five"), other.path(), 1);
    let number = |n: u32| Some(MetaValue::U32(n));
    let bools = |all: [bool; 3]| Some(MetaValue::Bools(all.to_vec()));
    let sections = |all: [u32; 4]| Some(MetaValue::U32s(all.to_vec()));
    for (model, key, value, words) in [
        (&three, "qwen3vl.rope.dimension_sections", sections([4, 2, 1, 0]), "dimension_sections"),
        (&three, "qwen3vl.rope.dimension_sections", sections([4, 2, 1, 1]), "dimension_sections"),
        (&three, "qwen3vl.rope.dimension_sections", None, "dimension_sections"),
        (&three, "qwen3vl.n_deepstack_layers", number(3), "n_deepstack_layers"),
        (&three, "qwen3vl.n_deepstack_layers", number(9), "n_deepstack_layers"),
        (&three, "qwen3vl.n_deepstack_layers", None, "n_deepstack_layers"),
        (&three, "clip.vision.is_deepstack_layers", bools([true, false, true]), "is_deepstack_layers"),
        (&three, "clip.vision.block_count", number(1), "block_count"),
        (&three, "clip.vision.spatial_merge_size", number(0), "spatial_merge_size"),
        (&three, "clip.vision.spatial_merge_size", number(3), "v.deepstack.0.norm.weight"),
        (&three, "clip.vision.image_size", number(56), "v.position_embd.weight"),
        (&three, "clip.vision.image_size", number(51), "image_size"),
        (&three, "clip.vision.image_min_pixels", number(1 << 20), "image_min_pixels"),
        (&three, "clip.vision.image_max_pixels", number(0), "image_max_pixels"),
        (&three, "clip.vision.image_max_pixels", None, "image_max_pixels"),
        (&three, "clip.vision.attention.head_count", number(32), "head_count"),
        (&three, "clip.projector_type", Some(MetaValue::Str("idefics3".to_owned())), "projector_type"),
        (&three, "clip.projector_type", None, "projector_type"),
        (&two, "clip.vision.n_wa_pattern", number(0), "n_wa_pattern"),
        (&two, "clip.vision.n_wa_pattern", None, "n_wa_pattern"),
        (&two, "clip.vision.window_size", number(15), "window_size"),
    ] {
        let bytes = changed(model.file(), key, value.as_ref());
        match Engine::new(1).unwrap().open_bytes(Arc::new(bytes)) {
            Ok(_) => panic!("{key} {value:?} opened"),
            Err(error) => assert!(error.to_string().contains(words), "{key} {value:?}: {error}"),
        }
    }
    // A feature of a block that there is not.
    let beyond = |info: &ocelli_quant::gguf::TensorInfo| {
        let name = info.name.replace("v.deepstack.1.", "v.deepstack.7.");
        vec![Named { name, shape: info.shape.clone(), skip: 0 }]
    };
    let file = three.file().clone().with(Vec::new(), beyond).unwrap();
    assert!(reopened(&file).err().unwrap().contains("v.deepstack.7"));
}

/// Every key of the tower and of positions with values that make no sense, and bytes of an mmproj that were changed: an error, or
/// a model that runs.
#[test]
fn absurd_keys_and_bytes_are_refused_or_run() {
    let engine = Engine::new(1).unwrap();
    let options = SessionOptions { budget: 512 << 20, context: 256, ..SessionOptions::default() };
    let greedy = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
    let (mut refused, mut ran) = (0, 0);
    for (name, kind) in [("default", "qwen3vl_merger"), ("two_five", "qwen2.5vl_merger")] {
        let golden = golden(name);
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 1);
        let prompt = Prompt::new().image(picture(&golden, 3)).text("it is");
        let runs = |model: &Model| {
            if let Ok(mut session) = model.session(&options) {
                let _ = session.generate(&prompt, &greedy, &mut quiet);
            }
        };
        let starts = ["clip.", "ocelli.image", "qwen2vl.rope.", "qwen3vl.rope.", "qwen3vl.n_deep"];
        let keys: Vec<String> = model.file().keys().map(|(name, _)| name.to_owned()).collect();
        for key in keys.iter().filter(|key| starts.iter().any(|start| key.starts_with(start))) {
            let numbers = [0, 1, 3, 1 << 20, u32::MAX].map(MetaValue::U32);
            let lists =
                [MetaValue::U32s(vec![u32::MAX; 4]), MetaValue::Bools(vec![true; 2]), MetaValue::U32s(Vec::new())];
            let others = [MetaValue::F32(f32::NAN), MetaValue::Bool(false), MetaValue::Str("no".to_owned())];
            for to in numbers.into_iter().chain(lists).chain(others).map(Some).chain([None]) {
                let bytes = changed(model.file(), key, to.as_ref());
                match engine.open_bytes(Arc::new(bytes)) {
                    Err(error) => {
                        refused += 1;
                        let text = error.to_string();
                        assert!(text.contains(key.as_str()) || text.contains('\''), "{key} {to:?}: {text}");
                    }
                    Ok(model) => {
                        ran += 1;
                        runs(&model);
                    }
                }
            }
        }
        let words = parsed(text(model.file()).unwrap());
        let bytes = mmproj(model.file(), kind, Style::default(), |_| ()).unwrap();
        let head = usize::try_from(parsed(bytes.clone()).data_offset()).unwrap();
        for seed in 1..2_000u64 {
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut next = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random
            };
            let mut bytes = bytes.clone();
            for _ in 0..=next() % 3 {
                let at = (next() % head as u64) as usize;
                match next() % 3 {
                    0 => bytes[at] = (next() & 255) as u8,
                    1 => bytes[at] ^= 1 << (next() % 8),
                    _ => bytes[at..(at + 4).min(head)].fill(if next() % 2 == 0 { 255 } else { 0 }),
                }
            }
            let both =
                Gguf::parse(Arc::new(bytes)).ok().and_then(|eyes| join_pair(words.clone(), eyes, ["a", "b"]).ok());
            match both.and_then(|both| engine.open_file(both).ok()) {
                None => refused += 1,
                Some(model) => {
                    ran += 1;
                    runs(&model);
                }
            }
        }
    }
    assert!(refused > 1_000 && ran > 100, "{refused} refused, {ran} ran");
}

fn parsed(bytes: Vec<u8>) -> Gguf {
    Gguf::parse(Arc::new(bytes)).unwrap()
}

/// A picture's rows as bits, and logits behind two pictures.
fn answer(golden: &MixedGolden, model: &Model) -> (Vec<u32>, Vec<u32>) {
    let mut session = model.session(&SessionOptions::default()).unwrap();
    let rows = session.embed_image(&picture(golden, 0)).unwrap();
    let prompt =
        Prompt::new().text("what is ").image(picture(golden, 1)).text("?").image(picture(golden, 2)).text("it");
    let logits = session.all_logits(&prompt).unwrap();
    let bits = |all: Vec<f32>| all.iter().map(|x| x.to_bits()).collect();
    (bits(rows), bits(logits))
}

/// A pair answers as the one file, however its tower was written; one file of a pair is the pair again, and what was converted
/// from a checkpoint can be split into one with llama.cpp's names.
#[test]
fn pairs_answer_as_the_one_file() {
    let kinds = [("default", "qwen3vl_merger"), ("two_five", "qwen2.5vl_merger"), ("two", "qwen2vl_merger")];
    for (name, kind) in kinds {
        let golden = golden(name);
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 1);
        let (one, wanted) = (model.file(), answer(&golden, &model));
        let words = parsed(text(one).unwrap());
        let opened = |second: &Gguf| {
            let both = join_pair(words.clone(), second.clone(), ["text.gguf", "eyes.gguf"]).unwrap();
            Engine::new(1).unwrap().open_file(both).unwrap()
        };
        // Old files have the layers of the feed-forward under each other's names; a gate is a third that keeps its own.
        for (exchanged, fused) in [(false, false), (true, false), (false, true)] {
            let second = parsed(mmproj(one, kind, Style { exchanged, fused }, |_| ()).unwrap());
            assert_eq!(second.tensor("v.patch_embd.weight.1").unwrap().shape.len(), 4, "{name}");
            let model = opened(&second);
            assert!(answer(&golden, &model) == wanted, "{name}: exchanged {exchanged}, fused {fused}");
            assert!(model.notes().is_empty(), "{:?}", model.notes());
        }
        // Bounds that a file does not say are those of the released models, and said.
        let bounds = |key: &str| key.starts_with("clip.vision.image_m") && key.ends_with("_pixels");
        let unsaid = mmproj(one, kind, Style::default(), |keys| keys.retain(|(key, _)| !bounds(key))).unwrap();
        let notes = opened(&parsed(unsaid)).notes().join(" ");
        assert!(notes.contains("image_min_pixels") && notes.contains("at most 1024 rows"), "{name}: {notes}");
        let none: [&Path; 0] = [];
        let at = |file: &str| dir.path().join(file);
        pair::split(one, &none, [&at("t.gguf"), &at("m.gguf")], true, &()).unwrap();
        let [words, second] = ["t.gguf", "m.gguf"].map(|file| parsed(std::fs::read(at(file)).unwrap()));
        assert_eq!(second.tensor("v.patch_embd.weight.1").unwrap().shape.len(), 4, "{name}");
        assert_eq!(
            second.tensor("v.blk.0.attn_qkv.weight").is_some(),
            name == "default",
            "as llama.cpp's graphs have it"
        );
        pair::join([&words, &second], &none, &at("one.gguf"), true, &()).unwrap();
        for both in
            [join_pair(words, second, ["t.gguf", "m.gguf"]).unwrap(), parsed(std::fs::read(at("one.gguf")).unwrap())]
        {
            assert!(answer(&golden, &Engine::new(1).unwrap().open_file(both).unwrap()) == wanted, "{name}: split");
        }
    }
}

/// A language model that takes another number of features than the mmproj has is another model's, by both names and numbers.
#[test]
fn features_of_both_files_are_as_many() {
    let golden = golden("default");
    let dir = tempfile::tempdir().unwrap();
    let model = open(&golden, dir.path(), 1);
    let second = parsed(mmproj(model.file(), "qwen3vl_merger", Style::default(), |_| ()).unwrap());
    for takes in [None, Some(MetaValue::U32(1))] {
        let words = changed(&parsed(text(model.file()).unwrap()), "qwen3vl.n_deepstack_layers", takes.as_ref());
        let error = join_pair(parsed(words), second.clone(), ["text.gguf", "eyes.gguf"]).err().unwrap().to_string();
        for word in ["text.gguf", "eyes.gguf makes 2 features", "n_deepstack_layers"] {
            assert!(error.contains(word), "{word}: {error}");
        }
    }
    let other = parsed(mmproj(model.file(), "qwen2vl_merger", Style::default(), |_| ()).unwrap());
    let words = parsed(text(model.file()).unwrap());
    let error = join_pair(words, other, ["text.gguf", "eyes.gguf"]).err().unwrap().to_string();
    assert!(error.contains("qwen2vl") && error.contains("qwen3vl"), "{error}");
}
