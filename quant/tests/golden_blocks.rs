//! Decoding is bit-equal to ggml's, and so is encoding in the types whose search is ggml's: frozen vectors, whose file
//! says how they were made.

#![allow(clippy::unwrap_used)]

use ocelli_quant::TensorType;

const GOLDEN: &str = include_str!("golden/blocks.txt");

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Kind, type, input and output of every line.
fn lines() -> impl Iterator<Item = (&'static str, TensorType, Vec<u8>, Vec<u8>)> {
    GOLDEN.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let [kind, ty, input, output] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        (kind, ty.parse().unwrap(), bytes(input), bytes(output))
    })
}

#[test]
fn decode_is_bit_equal() {
    let mut seen = Vec::new();
    for (_, ty, input, output) in lines().filter(|line| line.0 == "decode") {
        let mut values = vec![0.0; output.len() / 4];
        ty.decode(&input, &mut values).unwrap();
        let got: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(got, output, "{ty}");
        seen.push(ty);
    }
    seen.dedup();
    assert_eq!(seen.len(), TensorType::ALL.len() - 1, "every type but f32");
}

#[test]
fn encode_is_bit_equal() {
    let mut seen = Vec::new();
    for (_, ty, input, output) in lines().filter(|line| line.0 == "encode") {
        let mut values = vec![0.0; input.len() / 4];
        TensorType::F32.decode(&input, &mut values).unwrap();
        let mut got = vec![0xaa; output.len()];
        ty.encode(&values, &mut got).unwrap();
        assert_eq!(got, output, "{ty}");
        seen.push(ty);
    }
    seen.dedup();
    assert_eq!(seen.len(), 6, "every type whose encoder is ggml's, but f32");
}
