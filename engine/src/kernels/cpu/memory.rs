//! Buffers of the CPU device: zeroed by the system (pages nobody writes cost nothing), aligned to a cache line, and
//! refused with an error instead of an abort when the system has no more.

#![allow(unsafe_code)] // allocation, and slices that several threads write in disjoint parts

use super::input::{BLOCK, Group, Input, STEP};
use super::isa::Isa;
use super::{CacheShape, CacheType, Layout, Rows};
use super::{attention, panel};
use crate::error::Error;
use attention::Stored;
use ocelli_quant::blocks::q8_0::BlockQ8_0;
use std::alloc;
use std::ptr::NonNull;
use std::sync::Mutex;

/// A fixed number of plain values, all zero at first.
pub struct Buffer<T: bytemuck::Pod> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: the buffer owns its memory and `T` is plain data.
unsafe impl<T: bytemuck::Pod> Send for Buffer<T> {}
// SAFETY: shared access only reads; writes go through `&mut` or `Shared`, whose users keep to disjoint parts.
unsafe impl<T: bytemuck::Pod> Sync for Buffer<T> {}

impl<T: bytemuck::Pod> Buffer<T> {
    fn layout(len: usize) -> Option<alloc::Layout> {
        let bytes = len.max(1).checked_mul(size_of::<T>())?;
        alloc::Layout::from_size_align(bytes, 64).ok()
    }

    pub fn new(len: usize, what: &'static str) -> Result<Self, Error> {
        let error = || Error::OutOfMemory { what, bytes: len.saturating_mul(size_of::<T>()) };
        let layout = Self::layout(len).ok_or_else(error)?;
        // SAFETY: the layout is never of size 0.
        let start = unsafe { alloc::alloc_zeroed(layout) };
        let start = NonNull::new(start.cast::<T>()).ok_or_else(error)?;
        Ok(Self { start, len })
    }

    /// A writer for several threads at once.
    pub fn shared(&mut self) -> Shared<T> {
        Shared { start: self.start.as_ptr(), len: self.len }
    }
}

impl<T: bytemuck::Pod> std::ops::Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `len` values were allocated, all zero bytes are a valid `T`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: bytemuck::Pod> std::ops::DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the access is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: bytemuck::Pod> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.len) {
            // SAFETY: allocated in `new` with this very layout.
            unsafe { alloc::dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}

/// A buffer that several threads write in parts which do not overlap.
#[derive(Clone, Copy)]
pub struct Shared<T> {
    start: *mut T,
    len: usize,
}

// SAFETY: a pointer and a length; every access states its own disjointness.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// `len` values from `at`, to write.
    ///
    /// # Safety
    /// Nobody else reads or writes them while the slice lives, and the buffer outlives it.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn slice_mut<'a>(self, at: usize, len: usize) -> &'a mut [T] {
        assert!(at + len <= self.len, "{at}+{len} of {}", self.len);
        // SAFETY: inside the buffer; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) }
    }

    /// `len` values from `at`, to read.
    ///
    /// # Safety
    /// Nobody writes them while the slice lives, and the buffer outlives it.
    pub unsafe fn slice<'a>(self, at: usize, len: usize) -> &'a [T] {
        assert!(at + len <= self.len, "{at}+{len} of {}", self.len);
        // SAFETY: inside the buffer; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(at), len) }
    }
}

impl Shared<f32> {
    /// The floats of some rows, to write.
    ///
    /// # Safety
    /// As [`Shared::slice_mut`].
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn rows_mut<'a>(self, rows: Rows) -> &'a mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { self.slice_mut(rows.at, rows.rows * rows.width) }
    }

    /// The floats of some rows, to read.
    ///
    /// # Safety
    /// As [`Shared::slice`].
    pub unsafe fn rows<'a>(self, rows: Rows) -> &'a [f32] {
        // SAFETY: the caller's promise.
        unsafe { self.slice(rows.at, rows.rows * rows.width) }
    }
}

/// The buffers behind an [`Input`].
pub struct InputBuffers {
    pub floats: Buffer<f32>,
    pub quants: Buffer<i8>,
    pub scales: Buffer<f32>,
    pub sums: Buffer<i16>,
    pub offsets: Buffer<f32>,
    /// [`Input::steps`], or [`Input::pairs`] in the same bytes: an input has one of them.
    pub steps: Buffer<u32>,
}

/// Numbers of `pairs` that take the room of one of `steps`.
const PAIRED: usize = size_of::<u32>();
const _: () = assert!(STEP * PAIRED == BLOCK);

impl InputBuffers {
    fn new(len: usize) -> Result<Self, Error> {
        const WHAT: &str = "matmul inputs";
        Ok(Self {
            floats: Buffer::new(len, WHAT)?,
            quants: Buffer::new(len, WHAT)?,
            scales: Buffer::new(len / BLOCK + 1, WHAT)?,
            sums: Buffer::new(len / 16 + 2, WHAT)?,
            offsets: Buffer::new((len / BLOCK + 1) * 3, WHAT)?,
            steps: Buffer::new((len / BLOCK + 1) * STEP, WHAT)?,
        })
    }

