//! Random numbers that are the same everywhere: xorshift64* (Vigna 2016), and normals from a table.

use half::f16;

/// A generator; equal seeds give equal numbers.
pub struct Random(u64);

impl Random {
    /// Any seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in 0 .. `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// A number in 0 .. 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A standard normal number, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Token ids below `vocabulary`.
    pub fn ids(&mut self, count: usize, vocabulary: usize) -> Vec<u32> {
        (0..count).map(|_| self.below(vocabulary) as u32).collect()
    }

    /// `count` normals of a deviation.
    pub fn normals(&mut self, count: usize, deviation: f64) -> Vec<f32> {
        (0..count).map(|_| (self.normal() * deviation) as f32).collect()
    }
}

/// Normal numbers by the gigabyte: 65,536 of them drawn beforehand, from which each is picked.
pub struct NormalTable(Vec<[u8; 2]>);

impl NormalTable {
    /// Normals of a deviation, in f16.
    pub fn new(random: &mut Random, deviation: f64) -> Self {
        Self((0..1 << 16).map(|_| f16::from_f64(random.normal() * deviation).to_le_bytes()).collect())
    }

    /// Appends `count` of them.
    pub fn fill(&self, random: &mut Random, count: usize, out: &mut Vec<u8>) {
        for _ in 0..count.div_ceil(4) {
            for pick in random.bits().to_le_bytes().as_chunks::<2>().0 {
                out.extend_from_slice(&self.0[usize::from(u16::from_le_bytes(*pick))]);
            }
        }
        out.truncate(out.len() - (count.next_multiple_of(4) - count) * 2);
    }
}
