//! Names, shapes, types and numbers of a conversion.

use ocelli_quant::TensorType::{self, BF16, F16, F32, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};

use crate::tiny::*;

const DECODER: &str = "language_model.model.decoder";

#[test]
fn every_tensor_is_where_the_format_says() {
    let model = Model::new();
    let (file, report) = model.convert_as(F32).unwrap();
    let (l, v, q) = (format!("{DECODER}.layers.1"), "vision_model.encoder.layers.1", "qformer.encoder.layer.2");
    let linears = [
        ("mm.projector".to_owned(), "language_projection".to_owned(), BRIDGE, WIDTH),
        ("blk.1.attn_q".to_owned(), format!("{l}.self_attn.q_proj"), WIDTH, WIDTH),
        ("blk.1.attn_k".to_owned(), format!("{l}.self_attn.k_proj"), WIDTH, WIDTH),
        ("blk.1.attn_v".to_owned(), format!("{l}.self_attn.v_proj"), WIDTH, WIDTH),
        ("blk.1.attn_output".to_owned(), format!("{l}.self_attn.out_proj"), WIDTH, WIDTH),
        ("blk.1.ffn_up".to_owned(), format!("{l}.fc1"), WIDTH, FFN),
        ("blk.1.ffn_down".to_owned(), format!("{l}.fc2"), FFN, WIDTH),
        ("v.patch_embd".to_owned(), "vision_model.embeddings.patch_embedding".to_owned(), 3 * 49, IMAGE),
        ("v.blk.1.attn_out".to_owned(), format!("{v}.self_attn.projection"), IMAGE, IMAGE),
        ("v.blk.1.ffn_up".to_owned(), format!("{v}.mlp.fc1"), IMAGE, IMAGE_FFN),
        ("v.blk.1.ffn_down".to_owned(), format!("{v}.mlp.fc2"), IMAGE_FFN, IMAGE),
        ("mm.qformer.blk.2.attn_q".to_owned(), format!("{q}.attention.attention.query"), BRIDGE, BRIDGE),
        ("mm.qformer.blk.2.attn_k".to_owned(), format!("{q}.attention.attention.key"), BRIDGE, BRIDGE),
        ("mm.qformer.blk.2.attn_v".to_owned(), format!("{q}.attention.attention.value"), BRIDGE, BRIDGE),
        ("mm.qformer.blk.2.attn_out".to_owned(), format!("{q}.attention.output.dense"), BRIDGE, BRIDGE),
        ("mm.qformer.blk.2.cross_q".to_owned(), format!("{q}.crossattention.attention.query"), BRIDGE, BRIDGE),
        ("mm.qformer.blk.2.cross_k".to_owned(), format!("{q}.crossattention.attention.key"), IMAGE, BRIDGE),
        ("mm.qformer.blk.2.cross_v".to_owned(), format!("{q}.crossattention.attention.value"), IMAGE, BRIDGE),
        ("mm.qformer.blk.2.cross_out".to_owned(), format!("{q}.crossattention.output.dense"), BRIDGE, BRIDGE),
        ("mm.qformer.blk.2.ffn_up".to_owned(), format!("{q}.intermediate_query.dense"), BRIDGE, BRIDGE_FFN),
        ("mm.qformer.blk.2.ffn_down".to_owned(), format!("{q}.output_query.dense"), BRIDGE_FFN, BRIDGE),
    ];
    for (ours, theirs, cols, rows) in linears {
        assert_eq!(file.tensor(&format!("{ours}.weight")).unwrap().shape, [cols, rows], "{ours}");
        for part in ["weight", "bias"] {
            let expected = &model.tensors[&format!("{theirs}.{part}")].data;
            assert_eq!(&decode(&file, &format!("{ours}.{part}")), expected, "{ours}.{part}");
        }
    }
    let norms = [
        ("output_norm", format!("{DECODER}.final_layer_norm")),
        ("blk.0.attn_norm", format!("{DECODER}.layers.0.self_attn_layer_norm")),
        ("blk.0.ffn_norm", format!("{DECODER}.layers.0.final_layer_norm")),
        ("v.blk.0.ln1", "vision_model.encoder.layers.0.layer_norm1".to_owned()),
        ("v.blk.0.ln2", "vision_model.encoder.layers.0.layer_norm2".to_owned()),
        ("v.post_ln", "vision_model.post_layernorm".to_owned()),
        ("mm.qformer.norm", "qformer.layernorm".to_owned()),
        ("mm.qformer.blk.0.attn_norm", "qformer.encoder.layer.0.attention.output.LayerNorm".to_owned()),
        ("mm.qformer.blk.0.cross_norm", "qformer.encoder.layer.0.crossattention.output.LayerNorm".to_owned()),
        ("mm.qformer.blk.0.ffn_norm", "qformer.encoder.layer.0.output_query.LayerNorm".to_owned()),
    ];
    for (ours, theirs) in norms {
        for part in ["weight", "bias"] {
            let expected = &model.tensors[&format!("{theirs}.{part}")].data;
            assert_eq!(&decode(&file, &format!("{ours}.{part}")), expected, "{ours}.{part}");
        }
    }
    let tables = [
        ("token_embd.weight", format!("{DECODER}.embed_tokens.weight"), [WIDTH, VOCABULARY]),
        ("position_embd.weight", format!("{DECODER}.embed_positions.weight"), [WIDTH, POSITIONS]),
        ("v.class_embd.weight", "vision_model.embeddings.class_embedding".to_owned(), [IMAGE, 1]),
        ("v.position_embd.weight", "vision_model.embeddings.position_embedding".to_owned(), [IMAGE, 5]),
        ("mm.query_embd.weight", "query_tokens".to_owned(), [BRIDGE, QUERIES]),
    ];
    for (ours, theirs, shape) in tables {
        assert_eq!(file.tensor(ours).unwrap().shape, shape, "{ours}");
        assert_eq!(&decode(&file, ours), &model.tensors[&theirs].data, "{ours}");
    }
    assert!(file.tensor("mm.qformer.blk.1.cross_q.weight").is_none());
    assert!(file.tensor("output.weight").is_none());
    // Each fused projection becomes three; everything else is one to one.
    assert_eq!(file.tensors().len(), model.tensors.len() + 2 * 2 * 2);
    assert_eq!(report.tensors, file.tensors().len());
    assert_eq!(report.bytes_out, file.file_len());
    assert!(report.skipped.is_empty() && report.fallbacks.is_empty() && report.notes.is_empty(), "{report:?}");
}

