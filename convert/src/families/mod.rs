//! The registry of families: one file each, and one line here.

mod blip2;
mod first_stage;
pub(crate) mod flamingo;
mod frozen;
mod gemma3;
mod instructblip;
mod internvl;
pub(crate) mod kosmos;
pub(crate) mod lavis;
mod lfm2_vl;
pub(crate) mod llava;
pub(crate) mod minigpt4;
mod mplug_owl;
pub(crate) mod open_flamingo;
mod qwen_vl;
mod smolvlm;
mod text;

use crate::checkpoint::Checkpoint;
use crate::error::{ConvertError, shown};
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::{Inputs, Object};
use ocelli_quant::gguf::keys::{VERSION, VERSION_KEY};

/// Makes a model of a configuration and a checkpoint's shapes.
type Read = fn(&Object, &Checkpoint) -> Result<Box<dyn Model>, ConvertError>;

/// A kind of checkpoint.
pub(crate) struct Family {
    /// The name in the output and in options.
    pub(crate) name: &'static str,
    /// Values of `model_type` in `config.json`.
    pub(crate) model_types: &'static [&'static str],
    /// Reads the configuration, and from the checkpoint's shapes what a configuration need not say.
    pub(crate) read: Read,
}

/// A configuration that has been read and found to be supported.
pub(crate) trait Model {
    /// The language model's name in the output.
    fn architecture(&self) -> &'static str;
    /// The rules for its tensors.
    fn layout(&self) -> Layout;
    /// Another spelling of a tensor name, tried where the plain names are unknown.
    fn canonical(&self, name: &str) -> String {
        name.to_owned()
    }
    /// Its metadata.
    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError>;
}

/// Every family.
pub(crate) const ALL: &[&Family] = &[
    &blip2::FAMILY,
    &flamingo::FAMILY,
    &frozen::FAMILY,
    &gemma3::FAMILY,
    &instructblip::FAMILY,
    &internvl::FAMILY,
    &kosmos::FAMILY,
    &lfm2_vl::FAMILY,
    &llava::FAMILY,
    &minigpt4::FAMILY,
    &mplug_owl::FAMILY,
    &qwen_vl::FAMILY,
    &smolvlm::FAMILY,
    &text::FAMILY,
];

/// The family asked for, or the one of the configuration.
pub(crate) fn find(name: Option<&str>, config: &Object) -> Result<&'static Family, ConvertError> {
    let known = || {
        let names: Vec<_> = ALL.iter().map(|f| format!("{} ({})", f.name, f.model_types.join(", "))).collect();
        names.join("; ")
    };
    if let Some(name) = name {
        let found = ALL.iter().find(|family| family.name == name);
        return found.copied().ok_or_else(|| ConvertError::NoSuchFamily { name: shown(name), known: known() });
    }
    let model_type = config.text("model_type")?.unwrap_or("");
    let found = ALL.iter().find(|family| family.model_types.contains(&model_type));
    found.copied().ok_or_else(|| ConvertError::UnknownFamily { model_type: shown(model_type), known: known() })
}

/// Keys every output has. Nothing here depends on the machine, the path or the time.
pub(crate) fn general_keys(
    keys: &mut Keys,
    family: &Family,
    architecture: &str,
    config: &Object,
    file_type: u32,
) -> Result<(), ConvertError> {
    let origin = config.text("_name_or_path")?.filter(|name| is_repository(name));
    keys.set("general.architecture", architecture);
    let default = format!("{}-{architecture}", family.name);
    keys.set("general.name", origin.and_then(|name| name.split('/').nth(1)).unwrap_or(&default));
    keys.set("general.file_type", file_type);
    keys.set("general.quantization_version", 2u32);
    keys.set(VERSION_KEY, VERSION);
    keys.set("ocelli.family", family.name);
    if let Some(origin) = origin {
        keys.set("ocelli.source", origin);
    }
    Ok(())
}

/// Whether a name is `owner/repository` and not a path on somebody's machine.
fn is_repository(name: &str) -> bool {
    let plain = |part: &str| {
        let starts_well = part.starts_with(|c: char| c.is_ascii_alphanumeric());
        starts_well && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    name.len() <= 200 && name.split('/').count() == 2 && name.split('/').all(plain)
}
