//! A GGUF with its matrices in other types; everything else is kept as it is, in its order.
//!
//! Rows are decoded, encoded by [`TensorType::encode`] (or by `encode_weighted`, where importances are known) and written
//! in the order of the file, a window of chunks at a time on all cores, so memory stays bounded and the same input gives
//! the same bytes whatever the number of threads. What already has its type is copied.

use std::collections::BTreeSet;
use std::path::Path;

use ocelli_quant::gguf::{Gguf, MetaValue, TensorInfo, Writer, is_split_key};
use ocelli_quant::{CodecError, TensorType};

pub use crate::recipe::{Mix, Pattern, Recipe};

use crate::error::ConvertError;
use crate::output::{Identity, Output};
use crate::recipe::{Rules, is_matrix};
use crate::report::Progress;
use crate::write::{self, Block, CHUNK, check, pour_blocks};

const ALIGNMENT: &str = "general.alignment";

/// What was done.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// Tensors, numbers and bytes of each type in the output, the most bytes first.
    pub types: Vec<(TensorType, usize, u64, u64)>,
    /// Bytes of the input.
    pub bytes_in: u64,
    /// Bytes of the output.
    pub bytes_out: u64,
    /// Tensors whose rows do not divide into the wanted type's blocks: name, type wanted, type used.
    pub fallbacks: Vec<(String, TensorType, TensorType)>,
    /// Tensors that were encoded without importances although a file of them was given.
    pub unweighted: Vec<String>,
    /// Everything else worth knowing.
    pub notes: Vec<String>,
}

impl Report {
    /// Bits of tensor data for each number in it.
    #[must_use]
    pub fn bits_per_weight(&self) -> f64 {
        let sum = |of: fn(&(TensorType, usize, u64, u64)) -> u64| self.types.iter().map(of).sum::<u64>();
        8.0 * sum(|row| row.3) as f64 / sum(|row| row.2).max(1) as f64
    }
}

/// A tensor on its way.
struct Task<'a> {
    tensor: &'a TensorInfo,
    data: &'a [u8],
    to: TensorType,
    /// One a column, where known and of use.
    importance: Option<Vec<f32>>,
}

/// Part of a tensor: whole rows, or whole blocks of one row that is longer than a chunk.
struct Job<'t, 'a> {
    task: &'t Task<'a>,
    first: u64,
    elements: u64,
}

/// Writes `file`, which was read from `sources`, several where it is split, to `out`: one file in any case.
///
/// # Errors
/// See [`ConvertError`]. After any error a file at `out` is what it was before, and nothing else is left beside it.
pub fn quantize<'o>(
    file: &Gguf,
    sources: &[impl AsRef<Path>],
    out: impl Into<Output<'o>>,
    recipe: &Recipe,
    progress: &dyn Progress,
) -> Result<Report, ConvertError> {
    let out = out.into();
    let place = out.place(recipe.overwrite, |there| {
        let is_input = |source| Identity::at(source).is_some_and(|input| input == *there);
        sources.iter().any(|source| is_input(source.as_ref())).then_some("the file that is read")
    })?;

    let mut report = Report { bytes_in: file.file_len(), ..Report::default() };
    let tasks = plan(file, recipe, &mut report)?;
    let mut writer = Writer::new();
    for (key, value) in keys(file, recipe, &mut report) {
        writer.set(key, value);
    }
    for task in &tasks {
        writer.tensor(task.tensor.name.clone(), &task.tensor.shape, task.to);
    }
    report.bytes_out = writer.total_bytes()?;
    report.types = count(&tasks);
    write::file((out, &place), writer, progress, |body| {
        pour_blocks(body, tasks.iter().flat_map(jobs), |buffers, job| block(&job, buffers), progress, &mut report.notes)
    })?;
    report.notes.iter().for_each(|note| progress.note(note));
    Ok(report)
}

fn cols(tensor: &TensorInfo) -> u64 {
    tensor.shape.first().copied().unwrap_or(1)
}

