//! LAVIS' names of tensors for those of transformers, by which the parts' rules are written.
//!
//! The rules are given LAVIS' names, and not the checkpoint those of transformers, so that every message names a tensor as
//! its file does.

use crate::parts::vit::Form;

/// Beginnings of names: in transformers, in LAVIS. The first that fits is taken.
const BEGINNINGS: [(&str, &str); 9] = [
    ("vision_model.post_layernorm.", "ln_vision."),
    ("qformer.layernorm.", "Qformer.bert.embeddings.LayerNorm."),
    ("qformer.embeddings.layernorm.", "Qformer.bert.embeddings.LayerNorm."),
    ("qformer.", "Qformer.bert."),
    ("embeddings.", "Qformer.bert.embeddings."),
    ("cls.", "Qformer.cls."),
    ("vision_projection.", "vision_proj."),
    ("text_projection.", "text_proj."),
    ("vision_model.", "visual_encoder."),
];

/// Pieces within the names of Q-Former and tower.
const QFORMER: &[(&str, &str)] =
    &[(".attention.attention.", ".attention.self."), (".crossattention.attention.", ".crossattention.self.")];
const EVA: &[(&str, &str)] = &[
    ("embeddings.class_embedding", "cls_token"),
    ("embeddings.position_embedding", "pos_embed"),
    ("embeddings.patch_embedding.", "patch_embed.proj."),
    ("encoder.layers.", "blocks."),
    (".layer_norm1.", ".norm1."),
    (".layer_norm2.", ".norm2."),
    (".self_attn.projection.", ".attn.proj."),
    (".self_attn.", ".attn."),
];
const CLIP: &[(&str, &str)] = &[
    ("embeddings.class_embedding", "class_embedding"),
    ("embeddings.position_embedding", "positional_embedding"),
    ("embeddings.patch_embedding.", "conv1."),
    ("pre_layrnorm.", "ln_pre."),
    ("encoder.layers.", "transformer.resblocks."),
    (".layer_norm1.", ".ln_1."),
    (".layer_norm2.", ".ln_2."),
    (".self_attn.qkv.", ".attn.in_proj_"),
    (".self_attn.projection.", ".attn.out_proj."),
    (".mlp.fc1.", ".mlp.c_fc."),
    (".mlp.fc2.", ".mlp.c_proj."),
];

/// LAVIS' name of a tensor. `language` is what LAVIS calls a language model and the layer before it, such as `opt`.
pub(in super::super) fn lavis(name: &str, form: Form, language: &str) -> String {
    for (theirs, ours) in [("language_model.", "_model."), ("language_projection.", "_proj.")] {
        if let Some(rest) = name.strip_prefix(theirs) {
            return format!("{language}{ours}{rest}");
        }
    }
    let Some((begins, rest)) = BEGINNINGS.iter().find_map(|(theirs, ours)| Some((*ours, name.strip_prefix(theirs)?)))
    else {
        return name.to_owned();
    };
    let pieces = match (begins, form) {
        ("visual_encoder.", Form::Clip) => CLIP,
        ("visual_encoder.", _) => EVA,
        _ => QFORMER,
    };
    let named = pieces.iter().fold(rest.to_owned(), |name, (theirs, ours)| name.replacen(theirs, ours, 1));
    format!("{begins}{named}")
}
