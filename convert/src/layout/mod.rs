//! What a family's checkpoint must hold and where it goes: the rules, and their comparison with what is there.
//!
//! A rule table is complete in both directions. A checkpoint tensor without a rule is an error, because dropping a
//! weight in silence gives a model that runs and is wrong; so is a rule without a tensor. Shapes follow from the
//! configuration and are compared before anything is written.
//!
//! Every target is one contiguous run of a source's elements: rows of a matrix in memory order are ggml's shape with
//! the dimensions reversed, a convolution kernel `[w, 3, p, p]` is already the matrix of its unfolded patches, and the
//! three parts of a fused qkv projection lie behind each other. So conversion never transposes. What GGUF files of a kind
//! of model have otherwise, rows in another order or one added, is a [`Change`] on the way. Kernels of larger windows are
//! the exception: [`Kernel`].

mod head;

use std::collections::BTreeMap;

use crate::checkpoint::{Checkpoint, Dtype, quantised};
use crate::error::ConvertError;
use head::Head;

/// How a target is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A matrix that is multiplied with: the type that the recipe has for it.
    Matrix,
    /// The patch embedding, whose rows of 3·p² divide by no block, and matrices with a row for each input: F16, or F32 when that was asked for.
    Patch,
    /// Biases, norms and position tables: F32, since they cost nothing and are added, not multiplied.
    Exact,
}

/// Where a target's elements come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// A run of a checkpoint tensor, from this element on.
    Run {
        /// The checkpoint's name.
        tensor: String,
        /// First element.
        first: u64,
        /// What becomes of them.
        change: Change,
    },
    /// Whole checkpoint tensors one behind the other, each with its number of elements.
    Joined(Vec<(String, u64)>),
    /// A kernel that is standardised, with its gains.
    Kernel {
        /// The kernel's name in the checkpoint.
        tensor: String,
        /// The name of its gains, one an output.
        gains: String,
        /// What becomes of it.
        kernel: Kernel,
        /// Multiplies all of it.
        factor: Factor,
    },
    /// A tensor times a factor.
    Scaled(String, Factor),
    /// Values that follow from the configuration.
    Values(Vec<f32>),
    /// The same value everywhere: a norm without weights multiplies by one and adds zero.
    Fill(f32),
}

impl Content {
    /// Gives the checkpoint's tensors other names.
    fn rename(&mut self, rename: &dyn Fn(&str) -> String) {
        let names: Vec<&mut String> = match self {
            Self::Run { tensor, .. } => vec![tensor],
            Self::Joined(parts) => parts.iter_mut().map(|(tensor, _)| tensor).collect(),
            Self::Kernel { tensor, gains, factor, .. } => [tensor, gains].into_iter().chain(&mut factor.gain).collect(),
            Self::Scaled(tensor, factor) => [tensor].into_iter().chain(&mut factor.gain).collect(),
            Self::Values(_) | Self::Fill(_) => Vec::new(),
        };
        names.into_iter().for_each(|name| *name = rename(name));
    }
}

/// A convolution whose kernel is standardised whenever it runs (Qiao et al. 2019), as Brock et al. (2021) scale it:
/// `gain · scale / √n · (w - mean) / √(variance + eps)`, n, mean and variance being those of one output's kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kernel {
    /// Channels that are read.
    pub(crate) inputs: u64,
    /// Places of its window.
    pub(crate) places: u64,
    /// Added to the variance.
    pub(crate) eps: f64,
    pub(crate) scale: f64,
}

impl Kernel {
    /// One output's kernel. It comes channel by channel and goes place by place, since the engine's maps have a place's
    /// channels next to each other.
    pub(crate) fn fold(&self, from: &[f32], gain: f64, to: &mut [f32]) {
        let n = from.len() as f64;
        let mean = from.iter().map(|&w| f64::from(w)).sum::<f64>() / n;
        let variance = from.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>() / n;
        let scale = gain * self.scale / (n * (variance + self.eps)).sqrt();
        let places = self.places as usize;
        for (place, to) in to.chunks_exact_mut(self.inputs as usize).enumerate() {
            for (to, channel) in to.iter_mut().zip(from.chunks_exact(places)) {
                *to = ((f64::from(channel[place]) - mean) * scale) as f32;
            }
        }
    }
}

