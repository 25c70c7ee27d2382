//! Python's random numbers: the Mersenne Twister (Matsumoto and Nishimura 1998) as `random.seed` fills it from a whole
//! number, and what `random.sample` and `random.choice` make of it. Published runs are told by such seeds.

const N: usize = 624;
const M: usize = 397;

/// A generator.
pub struct Random {
    state: [u32; N],
    at: usize,
}

impl Random {
    /// As after `random.seed(seed)`.
    pub fn new(seed: u64) -> Self {
        let mut state = [0u32; N];
        state[0] = 19_650_218;
        for i in 1..N {
            state[i] = following(state[i - 1], 1_812_433_253, i);
        }
        #[allow(clippy::cast_possible_truncation)]
        let words = [seed as u32, (seed >> 32) as u32];
        let key = if words[1] == 0 { &words[..1] } else { &words[..] };
        let (mut i, mut j) = (1, 0);
        for _ in 0..N {
            #[allow(clippy::cast_possible_truncation)]
            let add = key[j].wrapping_add(j as u32);
            let mixed = state[i] ^ (state[i - 1] ^ state[i - 1] >> 30).wrapping_mul(1_664_525);
            state[i] = mixed.wrapping_add(add);
            (i, j) = (i + 1, (j + 1) % key.len());
            if i == N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        for _ in 0..N - 1 {
            let mixed = state[i] ^ (state[i - 1] ^ state[i - 1] >> 30).wrapping_mul(1_566_083_941);
            #[allow(clippy::cast_possible_truncation)]
            let mixed = mixed.wrapping_sub(i as u32);
            state[i] = mixed;
            i += 1;
            if i == N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        Self { state, at: N }
    }

    fn next(&mut self) -> u32 {
        if self.at == N {
            for i in 0..N {
                let y = self.state[i] & 0x8000_0000 | self.state[(i + 1) % N] & 0x7fff_ffff;
                let odd = if y & 1 == 0 { 0 } else { 0x9908_b0df };
                self.state[i] = self.state[(i + M) % N] ^ y >> 1 ^ odd;
            }
            self.at = 0;
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    /// A number below `most`, which is not zero and fits 32 bits.
    pub fn below(&mut self, most: usize) -> usize {
        let bits = usize::BITS - most.leading_zeros();
        loop {
            let number = if bits == 0 { 0 } else { self.next() >> (32 - bits.min(32)) } as usize;
            if number < most {
                return number;
            }
        }
    }

    /// `count` different places of `all`, in the order in which `random.sample` gives them.
    pub fn sample(&mut self, all: usize, count: usize) -> Vec<usize> {
        let count = count.min(all);
        let mut few = 21;
        if count > 5 {
            few += 4usize.pow(three_times_in_fours(count));
        }
        let mut taken = Vec::with_capacity(count);
        if all <= few {
            let mut pool: Vec<usize> = (0..all).collect();
            for i in 0..count {
                let j = self.below(all - i);
                taken.push(pool[j]);
                pool[j] = pool[all - i - 1];
            }
        } else {
            let mut seen = std::collections::HashSet::new();
            while taken.len() < count {
                let j = self.below(all);
                if seen.insert(j) {
                    taken.push(j);
                }
            }
        }
        taken
    }
}

/// The least power of four that reaches three times a count: `ceil(log(count * 3, 4))`.
fn three_times_in_fours(count: usize) -> u32 {
    let mut power = 0;
    while 4usize.saturating_pow(power) < count.saturating_mul(3) {
        power += 1;
    }
    power
}

#[allow(clippy::cast_possible_truncation)]
fn following(before: u32, factor: u32, i: usize) -> u32 {
    factor.wrapping_mul(before ^ before >> 30).wrapping_add(i as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[(u64, usize, usize, &[usize])] = &[
        (3, 12726, 2, &[3898, 9709]),
        (0, 10, 10, &[6, 9, 0, 2, 4, 3, 5, 1, 8, 7]),
        (1, 100, 7, &[17, 72, 97, 8, 32, 15, 63]),
        (1099511627781, 1000, 5, &[516, 529, 275, 679, 948]),
        (42, 22, 3, &[20, 3, 0]),
        (123, 21, 5, &[1, 8, 2, 13, 19]),
    ];
    const DRAWN: [usize; 8] = [2, 1, 3, 0, 0, 4, 0, 2];

    #[test]
    fn numbers_are_pythons() {
        // random.seed(3); random.sample(range(12726), 2), and so on, of CPython 3.
        for (seed, all, count, wanted) in GOLDEN {
            assert_eq!(Random::new(*seed).sample(*all, *count), *wanted, "seed {seed}, {count} of {all}");
        }
        let mut random = Random::new(7);
        let drawn: Vec<usize> = (0..8).map(|_| random.below(5)).collect();
        assert_eq!(drawn, DRAWN);
    }
}
