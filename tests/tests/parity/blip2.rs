//! BLIP-2 with OPT and with T5 against transformers: each golden's checkpoint is made from the formula, converted to f32, run, and
//! compared stage by stage: ids, pixels, logits, greedy and beam text, scores.

use crate::{check_generations, check_logits, check_scores, close, quiet, sampling};
use ocelli_convert::Options;
use ocelli_engine::{Engine, GenerateOptions, Item, Load, Model, Prompt, Sampler, Session, SessionOptions, image};
use ocelli_quant::TensorType;
use ocelli_tests::formula::fnv1a;
use ocelli_tests::golden::{BLIP2_OPT, BLIP2_T5, Case, Golden, folder};
use std::path::Path;

struct Subject {
    golden: Golden,
    model: Model,
    dir: tempfile::TempDir,
}

impl Subject {
    fn new(name: &str, threads: usize) -> Self {
        Self::of(Golden::load(name).unwrap(), threads)
    }

    fn of(golden: Golden, threads: usize) -> Self {
        let name = &golden.name;
        let dir = tempfile::tempdir().unwrap();
        golden.write(&dir.path().join("hf")).unwrap();
        let file = dir.path().join("model.gguf");
        ocelli_convert::convert(&dir.path().join("hf"), &file, &Options::new(TensorType::F32), &())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let model = Engine::new(threads).unwrap().open(&file, Load::Map).unwrap_or_else(|e| panic!("{name}: {e}"));
        Self { golden, model, dir }
    }

    fn session(&self) -> Session {
        // A batch of 3 cuts every prompt into several, also inside the picture's rows.
        let options = SessionOptions { beams: 5, batch: 3, ..SessionOptions::default() };
        self.model.session(&options).unwrap()
    }

    fn prompt(&self, index: usize) -> Prompt {
        let file = self.dir.path().join("hf").join(format!("case{index}.png"));
        let picture = image::decode(&std::fs::read(file).unwrap(), &self.model.image_limits()).unwrap();
        Prompt::new().image(picture).text(self.golden.cases[index].prompt.as_str())
    }
}

fn all(test: impl Fn(&Subject, usize, &Case, &str)) {
    let opt = BLIP2_OPT.iter().map(|name| format!("blip2_opt_{name}"));
    let t5 = BLIP2_T5.iter().map(|name| format!("blip2_t5_{name}"));
    for name in opt.chain(t5) {
        let subject = Subject::of(Golden::read(&folder().join(format!("{name}.json"))).unwrap(), 2);
        for (i, case) in subject.golden.cases.iter().enumerate() {
            test(&subject, i, case, &format!("{name} case {i}"));
        }
    }
}

/// Of every position, or where an encoder reads the prompt of those behind it.
fn logits(session: &mut Session, prompt: &Prompt, case: &Case) -> Vec<f32> {
    let all = match &case.targets {
        None => session.all_logits(prompt),
        Some(targets) => session.logits_behind(prompt, targets),
    };
    all.unwrap()
}

/// Goldens that are not kept, made by `t5.py --random FIRST COUNT DIR`.
#[test]
#[ignore = "OCELLI_GOLDENS names a folder of goldens that are not kept"]
fn configurations_in_a_folder_agree() {
    let folder = std::env::var_os("OCELLI_GOLDENS").expect("OCELLI_GOLDENS names the folder");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_str().unwrap().starts_with("blip2_") {
            continue;
        }
        let subject = Subject::of(Golden::read(&path).unwrap(), 2);
        for (i, case) in subject.golden.cases.iter().enumerate() {
            let what = format!("{} case {i}", subject.golden.name);
            let (mut session, prompt) = (subject.session(), subject.prompt(i));
            check_logits(&logits(&mut session, &prompt, case), &case.logits, &what);
            check_generations(&mut session, &prompt, &case.generate, &what);
            check_scores(&mut session, &prompt, &case.score, &what);
        }
        count += 1;
    }
    eprintln!("{count} configurations agree");
}

#[test]
fn ids_and_pixels_are_equal() {
    all(|subject, i, case, what| {
        let items = subject.model.compose(&subject.prompt(i)).unwrap();
        let image_id = subject.model.defaults().image_id.expect("the goldens name their placeholder");
        let rows = subject.golden.config["num_query_tokens"].as_u64().unwrap() as usize;
        let ids: Vec<u32> = items
            .iter()
            .flat_map(|item| match item {
                Item::Tokens(ids) => ids.clone(),
                Item::Image(..) | Item::Video(..) => vec![image_id; rows],
            })
            .collect();
        assert_eq!(ids, case.ids, "{what}: ids");

        let Item::Image(picture, ..) = &items[0] else { panic!("{what}: the picture comes first") };
        assert_eq!(format!("{:016x}", fnv1a(picture.rgb())), case.picture.hash, "{what}: the picture itself");
        let pixels = subject.model.preprocess().unwrap().apply(picture).unwrap();
        let hash = format!("{:016x}", fnv1a(bytemuck::cast_slice(&pixels.data)));
        assert_eq!(Some(&hash), case.pixels.hash.as_ref(), "{what}: pixels");
    });
}

