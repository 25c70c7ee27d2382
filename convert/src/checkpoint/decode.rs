//! Checkpoint elements as f32, exactly: every f16 and bf16 is one.

use super::{Checkpoint, Dtype};
use crate::error::ConvertError;

/// Elements compared at a time.
const CHUNK: u64 = 1 << 18;

impl Checkpoint {
    /// Elements of an F32, F16 or BF16 tensor from `first` on. `raw` is scratch space that callers keep.
    pub(crate) fn decode(
        &self,
        name: &str,
        first: u64,
        out: &mut [f32],
        raw: &mut Vec<u8>,
    ) -> Result<(), ConvertError> {
        let Some(tensor) = self.get(name) else { return Ok(()) };
        tensor.check_order()?;
        let size = if tensor.dtype == Dtype::F32 { 4 } else { 2 };
        raw.resize(out.len() * size, 0);
        self.read(name, first * size as u64, raw)?;
        if tensor.dtype == Dtype::F32 {
            for (value, bytes) in out.iter_mut().zip(raw.as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
            return Ok(());
        }
        let widen: fn([u8; 2]) -> f32 = match tensor.dtype {
            Dtype::F16 => |bytes| half::f16::from_le_bytes(bytes).to_f32(),
            Dtype::BF16 => |bytes| half::bf16::from_le_bytes(bytes).to_f32(),
            other => return Err(ConvertError::Dtype { tensor: name.to_owned(), dtype: other.name }),
        };
        for (value, bytes) in out.iter_mut().zip(raw.as_chunks::<2>().0) {
            *value = widen(*bytes);
        }
        Ok(())
    }

    /// Whether two tensors hold the same numbers, bit for bit as f32.
    pub(crate) fn equal(&self, left: &str, right: &str) -> Result<bool, ConvertError> {
        let (Some(a), Some(b)) = (self.get(left), self.get(right)) else { return Ok(false) };
        if a.shape != b.shape {
            return Ok(false);
        }
        let elements: u64 = a.shape.iter().product();
        let (mut mine, mut other, mut raw) = (Vec::new(), Vec::new(), Vec::new());
        let mut first = 0;
        while first < elements {
            let count = CHUNK.min(elements - first) as usize;
            mine.resize(count, 0.0f32);
            other.resize(count, 0.0f32);
            self.decode(left, first, &mut mine, &mut raw)?;
            self.decode(right, first, &mut other, &mut raw)?;
            if mine.iter().zip(&other).any(|(x, y)| x.to_bits() != y.to_bits()) {
                return Ok(false);
            }
            first += count as u64;
        }
        Ok(true)
    }
}
