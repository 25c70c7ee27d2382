//! The tensor infos, and the proof that each tensor lies in the file where it says.
//!
//! Two passes. Reading an info checks what can be told from it alone: name, dimensions, type, size. Then the layout is
//! checked as a whole: tensors follow each other in declared order with only padding between, and the last one's
//! padding ends within the file. Strict contiguity is ggml's rule; it also rules out the bomb of one small region that
//! thousands of tensors share. The order of the checks decides between "this file lies" (a tensor in the wrong place)
//! and "this file was cut" (everything in place, but the end is missing).

use std::collections::hash_map;

use super::cursor::{Cursor, Part};
use super::naming::{length_rule, name_rule};
use super::{GgufError, Index, Limits, ggml_types, pad_to};
use crate::{SizeError, TensorType};

/// Where a tensor is and what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its dimensions in ggml's order: `shape[0]` is the contiguous one. Empty for a scalar.
    pub shape: Vec<u64>,
    /// Its element type.
    pub ty: TensorType,
    /// Where its data starts, in bytes from the start of its file.
    pub offset: u64,
    /// Bytes of its data, without padding.
    pub bytes: u64,
    /// Which file of a split model its data is in, by [`Gguf::parts`](super::Gguf::parts); 0 where there is one.
    pub part: usize,
}

impl TensorInfo {
    /// Elements in a row: the contiguous dimension.
    #[must_use]
    pub fn cols(&self) -> u64 {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Rows: the product of all other dimensions.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.shape.iter().skip(1).product()
    }

    /// Elements altogether.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }
}

#[derive(Clone)]
pub(super) struct TensorTable {
    pub(super) infos: Vec<TensorInfo>,
    pub(super) index: Index,
    pub(super) data_offset: u64,
}

/// Reads and checks all infos. Offsets are relative to the data section until [`lay_out`] makes them absolute.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    count: u64,
    alignment: u64,
    limits: &Limits,
) -> Result<TensorTable, GgufError> {
    // The header's count has been held against the file, so this is no more than a few times the file.
    let room = usize::try_from(count).unwrap_or_default();
    let mut infos: Vec<TensorInfo> = Vec::with_capacity(room);
    let mut index = Index::with_capacity(room);
    for number in 0..count {
        let offset = cursor.offset();
        let info = read_info(cursor, number, limits)?;
        match index.entry(info.name.as_str().into()) {
            hash_map::Entry::Vacant(slot) => slot.insert(infos.len()),
            hash_map::Entry::Occupied(slot) => {
                let first = *slot.get() as u64;
                return Err(GgufError::DuplicateTensor { name: info.name, first, second: number, offset });
            }
        };
        infos.push(info);
    }
    let data_offset = lay_out(&mut infos, cursor, alignment)?;
    Ok(TensorTable { infos, index, data_offset })
}

