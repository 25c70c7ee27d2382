//! Settings that nobody understood, as errors have them.

use std::fmt;

/// A setting that was met and not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownSetting {
    /// The file.
    pub file: String,
    /// The path of the key in it, such as `text_config.hidden_size`.
    pub key: String,
    /// Its value, cut where it is long.
    pub value: String,
    /// Which values are understood, where the key is known.
    pub rule: Option<String>,
}

impl fmt::Display for UnknownSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, key, value, rule } = self;
        write!(f, "{file}: {key} = {value}")?;
        rule.as_ref().map_or(Ok(()), |rule| write!(f, " ({rule})"))
    }
}
