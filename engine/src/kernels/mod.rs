//! The ops: a short list at a fused grain, one trait, and the memory they work on.
//!
//! Models speak only of [`Rows`], handles into an [`Arena`] whose size the plan fixed. Which device computes, and in
//! which number format, is known below this line and nowhere else. Handles are plain numbers, so a device may keep
//! its arena wherever it likes; on the CPU they resolve to slices of one buffer.

pub mod bias;
pub mod cpu;
pub mod cuda;
mod exec;
pub mod observe;
mod past;

pub use cpu::{Isa, limits};
pub use cuda::{CudaError, Gpu, Gpus, gpus};

use crate::error::Error;
pub use crate::weights::Activation;
use crate::weights::{Linear, Norm, Table, Vector};
pub use bias::{Bias, HeadBias};
pub use exec::{Exec, Told};
use ocelli_quant::TensorType;
pub use past::{Continuation, Pasts, Sight, SlotCopy, Span};

/// `rows` x `width` f32 activations, contiguous, at an offset (in floats) of an arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    at: usize,
    rows: usize,
    width: usize,
}

impl Rows {
    /// Number of rows.
    #[must_use]
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Floats a row.
    #[must_use]
    pub fn width(self) -> usize {
        self.width
    }

    /// The rows `start .. start + count` of these.
    #[must_use]
    pub fn slice(self, start: usize, count: usize) -> Self {
        assert!(start + count <= self.rows, "rows {start}+{count} of {}", self.rows);
        Self { at: self.at + start * self.width, rows: count, width: self.width }
    }

    /// The first `count` rows.
    #[must_use]
    pub fn first(self, count: usize) -> Self {
        self.slice(0, count)
    }

    fn end(self) -> usize {
        self.at + self.rows * self.width
    }
}

/// Hands out [`Rows`] one after another and remembers the most ever in use. Run without an arena it is the plan;
/// run again it is the layout, so the two cannot disagree.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    next: usize,
    peak: usize,
    input: usize,
    widest: usize,
    queries: usize,
    head: usize,
}

impl Layout {
    /// Floats to which every block of rows is rounded up: one cache line, so that no two blocks share one.
    const ALIGN: usize = 16;

    /// Room for `rows` x `width` floats.
    pub fn rows(&mut self, rows: usize, width: usize) -> Rows {
        let at = self.next;
        self.next = at + (rows * width).next_multiple_of(Self::ALIGN);
        self.peak = self.peak.max(self.next);
        Rows { at, rows, width }
    }

    /// Says that a matmul will read an input of `rows` x `width`: devices keep a normed or quantised copy of it.
    pub fn input(&mut self, rows: usize, width: usize) {
        self.input = self.input.max(rows * width.next_multiple_of(Self::ALIGN));
        self.widest = self.widest.max(width);
    }

    /// Says that attention will run for `queries` rows at once, over heads of `width` numbers: devices keep what they find
    /// of a head.
    pub fn heads(&mut self, queries: usize, width: usize) {
        self.queries = self.queries.max(queries);
        self.head = self.head.max(width);
    }

    /// Where the next block would start; pass it to [`Layout::rewind`] to let phases overlap.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.next
    }

    /// Frees all that was handed out since `mark`.
    pub fn rewind(&mut self, mark: usize) {
        self.next = mark;
    }
}

/// The activations of one session, on the device that made it.
pub struct Arena(cpu::Memory);

/// Keys and values of the positions a session has seen, on the device that made it.
pub struct Cache(cpu::KvMemory);

/// The number format of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheType {
    /// IEEE half: the default beside 16-bit and quantised weights.
    F16,
    /// For parity with references, and the default beside f32 weights.
    F32,
    /// Blocks of 32 signed bytes with a scale, as of the weights' format of this name: half of what f16 takes.
    Q8_0,
}

