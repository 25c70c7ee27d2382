//! From a name to files in the cache: the list of what the repository has, the choice, and one file after the other.
//!
//! Small files come first and a reference is written last, so that a snapshot whose weights are whole is whole.

use super::Wanted;
use super::cache::{Cache, has, is_plain};
use super::choice::{self, Weights};
use super::client::{Client, Subject, text};
use super::listing::{Entry, Listing, encoded, shards};
use super::name::Name;
use super::transfer::{self, writing};
use crate::failure::Failure;
use crate::output::{Notes, counted, size};
use crate::watch::Watch;
use ocelli_convert::Progress;
use serde::Deserialize;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// What a snapshot is asked for.
enum Place {
    /// All of it.
    Folder,
    /// One file.
    File(String),
}

/// One commit of a repository that is being fetched.
struct Repository<'a> {
    client: &'a Client,
    cache: &'a Cache,
    name: &'a Name,
    listing: Listing,
    quiet: bool,
}

/// Fetches what of a repository is wanted and is not here yet; where it then is.
pub fn fetch(client: &Client, cache: &Cache, name: &Name, wanted: Wanted, quiet: bool) -> Result<PathBuf, Failure> {
    let listing = list(client, name)?;
    let repository = Repository { client, cache, name, listing, quiet };
    let (place, files) = repository.choose(wanted)?;
    repository.all(&files)?;
    let Listing { commit, .. } = &repository.listing;
    let referred = cache.refer(&name.repo, name.revision(), commit);
    referred
        .map_err(|error| Failure::new("hub-cache", format!("cannot write a reference of {}: {error}", name.repo)))?;
    let snapshot = cache.commit(&name.repo, commit);
    Ok(match place {
        Place::Folder => snapshot,
        Place::File(path) => snapshot.join(path),
    })
}

/// What the repository has at that revision.
fn list(client: &Client, name: &Name) -> Result<Listing, Failure> {
    let (repo, revision) = (name.repo.as_str(), name.revision());
    let endpoint = &client.settings.endpoint;
    let base = format!("{endpoint}/api/models/{repo}");
    let subject = Subject { repo, revision, file: None };
    let url = format!("{base}/revision/{}?blobs=true", encoded(revision, ""));
    client.json(&url, &subject).map_err(|failure| match &failure {
        Failure::Error { code, .. } if code == "hub-revision" => {
            let names = revisions(client, &format!("{base}/refs"), &subject);
            let close = choice::near(revision, names.iter().map(String::as_str));
            let shown: Vec<&str> =
                if close.is_empty() { names.iter().take(8).map(String::as_str).collect() } else { close };
            if shown.is_empty() { failure } else { failure.with_hint(format!("it has {}", shown.join(", "))) }
        }
        Failure::Error { code, .. } if code == "hub-repository" => {
            let short = repo.rsplit('/').next().unwrap_or(repo);
            let url = format!("{endpoint}/api/models?search={}&limit=20", encoded(short, ""));
            let found: Vec<Named> = client.once(&url, &subject).unwrap_or_default();
            let close = choice::near(repo, found.iter().map(|found| found.name.as_str()));
            if close.is_empty() { failure } else { failure.with_hint(format!("did you mean {}?", close.join(", "))) }
        }
        _ => failure,
    })
}

/// Something that has a name.
#[derive(Deserialize)]
struct Named {
    #[serde(alias = "id")]
    name: String,
}

/// The branches and tags of a repository, where the hub tells.
fn revisions(client: &Client, url: &str, subject: &Subject<'_>) -> Vec<String> {
    #[derive(Deserialize, Default)]
    struct Refs {
        #[serde(default)]
        branches: Vec<Named>,
        #[serde(default)]
        tags: Vec<Named>,
    }
    let refs: Refs = client.once(url, subject).unwrap_or_default();
    refs.branches.into_iter().chain(refs.tags).map(|named| named.name).collect()
}

