//! What can happen to the bytes on their way.

use super::server::{Answer, Body, Hub, Request, Stored, ranged};
use super::{Home, noise, repositories};
use crate::process::{Ended, finish};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const MODEL: &str = "model.safetensors";

fn bytes() -> Vec<u8> {
    repositories()["o/tiny"][MODEL].bytes.clone()
}

/// A hub that answers for the weights by a script, which knows them.
fn hub(script: impl Fn(&Request, Vec<u8>) -> Option<Answer> + Send + Sync + 'static) -> Hub {
    Hub::scripted(repositories(), move |request| if request.gets(MODEL) { script(request, bytes()) } else { None })
}

fn pull(home: &Home, hub: &Hub) -> Ended {
    home.run(hub, &["pull", "o/tiny"])
}

/// Where the beginning of the weights is kept.
fn partial(home: &Home) -> PathBuf {
    let etag = repositories()["o/tiny"][MODEL].etag();
    home.repository("o/tiny").join("blobs").join(etag + ".incomplete")
}

fn leave(home: &Home, beginning: &[u8]) {
    let path = partial(home);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, beginning).unwrap();
}

/// Checks that a pull goes well and leaves nothing half.
#[track_caller]
fn arrives(home: &Home, hub: &Hub) -> String {
    let ended = pull(home, hub);
    let err = ended.err.clone();
    assert_eq!(ended.ok().trim_end(), home.snapshot("o/tiny").to_str().unwrap());
    home.has(hub, "o/tiny", MODEL);
    home.is_clean(hub, "o/tiny");
    err
}

#[test]
fn a_repository_is_fetched_once_and_only_what_is_needed() {
    let (home, hub) = (Home::new(), Hub::of(repositories()));
    let said = arrives(&home, &hub);
    assert!(said.contains("fetching 5 files of o/tiny, 3.00 MiB, from http://"), "{said}");
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "additional_chat_templates/tool.jinja"] {
        home.has(&hub, "o/tiny", file);
    }
    for file in ["pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "onnx", "README.md"] {
        assert!(!home.snapshot("o/tiny").join(file).exists(), "{file}");
    }
    assert_eq!(fs::read_to_string(home.repository("o/tiny").join("refs/main")).unwrap(), super::server::COMMIT);
    // Again: the list is asked for, and no file.
    arrives(&home, &hub);
    assert_eq!((hub.gets(MODEL), hub.gets("/config.json")), (1, 1));
    let quiet = home.run(&hub, &["pull", "o/tiny", "--quiet"]);
    assert_eq!(quiet.err, "");
}

#[test]
fn a_type_or_a_file_of_a_repository_is_fetched() {
    let (home, hub) = (Home::new(), Hub::of(repositories()));
    let snapshot = home.snapshot("o/tiny-GGUF");
    for (name, file) in [
        ("o/tiny-GGUF", "tiny-Q4_K_M.gguf"),
        ("o/tiny-GGUF:q8_0", "tiny-Q8_0.gguf"),
        ("o/tiny-GGUF/mmproj-tiny-f16.gguf", "mmproj-tiny-f16.gguf"),
        ("o/tiny-GGUF@v1.0:BF16", "split/tiny-BF16-00001-of-00002.gguf"),
        ("hf:o/tiny-GGUF:refs/pr/1", "tiny-Q4_K_M.gguf"),
    ] {
        let path = home.run(&hub, &["pull", name]).ok();
        assert_eq!(path.trim_end(), snapshot.join(file).to_str().unwrap());
        home.has(&hub, "o/tiny-GGUF", file);
    }
    home.has(&hub, "o/tiny-GGUF", "split/tiny-BF16-00002-of-00002.gguf");
    let page = format!("{}/o/tiny-GGUF/blob/main/tiny-Q8_0.gguf", hub.endpoint);
    assert!(home.run(&hub, &["pull", &page]).ok().ends_with("tiny-Q8_0.gguf\n"));
    for revision in ["main", "v1.0", "refs/pr/1"] {
        assert!(home.repository("o/tiny-GGUF").join("refs").join(revision).is_file(), "{revision}");
    }
    home.run(&hub, &["pull", "o/tiny", "--revision", super::server::COMMIT]).ok();
    assert!(
        !home.repository("o/tiny").join("refs").join(super::server::COMMIT).exists(),
        "a commit needs no reference"
    );
}

#[test]
fn what_an_earlier_transfer_left_is_gone_on_with() {
    let (home, hub) = (Home::new(), hub(|_, _| None));
    leave(&home, &bytes()[..2_000_000]);
    arrives(&home, &hub);
    let log = hub.log();
    let ranges: Vec<_> = log.iter().filter(|r| r.gets(MODEL)).map(|r| r.header("range")).collect();
    assert_eq!(ranges, [Some("bytes=2000000-")]);
    // All of it is there already, and lacks only its name.
    let (home, hub) = (Home::new(), self::hub(|_, _| None));
    leave(&home, &bytes());
    arrives(&home, &hub);
    assert_eq!(hub.gets(MODEL), 0);
}