/// A number, times that of a checkpoint's tensor where it is learned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Factor {
    pub(crate) scale: f64,
    /// The tensor's name; it has no dimensions.
    pub(crate) gain: Option<String>,
}

/// What a value or a row becomes on its way.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Change {
    /// As it is.
    #[default]
    None,
    /// Outputs of heads this wide, of which RoPE turns the two halves: the pairs are put next to each other.
    Pairs(u64),
    /// One of three projections whose heads, this wide, take turns in the source: the first head of each, then the second.
    Third {
        /// Rows of a head.
        head: u64,
        /// Which of the three.
        number: u64,
    },
    /// Of kernels over two frames those of one: for each output and colour as many places as a row has, of the first frame and
    /// then of the second.
    Frame {
        /// Places.
        places: u64,
        /// Which of the two.
        number: u64,
    },
    /// Kernels of patches whose rows have the colours of each of so many pixels together: those of one colour become neighbours.
    Colours(u64),
    /// That much more, where the original multiplies by one plus the weight.
    Plus(f32),
}

impl Change {
    /// Elements that stay together: those of a row of so many columns, but for a kernel's.
    pub(crate) fn run(self, cols: u64) -> u64 {
        if let Self::Frame { places, .. } = self { places } else { cols }
    }

    /// The row of the source that becomes `row`.
    pub(crate) fn source_row(self, row: u64) -> u64 {
        match self {
            Self::Pairs(head) => {
                let within = row % head;
                row - within + within % 2 * (head / 2) + within / 2
            }
            Self::Third { head, number } => (row / head * 3 + number) * head + row % head,
            Self::Frame { number, .. } => row * 2 + number,
            Self::None | Self::Plus(_) | Self::Colours(_) => row,
        }
    }
}

/// A tensor of the output.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// ggml's order, the contiguous dimension first.
    pub(crate) shape: Vec<u64>,
    pub(crate) kind: Kind,
    pub(crate) content: Content,
}

impl Target {
    /// Elements of a row.
    pub(crate) fn cols(&self) -> u64 {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Rows.
    pub(crate) fn rows(&self) -> u64 {
        self.shape.iter().skip(1).product()
    }
}

/// The rules of one model.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    targets: Vec<Target>,
    /// Shapes by the configuration, as the checkpoint writes them.
    expected: BTreeMap<String, Vec<u64>>,
    head: Option<Head>,
    skips: Vec<fn(&str) -> bool>,
    /// Beginnings of names of tensors that may be there and are not needed.
    unused: Vec<String>,
    /// Tensors that may be stored again under other names: each with all of these.
    repeats: Vec<(String, Vec<String>)>,
    /// Whether a head that is there and differs is the head, whatever the configuration says.
    own_heads: bool,
}

impl Layout {
    /// Tensors that may be there and are not needed.
    pub(crate) fn skip(&mut self, rule: fn(&str) -> bool) {
        self.skips.push(rule);
    }

    /// The same of those whose names begin so.
    pub(crate) fn unused(&mut self, start: String) {
        self.unused.push(start);
    }

    /// Says that a matrix may be there again under other names, or under one of them alone.
    pub(crate) fn repeated(&mut self, matrix: &str, others: &[String]) {
        let weight = |name: &str| format!("{name}.weight");
        self.repeats.push((weight(matrix), others.iter().map(|other| weight(other)).collect()));
    }

    /// Says by which version of transformers the checkpoint was saved. From 5.0 on a head that differs from the embedding is
    /// used even where the configuration ties it.
    pub(crate) fn saved_by(&mut self, version: Option<&str>) {
        let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        self.own_heads = major.is_some_and(|major| major >= 5);
    }

    fn add(&mut self, source: String, source_shape: &[u64], name: String, shape: &[u64], kind: Kind) {
        let content = Content::Run { tensor: source.clone(), first: 0, change: Change::None };
        self.expected.insert(source, source_shape.to_vec());
        self.targets.push(Target { name, shape: shape.to_vec(), kind, content });
    }

