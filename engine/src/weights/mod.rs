//! Weights as views of the model file: scoped lookup by name, shapes and types checked as they are fetched.
//!
//! Nothing is copied but what a file has with rows for columns: a [`Linear`] knows where its rows lie in the map, and the
//! kernels read them there, whatever their format. A model that was loaded has therefore proved that every tensor it needs is there and fits.

mod activation;
pub mod header;
mod map;
mod pages;
mod pair;
mod projector;
mod rows;
mod split;

pub use activation::Activation;
#[cfg(test)]
pub(crate) use map::resident;
use map::written;
pub use map::{Load, Progress, aligned, open_part};
pub(crate) use pages::{Pieces, is_encoder, is_reader};
pub use pair::{Beside, find as find_mmproj, join as join_pair};
pub(crate) use projector::{QWEN, notes, of as projector_of, token, translated};
pub use rows::limit_image_rows;
pub(crate) use rows::{MAX_ROWS, USUAL_ROWS, most_rows};
pub use split::{files, open, open_with};

use crate::error::Error;
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Bytes, Gguf, TensorInfo};
use std::sync::Arc;

#[cfg(target_endian = "big")]
compile_error!("model files are little-endian and read in place: big-endian machines are not supported");

#[cfg(not(target_pointer_width = "64"))]
compile_error!("sizes of tensors and caches are multiplied as 64-bit numbers: 32-bit machines are not supported");

/// A model file that is in memory. Bytes at an address that is no multiple of 8 are copied.
///
/// # Errors
/// [`Error::Gguf`], also for a file of a split model; [`Error::OutOfMemory`].
pub fn parse(bytes: Bytes) -> Result<Gguf, Error> {
    let slice = (*bytes).as_ref();
    let bytes = if slice.as_ptr().addr().is_multiple_of(8) { bytes } else { aligned(slice)? };
    Ok(Gguf::parse(bytes)?)
}

/// A name prefix over a file's tensors: `scope.at("blk.0").linear("attn_q", …)` reads `blk.0.attn_q.weight`.
#[derive(Clone)]
pub struct Scope {
    file: Arc<Gguf>,
    prefix: String,
}

impl Scope {
    /// All of a file.
    #[must_use]
    pub fn new(file: Arc<Gguf>) -> Self {
        Self { file, prefix: String::new() }
    }

    /// The file.
    #[must_use]
    #[cfg(feature = "internals")]
    pub fn file(&self) -> &Gguf {
        &self.file
    }

