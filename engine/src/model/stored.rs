//! What a file suggests about generation, and the tasks that it has other suggestions for.
//!
//! The non-obvious thing: a task's settings are the file's where the task says nothing, key by key, so that both are read by
//! the same code from two prefixes.

use crate::blocks::decoder::SEQUENCES;
use crate::error::Error;
use crate::sampling::{Defaults, Draws, GenerateOptions, Sampling, Task, end_ids, stop_strings, suppressed_ids};
use crate::tokenizer::Tokenizer;
use crate::weights::header::{self, Header};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// Most tasks of a file, and bytes of a task's name.
const MOST: usize = 64;
const LONGEST: usize = 64;
/// What a task may say.
const SETTINGS: [&str; 11] = [
    "prompt",
    "begin",
    "num_beams",
    "max_new_tokens",
    "min_new_tokens",
    "min_length",
    "no_repeat_ngram_size",
    "length_penalty",
    "repetition_penalty",
    "early_stopping",
    "stop_strings",
];
/// Names of the tasks.
const NAMES: &str = "ocelli.tasks";

/// What the file says about generation; `vocabulary` are the rows of the embedding table.
///
/// # Errors
/// [`Error::BadParameter`], [`Error::BadOption`] and [`Error::Gguf`].
pub(super) fn defaults(file: &Arc<Gguf>, vocabulary: usize, tokenizer: &Tokenizer) -> Result<Defaults, Error> {
    const EOS: &str = "ocelli.generation.eos_ids";
    const SUPPRESSED: &str = "ocelli.generation.suppressed_ids";
    let eos_ids = match file.u32s(EOS)? {
        Some(ids) => ids,
        None => tokenizer.end_ids().to_vec(),
    };
    let eos_ids = end_ids(EOS, eos_ids, vocabulary)?;
    let header = Header::new(file, "ocelli.generation.");
    let (generate, max_new_tokens) = generate(file, &header, &GenerateOptions::default(), 64)?;
    let min_length = header.count_or("min_length", 0..=*header::CONTEXT.end(), 0)?;
    let suppressed_ids = suppressed_ids(SUPPRESSED, file.u32s(SUPPRESSED)?.unwrap_or_default(), vocabulary)?;
    let rising = file.u32("ocelli.image_first_row_id")?;
    Ok(Defaults {
        generate,
        draws: Draws::read(file)?,
        min_length,
        start: None,
        image_id: rising.map_or_else(|| file.u32("ocelli.image_token"), |first| Ok(Some(first)))?,
        image_ids_rise: rising.is_some(),
        penalises_text_alone: !header.switch("penalises_prompt", true)?,
        suppressed_ids,
        eos_ids,
        max_new_tokens,
    })
}

/// The settings under a prefix, with those of `base` where there is no key, and the number of new tokens.
fn generate(
    file: &Gguf,
    header: &Header,
    base: &GenerateOptions,
    new_tokens: usize,
) -> Result<(GenerateOptions, usize), Error> {
    let positions = *header::CONTEXT.end();
    let real = |name: &str, otherwise: f32| -> Result<f32, Error> {
        let value = file.f32(&header.key(name))?.unwrap_or(otherwise);
        if value.is_finite() { Ok(value) } else { Err(header.bad(name, value, "must be finite")) }
    };
    let sampling = &base.sampling;
    let options = GenerateOptions {
        max_new_tokens: 0,
        beams: header.count_or("num_beams", 1..=SEQUENCES, base.beams)?,
        length_penalty: real("length_penalty", base.length_penalty)?,
        early_stopping: header.switch("early_stopping", base.early_stopping)?,
        stop: stop_strings(file, &header.key("stop_strings"))?.unwrap_or_else(|| base.stop.clone()),
        sampling: Sampling {
            repetition_penalty: real("repetition_penalty", sampling.repetition_penalty)?,
            no_repeat_ngram: header.count_or("no_repeat_ngram_size", 0..=positions, sampling.no_repeat_ngram)?,
            min_new_tokens: header.count_or("min_new_tokens", 0..=positions, sampling.min_new_tokens)?,
            ..sampling.clone()
        },
        ..base.clone()
    };
    options.validate()?;
    let most = file.u32(&header.key("max_new_tokens"))?.filter(|&most| most > 0);
    Ok((options, most.map_or(new_tokens, |most| most as usize)))
}

/// The file's tasks, in its order.
///
/// # Errors
/// As [`defaults`].
pub(super) fn tasks(file: &Arc<Gguf>, defaults: &Defaults) -> Result<Vec<Task>, Error> {
    let names = file.strings(NAMES)?;
    let known = |rest: &str| {
        let setting = rest.rsplit_once('.').filter(|(_, setting)| SETTINGS.contains(setting));
        setting.is_some_and(|(task, _)| names.as_ref().is_some_and(|names| names.iter().any(|name| name == task)))
    };
    if let Some((key, _)) =
        file.keys().find(|(key, _)| key.strip_prefix("ocelli.task.").is_some_and(|rest| !known(rest)))
    {
        let rule = "is no setting of a task that ocelli.tasks names".to_owned();
        return Err(Error::BadParameter { key: key.to_owned(), got: "given".to_owned(), rule });
    }
    let Some(names) = names else { return Ok(Vec::new()) };
    let bad = |got: String, rule: &str| Error::BadParameter { key: NAMES.to_owned(), got, rule: rule.to_owned() };
    if names.len() > MOST {
        return Err(bad(format!("{} names", names.len()), "at most 64"));
    }
    let mut tasks: Vec<Task> = Vec::new();
    for name in names.iter() {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > LONGEST || !name.chars().all(plain) {
            let shown: String = name.chars().take(LONGEST).collect();
            return Err(bad(format!("{shown:?}"), "a name is 1 to 64 letters, digits, '-' or '_'"));
        }
        if tasks.iter().any(|task| task.name == name) {
            return Err(bad(format!("{name:?} twice"), "a task is named once"));
        }
        let header = Header::new(file, format!("ocelli.task.{name}."));
        let (generate, max_new_tokens) = generate(file, &header, &defaults.generate, defaults.max_new_tokens)?;
        let text = |name: &str| Ok::<_, Error>(file.str(&header.key(name))?.map(str::to_owned));
        let (prompt, begin) = (text("prompt")?, text("begin")?);
        let min_length = header.count_or("min_length", 0..=*header::CONTEXT.end(), defaults.min_length)?;
        let defaults = Defaults { generate, max_new_tokens, min_length, ..defaults.clone() };
        tasks.push(Task { name: name.to_owned(), prompt, begin, defaults });
    }
    Ok(tasks)
}
