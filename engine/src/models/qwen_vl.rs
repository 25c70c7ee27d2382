//! Qwen2-VL (Wang et al. 2024), Qwen2.5-VL and Qwen3-VL (Bai et al. 2025).
//!
//! ```text
//! picture in whole squares near its own size -> ViT with 2-D RoPE -> neighbours side by side -> linear layers -> rows
//! Qwen3-VL besides: rows behind some blocks -> neighbours side by side -> norm, linear layers -> added behind decoder layers
//! ```
//!
//! The three are one graph whose switches are the file's tensors and keys: a learned table of positions or none, a norm with or
//! without a mean, a gate or none, windows or none, features in the middle or none.
//!
//! The non-obvious thing: a picture is a pair of frames, itself twice, and its rows stand as a grid on two axes, so that it takes
//! fewer positions than rows.

use super::compose::InOrder;
use super::tiled;
use super::{Encoder, Family, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::decoder::Position;
use crate::blocks::mlp::{Mlp, MlpRows};
use crate::blocks::vit::{Between, OwnSizes, Places, Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Cut, Pixels, Preprocess, Scaled, Views};
use crate::kernels::{Activation, Exec, Gathered, Layout, Rows};
use crate::weights::header::{self, Header};
use crate::weights::{NormKind, QWEN, Scope, USUAL_ROWS, most_rows, projector_of};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// What stands before and behind a picture's rows.
const AROUND: [&str; 2] = ["<|vision_start|>", "<|vision_end|>"];
/// Most patches a side that become one row.
const MERGE: usize = 16;

struct Eyes {
    preprocess: Preprocess,
    scaled: Scaled,
    vit: Vit,
    /// Patches a side that become one row.
    merge: usize,
    /// Merged rows a side of a window; 0 is none.
    window: usize,
    merger: Mlp,
    /// For each block behind which there is a feature, in order, what makes it.
    features: Vec<(usize, Mlp)>,
    /// Numbers of a row, and of each of its features.
    width: usize,
    largest: usize,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let scope = Scope::new(Arc::clone(file));
    let vision = Header::new(file, "clip.vision.");
    let (language, mut decoder) = decoder_only(file)?;
    let width = decoder.config.embedding_width;
    if width != decoder.config.width {
        let rule = format!("must be the width {}, which features of pictures are added to", decoder.config.width);
        return Err(language.bad("embedding_projection_length", width, rule));
    }
    if !matches!(&decoder.config.position, Position::Rotary(rope) if rope.sections.is_some()) {
        let rule = "must say how pairs of a head are shared among time, height and width, on which pictures stand";
        return Err(language.bad("rope.dimension_sections", "(no such key)", rule));
    }
    let merge = vision.count_or("spatial_merge_size", 1..=MERGE, 2)?;
    let mut config = VitConfig::read(&vision)?;
    let square = u32::try_from(config.patch * merge).unwrap_or(u32::MAX);
    let scaled = scaled(file, square)?;
    let largest = scaled.largest() as usize;
    if config.width / config.heads % 4 != 0 {
        let rule = format!("must make heads of a multiple of 4 numbers of {}", config.width);
        return Err(vision.bad("attention.head_count", config.heads, rule));
    }
    if !config.side.is_multiple_of(config.patch) {
        return Err(vision.bad("image_size", config.side, format!("must be whole patches of {}", config.patch)));
    }
    let v = scope.at("v");
    let kind = projector_of(file)?.map_or("", |projector| projector.name);
    if !QWEN.contains(&kind) {
        let rule = format!("must be one of {}", QWEN.join(", "));
        return Err(Header::new(file, "clip.").bad("projector_type", kind, rule));
    }
    // Of the three Qwen2.5-VL alone has windows, and norms without a mean.
    let (window, full) = if kind == QWEN[1] { windows(&vision, &config, merge)? } else { (0, Vec::new()) };
    config.norm = if kind == QWEN[1] { NormKind::Rms } else { NormKind::Layer };
    config.own = Some(OwnSizes {
        most: largest * merge * merge,
        turned: true,
        between: Between::Corners,
        windows: window > 0,
        full,
    });
    let vit = Vit::load(&v, config)?;
    if vit.has_class() {
        return Err(Error::WrongShape { name: "v.class_embd.weight".to_owned(), got: vec![1], wanted: Vec::new() });
    }
    let mut preprocess = Preprocess::from_gguf(file, vit.config.side)?;
    preprocess.cut = Cut::Scaled(scaled);
    let wide = vit.config.width * merge * merge;
    let mlp = |scope: &Scope, names| Mlp::load(scope, names, &[wide, wide, width], Activation::GeluErf);
    let features = features(&vision, &v, &vit.config)?;
    let feature = |layer: usize| {
        let own = v.at(format_args!("deepstack.{layer}"));
        let norm = own.norm("norm", NormKind::Layer, wide, vit.config.eps)?;
        Ok::<_, Error>((layer, mlp(&own, &["fc1", "fc2"])?.behind(norm)))
    };
    decoder.deep = deep(&language, features.len(), decoder.config.blocks)?;
    let around = tiled::around(file, AROUND)?.map(|id| vec![id]);
    let eyes = Eyes {
        features: features.into_iter().map(feature).collect::<Result<_, _>>()?,
        merger: mlp(&scope.at("mm"), &["0", "2"])?,
        preprocess,
        scaled,
        vit,
        merge,
        window,
        width,
        largest,
    };
    let compose = Box::new(InOrder { apart: false, around });
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(Speaks { decoder, join: Join::Splice, compose }) })
}

