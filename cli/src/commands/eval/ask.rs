//! Asking a model a task's questions; several may be asked at the same time, each by sessions of its own.

use super::harness::HarnessArgs;
use crate::answer::unjoined;
use crate::batch::Sessions;
use crate::commands::run::{GREEDY, with_media};
use crate::commands::score::fitted;
use crate::encoded::from_base64;
use crate::eval::scienceqa::prompt::strip;
use crate::eval::{Ask, How, Part, Said, Task};
use crate::failure::Failure;
use crate::prompt_args::as_message;
use crate::read::{decoded, read_picture};
use crate::shot_args::Shots;
use ocelli_engine::chat::ChatTemplate;
use ocelli_engine::image::Picture;
use ocelli_engine::{Defaults, Model, Prompt, SessionOptions};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Pictures that are kept as they were read: those of demonstrations come with each question.
const PICTURES: usize = 40;

/// A model that is asked.
pub struct Asker<'a> {
    args: &'a HarnessArgs,
    model: &'a Model,
    template: Option<ChatTemplate>,
    stops: Vec<String>,
    seed: u64,
    pictures: Mutex<VecDeque<(PathBuf, Arc<Picture>)>>,
    shots: Option<Mutex<Shots>>,
    /// How the task's makers had answers generated, where the model's file says it.
    defaults: &'a Defaults,
}

impl<'a> Asker<'a> {
    /// Of a task's questions.
    pub fn new(
        args: &'a HarnessArgs,
        (model, task): (&'a Model, &dyn Task),
        (shots, of_task): (Option<Shots>, Option<&'a ocelli_engine::Task>),
    ) -> Result<Self, Failure> {
        Ok(Self {
            args,
            model,
            template: if args.raw { None } else { ChatTemplate::from_gguf(model.file())? },
            stops: task.stops().iter().map(|&stop| stop.to_owned()).collect(),
            seed: args.seed(),
            pictures: Mutex::new(VecDeque::new()),
            shots: shots.map(Mutex::new),
            defaults: of_task.map_or(model.defaults(), |task| &task.defaults),
        })
    }

    /// The answer, and why a text ended.
    pub fn answer(&self, ask: &Ask, sessions: &mut Sessions<'_>) -> Result<(Said, Option<&'static str>), Failure> {
        let prompt = self.prompt(ask)?;
        match &ask.how {
            How::Say { new_tokens } => {
                let (options, session) = self.options(&prompt, *new_tokens)?;
                let session = sessions.get(session, !self.args.memory.fixed())?;
                let said = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(()))?;
                let text = strip(unjoined(Some(self.model.tokenizer()), &said.text));
                Ok((Said::Text(text.to_owned()), Some(said.finish.name())))
            }
            How::Rank { texts } => {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let session = fitted(&self.args.memory, self.model, &prompt, &texts)?;
                let session = sessions.get(session, false)?;
                let scores = session.score(&prompt, &texts, &mut |_| ControlFlow::Continue(()))?;
                Ok((Said::Ranked(scores.iter().map(ocelli_engine::Score::sum).collect()), None))
            }
        }
    }

    fn options(
        &self,
        prompt: &Prompt,
        new_tokens: usize,
    ) -> Result<(ocelli_engine::GenerateOptions, SessionOptions), Failure> {
        let items = self.model.compose(prompt)?;
        let positions = self.model.count(&items);
        let generation = &self.args.generation;
        let constraint = generation.constraint(self.model, None)?;
        let mut options = generation.options(self.defaults, positions, (&GREEDY, self.seed), constraint)?;
        options.stop.extend(self.stops.iter().cloned());
        options.max_new_tokens = generation.max_new_tokens.unwrap_or(new_tokens);
        let room = self.model.room_behind(positions, self.args.memory.most(self.model));
        let new_tokens = options.max_new_tokens.min(room).max(1);
        let session = self.args.memory.session(self.model.context_for(positions, new_tokens));
        let session = SessionOptions { beams: options.beams, new_tokens, ..with_media(&items, session) };
        Ok((options, session))
    }

    fn prompt(&self, ask: &Ask) -> Result<Prompt, Failure> {
        let mut prompt = Prompt::new();
        let mut pictures = Vec::new();
        for part in &ask.parts {
            let picture = match part {
                Part::Text(text) => {
                    prompt = prompt.text(text.clone());
                    continue;
                }
                Part::Image(path) => self.picture(path)?,
                Part::Inside(text) => {
                    let bytes = from_base64(text).ok_or_else(|| Failure::new("image", "a picture is not base64"))?;
                    decoded(Path::new("a picture of the table"), &bytes, &self.model.image_limits())?
                }
            };
            pictures.push(Arc::clone(&picture));
            prompt = prompt.image(picture);
        }
        if let (Some(shots), Some(bare)) = (&self.shots, &ask.bare) {
            let mut shots = shots.lock().unwrap_or_else(PoisonError::into_inner);
            return shots.prompt(self.model, bare, &pictures);
        }
        match &self.template {
            Some(template) => as_message(self.model, template, self.args.system.as_deref(), &prompt),
            None => Ok(prompt),
        }
    }

    fn picture(&self, path: &Path) -> Result<Arc<Picture>, Failure> {
        let known = || self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, picture)) = known().iter().find(|(other, _)| other == path) {
            return Ok(Arc::clone(picture));
        }
        let picture = read_picture(path, &self.model.image_limits())?;
        let mut known = known();
        known.truncate(PICTURES - 1);
        known.push_front((path.to_owned(), Arc::clone(&picture)));
        Ok(picture)
    }
}
