//! `rival pair`: a pair of llama.cpp's, language model and mmproj, in both engines: whether the rows of a picture agree, and
//! how long it takes from a new picture to the first token.
//!
//! A picture of the tower's size is resized by neither. Each round shows another one.

use crate::alone::Work;
use crate::bench::{Side, push, sides};
use crate::measure::{Pair, Series, settle};
use crate::mtmd::{Mtmd, Stages, pixels};
use crate::{Result, llama, ocelli};
use clap::Args;
use ocelli_engine::image::Picture;
use ocelli_engine::{GenerateOptions, Generation, Prompt, Session};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

/// What is asked about every picture.
pub const QUESTION: &str = " What is shown here, and what stands beside it?";
/// What is asked then.
const SECOND: &str = " How many of them are there?";

/// Measures both on a pair.
#[derive(Args)]
pub struct Pairs {
    /// The language model.
    #[arg(long)]
    model: PathBuf,
    /// The mmproj.
    #[arg(long)]
    mmproj: PathBuf,
    /// Pixels a side of the pictures.
    #[arg(long, default_value_t = 512)]
    side: u32,
    /// Most rows that a picture becomes in both; 0 is as the files say. SmolVLM cuts every picture into 17 tiles without it.
    #[arg(long, default_value_t = 0)]
    max_rows: u32,
    /// Threads of each.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Rounds that count; one more warms up.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Positions there is room for.
    #[arg(long, default_value_t = 4096)]
    context: usize,
}

/// A picture as ours.
fn picture(session: &Session, side: u32, number: usize) -> Result<Picture> {
    Ok(Picture::new(side, side, pixels(side, number), &session.model().image_limits())?)
}

/// One token behind a prompt.
fn ask(session: &mut Session, prompt: &Prompt) -> Result<Generation> {
    let options = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
    Ok(session.generate(prompt, &options, &mut |_| ControlFlow::Continue(()))?)
}

/// Our first token of a picture; the prompt is that of a conversation that goes on.
pub fn first(session: &mut Session, side: u32, number: usize) -> Result<(Prompt, Generation)> {
    let prompt = Prompt::new().image(picture(session, side, number)?).text(QUESTION);
    let answer = ask(session, &prompt)?;
    Ok((prompt, answer))
}

impl Pairs {
    /// Runs it.
    pub fn run(&self) -> Result<()> {
        println!("{}", llama::system_info());
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().display().to_string();
        println!("{} with {}, {} threads", name(&self.model), name(&self.mmproj), self.threads);
        let work = Work::sees(&self.model, &self.mmproj, (self.side, self.max_rows), self.context, self.threads);
        let mut apart = [Pair::default(), Pair::default()];
        for side in sides(0) {
            let (time, most) = work.measure(side)?;
            push(&mut apart[0], side, time);
            push(&mut apart[1], side, most.together);
        }

        let model = llama::Model::open(&self.model)?;
        let mut context = model.context(self.context, self.threads)?;
        let mut theirs = Mtmd::open(&self.mmproj, Some(&model), self.threads, self.max_rows)?;
        let mut ours = ocelli::sees(&self.model, &self.mmproj, self.max_rows, self.context, self.threads)?;
        ours.keep_prefix(true);
        self.agree(&mut theirs, &mut ours)?;

        let mut stages = vec![Pair::default(); 4];
        let mut second = Series::default();
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        for round in 0..=self.repeat {
            let mut add = |side, figures: [f64; 4]| {
                if round > 0 {
                    stages.iter_mut().zip(figures).for_each(|(pair, figure)| push(pair, side, figure));
                }
            };
            for side in sides(round) {
                settle();
                match side {
                    Side::Llama => {
                        let rgb = pixels(self.side, round);
                        let (start, mut took) = (Instant::now(), Stages::default());
                        theirs.first(&mut context, (QUESTION, self.side, &rgb), &mut took)?;
                        add(side, [ms(start.elapsed()), ms(took.prepare), ms(took.encode), ms(took.prefill)]);
                    }
                    Side::Ocelli => {
                        let start = Instant::now();
                        let (prompt, answer) = first(&mut ours, self.side, round)?;
                        let (whole, t) = (ms(start.elapsed()), answer.timings);
                        add(side, [whole, ms(t.prepare), ms(t.encode), ms(t.prefill)]);
                        let start = Instant::now();
                        ask(&mut ours, &prompt.tokens(answer.ids).text(SECOND))?;
                        if round > 0 {
                            second.0.push(ms(start.elapsed()) / whole * 100.0);
                        }
                    }
                }
            }
        }
        println!("median (least..most) of {}; below 1 Ocelli is faster", self.repeat);
        println!("{}", Pair::head());
        for (name, pair) in ["first token", "  picture prepared", "  tower", "  prefill"].iter().zip(&stages) {
            println!("{}", pair.row(name, "ms"));
        }
        println!("{}", apart[0].row("process to first token", "ms"));
        println!("{}", apart[1].row("most memory", "MB"));
        println!("second question about the same picture, Ocelli: {} % of the first", second.show());
        Ok(())
    }

    /// Says how far the rows of one picture are from each other.
    fn agree(&self, theirs: &mut Mtmd<'_>, ours: &mut Session) -> Result<()> {
        let mut shown = theirs.show("", self.side, &pixels(self.side, 0))?;
        let a = theirs.rows(&mut shown)?;
        let b = ours.embed_image(&picture(ours, self.side, 0)?)?;
        // llama.cpp shows SmolVLM a tile beside the whole even where one of them is all; the whole comes last.
        let Some(a) = a.len().checked_sub(b.len()).map(|before| &a[before..]) else {
            return Err(format!("a picture is {} numbers to llama.cpp and {} to Ocelli", a.len(), b.len()).into());
        };
        let sum =
            |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(&b).map(|(a, b)| f(f64::from(*a), f64::from(*b))).sum::<f64>();
        let (aa, bb, ab) = (sum(&|a, _| a * a), sum(&|_, b| b * b), sum(&|a, b| a * b));
        let apart = sum(&|a, b| (a - b) * (a - b));
        let most = a.iter().zip(&b).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        let largest = a.iter().fold(0f32, |most, a| most.max(a.abs()));
        println!(
            "rows of one picture: {} by {}; relative difference {:.2e}, greatest {:.2e} of {:.2e}, cosine {:.6}",
            b.len() / ours.model().embedding_width(),
            ours.model().embedding_width(),
            (apart / aa).sqrt(),
            most,
            largest,
            ab / (aa * bb).sqrt()
        );
        Ok(())
    }
}
