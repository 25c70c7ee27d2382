//! Numbers of bytes for people: binary units, three digits.
//!
//! Places in a file are told in bytes, since they are looked up; what is weighed is told like this.

use std::fmt;

/// A number of bytes, shown as `512 B`, `1.50 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl Size {
    /// Two that are compared: in bytes where they would look the same.
    #[must_use]
    pub fn both(first: u64, second: u64) -> [String; 2] {
        let shown = [Self(first).to_string(), Self(second).to_string()];
        if first != second && shown[0] == shown[1] {
            [first, second].map(|bytes| format!("{bytes} bytes"))
        } else {
            shown
        }
    }

    /// `3.00 MiB is over the limit of 2.00 MiB`.
    #[must_use]
    pub fn over(bytes: u64, limit: u64) -> String {
        let [bytes, limit] = Self::both(bytes, limit);
        format!("{bytes} is over the limit of {limit}")
    }

    /// To the byte, as a file's length is compared with what another program says; what is large also for people.
    #[must_use]
    pub fn exact(self) -> String {
        if self.0 < 1 << 20 { format!("{} bytes", self.0) } else { format!("{} bytes ({self})", self.0) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        #[allow(clippy::cast_precision_loss)]
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        while value >= 1000.0 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
        write!(f, "{value:.decimals$} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_have_three_digits() {
        let shown: Vec<String> = [0, 1023, 1024, 10 << 10, 999 << 10, 1000 << 10, 3 << 30, 5 << 50]
            .into_iter()
            .map(|bytes| Size(bytes).to_string())
            .collect();
        let wanted = ["0 B", "1023 B", "1.00 KiB", "10.0 KiB", "999 KiB", "0.98 MiB", "3.00 GiB", "5120 TiB"];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn what_is_compared_looks_different() {
        assert_eq!(Size::both(3 << 30, 1 << 20), ["3.00 GiB", "1.00 MiB"]);
        assert_eq!(Size::both(3 << 30, (3 << 30) + 1), ["3221225472 bytes", "3221225473 bytes"]);
        assert_eq!(Size::both(7, 7), ["7 B", "7 B"]);
        assert_eq!(Size::over(70_000_000, 64 << 20), "66.8 MiB is over the limit of 64.0 MiB");
        assert_eq!([Size(9).exact(), Size(3 << 30).exact()], ["9 bytes", "3221225472 bytes (3.00 GiB)"]);
    }
}
