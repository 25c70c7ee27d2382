//! Learned rows that read a picture once (Huang et al. 2023, KOSMOS-1, section 2.2): one attention, whose keys and values are
//! made of the picture's rows and of the learned rows themselves, and nothing around it.
//!
//! ```text
//! k, v of (f ‖ l),  q of l;  rows = W softmax(scale q kᵀ) v
//! ```
//!
//! The non-obvious thing: it is no resampler of one layer. There is no norm, and what is found is not added to anything.

use super::attention::{Attention, AttentionRows, Shape, read_heads};
use super::vit::ids;
use crate::error::Error;
use crate::kernels::{Exec, Heads, Layout, Rows, Weights};
use crate::weights::header::{self, Header};
use crate::weights::{Scope, Table};

/// Learned rows with their attention.
pub struct Pool {
    heads: Heads,
    /// The learned rows.
    latents: Table,
    attention: Attention,
}

/// Their activations.
pub struct PoolRows {
    /// The result: one row for each that is learned.
    pub x: Rows,
    attention: AttentionRows,
}

impl Pool {
    /// Reads the keys under `ocelli.resampler.` and fetches every tensor under `scope`, for rows of `width` numbers.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, header: &Header, width: usize) -> Result<Self, Error> {
        let heads = read_heads(header, "attention.head_count", "attention.key_length")?;
        let latents = header.count("latent_count", header::ROWS)?;
        Ok(Self {
            heads,
            latents: scope.table("query_embd", latents, width)?,
            attention: Attention::load(
                scope,
                &Shape { name: "attn", out: "out", heads, width, seen: width, norms: None },
            )?,
        })
    }

    /// Rows of the result.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.latents.len()
    }

    /// Room for a picture of `seen` rows.
    pub fn layout(&self, layout: &mut Layout, seen: usize) -> PoolRows {
        let (n, w) = (self.rows(), self.latents.width());
        layout.input(n.max(seen), w);
        layout.input(n, self.heads.count * self.heads.width);
        let x = layout.rows(n, w);
        let mark = layout.mark();
        let attention = AttentionRows::new(layout, self.heads, n, seen + n);
        layout.rewind(mark);
        PoolRows { x, attention }
    }

    /// Reads a picture's rows. The result stands in `rows.x`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn encode(&self, exec: &mut Exec<'_>, rows: &PoolRows, media: Rows) -> Result<(), Error> {
        let (seen, n, x) = (media.rows(), self.rows(), rows.x);
        let all = rows.attention.seeing(seen + n);
        let own = AttentionRows { k: all.k.slice(seen, n), v: all.v.slice(seen, n), ..all };
        exec.gather(&self.latents, &ids(0, n), Weights::All(1.0), x, false)?;
        self.attention.keys(exec, media, None, all.k.first(seen), all.v.first(seen))?;
        self.attention.all(exec, x, None, own)?;
        self.attention.find(exec, all)?;
        self.attention.put(exec, all.mixed, x)
    }
}
