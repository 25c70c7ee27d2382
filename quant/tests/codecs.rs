//! Properties of the block codecs: sizes, length checks, error bounds, idempotence, and what NaN and infinity do.

#![allow(clippy::unwrap_used)]

use ocelli_quant::{CodecError, SizeError, TensorType, UnknownTensorType};
use proptest::prelude::*;

/// The block types with an encoder.
fn quantised() -> impl Iterator<Item = TensorType> {
    TensorType::ALL.into_iter().filter(|ty| ty.block_len() > 1 && ty.can_encode())
}

fn encoded(ty: TensorType, values: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; ty.row_bytes(values.len()).unwrap()];
    ty.encode(values, &mut bytes).unwrap();
    bytes
}

fn decoded(ty: TensorType, bytes: &[u8]) -> Vec<f32> {
    let mut values = vec![0.0; bytes.len() / ty.block_bytes() * ty.block_len()];
    ty.decode(bytes, &mut values).unwrap();
    values
}

/// The same values in every run: roughly normal, standard deviation 1.
fn samples(count: usize) -> Vec<f32> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..count).map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0).collect()
}

fn nmse(values: &[f32], approximations: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x) * f64::from(x);
    let error: f64 = values.iter().zip(approximations).map(|(a, b)| square(a - b)).sum();
    error / values.iter().map(|x| square(*x)).sum::<f64>()
}

#[test]
fn the_table_is_ggmls() {
    let table: Vec<_> = TensorType::ALL.map(|ty| (ty.id(), ty.name(), ty.block_len(), ty.block_bytes())).into();
    assert_eq!(
        table,
        [
            (0, "f32", 1, 4),
            (1, "f16", 1, 2),
            (30, "bf16", 1, 2),
            (8, "q8_0", 32, 34),
            (7, "q5_1", 32, 24),
            (6, "q5_0", 32, 22),
            (3, "q4_1", 32, 20),
            (2, "q4_0", 32, 18),
            (10, "q2_k", 256, 84),
            (11, "q3_k", 256, 110),
            (12, "q4_k", 256, 144),
            (13, "q5_k", 256, 176),
            (14, "q6_k", 256, 210),
            (20, "iq4_nl", 32, 18),
            (23, "iq4_xs", 256, 136),
        ]
    );
    for ty in TensorType::ALL {
        assert_eq!(TensorType::from_id(ty.id()), Some(ty));
        assert_eq!(ty.name().parse(), Ok(ty));
        assert_eq!(ty.name().to_uppercase().parse(), Ok(ty));
        assert_eq!(format!("{ty:>6}").len(), 6);
    }
    assert_eq!(TensorType::from_id(4), None);
    let error: UnknownTensorType = "q5_x".parse::<TensorType>().unwrap_err();
    let message = error.to_string();
    assert!(message.contains("'q5_x'"), "{message}");
    assert!(TensorType::ALL.iter().all(|ty| message.contains(ty.name())), "{message}");
}

#[test]
fn sizes_are_checked() {
    use TensorType::{F16, F32, Q4_0, Q4K, Q6K, Q8_0};
    assert_eq!(Q4K.row_bytes(512), Some(288));
    assert_eq!(Q4K.row_bytes(511), None);
    assert_eq!(F32.row_bytes(usize::MAX), None);
    assert_eq!(F32.tensor_bytes(&[]), Ok(4));
    assert_eq!(Q6K.tensor_bytes(&[256, 3, 2]), Ok(1260));
    assert_eq!(Q8_0.tensor_bytes(&[64, 10]), Ok(680));
    let zero = SizeError::ZeroDim { dim: 1, shape: vec![32, 0] };
    assert_eq!(Q4_0.tensor_bytes(&[32, 0]), Err(zero));
    let ragged = SizeError::RaggedRow { ty: Q4K, cols: 32, block_len: 256 };
    // 32 x 8 is a whole block in total, but not by row.
    assert_eq!(Q4K.tensor_bytes(&[32, 8]), Err(ragged));
    assert!(matches!(F16.tensor_bytes(&[]), Ok(2)));
    assert!(matches!(Q8_0.tensor_bytes(&[]), Err(SizeError::RaggedRow { cols: 1, .. })));
    for (ty, shape) in [
        (F16, vec![1 << 32, 1 << 32]),
        (F16, vec![1 << 16; 4]),
        (F16, vec![i64::MAX as u64, 2]),
        (F32, vec![1 << 62]),
        (Q8_0, vec![1 << 63]),
    ] {
        let error = SizeError::Overflow { ty, shape: shape.clone() };
        assert_eq!(ty.tensor_bytes(&shape), Err(error), "{ty} {shape:?}");
    }
    // Fits in elements and in bytes although 18 * elements would wrap: the count is by blocks.
    let elements = 5_124_095_576_030_431_008u64;
    assert_eq!(Q4_0.tensor_bytes(&[elements]), Ok(elements / 32 * 18));
}

