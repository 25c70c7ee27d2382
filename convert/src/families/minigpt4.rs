//! MiniGPT-4 (Zhu et al. 2023) and MiniGPT-v2 (Chen et al. 2023) as released: a file with what was trained, which is one layer
//! before the language model and in v2 an adapter of low rank, beside LAVIS' tower and Q-Former and the language model.
//!
//! There is no configuration. Sizes are those of the tensors; what these do not say is fixed in the code, mostly LAVIS'. How
//! wide the layer's input is tells what is before it: the Q-Former's rows, or four neighbouring rows of the tower.
//!
//! The non-obvious things: without a Q-Former nothing loads the norm behind the tower, so that it only norms. And MiniGPT-v2
//! sees twice the side: positions are spread out bicubically when they are read, as its code does.

use std::path::{Path, PathBuf};

use super::blip2::Blip2;
use super::lavis::{self, LavisError};
use super::{Family, Model};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::language::{self, Language};
use crate::parts::qformer::{self, QFormer};
use crate::parts::vit::{Form, Vit};
use crate::parts::{conversations, generation, image};
use crate::settings::{Inputs, Object, Settings};
use crate::tokenizer;

pub(crate) const FAMILY: Family = Family { name: "minigpt4", model_types: &[], read };

/// What was trained in all releases.
const PROJECTOR: &str = "llama_proj.weight";
/// What peft and the class put before the language model's names of an adapter.
const ADAPTER: &str = "llama_model.base_model.model.";
/// The language model's names in the whole.
const LANGUAGE: &str = "llama_model.";
const NORM: &str = "ln_vision.weight";
const POSITIONS: &str = "visual_encoder.pos_embed";
/// Neighbouring rows that become one where there is no Q-Former.
const MERGED: u32 = 4;
/// What an adapter's changes are multiplied with, times their rank; and the side of MiniGPT-v2's pictures.
const ALPHA: f32 = 16.0;
const SIDE: u32 = 448;

/// Where the parts of a MiniGPT-4 lie.
#[derive(Debug, Clone)]
pub struct MiniGpt4 {
    /// What was trained: `pretrained_minigpt4.pth`, `minigptv2_checkpoint.pth` and their sisters.
    pub checkpoint: PathBuf,
    /// The tower's file, `eva_vit_g.pth`.
    pub vision: PathBuf,
    /// LAVIS' file with the Q-Former, `blip2_pretrained_flant5xxl.pth`, where there is one.
    pub qformer: Option<PathBuf>,
    /// The directory of the language model, Vicuna or LLaMA 2's chat model.
    pub language: PathBuf,
    /// The directory of the LLaMA that the language model is a delta to.
    pub base: Option<PathBuf>,
}

/// What is between the tower and the language model.
enum Bridge {
    QFormer(Blip2),
    Rows { vit: Vit, language: Box<dyn Language>, text: Object },
}

struct MiniGpt {
    bridge: Bridge,
    form: Form,
    conversation: &'static str,
    /// The table of positions, where it is not the tower's own.
    positions: Option<Vec<f32>>,
    notes: Vec<String>,
}

/// There is no directory of all of it.
fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    let how = "its parts lie apart: 'ocelli convert minigpt4' takes them";
    Err(config.unsupported("model_type", "'minigpt4'", how))
}

/// The model of all sources, and its tensors.
pub(crate) fn open(sources: &MiniGpt4, settings: &Settings) -> Result<(Box<dyn Model>, Checkpoint), ConvertError> {
    let mut notes = Vec::new();
    let mut trained = Checkpoint::open_file(&sources.checkpoint)?;
    let file = lavis::shown_file(&sources.checkpoint);
    let Some(inputs) = trained.get(PROJECTOR).and_then(|tensor| tensor.shape.get(1).copied()) else {
        return Err(LavisError::NoCheckpoint { file, wanted: PROJECTOR }.into());
    };
    let mut adapter = Checkpoint::open_file(&sources.checkpoint)?;
    adapter.retain(|name| name.starts_with(ADAPTER));
    adapter.rename(|name| format!("{LANGUAGE}{}", name.strip_prefix(ADAPTER).unwrap_or(name)));
    trained.retain(|name| !name.starts_with(ADAPTER));
    let adapts = adapter.names().next().is_some();

    let mut checkpoint = language_model(sources)?;
    let mut tower = Checkpoint::open_file(&sources.vision)?;
    tower.rename(|name| format!("{}{name}", lavis::VISION));
    if let Some(path) = &sources.qformer {
        let mut bridge = Checkpoint::open_file(path)?;
        let parts = ["query_tokens", "Qformer.bert.", "ln_vision."];
        bridge.retain(|name| parts.iter().any(|part| name.starts_with(part)));
        checkpoint.overlay(bridge);
    }
    // What a checkpoint has of the tower after all goes before the tower's file.
    tower.overlay(trained);
    let found = lavis::sizes::tower(&tower, &lavis::shown_file(&sources.vision), 1)?;
    let last = format!("{}{}{}.", lavis::VISION, found.blocks, found.layers);
    tower.retain(|name| !name.starts_with(&last));
    notes.push(format!("the last of the tower's {} blocks is left out, as in LAVIS", found.layers + 1));
    checkpoint.overlay(tower);
    let normed = checkpoint.get(NORM).is_some();
    let (vit, form) = (found.vit, found.form);
    let mut vit = if normed { vit } else { vit.untrained_norm() };
    let mut positions = None;
    if adapts && vit.side != SIDE {
        let (rows, grid) = (vit.grid(), SIDE / (vit.side / vit.grid()));
        positions = Some(lavis::spread(&checkpoint, POSITIONS, vit.width, rows, grid)?);
        checkpoint.retain(|name| name != POSITIONS);
        vit = vit.of_side(SIDE);
        notes.push(format!(
            "positions of {rows} x {rows} patches are spread out to {grid} x {grid}, as MiniGPT-v2 does"
        ));
    }
    if adapts {
        let rank = rank(&adapter);
        checkpoint.add_low_rank(adapter, rank, ALPHA / rank as f32)?;
        notes.push(format!("the adapter's changes of rank {rank} are merged"));
    }
    let text = settings.read(&sources.language, "config.json")?.ok_or_else(|| ConvertError::FileMissing {
        file: "config.json".to_owned(),
        directory: sources.language.clone(),
        hint: "--language is the directory of the language model",
    })?;
    let language = language::decoder(&text)?;
    let (bridge, conversation) = if sources.qformer.is_some() {
        let former = lavis::sizes::qformer(&checkpoint)?;
        let qformer = QFormer::read(&former, lavis::sizes::queries(&checkpoint)?, vit.width)?;
        (Bridge::QFormer(Blip2 { vit, qformer, language, text, image_token: None, asked: None }), "minigpt4_vicuna")
    } else if inputs == u64::from(vit.width * MERGED) {
        (Bridge::Rows { vit, language, text }, if adapts { "minigpt4_v2" } else { "minigpt4_llama2" })
    } else {
        let has =
            format!("{PROJECTOR} with {inputs} inputs, which are not {MERGED} of the tower's {} together", vit.width);
        let example = "LAVIS' file with the Q-Former it was trained with, blip2_pretrained_flant5xxl.pth";
        return Err(LavisError::PartMissing { file, has, option: "--qformer", example }.into());
    };
    notes.push(format!("conversations are those of {conversation}"));
    Ok((Box::new(MiniGpt { bridge, form, conversation, positions, notes }), checkpoint))
}