    /// A tensor kept in F32 whose checkpoint shape has extra dimensions, such as `[1, rows, cols]`.
    pub(crate) fn exact(&mut self, source: &str, source_shape: &[u64], name: &str, shape: &[u64]) {
        self.add(source.to_owned(), source_shape, format!("{name}.weight"), shape, Kind::Exact);
    }

    /// A matrix of `rows` outputs.
    pub(crate) fn matrix(&mut self, source: &str, name: &str, cols: u64, rows: u64) {
        self.add(format!("{source}.weight"), &[rows, cols], format!("{name}.weight"), &[cols, rows], Kind::Matrix);
    }

    /// A vector kept in F32.
    pub(crate) fn vector(&mut self, source: &str, name: &str, width: u64) {
        self.add(source.to_owned(), &[width], name.to_owned(), &[width], Kind::Exact);
    }

    /// A matrix and, where there is one, its bias.
    pub(crate) fn linear(&mut self, source: &str, name: &str, cols: u64, rows: u64, bias: bool) {
        self.matrix(source, name, cols, rows);
        if bias {
            self.vector(&format!("{source}.bias"), &format!("{name}.bias"), rows);
        }
    }

    /// The same with every output changed on the way.
    pub(crate) fn changed(&mut self, source: &str, name: &str, cols: u64, rows: u64, bias: bool, to: Change) {
        let first = self.targets.len();
        self.linear(source, name, cols, rows, bias);
        self.change(first, to);
    }

    /// A norm without a shift.
    pub(crate) fn scale(&mut self, source: &str, name: &str, width: u64, to: Change) {
        let first = self.targets.len();
        self.vector(&format!("{source}.weight"), &format!("{name}.weight"), width);
        self.change(first, to);
    }

    fn change(&mut self, first: usize, to: Change) {
        for target in &mut self.targets[first..] {
            if let Content::Run { change, .. } = &mut target.content {
                *change = to;
            }
        }
    }

    /// Numbers that no checkpoint holds.
    pub(crate) fn values(&mut self, name: &str, values: Vec<f32>) {
        let shape = vec![values.len() as u64];
        self.targets.push(Target { name: name.to_owned(), shape, kind: Kind::Exact, content: Content::Values(values) });
    }

    /// Gives a target the numbers that somebody made of its checkpoint's tensor.
    pub(crate) fn given(&mut self, source: &str, values: Vec<f32>) {
        self.expected.remove(source);
        let of = |target: &&mut Target| matches!(&target.content, Content::Run { tensor, .. } if tensor == source);
        if let Some(target) = self.targets.iter_mut().find(of) {
            target.content = Content::Values(values);
        }
    }

    /// A vector of zeros that no checkpoint holds.
    pub(crate) fn zeros(&mut self, name: &str, width: u64) {
        let content = Content::Fill(0.0);
        self.targets.push(Target { name: name.to_owned(), shape: vec![width], kind: Kind::Exact, content });
    }

    /// The same rules under other names in the checkpoint. What may be skipped has its name already.
    pub(crate) fn renamed(mut self, rename: &dyn Fn(&str) -> String) -> Self {
        self.expected = self.expected.into_iter().map(|(name, shape)| (rename(&name), shape)).collect();
        for target in &mut self.targets {
            target.content.rename(rename);
        }
        if let Some(head) = &mut self.head {
            head.rename(rename);
        }
        for (matrix, others) in &mut self.repeats {
            *matrix = rename(matrix);
            others.iter_mut().for_each(|other| *other = rename(other));
        }
        self
    }

    /// Matrices whose rows become those of one, in order: each with its rows.
    pub(crate) fn joined(&mut self, sources: &[(String, u64)], name: &str, cols: u64) {
        let mut parts = Vec::new();
        for (source, rows) in sources {
            self.expected.insert(source.clone(), vec![*rows, cols]);
            parts.push((source.clone(), rows * cols));
        }
        let shape = vec![cols, sources.iter().map(|(_, rows)| rows).sum()];
        let name = format!("{name}.weight");
        self.targets.push(Target { name, shape, kind: Kind::Matrix, content: Content::Joined(parts) });
    }

