//! Requests of `--batch` and demonstrations of `--shots`: JSON lines, as their file has them.
//!
//! Of each line the fields are read as the commands read them, right or wrong. An answer's line begins with the request's
//! identifier as it is written there, so it has to be one line of JSON.

use ocelli_cli::readers::{Notes, Requests};
use serde::de::IgnoredAny;
use std::path::Path;

/// Names that some command reads; one of them is in no line by chance.
const KNOWN: [&str; 6] = ["prompt", "image", "images", "video", "videos", "max_tokens"];

/// The target.
pub fn lines(bytes: &[u8]) {
    let read = || Requests::of("lines".to_owned(), Path::new("folder"), bytes.to_vec(), 7, &KNOWN, &Notes::new(true));
    let Ok(mut requests) = read() else { return };
    let answers: Vec<String> = (0..requests.len()).map(|at| requests.answer(at)).collect();
    for (at, answer) in answers.iter().enumerate() {
        let request = requests.get(at);
        let whole = format!("{answer}}}");
        // A number may be too large for any type, and a list deeper than a reader goes.
        assert!(!whole.contains('\n') && serde_json::from_str::<IgnoredAny>(&whole).is_ok(), "{whole:?}");
        match &request.fields {
            Ok(fields) => {
                for name in fields.names().map(str::to_owned).collect::<Vec<_>>() {
                    let raw = fields.raw(&name).unwrap_or("null");
                    assert!(serde_json::from_str::<IgnoredAny>(raw).is_ok(), "{raw:?}");
                    let _ = (fields.text(&name), fields.texts(&name), fields.number(&name, 1..=9));
                }
            }
            Err(what) => assert!(what.len() < 2000, "{} bytes of an error", what.len()),
        }
        let _ = request.images().map(|images| assert!(images.len() <= 256));
        let _ = request.asked(Some("text"));
    }
    // Parts one behind the other are the whole.
    let parts = 1 + bytes.len() % 4;
    let mut again = Vec::new();
    for part in 1..=parts {
        let Ok(mut shard) = read() else { panic!("it was read before") };
        shard.shard(part, parts);
        again.extend((0..shard.len()).map(|at| shard.answer(at)));
    }
    assert!(again == answers);
    requests.shard(1, 1);
}