#[test]
fn picture_rows_and_logits_agree() {
    all(|subject, i, case, what| {
        let mut session = subject.session();
        let prompt = subject.prompt(i);
        let items = subject.model.compose(&prompt).unwrap();
        let Item::Image(picture, ..) = &items[0] else { panic!("{what}: the picture comes first") };
        let rows = session.embed_image(picture).unwrap();
        if subject.golden.name != "project" {
            let got: Vec<f32> = case.projection.index.iter().map(|&i| rows[i]).collect();
            close(&got, &case.projection.values, &format!("{what}: projection"));
        }
        check_logits(&logits(&mut session, &prompt, case), &case.logits, what);
    });
}

#[test]
fn text_alone_agrees() {
    for name in BLIP2_OPT {
        let subject = Subject::new(name, 1);
        let mut session = subject.session();
        let want = subject.golden.text_only.as_ref().unwrap();
        let prompt = Prompt::new().text(want.prompt.as_str());
        let items = subject.model.compose(&prompt).unwrap();
        assert_eq!(ocelli_engine::prompt_ids(&items), want.ids, "{name}");
        check_logits(&session.all_logits(&prompt).unwrap(), &want.logits, name);
        check_scores(&mut session, &prompt, &want.score, name);
    }
}

#[test]
fn greedy_and_beam_texts_are_equal() {
    all(|subject, i, case, what| {
        let mut session = subject.session();
        check_generations(&mut session, &subject.prompt(i), &case.generate, what);
    });
}

#[test]
fn scores_agree() {
    all(|subject, i, case, what| check_scores(&mut subject.session(), &subject.prompt(i), &case.score, what));
}

#[test]
fn sampling_filters_leave_what_the_original_leaves() {
    let golden = Golden::load("default").unwrap();
    let logits = &golden.cases[1].logits.last().unwrap().values;
    assert!(!golden.survivors.is_empty());
    for want in &golden.survivors {
        let mut got = Sampler::new(sampling(&want.settings, 1.0)).distribution(logits);
        assert_eq!(got.len(), want.count, "{:?}", want.settings);
        got.sort_by_key(|(id, _)| *id);
        for ((id, p), (want_id, want_p)) in got.iter().zip(want.ids.iter().zip(&want.probabilities)) {
            assert_eq!(id, want_id, "{:?}", want.settings);
            assert!((p - f64::from(*want_p)).abs() < 1e-5, "{:?}: {id} {p} {want_p}", want.settings);
        }
    }
}

#[test]
fn threads_and_batches_do_not_change_a_bit() {
    for name in ["default", "wide"] {
        let subjects = [1, 2, 3].map(|threads| Subject::new(name, threads));
        let logits = subjects.each_ref().map(|s| {
            let all = s.session().all_logits(&s.prompt(1)).unwrap();
            let text = s.session().generate(&s.prompt(1), &GenerateOptions::default(), &mut quiet).unwrap();
            (all.iter().map(|l| l.to_bits()).collect::<Vec<_>>(), text.ids)
        });
        assert_eq!(logits[0], logits[1], "{name}: one thread and two");
        assert_eq!(logits[0], logits[2], "{name}: one thread and three");
    }
}

#[test]
fn a_checkpoint_converts_to_the_same_bytes_whole_or_in_shards() {
    use ocelli_tests::checkpoint;
    let golden = Golden::load("deep").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let convert = |from: &Path, to: &str, ty: TensorType| {
        let out = dir.path().join(to);
        let _ = std::fs::remove_file(&out);
        ocelli_convert::convert(from, &out, &Options::new(ty), &()).unwrap();
        std::fs::read(out).unwrap()
    };
    let (whole, shards) = (dir.path().join("whole"), dir.path().join("shards"));
    checkpoint::write(&whole, &golden.spec().unwrap(), golden.dtype, None, &|_, _| ()).unwrap();
    checkpoint::write(&shards, &golden.spec().unwrap(), golden.dtype, Some(200_000), &|_, _| ()).unwrap();
    assert!(
        std::fs::read_dir(&shards)
            .unwrap()
            .filter(|f| { f.as_ref().unwrap().path().extension().is_some_and(|e| e == "safetensors") })
            .count()
            > 2,
        "the shards are several"
    );
    for ty in [TensorType::F32, TensorType::Q8_0, TensorType::Q4K] {
        let first = convert(&whole, "a.gguf", ty);
        assert_eq!(first, convert(&whole, "b.gguf", ty), "{ty}");
        assert_eq!(first, convert(&shards, "c.gguf", ty), "{ty} in shards");
    }
}
