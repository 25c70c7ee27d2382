//! Pictures and videos of a prompt through tower and bridge, each once: what was encoded is kept.

use super::events::{Event, Sink, Timings};
use super::matching::finite;
use super::pass::seeing;
use super::{Session, announce};
use crate::blocks::cache::Sequence;
use crate::blocks::gated::MediaSlots;
use crate::error::Error;
use crate::image::{Picture, Pixels, Video, Views, content_hash, mixed};
use crate::kernels::{Exec, Told};
use crate::models::{Clips, Encoder, Join, Showing};
use crate::prompt::{Instruction, Item, beside};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

/// A picture or video that is to be encoded.
struct Medium<'a> {
    showing: Showing,
    /// What its rows are known by: all that they depend on.
    key: u128,
    /// In order; a picture is one.
    frames: Vec<&'a Picture>,
}

/// What a picture or video of a prompt has become, as the language model's [`Join`] wants it.
pub(super) enum Shown {
    /// Rows that take the place of embeddings.
    Rows(Arc<[f32]>),
    /// Keys and values of all layers, which go where those of positions are.
    Past(Arc<[f32]>),
    /// A slot among the media that layers between the decoder's own attend to, and the token that stands in the prompt.
    Attended { media_slot: usize, token: u32 },
}

impl Session {
    /// Rows that a picture becomes, [`Views::rows`] x width: what the tower and the bridge make of it to stand in the place of
    /// embeddings. A bridge that reads the prompt's text reads an empty one.
    ///
    /// # Errors
    /// [`Error::NoVision`], [`Error::Cancelled`], and what preparing the picture refuses.
    pub fn embed_image(&mut self, picture: &Picture) -> Result<Vec<f32>, Error> {
        self.embed(content_hash(picture), &[picture])
    }

    /// Rows that a video becomes, as [`Session::embed_image`].
    ///
    /// # Errors
    /// [`Error::NoVideo`], [`Error::BeyondPlan`] for more frames than the session was laid out for, and as
    /// [`Session::embed_image`].
    pub fn embed_video(&mut self, video: &Video) -> Result<Vec<f32>, Error> {
        if self.model.video_frames().is_none() {
            return Err(Error::NoVideo { videos: 1 });
        }
        let frames: Vec<&Picture> = video.frames().iter().map(|frame| &**frame).collect();
        if self.clips().is_some_and(|clips| clips.apart) {
            let rows = frames.iter().map(|frame| self.embed_image(frame)).collect::<Result<Vec<_>, Error>>()?;
            return Ok(rows.concat());
        }
        self.embed(video.content_hash(), &frames)
    }

    fn clips(&self) -> Option<Clips> {
        self.model.0.family.sees.as_ref().and_then(|sees| sees.clips())
    }

    fn embed(&mut self, hash: u128, frames: &[&Picture]) -> Result<Vec<f32>, Error> {
        let sees = self.model.0.family.sees(1)?;
        let size = frames.first().map_or((0, 0), |frame| (frame.width(), frame.height()));
        let views = sees.views(size.0, size.1);
        let instruction = sees.reads().map(|reads| reads.instruction("")).transpose()?.unwrap_or_default();
        let key = self.key(beside(hash, &instruction), 0);
        let showing = Showing { views, size, frames: frames.len(), media_index: 0, instruction };
        let medium = Medium { showing, key, frames: frames.to_vec() };
        let rows = self.encoded(&medium, &mut Timings::default(), &mut |_, _| ControlFlow::Continue(()));
        self.done();
        let rows = rows?;
        finite(&rows, "a picture")?;
        let features = self.model.0.family.speaks.as_ref().map_or(0, |speaks| speaks.decoder.deep);
        Ok(rows[..rows.len() / (1 + features)].to_vec())
    }

    /// What encoded rows are known by: the content and, where the rows depend on it, the index among the prompt's
    /// pictures.
    fn key(&self, hash: u128, media_index: usize) -> u128 {
        if self.clips().is_some_and(|clips| clips.media_indices.is_some()) {
            mixed(hash, media_index as u128)
        } else {
            hash
        }
    }

    /// What the tower makes of a picture, to compare pictures with: the mean of its rows, of length one.
    ///
    /// # Errors
    /// As [`Session::embed_image`].
    pub fn image_features(&mut self, picture: &Picture) -> Result<Vec<f32>, Error> {
        let rows = self.tower_rows(picture, &mut |_, _| ControlFlow::Continue(()));
        self.done();
        let (rows, width) = rows?;
        finite(&rows, "a picture")?;
        let mut mean = vec![0.0f32; width];
        for row in rows.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        mean.iter_mut().for_each(|x| *x /= length);
        Ok(mean)
    }

