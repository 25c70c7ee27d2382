//! Names and shapes of a BLIP-2 with OPT, from its config.json alone, and the published shapes.
//!
//! Config files leave out what equals the defaults of transformers' classes, so the defaults stand here.

use serde_json::{Value, json};

use super::Spec;
use crate::Result;
use crate::opt_tokenizer::OptTokenizer;

/// A field of a config, or the default of the class that reads it.
pub(super) fn field(config: &Value, name: &str, default: usize) -> usize {
    config[name].as_u64().map_or(default, |v| v as usize)
}

pub(super) fn switch(config: &Value, name: &str, default: bool) -> bool {
    config[name].as_bool().unwrap_or(default)
}

/// Collects names and shapes.
pub(super) struct Names(Vec<(String, Vec<usize>)>);

impl Names {
    pub(super) fn add(&mut self, name: String, shape: &[usize]) {
        self.0.push((name, shape.to_vec()));
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize, bias: bool) {
        self.add(format!("{name}.weight"), &[outputs, inputs]);
        if bias {
            self.add(format!("{name}.bias"), &[outputs]);
        }
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.weight"), &[width]);
        self.add(format!("{name}.bias"), &[width]);
    }
}

/// Names and shapes of a `Blip2ForConditionalGeneration` with OPT or T5 as transformers saves it, sorted by name.
///
/// # Errors
/// Where the config asks for what transformers' class would not save under these names.
pub fn tensors(config: &Value) -> Result<Vec<(String, Vec<usize>)>> {
    let (vision, former, text) = (&config["vision_config"], &config["qformer_config"], &config["text_config"]);
    let language = text["model_type"].as_str().unwrap_or("opt");
    if former["position_embedding_type"].as_str().is_some_and(|t| t != "absolute") {
        return Err("qformer_config.position_embedding_type is not absolute".into());
    }
    let mut n = Names(Vec::new());
    let tower_width = field(vision, "hidden_size", 1408);
    let former_width = field(former, "hidden_size", 768);
    n.add("query_tokens".into(), &[1, field(config, "num_query_tokens", 32), former_width]);
    let width = match language {
        "opt" => field(text, "hidden_size", 768),
        "t5" => field(text, "d_model", 512),
        _ => return Err(format!("text_config.model_type is {language}, not opt or t5").into()),
    };
    n.linear("language_projection", former_width, width, true);
    tower(&mut n, vision, tower_width);
    qformer(&mut n, former, former_width, tower_width);
    if language == "opt" {
        opt(&mut n, text)
    } else {
        super::t5::language(&mut n, text)
    }
    n.0.sort();
    Ok(n.0)
}

fn tower(n: &mut Names, config: &Value, width: usize) {
    let patch = field(config, "patch_size", 14);
    let side = field(config, "image_size", 224) / patch;
    let inner = field(config, "intermediate_size", 6144);
    let at = "vision_model.embeddings";
    n.add(format!("{at}.class_embedding"), &[1, 1, width]);
    n.add(format!("{at}.position_embedding"), &[1, side * side + 1, width]);
    n.add(format!("{at}.patch_embedding.weight"), &[width, 3, patch, patch]);
    n.add(format!("{at}.patch_embedding.bias"), &[width]);
    for i in 0..field(config, "num_hidden_layers", 39) {
        let at = format!("vision_model.encoder.layers.{i}");
        n.norm(&format!("{at}.layer_norm1"), width);
        let bias = switch(config, "qkv_bias", true);
        n.linear(&format!("{at}.self_attn.qkv"), width, 3 * width, bias);
        n.linear(&format!("{at}.self_attn.projection"), width, width, true);
        n.norm(&format!("{at}.layer_norm2"), width);
        n.linear(&format!("{at}.mlp.fc1"), width, inner, true);
        n.linear(&format!("{at}.mlp.fc2"), inner, width, true);
    }
    n.norm("vision_model.post_layernorm", width);
}

