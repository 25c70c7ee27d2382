//! Writing a file as a stream: declare everything, write the head, then pour the tensors in declared order.
//!
//! All sizes follow from the declarations, so every offset is known before the first byte is written and no seeking is
//! needed: the output may be a pipe. Memory is the metadata, never a tensor. The same calls give the same bytes. What
//! is declared is held to the reader's rules and default [`Limits`], so that whatever is written can be read.

use std::collections::HashSet;
use std::fmt;
use std::io::Write;

use super::meta_value::{MetaValue, append_string};
use super::naming::{key_rule, name_rule, shown};
use super::write_error::WriteError;
use super::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, Limits, MAGIC, TensorInfo, VERSION, pad_to};
use crate::TensorType;

/// Zeros to pad with.
const PADDING: [u8; DEFAULT_ALIGNMENT as usize] = [0; DEFAULT_ALIGNMENT as usize];

/// Metadata and tensor declarations of a file to be written.
///
/// ```
/// use ocelli_quant::{TensorType, gguf::Writer};
/// let mut writer = Writer::new();
/// writer.set("general.architecture", "llama");
/// writer.tensor("output_norm.weight", &[4], TensorType::F32);
/// let mut body = writer.begin(Vec::new())?;
/// body.write(&[0; 16])?;
/// let file = body.finish()?;
/// assert_eq!(file.len() % 32, 0);
/// # Ok::<(), ocelli_quant::gguf::WriteError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Writer {
    keys: Vec<(String, MetaValue)>,
    tensors: Vec<(String, Vec<u64>, TensorType)>,
}

/// The head of a file and where everything behind it goes.
struct Plan {
    head: Vec<u8>,
    infos: Vec<TensorInfo>,
    total: u64,
}

impl Writer {
    /// An empty file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key. Keys are written in the order set; mistakes are reported by [`Writer::begin`].
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<MetaValue>) -> &mut Self {
        self.keys.push((key.into(), value.into()));
        self
    }

    /// Declares a tensor, `shape[0]` being the contiguous dimension. Data follow in the order declared; mistakes are
    /// reported by [`Writer::begin`].
    pub fn tensor(&mut self, name: impl Into<String>, shape: &[u64], ty: TensorType) -> &mut Self {
        self.tensors.push((name.into(), shape.to_vec(), ty));
        self
    }

    /// Bytes the finished file will have, for checking the disk beforehand.
    ///
    /// # Errors
    /// As [`Writer::begin`], output apart.
    pub fn total_bytes(&self) -> Result<u64, WriteError> {
        self.plan().map(|plan| plan.total)
    }

    /// Checks all declarations, then writes everything up to the data section.
    ///
    /// # Errors
    /// The first mistake in the declarations, before anything is written; or the output's failure.
    pub fn begin<W: Write>(self, out: W) -> Result<Body<W>, WriteError> {
        let Plan { head, infos, total } = self.plan()?;
        let mut body = Body { out, infos, current: 0, written: 0, offset: 0, total };
        body.emit(&head)?;
        Ok(body)
    }

    fn plan(&self) -> Result<Plan, WriteError> {
        let limits = Limits::default();
        within("metadata keys", self.keys.len() as u64, limits.keys)?;
        within("tensors", self.tensors.len() as u64, limits.tensors)?;

        let mut head = Vec::from(MAGIC);
        head.extend(VERSION.to_le_bytes());
        head.extend((self.tensors.len() as u64).to_le_bytes());
        head.extend((self.keys.len() as u64).to_le_bytes());
        self.append_keys(&mut head, &limits)?;
        let infos = self.append_tensors(&mut head, &limits)?;
        within("bytes of metadata", (head.len() - super::HEADER_BYTES) as u64, limits.metadata_bytes)?;

        let alignment = DEFAULT_ALIGNMENT as usize;
        head.resize(head.len().next_multiple_of(alignment), 0);
        let data_start = head.len() as u64;
        let mut total = data_start;
        let mut placed = Vec::with_capacity(infos.len());
        for mut info in infos {
            let end = info.offset.checked_add(info.bytes).and_then(|end| end.checked_add(data_start));
            total = end.and_then(|end| pad_to(end, DEFAULT_ALIGNMENT)).ok_or_else(|| overflow(&info))?;
            info.offset += data_start;
            placed.push(info);
        }
        Ok(Plan { head, infos: placed, total })
    }

    fn append_keys(&self, head: &mut Vec<u8>, limits: &Limits) -> Result<(), WriteError> {
        let mut seen = HashSet::new();
        for (key, value) in &self.keys {
            if let Some(rule) = key_rule(key.as_bytes(), limits) {
                return Err(WriteError::BadName { name: shown(key), rule });
            }
            if !seen.insert(key.as_str()) {
                return Err(WriteError::DuplicateKey(shown(key)));
            }
            if key == ALIGNMENT_KEY && *value != MetaValue::U32(DEFAULT_ALIGNMENT as u32) {
                return Err(WriteError::Alignment(format!("{value:?}")));
            }
            let elements = value.types().1.map_or(0, |(_, count)| count as u64);
            within(&format!("elements of '{}'", shown(key)), elements, limits.array_elements)?;
            within(&format!("bytes of a string of '{}'", shown(key)), value.longest_string(), limits.string_bytes)?;
            append_string(head, key);
            value.append_to(head);
        }
        Ok(())
    }

    /// Appends the infos; those returned have offsets relative to the data section.
    fn append_tensors(&self, head: &mut Vec<u8>, limits: &Limits) -> Result<Vec<TensorInfo>, WriteError> {
        let mut seen = HashSet::new();
        let mut infos = Vec::with_capacity(self.tensors.len());
        let mut offset = 0u64;
        for (name, shape, ty) in &self.tensors {
            if let Some(rule) = name_rule(name, limits) {
                return Err(WriteError::BadName { name: shown(name), rule });
            }
            if !seen.insert(name.as_str()) {
                return Err(WriteError::DuplicateTensor(name.clone()));
            }
            within(&format!("dimensions of '{name}'"), shape.len() as u64, u64::from(limits.dims))?;
            let bytes = ty.tensor_bytes(shape).map_err(|source| WriteError::Shape { tensor: name.clone(), source })?;
            append_string(head, name);
            head.extend((shape.len() as u32).to_le_bytes());
            head.extend(shape.iter().flat_map(|dim| dim.to_le_bytes()));
            head.extend(ty.id().to_le_bytes());
            head.extend(offset.to_le_bytes());
            let info = TensorInfo { name: name.clone(), shape: shape.clone(), ty: *ty, offset, bytes, part: 0 };
            let end = offset.checked_add(bytes).and_then(|end| pad_to(end, DEFAULT_ALIGNMENT));
            offset = end.ok_or_else(|| overflow(&info))?;
            infos.push(info);
        }
        Ok(infos)
    }
}