#[test]
fn a_beginning_that_is_wrong_is_given_up() {
    for beginning in [vec![0; 2_000_000], vec![0; 3 << 20], vec![0; 4 << 20]] {
        let (home, hub) = (Home::new(), hub(|_, _| None));
        leave(&home, &beginning);
        arrives(&home, &hub);
    }
}

#[test]
fn servers_that_ignore_ranges_or_get_them_wrong() {
    // Ignored: what is here is passed over.
    let (home, ignores) = (Home::new(), hub(|_, bytes| Some(Answer::new(200, bytes))));
    leave(&home, &bytes()[..2_000_000]);
    arrives(&home, &ignores);
    assert_eq!(ignores.gets(MODEL), 1);
    // From another place than was asked for, of another length, or with no word of where: asked again without.
    let wrong = |range: &'static str| {
        hub(move |r, bytes| r.from().map(|from| Answer::new(206, &bytes[from..]).with("content-range", range)))
    };
    for range in ["bytes 0-3145727/3145728", "bytes 2000000-3145727/9", "bytes 2000000-3145726/3145728", "x", ""] {
        let (home, hub) = (Home::new(), wrong(range));
        leave(&home, &bytes()[..2_000_000]);
        let said = arrives(&home, &hub);
        assert!(said.contains("asked for bytes from 2000000 on, and got"), "{said}");
    }
    let (home, hub) = (Home::new(), hub(|r, _| r.from().map(|_| Answer::new(416, ""))));
    leave(&home, &bytes()[..2_000_000]);
    arrives(&home, &hub);
    // Without having been asked for.
    let (home, hub) = (Home::new(), self::hub(|r, bytes| (r.before == 0).then(|| Answer::new(206, bytes))));
    arrives(&home, &hub);
}

#[test]
fn a_transfer_that_breaks_goes_on_where_it_broke() {
    let cut = |r: &Request, bytes: Vec<u8>| {
        let mut answer = ranged(r, &bytes);
        let rest = bytes.len() - r.from().unwrap_or(0);
        answer.body = Body::Cut(bytes[bytes.len() - rest..].to_vec(), (rest / 2).max(100.min(rest)));
        (r.before < 4).then_some(answer)
    };
    let (home, hub) = (Home::new(), hub(cut));
    let said = arrives(&home, &hub);
    assert!(said.contains("trying again in"), "{said}");
    let froms: Vec<_> = hub.log().iter().filter(|r| r.gets(MODEL)).map(Request::from).collect();
    assert!(froms.len() == 5 && froms.is_sorted() && froms[0].is_none() && froms[4] > Some(2_900_000), "{froms:?}");
    // Without a length, and in chunks.
    for body in
        [|bytes, end| Body::ChunkedCut(bytes, end), |bytes: Vec<u8>, end| Body::Unmeasured(bytes[..end].to_vec())]
    {
        let (home, hub) =
            (Home::new(), self::hub(move |r, bytes| (r.before == 0).then(|| Answer::of(body(bytes, 1_000_000)))));
        arrives(&home, &hub);
        assert_eq!(hub.log().last().unwrap().from(), Some(1_000_000));
    }
}

#[test]
fn a_long_transfer_may_break_often_as_long_as_it_gets_on() {
    let mut all = repositories();
    let long = Stored { bytes: noise(9 << 20, 11), large: true };
    all.get_mut("o/tiny").unwrap().insert(MODEL.to_owned(), long.clone());
    let (home, hub) = (
        Home::new(),
        Hub::scripted(all, move |request| {
            let mut answer = request.gets(MODEL).then(|| ranged(request, &long.bytes))?;
            let rest = &long.bytes[request.from().unwrap_or(0)..];
            answer.body = Body::Cut(rest.to_vec(), rest.len().min(1_100_000));
            Some(answer)
        }),
    );
    arrives(&home, &hub);
    assert_eq!(hub.gets(MODEL), 9);
}

#[test]
fn a_transfer_that_always_breaks_ends_and_is_kept() {
    let (home, hub) = (Home::new(), hub(|_, bytes| Some(Answer::of(Body::Cut(bytes, 500_000)))));
    let err = pull(&home, &hub).failed(1, "hub-broken");
    assert!(err.contains(MODEL), "{err}");
    assert_eq!(hub.gets(MODEL), 5, "bounded");
    assert_eq!(fs::metadata(partial(&home)).unwrap().len(), 500_000);
    assert!(!home.repository("o/tiny").join("refs/main").exists() && !home.snapshot("o/tiny").join(MODEL).exists());
    // Another day.
    let hub = self::hub(|_, _| None);
    arrives(&home, &hub);
    assert_eq!(hub.log().last().unwrap().from(), Some(500_000));
}

