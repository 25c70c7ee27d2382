//! `strftime_now`: the date and time that some templates tell the model.
//!
//! Source: C's `strftime` as glibc has it in the C locale, behind Python's `datetime.strftime`; Howard Hinnant,
//! "chrono-compatible low-level date algorithms". The non-obvious thing: the time is that of the system's zone
//! but says nothing of it, as that of `datetime.now()`, so `%z` and `%Z` are empty.

use super::{R, fail, zone};
use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A moment where the clock hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    /// Seconds since 1970 in UTC.
    pub(crate) seconds: i64,
    pub(crate) microseconds: u32,
    /// What the clock shows more than UTC, in seconds.
    pub(crate) offset: i64,
}

impl Time {
    /// Now, in the system's zone. A clock before 1970 reads as 1970.
    pub(crate) fn now() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = now.as_secs() as i64;
        let offset = zone::ahead(std::env::var_os("TZ").as_deref(), seconds);
        Self { seconds, microseconds: now.subsec_micros(), offset }
    }
}

struct Date {
    year: i64,
    /// From 1.
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    /// From 0.
    day_of_year: i64,
    /// 0 is Sunday.
    weekday: i64,
}

fn date(time: &Time) -> Date {
    let local = time.seconds + time.offset;
    let (days, seconds) = (local.div_euclid(86400), local.rem_euclid(86400));
    // Years begin in March here, so that the leap day is the last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * from_march + 2) / 153;
    let day = from_march - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let day_of_year = if month > 2 { from_march + 59 + i64::from(is_leap(year)) } else { from_march - 306 };
    Date {
        year,
        month,
        day,
        hour: seconds / 3600,
        minute: seconds / 60 % 60,
        second: seconds % 60,
        day_of_year,
        weekday: (days + 4).rem_euclid(7),
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

impl Date {
    /// The year and week of ISO 8601.
    fn iso(&self) -> (i64, i64) {
        let monday_based = (self.weekday + 6) % 7;
        let week = (self.day_of_year - monday_based + 10) / 7;
        let weeks = |year: i64| {
            // A year has 53 weeks where it begins or ends with a Thursday.
            let last =
                |year: i64| (year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400)).rem_euclid(7);
            if last(year) == 4 || last(year - 1) == 3 { 53 } else { 52 }
        };
        if week < 1 {
            (self.year - 1, weeks(self.year - 1))
        } else if week > weeks(self.year) {
            (self.year + 1, 1)
        } else {
            (self.year, week)
        }
    }
}

/// What stands between the percent sign and the letter.
#[derive(Default, Clone, Copy)]
struct Flags {
    pad: Option<char>,
    upper: bool,
    swap: bool,
    width: usize,
}

impl Flags {
    fn any(self) -> bool {
        self.pad.is_some() || self.upper || self.swap || self.width > 0
    }
}

/// Most digits of a width.
const WIDEST: usize = 1000;

/// A time as `format` says. A directive that is not known is refused.
pub(super) fn formatted(format: &str, time: &Time) -> R<String> {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut flags = Flags::default();
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '_' | '0' | '^' | '#')) {
            match flag {
                '^' => flags.upper = true,
                '#' => flags.swap = true,
                pad => flags.pad = Some(pad),
            }
        }
        while let Some(digit) = chars.next_if(char::is_ascii_digit) {
            flags.width = flags.width * 10 + digit as usize - '0' as usize;
            if flags.width > WIDEST {
                return fail(format!("strftime_now: a width is over the limit of {WIDEST}"));
            }
        }
        match chars.next() {
            Some(directive) => one(directive, flags, time, &mut out)?,
            None if flags.any() => return fail("strftime_now: the format ends in a directive"),
            None => out.push('%'),
        }
    }
    Ok(out)
}

fn one(directive: char, flags: Flags, time: &Time, out: &mut String) -> R<()> {
    let it = date(time);
    let number = |value: i64, digits: usize| numbered(value, digits, flags);
    let spaced = |value: i64| numbered(value, 2, Flags { pad: flags.pad.or(Some('_')), ..flags });
    let word = |word: &str| {
        let upper = flags.upper || flags.swap;
        padded(if upper { word.to_uppercase() } else { word.to_owned() }, flags)
    };
    let twelve = (it.hour + 11) % 12 + 1;
    let half = if it.hour < 12 { "AM" } else { "PM" };
    let several = |format: &str| -> R<String> {
        if flags.swap {
            return fail(format!("strftime_now: %#{directive} is not known"));
        }
        let text = formatted(format, time)?;
        Ok(padded(if flags.upper { text.to_uppercase() } else { text }, flags))
    };
    let (iso_year, iso_week) = it.iso();
    let text = match directive {
        'Y' => number(it.year, 1),
        'C' => number(it.year.div_euclid(100), 2),
        'y' => number(it.year.rem_euclid(100), 2),
        'G' => number(iso_year, 1),
        'g' => number(iso_year.rem_euclid(100), 2),
        'm' => number(it.month, 2),
        'd' => number(it.day, 2),
        'e' => spaced(it.day),
        'H' => number(it.hour, 2),
        'k' => spaced(it.hour),
        'I' => number(twelve, 2),
        'l' => spaced(twelve),
        'M' => number(it.minute, 2),
        'S' => number(it.second, 2),
        'j' => number(it.day_of_year + 1, 3),
        'U' => number((it.day_of_year + 7 - it.weekday) / 7, 2),
        'W' => number((it.day_of_year + 7 - (it.weekday + 6) % 7) / 7, 2),
        'V' => number(iso_week, 2),
        'u' => number((it.weekday + 6) % 7 + 1, 1),
        'w' => number(it.weekday, 1),
        's' => padded(time.seconds.to_string(), flags),
        'a' => word(&DAYS[it.weekday as usize][..3]),
        'A' => word(DAYS[it.weekday as usize]),
        'b' | 'h' => word(&MONTHS[it.month as usize - 1][..3]),
        'B' => word(MONTHS[it.month as usize - 1]),
        'p' if flags.swap => padded(half.to_lowercase(), flags),
        'p' => padded(half.to_owned(), flags),
        'P' => padded(half.to_lowercase(), flags),
        'c' => several("%a %b %e %H:%M:%S %Y")?,
        'x' | 'D' => several("%m/%d/%y")?,
        'X' | 'T' => several("%H:%M:%S")?,
        'r' => several("%I:%M:%S %p")?,
        'R' => several("%H:%M")?,
        'F' if !flags.any() => several("%Y-%m-%d")?,
        'n' if !flags.any() => "\n".to_owned(),
        't' if !flags.any() => "\t".to_owned(),
        '%' if !flags.any() => "%".to_owned(),
        'f' if !flags.any() => format!("{:06}", time.microseconds),
        'z' | 'Z' if !flags.any() => String::new(),
        other if flags.any() => return fail(format!("strftime_now: %{other} with these flags is not known")),
        other => return fail(format!("strftime_now: %{other} is not known")),
    };
    out.push_str(&text);
    Ok(())
}

fn numbered(value: i64, digits: usize, flags: Flags) -> String {
    let text = value.to_string();
    let missing = digits.max(flags.width).saturating_sub(text.len());
    match flags.pad {
        Some('-') => padded(text, flags),
        Some('_') => " ".repeat(missing) + &text,
        _ => "0".repeat(missing) + &text,
    }
}

fn padded(text: String, flags: Flags) -> String {
    let missing = flags.width.saturating_sub(text.len());
    let fill = if flags.pad == Some('0') { "0" } else { " " };
    fill.repeat(missing) + &text
}