impl CacheType {
    /// Every format with its name.
    pub const ALL: [(Self, &'static str); 3] = [(Self::F16, "f16"), (Self::F32, "f32"), (Self::Q8_0, "q8_0")];

    /// The format of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(ty, _)| *ty)
    }

    /// Bytes of `width` numbers: what one head keeps of one position, twice.
    #[must_use]
    pub fn row_bytes(self, width: usize) -> usize {
        match self {
            Self::F16 => width * 2,
            Self::F32 => width * 4,
            Self::Q8_0 => width.div_ceil(32) * 34,
        }
    }
}

/// The shape of a [`Cache`]: for each layer, `slots` positions of `heads` x `head_width` keys and as many values; and for each
/// convolution as many rows of what it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheShape {
    /// Decoder layers that attend.
    pub layers: usize,
    /// Key/value heads.
    pub heads: usize,
    /// Numbers a head.
    pub head_width: usize,
    /// Positions.
    pub slots: usize,
    /// Number format.
    pub ty: CacheType,
    /// Layers that are short convolutions instead.
    pub convolutions: usize,
    /// Numbers a position has in each of them: f32 beside keys in f32, f16 otherwise.
    pub convolved: usize,
}

impl CacheShape {
    /// Nothing is kept.
    pub const NONE: Self =
        Self { layers: 0, heads: 0, head_width: 0, slots: 0, ty: CacheType::F32, convolutions: 0, convolved: 0 };

    /// Bytes of keys and values together, and of what convolutions read.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let attended = 2 * self.layers * self.heads * self.ty.row_bytes(self.head_width);
        let number = if self.ty == CacheType::F32 { 4 } else { 2 };
        self.slots * (attended + number * self.convolutions * self.convolved)
    }
}

/// One product of a fused block: `rows = act(W x + b)`, or `rows += …` where `add`. Where there is a gate, the activation
/// is the gate's: `rows = act(G x + c) ∘ (W x + b)` (gated linear units; Shazeer 2020).
#[derive(Clone, Copy)]
pub struct Product<'a> {
    /// The weights and the bias.
    pub linear: &'a Linear,
    /// As many outputs as `linear`; not together with `add`.
    pub gate: Option<&'a Linear>,
    /// Where the result goes: as many rows as the input, as wide as the layer's output.
    pub out: Rows,
    /// Applied after the bias.
    pub act: Option<Activation>,
    /// Add to what is there (a residual) instead of replacing it.
    pub add: bool,
    /// Multiplies what is added: the gate of a residual.
    pub scale: f32,
    /// Multiplies each column of `act(W x + b)`, before it is added: a layer scale (Touvron et al. 2021).
    pub columns: Option<&'a Vector>,
}

impl<'a> Product<'a> {
    /// out = W x + b
    #[must_use]
    pub fn new(linear: &'a Linear, out: Rows) -> Self {
        Self { linear, gate: None, out, act: None, add: false, scale: 1.0, columns: None }
    }

    /// out = act(W x + b)
    #[must_use]
    pub fn act(self, act: Activation) -> Self {
        Self { act: Some(act), ..self }
    }

    /// out = act(G x + c) ∘ (W x + b)
    #[must_use]
    pub fn gated(self, gate: &'a Linear, act: Activation) -> Self {
        Self { gate: Some(gate), act: Some(act), ..self }
    }

    /// out += W x + b
    #[must_use]
    pub fn residual(self) -> Self {
        Self { add: true, ..self }
    }

    /// What is added or put, times a number for each column, where there are such.
    #[must_use]
    pub fn times(self, columns: Option<&'a Vector>) -> Self {
        Self { columns, ..self }
    }

    /// out += scale (W x + b)
    #[must_use]
    pub fn scaled_residual(self, scale: f32) -> Self {
        Self { add: true, scale, ..self }
    }
}

/// Head geometry of an attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heads {
    /// Query heads; the query rows are `count * width` wide.
    pub count: usize,
    /// Key/value heads; divides `count`.
    pub kv: usize,
    /// Numbers a head.
    pub width: usize,
    /// Multiplies the dot products.
    pub scale: f32,
    /// A query sees no position that lies further back than this many, its own included; 0 is all.
    pub window: usize,
}

