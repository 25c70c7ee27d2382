//! Which instructions this processor has, found at run time; `OCELLI_ISA` forces one for tests.

use super::table::Table;
use crate::error::Error;
#[cfg(target_arch = "aarch64")]
use std::arch::is_aarch64_feature_detected;

/// An instruction set with kernels here that this processor was found to have. Only [`Isa::scalar`], [`Isa::offered`] and
/// [`Isa::choose`] make one, so whoever holds it may run its instructions: the kernels' SAFETY notes rest on this.
///
/// ```
/// use ocelli_engine::Isa;
/// let isa: Isa = Isa::offered()[0];
/// ```
///
/// No other way leads to one:
///
/// ```compile_fail
/// use ocelli_engine::Isa;
/// let isa: Isa = Isa::Avx2;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Set);

/// Which one it is. Outside the kernels it cannot be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
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
    /// Plain Rust, which every processor runs.
    #[must_use]
    pub fn scalar() -> Self {
        Self(Set::Scalar)
    }

    /// Its functions.
    pub(super) fn table(self) -> &'static Table {
        match self.0 {
            Set::Scalar => &super::scalar::TABLE,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => &super::avx2::TABLE,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => &super::avx512::TABLE,
            #[cfg(target_arch = "aarch64")]
            Set::Neon => &super::neon::NEON,
            #[cfg(target_arch = "aarch64")]
            Set::DotProd => &super::neon::DOTPROD,
            #[cfg(target_arch = "aarch64")]
            Set::I8mm => &super::neon::I8MM,
        }
    }

    /// All this processor can run, the best first.
    pub fn offered() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            if wide && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vnni") {
                all.push(Self(Set::Avx512));
            }
            all.push(Self(Set::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        if is_aarch64_feature_detected!("neon") {
            if is_aarch64_feature_detected!("dotprod") {
                if is_aarch64_feature_detected!("i8mm") {
                    all.push(Self(Set::I8mm));
                }
                all.push(Self(Set::DotProd));
            }
            all.push(Self(Set::Neon));
        }
        all.push(Self(Set::Scalar));
        all
    }

    /// The name used in `OCELLI_ISA`.
    pub fn name(self) -> &'static str {
        self.table().name
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
