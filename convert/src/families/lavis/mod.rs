//! BLIP-2 and InstructBLIP as LAVIS saves them (Li et al. 2023, Dai et al. 2023): one file with what was trained, the tower's
//! file, and the directory of a language model; where the Q-Former reads texts also that of BERT's tokenizer.
//!
//! There is no configuration. Sizes are those of the tensors; what these do not say is fixed in LAVIS' code: heads of 64
//! numbers, of 88 in EVA's tower, the epsilons, how pictures are prepared, how texts are generated.
//!
//! The non-obvious things: a tower's own file has one block more than LAVIS builds, but a tower within the checkpoint, where
//! it was trained along, has just those. LAVIS runs Flan-T5 with the exact GELU, whatever its configuration says. And it gives
//! Vicuna's tokenizer other names: `</s>` begins texts, ends them and is unknown, and `[PAD]`, which is added, fills them up.

mod error;
pub(super) mod names;
pub(super) mod sizes;
mod spread;

use std::path::{Path, PathBuf};

use super::blip2::{self, Asked, Blip2};
use super::first_stage::{self, FirstStage};
use super::{Family, Model, instructblip};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::language::{self, Language};
use crate::parts::qformer::{self, QFormer};
use crate::parts::vit::Form;
use crate::parts::{generation, image};
use crate::settings::{Inputs, Object, Settings};
use crate::tokenizer;
pub use error::LavisError;
use sizes::Tower;
pub(super) use sizes::shown_file;
pub(super) use spread::spread;

/// The tower's names in a whole model.
pub(super) const VISION: &str = "visual_encoder.";
/// The table of words, which the head that writes ends with.
const WORDS: &str = "Qformer.bert.embeddings.word_embeddings.weight";
const HEAD: &str = "Qformer.cls.predictions.decoder.weight";
/// Added to BERT's tokens: it begins captions.
const BEGINS: &str = "[DEC]";
/// What OPT's captions end at, as byte-level tokens write it.
const NEWLINE: &str = "Ċ";

/// What LAVIS calls Vicuna's tokens.
const VICUNA: tokenizer::bpe::Added<'_> = tokenizer::bpe::Added {
    tags: &[],
    special: &["[PAD]"],
    padding: None,
    names: &[("bos_token", "</s>"), ("eos_token", "</s>"), ("unk_token", "</s>"), ("pad_token", "[PAD]")],
};

/// Beams and most new tokens of LAVIS' `generate` with a language model.
const BEAMS: u32 = 5;
const LONGEST: u32 = 30;
/// The same of models that follow instructions, and what tokens that were written lose there.
const LONGEST_ANSWER: u32 = 256;
const PENALTY: f32 = 1.5;
/// Most tokens of an instruction that the Q-Former reads: what is before the last ones is cut off.
const INSTRUCTION: u32 = 128;

/// Where the parts of a BLIP-2 or InstructBLIP model of LAVIS lie.
#[derive(Debug, Clone)]
pub struct Lavis {
    /// What was trained: `blip2_pretrained.pth`, `blip2_pretrained_opt2.7b.pth`, `instruct_blip_vicuna7b_trimmed.pth` and
    /// their sisters.
    pub checkpoint: PathBuf,
    /// The tower's file, `eva_vit_g.pth` or `clip_vit_L.pth`; checkpoints that trained the tower hold it themselves.
    pub vision: Option<PathBuf>,
    /// The directory of the language model, such as facebook/opt-2.7b, google/flan-t5-xl or lmsys/vicuna-7b-v1.1; the first
    /// stage has none.
    pub language: Option<PathBuf>,
}

/// A model whose parts were found.
pub(crate) struct Opened<'a> {
    pub(crate) family: &'static Family,
    pub(crate) model: Box<dyn Model>,
    pub(crate) checkpoint: Checkpoint,
    /// The directory of the tokenizer and of what else there is to read.
    pub(crate) source: &'a Path,
}