fn qformer(n: &mut Names, config: &Value, width: usize, tower_width: usize) {
    let inner = field(config, "intermediate_size", 3072);
    let frequency = field(config, "cross_attention_frequency", 2);
    n.norm("qformer.layernorm", width);
    for i in 0..field(config, "num_hidden_layers", 12) {
        let at = format!("qformer.encoder.layer.{i}");
        let mut kinds = vec![("attention", width)];
        if i % frequency == 0 {
            kinds.push(("crossattention", tower_width));
        }
        for (kind, source) in kinds {
            let at = format!("{at}.{kind}");
            n.linear(&format!("{at}.attention.query"), width, width, true);
            n.linear(&format!("{at}.attention.key"), source, width, true);
            n.linear(&format!("{at}.attention.value"), source, width, true);
            n.linear(&format!("{at}.output.dense"), width, width, true);
            n.norm(&format!("{at}.output.LayerNorm"), width);
        }
        let mut branches = vec![("intermediate_query", "output_query")];
        if switch(config, "use_qformer_text_input", false) {
            branches.push(("intermediate", "output"));
        }
        for (first, second) in branches {
            n.linear(&format!("{at}.{first}.dense"), width, inner, true);
            n.linear(&format!("{at}.{second}.dense"), inner, width, true);
            n.norm(&format!("{at}.{second}.LayerNorm"), width);
        }
    }
}

fn opt(n: &mut Names, config: &Value) {
    let width = field(config, "hidden_size", 768);
    let outer = field(config, "word_embed_proj_dim", width);
    let rows = field(config, "vocab_size", 50272);
    let inner = field(config, "ffn_dim", 3072);
    let bias = switch(config, "enable_bias", true);
    let affine = switch(config, "layer_norm_elementwise_affine", true);
    let before = switch(config, "do_layer_norm_before", true);
    let at = "language_model.model.decoder";
    n.add(format!("{at}.embed_tokens.weight"), &[rows, outer]);
    let positions = field(config, "max_position_embeddings", 2048) + 2;
    n.add(format!("{at}.embed_positions.weight"), &[positions, width]);
    if outer != width {
        n.linear(&format!("{at}.project_in"), outer, width, false);
        n.linear(&format!("{at}.project_out"), width, outer, false);
    }
    if before && affine && !switch(config, "_remove_final_layer_norm", false) {
        n.norm(&format!("{at}.final_layer_norm"), width);
    }
    for i in 0..field(config, "num_hidden_layers", 12) {
        let at = format!("{at}.layers.{i}");
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            n.linear(&format!("{at}.self_attn.{name}"), width, width, bias);
        }
        n.linear(&format!("{at}.fc1"), width, inner, bias);
        n.linear(&format!("{at}.fc2"), inner, width, bias);
        if affine {
            n.norm(&format!("{at}.self_attn_layer_norm"), width);
            n.norm(&format!("{at}.final_layer_norm"), width);
        }
    }
    if !switch(config, "tie_word_embeddings", true) {
        n.linear("language_model.lm_head", outer, rows, false);
    }
}

/// The published shapes that can be made: (name, tower image size, OPT layers, width, heads, FFN).
pub const SHAPES: [(&str, usize, usize, usize, usize, usize); 4] = [
    ("blip2-opt-2.7b", 224, 32, 2560, 32, 10240),
    ("blip2-opt-2.7b-coco", 364, 32, 2560, 32, 10240),
    ("blip2-opt-6.7b", 224, 32, 4096, 32, 16384),
    ("blip2-opt-6.7b-coco", 364, 32, 4096, 32, 16384),
];

/// Layers of a full-size checkpoint, where fewer than published are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers {
    /// Tower; 39.
    pub tower: Option<usize>,
    /// Q-Former; 12.
    pub qformer: Option<usize>,
    /// OPT; 32.
    pub opt: Option<usize>,
}

