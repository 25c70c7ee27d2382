//! Features of pictures that are added behind the decoder's first layers, one behind each (DeepStack; Meng et al. 2024, as Qwen3-VL
//! has it): what a tower has in its middle, beside what it ends with.
//!
//! The non-obvious thing: they concern rows of pictures alone. A batch without any, every token's among them, runs as if there
//! were none.

use super::Decoder;
use super::DecoderRows;
use crate::error::Error;
use crate::kernels::{Exec, Gathered, Rows};

impl DecoderRows {
    /// Where feature `number` of the rows of a batch goes.
    #[must_use]
    pub fn feature(&self, number: usize) -> Rows {
        self.deep.slice(number * self.batch, self.batch)
    }
}

impl Decoder {
    /// Adds to the rows of a batch what belongs behind `layer`: to each the row of the feature that `deep` names, if it names
    /// any.
    pub(super) fn deepen(
        &self,
        exec: &mut Exec<'_>,
        layer: usize,
        rows: &DecoderRows,
        deep: &[u32],
    ) -> Result<(), Error> {
        if layer >= self.deep || deep.is_empty() {
            return Ok(());
        }
        exec.gather_rows(rows.feature(layer), deep, Gathered::Added, None, rows.x)
    }
}
