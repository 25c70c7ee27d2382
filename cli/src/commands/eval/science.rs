//! `ocelli eval scienceqa`: its arguments, and what the model's file says of them.

use super::harness::{self, Asked, HarnessArgs};
use crate::eval::extract::Rule;
use crate::eval::random::Random;
use crate::eval::science_task::{Candidates, Place, Reading, ScienceQa, Setup};
use crate::eval::scienceqa::prompt::{Format, Style, Wording};
use crate::eval::scienceqa::{Problems, captions};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Notes, counted};
use clap::builder::RangedU64ValueParser;
use ocelli_engine::{Error, Model};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

pub const AFTER: &str = "\
EXAMPLES
  ocelli eval scienceqa --data scienceqa -m llava.gguf --style llava-1.5 \\
      --out answers.jsonl
  ocelli eval scienceqa --data scienceqa -m smollm2.gguf --only text \\
      --format QCM-A --extract rank --json
  ocelli eval scienceqa --data scienceqa -m model.gguf --raw \\
      --shot-ids 6493,16241 --format QCM-ALE --captions captions.json
  ocelli eval scienceqa --data scienceqa -m model.gguf --cot --limit 100

DIR has problems.json, pid_splits.json and images/SPLIT/NUMBER/image.png, as the public repository. Standard output is the summary;
with --json {\"task\", \"n\", \"accuracy\", \"failed\", \"groups\": {\"NAT\", \"SOC\", \"LAN\", \"TXT\", \"IMG\", \"NO\", \"G1-6\",
\"G7-12\"}, \"topics\", \"interval\", \"errors\"}, in percent; \"failed\" counts answers without a letter. A line of --out is {\"id\",
\"prompt\", \"output\", \"prediction\", \"answer\", \"correct\", …}. docs/evaluation.md explains the formats and rules.";

/// ScienceQA's options.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    harness: HarnessArgs,
    /// The questions: train, val, test, trainval, minitrain, minival or minitest
    #[arg(long, value_name = "NAME", default_value = "test")]
    split: String,
    /// What prompts show and answers bring, INPUT-OUTPUT: QCM, CQM, QCML, QCME, QCMLE, QCLM, QCEM or QCLEM, and A, AL, AE, ALE,
    /// AEL, LA, EA, LEA, ELA, E, LE or LEPA. Without it what the model's file says or QCM-ALE, with --cot QCM-LE
    #[arg(long, value_name = "FORMAT", value_parser = Format::parse)]
    format: Option<Format>,
    /// Whose wording: official is the paper's, llava that of models trained on ScienceQA, llava-1.5 that of its later ones, mm-cot
    /// that of Multimodal-CoT, as with --cot
    #[arg(long, value_name = "NAME", value_parser = Style::ALL.map(|(name, _)| name))]
    style: Option<String>,
    /// End each question with this in place of 'Answer:'
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    suffix: Option<String>,
    /// Where pictures go: first, last or before_question
    #[arg(long, value_name = "WHERE", value_parser = Place::ALL.map(|(name, _)| name))]
    image_position: Option<String>,
    /// How an answer is read: by the rule of ScienceQA's code, LLaVA's or Multimodal-CoT's, or 'rank': the likeliest letter,
    /// nothing is generated
    #[arg(long, value_name = "RULE", value_parser = ["official", "llava", "mmcot", "rank"])]
    extract: Option<String>,
    /// What is scored where answers are ranked: ' A', or ' (A) the choice'
    #[arg(long, value_name = "WHAT", value_parser = ["letter", "choice"], default_value = "letter", hide_default_value = true)]
    candidates: String,
    /// Have the model write a rationale first, which then stands before the answer: Multimodal-CoT's two stages
    #[arg(long)]
    cot: bool,
    /// Demonstrations, drawn from the split train with --seed as Python draws them
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(0..=256))]
    shots: Option<usize>,
    /// The numbers of the demonstrations, such as 6493,16241, the paper's two
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    shot_ids: Vec<String>,
    /// A file of captions, {"captions": {NUMBER: TEXT}}, which then stand in the context
    #[arg(long, value_name = "FILE")]
    captions: Option<PathBuf>,
    /// Ask without pictures; a model that sees none is asked so anyway
    #[arg(long)]
    no_images: bool,
    /// Ask only the questions with a picture, or those without
    #[arg(long, value_name = "WHICH", value_parser = ["images", "text"])]
    only: Option<String>,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let harness = &args.harness;
    let notes = Notes::new(harness.quiet);
    notes.stage(format_args!("reading the problems"));
    let problems = Arc::new(Problems::read(&harness.data)?);
    let captions = args.captions.as_deref().map(captions).transpose()?.unwrap_or_default();
    harness::run(harness, (&notes, interrupt), &|_| None, &|model, out| {
        let task = args.task(&problems, &captions, model, &notes)?;
        let settings = format!("{:?} {:?} {}", task.setup.reading, task.setup.wording, args.cot);
        let asked = Asked { model, task: &task, settings, shots: None, of_task: None };
        harness::answered(harness, asked, out, (&notes, interrupt))
    })
}