/// A file whose head is written and whose tensors are being poured in.
#[must_use = "a file is complete only after `finish`"]
pub struct Body<W> {
    out: W,
    infos: Vec<TensorInfo>,
    current: usize,
    /// Bytes of the current tensor written so far.
    written: u64,
    /// Bytes of the file written so far.
    offset: u64,
    total: u64,
}

impl<W> fmt::Debug for Body<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("tensor", &self.current)
            .field("tensors", &self.infos.len())
            .field("written", &self.offset)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

impl<W: Write> Body<W> {
    /// All tensors with their final offsets.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.infos
    }

    /// The tensor that the next bytes belong to; `None` when all are complete.
    #[must_use]
    pub fn current(&self) -> Option<&TensorInfo> {
        self.infos.get(self.current)
    }

    /// Bytes written so far, head and padding included.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.offset
    }

    /// Bytes the finished file will have.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total
    }

    /// Appends data to the current tensor, in as many calls as suits. A completed tensor is padded and the next one
    /// becomes current; one call's data never spans two tensors.
    ///
    /// # Errors
    /// When `data` exceeds the current tensor (nothing is written then), or when the output fails, after which the file
    /// is to be thrown away.
    pub fn write(&mut self, data: &[u8]) -> Result<(), WriteError> {
        if data.is_empty() {
            return Ok(());
        }
        let Some(info) = self.infos.get(self.current) else {
            return Err(WriteError::NoTensorLeft { tensors: self.infos.len(), got: data.len() as u64 });
        };
        let wanted = info.bytes;
        let got = self.written.saturating_add(data.len() as u64);
        if got > wanted {
            return Err(WriteError::TooMuchData { tensor: info.name.clone(), wanted, got });
        }
        self.emit(data)?;
        self.written = got;
        if got == wanted {
            let padding = self.offset.next_multiple_of(DEFAULT_ALIGNMENT) - self.offset;
            self.emit(&PADDING[..padding as usize])?;
            self.current += 1;
            self.written = 0;
        }
        Ok(())
    }

    /// Flushes and returns the output, all tensors being complete. Making it durable (fsync, rename) is the caller's.
    ///
    /// # Errors
    /// When data is missing or the output fails to flush.
    pub fn finish(mut self) -> Result<W, WriteError> {
        if let Some(info) = self.infos.get(self.current) {
            return Err(WriteError::Unfinished {
                tensor: info.name.clone(),
                wanted: info.bytes,
                got: self.written,
                missing: self.infos.len() - self.current - 1,
            });
        }
        let offset = self.offset;
        self.out.flush().map_err(|source| WriteError::Io { offset, source })?;
        Ok(self.out)
    }

    fn emit(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let offset = self.offset;
        self.out.write_all(bytes).map_err(|source| WriteError::Io { offset, source })?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

fn within(what: &str, got: u64, max: u64) -> Result<(), WriteError> {
    if got > max { Err(WriteError::Limit { what: what.to_owned(), got, max }) } else { Ok(()) }
}

fn overflow(info: &TensorInfo) -> WriteError {
    WriteError::Overflow { tensor: info.name.clone(), bytes: info.bytes, offset: info.offset }
}
