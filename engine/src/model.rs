//! From a file to a model that sessions share.

mod stored;

use crate::blocks::decoder::SEQUENCES;
use crate::company::Company;
use crate::error::Error;
use crate::image::{Cut, ImageLimits, Views};
use crate::kernels::cpu::Cpu;
use crate::kernels::observe::Observer;
use crate::kernels::{CacheType, Device, DeviceInfo};
use crate::models::{self, Family};
use crate::plan::{Plan, Resolved, SessionOptions, cache_type_beside, resolve};
use crate::pointing::Pointing;
use crate::prompt::{Item, Prompt};
use crate::sampling::{Constraint, Defaults, Grammar, Grammars, Task};
use crate::tokenizer::Tokenizer;
use crate::weights::header;
use crate::weights::{self, Load, MAX_ROWS, Pieces, is_encoder, is_reader};
use ocelli_quant::gguf::keys::{VERSION, VERSION_KEY};
use ocelli_quant::gguf::{Bytes, Gguf};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The device and its threads. Models opened by one engine share it; nothing is global.
#[derive(Clone)]
pub struct Engine {
    device: Arc<dyn Device>,
}

impl Engine {
    /// The processor, with `threads` threads; 0 is one a core.
    ///
    /// # Errors
    /// [`Error::UnknownIsa`], [`Error::BadOption`].
    pub fn new(threads: usize) -> Result<Self, Error> {
        Ok(Self { device: Arc::new(Cpu::new(threads)?) })
    }

    /// The processor, to ask what models need: no thread starts before something is computed.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn unstarted(threads: usize) -> Result<Self, Error> {
        Ok(Self { device: Arc::new(Cpu::unstarted(threads)?) })
    }

    /// The processor, watched: for each matrix, what it is multiplied with. Open one model with it.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn observed(threads: usize) -> Result<(Self, Arc<Observer>), Error> {
        let observer = Arc::new(Observer::new(Arc::new(Cpu::new(threads)?)));
        Ok((Self { device: Arc::clone(&observer) as Arc<dyn Device> }, observer))
    }

    /// A device of the caller's choice.
    #[cfg(feature = "internals")]
    #[must_use]
    pub fn with_device(device: Arc<dyn Device>) -> Self {
        Self { device }
    }

    /// What computes, and why.
    #[must_use]
    pub fn info(&self) -> DeviceInfo {
        self.device.info()
    }

    /// Opens a model file; the first file of a model that is split into several opens all of them.
    ///
    /// # Errors
    /// The file is not there, malformed, of an unknown family, or its tensors do not fit its hyper-parameters.
    pub fn open(&self, path: &Path, load: Load) -> Result<Model, Error> {
        self.open_file(weights::open(path, load)?)
    }

    /// Opens a model that is in memory already. Bytes at an address that is no multiple of 8 are copied.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_bytes(&self, bytes: Bytes) -> Result<Model, Error> {
        self.open_file(weights::parse(bytes)?)
    }

    /// Opens a model file that was read by [`crate::open_file`] or [`crate::parse`].
    ///
    /// # Errors
    /// As [`Engine::open`], and [`Error::BadOption`] for a file that neither of the two has read and whose bytes lie where numbers
    /// cannot be read in their place.
    pub fn open_file(&self, file: Gguf) -> Result<Model, Error> {
        if file.parts().iter().any(|part| !(**part).as_ref().as_ptr().addr().is_multiple_of(8)) {
            let got = "one at an address that is no multiple of 8".to_owned();
            return Err(Error::BadOption { name: "file", got, rule: "read by open_file or parse, which see to that" });
        }
        let file = Arc::new(weights::translated(file)?);
        let version = file.u32(VERSION_KEY)?.unwrap_or(VERSION);
        if version > VERSION {
            return Err(Error::BadParameter {
                key: VERSION_KEY.to_owned(),
                got: version.to_string(),
                rule: format!("this program reads files up to version {VERSION}: use a newer one"),
            });
        }
        let family = models::load(&file)?;
        let tokenizer = match family.sees.as_ref().and_then(|sees| sees.tokenizer()) {
            Some(read) => Arc::clone(read),
            None => Arc::new(Tokenizer::from_gguf(&file)?),
        };
        let tokens = tokenizer.vocab_size();
        let vocabulary = family.speaks.as_ref().map_or(tokens, |speaks| speaks.decoder.config.vocabulary);
        if tokens > vocabulary {
            return Err(Error::BadParameter {
                key: "tokenizer.ggml.tokens".to_owned(),
                got: format!("{tokens} tokens"),
                rule: format!("at most the {vocabulary} rows of the embedding table"),
            });
        }
        let start = family.speaks.as_ref().and_then(|speaks| speaks.start()).map(<[u32]>::len);
        let defaults = Defaults { start, ..stored::defaults(&file, vocabulary, &tokenizer)? };
        let tasks = stored::tasks(&file, &defaults)?;
        let pointing = Pointing::from_gguf(&file)?;
        let (encoders, readers) = (Pieces::of(&file, is_encoder), Pieces::of(&file, is_reader));
        Ok(Model(Arc::new(Inner {
            device: Arc::clone(&self.device),
            file,
            family,
            tokenizer,
            defaults,
            tasks,
            pointing,
            encoders,
            readers,
            grammars: Grammars::default(),
            companies: Mutex::default(),
        })))
    }
}

