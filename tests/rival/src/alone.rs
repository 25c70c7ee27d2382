//! Each engine in a process of its own: `rival start` (process start to the first token) and `rival memory` (greatest
//! resident memory by kind). Both run this program again as `rival alone`, which uses one engine only.

use crate::bench::{Contender, Side, push, sides};
use crate::measure::Pair;
use crate::memory::Resident;
use crate::mtmd::{Mtmd, Stages, pixels};
use crate::random::Random;
use crate::{Result, llama, ocelli, pair};
use clap::{Args, ValueEnum};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A line of a table: its name, its unit, and the figure of a process's milliseconds and memory.
type Kind = (&'static str, &'static str, fn(f64, Resident) -> f64);

/// What one engine does in its process.
#[derive(Args, Clone)]
pub struct Work {
    /// The file.
    #[arg(long)]
    model: PathBuf,
    /// Tokens of the prompt.
    #[arg(short, long, default_value_t = 32)]
    prompt: usize,
    /// Tokens that are generated.
    #[arg(short = 'n', long, default_value_t = 32)]
    generate: usize,
    /// Positions the session has room for; 0 is just what is used.
    #[arg(long, default_value_t = 0)]
    context: usize,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// What it sees with: a picture stands before a question, and nothing is generated.
    #[arg(long)]
    mmproj: Option<PathBuf>,
    /// Pixels a side of that picture.
    #[arg(long, default_value_t = 512)]
    pixels: u32,
    /// Most rows that it becomes; 0 is as the files say.
    #[arg(long, default_value_t = 0)]
    max_rows: u32,
}

/// One engine, for the other two commands.
#[derive(Args)]
pub struct Alone {
    /// Which.
    side: Side,
    #[command(flatten)]
    work: Work,
}

/// Process start to first token, or memory.
#[derive(Args)]
pub struct Apart {
    #[command(flatten)]
    work: Work,
    /// Rounds.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
}

impl Alone {
    /// Reads a prompt of fixed ids, says so when the first token is there, generates the rest.
    pub fn run(&self) -> Result<()> {
        let w = &self.work;
        let room = w.context.max(w.prompt + w.generate);
        if let Some(mmproj) = &w.mmproj {
            match self.side {
                Side::Llama => {
                    let model = llama::Model::open(&w.model)?;
                    let mut context = model.context(room, w.threads)?;
                    let mut mtmd = Mtmd::open(mmproj, Some(&model), w.threads, w.max_rows)?;
                    let shown = (pair::QUESTION, w.pixels, &*pixels(w.pixels, 0));
                    mtmd.first(&mut context, shown, &mut Stages::default())?;
                }
                Side::Ocelli => {
                    let mut session = ocelli::sees(&w.model, mmproj, w.max_rows, room, w.threads)?;
                    pair::first(&mut session, w.pixels, 0)?;
                }
            }
            println!("first");
            return Ok(());
        }
        match self.side {
            Side::Llama => {
                let model = llama::Model::open(&w.model)?;
                let vocabulary = model.vocabulary();
                w.run(&mut model.context(room, w.threads)?, vocabulary)
            }
            Side::Ocelli => {
                let mut session = ocelli::session(&w.model, room, w.threads)?;
                let vocabulary = session.model().tokenizer().vocab_size();
                w.run(&mut session.tokens(), vocabulary)
            }
        }
    }
}

impl Work {
    /// `context` 0 is just what is used.
    pub fn new(model: &Path, prompt: usize, generate: usize, context: usize, threads: usize) -> Self {
        Self { model: model.to_owned(), prompt, generate, context, threads, mmproj: None, pixels: 0, max_rows: 0 }
    }

    /// A picture of `pixels` by `pixels`, which becomes at most `max_rows`, before a question.
    pub fn sees(model: &Path, mmproj: &Path, (pixels, max_rows): (u32, u32), context: usize, threads: usize) -> Self {
        Self { mmproj: Some(mmproj.to_owned()), pixels, max_rows, ..Self::new(model, 0, 0, context, threads) }
    }

    fn run(&self, contender: &mut dyn Contender, vocabulary: usize) -> Result<()> {
        let ids = Random::new(11).ids(self.prompt + self.generate, vocabulary);
        let (prompt, rest) = ids.split_at(self.prompt);
        contender.feed(prompt)?;
        println!("first");
        std::io::stdout().flush()?;
        rest.iter().try_for_each(|&id| contender.feed(&[id]).map(|_| ()))
    }

    fn command(&self, side: Side) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        let name = side.to_possible_value().ok_or("no such engine")?;
        command.args(["alone", name.get_name(), "--model"]).arg(&self.model);
        for (flag, value) in [
            ("--prompt", self.prompt),
            ("--generate", self.generate),
            ("--context", self.context),
            ("--threads", self.threads),
        ] {
            command.args([flag, &value.to_string()]);
        }
        if let Some(mmproj) = &self.mmproj {
            command.arg("--mmproj").arg(mmproj).args([
                "--pixels",
                &self.pixels.to_string(),
                "--max-rows",
                &self.max_rows.to_string(),
            ]);
        }
        Ok(command)
    }

    /// Milliseconds from starting a process to its first token, and its memory at most.
    pub fn measure(&self, side: Side) -> Result<(f64, Resident)> {
        let start = Instant::now();
        let mut child = self.command(side)?.stdout(Stdio::piped()).spawn()?;
        let id = child.id();
        let output = child.stdout.take().ok_or("no output")?;
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| (start.elapsed(), line))
        });
        let mut most = Resident::default();
        let status = loop {
            if let Ok(now) = Resident::of(id) {
                most = most.max(now);
            }
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(4));
        };
        let (time, line) = reader.join().map_err(|_| "reading the output failed")??;
        if !status.success() || line.trim() != "first" {
            return Err(format!("{side:?} failed: {status}").into());
        }
        Ok((time.as_secs_f64() * 1e3, most))
    }
}

impl Apart {
    /// `rival start`.
    pub fn start(&self) -> Result<()> {
        self.table(&[("to first token", "ms", |time, _| time)])
    }

    /// `rival memory`.
    pub fn memory(&self) -> Result<()> {
        self.table(&[
            ("most anonymous", "MB", |_, r| r.anonymous),
            ("most of files", "MB", |_, r| r.file),
            ("most together", "MB", |_, r| r.together),
        ])
    }

    fn table(&self, kinds: &[Kind]) -> Result<()> {
        let mut pairs = vec![Pair::default(); kinds.len()];
        for round in 0..=self.repeat {
            for side in sides(round) {
                let (time, memory) = self.work.measure(side)?;
                if round > 0 {
                    for ((.., figure), pair) in kinds.iter().zip(&mut pairs) {
                        push(pair, side, figure(time, memory));
                    }
                }
            }
        }
        let w = &self.work;
        println!(
            "{}, a prompt of {} and {} tokens, {} threads, {} processes each; below 1 Ocelli needs less",
            w.model.file_name().unwrap_or_default().display(),
            w.prompt,
            w.generate,
            w.threads,
            self.repeat
        );
        println!("{}", Pair::head());
        for ((name, unit, _), pair) in kinds.iter().zip(&pairs) {
            println!("{}", pair.row(name, unit));
        }
        Ok(())
    }
}
