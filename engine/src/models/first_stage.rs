//! BLIP-2's first stage by itself (Li et al. 2023, section 3.2): a Q-Former that compares pictures with texts.
//!
//! ```text
//! contrast   picture -> ViT -> Q-Former's queries -> linear;   text -> Q-Former's text rows, the first of them -> linear
//! matching   picture -> ViT -> Q-Former's queries beside the text -> linear to "no" and "yes", the mean of all queries
//! captions   picture -> ViT -> Q-Former's queries <- text rows that see them and those before -> head over the words
//! ```
//!
//! The non-obvious thing: contrast sees picture and text apart, so that each is read once for any number of others;
//! matching reads every pair, since queries and text look at one another. Where the Q-Former writes, its text side is a
//! decoder like others, whose past begins with the keys and values of the queries.

use super::blip2::sizes;
use super::{Compares, Compose, Encoder, Family, Given, Join, Sees, Showing, Speaks};
use crate::blocks::decoder::{Decoder, DecoderConfig, Names, Position, QueryNorm};
use crate::blocks::qformer::{QFormer, QFormerConfig, QFormerRows, TextConfig};
use crate::blocks::vit::{Vit, VitRows};
use crate::error::Error;
use crate::image::{Pixels, Preprocess, Views};
use crate::kernels::{Exec, Gathered, Layout, Product, Rows};
use crate::prompt::{Item, Piece};
use crate::tokenizer::EncodeOptions;
use crate::weights::header::{self, Header};
use crate::weights::{Linear, NormKind, Scope};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// What `general.architecture` says where there is no language model but the Q-Former.
pub(super) const ARCHITECTURE: &str = "qformer";

struct Eyes {
    preprocess: Preprocess,
    vit: Vit,
    qformer: QFormer,
    /// From the Q-Former's width to what is compared.
    image: Linear,
    text: Linear,
    /// From the Q-Former's width to "no" and "yes".
    matches: Linear,
    /// Whether pictures become a past for texts that are written.
    writes: bool,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let (vision, queries) = sizes(file)?;
    let header = Header::new(file, "ocelli.qformer.");
    let text = queries.text(&header)?;
    let (from, to) = (queries.width, header.count("projection_length", header::WIDTH)?);
    let scope = Scope::new(Arc::clone(file));
    let mm = scope.at("mm");
    let speaks = mm.has("qformer.output_norm.weight").then(|| writes(file, &mm, &queries, text)).transpose()?;
    let eyes = Eyes {
        preprocess: Preprocess::from_gguf(file, vision.side)?,
        vit: Vit::load(&scope.at("v"), vision)?,
        image: mm.linear("itc_image", from, to)?,
        text: mm.linear("itc_text", from, to)?,
        matches: mm.linear("itm", from, 2)?,
        qformer: QFormer::load(&mm, queries)?,
        writes: speaks.is_some(),
    };
    Ok(Family { sees: Some(Arc::new(eyes)), speaks })
}

/// The text side as what writes: post-norm layers whose tokens see the queries and the tokens before them.
#[allow(clippy::cast_precision_loss)] // widths are small
fn writes(file: &Arc<Gguf>, mm: &Scope, c: &QFormerConfig, text: TextConfig) -> Result<Speaks, Error> {
    let head_width = c.width / c.heads;
    let config = DecoderConfig {
        width: c.width,
        embedding_width: c.width,
        embedding_scale: 1.0,
        picture_scale: 1.0,
        blocks: c.blocks,
        heads: c.heads,
        kv_heads: c.heads,
        head_width,
        attention_scale: 1.0 / (head_width as f32).sqrt(),
        window: 0,
        local: vec![false; c.blocks],
        ffn: c.ffn,
        context: c.queries + text.context,
        ahead: c.queries,
        vocabulary: text.vocabulary,
        position: Position::Learned { offset: 0 },
        norm: NormKind::Layer,
        eps: c.eps,
        norm_before: false,
        norm_result: false,
        norm_within: false,
        norm_queries: QueryNorm::None,
        parallel: false,
        act: c.act,
        gated: false,
        logit_scale: 1.0,
        score_cap: None,
        logit_cap: None,
        source: None,
        convolutions: None,
        names: Names { begin_norm: Some("norm"), attention_out: "attn_out", ffn: "text_ffn", ..Names::PLAIN },
    };
    let header = Header::new(file, "ocelli.generation.");
    let begin = header.count("bos_id", 0..=text.vocabulary - 1)?;
    let compose = Box::new(Caption { begin: u32::try_from(begin).unwrap_or(u32::MAX) });
    Ok(Speaks { decoder: Decoder::load(&mm.at("qformer"), config)?, join: Join::Past, compose })
}

/// A picture, the token that begins what is written about it, and what the text is to begin with.
struct Caption {
    begin: u32,
}