impl Repository<'_> {
    /// The files that are wanted, and where to look for what they are.
    fn choose(&self, wanted: Wanted) -> Result<(Place, Vec<Entry>), Failure> {
        let (repo, files) = (self.name.repo.as_str(), self.listing.files.as_slice());
        let first = |found: Vec<Entry>| (Place::File(found[0].path.clone()), found);
        if let Some(path) = &self.name.file {
            return choice::file(repo, files, path).map(first);
        }
        let gguf = match wanted {
            Wanted::Model => true,
            // Whatever there is: weights to convert before models to run, but for a type.
            Wanted::Any => self.name.ty.is_some() || choice::weights(files).is_none(),
            Wanted::Checkpoint | Wanted::Tokenizer => false,
            Wanted::File => {
                let what = format!("{} is a repository, and a file is wanted", self.name);
                return Err(Failure::new("hub-file", what).with_hint(format!("name it as {}/FILE", self.name.repo)));
            }
        };
        if gguf {
            let chosen = choice::model(repo, files, self.name.ty.as_deref())?;
            for (file, is) in choice::apart(files) {
                let notes = Notes::new(self.quiet);
                notes.line(format_args!("note: {} of {repo} is not fetched: {is}", file.path));
            }
            return Ok(first(chosen));
        }
        if let Some(ty) = &self.name.ty {
            let what = format!("{} names a model of type {ty}, and a checkpoint is wanted", self.name);
            return Err(Failure::usage("hub-name", what));
        }
        if wanted == Wanted::Tokenizer {
            let files = choice::tokenizer(files);
            return if choice::has_tokenizer(&files) {
                Ok((Place::Folder, files))
            } else {
                Err(Failure::new("hub-file", format!("{repo} has no tokenizer that is known")))
            };
        }
        Ok((Place::Folder, self.checkpoint()?))
    }

    /// The files of a checkpoint. A table of weights is fetched on the way, since it says which.
    fn checkpoint(&self) -> Result<Vec<Entry>, Failure> {
        let (repo, files) = (&self.name.repo, self.listing.files.as_slice());
        let mut chosen = choice::settings(files);
        let find = |path: &str| {
            let missing =
                || Failure::new("hub-file", format!("{repo} has no {path}, which its table of weights names"));
            choice::find(files, path).cloned().ok_or_else(missing)
        };
        match choice::weights(files) {
            Some(_) if choice::find(files, "config.json").is_none() => {
                Err(Failure::new("hub-file", format!("{repo} has weights, but no config.json that says of what")))
            }
            Some(Weights::Single(path)) => {
                chosen.push(find(&path)?);
                Ok(chosen)
            }
            Some(Weights::Table(path)) => {
                let table = find(&path)?;
                self.all(std::slice::from_ref(&table))?;
                let snapshot = self.cache.commit(repo, &self.listing.commit);
                let shards = shards(&snapshot.join(&path)).map_err(|error| Failure::new("json", error))?;
                chosen.push(table);
                shards.iter().try_for_each(|shard| find(shard).map(|entry| chosen.push(entry)))?;
                Ok(chosen)
            }
            None => {
                let failure = Failure::new("hub-file", format!("{repo} has no weights that can be converted"));
                Err(if choice::models(files).is_empty() {
                    failure.with_hint(
                        "they are model.safetensors or pytorch_model.bin, or shards of these with their table",
                    )
                } else {
                    failure.with_hint(format!("it has GGUF models, which need no conversion: 'ocelli run -m {repo}'"))
                })
            }
        }
    }

    /// Fetches files that are not here, and puts all of them into the snapshot.
    fn all(&self, files: &[Entry]) -> Result<(), Failure> {
        let (repo, commit) = (self.name.repo.as_str(), self.listing.commit.as_str());
        let snapshot = self.cache.commit(repo, commit);
        let mut missing = Vec::new();
        for file in files {
            if has(&snapshot.join(file.safe_path()?), file.size) {
                continue;
            }
            let file = self.described(file)?;
            let blob = self.cache.blob(repo, file.etag.as_deref().unwrap_or_default());
            if has(&blob, file.size) {
                // Another commit has it as well.
                self.link(&blob, &file)?;
            } else {
                missing.push(file);
            }
        }
        let total: u64 = missing.iter().filter_map(|file| file.size).fold(0, u64::saturating_add);
        if missing.is_empty() {
            return Ok(());
        }
        let notes = Notes::new(self.quiet);
        let unknown = if missing.iter().all(|file| file.size.is_some()) { "" } else { " or more" };
        let what = match &missing[..] {
            [file] => file.path.clone(),
            files => counted(files.len(), "file"),
        };
        let (endpoint, cache) = (&self.client.settings.endpoint, self.cache.root.display());
        notes.line(format_args!("fetching {what} of {repo}, {}{unknown}, from {endpoint} to {cache}", size(total)));
        for file in missing.iter().filter(|file| !is_hash(file.etag.as_deref())) {
            notes.line(format_args!("note: the hub gives no hash of {}; only its length is compared", file.path));
        }
        let watch = Watch::of(Notes::new(self.quiet), self.client.interrupt.clone(), "fetched");
        watch.start(total);
        let done = missing.iter().try_for_each(|file| self.one(file, &snapshot, &watch));
        watch.clear();
        if matches!(done, Err(Failure::Interrupted)) {
            notes.line(format_args!("what was fetched is kept: the same command goes on"));
        }
        done
    }

    /// A file with length and etag. Where the list lacks them, the file's own headers have them.
    fn described(&self, file: &Entry) -> Result<Entry, Failure> {
        if file.etag.is_some() && file.size.is_some() {
            return Ok(file.clone());
        }
        let subject = self.subject(file);
        let reply = self.client.persist(|_| self.client.request("HEAD", &self.url(file), None, &subject))?;
        let own = |name: &str| text(&reply.own, name);
        let etag =
            own("x-linked-etag").or_else(|| own("etag")).map(|etag| etag.trim_start_matches("W/").trim_matches('"'));
        let Some(etag) = etag.filter(|etag| is_plain(etag)) else {
            let what = format!("{} of {} has no etag by which it can be kept", file.path, self.name.repo);
            return Err(Failure::new("hub-answer", what).with_hint("does HF_ENDPOINT name a hub?"));
        };
        let redirected = !(200..300).contains(&reply.status);
        let length = own("x-linked-size").or_else(|| own("content-length").filter(|_| !redirected));
        let size = file.size.or_else(|| length?.parse().ok());
        Ok(Entry { path: file.path.clone(), size, etag: Some(etag.to_owned()) })
    }

    fn subject<'s>(&'s self, file: &'s Entry) -> Subject<'s> {
        Subject { repo: &self.name.repo, revision: self.name.revision(), file: Some(&file.path) }
    }

    fn url(&self, file: &Entry) -> String {
        let (endpoint, repo, commit) = (&self.client.settings.endpoint, &self.name.repo, &self.listing.commit);
        format!("{endpoint}/{repo}/resolve/{commit}/{}", encoded(&file.path, "/"))
    }

    /// Fetches one file, unless somebody else just did.
    fn one(&self, file: &Entry, snapshot: &Path, watch: &Watch) -> Result<(), Failure> {
        let etag = file.etag.as_deref().unwrap_or_default();
        let (repo, url) = (&self.name.repo, self.url(file));
        let wanted = transfer::Wanted { subject: self.subject(file), url: &url, size: file.size, etag };
        let blob = self.cache.blob(repo, etag);
        let lock = self.cache.lock(repo, etag);
        for path in [&blob, &lock] {
            let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
            folder.map_err(|error| writing(path, &wanted, 0, &error))?;
        }
        let lock = File::options().write(true).create(true).truncate(false).open(&lock);
        let _lock = self.locked(lock.map_err(|error| writing(&blob, &wanted, 0, &error))?, &file.path)?;
        let advance = |bytes: i64| watch.moved(bytes, &file.path);
        if has(&snapshot.join(&file.path), file.size) {
            advance(i64::try_from(file.size.unwrap_or_default()).unwrap_or_default());
            return Ok(());
        }
        if has(&blob, file.size) {
            advance(i64::try_from(file.size.unwrap_or_default()).unwrap_or_default());
        } else {
            transfer::fetch(self.client, &wanted, &blob, &advance)?;
        }
        self.link(&blob, file)
    }

    /// Puts a blob into the snapshot.
    fn link(&self, blob: &Path, file: &Entry) -> Result<(), Failure> {
        let snapshot = self.cache.commit(&self.name.repo, &self.listing.commit);
        Cache::link(blob, &snapshot, &file.path).map_err(|error| {
            let to = snapshot.join(&file.path);
            Failure::new("hub-cache", format!("cannot link {} to {}: {error}", to.display(), blob.display()))
        })
    }

    /// Waits until nobody else writes that blob. The lock ends with the file that is returned.
    fn locked(&self, lock: File, path: &str) -> Result<File, Failure> {
        let notes = Notes::new(self.quiet);
        let mut said = false;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(_)) => {
                    notes.line(format_args!(
                        "note: the cache's file system has no locks: no two may fetch {path} at once"
                    ));
                    return Ok(lock);
                }
            }
            if !said {
                notes.line(format_args!("{path} is being fetched by another program; waiting for it"));
                said = true;
            }
            self.client.check()?;
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Whether an etag is a hash that is compared.
fn is_hash(etag: Option<&str>) -> bool {
    etag.is_some_and(|etag| matches!(etag.len(), 40 | 64) && etag.chars().all(|c| c.is_ascii_hexdigit()))
}
