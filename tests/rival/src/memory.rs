//! Resident memory of this process by kind, as Linux counts it.

use crate::Result;

/// Megabytes (10^6).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Resident {
    /// The process's own: heap, repacked weights, keys and values.
    pub anonymous: f64,
    /// Mapped files: the program and the model.
    pub file: f64,
}

impl Resident {
    /// Now.
    pub fn now() -> Result<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/status")?)
    }

    fn parse(status: &str) -> Result<Self> {
        let field = |name: &str| -> Result<f64> {
            let line = status.lines().find_map(|l| l.strip_prefix(name));
            let number = line.and_then(|l| l.trim_start_matches(':').split_whitespace().next());
            Ok(number.ok_or_else(|| format!("the system does not count {name}"))?.parse::<f64>()? * 1024.0 / 1e6)
        };
        Ok(Self { anonymous: field("RssAnon")?, file: field("RssFile")? })
    }

    /// What was added since.
    pub fn since(self, before: Self) -> Self {
        Self { anonymous: self.anonymous - before.anonymous, file: self.file - before.file }
    }

    /// The greater of each.
    pub fn max(self, other: Self) -> Self {
        Self { anonymous: self.anonymous.max(other.anonymous), file: self.file.max(other.file) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_by_kind() {
        let r = Resident::parse("VmRSS:\t 9 kB\nRssAnon:\t    1000 kB\nRssFile:\t  500 kB\n").ok();
        assert_eq!(r, Some(Resident { anonymous: 1.024, file: 0.512 }));
        assert!(Resident::parse("VmRSS: 9 kB\n").is_err());
    }
}
