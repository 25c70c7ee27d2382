//! The metadata of an output while it is being collected.

use ocelli_quant::gguf::MetaValue;

/// Keys in the order they will be written, and what was noticed on the way.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) values: Vec<(String, MetaValue)>,
    pub(crate) notes: Vec<String>,
}

impl Keys {
    /// Sets a key.
    pub(crate) fn set(&mut self, key: impl Into<String>, value: impl Into<MetaValue>) {
        self.values.push((key.into(), value.into()));
    }

    /// Keeps a remark for the report.
    pub(crate) fn note(&mut self, message: impl Into<String>) {
        self.notes.push(message.into());
    }
}
