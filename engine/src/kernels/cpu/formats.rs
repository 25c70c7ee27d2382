//! The facts of the block formats that integer kernels are generic over, once for all instruction sets. How a block's
//! bits become bytes, and its scales floats, is each instruction set's own; what there is to find is not.
//!
//! A weight is `scale[half] * (byte - ZERO) - min[half]`, where `half` is the first or the second 16 of a group of 32.

use super::input::BLOCK;
use ocelli_quant::TensorType;

/// What is fixed about a format.
pub trait Packed {
    /// Which it is.
    const TYPE: TensorType;
    /// Bytes of a block in the file.
    const BYTES: usize = Self::TYPE.block_bytes();
    /// Groups of 32 inputs in a block.
    const GROUPS: usize = Self::TYPE.block_len() / BLOCK;
    /// Width of the integers when they are unsigned.
    const BITS: usize;
    /// What makes them unsigned when it is added.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    const ZERO: i16;
    /// Scales a group.
    const HALVES: usize;
    /// Minima a group.
    const MINS: usize;
}

macro_rules! formats {
    ($($name:ident: $bits:literal bits - $zero:literal, $halves:literal scales, $mins:literal minima;)*) => {
        $(
            #[doc = concat!("See [`TensorType::", stringify!($name), "`].")]
            pub struct $name;

            impl Packed for $name {
                const TYPE: TensorType = TensorType::$name;
                const BITS: usize = $bits;
                const ZERO: i16 = $zero;
                const HALVES: usize = $halves;
                const MINS: usize = $mins;
            }
        )*
    };
}

formats! {
    Q8_0: 8 bits - 128, 1 scales, 0 minima;
    Q4_0: 4 bits - 8, 1 scales, 0 minima;
    Q4_1: 4 bits - 0, 1 scales, 1 minima;
    Q5_0: 5 bits - 16, 1 scales, 0 minima;
    Q5_1: 5 bits - 0, 1 scales, 1 minima;
    Iq4Nl: 8 bits - 128, 1 scales, 0 minima;
    Q2K: 2 bits - 0, 2 scales, 2 minima;
    Q3K: 3 bits - 4, 2 scales, 0 minima;
    Q4K: 4 bits - 0, 1 scales, 1 minima;
    Q5K: 5 bits - 0, 1 scales, 1 minima;
    Q6K: 6 bits - 32, 2 scales, 0 minima;
    Iq4Xs: 8 bits - 128, 1 scales, 0 minima;
}

/// Calls a function that is generic over the format with the one of a [`TensorType`]; `$else` for the float types.
macro_rules! with_format {
    ($ty:expr, $function:ident::<_ $(, $more:tt)*>($($arg:expr),*), $else:expr) => {{
        use $crate::kernels::cpu::formats;
        match $ty {
            TensorType::Q8_0 => $function::<formats::Q8_0 $(, $more)*>($($arg),*),
            TensorType::Q4_0 => $function::<formats::Q4_0 $(, $more)*>($($arg),*),
            TensorType::Q4_1 => $function::<formats::Q4_1 $(, $more)*>($($arg),*),
            TensorType::Q5_0 => $function::<formats::Q5_0 $(, $more)*>($($arg),*),
            TensorType::Q5_1 => $function::<formats::Q5_1 $(, $more)*>($($arg),*),
            TensorType::Iq4Nl => $function::<formats::Iq4Nl $(, $more)*>($($arg),*),
            TensorType::Q2K => $function::<formats::Q2K $(, $more)*>($($arg),*),
            TensorType::Q3K => $function::<formats::Q3K $(, $more)*>($($arg),*),
            TensorType::Q4K => $function::<formats::Q4K $(, $more)*>($($arg),*),
            TensorType::Q5K => $function::<formats::Q5K $(, $more)*>($($arg),*),
            TensorType::Q6K => $function::<formats::Q6K $(, $more)*>($($arg),*),
            TensorType::Iq4Xs => $function::<formats::Iq4Xs $(, $more)*>($($arg),*),
            TensorType::F32 | TensorType::F16 | TensorType::BF16 => $else,
        }
    }};
}
pub(super) use with_format;