/// What a checkpoint was trained for.
enum Stage {
    First(FirstStage),
    Second(Blip2, &'static Speaks),
}

/// A kind of language model.
struct Speaks {
    architecture: &'static str,
    /// What LAVIS' names begin with.
    name: &'static str,
    shown: &'static str,
    /// The layer before it.
    before: &'static str,
    example: &'static str,
}

const SPEAKS: [Speaks; 3] = [
    Speaks {
        architecture: "opt",
        name: "opt",
        shown: "OPT",
        before: "opt_proj.weight",
        example: "the directory of the OPT it was trained with, such as facebook/opt-2.7b",
    },
    Speaks {
        architecture: "t5",
        name: "t5",
        shown: "Flan-T5",
        before: "t5_proj.weight",
        example: "the directory of the Flan-T5 it was trained with, such as google/flan-t5-xl",
    },
    Speaks {
        architecture: "llama",
        name: "llm",
        shown: "Vicuna",
        before: "llm_proj.weight",
        example: "the directory of the Vicuna it was trained with, such as lmsys/vicuna-7b-v1.1",
    },
];

struct Merged {
    stage: Stage,
    form: Form,
    /// The directory of the Q-Former's tokenizer, where it reads texts beside a language model.
    reads: Option<PathBuf>,
    /// What there is to say of the parts.
    notes: Vec<String>,
}

/// Opens all parts. `tokenizer` is the directory of the Q-Former's.
pub(crate) fn open<'a>(
    sources: &'a Lavis,
    tokenizer: Option<&'a Path>,
    settings: &Settings,
) -> Result<Opened<'a>, ConvertError> {
    let mut notes = Vec::new();
    let mut checkpoint = Checkpoint::open_file(&sources.checkpoint)?;
    let file = shown_file(&sources.checkpoint);
    let language = kind(&checkpoint, &file)?;
    let tower = tower(sources, &mut checkpoint, &file, &mut notes)?;
    let form = tower.form;
    let part = |has: &str, option, example| LavisError::PartMissing {
        file: file.clone(),
        has: has.to_owned(),
        option,
        example,
    };
    let bert = || {
        let example = "the directory of bert-base-uncased, which has vocab.txt or tokenizer.json";
        tokenizer.ok_or_else(|| part("a Q-Former that reads texts", "--tokenizer", example))
    };
    let (mut family, mut reads) = (&blip2::FAMILY, None);
    let (stage, source) = match language {
        None => {
            let source = bert()?;
            if sources.language.is_some() {
                notes.push(format!("{file} is of the first stage, without a language model: --language is not read"));
            }
            (Stage::First(first(tower, &checkpoint)?), source)
        }
        Some(speaks) => {
            let source =
                sources.language.as_deref().ok_or_else(|| part(speaks.before, "--language", speaks.example))?;
            let model = second(tower, (&mut checkpoint, &file), (source, speaks), settings, &mut notes)?;
            if model.asked.is_some() {
                (family, reads) = (&instructblip::FAMILY, Some(bert()?.to_owned()));
            } else if tokenizer.is_some() {
                notes.push(format!("{file} has no Q-Former that reads texts: --tokenizer is not read"));
            }
            (Stage::Second(model, speaks), source)
        }
    };
    Ok(Opened { family, model: Box::new(Merged { stage, form, reads, notes }), checkpoint, source })
}

/// The first stage's model.
fn first(tower: Tower, checkpoint: &Checkpoint) -> Result<FirstStage, ConvertError> {
    check_copies(checkpoint)?;
    let [bias, other] = first_stage::BIASES;
    let there = checkpoint.get(&format!("Qformer.{bias}")).is_some();
    let writes = checkpoint.names().any(|name| name.starts_with("Qformer.cls."));
    let writes = writes.then_some(if there { bias } else { other });
    FirstStage::new(tower.vit, &sizes::outer(checkpoint)?, &sizes::qformer(checkpoint)?, writes)
}

/// The second stage's, whose language model's tensors go into the checkpoint.
fn second(
    tower: Tower,
    (checkpoint, file): (&mut Checkpoint, &str),
    (source, speaks): (&Path, &Speaks),
    settings: &Settings,
    notes: &mut Vec<String>,
) -> Result<Blip2, ConvertError> {
    let former = sizes::qformer(checkpoint)?;
    let queries = sizes::queries(checkpoint)?;
    // Beside OPT the Q-Former reads no text, whatever an older checkpoint still has.
    let (qformer, asked) = if speaks.name != "opt" && checkpoint.get(WORDS).is_some() {
        let (qformer, words) = QFormer::read_with_text(&former, queries, tower.vit.width)?;
        (qformer, Some(Asked { words, videos: false }))
    } else {
        (QFormer::read(&former, queries, tower.vit.width)?, None)
    };
    // A Vicuna that was trained along has the row of `[PAD]`.
    let rows = checkpoint.get("llm_model.model.embed_tokens.weight").and_then(|tensor| tensor.shape.first().copied());
    let (language, text) = language_model(source, rows, settings)?;
    let got = language.facts().architecture;
    if got != speaks.architecture {
        let (file, tensor, wanted) = (file.to_owned(), speaks.before, speaks.shown);
        return Err(LavisError::Language { file, tensor, wanted, got }.into());
    }
    let prefix = format!("{}_model.", speaks.name);
    let own = checkpoint.names().filter(|name| name.starts_with(&prefix)).count();
    if own > 0 {
        notes.push(format!("{own} tensors of the language model are those of {file}, where they were trained along"));
    }
    let mut weights = Checkpoint::open(source)?;
    weights.rename(|name| format!("{prefix}{}", own_name(name, speaks.name)));
    let trained = std::mem::replace(checkpoint, weights);
    checkpoint.overlay(trained);
    Ok(Blip2 { vit: tower.vit, qformer, language, text, image_token: None, asked })
}

