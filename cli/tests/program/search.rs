//! `ocelli search`, with BLIP-2's first stage of `tests/parity`, whose hits are what the original says.

use crate::process::{Ended, bundled, command, file, finish, ocelli};
use ocelli_convert::Options;
use ocelli_quant::TensorType;
use ocelli_tests::itm_golden::ItmGolden;
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A golden and its model.
struct Model {
    golden: ItmGolden,
    path: PathBuf,
}

fn converted(name: &str) -> Model {
    let golden = ItmGolden::load(name).unwrap();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("search-{name}"));
    golden.write(&dir).unwrap();
    let path = dir.join("itm.gguf");
    ocelli_convert::convert(&dir, &path, &Options::new(TensorType::F32), &()).unwrap();
    Model { golden, path }
}

static MODEL: LazyLock<Model> = LazyLock::new(|| converted("default"));

fn png(path: &Path, width: u32, height: u32, rgb: &[u8]) {
    let mut encoder = png::Encoder::new(File::create(path).unwrap(), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(rgb).unwrap();
}

/// A picture of noise.
fn noise(path: &Path, seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let rgb: Vec<u8> = (0..48 * 32 * 3).map(|_| byte()).collect();
    png(path, 48, 32, &rgb);
}

/// A folder of pictures in a place of its own.
struct Folder {
    place: TempDir,
}

impl Folder {
    fn empty() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("photos/sub")).unwrap();
        Self { place }
    }

    /// With `count` pictures of noise, every third in a folder below.
    fn noise(count: u64) -> Self {
        let folder = Self::empty();
        (0..count).for_each(|i| noise(&folder.path(&Self::name(i)), i));
        folder
    }

    fn name(i: u64) -> String {
        let below = if i.is_multiple_of(3) { "sub/" } else { "" };
        format!("{below}{i:03}.png")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join("photos").join(name)
    }

    fn index(&self) -> PathBuf {
        self.place.path().join("photos.ocelli-index")
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.index()).unwrap()
    }

    fn command(&self, more: &[&str]) -> Command {
        let photos = self.path("");
        let mut args = vec!["search", photos.to_str().unwrap().trim_end_matches('/'), "-m"];
        args.push(MODEL.path.to_str().unwrap());
        args.extend(more);
        command(&args)
    }

    fn search(&self, more: &[&str]) -> Ended {
        finish(&mut self.command(more), "")
    }

    fn json(&self, more: &[&str]) -> Value {
        self.search(&[&["--json"], more].concat()).json()
    }

    /// Embedded, and pictures in all.
    fn counts(&self) -> (u64, u64) {
        let said = self.json(&[]);
        (said["embedded"].as_u64().unwrap(), said["pictures"].as_u64().unwrap())
    }
}

fn hits(query: &Value) -> Vec<(String, f64)> {
    let hit = |hit: &Value| {
        let path = Path::new(hit["path"].as_str().unwrap()).file_name().unwrap();
        (path.to_str().unwrap().to_owned(), hit["score"].as_f64().unwrap())
    };
    query["hits"].as_array().unwrap().iter().map(hit).collect()
}

