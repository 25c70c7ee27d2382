//! Texts behind a prompt, scores of such, and what pictures become.

use super::image::picture;
use super::session::on;
use super::{ocelli_generate_options, ocelli_image, ocelli_session};
use crate::cells::Held;
use crate::options;
use crate::sized;
use crate::status::{
    Failure, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_NOT_FOUND, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_ORDER,
};
use crate::strings;
use ocelli_engine::{Event, Finish, GenerateOptions, Generation, Grammar, Piece};
use std::ffi::{c_char, c_void};
use std::ops::ControlFlow;

/// Receives text as it is generated: size bytes of whole characters, then a NUL that does not count; they are gone when it
/// returns. Returns 0 to go on; anything else ends the text there, which is then kept, with OCELLI_FINISH_STOPPED:
/// ocelli_session_cancel() is what drops it. It must not call functions on the session but that one, and must not leave by
/// longjmp or an exception.
pub type ocelli_piece_fn = Option<unsafe extern "C" fn(piece: *const c_char, size: usize, user: *mut c_void) -> i32>;

/// How a text ended: it has not.
pub const OCELLI_FINISH_NONE: i32 = 0;

/// How a text ended: the model ended it.
pub const OCELLI_FINISH_END: i32 = 1;

/// How a text ended: it has as many tokens as were asked for.
pub const OCELLI_FINISH_LENGTH: i32 = 2;

/// How a text ended: the caller said so.
pub const OCELLI_FINISH_STOPPED: i32 = 3;

/// How a text ended: one of ocelli_generate_options.stop appeared.
pub const OCELLI_FINISH_STOP_STRING: i32 = 4;

/// How a text ended: fewer tokens were generated than asked for, but the context is full, or a search has as many as the
/// session was laid out for.
pub const OCELLI_FINISH_CONTEXT: i32 = 5;

fn finish_of(finish: Option<Finish>) -> i32 {
    match finish {
        None => OCELLI_FINISH_NONE,
        Some(Finish::Eos) => OCELLI_FINISH_END,
        Some(Finish::Length) => OCELLI_FINISH_LENGTH,
        Some(Finish::Stopped) => OCELLI_FINISH_STOPPED,
        Some(Finish::StopString) => OCELLI_FINISH_STOP_STRING,
        Some(Finish::Context) => OCELLI_FINISH_CONTEXT,
    }
}

/// Generates a text behind the prompt and makes it part of the prompt; ocelli_session_answer() gives it. piece may be
/// NULL; a beam search calls it once, at its end. finish, unless NULL, receives OCELLI_FINISH_*. After a failure the
/// prompt is as it was.
///
/// Here and in all functions that give a generated text it is the whole text of its tokens. With vocabularies of GPT-2's
/// kind one that begins with a word begins with the blank before it, " blue"; put behind the prompt, the two fit together.
/// The program ocelli leaves out that one blank, and no other white space.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_UNSUPPORTED, OCELLI_ERR_CONTEXT,
/// OCELLI_ERR_PROMPT, OCELLI_ERR_IMAGE, OCELLI_ERR_MODEL (the weights are damaged), OCELLI_ERR_CONSTRAINT (the schema or the
/// grammar cannot be read, or the options together leave no token), OCELLI_ERR_INVALID_UTF8 (neither is UTF-8) or
/// OCELLI_ERR_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_generate(
    session: *mut ocelli_session,
    options: *const ocelli_generate_options,
    piece: ocelli_piece_fn,
    user: *mut c_void,
    finish: *mut i32,
) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on pointers.
        unsafe { strings::tell(finish, OCELLI_FINISH_NONE) };
        // SAFETY: the header's rules on structs.
        let options = unsafe { options_of(held, options, false) }?;
        held.begin();
        let mut text = Vec::new();
        let mut telling = held.stage.telling();
        let answer = held.conversation.generate(&options, &mut |event| {
            let (Some(piece), Event::Piece(new)) = (piece, event) else { return telling.hear(event) };
            text.clear();
            text.extend_from_slice(new.as_bytes());
            text.push(0);
            // SAFETY: the header asks for a function that may be called so during this call.
            match unsafe { piece(text.as_ptr().cast(), new.len(), user) } {
                0 => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        })?;
        // SAFETY: the header's rules on pointers.
        unsafe { strings::tell(finish, finish_of(Some(answer.finish))) };
        held.log.info(|| told(answer));
        Ok(())
    })
}

fn told(answer: &Generation) -> String {
    let t = &answer.timings;
    format!(
        "generated {} tokens in {} ms behind {} positions, {} of them known, {} ms; {} pictures encoded, {} ms",
        t.generated,
        t.generate.as_millis(),
        t.prompt,
        t.reused,
        t.prefill.as_millis(),
        t.encoded,
        (t.prepare + t.encode).as_millis(),
    )
}