/// The language model that a checkpoint was trained with; none in the first stage.
fn kind(checkpoint: &Checkpoint, file: &str) -> Result<Option<&'static Speaks>, LavisError> {
    const STAGES: &str = "itm_head.weight (first stage), opt_proj.weight (with OPT), t5_proj.weight (with Flan-T5) or \
         llm_proj.weight (with Vicuna)";
    let has = |name: &str| checkpoint.get(name).is_some();
    let none = |wanted| LavisError::NoCheckpoint { file: file.to_owned(), wanted };
    if !has("query_tokens") {
        return Err(none("query_tokens"));
    }
    if !checkpoint.names().any(|name| name.starts_with("Qformer.bert.")) {
        return Err(none("Qformer.bert.…"));
    }
    if let Some(speaks) = SPEAKS.iter().find(|speaks| has(speaks.before)) {
        Ok(Some(speaks))
    } else if ["itm_head.weight", "vision_proj.weight", "text_proj.weight"].into_iter().any(has) {
        Ok(None)
    } else {
        Err(none(STAGES))
    }
}

/// The tower, from the checkpoint where it was trained along, or else from its own file, whose tensors go into the checkpoint.
fn tower(
    sources: &Lavis,
    checkpoint: &mut Checkpoint,
    file: &str,
    notes: &mut Vec<String>,
) -> Result<Tower, ConvertError> {
    if checkpoint.names().any(|name| name.starts_with(VISION)) {
        if let Some(other) = &sources.vision {
            notes.push(format!(
                "{file} has a tower of its own, which was trained along and is the one taken: {} is not read",
                shown_file(other)
            ));
        }
        return sizes::tower(checkpoint, file, 0);
    }
    let Some(path) = &sources.vision else {
        let has = "no visual_encoder.…, so its tower is in a file of its own".to_owned();
        let example = "the tower's file, eva_vit_g.pth or clip_vit_L.pth";
        return Err(LavisError::PartMissing { file: file.to_owned(), has, option: "--vision", example }.into());
    };
    let mut vision = Checkpoint::open_file(path)?;
    vision.rename(|name| format!("{VISION}{name}"));
    let tower = sizes::tower(&vision, &shown_file(path), 1)?;
    let last = format!("{VISION}{}{}.", tower.blocks, tower.layers);
    vision.retain(|name| !name.starts_with(&last));
    notes.push(format!(
        "the last of {}'s {} blocks is left out, as in LAVIS: the Q-Former was trained on what the one before it gives",
        shown_file(path),
        tower.layers + 1
    ));
    checkpoint.overlay(vision);
    Ok(tower)
}

/// Finds that what LAVIS has once and saves under two names is the same.
fn check_copies(checkpoint: &Checkpoint) -> Result<(), ConvertError> {
    let [one, other] = first_stage::BIASES.map(|bias| format!("Qformer.{bias}"));
    for (tensor, other) in [(HEAD, WORDS), (one.as_str(), other.as_str())] {
        let both = checkpoint.get(tensor).is_some() && checkpoint.get(other).is_some();
        if both && !checkpoint.equal(tensor, other)? {
            return Err(LavisError::Copy { tensor: tensor.to_owned(), other: other.to_owned() }.into());
        }
    }
    Ok(())
}

/// A language model and its configuration, as LAVIS changes it.
fn language_model(
    source: &Path,
    rows: Option<u64>,
    settings: &Settings,
) -> Result<(Box<dyn Language>, Object), ConvertError> {
    let Some(text) = settings.read(source, "config.json")? else {
        let hint = "--language is the directory of the language model";
        return Err(ConvertError::FileMissing { file: "config.json".to_owned(), directory: source.to_owned(), hint });
    };
    let t5 = text.text("model_type")? == Some("t5");
    let text = if t5 { text.with("dense_act_fn", "gelu") } else { text };
    let text = match rows {
        Some(rows) => text.with("vocab_size", rows),
        None => text,
    };
    Ok((language::read(&text)?, text))
}