#[test]
fn hits_are_ranked_as_the_original_scores_them() {
    let folder = Folder::empty();
    let golden = &MODEL.golden;
    for (i, seen) in golden.pictures.iter().enumerate() {
        let picture = &seen.picture;
        png(&folder.path(&format!("{i}.png")), picture.width, picture.height, &picture.rgb());
    }
    let mut asked = Vec::new();
    golden.texts.iter().for_each(|text| asked.extend(["--text", &text.text]));
    let said = folder.json(&asked);
    let quick = folder.json(&[&asked[..], &["--shortlist", "0"]].concat());
    for (text, (full, quick)) in
        said["queries"].as_array().unwrap().iter().zip(quick["queries"].as_array().unwrap()).enumerate()
    {
        let pairs: Vec<_> = golden.pairs.iter().filter(|pair| pair.text == text).collect();
        assert_eq!(full["text"], golden.texts[text].text);
        let score = |pair: &ocelli_tests::itm_golden::Pair| f64::from(pair.logits[1] + pair.itc);
        let mut wanted: Vec<_> = pairs.iter().map(|pair| (format!("{}.png", pair.image), score(pair))).collect();
        wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
        let got = hits(full);
        assert_eq!(got.len(), pairs.len());
        for ((path, score), (wanted, right)) in got.iter().zip(&wanted) {
            assert_eq!(path, wanted, "{full}");
            assert!((score - right).abs() < 1e-3, "{path}: {score} {right}");
        }
        for hit in full["hits"].as_array().unwrap() {
            let pair =
                pairs.iter().find(|p| hit["path"].as_str().unwrap().ends_with(&format!("/{}.png", p.image))).unwrap();
            assert!((hit["itm"].as_f64().unwrap() - f64::from(pair.itm)).abs() < 1e-4, "{hit} {pair:?}");
            assert!((hit["itc"].as_f64().unwrap() - f64::from(pair.itc)).abs() < 1e-4, "{hit} {pair:?}");
        }
        // Of the index's whole numbers.
        for (path, score) in hits(quick) {
            let pair = pairs.iter().find(|p| path == format!("{}.png", p.image)).unwrap();
            assert!((score - f64::from(pair.itc)).abs() < 0.01, "{path}: {score} {pair:?}");
        }
        assert_eq!(quick["hits"][0]["itm"], Value::Null);
    }
}

#[test]
fn a_shortlist_is_looked_at_and_no_more() {
    let folder = Folder::noise(12);
    let all = hits(&folder.json(&["--text", "a", "--shortlist", "0", "-k", "12"])["queries"][0]);
    let mut first: Vec<&String> = all[..4].iter().map(|(path, _)| path).collect();
    let short = hits(&folder.json(&["--text", "a", "--shortlist", "4", "-k", "4"])["queries"][0]);
    let mut short: Vec<&String> = short.iter().map(|(path, _)| path).collect();
    first.sort();
    short.sort();
    assert_eq!(first, short);
}

#[test]
fn the_picture_itself_is_most_like_it() {
    let folder = Folder::noise(9);
    let seventh = folder.path(&Folder::name(7));
    let said = folder.json(&["--image", seventh.to_str().unwrap(), "-k", "3"]);
    let found = hits(&said["queries"][0]);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].0, "007.png");
    assert!((found[0].1 - 1.0).abs() < 0.01 && found[1].1 < found[0].1, "{found:?}");
    let table = folder.search(&["--image", seventh.to_str().unwrap(), "--text", "b", "-k", "3"]).ok();
    assert_eq!(table.lines().count(), 11, "{table}");
}

#[test]
fn what_is_new_changed_moved_copied_or_gone_is_noticed() {
    let folder = Folder::noise(8);
    assert_eq!(folder.counts(), (8, 8));
    let first = folder.bytes();
    assert_eq!(folder.counts(), (0, 8), "nothing is embedded twice");
    assert_eq!(folder.bytes(), first, "and nothing is written");

    noise(&folder.path("new.png"), 100);
    noise(&folder.path("001.png"), 101);
    fs::rename(folder.path("002.png"), folder.path("sub/moved.png")).unwrap();
    fs::copy(folder.path("004.png"), folder.path("copy.png")).unwrap();
    fs::remove_file(folder.path("005.png")).unwrap();
    let said = folder.json(&["--text", "a", "-k", "20"]);
    assert_eq!((said["embedded"].as_u64(), said["pictures"].as_u64()), (Some(2), Some(9)));
    let mut found: Vec<String> = hits(&said["queries"][0]).into_iter().map(|(path, _)| path).collect();
    found.sort();
    assert_eq!(found, ["000.png", "001.png", "003.png", "004.png", "006.png", "007.png", "moved.png", "new.png"]);
    let fourth =
        said["queries"][0]["hits"].as_array().unwrap().iter().find(|h| !h["also"].as_array().unwrap().is_empty());
    assert!(fourth.unwrap()["also"][0].as_str().unwrap().ends_with("/copy.png"), "{said}");
}

#[test]
fn what_is_stale_is_rewritten_as_if_it_had_never_been() {
    let folder = Folder::noise(20);
    folder.search(&[]).ok();
    let before = folder.bytes().len();
    (0..10).for_each(|i| fs::remove_file(folder.path(&Folder::name(2 * i))).unwrap());
    // What a killed rewrite has left.
    let left = folder.place.path().join("photos.ocelli-index.part.1");
    fs::write(&left, "half").unwrap();
    assert_eq!(folder.counts(), (0, 10));
    assert!(folder.bytes().len() * 10 < before * 6, "{} of {before}", folder.bytes().len());
    assert!(!left.exists());
    let rewritten = folder.bytes();
    fs::remove_file(folder.index()).unwrap();
    folder.search(&[]).ok();
    assert_eq!(folder.bytes(), rewritten);
}

