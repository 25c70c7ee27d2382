//! Chat templates, wherever a source has them.
//!
//! Source: transformers 4.57.6 and 5.x, and the names of gguf-py. A template lies in a file of its own, in the
//! processor's files, or in `tokenizer_config.json`, alone or as a list by name; the first of these places is followed.
//!
//! The non-obvious thing: the one named `default` is the template; others, such as `tool_use`, are kept beside it.

use std::fs;
use std::path::Path;

use ocelli_quant::Size;
use serde_json::Value;

use super::config::CONFIG;
use crate::error::{ConvertError, shown};
use crate::json;
use crate::keys::Keys;
use crate::settings::{Inputs, Object};

const FILE: &str = "chat_template.jinja";
const MORE: &str = "additional_chat_templates";
/// The processor's, as older versions write it and as newer ones do.
const PROCESSOR: [&str; 2] = ["chat_template.json", "processor_config.json"];
const DEFAULT: &str = "default";
/// Longest template that is used, in bytes.
const LONGEST: usize = 256 << 10;
/// Most templates.
const MOST: usize = 64;

/// Templates by name.
type Templates = Vec<(String, String)>;

/// Sets the keys of the templates.
pub(crate) fn keys(inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
    let mut found: Vec<(&str, Templates)> = Vec::new();
    for directory in directories(inputs) {
        found.push((FILE, files(directory)?));
    }
    // Of the second, only this is of interest here; its other settings are read where pictures are.
    let processor = [inputs.settings.read(inputs.source, PROCESSOR[0])?, Object::read(inputs.source, PROCESSOR[1])?];
    for (name, file) in PROCESSOR.iter().zip(processor) {
        found.push((name, file.as_ref().map_or(Ok(Vec::new()), listed)?));
    }
    let config = inputs.settings.read(inputs.tokenizer, CONFIG)?;
    found.push((CONFIG, config.as_ref().map_or(Ok(Vec::new()), listed)?));

    let mut all = found.into_iter().filter(|(_, templates)| !templates.is_empty());
    let Some((place, templates)) = all.next() else { return Ok(()) };
    for (other, _) in all.filter(|(_, others)| *others != templates) {
        keys.note(format!("{other} has another chat template than {place}, which is followed"));
    }
    if templates.len() > MOST {
        let message = format!("{} chat templates, at most {MOST} are read", templates.len());
        return Err(ConvertError::Tokenizer { file: place.to_owned(), message });
    }
    if keys.text("tokenizer.chat_template").is_some() {
        keys.note(format!("{place} has a chat template, but the model's own conversation is followed"));
        return Ok(());
    }
    set(place, templates, keys);
    Ok(())
}

/// Those that files of templates are looked for in.
fn directories<'a>(inputs: &Inputs<'a>) -> Vec<&'a Path> {
    let mut all = vec![inputs.tokenizer, inputs.source];
    all.dedup();
    all
}

fn set(place: &str, templates: Templates, keys: &mut Keys) {
    let mut names = Vec::new();
    let mut default = None;
    for (name, template) in templates {
        if template.len() > LONGEST {
            let size = Size::over(template.len() as u64, LONGEST as u64);
            keys.note(format!("{place}: the chat template '{}' of {size}, and is not run", shown(&name)));
        }
        // A key's name has no other characters.
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let begins = keys.begins_chats && !template.contains("bos_token");
        let template = if begins { format!("{{{{ bos_token }}}}{template}") } else { template };
        if name == DEFAULT {
            default = Some(template);
        } else if plain.is_empty() || names.contains(&plain) {
            keys.note(format!("{place}: the chat template '{}' has no name of its own and is left out", shown(&name)));
        } else {
            keys.set(format!("tokenizer.chat_template.{plain}"), template);
            names.push(plain);
        }
    }
    if default.is_none() {
        keys.note(format!("{place}: none of the chat templates is named '{DEFAULT}', so that a chat has none"));
    }
    if !names.is_empty() {
        keys.set("tokenizer.chat_templates", names);
    }
    if let Some(default) = default {
        keys.set("tokenizer.chat_template", default);
    }
}

/// Those that are files.
fn files(directory: &Path) -> Result<Templates, ConvertError> {
    let mut found = Vec::new();
    let read = |directory: &Path, name: &str| -> Result<Option<String>, ConvertError> {
        let Some(bytes) = json::read_file(directory, name, json::CONFIG_BYTES)? else { return Ok(None) };
        String::from_utf8(bytes).map(Some).map_err(|error| ConvertError::Tokenizer {
            file: name.to_owned(),
            message: format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to()),
        })
    };
    if let Some(template) = read(directory, FILE)? {
        found.push((DEFAULT.to_owned(), template));
    }
    let more = directory.join(MORE);
    let entries = fs::read_dir(&more).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    for file in names.iter().take(MOST + 1) {
        if let Some(name) = file.strip_suffix(".jinja")
            && let Some(template) = read(&more, file)?
        {
            found.push((name.to_owned(), template));
        }
    }
    Ok(found)
}

/// Those under `chat_template`: a text, a list of names and templates, or an object of them.
fn listed(file: &Object) -> Result<Templates, ConvertError> {
    const KEY: &str = "chat_template";
    let pair = |name: &str, template: &str| (name.to_owned(), template.to_owned());
    let found: Option<Templates> = match file.whole(KEY) {
        None => Some(Vec::new()),
        Some(Value::String(template)) => Some(vec![pair(DEFAULT, template)]),
        Some(Value::Array(templates)) => templates
            .iter()
            .map(|entry| Some(pair(entry.get("name")?.as_str()?, entry.get("template")?.as_str()?)))
            .collect(),
        Some(Value::Object(templates)) => {
            templates.iter().map(|(name, template)| Some(pair(name, template.as_str()?))).collect()
        }
        Some(_) => None,
    };
    found.ok_or_else(|| {
        let value = file.whole(KEY).unwrap_or(&Value::Null);
        file.mismatch(KEY, "a template, or a list of names and templates", value)
    })
}
