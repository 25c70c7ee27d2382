//! The values of every random checkpoint and picture, the same bits as `parity/formula.py`.
//!
//! A weight is a function of (seed, tensor name, shape, index), so any part of a checkpoint of any size can be made by any
//! thread in any order, and a golden stores answers only. Each value takes one rounding in the multiplication and at most
//! one in the addition; both must stay separate operations (no fused multiply-add), or the last bit would differ.

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// FNV-1a, 64 bits.
#[must_use]
pub fn fnv1a(data: &[u8]) -> u64 {
    data.iter().fold(0xCBF2_9CE4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

/// Output `index` of splitmix64 started at `key`.
#[inline]
#[must_use]
pub fn splitmix(key: u64, index: u64) -> u64 {
    let z = index.wrapping_add(1).wrapping_mul(GOLDEN).wrapping_add(key);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Centre and half-width of the uniform distribution of a tensor.
fn kind(name: &str, shape: &[usize]) -> (f64, f64) {
    if name.ends_with("bias") {
        return (0.0, 0.1);
    }
    // KOSMOS scales it by √width.
    if name == "text_model.model.embed_tokens.weight" || name == "gpt_model.decoder.embed_tokens.weight" {
        return (0.0, 0.15);
    }
    if name.ends_with("embed_tokens.weight") {
        return (0.0, 0.6);
    }
    if name.ends_with("shared.weight") {
        return (0.0, 1.2);
    }
    if name.ends_with("relative_attention_bias.weight") {
        return (0.0, 1.5);
    }
    if name.ends_with("embed_positions.weight") {
        return (0.0, 1.2);
    }
    if name.ends_with("class_embedding") || name.ends_with("position_embedding") || name == "query_tokens" {
        return (0.0, 1.0);
    }
    if shape.len() == 1 {
        return (1.0, 0.2);
    }
    let fan_in: usize = shape.iter().skip(1).product();
    let gain = if name.ends_with("q_proj.weight")
        || name.ends_with("k_proj.weight")
        || name.contains(".query.")
        || name.contains(".key.")
    {
        2.0
    } else if name.ends_with(".q.weight") || name.ends_with(".k.weight") {
        0.7
    } else if name.starts_with("language_projection.") {
        1.0
    } else if name.ends_with("lm_head.weight") {
        3.0
    } else {
        1.5
    };
    (0.0, gain * (3.0 / fan_in as f64).sqrt())
}

/// The formula of one tensor.
#[derive(Clone, Copy, Debug)]
pub struct Formula {
    key: u64,
    step: f32,
    centre: f32,
}

impl Formula {
    /// The formula of tensor `name` of `shape` in the checkpoint of `seed`.
    #[must_use]
    pub fn new(seed: u64, name: &str, shape: &[usize]) -> Self {
        let (centre, half_width) = kind(name, shape);
        Self {
            key: fnv1a(format!("{seed}:{name}").as_bytes()),
            step: (half_width / 8_388_608.0) as f32,
            centre: centre as f32,
        }
    }

    /// Element `index` in row-major order.
    #[inline]
    #[must_use]
    pub fn at(&self, index: u64) -> f32 {
        let k = (splitmix(self.key, index) >> 40) as i32 - 8_388_608;
        k as f32 * self.step + self.centre
    }

    /// Elements `start..start + out.len()`.
    pub fn fill(&self, start: u64, out: &mut [f32]) {
        for (i, v) in out.iter_mut().enumerate() {
            *v = self.at(start + i as u64);
        }
    }
}

/// A picture of `height * width * 3` bytes, rows from the top, RGB: two ramps that differ by channel, with noise.
#[must_use]
pub fn picture(seed: u64, width: usize, height: usize) -> Vec<u8> {
    let key = fnv1a(format!("{seed}:picture").as_bytes());
    let mut bytes = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                let noise = (splitmix(key, bytes.len() as u64) >> 58) as usize;
                let v = (x * (c + 2) * 5 + y * (4 - c) * 3 + c * 71 + noise) & 511;
                bytes.push(if v > 255 { 511 - v } else { v } as u8);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{BLIP2_OPT, Golden};

    #[test]
    fn weights_and_pictures_have_the_bits_of_the_python_side() {
        for name in BLIP2_OPT {
            let golden = Golden::load(name).unwrap();
            assert!(golden.formula.len() >= 20);
            for check in &golden.formula {
                let formula = Formula::new(golden.seed, &check.name, &check.shape);
                let bits: Vec<u32> = check.index.iter().map(|&i| formula.at(i).to_bits()).collect();
                assert_eq!(bits, check.bits, "{name}: {}", check.name);
            }
            for case in &golden.cases {
                let hash = format!("{:016x}", fnv1a(&case.picture.rgb()));
                assert_eq!(hash, case.picture.hash, "{name}");
            }
        }
    }
}