/// How pictures are scaled: to at most as many rows as the file, or whoever opens it, says.
fn scaled(file: &Arc<Gguf>, square: u32) -> Result<Scaled, Error> {
    let rows = most_rows(file)?;
    if let Some(rows) = rows.filter(|rows| !header::ROWS.contains(rows)) {
        let image = Header::new(file, "ocelli.image.");
        return Err(image.bad("max_rows", rows, format!("must be at most {}", header::ROWS.end())));
    }
    Scaled::from_gguf(file, square, u32::try_from(rows.unwrap_or(USUAL_ROWS)).unwrap_or(u32::MAX))
}

/// Merged rows a side of the windows, 0 for none, and which blocks see the whole picture.
fn windows(vision: &Header, config: &VitConfig, merge: usize) -> Result<(usize, Vec<bool>), Error> {
    const PATTERN: &str = "n_wa_pattern";
    const LAYERS: &str = "wa_layer_indexes";
    let blocks = config.blocks;
    let full = if vision.get(LAYERS).is_some() {
        let layers = vision.counts(LAYERS, 0..=blocks - 1, blocks)?;
        (0..blocks).map(|block| layers.contains(&block)).collect()
    } else {
        // Each of so many, the last of them.
        let pattern = vision.count(PATTERN, header::LAYERS)?;
        (0..blocks).map(|block| (block + 1).is_multiple_of(pattern)).collect()
    };
    let pixels = vision.count_or("window_size", header::SIDE, 112)?;
    let window = pixels / merge / config.patch;
    if window == 0 {
        let rule = format!("must be at least a square of {} pixels", config.patch * merge);
        return Err(vision.bad("window_size", pixels, rule));
    }
    Ok((window, full))
}

/// The blocks behind which there are features: those with tensors, which the key must name where it is there.
fn features(vision: &Header, v: &Scope, config: &VitConfig) -> Result<Vec<usize>, Error> {
    const KEY: &str = "is_deepstack_layers";
    let has = |layer: usize| v.has(&format!("deepstack.{layer}.fc1.weight"));
    let found: Vec<usize> = (0..config.blocks).filter(|&layer| has(layer)).collect();
    // A feature of a block that does not run would be lost.
    let prefix = "v.deepstack.";
    let numbers =
        vision.file().tensors().iter().filter_map(|tensor| tensor.name.strip_prefix(prefix)?.split('.').next());
    if let Some(beyond) = numbers.filter_map(|n| n.parse::<usize>().ok()).find(|n| *n >= config.blocks) {
        return Err(vision.bad("block_count", config.blocks, format!("must be above {beyond}, of {prefix}{beyond}")));
    }
    let Some(ocelli_quant::gguf::Value::Array(array)) = vision.get(KEY) else { return Ok(found) };
    let said: Vec<bool> = match array.elements() {
        Some(said) => said.collect(),
        None => return Err(vision.bad(KEY, array.element().name(), "must be bools")),
    };
    if said.len() != config.blocks {
        return Err(vision.bad(KEY, format!("{} blocks", said.len()), format!("must be {}", config.blocks)));
    }
    let named: Vec<usize> = (0..said.len()).filter(|&layer| said[layer]).collect();
    if named != found {
        return Err(vision.bad(KEY, format!("{named:?}"), format!("but tensors are there of {found:?}")));
    }
    Ok(found)
}

