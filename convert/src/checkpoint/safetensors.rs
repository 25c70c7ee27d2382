//! The head of a safetensors file: eight bytes of length, a JSON table, then the data it describes.
//!
//! Validation follows the format's own reference reader, error by error and under the same names, with one addition:
//! two equal names in the table are an error there too, but a map parser would keep the last one in silence. The data
//! must be covered exactly: no overlap, no gap, nothing behind the last tensor.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::error::SafetensorsError;
use super::{Dtype, LFS, Tensor, read_exact_at};
use crate::error::shown;

/// Bytes of the length field.
const LENGTH_BYTES: u64 = 8;
/// Most bytes of the table.
const MAX_HEADER: u64 = 100_000_000;
/// Most tensors of a file; the largest real checkpoints have some thousands.
const MAX_TENSORS: usize = 65_536;
/// Most dimensions of a tensor.
const MAX_DIMS: usize = 16;

/// The tensors of a file, in the order of their data.
pub(crate) fn read_header(file: &File) -> Result<Vec<Tensor>, SafetensorsError> {
    let have = file.metadata()?.len();
    let mut length = [0; LENGTH_BYTES as usize];
    if have < LENGTH_BYTES {
        return Err(SafetensorsError::HeaderTooSmall { have });
    }
    read_exact_at(file, &mut length, 0)?;
    let length = u64::from_le_bytes(length);
    let remaining = have - LENGTH_BYTES;
    if length > MAX_HEADER || length > remaining {
        let mut start = [0; LFS.len()];
        if have >= LFS.len() as u64 && read_exact_at(file, &mut start, 0).is_ok() && start == *LFS {
            return Err(SafetensorsError::LfsPointer { have });
        }
    }
    if length > MAX_HEADER {
        return Err(SafetensorsError::HeaderTooLarge { length, max: MAX_HEADER });
    }
    if length > remaining {
        return Err(SafetensorsError::InvalidHeaderLength { length, remaining });
    }
    let mut header = vec![0; length as usize];
    read_exact_at(file, &mut header, LENGTH_BYTES)?;
    if header.first() != Some(&b'{') {
        let mark = header.starts_with(b"\xef\xbb\xbf");
        let what = if mark { "it starts with a byte order mark, not with '{'" } else { "it does not start with '{'" };
        return Err(SafetensorsError::InvalidHeader(what.to_owned()));
    }
    let Table { entries, mlx } =
        serde_json::from_slice(&header).map_err(|error| SafetensorsError::InvalidHeader(error.to_string()))?;
    let tensors = validate(entries, LENGTH_BYTES + length, remaining - length)?;
    match tensors.iter().find(|tensor| mlx && tensor.shape.len() == 4) {
        Some(Tensor { name, shape, .. }) => Err(SafetensorsError::Mlx { tensor: shown(name), shape: shape.clone() }),
        None => Ok(tensors),
    }
}

fn validate(mut entries: Vec<(String, Info)>, data_start: u64, data: u64) -> Result<Vec<Tensor>, SafetensorsError> {
    let mut seen = HashSet::new();
    if let Some((name, _)) = entries.iter().find(|(name, _)| !seen.insert(name.as_str())) {
        return Err(SafetensorsError::DuplicateTensor { tensor: shown(name) });
    }
    entries.sort_by(|(left, a), (right, b)| a.data_offsets.cmp(&b.data_offsets).then_with(|| left.cmp(right)));
    let mut expected = 0;
    let mut tensors = Vec::with_capacity(entries.len());
    for (name, info) in entries {
        let (start, end) = info.data_offsets;
        if start != expected || end < start {
            return Err(SafetensorsError::InvalidOffset { tensor: shown(&name), start, end, expected });
        }
        let Some(dtype) = Dtype::of(&info.dtype) else {
            return Err(SafetensorsError::UnknownDtype { tensor: shown(&name), dtype: shown(&info.dtype) });
        };
        let shape = info.shape.0;
        let bits = shape.iter().try_fold(dtype.bits(), |bits, &dim| bits.checked_mul(dim));
        let Some(bits) = bits else {
            return Err(SafetensorsError::ValidationOverflow { tensor: shown(&name), shape });
        };
        let (wanted, span) = (bits.div_ceil(8), end - start);
        if wanted != span || !bits.is_multiple_of(8) {
            let tensor = shown(&name);
            return Err(SafetensorsError::TensorInvalidInfo { tensor, shape, dtype: dtype.name, wanted, span });
        }
        expected = end;
        // Cannot overflow where the check below passes; where it does not, the value is not used.
        tensors.push(Tensor { name, dtype, shape, offset: data_start.saturating_add(start), strides: None });
    }
    if expected != data {
        return Err(SafetensorsError::MetadataIncompleteBuffer { described: expected, have: data });
    }
    Ok(tensors)
}

/// The table as it stands in the file, duplicates included.
struct Table {
    entries: Vec<(String, Info)>,
    /// Whether MLX wrote the file, which stores convolutions with channels last.
    mlx: bool,
}

/// What the file says of itself; the rest of it may be anything.
#[derive(Deserialize)]
struct Metadata {
    format: Option<String>,
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

/// At most [`MAX_DIMS`] dimensions, so that the table cannot be one endless shape.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = Table;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table, A::Error> {
                let (mut rows, mut mlx) = (Vec::new(), false);
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        let metadata = map.next_value::<Option<Metadata>>()?;
                        mlx = metadata.and_then(|metadata| metadata.format).as_deref() == Some("mlx");
                        continue;
                    }
                    if rows.len() == MAX_TENSORS {
                        return Err(A::Error::custom(format!("more than {MAX_TENSORS} tensors")));
                    }
                    rows.push((name, map.next_value()?));
                }
                Ok(Table { entries: rows, mlx })
            }
        }
        deserializer.deserialize_map(Rows)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Dims;
        impl<'de> Visitor<'de> for Dims {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX_DIMS} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut dims = Vec::new();
                while let Some(dim) = seq.next_element()? {
                    if dims.len() == MAX_DIMS {
                        return Err(A::Error::custom(format!("a shape has more than {MAX_DIMS} dimensions")));
                    }
                    dims.push(dim);
                }
                Ok(Shape(dims))
            }
        }
        deserializer.deserialize_seq(Dims)
    }
}