#[test]
fn wrong_lengths_are_refused() {
    for ty in TensorType::ALL {
        let (len, bytes) = (ty.block_len(), ty.block_bytes());
        let error = ty.encode(&vec![0.0; 2 * len], &mut vec![0; 2 * bytes - 1]).unwrap_err();
        assert_eq!(error, CodecError::Length { ty, elements: 2 * len, bytes: 2 * bytes - 1, wanted: 2 * bytes });
        assert!(ty.decode(&vec![0; bytes + 1], &mut vec![0.0; len]).is_err());
        assert!(ty.decode(&vec![0; bytes], &mut vec![0.0; 2 * len]).is_err());
        let encoded = ty.encode(&[], &mut []);
        assert_eq!(encoded, if ty.can_encode() { Ok(()) } else { Err(CodecError::NoEncoder { ty }) });
        if len > 1 {
            let error = ty.decode(&vec![0; bytes], &mut vec![0.0; len - 1]).unwrap_err();
            assert_eq!(error, CodecError::PartialBlock { ty, elements: len - 1, block_len: len });
        }
    }
}

#[test]
fn any_byte_slice_can_be_viewed_as_blocks() {
    fn viewed<B: bytemuck::Pod>(ty: TensorType) {
        let bytes = vec![0u8; 2 * ty.block_bytes() + 1];
        for start in 0..2 {
            assert_eq!(bytemuck::cast_slice::<u8, B>(&bytes[start..][..2 * ty.block_bytes()]).len(), 2, "{ty}");
        }
    }
    viewed::<ocelli_quant::BlockQ8_0>(TensorType::Q8_0);
    viewed::<ocelli_quant::BlockQ5_1>(TensorType::Q5_1);
    viewed::<ocelli_quant::BlockQ5_0>(TensorType::Q5_0);
    viewed::<ocelli_quant::BlockQ4_1>(TensorType::Q4_1);
    viewed::<ocelli_quant::BlockQ4_0>(TensorType::Q4_0);
    viewed::<ocelli_quant::BlockQ2K>(TensorType::Q2K);
    viewed::<ocelli_quant::BlockQ3K>(TensorType::Q3K);
    viewed::<ocelli_quant::BlockQ4K>(TensorType::Q4K);
    viewed::<ocelli_quant::BlockQ5K>(TensorType::Q5K);
    viewed::<ocelli_quant::BlockQ6K>(TensorType::Q6K);
    viewed::<ocelli_quant::BlockIq4Nl>(TensorType::Iq4Nl);
    viewed::<ocelli_quant::BlockIq4Xs>(TensorType::Iq4Xs);
}

#[test]
fn quantisation_error_of_normal_weights() {
    let values = samples(256 * 256);
    // Measured values rounded up.
    for (ty, bound) in [
        (TensorType::F16, 1e-7),
        (TensorType::BF16, 3e-6),
        (TensorType::Q8_0, 4e-5),
        (TensorType::Q6K, 5e-4),
        (TensorType::Q5_1, 1.3e-3),
        (TensorType::Q5K, 1.3e-3),
        (TensorType::Q5_0, 1.8e-3),
        (TensorType::Q4_1, 5e-3),
        (TensorType::Q4K, 6e-3),
        (TensorType::Q4_0, 9e-3),
        (TensorType::Q3K, 2.2e-2),
        (TensorType::Q2K, 7e-2),
    ] {
        let error = nmse(&values, &decoded(ty, &encoded(ty, &values)));
        assert!(error < bound && error > bound / 4.0, "{ty}: {error:e}");
    }
}

#[test]
fn non_finite_input_poisons_its_block_only() {
    for ty in quantised() {
        let len = ty.block_len();
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, len / 2, len - 1] {
                let mut values = samples(3 * len);
                values[len + at] = bad;
                let back = decoded(ty, &encoded(ty, &values));
                assert!(back[len..2 * len].iter().all(|x| x.is_nan()), "{ty} {bad} {at}");
                assert!(back[..len].iter().chain(&back[2 * len..]).all(|x| x.is_finite()));
            }
        }
    }
}

