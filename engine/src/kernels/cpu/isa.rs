//! Which instructions this processor has, found at run time; `OCELLI_ISA` forces one for tests.

use crate::error::Error;
#[cfg(target_arch = "aarch64")]
use std::arch::is_aarch64_feature_detected;

/// An instruction set with kernels here. A value other than `Scalar` exists only after detection said yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust: the specification of all the others.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C (Haswell, Zen and later).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// And with AVX-512 and its VNNI products (Ice Lake, Zen 4 and later).
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// aarch64 with NEON, which is all of it in practice.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// And with products of bytes to 32 bits, `sdot` (Cortex-A76, Apple A11 and later).
    #[cfg(target_arch = "aarch64")]
    DotProd,
    /// And with products of small matrices of bytes, `smmla` (Neoverse V1, Apple M2 and later).
    #[cfg(target_arch = "aarch64")]
    I8mm,
}

impl Isa {
    /// All this processor can run, the best first.
    pub fn offered() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            if wide && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vnni") {
                all.push(Self::Avx512);
            }
            all.push(Self::Avx2);
        }
        #[cfg(target_arch = "aarch64")]
        if is_aarch64_feature_detected!("neon") {
            if is_aarch64_feature_detected!("dotprod") {
                if is_aarch64_feature_detected!("i8mm") {
                    all.push(Self::I8mm);
                }
                all.push(Self::DotProd);
            }
            all.push(Self::Neon);
        }
        all.push(Self::Scalar);
        all
    }

    /// The name used in `OCELLI_ISA`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            Self::DotProd => "dotprod",
            #[cfg(target_arch = "aarch64")]
            Self::I8mm => "i8mm",
        }
    }

    /// The best offered, or the one the environment variable `OCELLI_ISA` names; and why.
    pub fn choose() -> Result<(Self, String), Error> {
        let offered = Self::offered();
        match std::env::var("OCELLI_ISA") {
            Ok(name) if !name.is_empty() => match offered.iter().find(|isa| isa.name() == name) {
                Some(&isa) => Ok((isa, "OCELLI_ISA asks for it".to_owned())),
                None => {
                    let names: Vec<_> = offered.iter().map(|isa| isa.name()).collect();
                    Err(Error::UnknownIsa { got: name, offered: names.join(", ") })
                }
            },
            _ => Ok((offered[0], "the best this processor offers".to_owned())),
        }
    }
}
