//! The encoders' searches: never worse than ggml's on frozen figures, better where it matters, and what they make of
//! blocks without anything to search.

#![allow(clippy::unwrap_used)]

use ocelli_quant::{CodecError, TensorType};
use proptest::prelude::*;

/// Columns of the matrices here.
const COLS: usize = 256;

fn quantised() -> impl Iterator<Item = TensorType> {
    TensorType::ALL.into_iter().filter(|ty| ty.block_len() > 1 && ty.can_encode())
}

fn plain(ty: TensorType, values: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; ty.row_bytes(values.len()).unwrap()];
    ty.encode(values, &mut bytes).unwrap();
    bytes
}

fn weighted(ty: TensorType, values: &[f32], importance: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; ty.row_bytes(values.len()).unwrap()];
    ty.encode_weighted(values, importance, &mut bytes).unwrap();
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

/// 64 rows and their importances, which vary as squares of normal activations do.
fn matrix() -> (Vec<f32>, Vec<f32>) {
    let mut values = samples(65 * COLS);
    let importance = values.split_off(64 * COLS).into_iter().map(|x| x * x).collect();
    (values, importance)
}

/// Weighted squared error over weighted squares.
fn error(ty: TensorType, bytes: &[u8], values: &[f32], importance: &[f32]) -> f64 {
    let (mut error, mut power) = (0.0, 0.0);
    for (i, (x, y)) in values.iter().zip(decoded(ty, bytes)).enumerate() {
        let w = f64::from(importance[i % importance.len()]);
        error += w * f64::from(x - y).powi(2);
        power += w * f64::from(*x).powi(2);
    }
    error / power
}

/// The errors of ggml's `quantize_*` (llama.cpp of llama-cpp-python 0.3.36) on [`matrix`]: without importances the
/// plain error, with them the weighted one.
#[test]
fn errors_are_not_above_ggmls() {
    let (values, importance) = matrix();
    let ones = [1.0; COLS];
    let mut seen = 0;
    for (ty, without, with) in [
        (TensorType::Q8_0, 2.8188e-5, 2.8458e-5),
        (TensorType::Q5_1, 1.4047e-3, 9.1200e-4),
        (TensorType::Q5_0, 1.7862e-3, 1.4445e-3),
        (TensorType::Q4_1, 6.0749e-3, 3.8678e-3),
        (TensorType::Q4_0, 7.2268e-3, 5.6503e-3),
        (TensorType::Q2K, 8.8198e-2, 5.1635e-2),
        (TensorType::Q3K, 2.2824e-2, 1.7529e-2),
        (TensorType::Q4K, 5.0925e-3, 4.0023e-3),
        (TensorType::Q5K, 1.2938e-3, 1.0479e-3),
        (TensorType::Q6K, 3.1285e-4, 2.5275e-4),
    ] {
        // The figures have five digits, and four types give ggml's very blocks.
        let found = error(ty, &plain(ty, &values), &values, &ones);
        assert!(found <= without * 1.00002, "{ty}: {found:e} above {without:e}");
        let found = error(ty, &weighted(ty, &values, &importance), &values, &importance);
        assert!(found <= with, "{ty}: {found:e} above {with:e} with importances");
        seen += 1;
    }
    assert_eq!(seen, quantised().count());
}

#[test]
fn importances_move_the_error_to_where_it_costs_least() {
    let (values, importance) = matrix();
    for ty in quantised() {
        let (without, with) = (plain(ty, &values), weighted(ty, &values, &importance));
        let ones = [1.0; COLS];
        let searched = weighted(ty, &values, &ones);
        assert!(error(ty, &with, &values, &importance) < error(ty, &without, &values, &importance), "{ty}");
        assert!(error(ty, &searched, &values, &ones) < error(ty, &with, &values, &ones), "{ty}");
        assert!(error(ty, &searched, &values, &ones) <= error(ty, &without, &values, &ones), "{ty}");
    }
}

/// A column that alone matters is all but exact, however small its weights are beside the others.
#[test]
fn the_only_column_that_matters_is_exact() {
    // Large enough that f16 holds the scales of the k formats with all its digits.
    let mut values: Vec<f32> = samples(8 * COLS).iter().map(|x| x * 100.0).collect();
    values.iter_mut().step_by(COLS).for_each(|x| *x *= 0.05);
    let mut importance = [0.0; COLS];
    importance[0] = 1.0;
    for ty in quantised() {
        let found = error(ty, &weighted(ty, &values, &importance), &values, &importance);
        assert!(found < 1e-3, "{ty}: {found:e}");
    }
}