pub(crate) struct Inner {
    pub(crate) device: Arc<dyn Device>,
    pub(crate) file: Arc<Gguf>,
    pub(crate) family: Family,
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) defaults: Defaults,
    tasks: Vec<Task>,
    pointing: Option<Pointing>,
    pub(crate) encoders: Pieces,
    pub(crate) readers: Pieces,
    grammars: Grammars,
    /// Sessions side by side, by what they were asked for with, and what only they need of memory.
    companies: Mutex<Vec<(SessionOptions, u64, Weak<Company>)>>,
}

/// An open model; clones share it, and threads may.
#[derive(Clone)]
pub struct Model(pub(crate) Arc<Inner>);

impl Model {
    /// The file's keys and tensors.
    #[must_use]
    pub fn file(&self) -> &Gguf {
        &self.0.file
    }

    /// What tells this file's keys and weights from those of others, the same on every machine: of each tensor its name, shape,
    /// type, and first and last 4 KiB.
    #[must_use]
    pub fn identity(&self) -> u128 {
        models::identity(self.file())
    }

    /// The same of all that a picture's features depend on, every byte of tower and bridge included.
    #[must_use]
    pub fn encoder_identity(&self) -> u128 {
        models::encoder_identity(self.file())
    }

    /// How the model says where something is in a picture; `None` where its file does not say that it does.
    #[must_use]
    pub fn pointing(&self) -> Option<&Pointing> {
        self.0.pointing.as_ref()
    }

    /// The tasks that the file has a wording or settings for, in its order.
    #[must_use]
    pub fn tasks(&self) -> &[Task] {
        &self.0.tasks
    }

    /// The task of that name.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`], which names those that there are.
    pub fn task(&self, name: &str) -> Result<&Task, Error> {
        self.0.tasks.iter().find(|task| task.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.0.tasks.iter().map(|task| task.name.as_str()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Error::NoSuchTask { name: name.to_owned(), known }
        })
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.0.tokenizer
    }

