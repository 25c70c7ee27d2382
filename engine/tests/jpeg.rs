//! JPEG files written byte by byte, against what Pillow makes of them (`jpeg_golden.json`): the same pixels to the bit, or
//! refused by both.
//!
//!     OCELLI_JPEGS=DIR cargo test -p ocelli-engine --test jpeg files_are    # writes the files, for jpeg_golden.py
//!     OCELLI_JPEGS=DIR OCELLI_JPEG_COUNT=2000 ...                            # others, 64 to 300 pixels a side
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(feature = "decode-images")]

#[path = "jpeg/noise.rs"]
mod noise;
#[path = "jpeg/plans.rs"]
mod plans;
#[path = "../../fuzz/keep.rs"]
mod seeds;
#[path = "jpeg/writer.rs"]
mod writer;

use ocelli_engine::image::{Container, ImageError, ImageLimits, decode, probe};
use plans::{adobe, apart, find, jfif, plain};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;
use writer::{Plan, Scan};

const RANDOM: u64 = 300;

fn crc(data: &[u8]) -> u64 {
    let mut crc = u32::MAX;
    for &byte in data {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    u64::from(!crc)
}

fn flat(plan: Plan) -> Plan {
    Plan { flat: true, ..plan }
}

fn marked(plan: Plan, segments: &[(u8, Vec<u8>)]) -> Plan {
    Plan { segments: segments.to_vec(), ..plan }
}

/// DC values, then bits of them and bands of the others, some bits at a time.
fn progressive(plan: Plan) -> Plan {
    let all: Vec<usize> = (0..plan.components.len()).collect();
    let mut scans = vec![Scan::of(&all, 0, 0, 0, 1)];
    for &c in &all {
        scans.extend([Scan::of(&[c], 1, 5, 0, 2), Scan::of(&[c], 6, 63, 0, 2)]);
        scans.extend([Scan::of(&[c], 1, 63, 2, 1), Scan::of(&[c], 1, 63, 1, 0)]);
    }
    scans.push(Scan::of(&all, 0, 0, 1, 0));
    Plan { progressive: true, scans, ..plan }
}

/// Only the first so many scans.
fn first(plan: Plan, count: usize) -> Plan {
    Plan { scans: plan.scans[..count].to_vec(), ..plan }
}

const FULL: [(usize, usize); 3] = [(1, 1), (1, 1), (1, 1)];
const ACROSS: [(usize, usize); 3] = [(2, 1), (1, 1), (1, 1)];
const DOWN: [(usize, usize); 3] = [(1, 2), (1, 1), (1, 1)];
const BOTH: [(usize, usize); 3] = [(2, 2), (1, 1), (1, 1)];

fn scans_of_single_planes() -> Vec<(String, Plan)> {
    let mut plans = Vec::new();
    for (width, height) in [(64, 64), (75, 53), (17, 130)] {
        for (name, factors) in [("4:2:0", BOTH), ("4:4:0", DOWN), ("4:2:2", ACROSS), ("4:4:4", FULL)] {
            plans.push((format!("{name} apart {width}x{height}"), apart(plain(width, height, &factors))));
        }
    }
    let both = plain(75, 53, &BOTH);
    let pairs = Plan { scans: vec![Scan::whole(&[0]), Scan::whole(&[1, 2])], ..both.clone() };
    plans.push(("luma apart, chroma together".into(), pairs));
    plans.push(("4:2:0 apart, restarts".into(), Plan { restart: 3, ..apart(both.clone()) }));
    plans.push(("a plane without a scan".into(), first(apart(both), 2)));
    // Few bits a block: the end of a plane is read ahead before its last blocks are.
    for (width, height, factors) in [(160, 160, FULL), (96, 40, FULL), (256, 256, ACROSS), (64, 200, BOTH)] {
        plans.push((
            format!("flat planes apart {width}x{height} {factors:?}"),
            flat(apart(plain(width, height, &factors))),
        ));
    }
    plans
}

fn factors() -> Vec<(String, Plan)> {
    let mut plans = Vec::new();
    for factors in [
        [(1, 1), (2, 1), (2, 1)],
        [(1, 1), (2, 2), (2, 2)],
        [(1, 1), (1, 2), (1, 2)],
        [(1, 1), (2, 2), (1, 1)],
        [(2, 1), (1, 2), (1, 1)],
        [(4, 1), (1, 1), (1, 1)],
        [(1, 4), (1, 1), (1, 1)],
        [(4, 2), (1, 1), (1, 1)],
        [(4, 4), (1, 1), (1, 1)],
        [(4, 2), (2, 1), (1, 2)],
        [(3, 1), (1, 1), (1, 1)],
        [(1, 3), (1, 1), (1, 1)],
        [(3, 2), (1, 1), (1, 1)],
        [(3, 3), (1, 1), (1, 1)],
        [(1, 1), (3, 1), (1, 3)],
        [(3, 1), (2, 1), (1, 1)],
        [(2, 2), (2, 2), (2, 2)],
    ] {
        let plan = plain(59, 47, &factors);
        plans.push((format!("{factors:?} together"), plan.clone()));
        plans.push((format!("{factors:?} apart"), apart(plan)));
    }
    for (h, v) in [(1, 1), (2, 2), (4, 4), (3, 1)] {
        plans.push((format!("grey {h}x{v}"), plain(45, 38, &[(h, v)])));
    }
    // Planes too narrow to interpolate.
    for width in 1..=6 {
        for (name, factors) in [("across", ACROSS), ("down", DOWN), ("both", BOTH)] {
            plans.push((format!("{width} wide, {name}"), plain(width, 19, &factors)));
        }
    }
    plans
}

fn colours() -> Vec<(String, Plan)> {
    let mut plans = Vec::new();
    let marks = [
        ("none", vec![]),
        ("JFIF", vec![jfif()]),
        ("Adobe 0", vec![adobe(0)]),
        ("Adobe 1", vec![adobe(1)]),
        ("Adobe 2", vec![adobe(2)]),
        ("JFIF, Adobe 0", vec![jfif(), adobe(0)]),
        ("Adobe 0, JFIF", vec![adobe(0), jfif()]),
        ("JFIF, Adobe 1", vec![jfif(), adobe(1)]),
        ("JFIF too short, Adobe 0", vec![(0xe0, b"JFIF\0\x01\x01\0\0".to_vec()), adobe(0)]),
        ("Adobe too short", vec![(0xee, b"Adobe\0\x64\0\0\0\0".to_vec())]),
    ];
    for (name, segments) in &marks {
        let mut letters = plain(24, 24, &FULL);
        letters.components.iter_mut().zip(*b"RGB").for_each(|(c, id)| c.id = id);
        plans.push((format!("three, {name}"), marked(plain(40, 24, &BOTH), segments)));
        plans.push((format!("R, G, B, {name}"), marked(letters, segments)));
        plans.push((format!("four, {name}"), marked(plain(24, 40, &[(1, 1); 4]), segments)));
    }
    plans.push(("four, smaller chroma".into(), marked(plain(50, 40, &[(2, 2), (1, 1), (1, 1), (2, 2)]), &[adobe(2)])));
    plans
}

fn progressions() -> Vec<(String, Plan)> {
    let mut plans = Vec::new();
    for (name, factors) in
        [("4:4:4", FULL), ("4:2:0", BOTH), ("4:4:0", DOWN), ("chroma finer", [(1, 1), (2, 2), (2, 1)])]
    {
        let plan = progressive(plain(83, 61, &factors));
        // With 1, 3, 5 and 9 of 14 scans, coefficients are estimated.
        for count in [14, 9, 5, 3, 1] {
            plans.push((format!("progressive {name}, {count} scans"), first(plan.clone(), count)));
        }
        plans.push((format!("progressive {name}, restarts"), Plan { restart: 4, ..plan.clone() }));
        plans.push((format!("progressive {name}, flat"), flat(plan)));
    }
    let narrow = [(8, 8), (16, 40), (9, 17), (40, 9)];
    plans.extend(narrow.map(|(w, h)| (format!("DC values of {w}x{h}"), first(progressive(plain(w, h, &BOTH)), 1))));
    let mut again = progressive(plain(50, 40, &BOTH));
    let more = again.scans.iter().position(|scan| scan.first > 0 && scan.high == 1).unwrap();
    again.scans.insert(more, again.scans[more].clone());
    plans.push(("the same bits twice".into(), again));
    plans.push(("progressive grey".into(), progressive(plain(50, 50, &[(2, 2)]))));
    plans.push(("two bytes a step".into(), Plan { wide_steps: true, ..plain(30, 30, &BOTH) }));
    plans.push(("fill bytes".into(), Plan { fill: 3, restart: 2, ..plain(50, 30, &BOTH) }));
    let other =
        [(0xe1, b"Exif\0\0MM\0*".to_vec()), (0xe2, b"ICC_PROFILE\0\x01\x01abc".to_vec()), (0xfe, vec![0xff; 70])];
    plans.push(("other segments".into(), marked(plain(30, 30, &BOTH), &other)));
    plans
}

/// Where a file should end, and where it does.
fn ends() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let trailer = b"\0\0Image_UTC_Data1234567890SEFH".repeat(40);
    for (name, plan) in [
        ("one scan", plain(64, 48, &BOTH)),
        ("grey", plain(40, 40, &[(1, 1)])),
        ("restarts", Plan { restart: 2, ..plain(64, 48, &BOTH) }),
        ("apart", apart(plain(64, 48, &BOTH))),
        ("progressive", progressive(plain(64, 48, &BOTH))),
        ("progressive, restarts", Plan { restart: 3, ..progressive(plain(64, 48, &BOTH)) }),
    ] {
        let whole = plan.write();
        let data = whole.len() - 2;
        let mut add = |end: &str, bytes: Vec<u8>| files.push((format!("{name}, {end}"), bytes));
        let then = |bytes: &[u8], more: &[u8]| [bytes, more].concat();
        for missing in 0..=14 {
            add(&format!("{missing} bytes missing"), whole[..whole.len() - missing].to_vec());
        }
        for more in 0..10 {
            add(&format!("no end, {more} bytes behind"), then(&whole[..data], &trailer[..more]));
        }
        add("half of it", whole[..whole.len() / 2].to_vec());
        add("no end, a trailer", then(&whole[..data], &trailer));
        add("a trailer", then(&whole, &trailer));
        add("another picture behind", then(&whole, &whole));
        add("no end, another picture behind", then(&whole[..data], &whole));
        add("half, then an end", then(&whole[..data / 2 + 200], b"\xff\xd9"));
        add("no end, a marker of no meaning", then(&whole[..data], b"\xff\xfd\0\0\0\0\0\0\0\0\0\0"));
        add("two ends", then(&whole, b"\xff\xd9"));
        add("a table behind it", then(&whole[..data], b"\xff\xdb\0\x05\x09abcdefgh"));
        let mut junk = whole.clone();
        let table = find(&junk, 2, |m| m == 0xc4).unwrap();
        junk.splice(table..table, *b"junk");
        add("junk between segments", junk);
        if plan.restart > 0 {
            let at = find(&whole, data / 2 + 200, |m| (0xd0..0xd8).contains(&m)).unwrap();
            for number in 0..8 {
                let mut other = whole.clone();
                other[at + 1] = 0xd0 + number;
                add(&format!("restart marker {number} in place of another"), other);
            }
            let mut lost = whole.clone();
            lost.drain(at..at + 2);
            add("a restart marker lost", lost);
            let mut early = whole.clone();
            early.drain(at - 12..at);
            add("data before a restart marker lost", early);
        }
    }
    files
}

