//! What is told of a call while there is no text yet: how far pictures and prompt are.

use crate::structs::{OCELLI_STAGE_ENCODE, OCELLI_STAGE_PREFILL, ocelli_stage_fn};
use ocelli_engine::Event;
use std::ffi::c_void;
use std::ops::ControlFlow;

/// The caller's function, of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub call: ocelli_stage_fn,
    pub user: *mut c_void,
}

#[allow(unsafe_code)] // a pointer that is handed back to where it came from
// SAFETY: the pointer is only given to the caller's function, by the thread whose call runs.
unsafe impl Send for Stage {}

/// Of one call.
pub(crate) struct Telling {
    stage: Stage,
    /// The picture that is encoded, of how many; `None` once the prompt is read.
    picture: Option<(usize, usize)>,
}

impl Stage {
    pub fn telling(self) -> Telling {
        Telling { stage: self, picture: None }
    }
}

impl Telling {
    /// Tells of an event, unless it is text.
    pub fn hear(&mut self, event: Event<'_>) -> ControlFlow<()> {
        let (stage, done, total) = match event {
            Event::Image { index, count } => {
                self.picture = Some((index, count));
                return ControlFlow::Continue(());
            }
            Event::Prefill { positions } => {
                self.picture = None;
                (OCELLI_STAGE_PREFILL, 0, positions)
            }
            Event::Within { done, total } => match self.picture {
                Some((index, count)) => (OCELLI_STAGE_ENCODE, index * total + done, count * total),
                None => (OCELLI_STAGE_PREFILL, done, total),
            },
            Event::Piece(_) => return ControlFlow::Continue(()),
        };
        let Stage { call: Some(call), user } = self.stage else { return ControlFlow::Continue(()) };
        #[allow(unsafe_code)] // calls the caller's function
        // SAFETY: the header asks for a function that may be called so while a call computes on the session.
        let told = unsafe { call(stage, done as u64, total as u64, user) };
        if told == 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}
