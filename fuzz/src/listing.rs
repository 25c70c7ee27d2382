//! A hub's answers: a line with a name as it is typed, then the list of a repository's files, and, behind a NUL, a
//! checkpoint's table of shards.
//!
//! Whatever a list says, what is chosen of it are files of the list, and their paths stay in the folder that they are put into.

use ocelli_cli::readers::choice::{self, Weights};
use ocelli_cli::readers::{Listing, Name, shards_in};
use std::path::{Component, Path};

/// The hub of the names.
const ENDPOINT: &str = "https://hub.example";

/// The target.
pub fn listing(bytes: &[u8]) {
    let (name, rest) =
        bytes.iter().position(|&b| b == b'\n').map_or((&[][..], bytes), |at| (&bytes[..at], &bytes[at + 1..]));
    let name = std::str::from_utf8(name).ok().and_then(|text| Name::parse_explicit(text, ENDPOINT).ok());
    if let Some(name) = &name {
        inside(&name.repo);
        inside(&format!("models--{}/snapshots/{}", name.repo.replace('/', "--"), name.revision()));
        name.file.iter().for_each(|file| inside(file));
        let (shown, plain) = (name.to_string(), Name { explicit: true, ..name.clone() });
        let again = Name::parse_explicit(&shown, ENDPOINT).map(|again| Name { explicit: true, ..again });
        assert_eq!(again, Ok(plain), "{shown}");
    }
    let (list, table) = rest.iter().position(|&b| b == 0).map_or((rest, &[][..]), |at| (&rest[..at], &rest[at + 1..]));
    let shards = shards_in(table).unwrap_or_default();
    let Ok(listing) = serde_json::from_slice::<Listing>(list) else { return };
    let files = &listing.files;
    inside(&listing.commit);
    for file in files {
        if let Ok(path) = file.safe_path() {
            inside(path);
        }
        file.etag.iter().for_each(|etag| assert!(matches!(etag.len(), 40 | 64), "{etag}"));
    }
    let known = |path: &str| assert!(choice::find(files, path).is_some(), "{path}");
    for file in choice::settings(files).iter().chain(&choice::tokenizer(files)) {
        known(&file.path);
    }
    match choice::weights(files) {
        Some(Weights::Single(path) | Weights::Table(path)) => known(&path),
        None => {}
    }
    shards.iter().for_each(|shard| _ = choice::find(files, shard));
    let models = choice::models(files);
    models.iter().filter(|model| model.is_whole()).for_each(|model| known(&model.first().path));
    let ty = name.as_ref().and_then(|name| name.ty.as_deref());
    for chosen in [choice::model("o/n", files, ty), choice::model("o/n", files, None)] {
        match chosen {
            Ok(chosen) => chosen.iter().for_each(|file| known(&file.path)),
            Err(failure) => assert!(failure.message().len() < 4000 + list.len()),
        }
    }
    if let Some(path) = name.as_ref().and_then(|name| name.file.as_deref()) {
        let _ = choice::file("o/n", files, path);
        let _ = choice::is_whole(files, path);
    }
}

/// Checks that a path leads to no other place than below where it is put.
fn inside(path: &str) {
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    assert!(plain && !path.is_empty() && !path.contains('\0'), "{path:?}");
}