#[test]
fn killed_at_any_moment_it_becomes_the_index_of_an_undisturbed_run() {
    let folder = Folder::noise(300);
    fs::write(folder.path("broken.png"), "no picture").unwrap();
    folder.search(&["-t", "1"]).ok();
    let whole = folder.bytes();
    fs::remove_file(folder.index()).unwrap();
    let mut killed = 0;
    for kill in 1..=8 {
        let mut child = folder.command(&["-t", "1"]).spawn().unwrap();
        let there = || fs::metadata(folder.index()).map_or(0, |data| data.len());
        let target = (whole.len() as u64 - 1) * kill / 9;
        while child.try_wait().unwrap().is_none() && there() < target {
            sleep(Duration::from_micros(50));
        }
        sleep(Duration::from_micros(kill * 137 % 500));
        // It may have ended by itself.
        let _ = child.kill();
        killed += usize::from(!child.wait().unwrap().success());
        let there = fs::read(folder.index()).unwrap_or_default();
        assert!(whole.starts_with(&there), "kill {kill}: {} bytes are no beginning", there.len());
    }
    assert!(killed >= 4, "{killed} were killed");
    folder.search(&[]).ok();
    assert!(folder.bytes() == whole);
}

#[test]
fn a_file_cut_anywhere_is_gone_on_with() {
    let folder = Folder::noise(6);
    folder.search(&[]).ok();
    let whole = folder.bytes();
    for cut in [0, 5, 16, 30, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        fs::write(folder.index(), &whole[..cut]).unwrap();
        folder.search(&[]).ok();
        assert!(folder.bytes() == whole, "cut at {cut}");
    }
    // A byte that is another: what stands behind it is made again.
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 4;
    fs::write(folder.index(), damaged).unwrap();
    let ended = folder.search(&[]);
    assert!(ended.err.contains("no whole record at its end"), "{ended:?}");
    assert!(folder.bytes() == whole);
}

