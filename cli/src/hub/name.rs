//! Names of models on a hub: `owner/name`, and what of it is meant.
//!
//! `owner/name[@REVISION][/FILE][:TYPE or :REVISION]`, or an address of the hub's pages as a browser shows it. What stands
//! behind the colon is a type where it is spelt like one of GGUF's (`Q4_K_M`), else a revision.
//!
//! The non-obvious thing: most of what looks like a name is a path that somebody mistyped, so where a path may stand the
//! rules are narrow, and `hf:` before a name says that one is meant.

use std::fmt;

/// Longest repository name, the hub's own limit.
const LONGEST: usize = 96;
/// Longest path of a file in a repository, and of one of its parts, which is what file systems take.
const LONGEST_PATH: usize = 1024;
const LONGEST_PART: usize = 255;

/// A repository, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// `owner/name`, or `name` of the oldest ones.
    pub repo: String,
    /// A branch, a tag or a commit; none is `main`.
    pub revision: Option<String>,
    /// A file in it, by its path.
    pub file: Option<String>,
    /// A GGUF type, in capitals.
    pub ty: Option<String>,
    /// Whether it was said that this is a name.
    pub explicit: bool,
}

impl Name {
    /// Reads a name where a path may stand as well.
    pub fn parse(text: &str, endpoint: &str) -> Result<Self, String> {
        let page = [endpoint, "https://huggingface.co", "https://hf.co", "huggingface.co", "hf.co"];
        let page = page.iter().find_map(|page| text.strip_prefix(page)?.strip_prefix('/'));
        let marked = text.strip_prefix("hf://").or_else(|| text.strip_prefix("hf:"));
        let explicit = page.or(marked).is_some();
        Self::read(page.or(marked).unwrap_or(text), explicit, page.is_some())
    }

    /// Reads what can be nothing but a name.
    pub fn parse_explicit(text: &str, endpoint: &str) -> Result<Self, String> {
        let name = Self::parse(text, endpoint);
        if name.is_ok() { name } else { Self::read(text, true, false) }
    }

    fn read(text: &str, explicit: bool, page: bool) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let (head, suffix) = text.split_once(':').map_or((text, None), |(head, suffix)| (head, Some(suffix)));
        let mut parts: Vec<&str> = head.split('/').collect();
        if parts.len() < 2 && !explicit {
            return Err("a hub's names are 'owner/name'".to_owned());
        }
        let mut revision = None;
        let last = parts.len().min(2) - 1;
        if let Some((name, at)) = parts[last].split_once('@') {
            parts[last] = name;
            revision = Some(at.to_owned());
        }
        if page && parts.len() > 3 && ["blob", "resolve", "tree", "raw"].contains(&parts[2]) {
            revision = Some(parts[3].to_owned());
            parts.drain(2..4);
        }
        parts[..=last].iter().try_for_each(|part| repository_part(part))?;
        let repo = parts[..=last].join("/");
        if repo.len() > LONGEST {
            return Err(format!("a repository's name has at most {LONGEST} characters, and this has {}", repo.len()));
        }
        let file = parts.get(2..).filter(|rest| !rest.is_empty()).map(|rest| rest.join("/"));
        // Without '?download=true', which pages put behind a file.
        let file = file.map(|file| file.split('?').next().unwrap_or_default().to_owned());
        if let Some(file) = &file {
            stays_inside(file)?;
        } else if !explicit && repo.to_ascii_lowercase().ends_with(".gguf") {
            return Err("this is the name of a file".to_owned());
        }
        let ty = suffix.filter(|suffix| is_type(suffix)).map(str::to_ascii_uppercase);
        if let Some(suffix) = suffix.filter(|_| ty.is_none()) {
            if revision.is_some() {
                return Err("it names two revisions".to_owned());
            }
            revision = Some(suffix.to_owned());
        }
        // A slash of its own is written so where slashes separate.
        let revision = revision.map(|revision| revision.replace("%2F", "/").replace("%2f", "/"));
        revision.as_deref().map_or(Ok(()), check_revision)?;
        if ty.is_some() && file.is_some() {
            return Err("it names a file and a type".to_owned());
        }
        Ok(Self { repo, revision, file, ty, explicit })
    }

    /// The revision, `main` without one.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Alone it would be a file's name, or `hf` a mark; such an owner would be the hub's address.
        let owner = self.repo.split_once('/').map(|(owner, _)| owner);
        if owner.is_none_or(|owner| ["hf.co", "huggingface.co"].contains(&owner)) {
            f.write_str("hf:")?;
        }
        f.write_str(&self.repo)?;
        match (&self.revision, &self.file, &self.ty) {
            (Some(revision), None, None) if !is_type(revision) => write!(f, ":{revision}"),
            (revision, file, ty) => {
                let revision = &revision.as_ref().map(|revision| revision.replace('/', "%2F"));
                let put = |f: &mut fmt::Formatter<'_>, mark: &str, what: &Option<String>| {
                    what.iter().try_for_each(|what| write!(f, "{mark}{what}"))
                };
                put(f, "@", revision)?;
                put(f, "/", file)?;
                put(f, ":", ty)
            }
        }
    }
}

/// One side of a repository's name, by the hub's rules.
fn repository_part(part: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if part.is_empty() || !part.chars().all(plain) {
        return Err("a repository's name consists of letters, digits, '-', '_' and '.'".to_owned());
    }
    if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) || part.contains("--") || part.contains("..") {
        return Err("a repository's name neither begins nor ends with '-' or '.', nor doubles them".to_owned());
    }
    if part.ends_with(".git") { Err("a repository's name does not end with '.git'".to_owned()) } else { Ok(()) }
}

