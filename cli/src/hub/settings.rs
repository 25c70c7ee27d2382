//! Where the hub and its cache are: the environment variables that huggingface_hub reads, with its defaults.

use crate::failure::Failure;
use std::path::PathBuf;
use std::time::Duration;

/// The hub itself.
const ENDPOINT: &str = "https://huggingface.co";

/// What the environment says.
pub struct Settings {
    /// The hub's address, without a slash at the end.
    pub endpoint: String,
    /// Who asks. It is sent to the endpoint's own host and nowhere else.
    pub token: Option<String>,
    /// The folder that holds `models--owner--name`.
    pub cache: PathBuf,
    /// Whether the network is not to be used.
    pub offline: bool,
    /// How long a connection may be silent.
    pub silence: Duration,
    /// The pause before the first retry; each further one is twice as long.
    pub backoff: Duration,
}

impl Settings {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, Failure> {
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
            let what = format!("HF_ENDPOINT is {endpoint:?}; an address begins with https:// or http://");
            return Err(Failure::usage("environment", what));
        }
        let home = match (variable("HF_HOME"), variable("XDG_CACHE_HOME")) {
            (Some(home), _) => expanded(&home),
            (None, Some(caches)) => expanded(&caches).join("huggingface"),
            (None, None) => expanded("~/.cache/huggingface"),
        };
        let cache = variable("HF_HUB_CACHE").or_else(|| variable("HUGGINGFACE_HUB_CACHE"));
        Ok(Self {
            endpoint,
            token: token(&home)?,
            cache: cache.map_or_else(|| home.join("hub"), |cache| expanded(&cache)),
            offline: is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE"),
            silence: seconds("HF_HUB_DOWNLOAD_TIMEOUT", 10.0)?,
            backoff: seconds("OCELLI_HUB_BACKOFF", 0.5)?,
        })
    }
}

/// A variable that has a value.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_set(name: &str) -> bool {
    variable(name).is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.to_ascii_uppercase().as_str()))
}

fn seconds(name: &str, default: f64) -> Result<Duration, Failure> {
    let Some(text) = variable(name) else { return Ok(Duration::from_secs_f64(default)) };
    let value = text.parse().ok().filter(|seconds| (0.001..=86400.0).contains(seconds));
    let wrong = || Failure::usage("environment", format!("{name} is {text:?}; it takes seconds, 0.001 to 86400"));
    value.map(Duration::from_secs_f64).ok_or_else(wrong)
}

/// A path with the home folder for its `~`.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// The token of the environment, or that of the file that `hf auth login` writes.
fn token(home: &std::path::Path) -> Result<Option<String>, Failure> {
    if is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
        return Ok(None);
    }
    let named =
        ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].into_iter().find_map(|name| Some((name.to_owned(), variable(name)?)));
    let (from, text) = match named {
        Some(found) => found,
        None => {
            let path = variable("HF_TOKEN_PATH").map_or_else(|| home.join("token"), |path| expanded(&path));
            match std::fs::read_to_string(&path) {
                Ok(text) => (path.display().to_string(), text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(Failure::reading("the token", &path, &error)),
            }
        }
    };
    let text = text.trim();
    if text.chars().all(|c| c.is_ascii_graphic()) && text.len() <= 4096 {
        return Ok(Some(text.to_owned()).filter(|text| !text.is_empty()));
    }
    Err(Failure::usage("environment", format!("{from} holds no token: one is letters and digits, without blanks")))
}