fn read_info(cursor: &mut Cursor<'_>, number: u64, limits: &Limits) -> Result<TensorInfo, GgufError> {
    let what = Part::TensorName(number);
    let length = cursor.string_length(what)?;
    let offset = cursor.offset();
    let bad = |rule| GgufError::BadName { what: what.to_string(), offset, rule };
    if let Some(rule) = length_rule(length, limits.name_bytes, "tensor name") {
        return Err(bad(rule));
    }
    let name = cursor.text(length, what)?;
    if let Some(rule) = name_rule(name, limits) {
        return Err(bad(rule));
    }

    let what = Part::Tensor(name);
    let tensor = || name.to_owned();
    let offset = cursor.offset();
    let dims = cursor.u32(what)?;
    if dims > limits.dims {
        return Err(GgufError::Dims { tensor: tensor(), got: dims, max: limits.dims, offset });
    }
    let shape = cursor.take(u64::from(dims) * 8, what)?;
    let shape: Vec<u64> = shape.as_chunks().0.iter().map(|dim| u64::from_le_bytes(*dim)).collect();
    let offset = cursor.offset();
    let id = cursor.u32(what)?;
    let Some(ty) = TensorType::from_id(id) else {
        return Err(match ggml_types::name(id) {
            Some(name) => GgufError::UnsupportedType { tensor: tensor(), name, id, offset },
            None => GgufError::UnknownType { tensor: tensor(), id, offset, known: ggml_types::why_nameless(id) },
        });
    };
    let offset = cursor.u64(what)?;
    let bytes = ty.tensor_bytes(&shape).map_err(|error| match error {
        SizeError::ZeroDim { dim, .. } => GgufError::ZeroDim { tensor: tensor(), dim, shape: format!("{shape:?}") },
        SizeError::RaggedRow { ty, cols, block_len } => GgufError::RaggedRow { tensor: tensor(), ty, cols, block_len },
        SizeError::Overflow { .. } => GgufError::SizeOverflow {
            tensor: tensor(),
            what: "the size",
            shape: format!("{shape:?}"),
            ty,
            offset,
            max: i64::MAX as u64,
        },
    })?;
    Ok(TensorInfo { name: tensor(), shape, ty, offset, bytes, part: 0 })
}

/// Checks the layout against the file and makes offsets absolute; returns where the data section starts.
fn lay_out(infos: &mut [TensorInfo], cursor: &Cursor<'_>, alignment: u64) -> Result<u64, GgufError> {
    if infos.is_empty() {
        return Ok(cursor.offset());
    }
    let file_len = cursor.file().len() as u64;
    // Cannot fail: the position is within a slice and the alignment at most 64 KiB.
    let data_start = pad_to(cursor.offset(), alignment).unwrap_or(u64::MAX);
    let room = file_len.saturating_sub(data_start);

    let mut end = 0u64;
    let mut first_outside: Option<usize> = None;
    for at in 0..infos.len() {
        let info = &infos[at];
        let tensor = || info.name.clone();
        let past_end = info.offset.checked_add(info.bytes).is_none_or(|end| end > room);
        if info.offset != end {
            // In the wrong place. If a tensor reaches outside the file, its size or offset is what is wrong; name the
            // first such one rather than the innocent tensor behind it.
            if let Some(outside) = first_outside.or(past_end.then_some(at)) {
                return Err(out_of_file(&infos[outside], data_start, file_len));
            }
            if !info.offset.is_multiple_of(alignment) {
                return Err(GgufError::Misaligned { tensor: tensor(), offset: info.offset, alignment });
            }
            let (offset, expected) = (info.offset, end);
            return Err(if offset < expected {
                GgufError::Overlap { tensor: tensor(), offset, expected }
            } else {
                GgufError::Gap { tensor: tensor(), offset, expected }
            });
        }
        if past_end {
            first_outside = first_outside.or(Some(at));
        }
        let padded = end.checked_add(info.bytes).and_then(|end| pad_to(end, alignment));
        // The end must be an offset in a file, too.
        let padded = padded.filter(|end| data_start.checked_add(*end).is_some());
        end = padded.ok_or_else(|| GgufError::SizeOverflow {
            tensor: tensor(),
            what: "the end of the data",
            shape: format!("{:?}", info.shape),
            ty: info.ty,
            offset: info.offset,
            max: u64::MAX,
        })?;
    }
    if end > room {
        return Err(GgufError::TruncatedData {
            expected: data_start + end,
            found: file_len,
            first: first_outside.map(|at| (infos[at].name.clone(), infos[at].bytes)),
        });
    }
    for info in infos {
        info.offset += data_start;
    }
    Ok(data_start)
}

fn out_of_file(info: &TensorInfo, data_start: u64, file_len: u64) -> GgufError {
    let start = u128::from(data_start) + u128::from(info.offset);
    GgufError::OutOfFile {
        tensor: info.name.clone(),
        bytes: info.bytes,
        start,
        end: start + u128::from(info.bytes),
        data_start: data_start.min(file_len),
        data_end: file_len,
    }
}
