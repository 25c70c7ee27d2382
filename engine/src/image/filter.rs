//! Resampling filters and their fixed-point weights, as in Pillow's `Resample.c`.
//!
//! Source: Pillow `src/libImaging/Resample.c`, `precompute_coeffs` and `normalize_coeffs_8bpc`. The arithmetic is
//! copied operation by operation in `f64`, because the weights are rounded to 22 bits and then multiplied by up to
//! 16,384 samples: another order of the same sum shows in the last bit.
//!
//! The non-obvious thing: on down-scaling the filter is stretched by the scale factor (that is Pillow's antialiasing);
//! on up-scaling it is not.

use super::ImageError;
use std::f64::consts::PI;

/// Bits after the binary point of a weight: 32 - 8 bits of sample - 2 bits of headroom for the negative lobes.
pub(super) const PRECISION_BITS: u32 = 32 - 8 - 2;

/// A resampling filter, by Pillow's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Pillow 0: the sample nearest to the centre.
    Nearest,
    /// Pillow 1: Lanczos over 3 lobes.
    Lanczos,
    /// Pillow 2: triangle.
    Bilinear,
    /// Pillow 3: cubic convolution with a = -0.5.
    Bicubic,
    /// Pillow 4: mean of the covered samples.
    Box,
    /// Pillow 5: Hamming-windowed sinc of one lobe, with `f32` constants.
    Hamming,
}

impl Filter {
    /// The filter of a `resample` number in `preprocessor_config.json`.
    ///
    /// # Errors
    /// [`ImageError::UnknownFilter`] outside 0 to 5.
    pub fn from_pil(value: i64) -> Result<Self, ImageError> {
        Ok(match value {
            0 => Self::Nearest,
            1 => Self::Lanczos,
            2 => Self::Bilinear,
            3 => Self::Bicubic,
            4 => Self::Box,
            5 => Self::Hamming,
            _ => return Err(ImageError::UnknownFilter { value }),
        })
    }

    /// Pillow's number of this filter.
    #[must_use]
    pub fn to_pil(self) -> u8 {
        match self {
            Self::Nearest => 0,
            Self::Lanczos => 1,
            Self::Bilinear => 2,
            Self::Bicubic => 3,
            Self::Box => 4,
            Self::Hamming => 5,
        }
    }

    /// Half the width of the filter at scale 1.
    fn support(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        match self {
            Self::Nearest | Self::Box => {
                if x > -0.5 && x <= 0.5 {
                    1.0
                } else {
                    0.0
                }
            }
            Self::Bilinear => {
                let x = x.abs();
                if x < 1.0 { 1.0 - x } else { 0.0 }
            }
            Self::Hamming => {
                let x = x.abs();
                if x == 0.0 {
                    1.0
                } else if x >= 1.0 {
                    0.0
                } else {
                    let x = x * PI;
                    x.sin() / x * (f64::from(0.54f32) + f64::from(0.46f32) * x.cos())
                }
            }
            Self::Bicubic => {
                const A: f64 = -0.5;
                let x = x.abs();
                if x < 1.0 {
                    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * A
                } else {
                    0.0
                }
            }
            Self::Lanczos => {
                if (-3.0..3.0).contains(&x) {
                    sinc(x) * sinc(x / 3.0)
                } else {
                    0.0
                }
            }
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * PI;
    x.sin() / x
}

/// Weights of one axis: for each output position a run of input positions and their fixed-point weights.
pub(super) struct Weights {
    /// Longest run.
    longest: usize,
    /// First input position and length of each run.
    runs: Vec<(u32, u32)>,
    /// Where each run's weights start in `fixed`.
    starts: Vec<u32>,
    fixed: Vec<i32>,
}

impl Weights {
    /// Weights from `input` to `output` samples, both at least 1 and at most a few ten thousand.
    pub(super) fn new(filter: Filter, input: u32, output: u32) -> Self {
        let scale = f64::from(input) / f64::from(output);
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let step = 1.0 / stretch;

        let mut runs = Vec::with_capacity(output as usize);
        let mut starts = Vec::with_capacity(output as usize);
        let mut fixed = Vec::new();
        let mut longest = 0;
        let mut run: Vec<f64> = Vec::new();
        for position in 0..output {
            let center = (f64::from(position) + 0.5) * scale;
            // `as` truncates towards zero and saturates, as C's conversion does in range.
            let first = ((center - support + 0.5) as i64).max(0);
            let end = ((center + support + 0.5) as i64).min(i64::from(input));
            let count = (end - first).max(0);
            run.clear();
            let mut sum = 0.0;
            for i in 0..count {
                let w = filter.weight(((i + first) as f64 - center + 0.5) * step);
                run.push(w);
                sum += w;
            }
            starts.push(fixed.len() as u32);
            for &w in &run {
                let w = if sum == 0.0 { w } else { w / sum };
                let half = if w < 0.0 { -0.5 } else { 0.5 };
                fixed.push((half + w * f64::from(1u32 << PRECISION_BITS)) as i32);
            }
            longest = longest.max(run.len());
            runs.push((first as u32, count as u32));
        }
        Self { longest, runs, starts, fixed }
    }

    /// Longest run of input samples behind one output sample.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// First input position and the weights from there on.
    pub(super) fn at(&self, position: usize) -> (usize, &[i32]) {
        let (first, count) = self.runs[position];
        let start = self.starts[position] as usize;
        (first as usize, &self.fixed[start..start + count as usize])
    }
}
