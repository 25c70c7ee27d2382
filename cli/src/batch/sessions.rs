//! The session that the requests of a batch share.
//!
//! Each request gets the session that it would get alone, so that its answer is the same to the last bit: how many rows go
//! through the model together follows from what a session is laid out for. It is made anew where the next request needs
//! another, and then takes over what pictures have become, which depends on nothing else. Where it serves again, whole
//! batches of a prompt that begins like the one before are not read again.
//!
//! Requests that are answered at the same time have sessions side by side, which have the very same options: they have room for
//! more than each needs. What goes through the model together is then not what would alone, and the last bits may differ.

use crate::failure::Failure;
use ocelli_engine::{CancelHandle, Error, Model, Passes, Session, SessionOptions};
use std::thread;
use std::time::Duration;

/// Most bytes of pictures of a pool that are kept encoded, beside those of a prompt.
const POOL: usize = 64 << 20;
/// Positions are rounded up to a multiple of this: the rows that pass through the model together, unless it is said otherwise.
/// Requests of up to so many positions are always read in one batch.
const POSITIONS: usize = 256;
/// How long to wait before memory that others have is asked for again.
const AGAIN: Duration = Duration::from_millis(10);

/// The sessions that one of those who answer at the same time has had.
pub struct Sessions<'a> {
    model: &'a Model,
    cancel: CancelHandle,
    /// Bytes of encoded pictures to keep, where memory is not limited.
    pictures: Option<usize>,
    /// Requests that are answered at the same time.
    parallel: usize,
    /// Whether each has room for what was asked for, not for what its request needs.
    fixed: bool,
    held: Option<(SessionOptions, Session)>,
}

impl<'a> Sessions<'a> {
    /// Of a batch with so many pictures in each prompt, and in all of them, besides the queries' own; whether memory is limited, and
    /// whether the context is.
    pub fn new(
        model: &'a Model,
        pictures: (usize, usize),
        (limited, fixed): (bool, bool),
        parallel: usize,
    ) -> Result<Self, Failure> {
        // By itself a session keeps sixteen.
        let sixteen = usize::try_from(model.plan(&SessionOptions::default())?.images).unwrap_or(0);
        let (prompt, all) = pictures;
        let most = |count: usize| sixteen + sixteen / 16 * count;
        let pictures = (!limited && all > 0).then(|| most(prompt).max(most(all).min(POOL)));
        Ok(Self { model, cancel: CancelHandle::default(), pictures, parallel, fixed, held: None })
    }

    /// As many as answer at the same time, and what stops them.
    pub fn each(self) -> (Vec<Self>, Vec<CancelHandle>) {
        let Self { model, pictures, parallel, fixed, .. } = self;
        let cancels: Vec<CancelHandle> = (0..parallel).map(|_| CancelHandle::default()).collect();
        let own = |cancel: &CancelHandle| Self { model, cancel: cancel.clone(), pictures, parallel, fixed, held: None };
        (cancels.iter().map(own).collect(), cancels)
    }

    /// What the session has run together with others, if it is beside some.
    pub fn passes(&self) -> Option<Passes> {
        self.held.as_ref().and_then(|(_, session)| session.passes())
    }

    /// The session of a request that alone would get one of these options. With `longer` room for more positions changes
    /// nothing for it, unless it is a search, whose beams then lie elsewhere in the cache.
    pub fn get(&mut self, mut options: SessionOptions, longer: bool) -> Result<&mut Session, Failure> {
        options.image_cache = options.image_cache.or(self.pictures);
        if self.parallel > 1 {
            // Where memory is limited, too: sessions of their own sizes would not be side by side, and need more together.
            options.parallel = self.parallel;
            options = common(&options, self.fixed);
        } else if longer && options.beams <= 1 && options.context > POSITIONS {
            let context = options.context.next_multiple_of(POSITIONS);
            let more = SessionOptions { context, ..options.clone() };
            if self.fits(&more)? {
                options = more;
            }
        }
        let session = match self.held.take() {
            Some((same, session)) if same == options => session,
            other => {
                let mut before = other.map(|(_, before)| before);
                let mut session = loop {
                    match self.model.session(&options) {
                        // What others have is in the way, who give it back for another request or at the end.
                        Err(Error::OverBudget { .. }) if self.parallel > 1 && self.fits(&options)? => {
                            before = None;
                            thread::sleep(AGAIN);
                        }
                        session => break session?,
                    }
                };
                session.cancel_by(self.cancel.clone());
                session.keep_whole_batches();
                if let Some(before) = before {
                    session.know_pictures_of(&before);
                }
                session
            }
        };
        Ok(&mut self.held.insert((options, session)).1)
    }

    /// Whether sessions with these options have room in the budget by themselves.
    fn fits(&self, options: &SessionOptions) -> Result<bool, Failure> {
        Ok(options.budget == 0 || self.model.plan(options)?.total() <= options.budget)
    }
}

/// Options that most requests of a batch have in common: sessions that are side by side have the very same.
fn common(options: &SessionOptions, fixed: bool) -> SessionOptions {
    let longer = || options.context.next_power_of_two().max(4 * POSITIONS);
    SessionOptions {
        context: if fixed { options.context } else { longer() },
        beams: options.beams.next_power_of_two(),
        new_tokens: if options.beams > 1 { options.new_tokens.next_power_of_two().max(64) } else { 0 },
        images: options.images.next_power_of_two(),
        ..options.clone()
    }
}
