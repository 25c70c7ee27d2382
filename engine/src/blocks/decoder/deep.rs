//! Features of pictures that are added behind the decoder's first layers, one behind each (DeepStack; Meng et al. 2024, as Qwen3-VL
//! has it): what a tower has in its middle, beside what it ends with.
//!
//! The non-obvious thing: they concern rows of pictures alone. A batch without any, every token's among them, runs as if there
//! were none.

use super::Decoder;
use super::DecoderRows;
use crate::error::Error;
use crate::kernels::{Exec, Gathered, NO_ROW, Rows};

impl DecoderRows {
    /// Where feature `number` of the rows of a batch goes.
    #[must_use]
    pub fn feature(&self, number: usize) -> Rows {
        self.deep.slice(number * self.batch, self.batch)
    }
}

impl Decoder {
    /// Adds to the rows of a batch what belongs behind `layer`: of the rows that `deep` marks, of which there are none or as many
    /// marks as rows.
    pub(super) fn deepen(
        &self,
        exec: &mut Exec<'_>,
        layer: usize,
        rows: &DecoderRows,
        deep: &[bool],
    ) -> Result<(), Error> {
        if layer >= self.deep || !deep.contains(&true) {
            return Ok(());
        }
        let index: Vec<u32> = (0..).zip(deep).map(|(row, deep)| if *deep { row } else { NO_ROW }).collect();
        exec.gather_rows(rows.feature(layer), &index, Gathered::Added, None, rows.x)
    }
}
