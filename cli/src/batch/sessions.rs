//! The session that the requests of a batch share.
//!
//! Each request gets the session that it would get alone, so that its answer is the same to the last bit: how many rows go
//! through the model together follows from what a session is laid out for. It is made anew where the next request needs
//! another, and then takes over what pictures have become, which depends on nothing else. Where it serves again, whole
//! batches of a prompt that begins like the one before are not read again.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use ocelli_engine::{CancelHandle, Model, Session, SessionOptions};

/// Most bytes of pictures of a pool that are kept encoded, beside those of a prompt.
const POOL: usize = 64 << 20;
/// Positions are rounded up to a multiple of this: the rows that pass through the model together, unless it is said otherwise.
/// Requests of up to so many positions are always read in one batch.
const POSITIONS: usize = 256;

pub struct Sessions<'a> {
    model: &'a Model,
    cancel: CancelHandle,
    /// Bytes of encoded pictures to keep, where memory is not limited.
    pictures: Option<usize>,
    held: Option<(SessionOptions, Session)>,
}

impl<'a> Sessions<'a> {
    /// Of a batch with so many pictures in each prompt, and in all of them, besides the queries' own. From now on a signal
    /// stops what runs.
    pub fn new(
        model: &'a Model,
        pictures: (usize, usize),
        limited: bool,
        interrupt: &Interrupt,
    ) -> Result<Self, Failure> {
        let cancel = CancelHandle::default();
        interrupt.cancels(cancel.clone());
        // By itself a session keeps sixteen.
        let sixteen = usize::try_from(model.plan(&SessionOptions::default())?.images).unwrap_or(0);
        let (prompt, all) = pictures;
        let most = |count: usize| sixteen + sixteen / 16 * count;
        let pictures = (!limited && all > 0).then(|| most(prompt).max(most(all).min(POOL)));
        Ok(Self { model, cancel, pictures, held: None })
    }

    /// The session of a request that alone would get one of these options. With `longer` room for more positions changes
    /// nothing for it, unless it is a search, whose beams then lie elsewhere in the cache.
    pub fn get(&mut self, mut options: SessionOptions, longer: bool) -> Result<&mut Session, Failure> {
        options.image_cache = options.image_cache.or(self.pictures);
        if longer && options.beams <= 1 && options.context > POSITIONS {
            let longer = options.context.next_multiple_of(POSITIONS);
            let longer = SessionOptions { context: longer, ..options.clone() };
            if options.budget == 0 || self.model.plan(&longer)?.total() <= options.budget {
                options = longer;
            }
        }
        let session = match self.held.take() {
            Some((same, session)) if same == options => session,
            other => {
                let mut session = self.model.session(&options)?;
                session.cancel_by(self.cancel.clone());
                session.keep_whole_batches();
                if let Some((_, before)) = other {
                    session.know_pictures_of(&before);
                }
                session
            }
        };
        Ok(&mut self.held.insert((options, session)).1)
    }
}