#[test]
fn float_types_keep_non_finite_elements() {
    let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -0.0, f32::from_bits(0x7f80_0001)];
    let half = decoded(TensorType::F16, &encoded(TensorType::F16, &values));
    assert!(half[0].is_nan() && half[5].is_nan());
    assert_eq!(half[1..4], [f32::INFINITY, f32::NEG_INFINITY, f32::INFINITY]);
    let brain = decoded(TensorType::BF16, &encoded(TensorType::BF16, &values));
    assert!(brain[0].is_nan() && brain[5].is_nan());
    assert_eq!(brain[1..3], [f32::INFINITY, f32::NEG_INFINITY]);
    assert!((brain[3] / 1e30 - 1.0).abs() < 0.01 && brain[4].is_sign_negative());
}

#[test]
fn extreme_finite_values_do_not_panic() {
    for ty in quantised() {
        for value in [f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, -1e-45, 1e-16, 65504.0, 1e9] {
            let mut values = vec![value; ty.block_len()];
            encoded(ty, &values);
            values[3] = -value;
            values[4] = 0.0;
            encoded(ty, &values);
        }
    }
}

proptest! {
    /// Each decoded value is within its block's step of the original. The steps are those of the formats, widened for
    /// the rounding of the scales themselves and, at 2 and 3 bits, for ends that are cut off.
    #[test]
    fn decoded_values_stay_close(values in prop::collection::vec(-1e3f32..1e3, 512)) {
        for ty in quantised() {
            let back = decoded(ty, &encoded(ty, &values));
            for (block, back) in values.chunks(ty.block_len()).zip(back.chunks(ty.block_len())) {
                let largest = block.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
                let steps = match ty {
                    TensorType::Q8_0 => 0.57 / 127.0,
                    TensorType::Q6K | TensorType::Q5_1 | TensorType::Q5_0 | TensorType::Q5K => 0.12,
                    TensorType::Q3K => 0.4,
                    TensorType::Q2K => 0.7,
                    _ => 0.25,
                };
                for (a, b) in block.iter().zip(back) {
                    prop_assert!((a - b).abs() <= largest * steps + 1e-3, "{ty}: {a} became {b}");
                }
            }
        }
    }

    /// Any bits at all encode without panicking, and twice the same.
    #[test]
    fn any_input_encodes(bits in prop::collection::vec(any::<u32>(), 256)) {
        let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        for ty in TensorType::ALL.into_iter().filter(|ty| ty.can_encode()) {
            prop_assert_eq!(encoded(ty, &values), encoded(ty, &values));
        }
    }

    /// Any bytes decode without panicking.
    #[test]
    fn any_block_decodes(bytes in prop::collection::vec(any::<u8>(), 210)) {
        for ty in TensorType::ALL {
            decoded(ty, &bytes[..bytes.len() / ty.block_bytes() * ty.block_bytes()]);
        }
    }

    /// What f16 and bf16 hold survives a round trip bit for bit; f32 always does.
    #[test]
    fn float_types_round_trip(bits in prop::collection::vec(any::<u16>(), 64)) {
        for ty in [TensorType::F16, TensorType::BF16] {
            let bytes: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
            let values = decoded(ty, &bytes);
            let again = encoded(ty, &values);
            for ((value, a), b) in values.iter().zip(bytes.chunks(2)).zip(again.chunks(2)) {
                prop_assert!(a == b || value.is_nan());
            }
            prop_assert_eq!(decoded(TensorType::F32, &encoded(TensorType::F32, &values)).len(), values.len());
        }
    }

    /// Q8_0 holds its own values: encoding a decoded block changes nothing but the scale's last bit.
    #[test]
    fn q8_0_is_stable(values in prop::collection::vec(-8f32..8.0, 32)) {
        let once = decoded(TensorType::Q8_0, &encoded(TensorType::Q8_0, &values));
        let twice = decoded(TensorType::Q8_0, &encoded(TensorType::Q8_0, &once));
        for (a, b) in once.iter().zip(&twice) {
            prop_assert!((a - b).abs() <= a.abs() * 2e-3, "{a} became {b}");
        }
    }
}