#[test]
fn fused_projections_are_split() {
    let model = Model::new();
    let (file, _) = model.convert_as(F32).unwrap();
    for part in ["weight", "bias"] {
        let fused = &model.tensors[&format!("vision_model.encoder.layers.1.self_attn.qkv.{part}")].data;
        let parts = ["attn_q", "attn_k", "attn_v"].map(|name| decode(&file, &format!("v.blk.1.{name}.{part}")));
        assert_eq!(&parts.concat(), fused);
        assert_ne!(parts[0], parts[1]);
    }
}

#[test]
fn types_follow_the_rules_and_fall_back_by_rows() {
    let model = Model::new();
    // 64 columns divide by 32, not by 256; 48 by neither; 256 by both.
    let cases: [(TensorType, [TensorType; 4]); 13] = [
        (F32, [F32, F32, F32, F32]),
        (F16, [F16, F16, F16, F16]),
        (BF16, [BF16, BF16, BF16, F16]),
        (Q8_0, [Q8_0, F16, Q8_0, F16]),
        (Q5_1, [Q5_1, F16, Q5_1, F16]),
        (Q5_0, [Q5_0, F16, Q5_0, F16]),
        (Q4_1, [Q4_1, F16, Q4_1, F16]),
        (Q4_0, [Q4_0, F16, Q4_0, F16]),
        (Q2K, [Q4_0, F16, Q2K, F16]),
        (Q3K, [Q4_0, F16, Q3K, F16]),
        (Q4K, [Q5_0, F16, Q4K, F16]),
        (Q5K, [Q5_1, F16, Q5K, F16]),
        (Q6K, [Q8_0, F16, Q6K, F16]),
    ];
    for (asked, [narrow, odd, wide, patch]) in cases {
        let (file, report) = model.convert_as(asked).unwrap();
        let ty = |name: &str| file.tensor(name).unwrap().ty;
        assert_eq!(ty("v.blk.0.attn_q.weight"), narrow, "{asked}");
        assert_eq!(ty("token_embd.weight"), narrow, "{asked}");
        assert_eq!(ty("mm.projector.weight"), odd, "{asked}");
        assert_eq!(ty("mm.qformer.blk.0.ffn_down.weight"), wide, "{asked}");
        assert_eq!(ty("v.patch_embd.weight"), patch, "{asked}");
        for exact in [
            "position_embd.weight",
            "v.class_embd.weight",
            "v.position_embd.weight",
            "mm.query_embd.weight",
            "blk.0.attn_q.bias",
            "output_norm.weight",
            "v.patch_embd.bias",
        ] {
            assert_eq!(ty(exact), F32, "{exact}");
        }
        let fallback = |name: &str| report.fallbacks.iter().find(|(tensor, ..)| tensor == name).cloned();
        let expected = (asked != odd).then(|| ("mm.projector.weight".to_owned(), asked, odd));
        assert_eq!(fallback("mm.projector.weight"), expected, "{asked}");
        assert_eq!(fallback("v.patch_embd.weight"), None);
    }
}

