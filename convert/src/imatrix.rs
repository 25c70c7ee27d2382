//! How much each column of each matrix matters: the squares of the inputs it was multiplied with, summed over a text.
//!
//! The file is llama.cpp's (`tools/imatrix`): a GGUF with `general.type` "imatrix" and for each matrix the tensors
//! `NAME.in_sum2` (a sum a column) and `NAME.counts` (how many rows were summed), both F32. What is used is the mean. Its
//! older format is read as well.

mod old;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, TensorInfo, Writer};

use crate::error::{ConvertError, shown};
use crate::output::Output;
use crate::write;

const TYPE: &str = "general.type";
const DATASETS: &str = "imatrix.datasets";
const CHUNKS: &str = "imatrix.chunk_count";
const CHUNK_SIZE: &str = "imatrix.chunk_size";
const SUMS: &str = ".in_sum2";
const COUNTS: &str = ".counts";

/// What one matrix was multiplied with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Columns {
    /// The sum of the squares of each column of the input; finite and not negative.
    pub sums: Vec<f32>,
    /// Rows of input that were summed.
    pub count: u64,
}

/// Sums of a model's matrices by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imatrix {
    /// One entry a matrix.
    pub entries: BTreeMap<String, Columns>,
    /// What was read: names, for people.
    pub datasets: Vec<String>,
    /// How many pieces of text that was.
    pub chunks: u32,
    /// Tokens a piece.
    pub chunk_size: u32,
}

impl Imatrix {
    /// Reads a file in llama.cpp's older format (`.dat`); `None` for what does not begin as one does or is no file, which
    /// is left to be read as a GGUF, or refused.
    ///
    /// # Errors
    /// [`ConvertError::Imatrix`] where it begins so and is damaged.
    pub fn read_old(path: &Path) -> Result<Option<Self>, ConvertError> {
        let failed = |action| move |source| ConvertError::Read { path: path.to_owned(), action, source };
        // Asked before it is opened: opening a pipe waits for somebody who writes to it.
        if !fs::metadata(path).is_ok_and(|found| found.is_file()) {
            return Ok(None);
        }
        let file = fs::File::open(path).map_err(failed("open"))?;
        let mut bytes = Vec::new();
        (&file).take(old::HEAD).read_to_end(&mut bytes).map_err(failed("read"))?;
        if !old::begins(&bytes) {
            return Ok(None);
        }
        file.take(old::MOST).read_to_end(&mut bytes).map_err(failed("read"))?;
        old::read(&bytes).map(Some)
    }

    /// Reads a file. Tensors with other names than the two are ignored.
    ///
    /// # Errors
    /// [`ConvertError::Imatrix`]: no such file, sums without counts, numbers that are no sums of squares, or one matrix
    /// an expert, which no model here has.
    pub fn read(file: &Gguf) -> Result<Self, ConvertError> {
        let bad = |entry: &str, what: String| ConvertError::Imatrix { entry: shown(entry), what };
        let kind = file.str(TYPE).ok().flatten().unwrap_or("none");
        if kind != "imatrix" {
            return Err(bad(TYPE, format!("expected 'imatrix', found '{}'", shown(kind))));
        }
        let mut entries = BTreeMap::new();
        for tensor in file.tensors() {
            let name = |suffix| tensor.name.strip_suffix(suffix);
            let Some(name) = name(SUMS) else {
                if let Some(name) = name(COUNTS).filter(|name| file.tensor(&format!("{name}{SUMS}")).is_none()) {
                    return Err(bad(name, "counts without sums".to_owned()));
                }
                continue;
            };
            let counts = file.tensor(&format!("{name}{COUNTS}"));
            let counts = counts.ok_or_else(|| bad(name, "sums without counts".to_owned()))?;
            let (sums, counts) = (floats(file, tensor)?, floats(file, counts)?);
            let &[count] = counts.as_slice() else {
                return Err(bad(
                    name,
                    format!("{} counts, expected 1: mixtures of experts are not supported", counts.len()),
                ));
            };
            if let Some(wrong) = sums.iter().chain([&count]).find(|value| !(value.is_finite() && **value >= 0.0)) {
                return Err(bad(name, format!("{wrong} is no sum of squares and no count")));
            }
            entries.insert(name.to_owned(), Columns { sums, count: count.round() as u64 });
        }
        let datasets = file.strings(DATASETS).ok().flatten();
        let number = |key| file.u32(key).ok().flatten().unwrap_or(0);
        Ok(Self {
            entries,
            datasets: datasets.into_iter().flatten().map(str::to_owned).collect(),
            chunks: number(CHUNKS),
            chunk_size: number(CHUNK_SIZE),
        })
    }

    /// Writes the file: the old one or a complete new one.
    ///
    /// # Errors
    /// Those of the output; see [`ConvertError`].
    pub fn write<'o>(&self, out: impl Into<Output<'o>>, overwrite: bool) -> Result<(), ConvertError> {
        if let Some((name, _)) = self.entries.iter().find(|(_, entry)| entry.sums.iter().any(|sum| !sum.is_finite())) {
            let what = "a sum is NaN or infinite".to_owned();
            return Err(ConvertError::Imatrix { entry: shown(name), what });
        }
        let out = out.into();
        let place = out.place(overwrite, |_| None)?;
        let mut writer = Writer::new();
        writer.set(TYPE, "imatrix").set(DATASETS, self.datasets.clone());
        writer.set(CHUNKS, self.chunks).set(CHUNK_SIZE, self.chunk_size);
        for (name, columns) in &self.entries {
            writer.tensor(format!("{name}{SUMS}"), &[columns.sums.len() as u64, 1], TensorType::F32);
            writer.tensor(format!("{name}{COUNTS}"), &[1, 1], TensorType::F32);
        }
        write::file((out, &place), writer, &(), |body| {
            for columns in self.entries.values() {
                let sums: Vec<u8> = columns.sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
                body.write(&sums)?;
                body.write(&(columns.count as f32).to_le_bytes())?;
            }
            Ok(())
        })
    }

    /// The importance of each column of a matrix: the mean square of its input. All columns of a matrix that was never
    /// multiplied with matter the same.
    #[must_use]
    pub fn importance(&self, name: &str) -> Option<Vec<f32>> {
        let Columns { sums, count } = self.entries.get(name)?;
        if *count == 0 {
            return Some(vec![1.0; sums.len()]);
        }
        Some(sums.iter().map(|&sum| (f64::from(sum) / *count as f64) as f32).collect())
    }
}

/// All numbers of an F32 tensor.
fn floats(file: &Gguf, tensor: &TensorInfo) -> Result<Vec<f32>, ConvertError> {
    if tensor.ty != TensorType::F32 {
        let what = format!("stored as {}, expected f32", tensor.ty);
        return Err(ConvertError::Imatrix { entry: shown(&tensor.name), what });
    }
    let number = |bytes: &[u8]| bytes.try_into().map_or(0.0, f32::from_le_bytes);
    Ok(file.data(tensor).chunks_exact(4).map(number).collect())
}
