//! Parts that know no family: each reads its hyper-parameters and weights from a scope, says what room it needs, and
//! runs on an [`crate::kernels::Exec`].

mod attention;
pub mod cache;
pub mod decoder;
pub mod gated;
pub mod mlp;
pub mod nf_resnet;
pub mod pool;
mod positions;
pub mod qformer;
pub mod resampler;
pub mod rope;
pub mod vit;