#[test]
fn quantised_numbers_are_the_encoders() {
    let model = Model::new();
    let (file, _) = model.convert_as(Q4K).unwrap();
    let source = &model.tensors["qformer.encoder.layer.0.output_query.dense.weight"].data;
    let tensor = file.tensor("mm.qformer.blk.0.ffn_down.weight").unwrap();
    let mut expected = vec![0; tensor.bytes as usize];
    Q4K.encode(source, &mut expected).unwrap();
    assert_eq!(file.data(tensor), expected);
}

#[test]
fn half_sources_are_exact() {
    let mut model = Model::new();
    let (expected, _) = model.convert_as(F32).unwrap();
    for store in [Store::F16, Store::BF16] {
        model.store = store;
        for ty in [F32, F16, BF16] {
            let (file, _) = model.convert_as(ty).unwrap();
            for tensor in file.tensors() {
                assert_eq!(decode(&file, &tensor.name), decode(&expected, &tensor.name), "{}", tensor.name);
            }
        }
    }
}

#[test]
fn large_tensors_come_in_chunks() {
    let mut model = Model::new();
    // More than two chunks of rows, and a last one that is not full.
    model.set("/text_config/ffn_dim", 40_000.into());
    for n in 0..2 {
        model.linear(&format!("{DECODER}.layers.{n}.fc1"), WIDTH, 40_000);
        model.linear(&format!("{DECODER}.layers.{n}.fc2"), 40_000, WIDTH);
    }
    let (file, _) = model.convert_as(F16).unwrap();
    for (ours, theirs) in [("ffn_up", "fc1"), ("ffn_down", "fc2")] {
        let expected = &model.tensors[&format!("{DECODER}.layers.1.{theirs}.weight")].data;
        assert_eq!(&decode(&file, &format!("blk.1.{ours}.weight")), expected);
    }
}

#[test]
fn values_too_large_for_the_type_are_refused() {
    let mut model = Model::new();
    let name = format!("{DECODER}.layers.0.fc1.weight");
    model.tensors.get_mut(&name).unwrap().data[70] = -65_520.0;
    let Err(error) = model.convert_as(F16) else { panic!("converted") };
    check(&error, "overflow", &["'blk.0.ffn_up.weight'", "-65520", "65504", "bf16 or f32"]);
    for ty in [F32, BF16, Q8_0] {
        assert!(model.convert_as(ty).is_ok(), "{ty}");
    }
    model.tensors.get_mut(&name).unwrap().data[70] = 65_504.0;
    assert!(model.convert_as(F16).is_ok());
    model.tensors.get_mut(&name).unwrap().data[70] = 1e9;
    let Err(error) = model.convert_as(Q8_0) else { panic!("converted") };
    check(&error, "overflow", &["q8_0"]);

    // What is broken already stays broken and is reported.
    model.tensors.get_mut(&name).unwrap().data[70] = f32::NAN;
    model.tensors.get_mut(&name).unwrap().data[71] = f32::INFINITY;
    let (file, report) = model.convert_as(F16).unwrap();
    assert!(decode(&file, "blk.0.ffn_up.weight")[70].is_nan());
    assert_eq!(report.notes, ["blk.0.ffn_up.weight: 2 values are NaN or infinite"]);
}

#[test]
fn heads_follow_the_embedding() {
    let head = "language_model.lm_head.weight".to_owned();
    let embedding = format!("{DECODER}.embed_tokens.weight");
    let mut model = Model::new();
    model.tensors.insert(head.clone(), model.tensors[&embedding].clone());
    let (file, report) = model.convert_as(F32).unwrap();
    assert!(file.tensor("output.weight").is_none());
    assert_eq!(report.skipped, std::slice::from_ref(&head));

    model.tensors.get_mut(&head).unwrap().data[0] += 1.0;
    let (file, report) = model.convert_as(F32).unwrap();
    assert!(file.tensor("output.weight").is_none(), "the original uses the embedding");
    assert!(report.notes[0].contains("differs"), "{report:?}");

    model.insert("text_config", "tie_word_embeddings", false.into());
    let (file, report) = model.convert_as(F32).unwrap();
    assert_eq!(decode(&file, "output.weight"), model.tensors[&head].data);
    assert!(report.notes.is_empty() && report.skipped.is_empty());

    model.tensors.remove(&head);
    model.fails("missing_tensors", &["1 tensors", "language_model.lm_head.weight"]);

    // The outer switch has no effect.
    model.config["text_config"]["tie_word_embeddings"] = serde_json::Value::Null;
    model.config["tie_word_embeddings"] = false.into();
    assert!(model.convert_as(F32).unwrap().0.tensor("output.weight").is_none());

    let moved = model.tensors.remove(&embedding).unwrap();
    model.tensors.insert(head.clone(), moved);
    let (file, _) = model.convert_as(F32).unwrap();
    assert_eq!(decode(&file, "token_embd.weight"), model.tensors[&head].data);
}
