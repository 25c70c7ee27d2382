//! The functions between linear layers, by their names in files.

use ocelli_quant::gguf::keys::ACTIVATIONS;

/// Element-wise functions that follow a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// x Φ(x), by erf (Hendrycks & Gimpel 2016).
    GeluErf,
    /// The tanh approximation of GELU, of the same paper.
    GeluTanh,
    /// x σ(1.702 x), of OpenAI's CLIP.
    GeluQuick,
    /// x σ(x)
    Silu,
}

impl Activation {
    /// Every function with its name in files.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Relu, ACTIVATIONS[0]),
        (Self::GeluErf, ACTIVATIONS[1]),
        (Self::GeluTanh, ACTIVATIONS[2]),
        (Self::GeluQuick, ACTIVATIONS[3]),
        (Self::Silu, ACTIVATIONS[4]),
    ];

    /// The function of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(a, _)| *a)
    }
}
