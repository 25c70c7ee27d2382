//! What a conversion tells: on its way, and once it is done.

use ocelli_quant::TensorType;

/// Where a conversion reports to. All calls come from the thread that called [`convert`](crate::convert).
pub trait Progress {
    /// The output's tensor data will be `total_bytes`.
    fn start(&self, total_bytes: u64);
    /// That many more bytes of the output's tensor data are written; they add up to the total.
    fn advance(&self, bytes: u64, tensor: &str);
    /// Something worth knowing that is no error; also in [`Report::notes`].
    fn note(&self, message: &str);
    /// Asked between chunks: `true` ends the conversion with [`ConvertError::Cancelled`](crate::ConvertError::Cancelled).
    fn cancelled(&self) -> bool {
        false
    }
}

/// Nobody listens.
impl Progress for () {
    fn start(&self, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn note(&self, _: &str) {}
}

/// What a conversion did.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// Tensors written.
    pub tensors: usize,
    /// Bytes of the checkpoint's weight files.
    pub bytes_in: u64,
    /// Bytes of the output.
    pub bytes_out: u64,
    /// Checkpoint tensors that were known and not needed.
    pub skipped: Vec<String>,
    /// Tensors whose rows do not divide into the wanted type's blocks: name, type wanted, type used.
    pub fallbacks: Vec<(String, TensorType, TensorType)>,
    /// Tensors that were encoded without importances although a file of them was given.
    pub unweighted: Vec<String>,
    /// Everything else worth knowing.
    pub notes: Vec<String>,
}
