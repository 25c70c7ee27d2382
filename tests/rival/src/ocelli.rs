//! Ocelli as its users have it: engine, model, session, by the public interface.

use crate::Result;
use crate::bench::Contender;
use crate::files::parse;
use ocelli_engine::{Engine, Load, Session, SessionOptions, Tokens, join_pair, limit_image_rows};
use std::path::Path;

/// A session with room for `positions`.
pub fn session(path: &Path, positions: usize, threads: usize) -> Result<Session> {
    let model = Engine::new(threads)?.open(path, Load::Map)?;
    Ok(model.session(&SessionOptions { context: positions, ..SessionOptions::default() })?)
}

/// The same of a pair of llama.cpp's.
pub fn sees(path: &Path, mmproj: &Path, max_rows: u32, positions: usize, threads: usize) -> Result<Session> {
    let mut pair = join_pair(parse(path)?, parse(mmproj)?, ["the language model", "the mmproj"])?;
    if max_rows > 0 {
        pair = limit_image_rows(pair, max_rows)?;
    }
    let model = Engine::new(threads)?.open_file(pair)?;
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
