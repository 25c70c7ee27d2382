//! The streaming pipeline: read rows, widen to f32, encode, write in declared order.
//!
//! Memory is bounded by a window of chunks, not by any tensor: while one window is being written, the next is read and
//! encoded on all cores. The order of the output does not depend on which core was first, so neither do its bytes.
//!
//! Windows instead of channels between a reader, encoders and a writer: they need no order to be put right and bound memory
//! by themselves, and there is little to win. Of 205 million numbers in f16, on two threads, both threads were at work
//! for 99 % of the time when they became q4_k and for 93 % when they stayed f16.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Body, WriteError, Writer};
use rayon::prelude::*;

use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::layout::{Change, Content, Factor, Kind, Target};
use crate::output::{Output, Place};
use crate::report::Progress;

/// Elements of a chunk: 512 KiB as f32, and at most that much again as read and as encoded. A multiple of every block.
pub(crate) const CHUNK: u64 = 1 << 17;
/// Chunks of a window for each thread, so that slow ones even out, and the most in all.
const WINDOW: (usize, usize) = (4, 256);

/// The body of a file that goes anywhere.
pub(crate) type FileBody<'a> = Body<BufWriter<Box<dyn Write + Send + 'a>>>;

/// Writes the head, has the tensors poured, and gives the complete file its name.
pub(crate) fn file(
    (out, place): (Output<'_>, &Place),
    writer: Writer,
    progress: &dyn Progress,
    pour: impl FnOnce(&mut FileBody<'_>) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    let needed = writer.total_bytes()?;
    let file = matches!(place, Place::File { .. });
    let full = |error| match error {
        ConvertError::Gguf(WriteError::Io { source, .. }) => match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge if file => {
                ConvertError::DiskFull { path: out.name(), needed }
            }
            _ => ConvertError::Write { path: out.name(), action: "be written", source },
        },
        ConvertError::Write { path, source, .. } if file && source.kind() == io::ErrorKind::StorageFull => {
            ConvertError::DiskFull { path, needed }
        }
        other => other,
    };
    let mut sink = place.open(out, progress)?;
    let written = writer.begin(BufWriter::with_capacity(1 << 20, sink.writer())).map_err(ConvertError::from);
    let written = written.and_then(|mut body| {
        progress.start(body.tensors().iter().map(|tensor| tensor.bytes).sum());
        pour(&mut body)?;
        Ok(body.finish().map(drop)?)
    });
    written.map_err(full)?;
    sink.keep().map_err(full)
}

/// A target with the type it is stored as.
#[derive(Debug)]
pub(crate) struct Tensor {
    pub(crate) target: Target,
    pub(crate) ty: TensorType,
    /// One a column, where known and of use.
    pub(crate) importance: Option<Vec<f32>>,
}

/// Rows of a tensor that are converted together.
struct Job<'a> {
    tensor: &'a Tensor,
    /// First element within the target.
    first: u64,
    elements: usize,
}

/// A chunk as it will lie in the output.
pub(crate) struct Block<'a> {
    /// The tensor it belongs to.
    pub(crate) name: &'a str,
    pub(crate) bytes: Vec<u8>,
    /// NaNs and infinities among its elements.
    pub(crate) non_finite: u64,
}

/// Pours all tensors of a checkpoint into the body.
pub(crate) fn pour<W: Write + Send>(
    body: &mut Body<W>,
    tensors: &[Tensor],
    checkpoint: &Checkpoint,
    progress: &dyn Progress,
    notes: &mut Vec<String>,
) -> Result<(), ConvertError> {
    let make = |buffers: &mut _, job| convert(job, checkpoint, buffers);
    pour_blocks(body, tensors.iter().flat_map(chunks), make, progress, notes)
}

