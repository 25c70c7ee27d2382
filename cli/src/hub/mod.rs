//! Models of a hub: `owner/name` wherever a file or a directory is, and the cache that they are kept in.
//!
//! [`locate`] is asked wherever a path is resolved. What is there as a path is that path; what cannot be a hub's name is a
//! path that is not there; what the cache holds is used as it is, without the network; the rest is fetched.
//!
//! The non-obvious thing: without the feature `hub` the cache is read all the same, so that what another program fetched
//! can be used; only fetching is not there.

pub mod cache;
// Some choices are made of a hub's list only.
#[cfg_attr(not(feature = "hub"), allow(dead_code))]
pub mod choice;
#[cfg(feature = "hub")]
mod client;
#[cfg(feature = "hub")]
mod fetch;
pub mod listing;
pub mod name;
#[cfg_attr(not(feature = "hub"), allow(dead_code))]
pub mod settings;
#[cfg(feature = "hub")]
mod transfer;

use crate::failure::Failure;
use cache::Cache;
use choice::Weights;
use name::Name;
use settings::Settings;
use std::path::{Path, PathBuf};

/// What a name is to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A GGUF file.
    Model,
    /// A directory that can be converted.
    Checkpoint,
    /// A directory with a tokenizer's files.
    Tokenizer,
    /// One file, by its name.
    File,
    /// Whatever the repository has: a checkpoint, or else a GGUF file.
    #[cfg_attr(not(feature = "hub"), allow(dead_code))]
    Any,
}

/// The path that an argument means: itself where it is one, else that of a hub's model, which is fetched if it has to be;
/// `quiet` is without a word about that.
pub fn locate(path: &Path, wanted: Wanted, quiet: bool) -> Result<PathBuf, Failure> {
    let as_it_is = || Ok(path.to_owned());
    let Some(text) = path.to_str().filter(|_| path.symlink_metadata().is_err()) else { return as_it_is() };
    let settings = Settings::from_env()?;
    let Ok(name) = Name::parse(text, &settings.endpoint) else { return as_it_is() };
    let cache = Cache { root: settings.cache.clone() };
    if let Some(found) = cached(&cache, &name, wanted) {
        return Ok(found);
    }
    // Below a folder that is here, a name is a path that was mistyped.
    if !name.explicit && path.components().next().is_some_and(|first| Path::new(&first).is_dir()) {
        return as_it_is();
    }
    fetched(&name, wanted, settings, quiet).map_err(|failure| match failure {
        Failure::Error { code, message, hint, exit } => {
            let message =
                format!("{text} is no file or directory here, and not in {}: {message}", cache.root.display());
            Failure::Error { code, message, hint, exit }
        }
        other => other,
    })
}

/// Fetches what is not in the cache yet, by the hub's newest commit of the revision.
#[cfg(feature = "hub")]
pub fn fetched(name: &Name, wanted: Wanted, settings: Settings, quiet: bool) -> Result<PathBuf, Failure> {
    if settings.offline {
        let cache = Cache { root: settings.cache.clone() };
        if let Some(found) = cached(&cache, name, wanted) {
            return Ok(found);
        }
        let what = format!("{name} is to be fetched from {}, and HF_HUB_OFFLINE is set", settings.endpoint);
        return Err(Failure::new("hub-offline", what)
            .with_hint("unset HF_HUB_OFFLINE, or fetch it elsewhere and copy the cache"));
    }
    let cache = Cache { root: settings.cache.clone() };
    let interrupt = crate::interrupt::Interrupt::current()?;
    interrupt.clone().while_fetching(|| {
        let client = client::Client::new(settings, interrupt.clone(), quiet)?;
        fetch::fetch(&client, &cache, name, wanted, quiet)
    })
}

/// There is nothing to fetch with.
#[cfg(not(feature = "hub"))]
pub fn fetched(name: &Name, _: Wanted, settings: Settings, _: bool) -> Result<PathBuf, Failure> {
    let what = format!("{name} would come from {}, and this build has no hub", settings.endpoint);
    Err(Failure::new("no-hub", what).with_hint("build it with the feature 'hub', which is on by default"))
}

/// What the cache has under a name, if it is all that is wanted.
pub fn cached(cache: &Cache, name: &Name, wanted: Wanted) -> Option<PathBuf> {
    let snapshot = cache.snapshot(&name.repo, name.revision())?;
    let files = listing::local(&snapshot);
    if let Some(path) = &name.file {
        let here = cache::has(&snapshot.join(path), None) && choice::is_whole(&files, path);
        return here.then(|| snapshot.join(path));
    }
    match wanted {
        Wanted::Any => {
            let checkpoint = cached(cache, name, Wanted::Checkpoint);
            checkpoint.or_else(|| cached(cache, name, Wanted::Model))
        }
        Wanted::Model => {
            let chosen = choice::model(&name.repo, &files, name.ty.as_deref()).ok()?;
            Some(snapshot.join(&chosen.first()?.path))
        }
        // What loads a model alone leaves its tokenizer out.
        Wanted::Checkpoint if name.ty.is_none() && choice::has_tokenizer(&files) => {
            is_checkpoint(&snapshot).then_some(snapshot)
        }
        Wanted::Tokenizer => choice::has_tokenizer(&files).then_some(snapshot),
        Wanted::Checkpoint | Wanted::File => None,
    }
}

/// Whether a folder has all that a conversion needs, as far as its files' names say.
pub fn is_checkpoint(folder: &Path) -> bool {
    let files = listing::local(folder);
    let has = |path: &str| choice::find(&files, path).is_some();
    let whole = match choice::weights(&files) {
        Some(Weights::Single(_)) => true,
        Some(Weights::Table(table)) => {
            listing::shards(&folder.join(table)).is_ok_and(|shards| shards.iter().all(|path| has(path)))
        }
        None => false,
    };
    whole && has("config.json")
}
