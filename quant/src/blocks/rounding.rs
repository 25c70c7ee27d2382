//! Round to nearest, ties to even, without a library call: the rounding of ggml's k-quant searches.
//!
//! Adding 1.5 * 2^23 leaves an f32 no bits below the unit, so the adder itself rounds; subtracting it again gives the
//! rounded value. Exact up to 2^22 in magnitude, which ggml asserts; beyond that only the clamp matters.

/// 1.5 * 2^23.
const SHIFT: f32 = 12_582_912.0;

/// The integer nearest to `value`, ties to even, clamped to `low..=high`; NaN gives `low`.
///
/// The result stays a float because that is what the searches go on computing with. The comparisons are written so that
/// each becomes one vector instruction, which `f32::clamp` with its care for NaN does not.
#[inline]
pub(super) fn level(value: f32, low: f32, high: f32) -> f32 {
    let rounded = (value + SHIFT) - SHIFT;
    let rounded = if rounded > low { rounded } else { low };
    if rounded < high { rounded } else { high }
}

#[cfg(test)]
mod tests {
    use super::level;

    #[test]
    fn agrees_with_the_library_rounding() {
        for i in -400_000i32..=400_000 {
            let value = i as f32 / 8.0;
            assert_eq!(level(value, -1e6, 1e6), value.round_ties_even(), "{value}");
        }
    }

    #[test]
    fn clamps_what_does_not_fit() {
        assert_eq!(level(1e30, -32.0, 31.0), 31.0);
        assert_eq!(level(f32::NEG_INFINITY, -32.0, 31.0), -32.0);
        assert_eq!(level(f32::NAN, 0.0, 15.0), 0.0);
        assert_eq!(level(15.5, 0.0, 15.0), 15.0);
    }
}