/// The features that the language model takes, which are as many as the tower has.
fn deep(language: &Header, features: usize, layers: usize) -> Result<usize, Error> {
    const KEY: &str = "n_deepstack_layers";
    let count = language.count_or(KEY, 0..=layers, 0)?;
    if count != features {
        return Err(language.bad(KEY, count, format!("must be the {features} features of the tower")));
    }
    Ok(count)
}

impl Eyes {
    /// The places of a picture's patches.
    fn places(&self, views: Views) -> Places {
        let patch = self.vit.config.patch;
        let (columns, lines) = (views.size.0 as usize / patch, views.size.1 as usize / patch);
        Places::merging((lines, columns), self.merge, self.window)
    }

    /// Of so many squares across and down.
    fn of(&self, (across, down): (u32, u32)) -> Views {
        let rows = across as usize * down as usize;
        let size = (across * self.scaled.square, down * self.scaled.square);
        Views { size, grid: Some((down as usize, across as usize)), ..self.preprocess.views(rows) }
    }
}

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, width: u32, height: u32) -> Views {
        self.of(self.scaled.grid((width, height)))
    }

    /// No picture of them need have that very shape.
    fn largest(&self) -> Views {
        self.of((self.scaled.largest(), 1))
    }

    fn width(&self) -> usize {
        self.width * (1 + self.features.len())
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, frames: usize) -> Box<dyn Encoder> {
        let most = self.largest * frames;
        let result = layout.rows(most * (1 + self.features.len()), self.width);
        let tower = self.vit.layout(layout);
        // Features are made between blocks, when nothing else of theirs lives; all have the widths of the merger.
        let beside = layout.rows(self.largest, self.vit.config.width * self.merge * self.merge);
        let merger = self.merger.layout(layout, self.largest);
        Box::new(Laid { eyes: self, tower, beside, merger, result, most })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    /// Neighbours side by side.
    beside: Rows,
    merger: MlpRows,
    /// The rows, then each feature of all of them, each with room for the largest picture.
    result: Rows,
    most: usize,
}

impl Laid {
    /// Makes rows of what is merged: plane `plane` of picture `number`.
    fn merge(
        &self,
        exec: &mut Exec<'_>,
        mlp: &Mlp,
        x: Rows,
        places: &Places,
        (plane, first): (usize, usize),
    ) -> Result<(), Error> {
        let rows = places.merged.len() / self.eyes.merge.pow(2);
        let beside = self.beside.first(rows);
        exec.gather_rows(x, &places.merged, Gathered::Beside, None, beside)?;
        mlp.run(exec, &self.merger, beside, Some(self.result.slice(plane * self.most + first, rows)))?;
        Ok(())
    }
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, showing: &Showing) -> Result<(), Error> {
        let Self { eyes, tower, .. } = self;
        let places = eyes.places(showing.views);
        let first = number * showing.views.rows;
        let features = &eyes.features;
        let x = eyes.vit.encode_at(exec, tower, &places, [pixels; 2], &mut |exec, layer, x| match features
            .iter()
            .position(|(behind, _)| *behind == layer)
        {
            Some(at) => self.merge(exec, &features[at].1, x, &places, (1 + at, first)),
            None => Ok(()),
        })?;
        self.merge(exec, &eyes.merger, x, &places, (0, first))
    }

    fn bridge(&self, exec: &mut Exec<'_>, showing: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let (planes, rows) = (1 + self.eyes.features.len(), showing.views.rows * showing.frames);
        let numbers = rows * self.eyes.width;
        out.resize(planes * numbers, 0.0);
        for (plane, out) in out.chunks_exact_mut(numbers.max(1)).enumerate() {
            exec.read(self.result.slice(plane * self.most, rows), out)?;
        }
        Ok(())
    }

    fn tower_rows(&self, views: Views) -> Rows {
        self.tower.x.first(views.rows * self.eyes.merge.pow(2))
    }
}
