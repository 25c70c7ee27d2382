//! A session: one caller's buffers, and the loops over them: encode pictures, prefill, then generate or score.
//!
//! A prompt that begins as the last one did, or as its answer went on, needs only its rest run: see
//! [`Session::keep_prefix`].

mod kept;
mod turn;

pub(crate) use turn::Writing;

use crate::beam;
use crate::blocks::cache::Sequence;
use crate::blocks::decoder::{DecoderRows, KvCache, SEQUENCES};
use crate::blocks::gated::MediaCache;
use crate::cancel::CancelHandle;
use crate::error::Error;
use crate::generation::{Event, Finish, GenerateOptions, Generation, Score, Sink, Timings};
use crate::image::{Picture, Pixels, Video, content_hash, mixed};
use crate::image_cache::ImageCache;
use crate::kernels::{Arena, CacheShape, Exec, Layout};
use crate::model::Model;
use crate::plan::Resolved;
use crate::prefix::Prefix;
use crate::prompt::{Item, Prompt};
use crate::sample::log_softmax;
use std::ops::ControlFlow;
use std::time::Instant;
use turn::Turn;

/// One caller's use of a model. Calls start from an empty context, unless the caller wants it kept; encoded pictures are
/// kept between them in any case.
pub struct Session {
    model: Model,
    arena: Arena,
    kv: KvCache,
    shape: CacheShape,
    rows: DecoderRows,
    batch: usize,
    logit_rows: usize,
    /// Most frames of a video.
    frames: usize,
    images: ImageCache,
    cancel: CancelHandle,
    logits: Vec<f32>,
    /// What is in the cache between calls, where the caller wants it kept.
    kept: Option<Prefix>,
}

impl Session {
    pub(crate) fn new(model: Model, r: &Resolved) -> Result<Self, Error> {
        let inner = &model.0;
        let arena = inner.device.arena(&r.layout(&*inner.family))?;
        let decoder = inner.family.decoder();
        let media = match (&decoder.gated, r.media) {
            (Some(gated), Some(shape)) => Some(MediaCache::new(inner.device.cache(shape)?, shape, gated.config.rows)),
            _ => None,
        };
        let kv = KvCache::new(inner.device.cache(r.kv)?, r.kv.slots, media);
        let rows = decoder.layout(&mut Layout::default(), r.batch, r.logits);
        Ok(Self {
            arena,
            kv,
            shape: r.kv,
            rows,
            batch: r.batch,
            logit_rows: r.logits,
            frames: r.frames,
            images: ImageCache::new(r.image_cache),
            cancel: CancelHandle::default(),
            logits: Vec::new(),
            kept: None,
            model,
        })
    }

