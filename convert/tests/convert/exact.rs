//! What is no matrix is stored exactly, whatever type was asked for. Which tensors those are is what quantising a file of F32
//! says, which goes by names; conversion goes by the rules of each part.

use std::fs;

use ocelli_convert::quantize::{Mix, Recipe, quantize};
use ocelli_quant::TensorType::{F16, F32, Q8_0};
use serde_json::json;

use crate::tiny::*;
use crate::{frozen, llava, smolvlm, t5, text};

#[test]
fn what_is_no_matrix_is_exact_in_every_family() {
    let language = |kind: &str| (kind.to_owned(), text::model(kind));
    let fused = |kind: &str| (kind.to_owned(), text::fused(kind));
    let mut models: Vec<_> =
        ["llama", "mistral", "qwen2", "qwen3", "phi3", "gemma2", "gemma3_text"].map(language).into();
    models.extend(["mpt", "mosaic_gpt", "gpt_neox"].map(fused));
    for (name, model) in [
        ("blip2", Model::new()),
        ("t5", t5::model(&json!({}))),
        ("frozen", frozen::model()),
        ("llava", llava::whole(false)),
        ("llava_next", llava::whole(true)),
        ("smolvlm", smolvlm::model()),
    ] {
        models.push((name.to_owned(), model));
    }
    for (family, mut model) in models {
        // Elements that are their own numbers are more than F16 holds.
        let all = model.tensors.values_mut().flat_map(|tensor| &mut tensor.data);
        all.for_each(|value| *value /= 1024.0);
        let plain = model.convert_as(F32).unwrap_or_else(|error| panic!("{family}: {error}")).0;
        let made = model.convert_as(Q8_0).unwrap().0;
        let scratch = Scratch::new();
        let out = scratch.0.join("made.gguf");
        let none: [&std::path::Path; 0] = [];
        quantize(&plain, &none, &out, &Recipe::new(Mix::of(Q8_0)), &()).unwrap();
        let wanted = parse(&out);
        fs::remove_file(&out).unwrap();
        assert_eq!(made.tensors().len(), wanted.tensors().len(), "{family}");
        for tensor in wanted.tensors() {
            let got = made.tensor(&tensor.name).unwrap().ty;
            // The kernel of a convolution is halved where it is converted.
            let kernel = tensor.ty == F32
                && got == F16
                && ["v.patch_embd", "v.stem", "conv"].iter().any(|part| tensor.name.contains(part));
            assert!(got == tensor.ty || kernel, "{family}: {} is {got:?}, not {:?}", tensor.name, tensor.ty);
        }
    }
}