    /// Bytes for inputs of at most `len` floats.
    pub fn bytes(len: usize) -> usize {
        len * 5 + (len / BLOCK + 1) * (20 + STEP * 4)
    }

    /// What the buffers hold, with `floats` in place of their own where the input was not normed; int8 blocks for `few`
    /// rows or for more, where any were made.
    pub fn view<'a>(&'a self, rows: usize, width: usize, floats: Option<&'a [f32]>, few: Option<bool>) -> Input<'a> {
        let n = rows * width;
        let blocks = |made: bool| if made { n / BLOCK } else { 0 };
        let b = blocks(few.is_some());
        Input {
            rows,
            width,
            floats: floats.unwrap_or(&self.floats[..n]),
            quants: &self.quants[..b * BLOCK],
            scales: &self.scales[..b],
            sums: &self.sums[..b * 2],
            offsets: &self.offsets[..blocks(few == Some(true)) * 3],
            pairs: bytemuck::cast_slice(&self.steps[..blocks(few == Some(true)) * STEP]),
            steps: &self.steps[..blocks(few == Some(false)) * STEP],
        }
    }

    /// Writers for several threads, each of which takes other groups.
    pub fn shared(&mut self) -> SharedInput {
        SharedInput {
            floats: self.floats.shared(),
            quants: self.quants.shared(),
            scales: self.scales.shared(),
            sums: self.sums.shared(),
            offsets: self.offsets.shared(),
            steps: self.steps.shared(),
        }
    }
}

/// [`InputBuffers`] that several threads fill, group by group.
#[derive(Clone, Copy)]
pub struct SharedInput {
    pub floats: Shared<f32>,
    quants: Shared<i8>,
    scales: Shared<f32>,
    sums: Shared<i16>,
    offsets: Shared<f32>,
    steps: Shared<u32>,
}

impl SharedInput {
    /// The int8 blocks of `rows` rows of `width` numbers from row `first` on, for kernels that read `few` or more.
    ///
    /// # Safety
    /// As [`Shared::slice_mut`], for all blocks of these rows.
    pub unsafe fn group<'a>(self, first: usize, rows: usize, width: usize, few: bool) -> Group<'a> {
        let (at, blocks) = (first * (width / BLOCK), rows * (width / BLOCK));
        let offsets = if few { blocks * 3 } else { 0 };
        // SAFETY: the caller's promise.
        unsafe {
            let steps = self.steps.slice_mut(at * STEP, blocks * STEP);
            let (pairs, steps): (&mut [i8], _) =
                if few { (bytemuck::cast_slice_mut(steps), &mut [][..]) } else { (&mut [], steps) };
            Group {
                rows,
                quants: self.quants.slice_mut(at * BLOCK, blocks * BLOCK),
                scales: self.scales.slice_mut(at, blocks),
                sums: self.sums.slice_mut(at * 2, blocks * 2),
                offsets: self.offsets.slice_mut(at * 3, offsets),
                pairs,
                steps,
            }
        }
    }
}

/// An arena on the CPU.
pub struct Memory {
    pub floats: Buffer<f32>,
    pub input: InputBuffers,
    /// What attention at token time found in each part of a past.
    pub parts: Buffer<f32>,
    /// One for each thread of the pool.
    pub scratch: Vec<Mutex<Scratch>>,
}

/// What one thread works in.
#[derive(Debug, Default)]
pub struct Scratch {
    pub panel: panel::Scratch,
    /// Products of a panel, `[input row][weight row]`.
    pub tile: [[f32; panel::PANEL]; panel::TILE],
    pub attention: attention::Scratch,
    row: Vec<f32>,
}

/// How much of each of a thread's buffers the ops of a layout use at most with an instruction set.
struct Needs {
    /// Numbers of a row.
    row: usize,
    /// Numbers of an unpacked panel, of floats or of integers: the scalar kernels have one.
    unpacked: usize,
    /// Lines of a packed panel: SIMD kernels have one. Floats take the most.
    packed: usize,
    /// Numbers of attention's results.
    out: usize,
    /// Lines of a tile of keys and values, and what is kept beside them.
    tile: usize,
}

impl Needs {
    fn of(isa: Isa, layout: &Layout) -> Self {
        let simd = isa.table().packs;
        let queries = layout.queries.min(attention::QUERIES);
        Self {
            row: layout.widest.max(layout.head),
            unpacked: if simd { 0 } else { panel::PANEL * layout.widest },
            packed: if simd { layout.widest } else { 0 },
            out: queries * layout.head,
            tile: if simd { attention::packed(queries, layout.head).div_ceil(panel::Line::FLOATS) } else { 0 },
        }
    }