#[test]
fn only_ratios_of_importances_matter() {
    let (values, importance) = matrix();
    let values = &values[..4 * COLS];
    for ty in quantised() {
        let bytes = weighted(ty, values, &importance);
        for factor in [1e-30, 1e-3, 4.0, 1e30] {
            let scaled: Vec<f32> = importance.iter().map(|w| w * factor).collect();
            let found = error(ty, &weighted(ty, values, &scaled), values, &importance);
            let expected = error(ty, &bytes, values, &importance);
            // Roundings differ, and with them now and then which of two fits as good is found.
            assert!((found / expected - 1.0).abs() < 0.02, "{ty} * {factor:e}: {found:e}, {expected:e}");
        }
        // Without any preference the types that are searched in any case give the same blocks.
        if !matches!(ty, TensorType::Q8_0 | TensorType::Q4_0 | TensorType::Q4K | TensorType::Q6K) {
            assert_eq!(weighted(ty, values, &[3.0; COLS]), plain(ty, values), "{ty}");
        }
    }
}

/// Blocks are searched eight at a time, rows end anywhere between them, and a block is the same in any company.
#[test]
fn a_row_is_encoded_the_same_alone() {
    for ty in quantised() {
        let cols = if ty.block_len() == 32 { 96 } else { 512 };
        let mut values = samples(5 * cols);
        values[cols..2 * cols].fill(0.0);
        values[2 * cols..2 * cols + 32].iter_mut().for_each(|x| *x = x.abs());
        values[3 * cols + 40] = f32::NAN;
        let importance: Vec<f32> = samples(cols).iter().map(|x| x * x).collect();
        let apart: Vec<u8> = values.chunks(cols).flat_map(|row| weighted(ty, row, &importance)).collect();
        assert_eq!(weighted(ty, &values, &importance), apart, "{ty}");
        let apart: Vec<u8> = values.chunks(ty.block_len()).flat_map(|block| plain(ty, block)).collect();
        assert_eq!(plain(ty, &values), apart, "{ty}");
    }
}

#[test]
fn zeros_stay_zeros() {
    for ty in quantised() {
        for importance in [[1.0; COLS], [0.0; COLS]] {
            let back = decoded(ty, &weighted(ty, &[0.0; COLS], &importance));
            assert!(back.iter().all(|x| *x == 0.0), "{ty}");
        }
        assert!(decoded(ty, &plain(ty, &[0.0; COLS])).iter().all(|x| *x == 0.0), "{ty}");
        // Too small for an f16 scale: the weights become zeros, or as small.
        for tiny in [f32::MIN_POSITIVE, 1e-40, 1e-45, -1e-45, 1e-12] {
            let mut values = [tiny; COLS];
            values[7] = -tiny;
            values[9] = 0.0;
            for bytes in [plain(ty, &values), weighted(ty, &values, &[1.0; COLS])] {
                assert!(decoded(ty, &bytes).iter().all(|x| x.abs() <= 1e-7), "{ty} {tiny:e}");
            }
        }
    }
}

#[test]
fn constants_stay_close() {
    for ty in quantised() {
        for value in [1.0f32, -1.0, 0.3, -0.3, 1000.0, -30.0] {
            let values = [value; COLS];
            for bytes in [plain(ty, &values), weighted(ty, &values, &[2.0; COLS])] {
                for x in decoded(ty, &bytes) {
                    assert!((x / value - 1.0).abs() < 2e-3, "{ty}: {value} became {x}");
                }
            }
        }
    }
}

#[test]
fn an_outlier_is_kept() {
    for ty in quantised() {
        for outlier in [1000.0, -1000.0] {
            let mut values = samples(COLS);
            values[77] = outlier;
            for bytes in [plain(ty, &values), weighted(ty, &values, &[1.0; COLS])] {
                let back = decoded(ty, &bytes);
                assert!((back[77] / outlier - 1.0).abs() < 0.02, "{ty}: {outlier} became {}", back[77]);
                // The others are off by no more than its step.
                let worst = values.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 400.0, "{ty}: {worst}");
            }
        }
    }
}

/// With nothing to go by a block keeps its range.
#[test]
fn importances_of_zero_are_no_information() {
    let values = samples(COLS);
    for ty in quantised() {
        let mut importance = [0.0; COLS];
        let found = error(ty, &weighted(ty, &values, &importance), &values, &[1.0; COLS]);
        assert!(found < 0.3, "{ty}: {found}");
        importance[..COLS / 2].fill(1.0);
        assert!(decoded(ty, &weighted(ty, &values, &importance)).iter().all(|x| x.abs() < 30.0), "{ty}");
    }
}

