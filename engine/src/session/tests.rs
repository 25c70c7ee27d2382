//! What no file of today asks of a session: pictures that become different numbers of rows, and models that lack a part.
//! The models are the tiny one of the program with other parts.

#![allow(clippy::unwrap_used)]

use crate::error::Error;
use crate::image::{ImageLimits, Picture, Pixels, Preprocess, Views};
use crate::kernels::{Exec, Layout, Rows};
use crate::model::{Engine, Model};
use crate::models::{Encoder, Family, Sees, Showing};
use crate::plan::SessionOptions;
use crate::prompt::Prompt;
use crate::sampling::GenerateOptions;
use crate::session::{Event, Session};
use crate::weights::Load;
#[cfg(target_os = "linux")]
use crate::weights::resident;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// The tiny model with its parts changed.
fn tiny(change: impl FnOnce(&mut Family)) -> Model {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/models/tiny-blip2.gguf"));
    let Model(inner) = Engine::new(1).unwrap().open(file, Load::Map).unwrap();
    let Ok(mut inner) = Arc::try_unwrap(inner) else { panic!("nobody else has it") };
    change(&mut inner.family);
    Model(Arc::new(inner))
}

fn session(model: &Model) -> Session {
    model.session(&SessionOptions::default()).unwrap()
}

fn picture(width: u32, grey: u8) -> Arc<Picture> {
    let rgb = (0..width * 40 * 3).map(|i| (i % 7) as u8 * 9 + grey).collect();
    Arc::new(Picture::new(width, 40, rgb, &ImageLimits::default()).unwrap())
}

/// Eyes that give the first few rows of others', by the picture's width or as many as they are told.
struct Few {
    all: Arc<dyn Sees>,
    always: Option<usize>,
}

struct Laid(Box<dyn Encoder>, usize);

impl Sees for Few {
    fn preprocess(&self) -> &Preprocess {
        self.all.preprocess()
    }

    fn views(&self, width: u32, height: u32) -> Views {
        let all = self.all.views(width, height);
        let rows = self.always.unwrap_or(1 + width as usize % all.rows);
        Views { rows, positions: rows, ..all }
    }

    fn width(&self) -> usize {
        self.all.width()
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, frames: usize) -> Box<dyn Encoder> {
        Box::new(Laid(Arc::clone(&self.all).layout(layout, frames), self.width()))
    }
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, showing: &Showing) -> Result<(), Error> {
        self.0.tower(exec, pixels, number, showing)
    }

    fn bridge(&self, exec: &mut Exec<'_>, showing: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        self.0.bridge(exec, showing, out)?;
        out.truncate(showing.views.rows * self.1);
        Ok(())
    }

    fn tower_rows(&self, views: Views) -> Rows {
        self.0.tower_rows(views)
    }
}

fn few(always: Option<usize>) -> Model {
    tiny(|family| family.sees = family.sees.take().map(|all| Arc::new(Few { all, always }) as Arc<dyn Sees>))
}

#[test]
fn a_picture_takes_as_many_positions_as_its_size_says() {
    let by_size = few(None);
    let (small, large) = (picture(41, 0), picture(42, 90));
    let rows = |model: &Model, p: &Picture| model.views(p.width(), p.height()).unwrap().rows;
    let (few_rows, more) = (rows(&by_size, &small), rows(&by_size, &large));
    assert!(few_rows != more, "the two pictures differ in rows");
    let prompt = |p: &Arc<Picture>| Prompt::new().image(Arc::clone(p)).text("Question: what colour? Answer:");
    for (picture, rows) in [(&small, few_rows), (&large, more)] {
        let constant = few(Some(rows));
        let wanted = session(&constant).all_logits(&prompt(picture)).unwrap();
        let got = session(&by_size).all_logits(&prompt(picture)).unwrap();
        assert_eq!(got, wanted, "a model whose pictures all become {rows} rows");
    }
    let both = Prompt::new().image(Arc::clone(&small)).image(Arc::clone(&large)).text("what?");
    let items = by_size.compose(&both).unwrap();
    assert_eq!(items.iter().filter_map(|i| i.views()).map(|v| v.rows).collect::<Vec<_>>(), [few_rows, more]);
    assert_eq!(session(&by_size).all_logits(&both).unwrap().len() % by_size.count(&items), 0);
}