/// Decides the type of every tensor.
fn plan<'a>(file: &'a Gguf, recipe: &Recipe, report: &mut Report) -> Result<Vec<Task<'a>>, ConvertError> {
    let rules = Rules::new(recipe.mix, file, recipe.imatrix.is_some());
    let mut tasks = Vec::with_capacity(file.tensors().len());
    let matrices = file.tensors().iter().filter(|tensor| is_matrix(&tensor.name, &tensor.shape));
    recipe.check(&matrices.map(|tensor| tensor.name.as_str()).collect::<Vec<_>>())?;
    let mut again = (0, BTreeSet::new());
    for tensor in file.tensors() {
        let mut task = Task { tensor, data: file.data(tensor), to: tensor.ty, importance: None };
        if is_matrix(&tensor.name, &tensor.shape) {
            let (wanted, fits) = recipe.types(&tensor.name, cols(tensor), &rules);
            task.to = fits;
            if task.to != wanted {
                report.fallbacks.push((tensor.name.clone(), wanted, task.to));
            }
        }
        if task.to != tensor.ty {
            if !task.to.can_encode() {
                let source = CodecError::NoEncoder { ty: task.to };
                return Err(ConvertError::Encode { tensor: tensor.name.clone(), source });
            }
            if tensor.ty.block_len() > 1 {
                again.0 += 1;
                again.1.insert(tensor.ty.name());
            }
            task.importance = recipe.importance((&tensor.name, cols(tensor)), task.to, &mut report.unweighted)?;
        }
        tasks.push(task);
    }
    if again.0 > 0 {
        let types = again.1.into_iter().collect::<Vec<_>>().join(", ");
        report.notes.push(format!(
            "{} tensors were quantised before ({types}): both errors add up; start from f16 or f32 where you can",
            again.0
        ));
    }
    Ok(tasks)
}

/// The keys of the output: those of the input in their places, then those it did not have.
fn keys(file: &Gguf, recipe: &Recipe, report: &mut Report) -> Vec<(String, MetaValue)> {
    let mut set = recipe.keys();
    if file.alignment() != 32 {
        report.notes.push(format!("tensors are aligned to 32 bytes, no longer to {}", file.alignment()));
        set.push((ALIGNMENT, MetaValue::U32(32)));
    }
    // The output is whole, whatever the input was.
    let kept = file.keys().filter(|(key, _)| !is_split_key(key));
    let mut keys: Vec<(String, MetaValue)> =
        kept.map(|(key, value)| (key.to_owned(), MetaValue::from(value))).collect();
    for (key, value) in set {
        match keys.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => keys.push((key.to_owned(), value)),
        }
    }
    keys
}

fn count(tasks: &[Task<'_>]) -> Vec<(TensorType, usize, u64, u64)> {
    let row = |ty: TensorType| {
        let of_type = || tasks.iter().filter(move |task| task.to == ty).map(|task| task.tensor);
        let bytes = of_type().map(|tensor| ty.tensor_bytes(&tensor.shape).unwrap_or(0)).sum();
        (ty, of_type().count(), of_type().map(TensorInfo::elements).sum(), bytes)
    };
    let mut rows: Vec<_> = TensorType::ALL.into_iter().map(row).filter(|row| row.1 > 0).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.3));
    rows
}

/// A tensor in chunks.
fn jobs<'t, 'a>(task: &'t Task<'a>) -> impl Iterator<Item = Job<'t, 'a>> {
    let (cols, total) = (cols(task.tensor), task.tensor.elements());
    // The length of a row of one chunk or less, or all of a longer row.
    let run = if cols <= CHUNK { total } else { cols };
    let step = if cols <= CHUNK { CHUNK / cols * cols } else { CHUNK };
    let steps = run.div_ceil(step);
    (0..total / run * steps).map(move |number| {
        let within = number % steps * step;
        Job { task, first: number / steps * run + within, elements: step.min(run - within) }
    })
}

fn block<'a>(job: &Job<'_, 'a>, (_, floats): &mut (Vec<u8>, Vec<f32>)) -> Result<Block<'a>, ConvertError> {
    let Task { tensor, data, to, importance } = job.task;
    let wrong = |source| ConvertError::Encode { tensor: tensor.name.clone(), source };
    // All of this was in memory or is in the map, so the numbers fit.
    let (first, elements) = (job.first as usize, job.elements as usize);
    let bytes_of = |ty: TensorType, n| ty.row_bytes(n).unwrap_or_default();
    let start = bytes_of(tensor.ty, first);
    let from = data.get(start..start + bytes_of(tensor.ty, elements)).unwrap_or_default();
    if *to == tensor.ty {
        return Ok(Block { name: &tensor.name, bytes: from.to_vec(), non_finite: 0 });
    }
    floats.resize(elements, 0.0);
    tensor.ty.decode(from, floats).map_err(wrong)?;
    let advice = if *to == TensorType::BF16 { "f32" } else { "bf16 or f32" };
    let non_finite = check(floats, &tensor.name, *to, advice)?;
    let mut bytes = vec![0; bytes_of(*to, elements)];
    match importance {
        Some(importance) => {
            let column = first % importance.len();
            let importance = &importance[column..importance.len().min(column + elements)];
            to.encode_weighted(floats, importance, &mut bytes)
        }
        None => to.encode(floats, &mut bytes),
    }
    .map_err(wrong)?;
    Ok(Block { name: &tensor.name, bytes, non_finite })
}
