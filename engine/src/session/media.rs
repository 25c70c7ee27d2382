//! Pictures and videos of a prompt through tower and bridge, each once: what was encoded is kept.

use super::Session;
use super::events::Timings;
use crate::error::Error;
use crate::image::{Picture, Pixels, Video, content_hash, mixed};
use std::time::Instant;

/// A picture or video that is to be encoded.
pub(super) struct Medium<'a> {
    /// What its rows are known by.
    pub key: u128,
    /// Pictures and videos before it in the prompt.
    pub place: usize,
    /// In order; a picture is one.
    pub frames: Vec<&'a Picture>,
}

impl Session {
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
    pub(super) fn key(&self, hash: u128, place: usize) -> u128 {
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

    /// Where a picture's keys and values for the gated layers are, once they are made; not where those of `used` are.
    pub(super) fn media(
        &mut self,
        medium: &Medium<'_>,
        used: &mut Vec<usize>,
        timings: &mut Timings,
    ) -> Result<usize, Error> {
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
    pub(super) fn image_rows(&mut self, medium: &Medium<'_>, timings: &mut Timings) -> Result<&[f32], Error> {
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
