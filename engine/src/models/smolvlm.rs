//! Idefics3 (Laurençon et al. 2024) and what has its form: SmolVLM and SmolVLM2.
//!
//! ```text
//! each tile, then the whole -> SigLIP's ViT (all rows, normed) -> s x s neighbours side by side -> linear -> rows
//! ```
//!
//! The non-obvious thing: text of the picture's own stands among its rows and says which tile is which. It is tokenised as the
//! one text that it is to the original, where the line end behind the last row of tiles and the one before the whole are one
//! token; so it is known from the picture's size alone.

use super::compose::InOrder;
use super::tiled::{self, Joined};
use super::{Encoder, Family, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::vit::{Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Cut, Pixels, Preprocess, Split, Views};
use crate::kernels::{Exec, Gathered, Layout, Product, Rows};
use crate::prompt::{Mark, Marks};
use crate::tokenizer::{EncodeOptions, Tokenizer};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Scope};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// What stands before the rows of every tile and of the whole, and behind all.
const AROUND: &str = "<fake_token_around_image>";
/// What stands before the rows of the whole.
const WHOLE: &str = "<global-img>";
/// Most tiles across or down.
const ACROSS: u32 = 32;

struct Eyes {
    preprocess: Preprocess,
    split: Split,
    vit: Vit,
    /// For each row of a tile the patches that stand side by side in it.
    neighbours: Vec<u32>,
    /// Rows of a tile.
    rows: usize,
    projector: Linear,
    tokenizer: Arc<Tokenizer>,
    texts: Texts,
    /// No picture has more of anything.
    largest: Views,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let scope = Scope::new(Arc::clone(file));
    let vision = Header::new(file, "clip.vision.");
    let config = VitConfig::read(&vision)?;
    let joined = Joined::read(&vision, &config, None)?;
    let (_, decoder) = decoder_only(file)?;
    let mut preprocess = tiled::preprocess(file, config.side)?;
    let rows = joined.rows;
    let mut split = Split::from_gguf(file)?;
    if let Some(shown) = tiled::most_shown(file, rows)? {
        split.most = split.most.min(shown - 1); // the whole is one of them
    }
    preprocess.cut = Cut::Split(split);
    let tiles_across = most_across(split, preprocess.width, rows, &vision)?;
    let tokenizer = Arc::new(Tokenizer::from_gguf(file)?);
    for token in [AROUND, WHOLE] {
        if tokenizer.find(token).is_none() {
            let rule = format!("must have '{token}', which stands among a picture's rows");
            return Err(Header::new(file, "tokenizer.ggml.").bad("tokens", "without it", rule));
        }
    }
    let whole = preprocess.views(rows);
    let mut eyes = Eyes {
        neighbours: joined.neighbours,
        rows,
        projector: scope.at("mm").at("model").linear("fc", joined.width, decoder.config.embedding_width)?,
        vit: Vit::load(&scope.at("v"), config)?,
        preprocess,
        split,
        texts: Texts::new(&tokenizer, tiles_across)?,
        tokenizer,
        largest: whole,
    };
    eyes.largest = eyes.bound(tiles_across);
    let speaks =
        Speaks { decoder, join: Join::Splice, compose: Box::new(InOrder { apart: false, around: Default::default() }) };
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(speaks) })
}

/// Tiles across the largest picture.
fn most_across(split: Split, side: u32, rows: usize, vision: &Header) -> Result<u32, Error> {
    // An odd side may take one line of tiles more than an even one.
    let across = (split.longest + split.longest % 2).div_ceil(side);
    let tiles = split.most.min(across.saturating_mul(across));
    let rows = (tiles as usize + 1).saturating_mul(rows);
    if across > ACROSS || !header::ROWS.contains(&rows) {
        let limit = header::ROWS.end();
        let rule = format!("makes {across} tiles across and {rows} rows of a picture, at most {ACROSS} and {limit}");
        return Err(vision.bad("preproc_image_size", split.longest, rule));
    }
    Ok(across)
}

impl Eyes {
    /// The most tiles, rows and positions that a picture can have.
    fn bound(&self, across: u32) -> Views {
        let mut largest = self.of((0, 0));
        for (x, y) in (1..=across).flat_map(|x| (1..=across).map(move |y| (x, y))) {
            if x * y <= self.split.most && (x, y) != (1, 1) {
                let views = self.of((x, y));
                largest.tiles = largest.tiles.max(views.tiles);
                largest.rows = largest.rows.max(views.rows);
                largest.positions = largest.positions.max(views.positions);
            }
        }
        largest
    }