    /// The tower's rows of a picture, and the width of one.
    pub(super) fn tower_rows(&mut self, picture: &Picture, told: &mut Told<'_>) -> Result<(Vec<f32>, usize), Error> {
        let views = self.views(picture)?;
        let model = self.model.clone();
        let preprocess = model.preprocess().ok_or(Error::NoVision { images: 1 })?;
        let pixels = check_size(preprocess.apply(picture)?, views)?;
        let (mut exec, encoder) = self.sight()?;
        exec.told = Some(told);
        let tower = encoder.tower_rows(views);
        let mut rows = vec![0.0; tower.rows() * tower.width()];
        let size = (picture.width(), picture.height());
        let showing = Showing { views, size, frames: 1, media_index: 0, instruction: Instruction::default() };
        encoder.tower(&mut exec, &pixels, 0, &showing)?;
        exec.read(tower, &mut rows)?;
        Ok((rows, tower.width()))
    }

    /// What a picture is to the model.
    pub(super) fn views(&self, picture: &Picture) -> Result<Views, Error> {
        Ok(self.model.0.family.sees(1)?.views(picture.width(), picture.height()))
    }

    /// All that encoding a picture takes.
    pub(super) fn sight(&mut self) -> Result<(Exec<'_>, &dyn Encoder), Error> {
        let encoder = self.encoder.as_deref().ok_or(Error::NoVision { images: 1 })?;
        let seat = self.seat.as_ref();
        Ok((seeing(&self.model, (&mut self.core, &mut self.lent, seat), &self.cancel)?, encoder))
    }

    /// [`Session::show`], behind which the pages of tower and bridge are let go.
    pub(super) fn shown(
        &mut self,
        items: &[Item],
        before: usize,
        sequence: &Sequence,
        timings: &mut Timings,
        sink: &mut Sink<'_>,
    ) -> Result<Vec<Shown>, Error> {
        let before_it = timings.encode;
        let shown = self.show(items, before, sequence, timings, sink);
        // A picture whose tower is kept passes through the bridge alone; what failed or was cancelled, through some of it.
        if timings.encode > before_it || shown.is_err() {
            self.model.0.encoders.let_go(self.model.file());
        }
        self.release();
        shown
    }

    /// Encodes what of a prompt's pictures and videos is not kept, in order, behind a prompt with `before` of them.
    fn show(
        &mut self,
        items: &[Item],
        before: usize,
        sequence: &Sequence,
        timings: &mut Timings,
        sink: &mut Sink<'_>,
    ) -> Result<Vec<Shown>, Error> {
        let model = self.model.clone();
        let count = items.iter().filter(|item| item.views().is_some()).count();
        let mut used: Vec<usize> = sequence.media().collect();
        let mut shown = Vec::new();
        for item in items {
            let (Some(hash), Some(views)) = (item.content_hash(), item.views()) else { continue };
            announce(sink, Event::Image { index: shown.len(), count })?;
            let media_index = before + shown.len();
            let frames: Vec<_> = item.frames().iter().map(|frame| &**frame).collect();
            let size = frames.first().map_or((0, 0), |frame| (frame.width(), frame.height()));
            let showing = Showing { views, size, frames: frames.len(), media_index, instruction: item.instruction() };
            let medium = Medium { showing, key: self.key(hash, media_index), frames };
            let told = &mut |done, total| sink(Event::Within { done, total });
            shown.push(match &model.0.family.speaks()?.join {
                Join::Gate(gated) => {
                    let media_slot = self.attended(&medium, &mut used, timings, told)?;
                    Shown::Attended { media_slot, token: gated.config.token }
                }
                Join::Splice | Join::None => Shown::Rows(self.encoded(&medium, timings, told)?),
                Join::Past => Shown::Past(self.encoded(&medium, timings, told)?),
            });
        }
        Ok(shown)
    }