    /// A convolution of square windows with gains and a bias, as the matrix it is.
    pub(crate) fn convolution(
        &mut self,
        source: &str,
        name: &str,
        kernel: Kernel,
        rows: u64,
        kind: Kind,
        factor: Factor,
    ) {
        let side = kernel.places.isqrt();
        let (tensor, gains) = (format!("{source}.weight"), format!("{source}.gain"));
        self.expected.insert(tensor.clone(), vec![rows, kernel.inputs, side, side]);
        self.expected.insert(gains.clone(), vec![rows, 1, 1, 1]);
        self.expected.insert(format!("{source}.bias"), vec![rows]);
        self.expected.extend(factor.gain.iter().map(|gain| (gain.clone(), Vec::new())));
        let bias = Content::Scaled(format!("{source}.bias"), factor.clone());
        let shape = vec![kernel.inputs * kernel.places, rows];
        let content = Content::Kernel { tensor, gains, kernel, factor };
        self.targets.push(Target { name: format!("{name}.weight"), shape, kind, content });
        self.targets.push(Target { name: format!("{name}.bias"), shape: vec![rows], kind: Kind::Exact, content: bias });
    }

    /// A convolution whose stride is its kernel, as the matrix it is.
    pub(crate) fn patch(&mut self, source: &str, name: &str, side: u64, rows: u64, bias: bool) {
        let shape = [3 * side * side, rows];
        let kernel = [rows, 3, side, side];
        self.add(format!("{source}.weight"), &kernel, format!("{name}.weight"), &shape, Kind::Patch);
        if bias {
            self.vector(&format!("{source}.bias"), &format!("{name}.bias"), rows);
        }
    }

    /// The same where it is a matrix already, over pixels with their colours together.
    pub(crate) fn unfolded(&mut self, source: &str, name: &str, side: u64, rows: u64, bias: bool) {
        let (places, first) = (side * side, self.targets.len());
        self.linear(source, name, 3 * places, rows, bias);
        let content = Content::Run { tensor: format!("{source}.weight"), first: 0, change: Change::Colours(places) };
        (self.targets[first].kind, self.targets[first].content) = (Kind::Patch, content);
    }

    /// A matrix `source` that lies with a row for each input, and stays so. No type of blocks can hold it, since what is
    /// multiplied together stands in columns.
    pub(crate) fn columns(&mut self, source: &str, name: &str, inputs: u64, outputs: u64) {
        let (from, to) = ([inputs, outputs], [outputs, inputs]);
        self.add(source.to_owned(), &from, format!("{name}.weight"), &to, Kind::Patch);
    }

    /// The same over pairs of frames, as a matrix for each of the two.
    pub(crate) fn patch_pair(&mut self, source: &str, names: [&str; 2], side: u64, rows: u64, bias: bool) {
        let (tensor, places) = (format!("{source}.weight"), side * side);
        self.expected.insert(tensor.clone(), vec![rows, 3, 2, side, side]);
        for (number, name) in (0u64..).zip(names) {
            let change = Change::Frame { places, number };
            let content = Content::Run { tensor: tensor.clone(), first: 0, change };
            let shape = vec![3 * places, rows];
            self.targets.push(Target { name: format!("{name}.weight"), shape, kind: Kind::Patch, content });
        }
        if bias {
            self.vector(&format!("{source}.bias"), &format!("{}.bias", names[0]), rows);
        }
    }

    /// A layer norm; without learned parameters it is written as ones and zeros.
    pub(crate) fn norm(&mut self, source: &str, name: &str, width: u64, learned: bool) {
        for (part, value) in [("weight", 1.0), ("bias", 0.0)] {
            let name = format!("{name}.{part}");
            if learned {
                self.vector(&format!("{source}.{part}"), &name, width);
            } else {
                self.targets.push(Target {
                    name,
                    shape: vec![width],
                    kind: Kind::Exact,
                    content: Content::Fill(value),
                });
            }
        }
    }

