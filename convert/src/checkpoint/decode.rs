//! Checkpoint elements as f32, exactly: every f16 and bf16 is one. An f64 is rounded to the nearest.

use super::{Checkpoint, Dtype, Tensor};
use crate::error::ConvertError;

/// Elements compared at a time.
const CHUNK: u64 = 1 << 18;

impl Checkpoint {
    /// Elements of a tensor of one of [`Dtype::READ`] from `first` on. `raw` is scratch space that callers keep.
    pub(crate) fn decode(
        &self,
        name: &str,
        first: u64,
        out: &mut [f32],
        raw: &mut Vec<u8>,
    ) -> Result<(), ConvertError> {
        // A plan names only tensors that were found here.
        let Some((shard, tensor)) = self.tensors.get(name) else { return Ok(()) };
        tensor.check_order()?;
        self.decode_from(*shard, tensor, first, out, raw)?;
        self.add_to(name, first, out, raw)
    }

    /// Elements of a tensor of a file, without what is added to them.
    pub(super) fn decode_from(
        &self,
        shard: usize,
        tensor: &Tensor,
        first: u64,
        out: &mut [f32],
        raw: &mut Vec<u8>,
    ) -> Result<(), ConvertError> {
        let (name, dtype) = (&tensor.name, tensor.dtype);
        if !Dtype::READ.contains(&dtype) {
            return Err(ConvertError::Dtype { tensor: name.clone(), dtype: dtype.name });
        }
        let size = dtype.bytes();
        raw.resize(out.len() * size as usize, 0);
        self.read(shard, tensor, first * size, raw)?;
        match dtype {
            Dtype::F16 => widen(raw, out, |bytes| half::f16::from_le_bytes(bytes).to_f32()),
            Dtype::BF16 => widen(raw, out, |bytes| half::bf16::from_le_bytes(bytes).to_f32()),
            Dtype::F64 => {
                widen(raw, out, |bytes| f64::from_le_bytes(bytes) as f32);
                let lost = raw.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).zip(&*out);
                if let Some((value, _)) = lost.into_iter().find(|(value, near)| value.is_finite() && !near.is_finite())
                {
                    return Err(ConvertError::TooLarge { tensor: name.clone(), value });
                }
            }
            _ => widen(raw, out, f32::from_le_bytes),
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

fn widen<const N: usize>(raw: &[u8], out: &mut [f32], number: impl Fn([u8; N]) -> f32) {
    for (value, bytes) in out.iter_mut().zip(raw.as_chunks::<N>().0) {
        *value = number(*bytes);
    }
}