    /// The scope `name` inside this one.
    #[must_use]
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        Self { file: Arc::clone(&self.file), prefix: format!("{}{name}.", self.prefix) }
    }

    /// Whether the tensor exists.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.file.tensor(&format!("{}{name}", self.prefix)).is_some()
    }

    /// Whether the tensor exists and has so many rows.
    #[must_use]
    pub fn has_rows(&self, name: &str, rows: usize) -> bool {
        self.file.tensor(&format!("{}{name}", self.prefix)).is_some_and(|tensor| tensor.rows() == rows as u64)
    }

    fn find(&self, name: &str, wanted: &[u64]) -> Result<&TensorInfo, Error> {
        let name = format!("{}{name}", self.prefix);
        let info = self.file.tensor(&name).ok_or(Error::MissingTensor { name })?;
        // Trailing dimensions of 1 say nothing: some writers keep them.
        let trimmed = |shape: &[u64]| {
            let mut shape = shape.to_vec();
            while shape.len() > 1 && shape.last() == Some(&1) {
                shape.pop();
            }
            shape
        };
        if trimmed(&info.shape) != trimmed(wanted) {
            return Err(Error::WrongShape {
                name: info.name.clone(),
                got: info.shape.clone(),
                wanted: wanted.to_vec(),
            });
        }
        Ok(info)
    }

    fn slice(&self, info: &TensorInfo) -> Slice {
        // The reader proved that the tensor lies inside the file, so it fits this machine's addresses.
        let start = usize::try_from(info.offset).unwrap_or(usize::MAX);
        let len = usize::try_from(info.bytes).unwrap_or(0);
        let Some(bytes) = self.file.parts().get(info.part).map(Arc::clone) else {
            return Slice { bytes: Arc::new([]), part: info.part, start: 0, len: 0 };
        };
        Slice { bytes, part: info.part, start, len }
    }

    /// `rows` x `width` numbers of any type, `name.weight`.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::WrongShape`].
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Result<Table, Error> {
        let info = self.find(&format!("{name}.weight"), &[width as u64, rows as u64])?;
        let row_bytes = info.ty.row_bytes(width).unwrap_or(0);
        Ok(Table { slice: self.slice(info), ty: info.ty, rows, width, row_bytes })
    }

    /// `len` f32 numbers, the tensor `name` itself.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::WrongShape`], [`Error::WrongType`].
    pub fn vector(&self, name: &str, len: usize) -> Result<Vector, Error> {
        let info = self.find(name, &[len as u64])?;
        if info.ty != TensorType::F32 {
            return Err(Error::WrongType { name: info.name.clone(), got: info.ty, wanted: TensorType::F32 });
        }
        Ok(Vector(self.slice(info)))
    }

    /// The same, where the file has it.
    ///
    /// # Errors
    /// [`Error::WrongShape`], [`Error::WrongType`].
    pub fn optional(&self, name: &str, len: usize) -> Result<Option<Vector>, Error> {
        if self.has(name) { self.vector(name, len).map(Some) } else { Ok(None) }
    }

    /// `name.weight` (`outputs` x `inputs`) and, where the file has it, `name.bias`.
    ///
    /// # Errors
    /// As [`Scope::table`] and [`Scope::vector`].
    pub fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Result<Linear, Error> {
        let weight = self.table(name, outputs, inputs)?;
        Ok(Linear { weight, bias: self.optional(&format!("{name}.bias"), outputs)? })
    }

    /// The layer of a matrix of which the file has a row for each input, `name.weight`: turned around once, into memory of its
    /// own, see [`Linear::own_bytes`].
    ///
    /// # Errors
    /// As [`Scope::linear`]; [`Error::OutOfMemory`].
    pub fn columns(&self, name: &str, inputs: usize, outputs: usize) -> Result<Linear, Error> {
        let from = self.table(name, inputs, outputs)?;
        // Numbers of which several share a scale are taken apart.
        let apart = from.ty.block_len() > 1;
        let ty = if apart { TensorType::F32 } else { from.ty };
        let size = ty.row_bytes(1).unwrap_or(0);
        let mut line = vec![0f32; if apart { outputs } else { 0 }];
        let bytes = written(inputs * outputs * size, &mut |turned| {
            for input in 0..inputs {
                let row = if apart {
                    from.decode_row(input, &mut line);
                    bytemuck::cast_slice(&line)
                } else {
                    from.rows(input, 1)
                };
                for (output, number) in row.chunks_exact(size.max(1)).enumerate() {
                    turned[(output * inputs + input) * size..][..size].copy_from_slice(number);
                }
            }
        })?;
        let slice = Slice { start: 0, len: inputs * outputs * size, bytes, part: OWN };
        let weight = Table { slice, ty, rows: outputs, width: inputs, row_bytes: inputs * size };
        Ok(Linear { weight, bias: self.optional(&format!("{name}.bias"), outputs)? })
    }

    /// Layers whose rows follow one another in `name.weight` and, where the file has it, `name.bias`.
    ///
    /// # Errors
    /// As [`Scope::linear`].
    pub fn fused<const N: usize>(&self, name: &str, inputs: usize, outputs: [usize; N]) -> Result<[Linear; N], Error> {
        let whole = self.linear(name, inputs, outputs.iter().sum())?;
        let mut first = 0;
        Ok(outputs.map(|rows| {
            let part = whole.rows(first, rows);
            first += rows;
            part
        }))
    }

    /// `name.weight` and, where the file has it, `name.bias`, each `width` f32.
    ///
    /// # Errors
    /// As [`Scope::vector`].
    pub fn norm(&self, name: &str, kind: NormKind, width: usize, eps: f32) -> Result<Norm, Error> {
        let weight = self.vector(&format!("{name}.weight"), width)?;
        Ok(Norm { kind, weight, bias: self.optional(&format!("{name}.bias"), width)?, eps })
    }
}

/// Stands for the number of a file where bytes are in none.
const OWN: usize = usize::MAX;

/// A run of bytes in a file.
#[derive(Clone)]
struct Slice {
    bytes: Bytes,
    /// Which of a split model's files that is.
    part: usize,
    start: usize,
    len: usize,
}