    fn bytes(&self) -> usize {
        let unpacked = self.unpacked * 5 + self.unpacked / 16 * 8;
        (self.row + self.out) * 4 + unpacked + (self.packed + self.tile) * size_of::<panel::Line>()
    }
}

impl Scratch {
    /// Buffers that need not grow: which thread meets which layer first is chance, and at token time nothing is allocated.
    /// Pages nobody writes cost nothing.
    fn new(needs: &Needs) -> Result<Self, Error> {
        let mut new = Self::default();
        reserve(&mut new.row, needs.row)?;
        reserve(&mut new.panel.floats, needs.unpacked)?;
        reserve(&mut new.panel.quants, needs.unpacked)?;
        reserve(&mut new.panel.scales, needs.unpacked / 16)?;
        reserve(&mut new.panel.mins, needs.unpacked / 16)?;
        reserve(&mut new.panel.packed, needs.packed)?;
        reserve(&mut new.attention.out, needs.out)?;
        reserve(&mut new.attention.packed, needs.tile)?;
        Ok(new)
    }

    /// Room for one row; what is in it is of no meaning.
    pub fn row(&mut self, width: usize) -> &mut [f32] {
        if self.row.len() < width {
            self.row.resize(width, 0.0);
        }
        &mut self.row[..width]
    }
}

fn reserve<T>(buffer: &mut Vec<T>, len: usize) -> Result<(), Error> {
    let bytes = len.saturating_mul(size_of::<T>());
    buffer.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { what: "a thread's buffers", bytes })
}

impl Memory {
    /// What [`Memory::new`] takes, with the threads' buffers at their largest.
    pub fn bytes(isa: Isa, layout: &Layout, threads: usize) -> usize {
        let thread = size_of::<Scratch>() + Needs::of(isa, layout).bytes();
        layout.peak * 4 + InputBuffers::bytes(layout.input) + Self::parts(isa, layout) * 4 + threads * thread
    }

    /// Room for attention over a past in 32 parts where the heads together are as wide as the widest input.
    fn parts(isa: Isa, layout: &Layout) -> usize {
        if isa.table().shares_heads() { 32 * layout.widest } else { 0 }
    }

    pub fn new(isa: Isa, layout: &Layout, threads: usize) -> Result<Self, Error> {
        let needs = Needs::of(isa, layout);
        Ok(Self {
            floats: Buffer::new(layout.peak, "activations")?,
            input: InputBuffers::new(layout.input)?,
            parts: Buffer::new(Self::parts(isa, layout), "attention")?,
            scratch: (0..threads).map(|_| Scratch::new(&needs).map(Mutex::new)).collect::<Result<_, _>>()?,
        })
    }
}

/// Keys and values on the CPU: `[layer][head][slot][head_width]`, so that one head's past is one stream. A head of a
/// position begins with a block of its own.
pub struct KvMemory {
    pub shape: CacheShape,
    pub data: KvData,
    pub convolved: Convolved,
}

/// What convolutions read, `[layer][slot][width]`.
pub enum Convolved {
    F16(Buffer<half::f16>),
    F32(Buffer<f32>),
}

/// The numbers of a cache.
pub enum KvData {
    F16 { k: Buffer<half::f16>, v: Buffer<half::f16> },
    F32 { k: Buffer<f32>, v: Buffer<f32> },
    Q8_0 { k: Buffer<BlockQ8_0>, v: Buffer<BlockQ8_0> },
}

impl KvMemory {
    pub fn new(shape: CacheShape) -> Result<Self, Error> {
        const WHAT: &str = "keys and values";
        let len = |row: usize| {
            let all = [shape.layers, shape.slots, shape.heads, row].into_iter().try_fold(1usize, usize::checked_mul);
            all.ok_or(Error::OutOfMemory { what: WHAT, bytes: usize::MAX })
        };
        let rows = len(shape.head_width)?;
        let data = match shape.ty {
            CacheType::F16 => KvData::F16 { k: Buffer::new(rows, WHAT)?, v: Buffer::new(rows, WHAT)? },
            CacheType::F32 => KvData::F32 { k: Buffer::new(rows, WHAT)?, v: Buffer::new(rows, WHAT)? },
            CacheType::Q8_0 => {
                let blocks = len(BlockQ8_0::count(shape.head_width))?;
                KvData::Q8_0 { k: Buffer::new(blocks, WHAT)?, v: Buffer::new(blocks, WHAT)? }
            }
        };
        let read = [shape.convolutions, shape.slots, shape.convolved].into_iter().try_fold(1usize, usize::checked_mul);
        let read = read.ok_or(Error::OutOfMemory { what: WHAT, bytes: usize::MAX })?;
        let convolved = match shape.ty {
            CacheType::F32 => Convolved::F32(Buffer::new(read, WHAT)?),
            CacheType::F16 | CacheType::Q8_0 => Convolved::F16(Buffer::new(read, WHAT)?),
        };
        Ok(Self { shape, data, convolved })
    }
}