/// Makes a block of each job on all cores and writes the blocks in the order of the jobs. `make` has buffers to itself
/// that it finds as another job left them.
pub(crate) fn pour_blocks<'a, W: Write + Send, J: Send>(
    body: &mut Body<W>,
    mut jobs: impl Iterator<Item = J>,
    make: impl Fn(&mut (Vec<u8>, Vec<f32>), J) -> Result<Block<'a>, ConvertError> + Sync,
    progress: &dyn Progress,
    notes: &mut Vec<String>,
) -> Result<(), ConvertError> {
    let window = rayon::current_num_threads().saturating_mul(WINDOW.0).clamp(1, WINDOW.1);
    let mut ready: Vec<Block<'_>> = Vec::new();
    let mut broken: BTreeMap<&str, u64> = BTreeMap::new();
    loop {
        if progress.cancelled() {
            return Err(ConvertError::Cancelled);
        }
        let next: Vec<J> = jobs.by_ref().take(window).collect();
        if next.is_empty() && ready.is_empty() {
            break;
        }
        let (written, made) = rayon::join(
            || ready.iter().try_for_each(|block| body.write(&block.bytes)),
            || next.into_par_iter().map_init(Default::default, &make).collect::<Result<Vec<_>, _>>(),
        );
        written?;
        for block in &ready {
            progress.advance(block.bytes.len() as u64, block.name);
            if block.non_finite > 0 {
                *broken.entry(block.name).or_default() += block.non_finite;
            }
        }
        ready = made?;
    }
    notes.extend(broken.iter().map(|(name, count)| format!("{name}: {count} values are NaN or infinite")));
    Ok(())
}

/// A tensor in chunks of whole rows.
fn chunks(tensor: &Tensor) -> impl Iterator<Item = Job<'_>> {
    let (cols, rows) = (tensor.target.cols(), tensor.target.rows());
    let step = (CHUNK / cols).max(1);
    (0..rows.div_ceil(step)).map(move |number| {
        let row = number * step;
        let elements = (step.min(rows - row) * cols) as usize;
        Job { tensor, first: row * cols, elements }
    })
}