/// Files that Pillow gives to libjpeg in several parts, of 65,536 bytes.
fn long() -> Vec<(String, Vec<u8>)> {
    const PART: usize = 65_536;
    let mut files = Vec::new();
    for (name, plan) in [
        ("one scan", plain(500, 400, &FULL)),
        ("restarts", Plan { restart: 5, ..plain(500, 400, &FULL) }),
        ("apart", apart(plain(500, 400, &FULL))),
        ("progressive", progressive(plain(520, 500, &FULL))),
    ] {
        let whole = plan.write();
        assert!(whole.len() > PART, "{name}: {} bytes", whole.len());
        let data = &whole[..whole.len() - 2];
        let mut add = |what: String, bytes: Vec<u8>| files.push((format!("long, {name}, {what}"), bytes));
        add("whole".into(), whole.clone());
        for missing in 0..12 {
            add(format!("no end, {missing} bytes more missing"), data[..data.len() - missing].to_vec());
        }
        // What has not arrived when the picture is complete is not looked at: here a second frame.
        let next = data.len().next_multiple_of(PART);
        for at in [next - 40, next - 9, next - 3, next - 2, next - 1, next, next + 1, next + 9, next + PART] {
            let mut bytes = data.to_vec();
            bytes.resize(at, 0);
            bytes.extend(b"\xff\xc1\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0");
            bytes.resize(bytes.len() + 2 * PART, 0);
            add(format!("a second frame at {} of a part", at as isize - next as isize), bytes);
        }
    }
    // The part ends in a scan of each kind.
    for width in (440..700).step_by(20) {
        files.push((format!("long, progressive, {width} wide"), progressive(plain(width, 520, &FULL)).write()));
    }
    files
}

