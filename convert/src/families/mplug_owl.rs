//! mPLUG-Owl (Ye et al. 2023), the first version with LLaMA, as its repository saves it: a directory of transformers' kind
//! whose class lies in that repository.
//!
//! The non-obvious thing: the class does not ask its configuration for everything. The tower's activation is QuickGELU
//! whatever `hidden_act` says, the abstractor's own norms have PyTorch's epsilon, and how wide its feed-forward layers are the
//! tensors say, since older code computed it.

use super::{Family, Model};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::language::{self, Language};
use crate::parts::resampler::Resampler;
use crate::parts::vit::{Form, Vit};
use crate::parts::{conversations, generation, image, pretrained};
use crate::settings::{Inputs, Known, Object};
use crate::tokenizer;
use ocelli_quant::gguf::keys::ROWS;

pub(crate) const FAMILY: Family = Family { name: "mplug_owl", model_types: &["mplug-owl"], read };

/// What has no effect in `MplugOwlConfig`.
const OUTER: &[Known] = &[
    Known::without_effect(&["tie_word_embeddings"], "text_config says it"),
    Known::without_effect(&["num_frames"], "the language model and the abstractor see pictures"),
    Known::without_effect(&["vocab_size", "pad_token_id"], "text_config says it, or only training reads it"),
];

/// The same of the tower.
const TOWER: &[Known] =
    &[Known::without_effect(&["hidden_act", "use_flash_attn", "initializer_factor"], "the class does not read it")];

/// Pieces of the tower's names, by which the rules are written and as the class has them.
const NAMES: [(&str, &str); 7] = [
    ("embeddings.class_embedding", "embeddings.cls_token"),
    ("embeddings.patch_embedding.", "embeddings.patch_embed."),
    ("vision_model.pre_layrnorm.", "vision_model.embeddings.pre_layernorm."),
    (".layer_norm1.", ".input_layernorm."),
    (".layer_norm2.", ".post_attention_layernorm."),
    (".self_attn.qkv.", ".self_attn.query_key_value."),
    (".self_attn.projection.", ".self_attn.dense."),
];

/// A tensor that is as wide as an abstractor's feed-forward layers.
const FFN: &str = "abstractor.encoder.layers.0.crossattention.output.mlp.w1.weight";

struct Owl {
    vit: Vit,
    abstractor: Resampler,
    language: Box<dyn Language>,
    text: Object,
}

fn read(config: &Object, checkpoint: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    config.known(OUTER);
    pretrained::part(config, &[]);
    let text = config.object("text_config")?;
    let language = language::decoder(&text)?;
    if language.facts().architecture != "llama" {
        let got = format!("'{}'", language.facts().architecture);
        return Err(text.unsupported("model_type", got, "only 'llama' is"));
    }
    let vision = config.object("vision_config")?;
    vision.known(TOWER);
    let sized = [("hidden_size", 1_024), ("num_hidden_layers", 24), ("intermediate_size", 4_096)];
    let vision = sized.into_iter().fold(
        vision,
        |vision, (key, default)| {
            if vision.has(key) { vision } else { vision.with(key, default) }
        },
    );
    let eps = vision.epsilon("layer_norm_eps", 1e-6)?;
    let vit = Vit::read(&vision.with("hidden_act", "quick_gelu"))?.of(Form::Owl, eps);
    if checkpoint.names().any(|name| name.contains(".temporal")) {
        let why = "a checkpoint of videos has layers that are not read yet";
        return Err(config.unsupported("model_type", "'mplug-owl' with temporal layers", why));
    }
    let missing = || ConvertError::MissingTensors { family: FAMILY.name, tensors: vec![FFN.to_owned()] };
    let ffn = checkpoint.get(FFN).and_then(|tensor| tensor.shape.first().copied()).ok_or_else(missing)?;
    let queries = config.count("num_query_tokens", 1..=ROWS - 1, 64)?;
    let abstractor = Resampler::owl(&config.object("visual_abstractor_config")?, queries, ffn, vit.width)?;
    Ok(Box::new(Owl { vit, abstractor, language, text }))
}

/// The class's name of a tensor.
fn named(name: &str) -> String {
    if !name.starts_with("vision_model.") {
        return name.to_owned();
    }
    NAMES.iter().fold(name.to_owned(), |name, (ours, theirs)| name.replacen(ours, theirs, 1))
}

impl Model for Owl {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        let (from, to) = (u64::from(self.abstractor.width), u64::from(self.language.facts().width));
        self.vit.layout("vision_model.", &mut layout);
        self.abstractor.layout("abstractor.", &mut layout);
        layout.linear("abstractor.visual_fc", "mm.projector", from, to, true);
        layout.exact("abstractor.vit_eos", &[1, 1, to], "mm.vit_eos", &[to, 1]);
        self.language.layout("language_model.", &mut layout);
        let mut layout = layout.renamed(&named);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        let facts = self.language.facts();
        self.language.keys(keys);
        self.vit.keys(keys);
        image::keys(inputs, image::Class::Owl, self.vit.side, keys)?;
        self.abstractor.keys(keys);
        generation::keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)?;
        // The language model is given rows in the place of the prompt's ids.
        keys.set("ocelli.generation.penalises_prompt", false);
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)?;
        conversations::keys("mplug_owl", "<image>\nHuman: ", keys)
    }
}
