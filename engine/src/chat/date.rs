//! `strftime_now`: the date and time that some templates tell the model, in UTC since the library knows no other zone.
//!
//! Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`; C's `strftime`.

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
const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// A time, in seconds since 1970, as `format` says. Directives that are not known stand as they are.
pub(super) fn formatted(format: &str, seconds: u64) -> String {
    let days = seconds / 86400;
    // Years begin in March here, so that the leap day is the last.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let month_name = MONTHS[(month as usize - 1) % 12];
    let day_name = DAYS[(days % 7) as usize];

    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('Y') => out.push_str(&year.to_string()),
            Some('y') => out.push_str(&format!("{:02}", year % 100)),
            Some('m') => out.push_str(&format!("{month:02}")),
            Some('d') => out.push_str(&format!("{day:02}")),
            Some('B') => out.push_str(month_name),
            Some('b') => out.push_str(&month_name[..3]),
            Some('A') => out.push_str(day_name),
            Some('a') => out.push_str(&day_name[..3]),
            Some('H') => out.push_str(&format!("{hour:02}")),
            Some('I') => out.push_str(&format!("{:02}", (hour + 11) % 12 + 1)),
            Some('p') => out.push_str(if hour < 12 { "AM" } else { "PM" }),
            Some('M') => out.push_str(&format!("{minute:02}")),
            Some('S') => out.push_str(&format!("{second:02}")),
            Some('F') => out.push_str(&format!("{year}-{month:02}-{day:02}")),
            Some('T') => out.push_str(&format!("{hour:02}:{minute:02}:{second:02}")),
            Some('%') => out.push('%'),
            Some(other) => out.extend(['%', other]),
            None => out.push('%'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::formatted;

    /// Against Python's `datetime.fromtimestamp(n, timezone.utc).strftime`.
    #[test]
    fn dates_are_the_calendars() {
        let all = "%A %a %d %B %b %Y %y %m %H:%M:%S %I %p";
        assert_eq!(formatted(all, 0), "Thursday Thu 01 January Jan 1970 70 01 00:00:00 12 AM");
        assert_eq!(formatted(all, 951_782_399), "Monday Mon 28 February Feb 2000 00 02 23:59:59 11 PM");
        assert_eq!(formatted("%F %T", 951_825_600), "2000-02-29 12:00:00");
        assert_eq!(formatted("%d %b %Y", 1_735_689_599), "31 Dec 2024");
        assert_eq!(formatted("%d %b %Y", 1_735_689_600), "01 Jan 2025");
        assert_eq!(formatted("%Y-%m-%d", 4_107_542_400), "2100-03-01");
        assert_eq!(formatted("%Q 100%% %", 0), "%Q 100% %");
    }
}