    /// Where a picture's keys and values for the gated layers are, once they are made; not where those of `used` are.
    fn attended(
        &mut self,
        medium: &Medium<'_>,
        used: &mut Vec<usize>,
        timings: &mut Timings,
        told: &mut Told<'_>,
    ) -> Result<usize, Error> {
        let model = self.model.clone();
        let held = self.held.media.as_mut();
        let media_slot = match held.and_then(|media| media.find(medium.key)) {
            Some(slot) => slot,
            None => {
                let rows = self.encoded(medium, timings, told)?;
                let planned = self.held.media.as_ref().map_or(0, MediaSlots::len);
                // All slots are used, so this is one more different picture or video.
                let full = || Error::BeyondPlan { what: "images", got: planned + 1, planned };
                let slot = self.held.media.as_ref().and_then(|media| media.free(used)).ok_or_else(full)?;
                let (mut exec, buffers, (cache, held)) = self.speech()?;
                let media = cache.media.as_mut().zip(held.media.as_mut());
                let stored = match (model.0.family.speaks()?.gated(), &buffers.gated, media) {
                    (Some(gated), Some(buffers), Some(media)) => {
                        gated.store(&mut exec, buffers, media, (slot, medium.key), &rows)
                    }
                    _ => Ok(()),
                };
                // The next picture may have to wait for the tower, and whoever has that for what is held here.
                if let Some(seat) = &self.seat {
                    seat.give(self.core.take(), None);
                }
                stored?;
                slot
            }
        };
        used.push(media_slot);
        Ok(media_slot)
    }

    /// Whether a video of so many frames has room.
    pub(crate) fn check_frames(&self, count: usize) -> Result<(), Error> {
        if count > self.frames {
            return Err(Error::BeyondPlan { what: "frames", got: count, planned: self.frames });
        }
        Ok(())
    }

    /// A picture's or video's rows, from the cache or through the tower, of whose layers, in all frames, `told` is told.
    fn encoded(
        &mut self,
        medium: &Medium<'_>,
        timings: &mut Timings,
        told: &mut Told<'_>,
    ) -> Result<Arc<[f32]>, Error> {
        self.check_frames(medium.frames.len())?;
        if let Some(rows) = self.images.find(medium.key) {
            return Ok(rows);
        }
        let recalls = self.model.0.family.sees.as_ref().is_some_and(|sees| sees.reads().is_some());
        for (number, frame) in medium.frames.iter().enumerate().rev() {
            if recalls && self.recall(frame)? {
                continue;
            }
            self.through_tower(medium, (number, frame), timings, told)?;
            timings.encoded += 1;
            if recalls {
                self.remember(frame)?;
            }
        }
        let seen = Instant::now();
        let mut rows = Vec::new();
        let (mut exec, encoder) = self.sight()?;
        encoder.bridge(&mut exec, &medium.showing, &mut rows)?;
        timings.encode += seen.elapsed();
        timings.bridge += seen.elapsed();
        let rows: Arc<[f32]> = rows.into();
        self.images.insert(medium.key, Arc::clone(&rows));
        Ok(rows)
    }
    /// All that the tower is shown of a frame.
    fn through_tower(
        &mut self,
        medium: &Medium<'_>,
        (number, frame): (usize, &Picture),
        timings: &mut Timings,
        told: &mut Told<'_>,
    ) -> Result<(), Error> {
        let model = self.model.clone();
        let preprocess = model.preprocess().ok_or(Error::NoVision { images: 1 })?;
        let (tiles, all) = (medium.showing.views.tiles, medium.frames.len() * medium.showing.views.tiles);
        let mut start = Instant::now();
        let shown = preprocess.shown(frame)?;
        for (tile, picture) in shown.iter().enumerate().rev() {
            let number = number * tiles + tile;
            let pixels = check_size(preprocess.pixels(picture)?, medium.showing.views)?;
            let prepared = Instant::now();
            let mut told = |done, layers| told((all - 1 - number) * layers + done, all * layers);
            let (mut exec, encoder) = self.sight()?;
            exec.told = Some(&mut told);
            encoder.tower(&mut exec, &pixels, number, &medium.showing)?;
            timings.prepare += prepared - start;
            timings.encode += prepared.elapsed();
            start = Instant::now();
        }
        Ok(())
    }
}

/// Refuses pixels of another size than the tower's.
fn check_size(pixels: Pixels, views: Views) -> Result<Pixels, Error> {
    let got = (pixels.width, pixels.height);
    if got == views.size || Some(got) == views.tile {
        return Ok(pixels);
    }
    Err(Error::BadOption {
        name: "picture size",
        got: format!("{}x{}", got.0, got.1),
        rule: "this model does not resize: the picture must have the tower's size",
    })
}