/// Which two numbers of a head RoPE turns together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairs {
    /// 2i and 2i + 1, as in the paper (Su et al. 2021) and in llama's files.
    Adjacent,
    /// i and i + half of the numbers that are turned, as in GPT-NeoX.
    Halves,
}

/// What cosines and sines are multiplied with by their position (xPos; Sun et al. 2022, section 3.2): pair `j` by
/// `scales[j]^((position - centre) / span)`, so that in a product of a query and a key, whose `span` is the negative of it, the
/// difference of their positions counts alone.
#[derive(Debug, Clone, Copy)]
pub struct Growth<'a> {
    /// Of each pair, above 0 and at most 1.
    pub scales: &'a [f32],
    /// Where nothing is multiplied.
    pub centre: u32,
    /// Positions for one power of the scale.
    pub span: f32,
    /// Positions from which on rows are also multiplied by the logarithm of theirs to this base; 0 is never.
    pub long: u32,
}

/// No row, in an index of [`Device::gather_rows`], and no position, of [`Device::waves`].
pub const NO_ROW: u32 = u32::MAX;

/// What the rows of a table are multiplied by when they are gathered.
#[derive(Debug, Clone, Copy)]
pub enum Weights<'a> {
    /// All by the same.
    All(f32),
    /// Each by its own, one for each id.
    Each(&'a [f32]),
}

/// What rows that are gathered become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathered {
    /// One row, in which they stand side by side; [`NO_ROW`] is zeros.
    Beside,
    /// The mean of each column, summed in f64; [`NO_ROW`] does not count, and there is at least one row that does.
    Mean,
    /// The largest of each column; [`NO_ROW`] does not count.
    Largest,
    /// What is there, and one row more; [`NO_ROW`] adds nothing.
    Added,
}

/// What the device is and why, for people.
#[derive(Debug, Clone)]
pub struct DeviceInfo {
    /// For example "cpu".
    pub name: &'static str,
    /// Instruction set in use.
    pub isa: &'static str,
    /// Why that one.
    pub why: String,
    /// Threads that compute.
    pub threads: usize,
}

/// A place where models run. Every op finishes before it returns or keeps the order of calls; the same input gives
/// the same bits for any number of threads.
pub trait Device: Send + Sync {
    /// What this is.
    fn info(&self) -> DeviceInfo;

    /// Bytes an arena of this layout takes, the device's copies of matmul inputs and its threads' buffers included.
    fn arena_bytes(&self, layout: &Layout) -> usize;

    /// Memory for a layout.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    fn arena(&self, layout: &Layout) -> Result<Arena, Error>;

    /// Memory for keys and values; pages that are never written cost nothing.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    fn cache(&self, shape: CacheShape) -> Result<Cache, Error>;

    /// Rows of a batch, at most, for which each is the very bits it would be as the only one, with weights of this type. Of
    /// attention the same holds where a sequence has no more than eight of them.
    fn alike(&self, ty: TensorType) -> usize;

    /// Copies host floats in. `data` holds exactly `to`'s floats.
    fn write(&self, arena: &mut Arena, to: Rows, data: &[f32]);

    /// Calls `job` once with each number below `count`, on whichever threads compute and in no order: for work on numbers of
    /// the host that comes apart, such as the logits of several beams. A job does not use the device itself.
    fn spread(&self, count: usize, job: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(job);
    }

    /// Copies floats out. `data` holds exactly `from`'s floats.
    fn read(&self, arena: &Arena, from: Rows, data: &mut [f32]);

