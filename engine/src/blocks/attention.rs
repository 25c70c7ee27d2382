//! Attention with its projections (Vaswani et al. 2017, section 3.2.2), as towers, bridges and gated layers have it:
//!
//! ```text
//! q = W x,  k = W y,  v = W y, the heads of q and k normed where there are norms;  x += W softmax(scale q kᵀ) v
//! ```
//!
//! What is looked at, y, is x itself, something else, or both. Its keys and values may also be made once and lie in a cache.

use crate::error::Error;
use crate::kernels::{Bias, Exec, Heads, Layout, Product, Rows};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Norm, NormKind, Scope, Vector};

/// Full heads of a width, scaled by 1/√(head width).
#[allow(clippy::cast_precision_loss)]
pub(super) fn heads(width: usize, count: usize) -> Heads {
    let head = width / count;
    Heads { count, kv: count, width: head, scale: 1.0 / (head as f32).sqrt(), window: 0 }
}

/// Heads by their number and the numbers of each, which need not fill a width together.
pub(super) fn read_heads(header: &Header, count: &str, width: &str) -> Result<Heads, Error> {
    let (of, each) = (header.count(count, header::HEADS)?, header.count(width, header::HEAD)?);
    if of * each > *header::WIDTH.end() {
        return Err(header.bad(width, each, format!("{of} heads are wider than {}", header::WIDTH.end())));
    }
    Ok(heads(of * each, of))
}

/// Which tensors an [`Attention`] has, and their shapes.
pub(super) struct Shape<'a> {
    /// What the names begin with: `attn` for `attn_q`, `attn_k`, `attn_v`, `attn_out`.
    pub name: &'a str,
    /// What the last of them ends with, `out` above.
    pub out: &'a str,
    /// The heads; `inner` is their number times their width.
    pub heads: Heads,
    /// Width of the rows that look.
    pub width: usize,
    /// Width of the rows that are looked at.
    pub seen: usize,
    /// Kind and epsilon of the norms `attn_q_norm` and `attn_k_norm` of each head, where there are such.
    pub norms: Option<(NormKind, f32)>,
}

/// The weights. Every head has keys and values of its own.
pub(super) struct Attention {
    heads: Heads,
    /// From the width of the rows that look to `inner`.
    q: Linear,
    /// From the width of the rows that are looked at to `inner`; values as well.
    k: Linear,
    v: Linear,
    /// Of each head of queries and of keys, as wide as a head.
    norms: Option<[Norm; 2]>,
    /// From `inner` to the width of the rows that look.
    out: Linear,
}

/// The activations.
#[derive(Clone, Copy)]
pub(super) struct AttentionRows {
    /// A row for each that looks, `inner` wide.
    pub q: Rows,
    /// A row for each that is looked at, `inner` wide; values as well.
    pub k: Rows,
    /// See `k`.
    pub v: Rows,
    /// What was found, as `q`.
    pub mixed: Rows,
}

impl AttentionRows {
    /// Room for `rows` rows that look at up to `seen`.
    pub fn new(layout: &mut Layout, heads: Heads, rows: usize, seen: usize) -> Self {
        let inner = heads.count * heads.width;
        layout.heads(rows, heads.width);
        layout.input(rows, inner);
        let (q, k) = (layout.rows(rows, inner), layout.rows(seen, inner));
        Self { q, k, v: layout.rows(seen, inner), mixed: layout.rows(rows, inner) }
    }

    /// Those for `seen` rows that are looked at.
    pub fn seeing(self, seen: usize) -> Self {
        Self { k: self.k.first(seen), v: self.v.first(seen), ..self }
    }

    /// Those for `rows` rows that look, from number `start` on.
    pub fn looking(self, start: usize, rows: usize) -> Self {
        Self { q: self.q.slice(start, rows), mixed: self.mixed.slice(start, rows), ..self }
    }

    /// Those of `rows` rows, from number `start` on, that look at one another.
    pub fn part(self, start: usize, rows: usize) -> Self {
        let part = |all: Rows| all.slice(start, rows);
        Self { q: part(self.q), k: part(self.k), v: part(self.v), mixed: part(self.mixed) }
    }
}