impl Compose for Caption {
    fn compose(&self, given: &Given<'_>) -> Result<Vec<Item>, Error> {
        let Given { prompt, tokenizer, .. } = given;
        let mut items = Vec::new();
        let mut ids = if prompt.adds_special() { vec![self.begin] } else { Vec::new() };
        let mut seen = !prompt.begins();
        for piece in prompt.pieces() {
            match piece {
                Piece::Text(text) if seen => {
                    let options = EncodeOptions { add_special: false, parse_special: true };
                    ids.extend(tokenizer.encode_piece(text, options, false)?);
                }
                Piece::Image(_) if !seen => {
                    items.extend(given.medium(piece)?);
                    seen = true;
                }
                Piece::Text(_) => {
                    return Err(Error::BadOption { name: "prompt", got: "text first".to_owned(), rule: ONE });
                }
                Piece::Image(_) | Piece::Video(_) => {
                    given.medium(piece)?;
                    return Err(Error::BadOption { name: "prompt", got: "another picture".to_owned(), rule: ONE });
                }
            }
        }
        if !seen {
            return Err(Error::BadOption { name: "prompt", got: "no picture".to_owned(), rule: ONE });
        }
        items.push(Item::Tokens(ids));
        Ok(items)
    }
}

/// What a prompt has.
const ONE: &str = "one picture, and behind it perhaps text: this model writes about a picture";

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, _: u32, _: u32) -> Views {
        self.preprocess.views(self.qformer.config.queries)
    }

    fn width(&self) -> usize {
        let c = &self.qformer.config;
        if self.writes { 2 * c.blocks * c.width } else { self.image.outputs() }
    }

    fn compares(&self) -> Option<usize> {
        Some(self.image.outputs())
    }

    fn kept(&self, views: Views) -> usize {
        let compared = if self.writes { self.image.outputs() } else { 0 };
        views.rows * (self.width() + compared) + self.vit.rows() * self.vit.config.width
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, _: usize) -> Box<dyn Encoder> {
        let tower = self.vit.layout(layout);
        let bridge = self.qformer.layout(layout, self.vit.rows());
        let most = self.qformer.rows();
        layout.input(most, self.qformer.config.width);
        let first = layout.rows(most, self.qformer.config.width);
        let result = layout.rows(most, self.image.outputs());
        let answers = layout.rows(most, self.matches.outputs());
        Box::new(Laid { eyes: self, tower, bridge, first, result, answers })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    bridge: QFormerRows,
    /// The first row of each text.
    first: Rows,
    result: Rows,
    answers: Rows,
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, _: usize, _: &Showing) -> Result<(), Error> {
        self.eyes.vit.encode(exec, &self.tower, pixels)
    }

    fn bridge(&self, exec: &mut Exec<'_>, _: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        if self.eyes.writes {
            out.clear();
            return self.eyes.qformer.past(exec, &self.bridge, self.tower.x, out);
        }
        self.picture(exec, out)
    }

    fn tower_rows(&self, _: Views) -> Rows {
        self.tower.x
    }

    fn compares(&self) -> Option<&dyn Compares> {
        Some(self)
    }
}

impl Compares for Laid {
    fn picture(&self, exec: &mut Exec<'_>, out: &mut Vec<f32>) -> Result<(), Error> {
        let Self { eyes, tower, bridge, result, .. } = self;
        let x = eyes.qformer.encode(exec, bridge, Some(tower.x), &[])?;
        let result = result.first(x.rows());
        exec.matmul(x, None, &[Product::new(&eyes.image, result)])?;
        out.resize(result.rows() * result.width(), 0.0);
        exec.read(result, out)
    }

    fn texts(&self, exec: &mut Exec<'_>, texts: &[&[u32]], out: &mut Vec<f32>) -> Result<(), Error> {
        let Self { eyes, bridge, first, result, .. } = self;
        let width = result.width();
        out.clear();
        let mut rest = texts;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(eyes.qformer.together(false, rest));
            let x = eyes.qformer.encode(exec, bridge, None, now)?;
            let mut at = 0;
            let mut starts = Vec::with_capacity(now.len());
            for text in now {
                starts.push(u32::try_from(at).unwrap_or(u32::MAX));
                at += text.len();
            }
            let (first, result) = (first.first(now.len()), result.first(now.len()));
            exec.gather_rows(x, &starts, Gathered::Beside, None, first)?;
            exec.matmul(first, None, &[Product::new(&eyes.text, result)])?;
            let done = out.len();
            out.resize(done + now.len() * width, 0.0);
            exec.read(result, &mut out[done..])?;
            rest = later;
        }
        Ok(())
    }

    #[allow(clippy::cast_precision_loss)] // queries are few
    fn pairs(&self, exec: &mut Exec<'_>, texts: &[&[u32]], out: &mut Vec<[f32; 2]>) -> Result<(), Error> {
        let Self { eyes, tower, bridge, answers, .. } = self;
        let queries = eyes.qformer.config.queries;
        out.clear();
        let mut rest = texts;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(eyes.qformer.together(true, rest));
            let x = eyes.qformer.encode(exec, bridge, Some(tower.x), now)?;
            let answers = answers.first(now.len() * queries);
            exec.matmul(x.first(answers.rows()), None, &[Product::new(&eyes.matches, answers)])?;
            let mut logits = vec![0.0; answers.rows() * answers.width()];
            exec.read(answers, &mut logits)?;
            for pair in logits.chunks_exact(2 * queries) {
                let mean = |of: usize| pair.iter().skip(of).step_by(2).sum::<f32>() / queries as f32;
                out.push([mean(0), mean(1)]);
            }
            rest = later;
        }
        Ok(())
    }
}