    /// Of a picture in so many tiles across and down.
    fn of(&self, (across, down): (u32, u32)) -> Views {
        let tiles = across as usize * down as usize + 1;
        let rows = tiles * self.rows;
        let around = self.texts.whole[usize::from(tiles > 1)].len() + self.texts.end.len();
        let own: usize = self.texts.tiles((across, down)).map(Vec::len).sum();
        Views { tiles, positions: rows + own + around, ..self.preprocess.views(rows) }
    }

    fn grid(&self, width: u32, height: u32) -> (u32, u32) {
        self.split.grid((width, height), self.preprocess.width)
    }
}

/// The text among a picture's rows, as tokens.
struct Texts {
    /// Before the rows of the tile in each row and column of the largest grid, line by line.
    tiles: Vec<Vec<u32>>,
    across: usize,
    /// Before the rows of the whole, alone and behind tiles.
    whole: [Vec<u32>; 2],
    /// Behind all.
    end: Vec<u32>,
}

impl Texts {
    fn new(tokenizer: &Tokenizer, across: u32) -> Result<Self, Error> {
        let options = EncodeOptions { add_special: false, parse_special: true };
        let encoded = |text: &str| Ok::<_, Error>(tokenizer.encode_piece(text, options, false)?);
        let places = (1..=across).flat_map(|row| (1..=across).map(move |column| (row, column)));
        let tile = |(row, column): (u32, u32)| {
            let line = if row > 1 && column == 1 { "\n" } else { "" };
            encoded(&format!("{line}{AROUND}<row_{row}_col_{column}>"))
        };
        Ok(Self {
            tiles: places.map(tile).collect::<Result<_, _>>()?,
            across: across as usize,
            whole: [encoded(&format!("{AROUND}{WHOLE}"))?, encoded(&format!("\n\n{AROUND}{WHOLE}"))?],
            end: encoded(AROUND)?,
        })
    }

    /// Of the tiles of a grid, in order.
    fn tiles(&self, (across, down): (u32, u32)) -> impl Iterator<Item = &Vec<u32>> {
        let lines = self.tiles.chunks(self.across.max(1)).take(down as usize);
        lines.flat_map(move |line| line.iter().take(across as usize))
    }
}

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, width: u32, height: u32) -> Views {
        self.of(self.grid(width, height))
    }

    fn largest(&self) -> Views {
        self.largest
    }

    fn marks(&self, width: u32, height: u32) -> Marks {
        let grid = self.grid(width, height);
        let whole = &self.texts.whole[usize::from(grid != (0, 0))];
        let seen = self.texts.tiles(grid).chain([whole]).map(|tokens| Mark { tokens: tokens.clone(), rows: self.rows });
        seen.chain([Mark { tokens: self.texts.end.clone(), rows: 0 }]).collect()
    }

    fn tokenizer(&self) -> Option<&Arc<Tokenizer>> {
        Some(&self.tokenizer)
    }

    fn width(&self) -> usize {
        self.projector.outputs()
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, frames: usize) -> Box<dyn Encoder> {
        // What is behind the tower's rows shares its room with what the next tile passes through.
        let result = layout.rows(self.largest.rows * frames, self.projector.outputs());
        let tower = self.vit.layout(layout);
        layout.input(self.rows, self.projector.inputs());
        let beside = layout.rows(self.rows, self.projector.inputs());
        Box::new(Laid { eyes: self, tower, beside, result })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    /// Neighbours side by side.
    beside: Rows,
    /// The rows of all tiles.
    result: Rows,
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, _: &Showing) -> Result<(), Error> {
        let Self { eyes, tower, beside, result } = self;
        eyes.vit.encode(exec, tower, pixels)?;
        exec.gather_rows(tower.x, &eyes.neighbours, Gathered::Beside, None, *beside)?;
        exec.matmul(*beside, None, &[Product::new(&eyes.projector, result.slice(number * eyes.rows, eyes.rows))])
    }

    fn bridge(&self, exec: &mut Exec<'_>, showing: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let result = self.result.first(showing.views.rows);
        out.resize(result.rows() * result.width(), 0.0);
        exec.read(result, out)
    }

    fn tower_rows(&self, _: Views) -> Rows {
        self.tower.x
    }
}
