//! Hub names where paths are, the cache that other programs share, and `ocelli models`.

use super::server::{COMMIT, Hub, Repositories, Stored};
use super::{Home, repositories};
use crate::process::{bundled, finish, picture};
use ocelli_quant::gguf::Gguf;
use ocelli_tests::golden::Golden;
use ocelli_tests::split;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A checkpoint that converts, and the bundled model as a repository of GGUF files.
fn models() -> Repositories {
    let dir = tempfile::tempdir().unwrap();
    Golden::load("default").unwrap().write(dir.path()).unwrap();
    let mut checkpoint = BTreeMap::new();
    for entry in fs::read_dir(dir.path()).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let large = !name.ends_with(".json") && !name.ends_with(".txt");
        checkpoint.insert(name, Stored { bytes: fs::read(entry.path()).unwrap(), large });
    }
    let gguf = |name: &str| (name.to_owned(), Stored { bytes: bundled(), large: true });
    let mut models: BTreeMap<_, _> = [gguf("tiny-Q8_0.gguf"), gguf("tiny-F16.gguf")].into();
    let parts = split::split(&Gguf::parse(Arc::new(bundled())).unwrap(), 2, false);
    let count = parts.len();
    for (number, bytes) in parts.into_iter().enumerate() {
        models.insert(split::name("BF16/tiny-BF16", number + 1, count), Stored { bytes, large: true });
    }
    [("o/blip2".to_owned(), checkpoint), ("o/tiny-GGUF".to_owned(), models)].into()
}

#[test]
fn from_a_name_to_an_answer() {
    let (home, hub) = (Home::new(), Hub::of(models()));
    let pulled = home.run(&hub, &["pull", "o/blip2"]).ok();
    let out = home.0.path().join("out.gguf");
    let out = out.to_str().unwrap();
    let asked = hub.log().len();
    let said = home.run(&hub, &["convert", "o/blip2", "-o", out, "--type", "f16"]).ok();
    assert!(said.contains("out.gguf"), "{said}");
    assert_eq!(hub.log().len(), asked, "the cache is used without a question");
    // The same file as of the folder itself.
    let other = home.0.path().join("other.gguf");
    home.run(&hub, &["convert", pulled.trim_end(), "-o", other.to_str().unwrap(), "--type", "f16"]).ok();
    assert!(fs::read(out).unwrap() == fs::read(other).unwrap());
    let picture = picture("blue_circle.png");
    home.run(&hub, &["run", "-m", out, "-i", &picture, "-p", "a", "-n", "4"]).ok();
    // What cannot be written is said before anything is fetched.
    let (other, hub) = (Home::new(), Hub::of(models()));
    for args in [&["convert", "o/blip2", "-o"][..], &["quantize", "o/tiny-GGUF:Q8_0"]] {
        other.run(&hub, &[args, &[out, "--no-clobber"]].concat()).failed(1, "output-exists");
        other.run(&hub, &[args, &["/nowhere/out.gguf"]].concat()).failed(1, "output-directory");
    }
    assert!(hub.log().is_empty());
    // Without having pulled first.
    let (home, hub) = (Home::new(), Hub::of(models()));
    let quiet = ["convert", "o/blip2:v1.0", "-o", out, "--tokenizer", "o/blip2:v1.0", "--quiet"];
    assert_eq!(home.run(&hub, &quiet).err, "", "fetching is quiet, too");
    assert!(home.repository("o/blip2").join("refs/v1.0").is_file());
}

#[test]
fn a_name_is_taken_wherever_a_model_is() {
    let (home, hub) = (Home::new(), Hub::of(models()));
    let picture = picture("blue_circle.png");
    let question = crate::process::COLOUR;
    let name = "o/tiny-GGUF:Q8_0";
    let answer = home.run(&hub, &["run", "-m", name, "-i", &picture, "-p", question]);
    assert!(answer.err.contains("fetching tiny-Q8_0.gguf of o/tiny-GGUF"), "{answer:?}");
    assert_eq!(answer.ok(), "blue\n");
    let asked = hub.log().len();
    home.run(&hub, &["inspect", name]).ok();
    home.run(&hub, &["inspect", "o/tiny-GGUF"]).ok();
    home.run(&hub, &["inspect", "o/tiny-GGUF/tiny-Q8_0.gguf"]).ok();
    home.run(&hub, &["tokenize", "-m", name, "a"]).ok();
    let out = home.0.path().join("q4.gguf");
    home.run(&hub, &["quantize", name, out.to_str().unwrap(), "--type", "q4_0"]).ok();
    // A network that is not there, or not to be used, is not missed.
    finish(&mut home.command("http://127.0.0.1:9", &["inspect", name]), "").ok();
    finish(home.command("http://127.0.0.1:9", &["inspect", name]).env("HF_HUB_OFFLINE", "1"), "").ok();
    assert_eq!(hub.log().len(), asked, "it is in the cache");
    home.run(&hub, &["inspect", "hf:o/tiny-GGUF:F16"]).ok();
    // A model in several files is opened by its first, among links.
    let split = home.run(&hub, &["inspect", "o/tiny-GGUF:BF16", "--json"]).json();
    assert!(split["files"].as_u64() > Some(1), "{split}");
    let asked = hub.log().len();
    home.run(&hub, &["quantize", "o/tiny-GGUF:BF16", out.to_str().unwrap(), "--type", "q4_0"]).ok();
    assert_eq!(hub.log().len(), asked);
    home.has(&hub, "o/tiny-GGUF", "tiny-F16.gguf");
}

