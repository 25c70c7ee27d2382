//! Names and shapes of T5's tensors, as transformers saves them.

use serde_json::Value;

use super::blip2::{Names, field, switch};

/// Adds those of a `T5ForConditionalGeneration` that is `language_model` of another.
pub(super) fn language(n: &mut Names, config: &Value) {
    let (width, vocabulary) = (field(config, "d_model", 512), field(config, "vocab_size", 32_128));
    let layers = field(config, "num_layers", 6);
    n.add("language_model.shared.weight".into(), &[vocabulary, width]);
    stack(n, config, "encoder", layers);
    stack(n, config, "decoder", field(config, "num_decoder_layers", layers));
    if !switch(config, "tie_word_embeddings", true) {
        n.add("language_model.lm_head.weight".into(), &[vocabulary, width]);
    }
}

fn stack(n: &mut Names, config: &Value, name: &str, layers: usize) {
    let (width, inner) = (field(config, "d_model", 512), field(config, "d_ff", 2_048));
    let heads = field(config, "num_heads", 8);
    let all = heads * field(config, "d_kv", 64);
    let gated = switch(config, "is_gated_act", false);
    let at = format!("language_model.{name}");
    let buckets = field(config, "relative_attention_num_buckets", 32);
    let table = format!("{at}.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
    n.add(table, &[buckets, heads]);
    n.add(format!("{at}.final_layer_norm.weight"), &[width]);
    for i in 0..layers {
        let mut kinds = vec!["SelfAttention"];
        if name == "decoder" {
            kinds.push("EncDecAttention");
        }
        for (place, kind) in kinds.iter().enumerate() {
            let at = format!("{at}.block.{i}.layer.{place}");
            n.add(format!("{at}.layer_norm.weight"), &[width]);
            for part in ["q", "k", "v"] {
                n.add(format!("{at}.{kind}.{part}.weight"), &[all, width]);
            }
            n.add(format!("{at}.{kind}.o.weight"), &[width, all]);
        }
        let at = format!("{at}.block.{i}.layer.{}", kinds.len());
        n.add(format!("{at}.layer_norm.weight"), &[width]);
        for up in if gated { &["wi_0", "wi_1"][..] } else { &["wi"] } {
            n.add(format!("{at}.DenseReluDense.{up}.weight"), &[inner, width]);
        }
        n.add(format!("{at}.DenseReluDense.wo.weight"), &[width, inner]);
    }
}