impl Slice {
    fn get(&self) -> &[u8] {
        &(*self.bytes).as_ref()[self.start..self.start + self.len]
    }
}

/// Rows of numbers in any type, in the file.
#[derive(Clone)]
pub struct Table {
    slice: Slice,
    ty: TensorType,
    rows: usize,
    width: usize,
    row_bytes: usize,
}

impl Table {
    /// Number format.
    #[must_use]
    pub fn ty(&self) -> TensorType {
        self.ty
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Numbers a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Where the first row starts: which of a split model's files, and the byte there.
    #[must_use]
    pub fn address(&self) -> (usize, usize) {
        (self.slice.part, self.slice.start)
    }

    /// The bytes of `count` rows from row `start` on.
    #[must_use]
    pub fn rows(&self, start: usize, count: usize) -> &[u8] {
        &self.slice.get()[start * self.row_bytes..(start + count) * self.row_bytes]
    }

    /// One row as floats; `out` is [`Table::width`] long.
    pub fn decode_row(&self, row: usize, out: &mut [f32]) {
        let decoded = self.ty.decode(self.rows(row, 1), out);
        debug_assert!(decoded.is_ok());
    }
}

/// A matrix that is multiplied, with its bias: y = W x + b.
#[derive(Clone)]
pub struct Linear {
    /// `outputs` rows of `inputs` numbers.
    pub weight: Table,
    /// `outputs` numbers.
    pub bias: Option<Vector>,
}

impl Linear {
    /// A bias-free layer over a table, as a tied output head is.
    #[must_use]
    pub fn tied(table: &Table) -> Self {
        Self { weight: table.clone(), bias: None }
    }

    /// The layer of `count` outputs from output `first` on.
    fn rows(&self, first: usize, count: usize) -> Self {
        let part = |slice: &Slice, row: usize| Slice {
            bytes: Arc::clone(&slice.bytes),
            part: slice.part,
            start: slice.start + first * row,
            len: count * row,
        };
        let weight = &self.weight;
        Self {
            weight: Table { slice: part(&weight.slice, weight.row_bytes), rows: count, ..weight.clone() },
            bias: self.bias.as_ref().map(|bias| Vector(part(&bias.0, size_of::<f32>()))),
        }
    }

    /// Bytes of the matrix that lie in no file.
    #[must_use]
    pub fn own_bytes(&self) -> usize {
        if self.weight.slice.part == OWN { self.weight.slice.len } else { 0 }
    }

    /// Width of the input.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.weight.width
    }

    /// Width of the output.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.weight.rows
    }
}

/// f32 numbers in the file.
#[derive(Clone)]
pub struct Vector(Slice);

impl Vector {
    /// The numbers.
    #[must_use]
    pub fn get(&self) -> &[f32] {
        // Files are opened at aligned addresses and tensors lie at multiples of 8 or more, so the cast always fits.
        bytemuck::try_cast_slice(self.0.get()).unwrap_or(&[])
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len / 4
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// `len` times the same number, which no file has.
    fn of(value: f32, len: usize) -> Self {
        /// Bytes that lie as numbers do.
        struct Numbers(Vec<f32>);
        impl AsRef<[u8]> for Numbers {
            fn as_ref(&self) -> &[u8] {
                bytemuck::cast_slice(&self.0)
            }
        }
        Self(Slice { bytes: Arc::new(Numbers(vec![value; len])), part: 0, start: 0, len: len * size_of::<f32>() })
    }
}

/// The two norms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// (x - mean) / sqrt(var + eps) * w + b (Ba et al. 2016)
    Layer,
    /// x / sqrt(mean x² + eps) * w (Zhang & Sennrich 2019)
    Rms,
}

/// A norm with its weights.
#[derive(Clone)]
pub struct Norm {
    /// Which.
    pub kind: NormKind,
    /// Scale, one a column.
    pub weight: Vector,
    /// Shift, one a column.
    pub bias: Option<Vector>,
    /// Added to the variance.
    pub eps: f32,
}

impl Norm {
    /// What makes rows of `width` numbers as long as 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // widths are small
    pub fn to_unit(width: usize) -> Self {
        let weight = Vector::of(1.0 / (width as f32).sqrt(), width);
        Self { kind: NormKind::Rms, weight, bias: None, eps: f32::MIN_POSITIVE }
    }
}