#[test]
fn a_path_that_is_there_wins_and_one_that_cannot_be_a_name_stays_a_path() {
    let (home, hub) = (Home::new(), Hub::of(models()));
    let dir = home.0.path();
    fs::create_dir_all(dir.join("o")).unwrap();
    fs::write(dir.join("o/tiny-GGUF"), bundled()).unwrap();
    let run = |args: &[&str]| finish(home.command(&hub.endpoint, args).current_dir(dir), "");
    assert!(run(&["inspect", "o/tiny-GGUF"]).ok().contains("blip2"));
    for path in ["nowhere.gguf", "./o/blip2", "o/nowhere", "../o/blip2", "/o/blip2", "models/nowhere.gguf", "o/a b"] {
        let err = run(&["inspect", path]).failed(1, "open");
        assert!(err.contains(path), "{err}");
    }
    run(&["convert", "o/nowhere", "-o", "x.gguf"]).failed(1, "source-not-a-directory");
    assert!(hub.log().is_empty());
    // Names of what the hub has not, and of what is not wanted here.
    let err = run(&["inspect", "p/blip2"]).failed(1, "hub-repository");
    assert!(err.contains("p/blip2 is no file or directory here") && err.contains("did you mean o/blip2"), "{err}");
    let err = run(&["convert", "hf:o/tiny-GGUF", "-o", "x.gguf"]).failed(1, "hub-file");
    assert!(err.contains("GGUF models, which need no conversion"), "{err}");
    run(&["convert", "hf:o/tiny-GGUF:Q8_0", "-o", "x.gguf"]).failed(2, "hub-name");
}

/// The cache as huggingface_hub 0.36 leaves it behind `snapshot_download`: links to blobs, a reference without a line's
/// end, locks of its own, a note of files that are not there.
#[test]
fn what_another_program_fetched_is_found() {
    let (home, hub) = (Home::new(), Hub::of(models()));
    let (folder, snapshot) = (home.repository("o/blip2"), home.snapshot("o/blip2"));
    for folder in [&folder.join("blobs"), &folder.join("refs"), &snapshot, &folder.join(".no_exist").join(COMMIT)] {
        fs::create_dir_all(folder).unwrap();
    }
    for (name, file) in &hub.repositories["o/blip2"] {
        fs::write(folder.join("blobs").join(file.etag()), &file.bytes).unwrap();
        link(&Path::new("../../blobs").join(file.etag()), &snapshot.join(name));
    }
    fs::write(folder.join("refs/main"), COMMIT).unwrap();
    fs::write(folder.join(".no_exist").join(COMMIT).join("chat_template.jinja"), "").unwrap();
    let out = home.0.path().join("out.gguf");
    home.run(&hub, &["convert", "o/blip2", "-o", out.to_str().unwrap()]).ok();
    assert!(hub.log().is_empty());
    home.run(&hub, &["pull", "o/blip2"]).ok();
    assert_eq!(hub.log().len(), 1, "the list alone");
    let mut offline = home.command("http://127.0.0.1:9", &["pull", "o/blip2"]);
    assert_eq!(finish(offline.env("HF_HUB_OFFLINE", "1"), "").ok().trim_end(), snapshot.to_str().unwrap());
    // Without its weights it is completed.
    fs::remove_file(snapshot.join("model.safetensors")).unwrap();
    home.run(&hub, &["convert", "o/blip2", "-o", out.to_str().unwrap()]).ok();
    assert_eq!(hub.gets("model.safetensors"), 0, "the blob is there");
}

#[cfg(unix)]
fn link(target: &Path, link: &Path) {
    std::os::unix::fs::symlink(target, link).unwrap();
}