    /// Three projections from and to `width`, whose `heads` take turns in one tensor.
    pub(crate) fn interleaved(&mut self, source: &str, names: [String; 3], width: u64, heads: u64, bias: bool) {
        let start = self.targets.len();
        self.fused(source, names, width, width, bias);
        for (number, target) in (0u64..).zip(&mut self.targets[start..]) {
            if let Content::Run { first, change, .. } = &mut target.content {
                *first = 0;
                *change = Change::Third { head: width / heads, number: number % 3 };
            }
        }
    }

    /// Projections of `rows` outputs each, stored behind each other in one tensor.
    pub(crate) fn fused<const N: usize>(&mut self, source: &str, names: [String; N], cols: u64, rows: u64, bias: bool) {
        let mut split = |part: &str, shape: &[u64], kind| {
            let source = format!("{source}.{part}");
            let elements: u64 = shape.iter().product();
            for (number, name) in (0u64..).zip(&names) {
                let content = Content::Run { tensor: source.clone(), first: number * elements, change: Change::None };
                self.targets.push(Target { name: format!("{name}.{part}"), shape: shape.to_vec(), kind, content });
            }
            let mut stacked: Vec<u64> = shape.iter().rev().copied().collect();
            stacked[0] *= N as u64;
            self.expected.insert(source, stacked);
        };
        split("weight", &[cols, rows], Kind::Matrix);
        if bias {
            split("bias", &[rows], Kind::Exact);
        }
    }

    /// Checkpoint tensors without a rule.
    pub(crate) fn unknown<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let is_head = |name: &str| self.head.as_ref().is_some_and(|head| head.has(name));
        let is_repeated = |name: &str| self.repeats.iter().any(|(_, others)| others.iter().any(|other| other == name));
        let known =
            |name: &str| self.expected.contains_key(name) || is_head(name) || is_repeated(name) || self.skipped(name);
        names.filter(|name| !known(name)).map(str::to_owned).collect()
    }

    fn skipped(&self, name: &str) -> bool {
        self.skips.iter().any(|skip| skip(name)) || self.unused.iter().any(|start| name.starts_with(start))
    }

    /// Compares the rules with a checkpoint and decides about the head.
    pub(crate) fn settle(
        mut self,
        checkpoint: &Checkpoint,
        family: &'static str,
        notes: &mut Vec<String>,
    ) -> Result<Settled, ConvertError> {
        let unknown = self.unknown(checkpoint.names());
        let needed = self.expected.keys().chain(&unknown);
        quantised::check(needed.filter_map(|name| checkpoint.get(name)))?;
        if !unknown.is_empty() {
            return Err(ConvertError::UnknownTensors { family, tensors: unknown });
        }
        self.settle_head(checkpoint, notes)?;
        self.settle_repeats(checkpoint, notes)?;
        let absent = |name: &&String| checkpoint.get(name).is_none();
        let missing: Vec<String> = self.expected.keys().filter(absent).cloned().collect();
        if !missing.is_empty() {
            return Err(ConvertError::MissingTensors { family, tensors: missing });
        }
        let mut doubles = 0;
        for (name, expected) in &self.expected {
            let Some(tensor) = checkpoint.get(name) else { continue };
            if tensor.shape != *expected {
                let (found, expected) = (tensor.shape.clone(), expected.clone());
                return Err(ConvertError::Shape { tensor: name.clone(), found, expected });
            }
            if !Dtype::READ.contains(&tensor.dtype) {
                return Err(ConvertError::Dtype { tensor: name.clone(), dtype: tensor.dtype.name });
            }
            tensor.check_order()?;
            doubles += usize::from(tensor.dtype == Dtype::F64);
        }
        if doubles > 0 {
            notes.push(format!("{doubles} tensors are stored as F64 and were rounded to f32 first"));
        }
        let unused = |name: &&str| !self.expected.contains_key(*name);
        let skipped = checkpoint.names().filter(unused).map(str::to_owned).collect();
        Ok(Settled { targets: self.targets, skipped })
    }
}

/// Rules that a checkpoint has been found to follow.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) targets: Vec<Target>,
    /// Tensors of the checkpoint that no target needs.
    pub(crate) skipped: Vec<String>,
}
