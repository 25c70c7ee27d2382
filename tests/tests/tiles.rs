//! The tiny model of `tests/zoo` that is shown tiles beside the whole reads what the whole does not show, and answers as its
//! original does in PyTorch; held to the whole it reads no shapes any more, as its original does not.

#![allow(clippy::unwrap_used)]

use ocelli_engine::image::{self, ImageLimits, Picture};
use ocelli_engine::{Conversation, Engine, GenerateOptions, Model, SessionOptions, limit_image_rows, parse};
use ocelli_tests::naming_game::folder;
use serde::Deserialize;
use std::ops::ControlFlow;
use std::sync::Arc;

static ANYRES: &[u8] = include_bytes!("../zoo/tiny-anyres.gguf");

/// Rows of a square picture in the smallest of the file's sizes: 9 of the whole, and 3 lines of 3 with their ends.
const FEWEST: u32 = 21;

/// Most of the 192 answers that eight-bit weights may give otherwise than PyTorch in float32: of those that are read, and of
/// those that are guessed between what is about as likely.
const OTHERWISE: (usize, usize) = (2, 12);

#[derive(Deserialize)]
struct Shown {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    questions: Vec<Question>,
}

#[derive(Deserialize)]
struct Question {
    kind: String,
    text: String,
    answer: String,
    /// What PyTorch says with tiles, and what without.
    tiles: String,
    without: String,
}

impl Question {
    /// Whether colours and places alone do not answer it.
    fn asks_for_shape(&self) -> bool {
        ["what", "where", "colour of"].contains(&self.kind.as_str())
    }
}

fn load() -> (Vec<Shown>, Picture) {
    let shown = serde_json::from_slice(&std::fs::read(folder().join("tiles.json")).unwrap()).unwrap();
    let sheet = std::fs::read(folder().join("tiles.png")).unwrap();
    (shown, image::decode(&sheet, &ImageLimits::default()).unwrap())
}

fn cut(sheet: &Picture, at: &Shown) -> Arc<Picture> {
    let start = |y: u32| 3 * (y * sheet.width() + at.left) as usize;
    let lines = (at.top..at.top + at.height).flat_map(|y| &sheet.rgb()[start(y)..][..3 * at.width as usize]);
    Arc::new(Picture::new(at.width, at.height, lines.copied().collect(), &ImageLimits::default()).unwrap())
}

fn open(most: Option<u32>) -> Model {
    let file = parse(Arc::new(ANYRES)).unwrap();
    let file = most.map_or(file.clone(), |most| limit_image_rows(file, most).unwrap());
    Engine::new(2).unwrap().open_file(file).unwrap()
}

/// Questions about shapes, those of them that are answered rightly, all questions, and those answered otherwise than `torch`.
fn ask(model: &Model, torch: impl Fn(&Question) -> &str) -> [usize; 4] {
    let (shown, sheet) = load();
    let mut conversation = Conversation::new(model, &SessionOptions::default(), false).unwrap();
    let options = GenerateOptions { max_new_tokens: 8, ..GenerateOptions::default() };
    let mut counts = [0; 4];
    for one in &shown {
        let picture = cut(&sheet, one);
        for question in &one.questions {
            conversation.clear();
            conversation.say("user", vec![Arc::clone(&picture)], &question.text).unwrap();
            let said =
                conversation.generate(&options, &mut |_| ControlFlow::Continue(())).unwrap().text.trim().to_owned();
            let shape = question.asks_for_shape();
            let all = [shape, shape && said == question.answer, true, said != torch(question)];
            all.iter().zip(&mut counts).for_each(|(&one, count)| *count += usize::from(one));
        }
    }
    counts
}

#[test]
fn tiles_show_what_the_whole_does_not() {
    let model = open(None);
    // A picture that fills its tiles, one that leaves room in them, and one that takes half of them.
    let rows = [(96, 96), (96, 72), (72, 96), (96, 48)].map(|(w, h)| model.views(w, h).unwrap().rows);
    assert_eq!(rows, [165, 139, 141, 87]);
    let [shapes, right, all, otherwise] = ask(&model, |question| &question.tiles);
    assert!(shapes > 100 && 100 * right >= 90 * shapes, "{right} of {shapes} right");
    assert!(otherwise <= OTHERWISE.0, "{otherwise} of {all} otherwise than in PyTorch");
}

#[test]
fn without_tiles_shapes_are_guessed() {
    let model = open(Some(FEWEST));
    assert_eq!(model.views(96, 96).unwrap().rows, FEWEST as usize);
    let [shapes, right, all, otherwise] = ask(&model, |question| &question.without);
    assert!(shapes > 100 && 100 * right <= 50 * shapes, "{right} of {shapes} right");
    assert!(otherwise <= OTHERWISE.1, "{otherwise} of {all} otherwise than in PyTorch");
}