#[test]
fn an_interrupt_keeps_what_was_embedded() {
    let folder = Folder::noise(400);
    let mut child = folder.command(&["-t", "1"]).env("OCELLI_ISA", "scalar").spawn().unwrap();
    let start = Instant::now();
    while fs::metadata(folder.index()).map_or(0, |data| data.len()) < 2000 {
        assert!(start.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    let there = folder.bytes().len();
    assert_eq!(status.code(), Some(130));
    let (embedded, all) = folder.counts();
    assert!(embedded < 400 && all == 400, "{embedded}: {there} bytes were there");
}

#[test]
fn another_model_or_another_file_is_refused_and_left() {
    let folder = Folder::noise(3);
    folder.search(&[]).ok();
    let whole = folder.bytes();
    let other = converted("plain");
    let photos = folder.path("");
    let search = |model: &str, more: &[&str]| {
        ocelli(&[&["search", photos.to_str().unwrap().trim_end_matches('/'), "-m", model][..], more].concat())
    };
    let said = search(other.path.to_str().unwrap(), &[]).failed(1, "index-model");
    assert!(said.matches("itm.gguf").count() == 2 || said.contains("which is not"), "{said}");
    search(MODEL.path.to_str().unwrap(), &["--upright"]).failed(1, "index-model");
    assert!(folder.bytes() == whole);
    let elsewhere = folder.place.path().join("other.index");
    search(other.path.to_str().unwrap(), &["--index", elsewhere.to_str().unwrap(), "--text", "a"]).ok();
    assert!(elsewhere.exists());

    let (_dir, text) = file("notes.txt", b"my notes, and more than sixteen bytes of them");
    folder.search(&["--index", &text]).failed(1, "index");
    assert_eq!(fs::read(&text).unwrap(), b"my notes, and more than sixteen bytes of them");
    folder.search(&["--index", photos.to_str().unwrap()]).failed(1, "index");
    let said = folder.search(&["--index", "/no/such/folder/index"]).failed(1, "output");
    assert!(said.contains("--index FILE"), "{said}");

    let (_dir, tiny) = file("tiny.gguf", &bundled());
    search(&tiny, &["--text", "a"]).failed(1, "no-matching");
    ocelli(&["search", &text, "--text", "a"]).failed(2, "search");
    folder.search(&["--no-such"]).failed(2, "usage");
    folder.search(&["another.gguf"]).failed(2, "usage");
    ocelli(&["search", photos.to_str().unwrap(), "-x"]).failed(2, "usage");
    let empty = Folder::empty();
    empty.search(&[]).failed(1, "search");
    assert!(!empty.index().exists());
}

#[test]
fn what_is_no_picture_is_named_once_until_it_changes() {
    let folder = Folder::noise(2);
    fs::write(folder.path("broken.png"), "no picture").unwrap();
    File::create(folder.path("huge.png")).unwrap().set_len(65 << 20).unwrap();
    let first = folder.search(&[]);
    assert!(first.err.contains("broken.png: ") && first.err.contains("huge.png: 68157440 bytes"), "{first:?}");
    let second = folder.search(&[]);
    assert!(!second.err.contains("broken.png") && second.err.contains("2 of them unreadable"), "{second:?}");
    fs::write(folder.path("broken.png"), "still no picture").unwrap();
    assert!(folder.search(&[]).err.contains("broken.png: "));
    noise(&folder.path("broken.png"), 9);
    let said = folder.json(&[]);
    assert_eq!((said["embedded"].as_u64(), said["unreadable"].as_u64()), (Some(1), Some(1)));
}

#[test]
fn loops_hidden_names_and_pipes_are_left_out() {
    let folder = Folder::noise(2);
    symlink("..", folder.path("sub/loop")).unwrap();
    symlink("nowhere", folder.path("gone.png")).unwrap();
    symlink("001.png", folder.path("link.png")).unwrap();
    fs::create_dir(folder.path(".hidden")).unwrap();
    noise(&folder.path(".hidden/a.png"), 5);
    noise(&folder.path(".b.png"), 6);
    fs::write(folder.path("notes.txt"), "no picture").unwrap();
    assert!(Command::new("mkfifo").arg(folder.path("pipe.png")).status().unwrap().success());
    let ended = folder.search(&["--json"]);
    assert!(ended.err.contains("1 link to folders not followed") && ended.err.contains("gone.png: "), "{ended:?}");
    let said = ended.json();
    assert_eq!((said["embedded"].as_u64(), said["pictures"].as_u64()), (Some(2), Some(3)));
}

#[test]
fn one_program_writes_at_a_time() {
    let folder = Folder::noise(3);
    folder.search(&[]).ok();
    let held = File::options().read(true).write(true).open(folder.index()).unwrap();
    held.lock().unwrap();
    noise(&folder.path("new.png"), 9);
    let mut child = folder.command(&["--text", "a"]).spawn().unwrap();
    sleep(Duration::from_millis(800));
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    drop(held);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("waiting for another program"));
}

#[test]
fn a_contact_sheet_is_whole_and_names_are_text() {
    let folder = Folder::noise(3);
    noise(&folder.path("<b>&\"x.png"), 7);
    let sheet = folder.place.path().join("hits.html");
    let text = "<script>alert('a')</script>";
    let image = folder.path("001.png");
    folder.search(&["--text", text, "--image", image.to_str().unwrap(), "--html", sheet.to_str().unwrap()]).ok();
    let page = fs::read_to_string(&sheet).unwrap();
    assert_eq!(page.matches("<li>").count(), 8, "four hits of two queries");
    assert_eq!(page.matches("src=\"data:image/png;base64,iVBORw0KGgo").count(), 9, "and the picture asked for");
    assert!(page.contains("&lt;script&gt;alert(&#39;a&#39;)") && !page.contains("<script"));
    assert!(page.contains("&lt;b&gt;&amp;&quot;x.png") && !page.contains("<b>"));
    assert!(
        page.contains("href=\"./photos/%3Cb%3E%26%22x.png\"") && !page.contains("http:") && !page.contains("https:")
    );
    folder.search(&["--html", "/no/such/folder/a.html"]).failed(1, "output-directory");
}