/// A language model's own name for a tensor, which may have been saved without what is around it.
fn own_name(name: &str, language: &str) -> String {
    match language {
        "opt" if name.starts_with("decoder.") => format!("model.{name}"),
        "llm" if ["embed_tokens.", "layers.", "norm."].iter().any(|start| name.starts_with(start)) => {
            format!("model.{name}")
        }
        _ => name.to_owned(),
    }
}

/// Tensors that LAVIS' files have and its models do not use.
pub(super) fn is_unused(name: &str) -> bool {
    const TOWER: [&str; 6] = ["norm.", "fc_norm.", "head.", "mask_token", "rel_pos", "ln_post."];
    match name.strip_prefix(VISION) {
        Some("proj") => true,
        Some(name) => TOWER.iter().any(|start| name.starts_with(start)) || name.contains(".attn.relative_position"),
        None => name == "temp" || [".position_ids", ".rotary_emb.inv_freq"].iter().any(|end| name.ends_with(end)),
    }
}

impl Merged {
    fn language(&self) -> &'static str {
        match &self.stage {
            Stage::First(_) => "",
            Stage::Second(_, speaks) => speaks.name,
        }
    }
}

impl Model for Merged {
    fn architecture(&self) -> &'static str {
        match &self.stage {
            Stage::First(model) => model.architecture(),
            Stage::Second(model, _) => model.architecture(),
        }
    }

    fn layout(&self) -> Layout {
        let layout = match &self.stage {
            Stage::First(model) => model.layout(),
            Stage::Second(model, _) => model.layout(),
        };
        let mut layout = layout.renamed(&|name| names::lavis(name, self.form, self.language()));
        layout.skip(is_unused);
        layout.skip(|name| first_stage::BIASES.iter().any(|bias| name.strip_prefix("Qformer.") == Some(bias)));
        if self.reads.is_none() && matches!(self.stage, Stage::Second(..)) {
            layout.skip(|name| qformer::is_text_branch(&name.replacen("Qformer.bert.", "qformer.", 1)));
        }
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.notes.iter().for_each(|note| keys.note(note.clone()));
        match &self.stage {
            Stage::First(model) => {
                model.vit.keys(keys);
                image::square_keys(model.vit.side, keys);
                model.own_keys(inputs, Some(BEGINS), keys)
            }
            Stage::Second(model, speaks) => second_keys(model, speaks.name, self.reads.as_deref(), inputs, keys),
        }
    }
}

/// The language model is asked as one by itself; then come the settings of LAVIS' `generate`.
fn second_keys(
    model: &Blip2,
    language: &str,
    reads: Option<&Path>,
    inputs: &Inputs<'_>,
    keys: &mut Keys,
) -> Result<(), ConvertError> {
    let facts = model.language.facts();
    model.language.keys(keys);
    generation::start(inputs, &model.text, false, &facts, keys)?;
    model.vit.keys(keys);
    image::square_keys(model.vit.side, keys);
    model.qformer.keys(keys);
    generation::keys(inputs, &model.text, facts.vocabulary, facts.ends, keys)?;
    let added = if language == "llm" { VICUNA } else { tokenizer::bpe::Added::default() };
    tokenizer::bpe::keys_with(inputs, facts.vocabulary, added, keys)?;
    model.task_keys(keys);
    if let (Some(asked), Some(folder)) = (&model.asked, reads) {
        asked.keys(keys);
        keys.set("ocelli.qformer.truncation_length", INSTRUCTION);
        tokenizer::wordpiece::second_keys((folder, Some(BEGINS)), inputs, asked.words.vocabulary, keys)?;
    }
    let instructed = language == "llm" || model.asked.is_some();
    let (longest, penalty) = if instructed { (LONGEST_ANSWER, PENALTY) } else { (LONGEST, 1.0) };
    keys.replace("ocelli.generation.num_beams", BEAMS);
    keys.replace("ocelli.generation.max_new_tokens", longest);
    keys.replace("ocelli.generation.length_penalty", 1.0f32);
    keys.replace("ocelli.generation.repetition_penalty", penalty);
    keys.replace("general.sampling.temp", 1.0f32);
    keys.replace("general.sampling.top_p", 0.9f32);
    keys.remove("ocelli.generation.min_length");
    if language == "opt" {
        let end = tokenizer::required(keys, NEWLINE)?;
        generation::ends_at(keys, end, true);
    }
    if language == "t5" {
        // The least length is 1, too, but counts the token that begins its text.
        keys.remove("ocelli.generation.min_new_tokens");
    } else {
        keys.replace("ocelli.generation.min_new_tokens", 1u32);
        // The language model is given rows in the place of the prompt's ids.
        keys.set("ocelli.generation.penalises_prompt", false);
    }
    Ok(())
}
