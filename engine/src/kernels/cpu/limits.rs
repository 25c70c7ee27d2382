//! What the processor can do at best, found by loops that do nothing else: what speeds are measured against.
//!
//! The best known loops, not data-sheet figures: a stream of loads, chains of multiply-adds in registers, and chains of
//! byte products as the integer kernels form them. Each call is one run of some ten milliseconds on threads of its own;
//! callers repeat it in turn with what they measure, so that a change of clock or load hits both alike.

use super::isa::Isa;
use std::hint::black_box;
use std::time::Instant;

/// Turns of a loop in registers: some ten milliseconds, beside which starting a thread and finding it a core is little.
const TURNS: usize = 4_000_000;

/// Bytes that [`stream`] wants at least: more than the last caches of most processors hold.
pub const STREAM_BYTES: usize = 256 << 20;

/// GB/s at which `threads` threads read `bytes`, each a part of its own.
///
/// # Panics
/// Where this machine has no `isa`.
#[must_use]
pub fn stream(isa: Isa, threads: usize, bytes: &[u8]) -> f64 {
    let share = bytes.len().div_ceil(threads.max(1)).max(1);
    let parts: Vec<&[u8]> = bytes.chunks(share).collect();
    #[allow(clippy::cast_precision_loss)]
    let work = bytes.len() as f64;
    measure(parts.len().max(1), work, |t| {
        let part = parts.get(t).copied().unwrap_or_default();
        (isa.table().limits.read)(part);
    })
}

/// GFLOP/s of multiply-adds in registers, two operations each, on `threads` threads.
///
/// # Panics
/// Where this machine has no `isa`.
#[must_use]
pub fn f32(isa: Isa, threads: usize) -> f64 {
    let loops = &isa.table().limits;
    measure(threads.max(1), work(threads, CHAINS * loops.lanes), |_| (loops.multiply_add)())
}

/// GOP/s of products of bytes summed in 32 bits, two operations each, on `threads` threads. Without an instruction that
/// sums in 32 bits it matters how many `bits` the weights have: pairs of products of eight fill 16 bits and have to be
/// widened each, of shorter ones four pairs are summed first.
///
/// # Panics
/// Where this machine has no `isa`.
#[must_use]
pub fn int8(isa: Isa, threads: usize, bits: u32) -> f64 {
    let loops = &isa.table().limits;
    measure(threads.max(1), work(threads, loops.products), |_| (loops.multiply_bytes)(bits))
}

/// The loops of an instruction set: each runs once.
pub(super) struct Loops {
    /// Reads all bytes.
    read: fn(&[u8]),
    /// Floats a chain of `multiply_add` holds.
    lanes: usize,
    /// [`TURNS`] of [`CHAINS`] multiply-adds.
    multiply_add: fn(),
    /// Products of bytes a turn of `multiply_bytes` makes.
    products: usize,
    /// [`TURNS`] of products, for weights of so many bits.
    multiply_bytes: fn(u32),
}

/// For every other processor.
pub(super) const PLAIN: Loops = Loops {
    read: |bytes| {
        black_box(plain::read(bytes));
    },
    lanes: plain::LANES,
    multiply_add: || {
        black_box(plain::multiply_add(black_box(1e-9)));
    },
    products: CHAINS * plain::LANES,
    multiply_bytes: |_| {
        black_box(plain::products(black_box(1)));
    },
};

/// With AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
pub(super) const AVX2: Loops = Loops {
    read: |bytes| {
        // SAFETY: only an `Isa` of AVX2 or better leads here; so it is below.
        black_box(unsafe { x86::read(bytes) });
    },
    lanes: 8,
    multiply_add: || {
        // SAFETY: as above.
        black_box(unsafe { x86::fma(black_box(1e-9)) });
    },
    products: 8 * 32,
    multiply_bytes: |bits| {
        // SAFETY: as above.
        black_box(unsafe { if bits < 8 { x86::maddubs::<4>(black_box(1)) } else { x86::maddubs::<1>(black_box(1)) } });
    },
};

/// And with AVX-512 and VNNI.
#[cfg(target_arch = "x86_64")]
pub(super) const AVX512: Loops = Loops {
    lanes: 16,
    multiply_add: || {
        // SAFETY: only an `Isa` of AVX-512 leads here; so it is below.
        black_box(unsafe { x86::wide_fma(black_box(1e-9)) });
    },
    products: CHAINS * 64,
    multiply_bytes: |_| {
        // SAFETY: as above.
        black_box(unsafe { x86::vnni(black_box(1)) });
    },
    ..AVX2
};

/// Independent sums of a loop: enough to hide the latency of one.
const CHAINS: usize = 12;

/// Operations of all threads together.
#[allow(clippy::cast_precision_loss)]
fn work(threads: usize, products: usize) -> f64 {
    (threads.max(1) * TURNS * products * 2) as f64
}