#[test]
fn what_is_kept_is_counted_by_each_pictures_own_rows() {
    let model = few(None);
    let (small, large) = (picture(41, 0), picture(42, 90));
    let options = GenerateOptions { max_new_tokens: 2, ..GenerateOptions::default() };
    let mut kept = session(&model);
    kept.keep_prefix(true);
    let turn = |session: &mut Session, prompt: &Prompt| {
        session.generate(prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap()
    };
    let first = Prompt::new().image(Arc::clone(&small)).image(Arc::clone(&large)).text("what is it?");
    turn(&mut kept, &first);
    let positions = |prompt: &Prompt| model.count(&model.compose(prompt).unwrap());
    let again = Prompt::new().image(Arc::clone(&small)).image(large).text("how many?");
    let (got, fresh) = (turn(&mut kept, &again), turn(&mut session(&model), &again));
    assert_eq!(got.ids, fresh.ids);
    let pictures = positions(&Prompt::new().image(small).image(picture(42, 90)).complete());
    assert!(got.timings.reused >= pictures && got.timings.reused < got.timings.prompt, "{:?}", got.timings);
}

/// Where a cancel comes.
#[derive(Clone, Copy, Debug)]
enum Cancelled {
    Never,
    InTower,
    BeforeBridge,
}

/// Eyes that are others', cancelled once the tower has run.
struct Blinking(Arc<dyn Sees>, Cancelled);

struct Blinked(Box<dyn Encoder>, Cancelled);

impl Sees for Blinking {
    fn preprocess(&self) -> &Preprocess {
        self.0.preprocess()
    }

    fn views(&self, width: u32, height: u32) -> Views {
        self.0.views(width, height)
    }

    fn width(&self) -> usize {
        self.0.width()
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, frames: usize) -> Box<dyn Encoder> {
        Box::new(Blinked(Arc::clone(&self.0).layout(layout, frames), self.1))
    }
}

impl Encoder for Blinked {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, showing: &Showing) -> Result<(), Error> {
        self.0.tower(exec, pixels, number, showing)?;
        match self.1 {
            Cancelled::Never => Ok(()),
            Cancelled::BeforeBridge => {
                exec.cancel.cancel();
                Ok(())
            }
            Cancelled::InTower => {
                exec.cancel.cancel();
                self.0.tower(exec, pixels, number, showing)
            }
        }
    }

    fn bridge(&self, exec: &mut Exec<'_>, showing: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        self.0.bridge(exec, showing, out)
    }

    fn tower_rows(&self, views: Views) -> Rows {
        self.0.tower_rows(views)
    }
}

/// Whatever ends the pictures of a prompt, what they passed through leaves memory.
#[cfg(target_os = "linux")]
#[test]
fn what_pictures_pass_through_is_let_go_however_they_end() {
    for cancelled in [Cancelled::Never, Cancelled::BeforeBridge, Cancelled::InTower] {
        let model =
            tiny(|family| family.sees = family.sees.take().map(|sees| Arc::new(Blinking(sees, cancelled)) as Arc<_>));
        let tower: u64 = model.file().tensors().iter().filter(|t| t.name.starts_with("v.")).map(|t| t.bytes).sum();
        let tower = usize::try_from(tower).unwrap() / 1024;
        let file = &model.file().parts()[0];
        let mut session = session(&model);
        let before = resident(file);
        session.embed_image(&picture(41, 0)).ok();
        let held = resident(file);
        assert!(held >= before.max(tower), "encoding alone keeps the tower's {tower} KiB: {held} KiB");
        let ended = session.all_logits(&Prompt::new().image(picture(42, 90)).text("what?"));
        let left = resident(file);
        let most = match cancelled {
            // All of the language model was read, too.
            Cancelled::Never => (**file).as_ref().len() / 1024 - tower,
            _ => held - tower * 3 / 4,
        };
        match cancelled {
            Cancelled::Never => assert!(ended.is_ok()),
            _ => assert!(matches!(ended, Err(Error::Cancelled)), "{cancelled:?}: {ended:?}"),
        }
        assert!(left <= most, "{cancelled:?}: {left} KiB of the file are in memory, at most {most} are needed");
    }
}

