//! Ocelli as its users have it: engine, model, session, by the public interface.

use crate::Result;
use crate::bench::Contender;
use ocelli_engine::{Engine, Load, Session, SessionOptions, Tokens};
use std::path::Path;

/// A session with room for `positions`.
pub fn session(path: &Path, positions: usize, threads: usize) -> Result<Session> {
    let model = Engine::new(threads)?.open(path, Load::Map)?;
    Ok(model.session(&SessionOptions { context: positions, ..SessionOptions::default() })?)
}

impl Contender for Tokens<'_> {
    fn clear(&mut self) {
        self.clear();
    }

    fn feed(&mut self, ids: &[u32]) -> Result<&[f32]> {
        Ok(self.feed(ids)?)
    }
}