impl Args {
    fn task(
        &self,
        problems: &Arc<Problems>,
        captions: &HashMap<String, String>,
        model: &Model,
        notes: &Notes,
    ) -> Result<ScienceQa, Failure> {
        let images = !self.no_images && model.takes_images();
        let seen = |id: &str| problems.get(id).is_ok_and(|problem| problem.image.is_some());
        let mut ids: Vec<String> = problems.split(&self.split)?.into_iter().map(str::to_owned).collect();
        match self.only.as_deref() {
            Some("images") => ids.retain(|id| seen(id)),
            Some(_) => ids.retain(|id| !seen(id)),
            None => {}
        }
        if ids.is_empty() {
            return Err(Failure::usage("data", format_args!("the split {} has no such questions", self.split)));
        }
        let unseen = ids.iter().filter(|id| seen(id)).count();
        if !images && unseen > 0 {
            let why = if self.no_images { "--no-images" } else { "the model sees none" };
            notes.line(format_args!("{} about pictures are asked without them: {why}", counted(unseen, "question")));
        }
        ids.truncate(self.harness.limit.unwrap_or(usize::MAX));
        let setup = self.setup(model, problems, images)?;
        ScienceQa { problems: Arc::clone(problems), ids, captions: captions.clone(), setup }.checked()
    }

    fn setup(&self, model: &Model, problems: &Problems, images: bool) -> Result<Setup, Failure> {
        let told = |name: &str| model.file().str(&format!("prompt.scienceqa.{name}")).map_err(Error::from);
        let bad = |name: &str, what: String| Failure::new("parameter", format_args!("prompt.scienceqa.{name}: {what}"));
        let style = match self.style.as_deref() {
            Some(name) => Style::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, style)| style),
            None if self.cot => Some(Style::MmCot),
            None => None,
        };
        // A style that is asked for is asked for as a whole.
        let told = |name: &str| if style.is_none() { told(name) } else { Ok(None) };
        let format = match (self.format, told("format")?) {
            (Some(format), _) => format,
            (None, Some(text)) => Format::parse(text).map_err(|what| bad("format", what))?,
            (None, None) => match style {
                Some(Style::MmCot) => Format { input: "QCM", output: "LE" },
                Some(Style::Tuned) => Format { input: "QCM", output: "LEA" },
                Some(Style::Directly) => Format { input: "CQM", output: "A" },
                _ => Format { input: "QCM", output: "ALE" },
            },
        };
        let style_is = style.unwrap_or(Style::Official);
        if self.cot && !matches!(format.output, "E" | "LE") {
            let what = format_args!("--cot: the first of two stages writes E or LE, --format is {}", format.name());
            return Err(Failure::usage("usage", what));
        }
        let extract = match (self.extract.as_deref(), told("extract")?) {
            (Some(rule), _) => rule,
            (None, Some(rule)) => rule,
            (None, None) => match style_is {
                Style::Official => "official",
                Style::Tuned | Style::Directly => "llava",
                Style::MmCot => "mmcot",
            },
        };
        let candidates = if self.candidates == "letter" { Candidates::Letters } else { Candidates::Choices };
        let reading = match Rule::ALL.into_iter().find(|(name, _)| *name == extract) {
            Some((_, rule)) => Reading::By(rule),
            None if extract == "rank" => Reading::Rank(candidates),
            None => return Err(bad("extract", format!("{extract:?} is none of official, llava, mmcot, rank"))),
        };
        let place = match self.image_position.as_deref().or(told("image_position")?) {
            Some(name) => match Place::ALL.into_iter().find(|(known, _)| *known == name) {
                Some((_, place)) => place,
                None => {
                    return Err(bad("image_position", format!("{name:?} is none of first, last, before_question")));
                }
            },
            None if matches!(style_is, Style::Tuned | Style::Directly) => Place::First,
            None => Place::BeforeQuestion,
        };
        let suffix = self.suffix.clone().or(told("suffix")?.map(str::to_owned));
        Ok(Setup {
            wording: Wording { format, style: style_is, suffix },
            place,
            reading,
            cot: self.cot,
            images,
            shots: self.demonstrations(problems)?,
            seed: self.harness.seed(),
            raw: self.harness.writes_on(model)?,
        })
    }

    /// The numbers that are named, or so many drawn of the split train.
    fn demonstrations(&self, problems: &Problems) -> Result<Vec<String>, Failure> {
        let named = self.shot_ids.len();
        match self.shots {
            Some(count) if named > 0 && count != named => {
                Err(Failure::usage("shots", format_args!("--shots is {count}, --shot-ids names {named}")))
            }
            Some(count) if named == 0 && count > 0 => {
                let train = problems.split("train")?;
                if count > train.len() {
                    let has = train.len();
                    return Err(Failure::usage("shots", format_args!("--shots is {count}, the split train has {has}")));
                }
                let drawn = Random::new(self.harness.seed()).sample(train.len(), count);
                Ok(drawn.into_iter().map(|at| train[at].to_owned()).collect())
            }
            _ => Ok(self.shot_ids.clone()),
        }
    }
}
