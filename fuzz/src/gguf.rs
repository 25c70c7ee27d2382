//! A model file: the input is its head, and the tensors' data are made up, as many as the head says, up to a limit.
//! What parses is walked through; what opens as a model answers with two tokens.
//!
//! Tensors' data decide nothing but numbers, so that changing them would be time spent on nothing.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Engine, GenerateOptions, Prompt, SessionOptions};
use ocelli_quant::gguf::{Gguf, GgufError, Value};

/// Most bytes a file is filled up to.
const MOST: u64 = 4 << 20;

/// What data consist of: small numbers, read as f32, f16 or anything else.
const DATA: [u8; 4] = [0x2c, 0x2d, 0xac, 0x31];

/// Memory a session may plan for.
const BUDGET: u64 = 256 << 20;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(1).unwrap());

static PICTURE: LazyLock<Arc<Picture>> = LazyLock::new(|| {
    let rgb = (0..16 * 16 * 3).map(|i| (i * 7 % 251) as u8).collect();
    Arc::new(Picture::new(16, 16, rgb, &ImageLimits::default()).unwrap())
});

/// The target.
pub fn gguf(head: &[u8]) {
    let mut bytes = head.to_vec();
    let Some(file) = parse(&mut bytes) else { return };
    walk(&file);
    run(file);
}

fn parse(bytes: &mut Vec<u8>) -> Option<Gguf> {
    let error = match Gguf::parse(Arc::new(bytes.clone())) {
        Ok(file) => return Some(file),
        Err(error) => error,
    };
    let _ = error.to_string();
    let GgufError::TruncatedData { expected, .. } = error else { return None };
    if expected > MOST {
        return None;
    }
    let missing = usize::try_from(expected).ok()?.checked_sub(bytes.len())?;
    bytes.extend(DATA.iter().cycle().take(missing));
    Gguf::parse(Arc::new(std::mem::take(bytes))).ok()
}

fn walk(file: &Gguf) {
    for (key, value) in file.keys() {
        // A key is there once, so that a look-up finds this one; NaN is not what it is.
        assert!(file.get(key).is_some());
        if let Value::Array(array) = value
            && let Some(strings) = array.strings()
        {
            assert_eq!(strings.iter().count(), strings.len());
        }
    }
    for (index, tensor) in file.tensors().iter().enumerate() {
        assert_eq!(file.index_of(&tensor.name), Some(index));
        assert_eq!(file.data(tensor).len() as u64, tensor.bytes);
    }
}

fn run(file: Gguf) {
    let Ok(model) = ENGINE.open_file(file) else { return };
    let options = SessionOptions { context: 96, batch: 32, budget: BUDGET, ..SessionOptions::default() };
    let Ok(mut session) = model.session(&options) else { return };
    let prompt = Prompt::new();
    let prompt = if model.takes_images() { prompt.image(Arc::clone(&PICTURE)) } else { prompt };
    let options = GenerateOptions { max_new_tokens: 2, ..GenerateOptions::default() };
    let _ = session.generate(&prompt.text("What is it?"), &options, &mut |_| ControlFlow::Continue(()));
}