    /// Whether keys and values stay after [`Session::generate`] and [`Session::score`], so that the next prompt is run
    /// only from where it differs: for conversations, which repeat all that was said. Off at first. What stays is the
    /// prompt with what was generated, of beams and scores the prompt alone; after an error nothing. Results are the same
    /// but for rounding, because rows pass through the model in other batches.
    pub fn keep_prefix(&mut self, keep: bool) {
        self.kept = keep.then(Prefix::default);
        self.done();
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Stops the running call from another thread.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// Generates text after a prompt.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::ContextFull`], [`Error::BadOption`], [`Error::NotANumber`] and what composing the
    /// prompt refuses. The session can be used again after any of them.
    pub fn generate(
        &mut self,
        prompt: &Prompt,
        options: &GenerateOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Generation, Error> {
        let (items, options, positions) = self.fitted(prompt, options)?;
        let mut timings = Timings { prompt: positions, ..Timings::default() };
        let result = self.generate_inner(&items, &options, sink, &mut timings);
        self.done();
        let (ids, finish, text) = result?;
        Ok(Generation { text, ids, finish, timings })
    }

    /// The items of a prompt and the options with the defaults filled in, once both are seen to fit.
    fn fitted(&self, prompt: &Prompt, options: &GenerateOptions) -> Result<(Vec<Item>, GenerateOptions, usize), Error> {
        options.sampling.validate()?;
        if options.beams > self.logit_rows {
            let rule = "at most what the session was laid out for";
            return Err(Error::BadOption { name: "beams", got: options.beams.to_string(), rule });
        }
        let items = self.model.compose(prompt)?;
        let positions = self.model.count(&items);
        let mut options = options.clone();
        if options.max_new_tokens == 0 {
            options.max_new_tokens =
                self.model.defaults().max_new_tokens.min(self.room().saturating_sub(positions)).max(1);
        }
        self.fits(positions, options.max_new_tokens)?;
        Ok((items, options, positions))
    }

    fn generate_inner(
        &mut self,
        items: &[Item],
        options: &GenerateOptions,
        sink: &mut Sink<'_>,
        timings: &mut Timings,
    ) -> Result<(Vec<u32>, Finish, String), Error> {
        let mut prompt = self.prefill(items, sink, timings)?;
        let start = Instant::now();
        let seen = self.model.placed_ids(items);
        let result = if options.beams > 1 {
            let sequence = self.kv.slots.fork(&prompt.sequence);
            let (ids, finish) = beam::search(self, sequence, &seen, options)?;
            let text = self.text(&ids)?;
            let _ = sink(Event::Piece(&text));
            (ids, finish, text)
        } else {
            let result = self.sample(&mut prompt.sequence, seen, options, sink)?;
            prompt.append(&result.0);
            result
        };
        self.keep(prompt);
        timings.generate = start.elapsed();
        timings.generated = result.0.len();
        Ok(result)
    }

    fn sample(
        &mut self,
        sequence: &mut Sequence,
        seen: Vec<u32>,
        options: &GenerateOptions,
        sink: &mut Sink<'_>,
    ) -> Result<(Vec<u32>, Finish, String), Error> {
        let model = self.model.clone();
        let mut turn = Turn::new(&model, seen, options);
        // From here on nothing is allocated but for text: `fits` has bounded how much comes.
        while turn.finish.is_none() {
            let piece = turn.choose(&model, &mut self.logits, sequence.len())?;
            let stopped = !piece.is_empty() && sink(Event::Piece(piece)).is_break();
            if let Some(id) = turn.go_on(&model, stopped) {
                self.step(std::slice::from_mut(sequence), &[id])?;
            }
        }
        let (ids, finish, rest) = turn.end();
        if !rest.is_empty() {
            let _ = sink(Event::Piece(&rest));
        }
        let text = self.text(&ids)?;
        Ok((ids, finish, text))
    }

    /// Log-likelihoods of texts that could follow a prompt. The prompt is read once, however many there are.
    ///
    /// # Errors
    /// As [`Session::generate`].
    pub fn score(&mut self, prompt: &Prompt, continuations: &[&str], sink: &mut Sink<'_>) -> Result<Vec<Score>, Error> {
        use crate::tokenizer::EncodeOptions;
        let items = self.model.compose(prompt)?;
        let positions = self.model.count(&items);
        let options = EncodeOptions { add_special: false, parse_special: true };
        let ids = continuations
            .iter()
            .map(|text| Ok(self.model.tokenizer().encode_piece(text, options, false)?))
            .collect::<Result<Vec<_>, Error>>()?;
        for ids in &ids {
            self.fits(positions, ids.len())?;
        }
        let result = self.score_inner(&items, ids, sink);
        self.done();
        result
    }

    fn score_inner(&mut self, items: &[Item], all: Vec<Vec<u32>>, sink: &mut Sink<'_>) -> Result<Vec<Score>, Error> {
        let prompt = self.prefill(items, sink, &mut Timings::default())?;
        let vocabulary = self.vocabulary();
        let mut first = self.logits[..vocabulary].to_vec();
        let position = prompt.sequence.len() - 1;
        if !log_softmax(&mut first) {
            return Err(Error::NotANumber { position });
        }
        let model = self.model.clone();
        let decoder = model.0.family.decoder();
        let mut scores = Vec::new();
        for ids in all {
            let mut logprobs: Vec<f32> = ids.first().map(|&id| first[id as usize]).into_iter().collect();
            let mut sequence = self.kv.slots.fork(&prompt.sequence);
            let inputs = &ids[..ids.len().saturating_sub(1)];
            for chunk in inputs.chunks(self.batch) {
                let at = logprobs.len();
                decoder.follow(&mut sequence, 0, chunk);
                let (mut exec, rows, kv) = self.exec();
                decoder.embed(&mut exec, chunk, rows.input.first(chunk.len()))?;
                decoder.forward(&mut exec, rows, kv, std::slice::from_mut(&mut sequence), &[chunk.len()])?;
                for start in (0..chunk.len()).step_by(self.logit_rows) {
                    let count = self.logit_rows.min(chunk.len() - start);
                    self.read_logits(start, count)?;
                    for (i, logits) in self.logits.chunks_exact_mut(vocabulary).take(count).enumerate() {
                        if !log_softmax(logits) {
                            return Err(Error::NotANumber { position: position + at + start + i });
                        }
                        logprobs.push(logits[ids[at + start + i] as usize]);
                    }
                }
            }
            self.kv.slots.release(sequence);
            scores.push(Score { ids, logprobs });
        }
        self.keep(prompt);
        Ok(scores)
    }

    /// The logits of every position of a prompt, `positions x vocabulary`: for tests of parity with a reference.
    ///
    /// # Errors
    /// As [`Session::generate`].
    pub fn all_logits(&mut self, prompt: &Prompt) -> Result<Vec<f32>, Error> {
        let items = self.model.compose(prompt)?;
        self.fits(self.model.count(&items), 0)?;
        self.forget();
        let mut all = Vec::new();
        let result = self.run_prompt(
            &items,
            0,
            &mut Sequence::default(),
            &mut Timings::default(),
            &mut |s, count, _| {
                for start in (0..count).step_by(s.logit_rows) {
                    s.read_logits(start, s.logit_rows.min(count - start))?;
                    all.extend_from_slice(&s.logits);
                }
                Ok(())
            },
            &mut |_| ControlFlow::Continue(()),
        );
        self.done();
        result.map(|()| all)
    }

    /// Rows that a picture becomes, `image rows x width`: what the tower and the bridge make of it.
    ///
    /// # Errors
    /// [`Error::NoVision`], [`Error::Cancelled`], and what preparing the picture refuses.
    pub fn embed_image(&mut self, picture: &Picture) -> Result<Vec<f32>, Error> {
        self.embed(content_hash(picture), &[picture])
    }

    /// Rows that a video becomes, as [`Session::embed_image`].
    ///
    /// # Errors
    /// [`Error::NoVideo`], [`Error::BadOption`] for more frames than the session was laid out for, and as
    /// [`Session::embed_image`].
    pub fn embed_video(&mut self, video: &Video) -> Result<Vec<f32>, Error> {
        if self.model.video_frames().is_none() {
            return Err(Error::NoVideo { videos: 1 });
        }
        let frames: Vec<&Picture> = video.frames().iter().map(|frame| &**frame).collect();
        self.embed(video.content_hash(), &frames)
    }

    fn embed(&mut self, hash: u128, frames: &[&Picture]) -> Result<Vec<f32>, Error> {
        let medium = Medium { key: self.key(hash, 0), place: 0, frames: frames.to_vec() };
        let rows = self.image_rows(&medium, &mut Timings::default()).map(<[f32]>::to_vec);
        self.done();
        rows
    }

    /// What encoded rows are known by: the content and, where the rows depend on it, the place among the prompt's pictures.
    fn key(&self, hash: u128, place: usize) -> u128 {
        let placed = self.model.0.family.clips().and_then(|clips| clips.places()).is_some();
        if placed { mixed(hash, place as u128) } else { hash }
    }

    /// What the tower makes of a picture, to compare pictures with: the mean of its rows, of length one.
    ///
    /// # Errors
    /// As [`Session::embed_image`].
    pub fn image_features(&mut self, picture: &Picture) -> Result<Vec<f32>, Error> {
        let rows = self.tower_rows(picture);
        self.done();
        let (rows, width) = rows?;
        let mut mean = vec![0.0f32; width];
        for row in rows.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        mean.iter_mut().for_each(|x| *x /= length);
        Ok(mean)
    }

    /// The tower's rows of a picture, and the width of one.
    fn tower_rows(&mut self, picture: &Picture) -> Result<(Vec<f32>, usize), Error> {
        let model = self.model.clone();
        let family = &*model.0.family;
        let tower = family.tower_rows().ok_or(Error::NoVision { images: 1 })?;
        let pixels = self.prepare(picture)?;
        let mut rows = vec![0.0; tower.rows() * tower.width()];
        let (mut exec, ..) = self.exec();
        family.tower(&mut exec, &pixels)?;
        exec.read(tower, &mut rows)?;
        Ok((rows, tower.width()))
    }

    /// The text of generated tokens. The embedding table may have more rows than the vocabulary: such ids have none.
    fn text(&self, ids: &[u32]) -> Result<String, Error> {
        let tokenizer = self.model.tokenizer();
        let known: Vec<u32> = ids.iter().copied().filter(|&id| (id as usize) < tokenizer.vocab_size()).collect();
        Ok(tokenizer.decode(&known, true)?)
    }

    /// After a call: every slot is free again but those that are kept, and a cancel that was meant for it is used up.
    pub(crate) fn done(&mut self) {
        self.free_slots();
        self.cancel.reset();
    }

    /// Frees the slots that are kept, before a call that needs all or starts from nothing.
    pub(crate) fn forget(&mut self) {
        if let Some(kept) = &mut self.kept {
            self.kv.slots.release(std::mem::take(kept).sequence);
        }
    }

    fn keep(&mut self, prefix: Prefix) {
        if let Some(kept) = &mut self.kept {
            *kept = prefix;
        }
    }

    /// Positions one sequence may reach.
    pub(crate) fn room(&self) -> usize {
        self.kv.slots.len().min(self.model.context())
    }

    fn fits(&self, prompt: usize, new: usize) -> Result<(), Error> {
        if prompt == 0 {
            return Err(Error::BadOption {
                name: "prompt",
                got: "empty".to_owned(),
                rule: "at least one token or image",
            });
        }
        let (needed, context) = (prompt + new, self.room());
        // The last new token is never read by the model.
        if needed > context + usize::from(new > 0) {
            return Err(Error::ContextFull { needed, prompt, new, context });
        }
        Ok(())
    }

    pub(crate) fn vocabulary(&self) -> usize {
        self.model.0.family.decoder().config.vocabulary
    }

    pub(crate) fn eos_ids(&self) -> &[u32] {
        &self.model.defaults().eos_ids
    }

    /// The logits of the last call of [`Session::step`] or the prefill, a row a sequence.
    pub(crate) fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Rows of logits computed together.
    pub(crate) fn logit_rows(&self) -> usize {
        self.logit_rows
    }

    pub(crate) fn slots(&mut self) -> &mut crate::blocks::cache::Slots {
        &mut self.kv.slots
    }

    fn exec(&mut self) -> (Exec<'_>, &DecoderRows, &mut KvCache) {
        let exec = Exec { device: &*self.model.0.device, arena: &mut self.arena, cancel: &self.cancel };
        (exec, &self.rows, &mut self.kv)
    }

    pub(crate) fn read_logits(&mut self, row: usize, count: usize) -> Result<(), Error> {
        let model = self.model.clone();
        let mut logits = std::mem::take(&mut self.logits);
        let (mut exec, rows, _) = self.exec();
        let done = model.0.family.decoder().logits(&mut exec, rows, row, count, &mut logits);
        self.logits = logits;
        done
    }

    /// One more token for each sequence, then the logits of all.
    pub(crate) fn step(&mut self, sequences: &mut [Sequence], ids: &[u32]) -> Result<(), Error> {
        let model = self.model.clone();
        let decoder = model.0.family.decoder();
        for (sequence, id) in sequences.iter_mut().zip(ids) {
            decoder.follow(sequence, 0, std::slice::from_ref(id));
        }
        let (mut exec, rows, kv) = self.exec();
        decoder.embed(&mut exec, ids, rows.input.first(ids.len()))?;
        decoder.forward(&mut exec, rows, kv, sequences, &[1; SEQUENCES][..ids.len()])?;
        self.read_logits(0, ids.len())
    }

    /// Encodes the pictures and runs the prompt, or what of both is not kept; the logits of its last position are then in
    /// `self.logits`.
    fn prefill(&mut self, items: &[Item], sink: &mut Sink<'_>, timings: &mut Timings) -> Result<Prefix, Error> {
        let mut last = |s: &mut Self, count: usize, end: bool| if end { s.read_logits(count - 1, 1) } else { Ok(()) };
        let Some(kept) = &mut self.kept else {
            let mut prompt = Prefix::default();
            self.run_prompt(items, 0, &mut prompt.sequence, timings, &mut last, sink)?;
            return Ok(prompt);
        };
        let mut kept = std::mem::take(kept);
        let rest = kept.become_prompt(items, self.model.0.family.image_rows(), &mut self.kv.slots);
        timings.reused = kept.sequence.len();
        let media = |items: &[Item]| items.iter().filter(|item| !item.frames().is_empty()).count();
        let before = media(items) - media(&rest);
        self.run_prompt(&rest, before, &mut kept.sequence, timings, &mut last, sink)?;
        Ok(kept)
    }

    /// Runs a prompt in batches, behind one with `before` pictures and videos in it; `after` is called behind each batch with
    /// its rows and whether it was the last.
    pub(crate) fn run_prompt(
        &mut self,
        items: &[Item],
        before: usize,
        sequence: &mut Sequence,
        timings: &mut Timings,
        after: &mut dyn FnMut(&mut Self, usize, bool) -> Result<(), Error>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Error> {
        let model = self.model.clone();
        let decoder = model.0.family.decoder();
        let width = decoder.config.embedding_width;
        let positions = model.count(items);
        let count = items.iter().filter(|i| !i.frames().is_empty()).count();
        let encoded = timings.encoded;
        let mut pictures = Vec::new();
        let mut used: Vec<usize> = sequence.media().collect();
        for item in items {
            if let Some(hash) = item.content_hash() {
                announce(sink, Event::Image { index: pictures.len(), count })?;
                let place = before + pictures.len();
                let frames = item.frames().iter().map(|frame| &**frame).collect();
                let medium = Medium { key: self.key(hash, place), place, frames };
                pictures.push(match &decoder.gated {
                    None => Seen::Spliced(self.image_rows(&medium, timings)?.to_vec()),
                    Some(_) => Seen::Apart(self.media(&medium, &mut used, timings)?),
                });
            }
        }
        if timings.encoded > encoded {
            self.model.0.let_encoders_go();
        }
        announce(sink, Event::Prefill { positions })?;
        let start = Instant::now();
        let mut pictures = pictures.iter();
        let mut filled = 0;
        let mut done = 0;
        for item in items {
            let at = sequence.len() + filled;
            let mark = decoder.gated.as_ref().map_or(0, |gated| gated.config.token);
            let rows = match (item, pictures.as_slice()) {
                (Item::Tokens(ids), _) => {
                    decoder.follow(sequence, filled, ids);
                    Part::Tokens(ids)
                }
                (_, [Seen::Spliced(rows), ..]) => Part::Rows(rows),
                (_, [Seen::Apart(place), ..]) => {
                    sequence.look(at, at, Some(*place));
                    Part::Tokens(&[mark])
                }
                (_, []) => Part::Rows(&[]),
            };
            if !item.frames().is_empty() {
                pictures.next();
            }
            let len = rows.len(width);
            let mut at = 0;
            while at < len {
                let take = (self.batch - filled).min(len - at);
                let (mut exec, out, _) = self.exec();
                let to = out.input.slice(filled, take);
                match rows {
                    Part::Tokens(ids) => decoder.embed(&mut exec, &ids[at..at + take], to)?,
                    Part::Rows(data) => exec.write(to, &data[at * width..(at + take) * width])?,
                }
                (at, filled) = (at + take, filled + take);
                done += take;
                if filled == self.batch || done == positions {
                    let (mut exec, out, kv) = self.exec();
                    decoder.forward(&mut exec, out, kv, std::slice::from_mut(sequence), &[filled])?;
                    after(self, filled, done == positions)?;
                    filled = 0;
                }
            }
        }
        timings.prefill += start.elapsed();
        Ok(())
    }

    /// Where a picture's keys and values for the gated layers are, once they are made; not where those of `used` are.
    fn media(&mut self, medium: &Medium<'_>, used: &mut Vec<usize>, timings: &mut Timings) -> Result<usize, Error> {
        let model = self.model.clone();
        let places = self.kv.media.as_mut();
        let place = match places.and_then(|media| media.find(medium.key)) {
            Some(place) => place,
            None => {
                let rows = self.image_rows(medium, timings)?.to_vec();
                let full = || Error::BadOption {
                    name: "images",
                    got: "more different pictures in the prompt".to_owned(),
                    rule: "at most what the session was laid out for",
                };
                let place = self.kv.media.as_ref().and_then(|media| media.free(used)).ok_or_else(full)?;
                let (mut exec, buffers, kv) = self.exec();
                if let (Some(gated), Some(buffers), Some(media)) =
                    (&model.0.family.decoder().gated, &buffers.gated, &mut kv.media)
                {
                    gated.store(&mut exec, buffers, media, place, medium.key, &rows)?;
                }
                place
            }
        };
        used.push(place);
        Ok(place)
    }

    /// A picture as the tower takes it.
    fn prepare(&self, picture: &Picture) -> Result<Pixels, Error> {
        let preprocess = self.model.preprocess().ok_or(Error::NoVision { images: 1 })?;
        let pixels = preprocess.apply(picture)?;
        let (got, wanted) = ((pixels.width, pixels.height), (preprocess.width, preprocess.height));
        if got != wanted {
            return Err(Error::BadOption {
                name: "picture size",
                got: format!("{}x{}", got.0, got.1),
                rule: "this model does not resize: the picture must have the tower's size",
            });
        }
        Ok(pixels)
    }

    /// Whether a video of so many frames has room.
    pub(crate) fn check_frames(&self, count: usize) -> Result<(), Error> {
        if count > self.frames {
            let rule = "at most what the session was laid out for";
            return Err(Error::BadOption { name: "frames", got: count.to_string(), rule });
        }
        Ok(())
    }

    /// A picture's or video's rows, from the cache or through the tower.
    fn image_rows(&mut self, medium: &Medium<'_>, timings: &mut Timings) -> Result<&[f32], Error> {
        let model = self.model.clone();
        let family = &*model.0.family;
        let count = medium.frames.len();
        self.check_frames(count)?;
        if self.images.find(medium.key).is_none() {
            let mut rows = Vec::new();
            for (number, frame) in medium.frames.iter().enumerate().rev() {
                let start = Instant::now();
                let pixels = self.prepare(frame)?;
                let prepared = Instant::now();
                let (mut exec, ..) = self.exec();
                match family.clips() {
                    Some(clips) => clips.tower(&mut exec, &pixels, number, count)?,
                    None => family.tower(&mut exec, &pixels)?,
                }
                timings.prepare += prepared - start;
                timings.encode += prepared.elapsed();
                timings.encoded += 1;
            }
            let seen = Instant::now();
            let (mut exec, ..) = self.exec();
            match family.clips() {
                Some(clips) => clips.bridge(&mut exec, count, medium.place, &mut rows)?,
                None => family.bridge(&mut exec, &mut rows)?,
            }
            timings.encode += seen.elapsed();
            timings.bridge += seen.elapsed();
            self.images.insert(medium.key, rows);
        }
        Ok(self.images.find(medium.key).unwrap_or(&[]))
    }
}

/// A picture or video that is to be encoded.
struct Medium<'a> {
    /// What its rows are known by.
    key: u128,
    /// Pictures and videos before it in the prompt.
    place: usize,
    /// In order; a picture is one.
    frames: Vec<&'a Picture>,
}

/// Tells of a stage before there is text.
fn announce(sink: &mut Sink<'_>, event: Event<'_>) -> Result<(), Error> {
    if sink(event).is_break() { Err(Error::Cancelled) } else { Ok(()) }
}

/// What a picture of a prompt has become.
enum Seen {
    /// Rows that take the place of embeddings.
    Spliced(Vec<f32>),
    /// A place among the media.
    Apart(usize),
}

/// Takes tokens out of the choice.
pub(crate) fn suppress(logits: &mut [f32], ids: &[u32]) {
    for &id in ids {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

/// Rows of a batch before they are embedded.
#[derive(Clone, Copy)]
enum Part<'a> {
    Tokens(&'a [u32]),
    Rows(&'a [f32]),
}

impl Part<'_> {
    fn len(&self, width: usize) -> usize {
        match self {
            Self::Tokens(ids) => ids.len(),
            Self::Rows(data) => data.len() / width,
        }
    }
}

/// The token ids of a prompt, in order; pictures have none.
#[must_use]
pub fn prompt_ids(items: &[Item]) -> Vec<u32> {
    items.iter().flat_map(|i| if let Item::Tokens(ids) = i { ids.as_slice() } else { &[] }).copied().collect()
}
