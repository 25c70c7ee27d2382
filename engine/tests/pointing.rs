//! Phrases with their places against transformers' KOSMOS-2 processor, and other families' boxes.

#![allow(clippy::unwrap_used)]

use ocelli_engine::pointing::{Corners, Pointing};
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use std::sync::Arc;

/// The words of a phrase, its span and its boxes.
type Told = (String, (i64, i64), Vec<Corners>);

fn pointing(kind: &str, scale: u32) -> Pointing {
    read(kind, scale).unwrap().unwrap()
}

fn read(kind: &str, scale: u32) -> Result<Option<Pointing>, ocelli_engine::Error> {
    let mut writer = Writer::new();
    writer.set("ocelli.pointing.kind", MetaValue::Str(kind.to_owned()));
    writer.set("ocelli.pointing.scale", MetaValue::U32(scale));
    let bytes = writer.begin(Vec::new()).unwrap().finish().unwrap();
    Pointing::from_gguf(&Arc::new(Gguf::parse(Arc::new(bytes)).unwrap()))
}

#[test]
fn phrases_and_cells_are_the_originals() {
    let own = include_str!("pointing_golden.json").to_owned();
    let given = std::env::var_os("OCELLI_POINTING").map(|path| std::fs::read_to_string(path).unwrap());
    let mut golden: serde_json::Value = serde_json::from_str(&given.unwrap_or(own)).unwrap();
    // Texts as they are, as people read them, and their phrases; boxes with their two cells.
    let texts: Vec<(String, String, Vec<Told>)> = serde_json::from_value(golden["texts"].take()).unwrap();
    let boxes: Vec<(Corners, (u32, u32))> = serde_json::from_value(golden["boxes"].take()).unwrap();
    let cells = pointing("cells", 32);
    let mut phrases = 0;
    for (text, clean, entities) in &texts {
        let got = cells.read(text);
        let got_phrases: Vec<_> = got.phrases.iter().map(|p| (p.text.clone(), p.span, p.boxes.clone())).collect();
        assert_eq!((&got.text, &got_phrases), (clean, entities), "{text:?}");
        phrases += entities.len();
    }
    assert!(texts.len() > 200 && phrases > 200, "{phrases} phrases");
    for (corners, (first, last)) in &boxes {
        let wanted = format!("<object><patch_index_{first:04}><patch_index_{last:04}></object>");
        assert_eq!(cells.words(&[*corners]).unwrap(), wanted, "{corners:?}");
    }
}

#[test]
fn places_are_typed_into_prompts() {
    let cells = pointing("cells", 32);
    let one = cells.placed("<phrase> it</phrase><box>0,0,1,1</box> is").unwrap();
    assert_eq!(one, "<phrase> it</phrase><object><patch_index_0000><patch_index_1023></object> is");
    let two = cells.placed("<box>0,0,0.5,0.5</box> <box>.5,.5,1,1</box> or <box>0,0,1,0.1</box>").unwrap();
    assert_eq!(
        two,
        "<object><patch_index_0000><patch_index_0495></delimiter_of_multi_objects/><patch_index_0528><patch_index_1023></object> \
         or <object><patch_index_0000><patch_index_0127></object>"
    );
    assert_eq!(cells.placed("no place </box> <boxes>").unwrap(), "no place </box> <boxes>");
    for bad in
        ["<box>1,2</box>", "<box>0,0,1,1", "<box>0.5,0,0.5,1</box>", "<box>0,0,1,1.5</box>", "<box>0,nan,1,1</box>"]
    {
        assert_eq!(cells.placed(bad).unwrap_err().code(), "option", "{bad}");
    }
    assert_eq!(
        pointing("json", 1000).placed("<box>0,0.25,0.5,1</box>").unwrap(),
        "[{\"bbox_2d\": [0, 250, 500, 1000]}]"
    );
    let locations = pointing("locations", 1024).placed("<box>0,0.25,0.5,1</box>").unwrap();
    assert_eq!(locations, "<loc0256><loc0000><loc1023><loc0512>");
}

#[test]
fn json_and_location_tokens_are_read() {
    let qwen = pointing("json", 1000);
    let answer = "```json\n[\n\t{\"bbox_2d\": [100, 250, 500, 1000], \"label\": \"the \\\"red\\\" dog\"},\n\
                  \t{\"label\": \"é\", \"bbox_2d\": [0,0,10,10]}, {\"bbox_2d\": [1, 2], \"label\": \"x\"}, {\"bbox_2d\": [10, 20";
    let got = qwen.read(answer);
    assert_eq!(got.text, answer);
    let phrases: Vec<_> = got.phrases.iter().map(|p| (p.text.as_str(), p.boxes[0])).collect();
    assert_eq!(phrases, [("the \"red\" dog", [0.1, 0.25, 0.5, 1.0]), ("é", [0.0, 0.0, 0.01, 0.01])]);
    let got = pointing("locations", 1024)
        .read("<loc0256><loc0000><loc0512><loc1023> a cat ; <loc0000><loc0000><loc0001><loc0001>dog<loc1");
    let phrases: Vec<_> = got.phrases.iter().map(|p| (p.text.as_str(), p.span, p.boxes[0])).collect();
    assert_eq!(phrases[0], ("a cat", (1, 6), [0.0, 0.25, 1023.0 / 1024.0, 0.5]));
    assert_eq!((phrases.len(), phrases[1].0, got.text.as_str()), (2, "dog", " a cat ; dog<loc1"));
    assert!(qwen.read("nothing here").phrases.is_empty());
}

/// Long texts of what could be read over and over are read once.
#[test]
fn long_texts_take_no_longer_than_they_are() {
    let many = |piece: &str| piece.repeat(2_000_000 / piece.len());
    let start = std::time::Instant::now();
    for kind in ["cells", "json", "locations"] {
        for piece in [
            "<",
            "<>",
            "<object><patch_index_",
            "<phrase>",
            "<phrase>a</phrase><object><patch_index_1><patch_index_2></object>",
            "<loc1><loc2><loc3><loc4>",
            "<loc1><loc2>",
            "{\"bbox_2d\": [1, 2, 3, 4",
            "<patch_index_1>",
        ] {
            let told = pointing(kind, 32).read(&many(piece));
            assert!(told.text.len() <= 2_000_000, "{kind} {piece}");
        }
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn what_no_file_may_say_is_refused_by_name() {
    for (kind, scale, named) in [("arrows", 32, "kind"), ("cells", 0, "scale"), ("cells", 1 << 20, "scale")] {
        let error = read(kind, scale).unwrap_err().to_string();
        assert!(error.contains(&format!("ocelli.pointing.{named}")), "{error}");
    }
}