fn convert<'a>(
    job: Job<'a>,
    checkpoint: &Checkpoint,
    (raw, floats): &mut (Vec<u8>, Vec<f32>),
) -> Result<Block<'a>, ConvertError> {
    let Tensor { target, ty, importance } = job.tensor;
    floats.resize(job.elements, 0.0);
    match &target.content {
        Content::Fill(value) => floats.fill(*value),
        Content::Values(values) => {
            let first = job.first as usize;
            floats.copy_from_slice(&values[first..first + job.elements]);
        }
        Content::Joined(parts) => {
            let (from, to) = (job.first, job.first + job.elements as u64);
            let mut start = 0;
            for (tensor, elements) in parts {
                let (first, last) = (from.max(start), to.min(start + elements));
                if first < last {
                    let part = &mut floats[(first - from) as usize..(last - from) as usize];
                    checkpoint.decode(tensor, first - start, part, raw)?;
                }
                start += elements;
            }
        }
        Content::Kernel { tensor, gains, kernel, factor } => {
            let cols = target.cols();
            let factor = read_factor(factor, checkpoint, raw)?;
            let mut gain = vec![0.0; job.elements / cols as usize];
            checkpoint.decode(gains, job.first / cols, &mut gain, raw)?;
            let mut source = vec![0.0; job.elements];
            checkpoint.decode(tensor, job.first, &mut source, raw)?;
            let rows = source.chunks_exact(cols as usize).zip(floats.chunks_exact_mut(cols as usize));
            for ((from, to), gain) in rows.zip(gain) {
                kernel.fold(from, f64::from(gain) * factor, to);
            }
        }
        Content::Scaled(tensor, factor) => {
            let factor = read_factor(factor, checkpoint, raw)?;
            checkpoint.decode(tensor, job.first, floats, raw)?;
            floats.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
        }
        Content::Run {
            tensor,
            first,
            change: change @ (Change::Pairs(_) | Change::Third { .. } | Change::Frame { .. }),
        } => {
            if target.shape.len() == 1 {
                // A bias has one element a row: all between the first and the last are read at once.
                let sources: Vec<u64> = (job.first..).take(floats.len()).map(|row| change.source_row(row)).collect();
                let low = sources.iter().min().copied().unwrap_or_default();
                let high = sources.iter().max().map_or(low, |last| last + 1);
                let mut all = vec![0.0; (high - low) as usize];
                checkpoint.decode(tensor, first + low, &mut all, raw)?;
                floats.iter_mut().zip(sources).for_each(|(to, source)| *to = all[(source - low) as usize]);
            } else {
                let cols = change.run(target.cols());
                for (row, to) in (job.first / cols..).zip(floats.chunks_exact_mut(cols as usize)) {
                    checkpoint.decode(tensor, first + change.source_row(row) * cols, to, raw)?;
                }
            }
        }
        Content::Run { tensor, first, change } => {
            checkpoint.decode(tensor, first + job.first, floats, raw)?;
            match change {
                Change::Plus(more) => floats.iter_mut().for_each(|value| *value += more),
                // Chunks are whole rows.
                Change::Colours(places) => {
                    for row in floats.chunks_exact_mut(3 * *places as usize) {
                        let pixels = row.to_vec();
                        for (colour, to) in row.chunks_exact_mut(*places as usize).enumerate() {
                            to.iter_mut().zip(pixels.chunks_exact(3)).for_each(|(to, pixel)| *to = pixel[colour]);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    let advice = if *ty == TensorType::BF16 || target.kind == Kind::Patch { "f32" } else { "bf16 or f32" };
    let non_finite = check(floats, &target.name, *ty, advice)?;
    // Declaring the tensor has checked that its rows are whole blocks; should they not be, `encode` says so.
    let mut bytes = vec![0; ty.row_bytes(job.elements).unwrap_or_default()];
    match importance {
        // Chunks are whole rows.
        Some(importance) => ty.encode_weighted(floats, importance, &mut bytes),
        None => ty.encode(floats, &mut bytes),
    }
    .map_err(|source| ConvertError::Encode { tensor: target.name.clone(), source })?;
    Ok(Block { name: &target.name, bytes, non_finite })
}

fn read_factor(factor: &Factor, checkpoint: &Checkpoint, raw: &mut Vec<u8>) -> Result<f64, ConvertError> {
    let mut gain = [1.0];
    if let Some(tensor) = &factor.gain {
        checkpoint.decode(tensor, 0, &mut gain, raw)?;
    }
    Ok(factor.scale * f64::from(gain[0]))
}

/// Counts values that are not finite; a finite one that its type would make infinite is an error that advises another.
pub(crate) fn check(values: &[f32], name: &str, ty: TensorType, advice: &'static str) -> Result<u64, ConvertError> {
    let (bound, largest) = magnitude(ty);
    let mut non_finite = 0;
    for &value in values {
        if !value.is_finite() {
            non_finite += 1;
        } else if value.abs() >= bound {
            return Err(ConvertError::Overflow { tensor: name.to_owned(), value, ty, largest, advice });
        }
    }
    Ok(non_finite)
}

/// From where on a magnitude becomes an infinity, and the largest one that does not. For block types that is where the
/// f16 scale of a block overflows.
fn magnitude(ty: TensorType) -> (f32, f32) {
    /// The largest f16, and half a step above it, which rounds up.
    const F16: (f32, f32) = (65_520.0, 65_504.0);
    let blocks = |levels: f32| (levels * F16.0, levels * F16.1);
    match ty {
        TensorType::F32 => (f32::INFINITY, f32::MAX),
        TensorType::F16 => F16,
        TensorType::BF16 => (f32::from_bits(0x7f7f_8000), f32::from_bits(0x7f7f_0000)),
        TensorType::Q8_0 => blocks(127.0),
        TensorType::Q5_1 | TensorType::Q4_1 => blocks(1.0),
        TensorType::Q5_0 => blocks(16.0),
        TensorType::Q4_0 => blocks(8.0),
        TensorType::Q2K => blocks(15.0),
        TensorType::Q3K => blocks(4.0 * 31.0),
        TensorType::Q4K | TensorType::Q5K => blocks(63.0),
        TensorType::Q6K => blocks(32.0 * 127.0),
        TensorType::Iq4Nl => blocks(113.0),
        TensorType::Iq4Xs => blocks(113.0 * 31.0),
    }
}
