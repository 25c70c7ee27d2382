//! A stack of linear layers with an activation between them: what stands between a tower and a language model where it is
//! more than one matrix.

use crate::error::Error;
use crate::kernels::{Activation, Exec, Layout, Product, Rows};
use crate::weights::{Linear, Scope};

/// The layers.
pub struct Mlp {
    layers: Vec<Linear>,
    act: Activation,
}

/// Its activations: two layers' results, which take turns.
#[derive(Clone, Copy)]
pub struct MlpRows([Option<Rows>; 2]);

impl Mlp {
    /// `count` layers from `inputs` to `outputs`, which all but the first have on both sides. Each is named by its place
    /// among layers and activations: 0, 2, 4.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(
        scope: &Scope,
        count: usize,
        (inputs, outputs): (usize, usize),
        act: Activation,
    ) -> Result<Self, Error> {
        let layer = |i: usize| scope.linear(&(2 * i).to_string(), if i == 0 { inputs } else { outputs }, outputs);
        Ok(Self { layers: (0..count).map(layer).collect::<Result<_, _>>()?, act })
    }

    /// Room for `rows` rows.
    pub fn layout(&self, layout: &mut Layout, rows: usize) -> MlpRows {
        let mut turns = [None; 2];
        for (i, layer) in self.layers.iter().enumerate() {
            layout.input(rows, layer.inputs());
            if i < 2 {
                turns[i] = Some(layout.rows(rows, layer.outputs()));
            }
        }
        MlpRows(turns)
    }

    /// What becomes of `x`; without a layer `x` itself.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn run(&self, exec: &mut Exec<'_>, rows: &MlpRows, x: Rows) -> Result<Rows, Error> {
        let mut x = x;
        for (i, layer) in self.layers.iter().enumerate() {
            let Some(out) = rows.0[i % 2] else { break };
            let product = Product::new(layer, out);
            let last = i + 1 == self.layers.len();
            exec.matmul(x, None, &[if last { product } else { product.act(self.act) }])?;
            x = out;
        }
        Ok(x)
    }
}