#[test]
fn models_are_listed_with_what_they_need_and_broken_ones_with_why() {
    let (home, hub) = (Home::new(), Hub::of(models()));
    let here = tempfile::tempdir().unwrap();
    let list = |args: &[&str]| finish(home.command(&hub.endpoint, args).current_dir(here.path()), "");
    assert!(list(&["models"]).ok().starts_with("no models in "));
    assert_eq!(list(&["models", "--json"]).json(), Value::Array(Vec::new()));
    home.run(&hub, &["pull", "o/tiny-GGUF:Q8_0"]).ok();
    home.run(&hub, &["pull", "o/blip2:v1.0"]).ok();
    fs::write(here.path().join("cut.gguf"), &bundled()[..100_000]).unwrap();
    fs::write(here.path().join("split-00001-of-00002.gguf"), "GGUF").unwrap();
    fs::create_dir(here.path().join("ft")).unwrap();
    fs::write(here.path().join("ft/model.safetensors"), "").unwrap();
    fs::write(here.path().join("ft/config.json"), r#"{"model_type": "no\u001bne"}"#).unwrap();
    let rows = list(&["models", "--json"]).json();
    let row = |name: &str| {
        rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {rows}"))
    };
    let found = row("o/tiny-GGUF/tiny-Q8_0.gguf");
    assert_eq!((&found["family"], &found["runs"], &found["kind"]), (&"blip2".into(), &true.into(), &"gguf".into()));
    let plan = &home.run(&hub, &["inspect", "o/tiny-GGUF:Q8_0", "--json"]).json()["plan"];
    assert_eq!((&found["memory"], &found["anonymous"]), (&plan["total"], &plan["anonymous"]));
    let found = row("o/blip2:v1.0");
    assert!(
        found["runs"].is_null() && found["note"].as_str().unwrap().contains("ocelli convert o/blip2:v1.0"),
        "{found}"
    );
    for (name, why) in [
        ("cut.gguf", "first tensor that does not fit"),
        ("split-00001-of-00002.gguf", "files of it are missing"),
        ("./ft", "model_type 'no\u{1b}ne' is not one"),
    ] {
        let found = row(name);
        assert!(found["runs"] == false && found["note"].as_str().unwrap().contains(why), "{found}");
    }
    assert_eq!(rows.as_array().unwrap().len(), 5);
    let table = list(&["models"]).ok();
    assert!(table.starts_with("NAME") && table.lines().count() == 6 && !table.contains('\u{1b}'), "{table}");
}

/// llama.cpp's projectors and importances are of the models' form and lie beside them.
#[test]
fn files_that_are_no_models_are_passed_over_by_name() {
    let mut repositories = models();
    let files = repositories.get_mut("o/tiny-GGUF").unwrap();
    for name in ["mmproj-tiny-F16.gguf", "tiny-imatrix.gguf"] {
        files.insert(name.to_owned(), Stored { bytes: b"GGUF".to_vec(), large: true });
    }
    let (home, hub) = (Home::new(), Hub::of(repositories));
    for args in [&["pull", "o/tiny-GGUF:Q8_0"][..], &["tokenize", "-m", "o/tiny-GGUF:F16", "a"]] {
        let told = home.run(&hub, args).err;
        for what in ["mmproj-tiny-F16.gguf of o/tiny-GGUF is not fetched: it is llama.cpp's projector", "tiny-imatrix"]
        {
            assert!(told.contains(what), "{told}");
        }
    }
    let home = Home::new();
    let picture = picture("blue_circle.png");
    let quiet = home.run(&hub, &["run", "-q", "-m", "o/tiny-GGUF:Q8_0", "-i", &picture, "-p", crate::process::COLOUR]);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("blue\n", ""));
    home.run(&hub, &["pull", "-q", "o/tiny-GGUF/mmproj-tiny-F16.gguf"]).ok();
    let listed = home.run(&hub, &["models"]).ok();
    assert!(listed.contains("mmproj-tiny-F16.gguf") && listed.contains("no: it is llama.cpp's projector"), "{listed}");
}

/// A repository that was fetched in part by another program is a folder like any other.
#[test]
fn a_snapshot_that_is_not_whole_is_listed_with_what_is_missing() {
    let (home, hub) = (Home::new(), Hub::of(repositories()));
    home.run(&hub, &["pull", "o/tiny-GGUF:BF16"]).ok();
    fs::remove_file(home.snapshot("o/tiny-GGUF").join("split/tiny-BF16-00002-of-00002.gguf")).unwrap();
    let rows = home.run(&hub, &["models", "--json"]).json();
    assert!(rows[0]["note"].as_str().unwrap().contains("files of it are missing"), "{rows}");
}