    /// What of the file is left out, and what it does not say and was taken for it, as sentences for whoever uses it.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = weights::notes(self.file());
        let whole = self.preprocess().is_none_or(|preprocess| preprocess.cut == Cut::Whole);
        if whole && self.file().get(MAX_ROWS).is_some() {
            notes.push(format!("{MAX_ROWS} has no effect: a picture's rows do not depend on its size in this model"));
        }
        notes
    }

    /// What the file says about generation.
    #[must_use]
    pub fn defaults(&self) -> &Defaults {
        &self.0.defaults
    }

    /// A constraint that holds texts of this model to a JSON schema or a grammar. The first one prepares the vocabulary
    /// (less than a second for fifty thousand tokens, and some 10 MB), which the model then keeps.
    ///
    /// # Errors
    /// [`Error::Constraint`] for what cannot be read or is too large, [`Error::NotBuilt`] without the feature `grammar`.
    pub fn constraint(&self, grammar: Grammar<'_>) -> Result<Box<dyn Constraint>, Error> {
        let rows = self.0.family.speaks()?.decoder.config.vocabulary;
        self.0.grammars.constraint(&self.0.tokenizer, &self.0.defaults, rows, grammar)
    }

    /// How pictures are prepared; `None` where the model takes none.
    #[must_use]
    pub fn preprocess(&self) -> Option<&crate::image::Preprocess> {
        self.0.family.sees.as_ref().map(|sees| sees.preprocess())
    }

    /// Whether the model takes pictures.
    #[must_use]
    pub fn takes_images(&self) -> bool {
        self.0.family.sees.is_some()
    }

    /// Numbers of what the model compares pictures and texts by; `None` where it does not.
    #[must_use]
    pub fn compares(&self) -> Option<usize> {
        self.0.family.sees.as_ref().and_then(|sees| sees.compares())
    }

    /// What a picture of `width` x `height` pixels is to the model, and the positions it takes; `None` where the model
    /// takes none.
    #[must_use]
    pub fn views(&self, width: u32, height: u32) -> Option<Views> {
        let views = self.0.family.sees.as_ref()?.views(width, height);
        Some(Views { positions: views.positions + self.around(), ..views })
    }

    /// Frames that a video is sampled to where nothing else is said; `None` where the model takes no videos.
    #[must_use]
    pub fn video_frames(&self) -> Option<usize> {
        self.0.family.sees.as_ref()?.clips().map(|clips| clips.frames)
    }

    /// Positions the model was made for; 0 where it has no language model.
    #[must_use]
    pub fn context(&self) -> usize {
        self.0.family.speaks.as_ref().map_or(0, |speaks| speaks.decoder.config.context)
    }

    /// Whether an encoder reads prompts, and a decoder writes beside it: then a prompt and the new tokens each have
    /// [`Model::context`] for themselves.
    #[must_use]
    pub fn encodes_prompts(&self) -> bool {
        self.0.family.speaks.as_ref().is_some_and(|speaks| speaks.decoder.encoder.is_some())
    }

    /// Whether a picture's rows see one another in the language model, so that they pass through it in one batch.
    pub(crate) fn sees_together(&self) -> bool {
        self.0.family.sees.as_ref().is_some_and(|sees| sees.two_way())
    }

    /// The context that a session needs for a prompt of so many positions and `new` tokens behind it.
    #[must_use]
    pub fn context_for(&self, positions: usize, new: usize) -> usize {
        match self.0.defaults.start {
            None => positions.saturating_add(new),
            Some(start) => positions.max(start.saturating_add(new)),
        }
    }

    /// New tokens that a context has room for behind a prompt of so many positions.
    #[must_use]
    pub fn room_behind(&self, positions: usize, context: usize) -> usize {
        context.saturating_sub(self.0.defaults.start.unwrap_or(positions))
    }

    /// Positions that a picture takes, at most.
    #[must_use]
    pub fn image_positions(&self) -> usize {
        self.0.family.sees.as_ref().map_or(0, |sees| sees.largest().positions + self.around())
    }

    /// Tokens around a picture that a prompt is given where it has none.
    fn around(&self) -> usize {
        let around = self.0.family.speaks.as_ref().and_then(|speaks| speaks.compose.around());
        around.map_or(0, |around| around.iter().map(Vec::len).sum())
    }

    /// Numbers of a position's input; where there is no language model, of a row that a picture becomes.
    #[must_use]
    pub fn embedding_width(&self) -> usize {
        let seen = self.0.family.sees.as_ref().map_or(0, |sees| sees.width());
        self.0.family.speaks.as_ref().map_or(seen, |speaks| speaks.decoder.config.embedding_width)
    }

    /// What computes.
    #[must_use]
    pub fn device(&self) -> DeviceInfo {
        self.0.device.info()
    }

    /// Limits for pictures that are decoded for this model.
    #[must_use]
    pub fn image_limits(&self) -> ImageLimits {
        ImageLimits::default()
    }

    /// The prompt as token ids and the rows of pictures and videos, in the family's order.
    ///
    /// # Errors
    /// What the tokenizer refuses, [`Error::NoVision`], [`Error::NoVideo`], [`Error::NoText`] and
    /// [`Error::TooManyMedia`].
    pub fn compose(&self, prompt: &Prompt) -> Result<Vec<Item>, Error> {
        models::compose(&self.0.family, &self.0.tokenizer, prompt)
    }

    /// Positions a composed prompt takes.
    #[must_use]
    pub fn count(&self, items: &[Item]) -> usize {
        items.iter().map(Item::positions).sum()
    }

    /// The token ids of a composed prompt with the file's placeholder id, where it has one, for each row of a picture:
    /// what the reference's repetition penalty looks at; none where the file says so. Where an encoder reads the prompt, it
    /// looks at the start of the decoder's text instead.
    pub(crate) fn placed_ids(&self, items: &[Item]) -> Vec<u32> {
        if self.0.defaults.penalises_text_alone {
            return Vec::new();
        }
        if let Some(start) = self.0.family.speaks.as_ref().and_then(|speaks| speaks.start()) {
            return start.to_vec();
        }
        items.iter().flat_map(|item| item.ids(self.0.defaults.image_id, self.0.defaults.image_ids_rise)).collect()
    }

    /// Bytes that generating one token reads with `past` positions before it, and behind a source as long where there is one:
    /// weights, and keys and values. What memory allows is the speed of its stream divided by their sum.
    #[must_use]
    pub fn token_bytes(&self, past: usize, cache: Option<CacheType>) -> (u64, u64) {
        self.0.family.speaks.as_ref().map_or((0, 0), |speaks| {
            let ty = cache.unwrap_or_else(|| cache_type_beside(speaks.decoder.weight_type()));
            (speaks.row_bytes(), speaks.decoder.past_bytes(past, ty))
        })
    }

    pub(crate) fn resolve(&self, options: &SessionOptions) -> Result<Resolved, Error> {
        let check = |name, got: usize, most, rule| {
            if got > most { Err(Error::BadOption { name, got: got.to_string(), rule }) } else { Ok(()) }
        };
        check("context", options.context, *header::CONTEXT.end(), "at most 16777216")?;
        check("beams", options.beams, SEQUENCES, "at most 64")?;
        check("images", options.images, 1 << 12, "at most 4096")?;
        check("frames", options.frames, 1 << 8, "at most 256")?;
        check("batch", options.batch, 1 << 16, "at most 65536")?;
        check("parallel", options.parallel, SEQUENCES, "at most 64")?;
        let resolved = resolve(&self.0.family, options);
        let slots = resolved.kv.slots.saturating_mul(resolved.parallel);
        let rule = "so many sessions of so many positions: together at most 4294967295 positions";
        check("parallel", if slots > u32::MAX as usize { resolved.parallel } else { 0 }, 0, rule)?;
        Ok(resolved)
    }

    /// The sessions side by side that were asked for with these options, as long as there is one; else new ones, if all that
    /// there are have room in the budget together.
    ///
    /// # Errors
    /// [`Error::OverBudget`], and those of `new`.
    pub(crate) fn company(
        &self,
        options: &SessionOptions,
        new: impl FnOnce() -> Result<Company, Error>,
    ) -> Result<Arc<Company>, Error> {
        let mut companies = self.0.companies.lock().unwrap_or_else(PoisonError::into_inner);
        companies.retain(|(.., company)| company.strong_count() > 0);
        let found = companies.iter().find(|(same, ..)| same == options).and_then(|(.., company)| company.upgrade());
        if let Some(company) = found {
            return Ok(company);
        }
        let (plan, budget) = (self.plan(options)?, options.budget);
        let needed = plan.total() + companies.iter().map(|(_, own, _)| own).sum::<u64>();
        if budget > 0 && needed > budget {
            return Err(Error::OverBudget { needed, mapped: plan.mapped, budget });
        }
        let company = Arc::new(new()?);
        companies.push((options.clone(), plan.own(), Arc::downgrade(&company)));
        Ok(company)
    }

    /// The memory that sessions with these options will need, all that run side by side.
    ///
    /// # Errors
    /// [`Error::BadOption`].
    pub fn plan(&self, options: &SessionOptions) -> Result<Plan, Error> {
        let reads = self.0.family.sees.as_ref().and_then(|sees| Some(sees.reads()?.tokenizer.memory_bytes()));
        let tables = self.0.tokenizer.memory_bytes() + reads.unwrap_or(0);
        Ok(self.resolve(options)?.plan(&*self.0.device, &self.0.family, self.0.file.file_len(), tables))
    }
}
