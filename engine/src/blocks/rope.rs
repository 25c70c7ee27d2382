//! Frequencies of rotary position embeddings (Su et al. 2021) with the scalings that files ask for: linear (positions are
//! divided) and factors of each frequency (`rope_freqs.weight`, how llama 3.1's scaling is stored).

use crate::kernels::Pairs;

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
    /// The base of layers with a window; they are never stretched.
    pub local_base: f32,
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

    /// The same of layers with a window.
    #[must_use]
    pub fn local(&self) -> Vec<f32> {
        frequencies(self.local_base, self.width)
    }

    /// The axis each pair takes its position from; none where positions have one.
    #[must_use]
    pub fn axes(&self) -> Vec<u8> {
        self.sections.map_or_else(Vec::new, |sections| (0..self.width / 2).map(|pair| sections.axis(pair)).collect())
    }
}

/// 1 / base^(2i / width), each step rounded to f32 as in the originals.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn frequencies(base: f32, width: usize) -> Vec<f32> {
    let power = |i: usize| f64::from(base).powf(f64::from((2 * i) as f32 / width as f32)) as f32;
    (0..width / 2).map(|i| 1.0 / power(i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalings_slow_the_global_layers_only() {
        let rope =
            Rope { width: 4, pairs: Pairs::Halves, base: 10_000.0, stretch: 2.0, local_base: 100.0, sections: None };
        for (got, want) in [
            (rope.global(None), [0.5, 0.005]),
            (rope.global(Some(&[1.0, 5.0])), [0.5, 0.001]),
            (rope.local(), [1.0, 0.1]),
        ] {
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() <= w * 1e-6), "{got:?} for {want:?}");
        }
    }
}