fn files() -> Vec<(String, Vec<u8>)> {
    let plans = [scans_of_single_planes(), factors(), colours(), progressions()].concat();
    let written = plans.into_iter().map(|(name, plan)| (name, plan.write()));
    written.chain(ends()).chain(long()).chain((0..RANDOM).map(|seed| plans::file(seed, (1, 90)))).collect()
}

fn limits() -> ImageLimits {
    ImageLimits::default()
}

#[test]
fn files_are_pillows_to_the_bit() {
    if let Some(folder) = std::env::var_os("OCELLI_JPEGS") {
        let count = std::env::var("OCELLI_JPEG_COUNT").map_or(0, |count| count.parse().unwrap());
        let others: Vec<_> = (0..count).map(|seed| plans::file(seed, (64, 300))).collect();
        for (at, (name, bytes)) in if count > 0 { others } else { files() }.into_iter().enumerate() {
            std::fs::write(Path::new(&folder).join(format!("{at:05}.jpg")), bytes).unwrap();
            std::fs::write(Path::new(&folder).join(format!("{at:05}.txt")), name).unwrap();
        }
        return;
    }
    let golden: Value = serde_json::from_str(include_str!("jpeg_golden.json")).unwrap();
    let golden = golden["files"].as_array().unwrap();
    let files = files();
    assert_eq!(files.len(), golden.len(), "the list of files");
    let mut wrong = Vec::new();
    for ((name, bytes), expected) in files.iter().zip(golden) {
        seeds::keep("picture", bytes);
        assert_eq!(
            (name.as_str(), crc(bytes)),
            (expected[0].as_str().unwrap(), expected[1].as_u64().unwrap()),
            "the file"
        );
        let size = |at: usize| expected[at].as_u64();
        match decode(bytes, &limits()) {
            Ok(picture) => {
                let got = (Some(picture.width().into()), Some(picture.height().into()), Some(crc(picture.rgb())));
                if got != (size(2), size(3), size(4)) {
                    wrong.push(format!("{name}: other pixels, or Pillow refuses it"));
                }
            }
            Err(error) if size(2).is_some() => wrong.push(format!("{name}: Pillow opens it; {error}")),
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

/// Motion JPEG has pictures without Huffman tables: those of T.81's annex K are meant, which Pillow writes by default.
#[test]
fn missing_tables_are_the_usual_ones() {
    let golden: Value = serde_json::from_str(include_str!("image_golden.json")).unwrap();
    for case in golden["jpeg"].as_array().unwrap().iter().filter(|c| c["name"] != "progressive") {
        let hex = case["file"].as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let mut bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let want = decode(&bytes, &limits()).unwrap();
        while let Some(at) = find(&bytes, 2, |m| m == 0xc4) {
            let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            bytes.drain(at..at + 2 + length);
        }
        assert_eq!(decode(&bytes, &limits()).unwrap(), want, "{}", case["name"]);
    }
}

#[test]
fn what_is_not_read_is_named() {
    let plan = plain(40, 24, &BOTH);
    let file = plan.write();
    let frame = find(&file, 2, |m| m == 0xc1).unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut file = file.clone();
        file[frame + at..frame + at + bytes.len()].copy_from_slice(bytes);
        decode(&file, &limits()).unwrap_err().to_string()
    };
    assert!(with(1, &[0xc3]).contains("lossless"));
    assert!(with(1, &[0xc9]).contains("arithmetic"));
    assert!(with(1, &[0xca]).contains("arithmetic"));
    assert!(with(1, &[0xc6]).contains("hierarchical"));
    assert!(with(4, &[12]).contains("bits per sample is 12"));
    assert!(with(5, &[0, 0]).contains("DNL"));
    assert!(with(11, &[0x50]).contains("sampling factor is 5"));
    assert!(with(11, &[0x32, 0, 2, 0x21]).contains("do not divide"));
    assert!(
        decode(&plain(20, 20, &[(4, 4), (1, 1), (1, 1)]).write(), &limits()).unwrap_err().to_string().contains("18")
    );
    let cut = decode(&file[..file.len() / 2 + 100], &limits()).unwrap_err();
    assert!(matches!(cut, ImageError::EndsInScan { scan: 1, rows: 2, .. }), "{cut}");
}

/// The size is decided before memory is taken, scans are counted as they come.
#[test]
fn cost_is_bounded() {
    let mut file = plain(16, 16, &FULL).write();
    let frame = find(&file, 2, |m| m == 0xc1).unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0x1f, 0xff, 0x1f, 0xff]);
    assert!(matches!(decode(&file, &limits()), Err(ImageError::TooLittleData { format: "JPEG", .. })));
    file[frame + 5..frame + 9].copy_from_slice(&[0x54, 0x60, 0x54, 0x60]);
    assert!(decode(&file, &limits()).unwrap_err().to_string().contains("21600x21600: a side is over"));
    file[frame + 5..frame + 9].copy_from_slice(&[0, 17, 0, 31]);
    let info = probe(&file, &limits()).unwrap();
    assert_eq!((info.container, info.width, info.height), (Container::Jpeg, 31, 17));
    let small = ImageLimits { pixels: 500, ..limits() };
    assert!(matches!(probe(&file, &small), Err(ImageError::TooManyPixels { .. })));
    let once = apart(plain(16, 16, &FULL));
    let many = Plan { scans: once.scans.iter().cycle().take(3000).cloned().collect(), ..once };
    assert_eq!(decode(&many.write(), &limits()), Err(ImageError::TooManyScans { limit: 100 }));
    let tight = ImageLimits { jpeg_work: 16 * 16 * 5, ..limits() };
    assert!(matches!(decode(&many.write(), &tight), Err(ImageError::TooMuchWork { scans: 6, .. })));
}

/// How a file is changed: bytes written over, put in, or cut away.
fn changed(mut bytes: Vec<u8>, edits: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    for (at, kind, value) in edits {
        let at = at.index(bytes.len());
        match kind % 8 {
            0 => bytes.insert(at, *value),
            1 => drop(bytes.drain(at..(at + usize::from(*value)).min(bytes.len()))),
            2 if *value < 32 => bytes.truncate(at.max(3)),
            3 => bytes[at] ^= 1 << (value % 8),
            4 => drop(bytes.splice(at..at, [0xff, *value])),
            _ => bytes[at] = *value,
        }
        if bytes.is_empty() {
            bytes.push(0xff);
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn changed_files_return(
        seed in 0u64..2000,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 1..8),
    ) {
        let file = changed(plans::file(seed, (1, 60)).1, &edits);
        // A changed size may be a large one; its time is bounded by this.
        let tight = ImageLimits { pixels: 1 << 20, ..limits() };
        if let Ok(picture) = decode(&file, &tight) {
            prop_assert_eq!(picture.rgb().len() as u64, u64::from(picture.width()) * u64::from(picture.height()) * 3);
        }
    }
}