impl Attention {
    /// Fetches every tensor.
    pub fn load(scope: &Scope, shape: &Shape<'_>) -> Result<Self, Error> {
        let Shape { name, out, heads, width, seen, norms } = *shape;
        let inner = heads.count * heads.width;
        let fused = format!("{name}_qkv");
        let [q, k, v] = if width == seen && scope.has(&format!("{fused}.weight")) {
            scope.fused(&fused, width, [inner; 3])?
        } else {
            let part = |of: &str, from| scope.linear(&format!("{name}_{of}"), from, inner);
            [part("q", width)?, part("k", seen)?, part("v", seen)?]
        };
        let norm = |of: &str, (kind, eps)| scope.norm(&format!("{name}_{of}_norm"), kind, heads.width, eps);
        Ok(Self {
            heads,
            q,
            k,
            v,
            norms: norms.map(|kind| Ok::<_, Error>([norm("q", kind)?, norm("k", kind)?])).transpose()?,
            out: scope.linear(&format!("{name}_{out}"), inner, width)?,
        })
    }

    /// The layers that rows which look pass through.
    pub fn layers(&self) -> [&Linear; 2] {
        [&self.q, &self.out]
    }

    /// Queries of `x`.
    pub fn queries(&self, exec: &mut Exec<'_>, x: Rows, norm: Option<&Norm>, q: Rows) -> Result<(), Error> {
        exec.matmul(x, norm, &[Product::new(&self.q, q)])?;
        self.norm(exec, Some(q), None)
    }

    /// Keys and values of `y`.
    pub fn keys(&self, exec: &mut Exec<'_>, y: Rows, norm: Option<&Norm>, k: Rows, v: Rows) -> Result<(), Error> {
        exec.matmul(y, norm, &[Product::new(&self.k, k), Product::new(&self.v, v)])?;
        self.norm(exec, None, Some(k))
    }

    /// Queries, keys and values of the same rows, which are read once.
    pub fn all(&self, exec: &mut Exec<'_>, x: Rows, norm: Option<&Norm>, to: AttentionRows) -> Result<(), Error> {
        let AttentionRows { q, k, v, .. } = to;
        exec.matmul(x, norm, &[Product::new(&self.q, q), Product::new(&self.k, k), Product::new(&self.v, v)])?;
        self.norm(exec, Some(q), Some(k))
    }

    fn norm(&self, exec: &mut Exec<'_>, q: Option<Rows>, k: Option<Rows>) -> Result<(), Error> {
        for (norm, rows) in self.norms.iter().flatten().zip([q, k]) {
            if let Some(rows) = rows {
                exec.norm(norm, rows, rows, false)?;
            }
        }
        Ok(())
    }

    /// Every query looks at every key; what it finds is added to `x`.
    pub fn attend(&self, exec: &mut Exec<'_>, rows: AttentionRows, x: Rows) -> Result<(), Error> {
        self.find(exec, rows)?;
        self.add(exec, rows.mixed, x, 1.0)
    }

    /// Every query looks at every key; what it finds stays in `rows.mixed`.
    pub fn find(&self, exec: &mut Exec<'_>, rows: AttentionRows) -> Result<(), Error> {
        let AttentionRows { q, k, v, mixed } = rows;
        exec.attend(self.heads, Bias::None, q, k, v, mixed)
    }

    /// Puts what was found into `to`.
    pub fn put(&self, exec: &mut Exec<'_>, mixed: Rows, to: Rows) -> Result<(), Error> {
        exec.matmul(mixed, None, &[Product::new(&self.out, to)])
    }

    /// Adds to `x` what was found, each column times a number of its own where there are such.
    pub fn add_columns(
        &self,
        exec: &mut Exec<'_>,
        mixed: Rows,
        x: Rows,
        columns: Option<&Vector>,
    ) -> Result<(), Error> {
        exec.matmul(mixed, None, &[Product::new(&self.out, x).residual().times(columns)])
    }

    /// Adds to `x`, times `scale`, what was found.
    pub fn add(&self, exec: &mut Exec<'_>, mixed: Rows, x: Rows, scale: f32) -> Result<(), Error> {
        exec.matmul(mixed, None, &[Product::new(&self.out, x).scaled_residual(scale)])
    }
}
