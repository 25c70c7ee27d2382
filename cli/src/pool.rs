//! Pictures of demonstrations by what the tower makes of them, to find those most like a query's (RICES, Yang et al. 2022).
//!
//! One picture after the other is read and forgotten: there may be thousands. Features that are known from before are not
//! made again; those that are made are kept now and then, so that an interrupted run has not encoded for nothing.

use crate::failure::Failure;
use crate::features::Features;
use crate::output::{Notes, counted, time};
use crate::picture_args;
use crate::progress::Count;
use crate::read::{decoded, read_bytes};
use ocelli_engine::image::{DecodeOptions, Picture, bytes_hash, content_hash};
use ocelli_engine::{Model, Session, SessionOptions, most_similar};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long features are made before they are kept.
const UNKEPT: Duration = Duration::from_secs(30);

/// Pictures to choose from.
pub struct Pool {
    session: Session,
    /// A picture's each.
    features: Vec<Vec<f32>>,
    /// The last query: questions about one picture often follow one another.
    last: Option<(u128, Vec<f32>)>,
}

impl Pool {
    /// Of the pictures of all demonstrations in the file `path`, each with the line that names it.
    pub fn new(model: &Model, path: &Path, pictures: &[(&Path, usize)], notes: &Notes) -> Result<Self, Failure> {
        let mut session = model.session(&SessionOptions { context: 1, images: 1, ..SessionOptions::default() })?;
        let (name, limits) = (path.display().to_string(), model.image_limits());
        // Versions may decode otherwise and instruction sets round otherwise, and between pictures that are nearly as
        // similar the last bit decides.
        let version = env!("CARGO_PKG_VERSION");
        let read = picture_args::options();
        let read = if read == DecodeOptions::default() { String::new() } else { format!(" {read:?}") };
        let made_by = format!("{version} {:032x} {}{read}", model.encoder_identity(), model.device().isa);
        let mut known = Features::of(path, notes);
        let progress = Count::new(notes, "pictures", 0, pictures.len());
        let (mut features, mut made, mut kept) = (Vec::new(), 0, Instant::now());
        for (done, &(image, line)) in pictures.iter().enumerate() {
            let in_line = |failure: Failure| failure.in_line(&name, line);
            let bytes = read_bytes("image", image, &limits).map_err(in_line)?;
            let key = bytes_hash(format!("{made_by} {:032x}", bytes_hash(&bytes)).as_bytes());
            let numbers = match known.get(key) {
                Some(numbers) => numbers.to_vec(),
                None => {
                    progress.at(done, "compared by their features");
                    let picture = decoded(image, &bytes, &limits).map_err(in_line)?;
                    let numbers = session.image_features(&picture).map_err(|e| in_line(e.into()))?;
                    known.insert(key, numbers.clone());
                    made += 1;
                    numbers
                }
            };
            features.push(numbers);
            if made > 0 && kept.elapsed() > UNKEPT {
                kept = Instant::now();
                // What went wrong is said at the end.
                let _ = known.save();
            }
        }
        notes.clear();
        if made > 0 {
            let made = format!("features of {} made in {}", counted(made, "picture"), time(progress.took()));
            match known.save() {
                Ok(kept) => notes.line(format_args!("{made}, kept in {}", kept.display())),
                Err(failure) => notes.line(format_args!("{made}, kept nowhere: {}", failure.message())),
            }
        }
        Ok(Self { session, features, last: None })
    }

    /// The places of the `count` pictures most like one, the most similar last.
    pub fn similar(&mut self, picture: &Picture, count: usize) -> Result<Vec<usize>, Failure> {
        let hash = content_hash(picture);
        let wanted = match self.last.take() {
            Some((last, wanted)) if last == hash => wanted,
            _ => self.session.image_features(picture)?,
        };
        let places = most_similar(&wanted, &self.features, count);
        self.last = Some((hash, wanted));
        Ok(places)
    }
}
