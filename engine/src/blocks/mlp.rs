//! A stack of linear layers with an activation between them, and a norm ahead of them or none: what stands between a tower and
//! a language model where it is more than one matrix.

use crate::error::Error;
use crate::kernels::{Activation, Exec, Layout, Product, Rows};
use crate::weights::{Linear, Norm, Scope};

/// The layers.
pub struct Mlp {
    /// As wide as the input.
    norm: Option<Norm>,
    layers: Vec<Linear>,
    act: Activation,
}

/// Its activations: two layers' results, which take turns.
#[derive(Clone, Copy)]
pub struct MlpRows([Option<Rows>; 2]);

impl Mlp {
    /// Layers by their names, from and to `widths`, of which there is one more.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(scope: &Scope, names: &[&str], widths: &[usize], act: Activation) -> Result<Self, Error> {
        let ends = widths.iter().zip(widths.iter().skip(1));
        let layers = names.iter().zip(ends).map(|(name, (&from, &to))| scope.linear(name, from, to));
        Ok(Self { norm: None, layers: layers.collect::<Result<_, _>>()?, act })
    }

    /// The same behind a norm of the input.
    #[must_use]
    pub fn behind(self, norm: Norm) -> Self {
        Self { norm: Some(norm), ..self }
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

    /// What becomes of `x`, in `to` where that is given; without a layer `x` itself. There are at most as many rows as there is
    /// room for.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn run(&self, exec: &mut Exec<'_>, rows: &MlpRows, x: Rows, to: Option<Rows>) -> Result<Rows, Error> {
        let mut x = x;
        for (i, layer) in self.layers.iter().enumerate() {
            let Some(out) = rows.0[i % 2].map(|out| out.first(x.rows())) else { break };
            let last = i + 1 == self.layers.len();
            let out = to.filter(|_| last).unwrap_or(out);
            let product = Product::new(layer, out);
            let norm = self.norm.as_ref().filter(|_| i == 0);
            exec.matmul(x, norm, &[if last { product } else { product.act(self.act) }])?;
            x = out;
        }
        Ok(x)
    }
}