    /// `out[i] = weight table[ids[i]]`, or `+=` where `add`; of as many ids as there are for each row of `out`, in order, the
    /// sum. Ids are below the table's rows (callers check).
    fn gather(&self, arena: &mut Arena, table: &Table, ids: &[u32], weights: Weights<'_>, out: Rows, add: bool);

    /// Each row of `to` becomes what as many numbers of `index`, in order, name of the rows of `from`, an activation being
    /// applied to all that is read. Side by side `k` rows make one of `k` times the width: windows of a map, neighbours that
    /// are merged, rows picked from others.
    #[allow(clippy::too_many_arguments)]
    fn gather_rows(
        &self,
        arena: &mut Arena,
        from: Rows,
        index: &[u32],
        how: Gathered,
        act: Option<Activation>,
        to: Rows,
    );

    /// `out = norm(x)`, row by row, or `+=` where `add`; `out` may be `x`. A norm that is narrower than the rows norms each of
    /// their pieces, of which there is a whole number, by itself: the heads of queries and keys.
    fn norm(&self, arena: &mut Arena, norm: &Norm, x: Rows, out: Rows, add: bool);

    /// All products of one input, normed first where `norm` is given: the input is read, normed and quantised once.
    fn matmul(&self, arena: &mut Arena, x: Rows, norm: Option<&Norm>, products: &[Product<'_>]);

    /// Row `i` of `out` becomes `scale` times the cosines, then the sines, of `positions[i] * frequencies[j]`: what
    /// [`Device::rotate`] turns by, once for all layers. Where there are `axes`, one for each frequency, a row has three positions, and
    /// frequency `j` takes number `axes[j]` of them.
    fn angles(&self, arena: &mut Arena, frequencies: &[f32], axes: &[u8], scale: f32, positions: &[u32], out: Rows);

    /// Multiplies row `i` of `angles`, which stands at `positions[i]`, as `growth` says.
    fn grow(&self, arena: &mut Arena, growth: Growth<'_>, positions: &[u32], angles: Rows);

    /// Adds to row `i` of `out` the sines, then the cosines, of `positions[i] * frequencies[j]`. A column behind them is left
    /// as it is, and so is a row at [`NO_ROW`].
    fn waves(&self, arena: &mut Arena, frequencies: &[f32], positions: &[u32], out: Rows);

    /// Turns the first numbers of each head of `width` numbers in place, as many as `angles` has, by the angles of its row.
    fn rotate(&self, arena: &mut Arena, heads: &[Rows], width: usize, angles: Rows, pairs: Pairs);

    /// `out = softmax(scale q kᵀ + bias) v` head by head, every query seeing every key. Query `i` stands where key `i` does.
    #[allow(clippy::too_many_arguments)]
    fn attend(&self, arena: &mut Arena, heads: Heads, bias: Bias<'_>, q: Rows, k: Rows, v: Rows, out: Rows);

    /// Puts row `i` of `k` and `v` into slot `slots[i]` of a layer.
    fn store(&self, arena: &Arena, cache: &mut Cache, layer: usize, k: Rows, v: Rows, slots: &[u32]);

    /// Copies positions within a cache; nothing is both read and written.
    fn copy(&self, cache: &mut Cache, copies: &[SlotCopy]);

    /// Appends the keys and values of some positions to `out`, [`CacheShape::bytes`] for so many slots, in the cache's own
    /// number format.
    fn save(&self, cache: &Cache, spans: &[Span], out: &mut Vec<u8>);

    /// Puts what [`Device::save`] wrote, from a cache that differs in its slots at most, into as many positions.
    fn restore(&self, cache: &mut Cache, spans: &[Span], data: &[u8]);

    /// A gated short convolution (LFM2): what it reads of a row, `u = b ∘ x`, goes to the row's slot, and `c` becomes `c ∘ Σ taps[j] ∘ u`
    /// over the row's own position, which has the last of the taps, and those before it; before the first there are zeros. Taps
    /// are as wide as the rows, one behind the other. Continuations are as in [`Device::attend_cache`], and beside nothing.
    #[allow(clippy::too_many_arguments)]
    fn convolve(
        &self,
        arena: &mut Arena,
        cache: &mut Cache,
        layer: usize,
        taps: &[f32],
        bcx: [Rows; 3],
        slots: &[u32],
        pasts: Pasts<'_>,
    );

    /// Attention of rows over cached positions; the continuations' rows follow one another in `q`, and are all of them.
    #[allow(clippy::too_many_arguments)]
    fn attend_cache(
        &self,
        arena: &mut Arena,
        heads: Heads,
        bias: Bias<'_>,
        cache: &Cache,
        layer: usize,
        q: Rows,
        pasts: Pasts<'_>,
        out: Rows,
    );
}