#[test]
fn a_slow_server_is_waited_for_and_a_silent_one_is_not() {
    let slow = |r: &Request, bytes: Vec<u8>| {
        (r.before == 0).then(|| Answer::of(Body::Slow(bytes, 1 << 18, Duration::from_millis(150))))
    };
    let (home, hub) = (Home::new(), hub(slow));
    arrives(&home, &hub);
    assert_eq!(hub.gets(MODEL), 1, "longer in all than one silence may be");
    let (home, hub) =
        (Home::new(), self::hub(|r, bytes| (r.before == 0).then(|| Answer::of(Body::Stalled(bytes, 700_000)))));
    let mut command = home.command(&hub.endpoint, &["pull", "o/tiny"]);
    let ended = finish(command.env("HF_HUB_DOWNLOAD_TIMEOUT", "0.3"), "");
    assert!(ended.err.contains("nothing came for 300 ms; trying again"), "{ended:?}");
    ended.ok();
    assert_eq!(hub.log().last().unwrap().from(), Some(700_000));
}

#[test]
fn wrong_bytes_are_never_kept() {
    let wrong = |mut bytes: Vec<u8>| {
        bytes[1_000_000] ^= 1;
        bytes
    };
    let (home, hub) = (Home::new(), hub(move |r, bytes| Some(ranged(r, &wrong(bytes)))));
    let err = pull(&home, &hub).failed(1, "hub-hash");
    assert!(err.contains("came with the hash") && err.contains(&repositories()["o/tiny"][MODEL].etag()), "{err}");
    home.is_clean(&hub, "o/tiny");
    assert_eq!(hub.gets(MODEL), 2);
    // Once only: it is fetched again.
    let (home, hub) = (Home::new(), self::hub(move |r, bytes| (r.before == 0).then(|| Answer::new(200, wrong(bytes)))));
    arrives(&home, &hub);
    // A small file, whose hash is Git's.
    let (home, hub) = (
        Home::new(),
        Hub::scripted(repositories(), |r| r.gets("/config.json").then(|| Answer::new(200, r#"{"model_type": "opq"}"#))),
    );
    let err = pull(&home, &hub).failed(1, "hub-hash");
    assert!(err.contains("config.json of o/tiny"), "{err}");
    home.is_clean(&hub, "o/tiny");
}

#[test]
fn wrong_lengths_are_named_with_both_numbers() {
    let (home, hub) = (Home::new(), hub(|_, bytes| Some(Answer::new(200, &bytes[1..]))));
    let err = pull(&home, &hub).failed(1, "hub-size");
    assert!(err.contains("has 3145727 bytes by the server, and 3145728 by the list"), "{err}");
    let long = |bytes: Vec<u8>| [bytes, vec![7; 10]].concat();
    for body in [Body::Chunked, Body::Unmeasured] {
        let (home, hub) = (Home::new(), self::hub(move |_, bytes| Some(Answer::of(body(long(bytes))))));
        let err = pull(&home, &hub).failed(1, "hub-size");
        assert!(err.contains("more came than its 3145728 bytes"), "{err}");
    }
    let (home, hub) = (Home::new(), self::hub(|_, _| Some(Answer::of(Body::Endless(vec![1; 1 << 16])))));
    pull(&home, &hub).failed(1, "hub-size");
    assert!(!partial(&home).exists());
    // What an earlier transfer left is not given up for it.
    let (home, hub) = (Home::new(), self::hub(move |_, bytes| Some(Answer::of(Body::Chunked(long(bytes))))));
    leave(&home, &bytes()[..2_000_000]);
    pull(&home, &hub).failed(1, "hub-size");
    assert!(fs::read(partial(&home)).unwrap() == bytes()[..2_000_000]);
    // A page of a proxy in place of everything.
    let (home, hub) = (Home::new(), self::hub(|_, _| Some(Answer::new(200, "<html>log in</html>"))));
    assert!(pull(&home, &hub).failed(1, "hub-size").contains("has 19 bytes by the server"));
}

#[test]
fn lengths_may_be_left_out() {
    for body in [Body::Chunked, Body::Unmeasured] {
        let (home, hub) = (Home::new(), hub(move |_, bytes| Some(Answer::of(body(bytes)))));
        arrives(&home, &hub);
    }
}

#[test]
fn a_blob_or_a_link_that_is_not_whole_is_fetched_again() {
    let (home, hub) = (Home::new(), hub(|_, _| None));
    arrives(&home, &hub);
    let blob = fs::canonicalize(home.snapshot("o/tiny").join(MODEL)).unwrap();
    fs::write(&blob, "cut").unwrap();
    arrives(&home, &hub);
    fs::remove_file(&blob).unwrap();
    arrives(&home, &hub);
    fs::remove_file(home.snapshot("o/tiny").join(MODEL)).unwrap();
    arrives(&home, &hub);
    assert_eq!(hub.gets(MODEL), 3, "the last time only the link was missing");
}
