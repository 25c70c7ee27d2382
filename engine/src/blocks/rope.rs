//! Frequencies of rotary position embeddings (Su et al. 2021) with the scalings that files ask for: linear (positions are
//! divided), factors of each frequency (`rope_freqs.weight`, how llama 3.1's scaling is stored), and two sets of these of
//! which one is for long sequences (LongRoPE; Ding et al. 2024).

use crate::kernels::Pairs;

/// The factors of short sequences, where long ones have others.
pub const SHORT: &str = "rope_factors_short.weight";
/// The factors of long sequences.
pub const LONG: &str = "rope_factors_long.weight";

/// How heads are turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rope {
    /// Numbers of a head that are turned, its first ones; even.
    pub width: usize,
    /// Which two numbers form a pair.
    pub pairs: Pairs,
    /// The slowest pair's wavelength is nearly 2π times this.
    pub base: f32,
    /// Positions are divided by this.
    pub stretch: f32,
    /// Multiplies cosines and sines, and by that what is turned.
    pub scale: f32,
    /// Positions of the longest sequence that is turned by [`SHORT`] factors; all of a longer one is turned by [`LONG`]
    /// ones.
    pub short: Option<usize>,
    /// The base of layers with a window, where they have their own: then they are never stretched.
    pub local_base: Option<f32>,
    /// Which pairs take which axis of positions, where these have three.
    pub sections: Option<Sections>,
}

/// How the pairs are divided among time, height and width (Wang et al. 2024, Qwen2-VL).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sections {
    /// Pairs of each axis; together they are all pairs.
    pub counts: [usize; 3],
    /// The axes take turns as long as height and width have pairs left, time having what they leave (Qwen3-VL); otherwise
    /// each has a run of neighbours.
    pub interleaved: bool,
}

impl Sections {
    /// The axis of pair `pair`.
    fn axis(self, pair: usize) -> u8 {
        let [time, height, width] = self.counts;
        if self.interleaved {
            match pair % 3 {
                1 if pair < 3 * height => 1,
                2 if pair < 3 * width => 2,
                _ => 0,
            }
        } else {
            u8::from(pair >= time) + u8::from(pair >= time + height)
        }
    }
}

impl Rope {
    /// Radians a position, one for each pair, of layers that see everything; divided by `factors` where there are any.
    #[must_use]
    pub fn global(&self, factors: Option<&[f32]>) -> Vec<f32> {
        let mut all = frequencies(self.base, self.width);
        for (i, f) in all.iter_mut().enumerate() {
            *f /= self.stretch * factors.map_or(1.0, |factors| factors[i]);
        }
        all
    }

    /// The same of short or of long sequences by their factors, in the steps of LongRoPE's original.
    #[must_use]
    pub fn spread(&self, factors: &[f32]) -> Vec<f32> {
        let one = |(power, factor): (f32, &f32)| 1.0 / (factor * power) / self.stretch;
        powers(self.base, self.width).zip(factors).map(one).collect()
    }

    /// The same of layers with a window, where they have their own.
    #[must_use]
    pub fn local(&self) -> Vec<f32> {
        self.local_base.map_or_else(Vec::new, |base| frequencies(base, self.width))
    }

    /// The axis each pair takes its position from; none where positions have one.
    #[must_use]
    pub fn axes(&self) -> Vec<u8> {
        self.sections.map_or_else(Vec::new, |sections| (0..self.width / 2).map(|pair| sections.axis(pair)).collect())
    }
}

/// 1 / base^(2i / width), each step rounded to f32 as in the originals.
pub(super) fn frequencies(base: f32, width: usize) -> Vec<f32> {
    powers(base, width).map(|power| 1.0 / power).collect()
}

/// base^(2i / width)
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn powers(base: f32, width: usize) -> impl Iterator<Item = f32> {
    (0..width / 2).map(move |i| f64::from(base).powf(f64::from((2 * i) as f32 / width as f32)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalings_slow_the_global_layers_only() {
        let rope = Rope {
            width: 4,
            pairs: Pairs::Halves,
            base: 10_000.0,
            stretch: 2.0,
            scale: 1.0,
            short: None,
            local_base: Some(100.0),
            sections: None,
        };
        for (got, want) in [
            (rope.global(None), [0.5, 0.005]),
            (rope.global(Some(&[1.0, 5.0])), [0.5, 0.001]),
            (rope.spread(&[2.0, 5.0]), [0.25, 0.001]),
            (rope.local(), [1.0, 0.1]),
        ] {
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() <= w * 1e-6), "{got:?} for {want:?}");
        }
    }
}