/// Runs the prompt, so that ocelli_session_next() can write a text behind it token by token. The same options give the
/// same text as in ocelli_session_generate(); beams cannot be taken one by one.
///
/// Returns as ocelli_session_generate() does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_start(
    session: *mut ocelli_session,
    options: *const ocelli_generate_options,
) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on structs.
        let options = unsafe { options_of(held, options, true) }?;
        held.begin();
        let mut telling = held.stage.telling();
        Ok(held.conversation.start(&options, &mut |event| telling.hear(event))?)
    })
}

/// Takes one step of the text that ocelli_session_start() began. token, unless NULL, receives the token; buffer the text
/// that it completes, perhaps none, by the rules of ocelli_last_error(); finish, unless NULL, OCELLI_FINISH_*, which is not
/// OCELLI_FINISH_NONE once the token is the last. A text that did not fit is given again by the next call instead of a
/// new one, as is one that a capacity of 0 asked for the size of. With any other call on the session but
/// ocelli_session_logprobs() the text is ended where it is and becomes part of the prompt; behind its last token it has. After OCELLI_ERR_CANCELLED it is dropped.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_ORDER
/// (no text is being written), OCELLI_ERR_MODEL (the weights are damaged), OCELLI_ERR_CONSTRAINT (the options together leave
/// no token) or OCELLI_ERR_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_next(
    session: *mut ocelli_session,
    token: *mut u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    finish: *mut i32,
) -> i32 {
    on(session, |held| {
        let step = match held.step.take() {
            Some(step) => step,
            None => held.conversation.step()?.ok_or_else(|| {
                Failure::new(OCELLI_ERR_ORDER, "no text is being written: ocelli_session_start() comes first")
            })?,
        };
        // SAFETY: the header's rules on pointers and buffers.
        let copied = unsafe {
            strings::tell(token, step.id);
            strings::tell(finish, finish_of(step.finish));
            strings::text(&step.text, buffer, capacity, needed)
        };
        if copied.is_err() || (capacity == 0 && !step.text.is_empty() && !needed.is_null()) {
            held.step = Some(step);
        }
        copied
    })
}

/// The text that was generated last, since the session was opened or cleared, special tokens left out or kept as its options
/// said, and its tokens, the one that ended it included. The rules on buffer, capacity and needed are those of ocelli_last_error(); token_count,
/// unless NULL, receives how many tokens there are, and as many as token_capacity allows are written to tokens, which may
/// be NULL if that is 0. A text that is being written is not there yet.
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
/// OCELLI_ERR_NOT_FOUND (none was generated).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_answer(
    session: *mut ocelli_session,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    tokens: *mut u32,
    token_capacity: usize,
    token_count: *mut usize,
) -> i32 {
    on(session, |held| {
        let answer = held.conversation.answer();
        let answer = answer.ok_or_else(|| Failure::new(OCELLI_ERR_NOT_FOUND, "no text was generated"))?;
        // SAFETY: the header's rules on buffers.
        let both = unsafe {
            [
                strings::text(&answer.text, buffer, capacity, needed),
                strings::items("tokens", &answer.ids, tokens, token_capacity, token_count),
            ]
        };
        both.into_iter().collect()
    })
}

/// How likely each of count texts is behind the prompt, which stays as it is: sums[i] receives the natural logarithm of
/// the probability of continuations[i], and lengths[i], unless lengths is NULL, its tokens. The prompt is run once.
///
/// Returns as ocelli_session_generate() does, or OCELLI_ERR_INVALID_UTF8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_score(
    session: *mut ocelli_session,
    continuations: *const *const c_char,
    count: usize,
    sums: *mut f64,
    lengths: *mut u32,
) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on arrays and strings.
        let texts = unsafe {
            let texts = strings::slice("continuations", continuations, count)?;
            texts.iter().map(|&text| strings::given("a continuation", text)).collect::<Result<Vec<_>, _>>()?
        };
        if sums.is_null() && count > 0 {
            return Err(Failure::new(OCELLI_ERR_NULL_PARAMETER, "sums is NULL"));
        }
        held.begin();
        let mut telling = held.stage.telling();
        let scores = held.conversation.score(&texts, &mut |event| telling.hear(event))?;
        let all: Vec<f64> = scores.iter().map(ocelli_engine::Score::sum).collect();
        let tokens: Vec<u32> = scores.iter().map(|score| options::number(score.ids.len())).collect();
        let ids = scores.iter().flat_map(|score| score.ids.iter().copied()).collect();
        held.scored = Some((ids, scores.iter().flat_map(|score| score.logprobs.iter().copied()).collect()));
        // SAFETY: the header asks for room for `count` each, and lengths may be NULL.
        unsafe {
            strings::items("sums", &all, sums, count, std::ptr::null_mut())?;
            if lengths.is_null() {
                return Ok(());
            }
            strings::items("lengths", &tokens, lengths, count, std::ptr::null_mut())
        }
    })
}

