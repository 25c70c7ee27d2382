//! What a model's makers have it do, by name: how the prompt is worded and how the text is chosen, as its file says.

use super::Defaults;

/// Where a wording takes the text that is given.
const PLACE: &str = "{}";

/// A task of a model's file, such as `caption` or `vqa`.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// The prompt: with one place `{}` for what is asked, or a text of its own.
    pub prompt: Option<String>,
    /// What every prompt of it begins with.
    pub begin: Option<String>,
    /// What the file suggests for texts of this task; what the task does not say is as for all others.
    pub defaults: Defaults,
}

impl Task {
    /// Whether the wording has a place for a text, so that there must be one.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.prompt.as_deref().is_some_and(|prompt| prompt.contains(PLACE))
    }

    /// The prompt's text: what is asked in its place, or a text in the stead of the task's own. An empty text is none.
    #[must_use]
    pub fn words(&self, text: &str) -> String {
        let words = match &self.prompt {
            Some(prompt) if prompt.contains(PLACE) => prompt.replacen(PLACE, text, 1),
            Some(prompt) if text.is_empty() => prompt.clone(),
            _ => text.to_owned(),
        };
        match &self.begin {
            Some(begin) if !words.starts_with(begin.as_str()) => format!("{begin}{words}"),
            _ => words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_into_its_place_or_instead() {
        let task = |prompt: Option<&str>| Task {
            name: "x".to_owned(),
            prompt: prompt.map(str::to_owned),
            begin: None,
            defaults: Defaults::default(),
        };
        let asked = task(Some("Question: {} Short answer:"));
        assert!(asked.asks());
        assert_eq!(asked.words("a {} b?"), "Question: a {} b? Short answer:");
        let told = task(Some("a photo of"));
        assert!(!told.asks());
        assert_eq!((told.words("").as_str(), told.words("two cats").as_str()), ("a photo of", "two cats"));
        let pointing = Task { begin: Some("<grounding>".to_owned()), ..task(Some("An image of")) };
        assert_eq!(pointing.words(""), "<grounding>An image of");
        assert_eq!(
            (pointing.words("it"), pointing.words("<grounding> it")),
            ("<grounding>it".to_owned(), "<grounding> it".to_owned())
        );
        assert_eq!((task(None).words(""), task(None).words("so")), (String::new(), "so".to_owned()));
    }
}