/// Runs `job(thread)` once on as many threads; `work` a nanosecond.
fn measure(threads: usize, work: f64, job: impl Fn(usize) + Sync) -> f64 {
    let start = Instant::now();
    std::thread::scope(|s| {
        for t in 1..threads {
            let job = &job;
            s.spawn(move || job(t));
        }
        job(0);
    });
    work / start.elapsed().as_secs_f64() / 1e9
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{CHAINS, TURNS};
    use core::arch::x86_64::*;
    use core::hint::black_box;

    /// Sums all bytes' words: a stream of loads.
    #[target_feature(enable = "avx2")]
    pub fn read(bytes: &[u8]) -> i32 {
        let mut acc = [_mm256_setzero_si256(); 8];
        for chunk in bytes.as_chunks::<256>().0 {
            for (acc, part) in acc.iter_mut().zip(chunk.as_chunks::<32>().0) {
                // SAFETY: 32 bytes are there.
                *acc = _mm256_add_epi32(*acc, unsafe { _mm256_loadu_si256(part.as_ptr().cast()) });
            }
        }
        let sum = acc.into_iter().fold(_mm256_setzero_si256(), |a, b| _mm256_add_epi32(a, b));
        _mm256_extract_epi32::<0>(sum)
    }

    /// Fused multiply-adds of 8.
    #[target_feature(enable = "avx2,fma")]
    pub fn fma(x: f32) -> f32 {
        let mut acc = [_mm256_setzero_ps(); CHAINS];
        let (a, b) = (_mm256_set1_ps(x), _mm256_set1_ps(x * 0.5));
        for _ in 0..TURNS {
            for acc in &mut acc {
                *acc = _mm256_fmadd_ps(a, b, *acc);
            }
            black_box(&a);
        }
        let sum = acc.into_iter().fold(_mm256_setzero_ps(), |a, b| _mm256_add_ps(a, b));
        _mm256_cvtss_f32(sum)
    }

    /// Fused multiply-adds of 16.
    #[target_feature(enable = "avx512f")]
    pub fn wide_fma(x: f32) -> f32 {
        let mut acc = [_mm512_setzero_ps(); CHAINS];
        let (a, b) = (_mm512_set1_ps(x), _mm512_set1_ps(x * 0.5));
        for _ in 0..TURNS {
            for acc in &mut acc {
                *acc = _mm512_fmadd_ps(a, b, *acc);
            }
            black_box(&a);
        }
        let sum = acc.into_iter().fold(_mm512_setzero_ps(), |a, b| _mm512_add_ps(a, b));
        _mm512_reduce_add_ps(sum)
    }

    /// Products of 64 bytes with VNNI.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub fn vnni(x: i8) -> i32 {
        let mut acc = [_mm512_setzero_si512(); CHAINS];
        let (w, x) = (_mm512_set1_epi8(3), _mm512_set1_epi8(x));
        for _ in 0..TURNS {
            for acc in &mut acc {
                *acc = _mm512_dpbusd_epi32(*acc, w, x);
            }
            black_box(&w);
        }
        let sum = acc.into_iter().fold(_mm512_setzero_si512(), |a, b| _mm512_add_epi32(a, b));
        _mm512_reduce_add_epi32(sum)
    }

    /// 8 times `CHAIN` products of 32 bytes, summed in 16 bits, then widened: `CHAIN` of [`TURNS`] at a time.
    #[target_feature(enable = "avx2")]
    pub fn maddubs<const CHAIN: usize>(x: i8) -> i32 {
        let mut acc = [_mm256_setzero_si256(); 8];
        let (w, ones) = (_mm256_set1_epi8(3), _mm256_set1_epi16(1));
        let mut x = [_mm256_set1_epi8(x); CHAIN];
        for _ in 0..TURNS / CHAIN {
            black_box(&mut x);
            for acc in &mut acc {
                let mut sum = _mm256_maddubs_epi16(w, x[0]);
                for x in &x[1..] {
                    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(w, *x));
                }
                *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(sum, ones));
                black_box(());
            }
        }
        let sum = acc.into_iter().fold(_mm256_setzero_si256(), |a, b| _mm256_add_epi32(a, b));
        _mm256_extract_epi32::<0>(sum)
    }
}

/// For every other processor: loops that compilers turn into what vectors the target is sure to have.
mod plain {
    use super::{CHAINS, TURNS};
    use core::hint::black_box;

    /// Numbers a chain holds.
    pub const LANES: usize = 8;

    pub fn read(bytes: &[u8]) -> u64 {
        let mut acc = [0u64; 16];
        for chunk in bytes.as_chunks::<128>().0 {
            for (acc, part) in acc.iter_mut().zip(chunk.as_chunks::<8>().0) {
                *acc = acc.wrapping_add(u64::from_le_bytes(*part));
            }
        }
        acc.into_iter().fold(0, u64::wrapping_add)
    }

    pub fn multiply_add(x: f32) -> f32 {
        let mut acc = [[0f32; LANES]; CHAINS];
        let (mut a, b) = ([x; LANES], [x * 0.5; LANES]);
        for _ in 0..TURNS {
            for acc in &mut acc {
                for ((acc, a), b) in acc.iter_mut().zip(&a).zip(&b) {
                    // One instruction where every processor of the target has it, a call of a function elsewhere.
                    *acc = if cfg!(target_arch = "aarch64") { a.mul_add(*b, *acc) } else { a * b + *acc };
                }
            }
            black_box(&mut a);
        }
        acc.iter().flatten().sum()
    }

    /// Products of bytes by way of 16 bits, however few bits they have.
    pub fn products(x: i8) -> i32 {
        let mut acc = [[0i32; LANES]; CHAINS];
        let (w, mut x) = ([3i8; LANES], [x; LANES]);
        for _ in 0..TURNS {
            for acc in &mut acc {
                for ((acc, w), x) in acc.iter_mut().zip(&w).zip(&x) {
                    *acc = acc.wrapping_add(i32::from(i16::from(*w) * i16::from(*x)));
                }
            }
            black_box(&mut x);
        }
        acc.iter().flatten().fold(0, |a, b| a.wrapping_add(*b))
    }
}