impl Spec {
    /// A checkpoint of a published shape with random weights: real sizes, real files, meaningless text.
    ///
    /// # Errors
    /// Where no shape has this name.
    pub fn published(shape: &str, layers: Layers, seed: u64) -> Result<Self> {
        let known = SHAPES.iter().find(|s| s.0 == shape);
        let &(_, image, depth, width, heads, inner) = known.ok_or_else(|| format!("no shape is called {shape}"))?;
        let tokenizer = OptTokenizer::full()?;
        let image_token = tokenizer.image_token;
        let config = json!({
            "architectures": ["Blip2ForConditionalGeneration"],
            "image_text_hidden_size": 256,
            "image_token_index": image_token,
            "initializer_factor": 1.0,
            "initializer_range": 0.02,
            "model_type": "blip-2",
            "num_query_tokens": 32,
            "qformer_config": {
                "model_type": "blip_2_qformer", "hidden_size": 768, "num_attention_heads": 12,
                "num_hidden_layers": layers.qformer.unwrap_or(12), "intermediate_size": 3072,
                "cross_attention_frequency": 2, "encoder_hidden_size": 1408, "hidden_act": "gelu",
                "layer_norm_eps": 1e-12,
            },
            "text_config": {
                "model_type": "opt", "activation_function": "relu", "bos_token_id": 2,
                "do_layer_norm_before": true, "enable_bias": true, "eos_token_id": 50118,
                "ffn_dim": inner, "hidden_size": width, "layer_norm_elementwise_affine": true,
                "max_position_embeddings": 2048, "num_attention_heads": heads,
                "num_hidden_layers": layers.opt.unwrap_or(depth), "pad_token_id": 1,
                "vocab_size": 50304, "word_embed_proj_dim": width,
            },
            "use_decoder_only_language_model": true,
            "vision_config": {
                "model_type": "blip_2_vision_model", "hidden_size": 1408, "image_size": image,
                "num_attention_heads": 16, "num_hidden_layers": layers.tower.unwrap_or(39),
                "intermediate_size": 6144, "patch_size": 14, "hidden_act": "gelu",
                "layer_norm_eps": 1e-6, "qkv_bias": true,
            },
        });
        Ok(Self {
            seed,
            config,
            generation_config: Some(json!({
                "bos_token_id": 2, "eos_token_id": 50118, "pad_token_id": 1,
            })),
            preprocessor_config: json!({
                "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true,
                "image_mean": [0.481_454_66, 0.457_827_5, 0.408_210_73],
                "image_processor_type": "BlipImageProcessor",
                "image_std": [0.268_629_54, 0.261_302_58, 0.275_777_11],
                "processor_class": "Blip2Processor", "resample": 3,
                "rescale_factor": 0.003_921_568_627_450_98,
                "size": { "height": image, "width": image },
            }),
            processor_config: Some(json!({
                "num_query_tokens": 32, "processor_class": "Blip2Processor",
            })),
            tokenizer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::count;
    use crate::golden::{BLIP2_OPT, BLIP2_T5, Golden, folder};

    #[test]
    fn names_and_shapes_are_those_that_transformers_saved() {
        let opt = BLIP2_OPT.iter().map(|name| format!("blip2_opt_{name}"));
        for name in opt.chain(BLIP2_T5.iter().map(|name| format!("blip2_t5_{name}"))) {
            let golden = Golden::read(&folder().join(format!("{name}.json"))).unwrap();
            assert_eq!(tensors(&golden.config).unwrap(), golden.tensors, "{name}");
        }
    }

    #[test]
    fn published_shapes_have_published_sizes() {
        let spec = Spec::published("blip2-opt-2.7b", Layers::default(), 1).unwrap();
        assert_eq!(spec.tokenizer.vocab.len(), 50265);
        let list = tensors(&spec.config).unwrap();
        let find = |name: &str| &list.iter().find(|t| t.0 == name).unwrap().1;
        assert_eq!(find("vision_model.embeddings.position_embedding"), &[1, 257, 1408]);
        assert_eq!(find("language_model.model.decoder.embed_positions.weight"), &[2050, 2560]);
        let values: u64 = list.iter().map(|t| count(&t.1)).sum();
        assert!((3_700_000_000..3_800_000_000).contains(&values), "{values}");
    }
}
