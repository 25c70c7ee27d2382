//! A language model by itself: `LlamaForCausalLM` and `Gemma3ForCausalLM` as transformers saves them. The outputs are
//! files that llama.cpp reads too.

use super::{Family, Inputs, Model};
use crate::error::ConvertError;
use crate::json::Object;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::generation;
use crate::parts::llama::Llama;
use crate::tokenizer;

pub(crate) const FAMILY: Family = Family { name: "text", model_types: &["llama", "gemma3_text"], read, canonical };

struct Text {
    model: Llama,
    config: Object,
}

fn read(config: &Object) -> Result<Box<dyn Model>, ConvertError> {
    Ok(Box::new(Text { model: Llama::read(config)?, config: config.clone() }))
}

impl Model for Text {
    fn architecture(&self) -> &'static str {
        self.model.architecture()
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.model.layout(&mut layout);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.model.keys(keys);
        generation::keys(inputs.source, &self.config, self.model.vocabulary, self.model.ends(), keys)?;
        tokenizer::bpe::keys(inputs.tokenizer, self.model.vocabulary, keys)
    }
}

/// Names of the inner model alone, or of one inside a larger one.
fn canonical(name: &str) -> String {
    let inner = name.strip_prefix("language_model.").unwrap_or(name);
    if inner.starts_with("model.") || inner.starts_with("lm_head.") {
        inner.to_owned()
    } else {
        format!("model.{inner}")
    }
}
