//! The caller's options as the engine's: zeroes become what the model's file suggests, as they do in the `ocelli` program.

use crate::stage::Stage;
use crate::status::{Failure, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_UNSUPPORTED};
use crate::structs::{
    OCELLI_CACHE_DEFAULT, OCELLI_CACHE_F16, OCELLI_CACHE_F32, OCELLI_CACHE_Q8_0, OCELLI_NONE, ocelli_generate_options,
    ocelli_image_options, ocelli_session_options,
};
use ocelli_engine::image::DecodeOptions;
use ocelli_engine::{CacheType, GenerateOptions, Grammar, Model, SessionOptions, Wanted};

/// Refuses bits that have no meaning yet.
pub(crate) fn known(name: &str, bits: u32, known: u32) -> Result<(), Failure> {
    if bits & !known == 0 {
        return Ok(());
    }
    Err(Failure::new(OCELLI_ERR_UNSUPPORTED, format!("{name} is {bits:#x}: this version knows {known:#x}")))
}

/// A count for C.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A count from C. Sums of a few such never overflow, and no count is that large.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).min(1 << 30)
}

fn bad(text: String) -> Failure {
    Failure::new(OCELLI_ERR_BAD_PARAMETER, text)
}

/// Of a picture's file.
pub(crate) fn image(o: ocelli_image_options) -> Result<DecodeOptions, Failure> {
    let switch = |name: &str, value: u32| match value {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(bad(format!("{name} is {other}: 0 or 1"))),
    };
    let (upright, blend) = (switch("upright", o.upright)?, switch("blend", o.blend)?);
    let [zero, red, green, blue] = o.background.to_be_bytes();
    if zero != 0 || !blend && o.background != 0 {
        return Err(bad(format!("background is {:#x}: at most 0xffffff, and 0 where blend is 0", o.background)));
    }
    Ok(DecodeOptions { upright, background: blend.then_some([red, green, blue]) })
}

/// Of a session.
#[derive(Debug)]
pub(crate) struct Session {
    pub session: SessionOptions,
    pub complete: bool,
    pub stage: Stage,
}

pub(crate) fn session(model: &Model, o: ocelli_session_options) -> Result<Session, Failure> {
    let cache = match o.cache {
        OCELLI_CACHE_DEFAULT => None,
        OCELLI_CACHE_F32 => Some(CacheType::F32),
        OCELLI_CACHE_F16 => Some(CacheType::F16),
        OCELLI_CACHE_Q8_0 => Some(CacheType::Q8_0),
        other => return Err(bad(format!("cache is {other}: none of OCELLI_CACHE_*"))),
    };
    let session = SessionOptions {
        context: size(o.context),
        beams: if o.beams == 0 { model.defaults().generate.beams } else { size(o.beams) },
        new_tokens: if o.new_tokens == 0 { model.defaults().max_new_tokens } else { size(o.new_tokens) },
        batch: size(o.batch),
        cache,
        // The plan adds this to what else is needed.
        image_cache: (o.image_cache > 0)
            .then(|| usize::try_from(o.image_cache).unwrap_or(usize::MAX).min(usize::MAX / 2)),
        images: size(o.images),
        budget: o.budget,
        frames: if o.frames == 0 { model.video_frames().unwrap_or(1) } else { size(o.frames) },
        parallel: size(o.parallel),
    };
    let stage = Stage { call: o.stage, user: o.stage_user };
    Ok(Session { session, complete: o.complete != 0, stage })
}

/// What the options of a text point to.
pub(crate) struct Given<'a> {
    pub grammar: Option<Grammar<'a>>,
    pub stop: Vec<String>,
    pub bias: Vec<(u32, f32)>,
    pub forced: Vec<u32>,
}

/// Of a text behind a prompt of `positions`.
pub(crate) fn generate(
    model: &Model,
    positions: usize,
    o: &ocelli_generate_options,
    Given { grammar, stop, bias, forced }: Given<'_>,
) -> Result<GenerateOptions, Failure> {
    // Zero is what the file suggests, OCELLI_NONE is none.
    let count = |value: u32| match value {
        0 => None,
        OCELLI_NONE => Some(0),
        n => Some(size(n)),
    };
    let real = |value: f32| (value != 0.0).then_some(value);
    let early_stopping = match o.early_stopping {
        0 => None,
        1 => Some(true),
        OCELLI_NONE => Some(false),
        other => return Err(bad(format!("early_stopping is {other}: 0, 1 or OCELLI_NONE"))),
    };
    let keep_special = match o.keep_special {
        0 => false,
        1 => true,
        other => return Err(bad(format!("keep_special is {other}: 0 or 1"))),
    };
    let logprobs = match o.logprobs {
        0 => false,
        1 => true,
        other => return Err(bad(format!("logprobs is {other}: 0 or 1"))),
    };
    let speculate = match o.speculate {
        0 => false,
        1 => true,
        other => return Err(bad(format!("speculate is {other}: 0 or 1"))),
    };
    let wanted = Wanted {
        max_new_tokens: size(o.max_new_tokens),
        temperature: o.temperature,
        top_k: size(o.top_k),
        top_p: real(o.top_p).unwrap_or(1.0),
        min_p: o.min_p,
        repetition_penalty: real(o.repetition_penalty),
        repetition_window: 0,
        no_repeat_ngram: count(o.no_repeat_ngram),
        min_new_tokens: count(o.min_new_tokens),
        seed: o.seed,
        beams: (o.beams > 0).then(|| size(o.beams)),
        length_penalty: real(o.length_penalty),
        early_stopping,
        keep_special,
        stop,
        logprobs,
        speculate,
        bias,
        forced,
        constraint: grammar.map(|grammar| model.constraint(grammar)).transpose()?,
    };
    Ok(model.defaults().resolve(&wanted, positions)?)
}
