//! Resident memory of a process by kind, as Linux counts it.

use crate::Result;

/// Megabytes (10^6).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Resident {
    /// The process's own: heap, repacked weights, keys and values.
    pub anonymous: f64,
    /// Mapped files: the program and the model.
    pub file: f64,
    /// Both at one time.
    pub together: f64,
}

impl Resident {
    /// Of a process, now.
    pub fn of(process: u32) -> Result<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{process}/status"))?)
    }

    fn parse(status: &str) -> Result<Self> {
        let field = |name: &str| -> Result<f64> {
            let line = status.lines().find_map(|l| l.strip_prefix(name));
            let number = line.and_then(|l| l.trim_start_matches(':').split_whitespace().next());
            Ok(number.ok_or_else(|| format!("the system does not count {name}"))?.parse::<f64>()? * 1024.0 / 1e6)
        };
        let (anonymous, file) = (field("RssAnon")?, field("RssFile")?);
        Ok(Self { anonymous, file, together: anonymous + file })
    }

    /// The greater of each.
    pub fn max(self, other: Self) -> Self {
        Self {
            anonymous: self.anonymous.max(other.anonymous),
            file: self.file.max(other.file),
            together: self.together.max(other.together),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_by_kind() {
        let r = Resident::parse("VmRSS:\t 9 kB\nRssAnon:\t    1000 kB\nRssFile:\t  500 kB\n").ok();
        assert_eq!(r, Some(Resident { anonymous: 1.024, file: 0.512, together: 1.536 }));
        assert!(Resident::parse("VmRSS: 9 kB\n").is_err());
    }
}
