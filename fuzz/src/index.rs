//! The index of a searched folder: once as it is, and once as a sequence of records that get the hashes they should have,
//! which no change of bytes would find. A record is a byte with its kind, two with the length of its body, and the body.
//!
//! What was read ends where its last whole record does, and what was read up to there is the same; rows lie within it.

use ocelli_cli::readers::{Contents, Made, State, Wrong, record, rows_of};

/// Numbers a row.
const WIDTH: usize = 4;

/// The target.
pub fn index(bytes: &[u8]) {
    let made = Made { identity: 7, width: WIDTH, name: "tiny".to_owned(), settings: String::new() };
    let mut built = made.head();
    let mut rest = bytes;
    while let Some((&[kind, low, high], behind)) = rest.split_first_chunk() {
        let (body, behind) = behind.split_at(usize::from(u16::from_le_bytes([low, high])).min(behind.len()));
        record(kind, &[body], &mut built);
        rest = behind;
    }
    // What is behind the last is torn.
    built.extend_from_slice(rest);
    for file in [bytes, &built] {
        let contents = match read(file, &made) {
            Ok(Some(contents)) => contents,
            Ok(None) => continue,
            Err(Wrong::Reading(error)) => panic!("{error}"),
            Err(Wrong::Refused(what)) => {
                assert!(!what.is_empty());
                continue;
            }
            Err(Wrong::Model(other)) => {
                assert!(other != made);
                continue;
            }
        };
        let end = usize::try_from(contents.end).unwrap_or(usize::MAX);
        assert!(end <= file.len());
        for place in contents.rows.values() {
            assert!(rows_of(place.bytes, WIDTH).is_some() && place.offset + place.bytes as u64 <= contents.end);
        }
        for known in contents.known.values() {
            if let State::Seen(hash) = &known.state {
                assert!(contents.rows.contains_key(hash));
            }
        }
        let Ok(Some(again)) = read(&file[..end], &made) else { panic!("its beginning is no index") };
        assert_eq!(
            (again.end, again.rows.len(), again.known.len()),
            (contents.end, contents.rows.len(), contents.known.len())
        );
    }
}

fn read(mut file: &[u8], made: &Made) -> Result<Option<Contents>, Wrong> {
    let length = file.len() as u64;
    Contents::read(&mut file, length, made)
}