/// A revision becomes part of a path in the cache and of an address: by Git's rules for names it is safe in both.
pub fn check_revision(revision: &str) -> Result<(), String> {
    let bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let part = |part: &str| part.is_empty() || part.starts_with(['.', '-']) || part.contains("..");
    if revision.len() > LONGEST_PART || revision.contains(bad) || revision.split('/').any(part) {
        return Err(format!("{revision:?} is no name of a revision"));
    }
    Ok(())
}

/// Whether the path of a file in a repository stays in the folder that it is put into, on this system and on others.
pub fn stays_inside(path: &str) -> Result<(), String> {
    let bad = |part: &str| part.is_empty() || part == "." || part == "..";
    if path.len() > LONGEST_PATH {
        return Err(format!("a path of {} bytes, {LONGEST_PATH} at most", path.len()));
    }
    if path.contains(char::is_control) || path.split('/').any(bad) {
        return Err(format!("{path:?} is no path inside a repository"));
    }
    match path.split('/').map(str::len).max() {
        Some(longest) if longest > LONGEST_PART => {
            Err(format!("a name of {longest} bytes in a path, {LONGEST_PART} at most"))
        }
        _ => Ok(()),
    }
}

/// Whether a text is spelt like a type of GGUF's: Q4_K_M, q8_0, IQ3_XXS, BF16, UD-Q4_K_XL.
pub fn is_type(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let upper = upper.strip_prefix("UD-").unwrap_or(&upper);
    if ["F16", "F32", "BF16", "FP16", "FP32"].contains(&upper) || upper.starts_with("MXFP4") {
        return true;
    }
    let number = upper.strip_prefix("IQ").or_else(|| upper.strip_prefix("TQ")).or_else(|| upper.strip_prefix('Q'));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    number.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.chars().all(plain))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HUB: &str = "https://hub.example";

    #[test]
    fn names_are_read() {
        let read = |text: &str| {
            let name = Name::parse(text, HUB).unwrap();
            (name.repo.clone(), name.revision.clone(), name.file.clone(), name.ty.clone())
        };
        let own = |text: &str| Some(text.to_owned());
        let repo = || "o/n-1.5".to_owned();
        assert_eq!(read("o/n-1.5"), (repo(), None, None, None));
        assert_eq!(read("o/n-1.5:q4_k_m"), (repo(), None, None, own("Q4_K_M")));
        assert_eq!(read("o/n-1.5:UD-Q4_K_XL"), (repo(), None, None, own("UD-Q4_K_XL")));
        assert_eq!(read("o/n-1.5:refs/pr/1"), (repo(), own("refs/pr/1"), None, None));
        assert_eq!(read("o/n-1.5@v1:BF16"), (repo(), own("v1"), None, own("BF16")));
        assert_eq!(read("o/n-1.5/a b/m.gguf"), (repo(), None, own("a b/m.gguf"), None));
        assert_eq!(read("o/n-1.5@v1/m.gguf"), (repo(), own("v1"), own("m.gguf"), None));
        assert_eq!(read("hf:gpt2"), ("gpt2".to_owned(), None, None, None));
        assert_eq!(read("https://hub.example/o/n-1.5/blob/main/m.gguf?download=true"), read("o/n-1.5@main/m.gguf"));
        assert_eq!(read("https://huggingface.co/o/n-1.5/tree/v1"), read("o/n-1.5:v1"));
        for text in [
            "o/n-1.5",
            "o/n-1.5:Q4_K_M",
            "o/n-1.5:v1",
            "o/n-1.5:refs/pr/1",
            "o/n-1.5@v1/m.gguf",
            "o/n-1.5@v1:Q8_0",
            // A revision that is spelled like a type, and one with slashes before a file.
            "o/n-1.5@q8_0",
            "o/n-1.5@refs%2Fpr%2F1/m.gguf",
            "hf:gpt2",
            "hf:hf:main",
            "hf:hf.co/n",
        ] {
            assert_eq!(Name::parse(text, HUB).unwrap().to_string(), text);
        }
        assert_eq!(read("https://hf.co/o/n-1.5/blob/refs%2fpr%2f1/m.gguf").1, own("refs/pr/1"));
    }

    #[test]
    fn paths_are_no_names() {
        let paths = [
            "",
            "model.gguf",
            "models/model.gguf",
            "./o/n",
            "../o/n",
            "/o/n",
            "o//n",
            "~/o",
            "o/n/../m",
            "o/n\0",
            "-o/n",
            "o/n.",
            "o/.n",
            "o--p/n",
            "C:\\o\\n",
            "a b/c",
            "https://elsewhere.example/o/n",
            "o/n:a b",
            "o/n:../x",
            "o/n:",
            "o/n@a:b",
            "o/n/f.gguf:Q4_0",
            "o/n.git",
        ];
        for path in paths {
            assert!(Name::parse(path, HUB).is_err(), "{path:?}");
        }
        assert!(Name::parse(&format!("o/{}", "n".repeat(96)), HUB).is_err());
        assert!(Name::parse(&format!("o/n/{}", "a/".repeat(600)), HUB).is_err());
    }

    #[test]
    fn types_are_told_from_revisions() {
        for text in ["Q4_K_M", "q8_0", "IQ2_XXS", "TQ1_0", "F16", "bf16", "MXFP4_MOE", "UD-IQ1_S", "Q4_0_4_4"] {
            assert!(is_type(text), "{text}");
        }
        for text in ["main", "v1.0", "refs/pr/3", "quantized", "Q", "f", "0a1b2c", "q4/x", "IQ"] {
            assert!(!is_type(text), "{text}");
        }
    }
}
