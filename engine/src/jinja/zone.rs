//! How far the clock on the wall is ahead of UTC, as Python's `datetime.now()` has it.
//!
//! Source: POSIX, "Environment Variables", `TZ`; time zone files (RFC 9636), which the crate tz-rs reads. Where `TZ` is not
//! set the zone is that of /etc/localtime. The non-obvious thing: nothing here is an error. A zone that is empty, not known
//! or not there means UTC, as in C's library; so it does on systems that have neither of the two, such as Windows.

use std::error::Error;
use std::ffi::OsStr;
use std::io::Read;
use tz::timezone::{TimeZone, TimeZoneSettings};

/// Longest file that is read, in bytes; the longest of the published ones have four thousand.
const LONGEST: u64 = 1 << 20;

/// Seconds that a clock of the zone `variable`, the value of `TZ`, is ahead of UTC at `seconds` since 1970.
pub(super) fn ahead(variable: Option<&OsStr>, seconds: i64) -> i64 {
    let settings = TimeZoneSettings::new(TimeZoneSettings::DEFAULT_DIRECTORIES, read);
    let zone = match variable.map(OsStr::to_str) {
        None => settings.parse_local(),
        Some(Some(zone)) if !zone.is_empty() => settings.parse_posix_tz(zone),
        Some(_) => return 0,
    };
    let of = |zone: TimeZone| zone.find_local_time_type(seconds).map_or(0, |local| local.ut_offset());
    zone.map_or(0, of).into()
}

/// A file of a zone; no directory, device or pipe, which might not end.
fn read(path: &str) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err("not a file".into());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