/// The language model's tensors by their names in the whole.
fn language_model(sources: &MiniGpt4) -> Result<Checkpoint, ConvertError> {
    let unread = |name: &str| name.ends_with("rotary_emb.inv_freq");
    let mut language = Checkpoint::open(&sources.language)?;
    if let Some(base) = &sources.base {
        let mut base = Checkpoint::open(base)?;
        base.retain(|name| !unread(name));
        language.add_base(base, unread)?;
    }
    language.rename(|name| format!("{LANGUAGE}{name}"));
    Ok(language)
}

/// The rank of an adapter's first change.
fn rank(adapter: &Checkpoint) -> u64 {
    let first = adapter.names().find(|name| name.contains(".lora_A.")).and_then(|name| adapter.get(name));
    first.and_then(|tensor| tensor.shape.first().copied()).unwrap_or(1).max(1)
}

/// LAVIS' name of a tensor, or the language model's.
fn named(name: &str, form: Form) -> String {
    lavis::names::lavis(name, form, "llama")
}

impl Model for MiniGpt {
    fn architecture(&self) -> &'static str {
        match &self.bridge {
            Bridge::QFormer(model) => model.architecture(),
            Bridge::Rows { language, .. } => language.facts().architecture,
        }
    }

    fn layout(&self) -> Layout {
        let form = self.form;
        let layout = match &self.bridge {
            Bridge::QFormer(model) => model.layout(),
            Bridge::Rows { vit, language, .. } => {
                let mut layout = Layout::default();
                language.layout("language_model.", &mut layout);
                vit.layout("vision_model.", &mut layout);
                let (inputs, width) = (u64::from(vit.width * MERGED), u64::from(language.facts().width));
                layout.linear("language_projection", "mm.0", inputs, width, true);
                layout
            }
        };
        let mut layout = layout.renamed(&|name| named(name, form));
        if let Some(positions) = &self.positions {
            layout.given(POSITIONS, positions.clone());
        }
        layout.skip(lavis::is_unused);
        layout.skip(|name| qformer::is_text_branch(&name.replacen("Qformer.bert.", "qformer.", 1)));
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.notes.iter().for_each(|note| keys.note(note.clone()));
        let (vit, language, text) = match &self.bridge {
            Bridge::QFormer(model) => (&model.vit, &model.language, &model.text),
            Bridge::Rows { vit, language, text } => (vit, language, text),
        };
        let facts = language.facts();
        language.keys(keys);
        vit.keys(keys);
        image::square_keys(vit.side, keys);
        match &self.bridge {
            Bridge::QFormer(model) => model.qformer.keys(keys),
            Bridge::Rows { .. } => {
                keys.set("ocelli.vision.drop_class", true);
                keys.set("ocelli.projector.layer_count", 1u32);
                keys.set("ocelli.projector.merge_rows", MERGED);
            }
        }
        generation::keys(inputs, text, facts.vocabulary, facts.ends, keys)?;
        // The language model is given rows in the place of the prompt's ids.
        keys.set("ocelli.generation.penalises_prompt", false);
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)?;
        conversations::keys(self.conversation, "<Img><image></Img> ", keys)
    }
}

impl MiniGpt4 {
    /// The directories among them.
    pub(crate) fn directories(&self) -> Vec<&Path> {
        [Some(&self.language), self.base.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect()
    }
}
