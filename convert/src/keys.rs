//! The metadata of an output while it is being collected.

use ocelli_quant::gguf::MetaValue;

/// Keys in the order they will be written, and what was noticed on the way.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) values: Vec<(String, MetaValue)>,
    pub(crate) notes: Vec<String>,
    /// What renders conversations puts the begin token before a text that does not have it, as processors do.
    pub(crate) begins_chats: bool,
}

impl Keys {
    /// Sets a key.
    pub(crate) fn set(&mut self, key: impl Into<String>, value: impl Into<MetaValue>) {
        self.values.push((key.into(), value.into()));
    }

    /// Sets a key whether it was set before or not.
    pub(crate) fn replace(&mut self, key: &str, value: impl Into<MetaValue>) {
        self.remove(key);
        self.set(key, value);
    }

    /// Takes a key away that may have been set.
    pub(crate) fn remove(&mut self, key: &str) {
        self.values.retain(|(name, _)| name != key);
    }

    /// The number that was set under `key`.
    pub(crate) fn number(&self, key: &str) -> Option<u32> {
        self.values.iter().find_map(|(name, value)| match value {
            MetaValue::U32(number) if name == key => Some(*number),
            _ => None,
        })
    }

    /// The text that was set under `key`.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.iter().find_map(|(name, value)| match value {
            MetaValue::Str(text) if name == key => Some(text.as_str()),
            _ => None,
        })
    }

    /// The id of a token of the vocabulary that was set.
    pub(crate) fn token(&self, text: &str) -> Option<u32> {
        self.values.iter().find_map(|(name, value)| match value {
            MetaValue::Strings(tokens) if name == "tokenizer.ggml.tokens" => {
                tokens.iter().position(|token| token == text).and_then(|id| u32::try_from(id).ok())
            }
            _ => None,
        })
    }

    /// Keeps a remark for the report.
    pub(crate) fn note(&mut self, message: impl Into<String>) {
        self.notes.push(message.into());
    }
}