/// How likely each token was: the natural logarithm of its probability after all before it, of the text that is being
/// written, its tokens so far, or else of what was generated or scored last; of several scored texts all tokens, one text
/// behind the other, as many of each as lengths of ocelli_session_score() said. They are the model's own, before temperature,
/// penalties and constraints; of a scored text they add up to its sum. A generated text must have been asked for with
/// ocelli_generate_options.logprobs. needed, unless NULL, receives how many there are; as many as capacity allows are written
/// to values, and the tokens to tokens unless that is NULL. values may be NULL if capacity is 0. A text that is being written
/// goes on.
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
/// OCELLI_ERR_NOT_FOUND (nothing was generated or scored, or not with logprobs).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_logprobs(
    session: *mut ocelli_session,
    tokens: *mut u32,
    values: *mut f32,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    on(session, |held| {
        let scored = held.scored.as_ref().map(|(ids, values)| (ids.as_slice(), values.as_slice()));
        let found = scored.or_else(|| held.conversation.logprobs());
        let found = found.filter(|(ids, values)| ids.len() == values.len());
        let (ids, all) = found.ok_or_else(|| {
            Failure::new(OCELLI_ERR_NOT_FOUND, "nothing was scored, and no text was generated with logprobs")
        })?;
        // SAFETY: the header's rules on buffers.
        unsafe {
            let told = strings::items("values", all, values, capacity, needed);
            if tokens.is_null() {
                return told;
            }
            told.and(strings::items("tokens", ids, tokens, capacity, needed))
        }
    })
}

/// Of ocelli_session_embed(): what the tower makes of a picture, to compare pictures with: one row of length one, so that
/// the dot product of two is their likeness.
pub const OCELLI_EMBED_FEATURES: u32 = 0;

/// Of ocelli_session_embed(): what a picture becomes for the language model, where it takes the place of text,
/// rows of embedding_width numbers (ocelli_model_get_info() has that), as many as *needed holds; where it is attended to, rows as
/// wide as that wants.
pub const OCELLI_EMBED_ROWS: u32 = 1;

/// Of ocelli_session_embed(): what a picture is compared with texts by, a row of length one for each of the model's queries;
/// the greatest product with the row of a text is their cosine. Where ocelli_model_info.can has OCELLI_CAN_MATCH.
pub const OCELLI_EMBED_COMPARED: u32 = 2;

/// Of ocelli_session_embed(): the same before rows are brought to length one.
pub const OCELLI_EMBED_COMPARED_RAW: u32 = 3;

/// Of ocelli_session_embed(): what the text of the session's prompt, which has no pictures, is compared by: one row of length
/// one. image must be NULL.
pub const OCELLI_EMBED_TEXT: u32 = 4;

/// Of ocelli_session_embed(): the same before the row is brought to length one.
pub const OCELLI_EMBED_TEXT_RAW: u32 = 5;

/// A picture, or the prompt's text, as numbers; kind is one of OCELLI_EMBED_*. needed, unless NULL, receives how many numbers
/// there are; as many as capacity allows are written to values, which may be NULL if that is 0. The prompt does not change.
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER,
/// OCELLI_ERR_PROMPT (the model takes no pictures), OCELLI_ERR_IMAGE, OCELLI_ERR_CANCELLED, OCELLI_ERR_UNSUPPORTED (the model
/// does not compare pictures with texts) or OCELLI_ERR_CONTEXT (the text is too long).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_embed(
    session: *mut ocelli_session,
    image: *const ocelli_image,
    kind: u32,
    values: *mut f32,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    on(session, |held| {
        let numbers = match kind {
            OCELLI_EMBED_TEXT | OCELLI_EMBED_TEXT_RAW => {
                if !image.is_null() {
                    return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, "image is not NULL: the text is the prompt's"));
                }
                let text = prompt_text(held)?;
                held.begin();
                held.conversation.compared_texts(&[&text], kind == OCELLI_EMBED_TEXT_RAW)?.values
            }
            _ => {
                let picture = picture(image)?;
                held.begin();
                match kind {
                    OCELLI_EMBED_FEATURES => held.conversation.image_features(&picture)?,
                    OCELLI_EMBED_ROWS => held.conversation.embed_image(&picture)?,
                    OCELLI_EMBED_COMPARED => held.conversation.compared_image(&picture, false)?.values,
                    OCELLI_EMBED_COMPARED_RAW => held.conversation.compared_image(&picture, true)?.values,
                    other => {
                        let text = format!("kind is {other}: none of OCELLI_EMBED_*");
                        return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, text));
                    }
                }
            }
        };
        // SAFETY: the header's rules on buffers.
        unsafe { strings::items("values", &numbers, values, capacity, needed) }
    })
}

