//! A language model by itself: `LlamaForCausalLM`, `MistralForCausalLM`, `Qwen2ForCausalLM`, `Qwen3ForCausalLM`,
//! `Phi3ForCausalLM`, `Gemma2ForCausalLM`, `Gemma3ForCausalLM`, `Lfm2ForCausalLM`, `MptForCausalLM`, `GPTNeoXForCausalLM`, `OPTForCausalLM` and
//! `T5ForConditionalGeneration` as transformers saves them, and MPT-1B's own class.

use super::{Family, Model};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::generation;
use crate::parts::language::{self, Language, MODEL_TYPES};
use crate::settings::{Inputs, Object};
use crate::tokenizer;

pub(crate) const FAMILY: Family = Family { name: "text", model_types: MODEL_TYPES, read };

/// What names of an encoder-decoder begin with.
const T5: [&str; 5] = ["shared.", "encoder.", "decoder.block.", "decoder.final_layer_norm.", "decoder.embed_tokens."];

struct Text {
    model: Box<dyn Language>,
    config: Object,
}

fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    Ok(Box::new(Text { model: language::read(config)?, config: config.clone() }))
}

impl Model for Text {
    fn architecture(&self) -> &'static str {
        self.model.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.model.layout("", &mut layout);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        let facts = self.model.facts();
        self.model.keys(keys);
        generation::start(inputs, &self.config, false, &facts, keys)?;
        generation::keys(inputs, &self.config, facts.vocabulary, facts.ends, keys)?;
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)
    }

    /// Names of the inner model alone, or of one inside a larger one.
    fn canonical(&self, name: &str) -> String {
        let inner = name.strip_prefix("language_model.").unwrap_or(name);
        let inner = match inner.strip_prefix("model.").or(inner.strip_prefix("transformer.")) {
            Some(rest) if T5.iter().any(|start| rest.starts_with(start)) => rest,
            _ => inner,
        };
        let whole = ["model.", "lm_head.", "transformer.", "gpt_neox.", "embed_out."].iter().chain(&T5);
        if whole.into_iter().any(|start| inner.starts_with(start)) {
            inner.to_owned()
        } else {
            format!("model.{inner}")
        }
    }
}