#[test]
fn a_model_that_writes_nothing_still_sees() {
    let whole = session(&tiny(|_| {})).embed_image(&picture(41, 0)).unwrap();
    let mute = tiny(|family| family.speaks = None);
    let mut session = session(&mute);
    assert_eq!(session.embed_image(&picture(41, 0)).unwrap(), whole);
    assert_eq!((mute.context(), mute.plan(&SessionOptions::default()).unwrap().cache), (0, 0));
    let prompt = Prompt::new().text("what?");
    let options = GenerateOptions::default();
    assert!(matches!(session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())), Err(Error::NoText)));
    assert!(matches!(session.score(&prompt, &["a"], &mut |_| ControlFlow::Continue(())), Err(Error::NoText)));
    assert!(matches!(session.tokens().feed(&[1]), Err(Error::NoText | Error::BadOption { .. })));
}

#[test]
fn a_model_without_eyes_refuses_pictures() {
    let blind = tiny(|family| family.sees = None);
    let mut session = session(&blind);
    assert!(matches!(session.embed_image(&picture(41, 0)), Err(Error::NoVision { images: 1 })));
    let prompt = Prompt::new().image(picture(41, 0)).image(picture(42, 0)).text("what?");
    assert!(matches!(blind.compose(&prompt), Err(Error::NoVision { images: 2 })));
    assert_eq!(blind.image_positions(), 0);
    assert!(!session.all_logits(&Prompt::new().text("a")).unwrap().is_empty());
}

/// What is told of a call before there is text: "image" and "prefill" where a stage begins, and how far it is.
fn stages(session: &mut Session, prompt: &Prompt, stop: Option<usize>) -> (Vec<(&'static str, usize, usize)>, bool) {
    let (mut told, mut stage) = (Vec::new(), "");
    let options = GenerateOptions { max_new_tokens: 2, ..GenerateOptions::default() };
    let ended = session.generate(prompt, &options, &mut |event| {
        match event {
            Event::Image { .. } => stage = "image",
            Event::Prefill { .. } => stage = "prefill",
            Event::Within { done, total } => told.push((stage, done, total)),
            Event::Piece(_) => {}
        }
        if stop == Some(told.len()) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(ended.is_ok() || matches!(ended, Err(Error::Cancelled)));
    (told, ended.is_ok())
}

#[test]
fn it_is_told_how_far_tower_and_prompt_are() {
    for file in ["cli/models/tiny-blip2.gguf", "tests/zoo/tiny-flamingo.gguf"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let model = Engine::new(1).unwrap().open(&file, Load::Map).unwrap();
        let layers = |key| model.file().u32(key).unwrap().unwrap() as usize;
        let prompt = Prompt::new().image(picture(41, 0)).text("what is it?").image(picture(42, 90)).text("and that?");
        let positions = model.count(&model.compose(&prompt).unwrap());
        let batch = 5;
        let mut session = model.session(&SessionOptions { batch, ..SessionOptions::default() }).unwrap();
        let (told, ended) = stages(&mut session, &prompt, None);
        assert!(ended);
        let of = |stage| told.iter().filter(move |told| told.0 == stage).map(|&(_, done, total)| (done, total));
        let tower = of("image").map(|(_, total)| total).max().unwrap();
        let twice: Vec<_> = (0..2).flat_map(|_| (0..tower).map(|done| (done, tower))).collect();
        assert_eq!(of("image").collect::<Vec<_>>(), twice, "each layer of the tower, for both pictures");
        assert!(tower >= layers("clip.vision.block_count") - 1, "{tower}");
        let reading: Vec<_> = of("prefill").collect();
        assert!(reading.is_sorted() && reading.iter().all(|told| told.1 == positions), "{reading:?}");
        assert_eq!((reading[0].0, reading[reading.len() - 1]), (0, (positions, positions)));
        let architecture = model.file().str("general.architecture").unwrap().unwrap().to_owned();
        let blocks = layers(&format!("{architecture}.block_count"));
        assert_eq!(reading.len(), positions.div_ceil(batch) * blocks + 1, "each layer, for each batch");
        // Whoever is told may stop it, at any place, and the session goes on.
        for stop in [1, tower + 1, told.len() / 2, told.len()] {
            let mut session = model.session(&SessionOptions { batch, ..SessionOptions::default() }).unwrap();
            let (told, ended) = stages(&mut session, &prompt, Some(stop));
            assert!(!ended && told.len() == stop);
            assert!(stages(&mut session, &prompt, None).1);
        }
    }
}