/// The text of the prompt, which has nothing else.
fn prompt_text(held: &Held) -> Result<String, Failure> {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => Ok(text.clone()),
        Piece::Image(_) | Piece::Video(_) => {
            Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, "the prompt has a picture: a text is compared by itself"))
        }
    };
    held.conversation.prompt().pieces().iter().map(piece).collect()
}

/// How well a picture and a text of size bytes go together: the probability that they belong together, from 0 to 1, found by
/// looking at both at once. Models that can have OCELLI_CAN_MATCH in ocelli_model_info.can. The picture is read once for all
/// texts that it is matched with one after the other; the prompt is not concerned. The cosine of the two, which is quicker
/// for many, is made of what ocelli_session_embed() gives of each. With another model, comparing the scores of texts behind
/// a picture, ocelli_session_score(), is the nearest thing.
///
/// Returns OCELLI_OK, OCELLI_ERR_UNSUPPORTED (the model does not compare pictures with texts), OCELLI_ERR_NULL_PARAMETER,
/// OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_IMAGE, OCELLI_ERR_CONTEXT (the text is too long),
/// OCELLI_ERR_CANCELLED or OCELLI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_match(
    session: *mut ocelli_session,
    image: *const ocelli_image,
    text: *const c_char,
    size: usize,
    score: *mut f32,
) -> i32 {
    on(session, |held| {
        let picture = picture(image)?;
        // SAFETY: the header's rules on strings.
        let text = unsafe { strings::sized("text", text, size) }?;
        if score.is_null() {
            return Err(Failure::new(OCELLI_ERR_NULL_PARAMETER, "score is NULL"));
        }
        held.begin();
        let found = held.conversation.match_texts(&[picture], &[text], &mut |_| ControlFlow::Continue(()))?;
        if let Some(found) = found.first() {
            // SAFETY: the header's rules on results.
            unsafe { score.write_unaligned(found.itm) };
        }
        Ok(())
    })
}

/// The caller's options for a text behind the present prompt. `one_by_one` texts are not searched for, whatever the file
/// suggests; that the caller asks for a search is refused later.
///
/// # Safety
/// The header's rules on structs.
unsafe fn options_of(
    held: &mut Held,
    options: *const ocelli_generate_options,
    one_by_one: bool,
) -> Result<GenerateOptions, Failure> {
    // SAFETY: this function's contract.
    let mut options = unsafe { sized::read("options", options) }?;
    if one_by_one && options.beams == 0 {
        options.beams = 1;
    }
    // What is wrong with the prompt is told where it is run.
    let positions = held.conversation.used().map_or(0, |used| used.positions);
    let given = |name, text: *const c_char| {
        // SAFETY: this function's contract, which the header's rules on strings are part of.
        (!text.is_null()).then(|| unsafe { strings::given(name, text) }).transpose()
    };
    let grammar = match (given("json_schema", options.json_schema)?, given("grammar", options.grammar)?) {
        (Some(_), Some(_)) => {
            return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, "json_schema and grammar are both given: one of them"));
        }
        (schema, grammar) => schema.map(Grammar::JsonSchema).or(grammar.map(Grammar::Lark)),
    };
    let counted = |name: &str, count: u32, most: usize| match usize::try_from(count) {
        Ok(count) if count <= most => Ok(count),
        _ => Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, format!("{name} is {count}: at most {most}"))),
    };
    let stops = counted("stop_count", options.stop_count, MOST_STOPS)?;
    let biases = counted("bias_count", options.bias_count, MOST_TOKENS)?;
    let forced = counted("forced_count", options.forced_count, MOST_TOKENS)?;
    // SAFETY: this function's contract.
    let stop = unsafe { strings::slice("stop", options.stop, stops) }?;
    // SAFETY: as above.
    let bias = unsafe {
        let tokens = strings::slice("bias_tokens", options.bias_tokens, biases)?;
        let values = strings::slice("bias_values", options.bias_values, biases)?;
        tokens.iter().copied().zip(values.iter().copied()).collect()
    };
    // SAFETY: as above.
    let forced = unsafe { strings::slice("forced", options.forced, forced) }?.to_vec();
    // SAFETY: as above.
    let stop = stop.iter().map(|&text| unsafe { strings::given("a stop string", text) }.map(str::to_owned));
    let stop = stop.collect::<Result<Vec<_>, _>>()?;
    let given = options::Given { grammar, stop, bias, forced };
    options::generate(held.conversation.model(), positions, &options, given)
}

/// Of the engine, asked before as many pointers are read.
const MOST_STOPS: usize = 64;
/// More than any vocabulary has.
const MOST_TOKENS: usize = 1 << 20;