#[test]
fn damage_poisons_its_block_only() {
    for ty in quantised() {
        let len = ty.block_len();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, len / 2, len - 1] {
                let mut values = samples(3 * COLS);
                values[COLS + at] = bad;
                let back = decoded(ty, &weighted(ty, &values, &[1.0; COLS]));
                assert!(back[COLS..COLS + len].iter().all(|x| x.is_nan()), "{ty} {bad} {at}");
                assert!(back[..COLS].iter().chain(&back[COLS + len..]).all(|x| x.is_finite()), "{ty} {bad} {at}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let ty = TensorType::Q4K;
    let mut bytes = [0; 288];
    let encode = |src: &[f32], importance: &[f32], dst: &mut [u8]| ty.encode_weighted(src, importance, dst);
    let values = [1.0; 512];
    assert_eq!(encode(&values, &[1.0; 256], &mut bytes), Ok(()));
    assert_eq!(encode(&values, &[1.0; 512], &mut bytes), Ok(()));
    assert_eq!(encode(&[], &[1.0; 256], &mut []), Ok(()));
    assert_eq!(encode(&[], &[], &mut []), Ok(()));
    let wanted = CodecError::Length { ty, elements: 512, bytes: 287, wanted: 288 };
    assert_eq!(encode(&values, &[1.0; 256], &mut bytes[..287]), Err(wanted));
    for (importances, error) in [
        (0, CodecError::PartialRow { elements: 512, cols: 0 }),
        (100, CodecError::PartialRow { elements: 512, cols: 100 }),
        (1024, CodecError::PartialRow { elements: 512, cols: 1024 }),
        (128, CodecError::PartialBlock { ty, elements: 128, block_len: 256 }),
    ] {
        assert_eq!(encode(&values, &vec![1.0; importances], &mut bytes), Err(error));
    }
    for bad in [-1.0, f32::INFINITY, -f32::MIN_POSITIVE] {
        let mut importance = [1.0; 256];
        importance[200] = bad;
        let error = encode(&values, &importance, &mut bytes).unwrap_err();
        assert_eq!(error, CodecError::Importance { column: 200, value: bad });
        assert!(error.to_string().contains("column 200"), "{error}");
    }
    let error = encode(&values, &[f32::NAN; 256], &mut bytes).unwrap_err();
    assert!(matches!(error, CodecError::Importance { column: 0, .. }), "{error}");

    for ty in [TensorType::Iq4Nl, TensorType::Iq4Xs] {
        let (mut bytes, error) = (vec![0; ty.row_bytes(512).unwrap()], CodecError::NoEncoder { ty });
        assert!(!ty.can_encode());
        assert_eq!(ty.encode(&values, &mut bytes), Err(error.clone()));
        assert_eq!(ty.encode_weighted(&values, &[1.0; 256], &mut bytes), Err(error));
    }
    for ty in [TensorType::F32, TensorType::F16, TensorType::BF16] {
        assert_eq!(weighted(ty, &[0.5, 1.5, -2.0, 3.0], &[0.0, 9.0]), plain(ty, &[0.5, 1.5, -2.0, 3.0]));
    }
}

proptest! {
    /// Any bits at all encode without panicking, and twice the same.
    #[test]
    fn any_input_encodes(
        bits in prop::collection::vec(any::<u32>(), 256),
        importance in prop::collection::vec(0f32..f32::MAX, 256),
    ) {
        let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        for ty in quantised() {
            prop_assert_eq!(weighted(ty, &values, &importance), weighted(ty, &values, &importance));
        }
    }

    /// A decoded value lies in the range of its block's values and zero, give or take a step.
    #[test]
    fn decoded_values_stay_in_range(
        values in prop::collection::vec(-1e3f32..1e3, 256),
        importance in prop::collection::vec(0f32..10.0, 256),
    ) {
        let largest = values.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        for ty in quantised() {
            for x in decoded(ty, &weighted(ty, &values, &importance)) {
                prop_assert!(x.abs() <= 1.5 * largest, "{ty}: {x} beyond {largest}");
            }
        }
    }

    /// What a type holds it holds again with hardly an error: a search that misses the exact answer shows here.
    #[test]
    fn decoded_blocks_are_found_again(values in prop::collection::vec(-8f32..8.0, 256)) {
        for ty in [TensorType::Q8_0, TensorType::Q5_1, TensorType::Q5_0, TensorType::Q4_1, TensorType::Q4_0] {
            let once = decoded(ty, &plain(ty, &values));
            let again = weighted(ty, &once, &[1.0; 256]);
            let found = error(ty, &again, &once, &[1.0; 256]);
            prop_assert!(found < 2e-5, "{ty}: {found:e}");
        }
    }
}
