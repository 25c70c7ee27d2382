//! A contact sheet of the hits: one file that needs nothing else. Small pictures are in it, as PNG; the larger ones that
//! they lead to are where they were.
//!
//! The non-obvious thing: texts and names may be anybody's. They are escaped, there is no script, and a policy in the head
//! forbids the page to load anything.

use super::rank::{Hit, Wanted};
use crate::encoded::{escaped, thumbnail};
use crate::failure::Failure;
use crate::read;
use ocelli_convert::write_atomically;
use ocelli_engine::image::ImageLimits;
use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::{Component, Path, PathBuf};

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">
<title>ocelli search</title>
<style>
:root { color-scheme: light dark; --page: #fafaf8; --ink: #1d1d1b; --faint: #6a6a65; --card: #fff; --line: #dededa; --bar: #2f6f8f }
@media (prefers-color-scheme: dark) {
  :root { --page: #161715; --ink: #e9e9e4; --faint: #a0a09a; --card: #20211f; --line: #373834; --bar: #7fb8d4 }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem; max-width: 100rem; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif }
h1 { font-size: 1.35rem; margin: 0 0 .2rem; overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin: 2rem 0 .8rem; overflow-wrap: anywhere }
p { margin: 0 0 .4rem; color: var(--faint); overflow-wrap: anywhere }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)) }
li { display: flex; flex-direction: column; background: var(--card); border: 1px solid var(--line); border-radius: 6px; overflow: hidden }
.shown { display: flex; align-items: center; justify-content: center; height: 13rem; padding: .5rem; background: var(--page);
  border-bottom: 1px solid var(--line); color: var(--faint) }
.shown img { max-width: 100%; max-height: 100%; object-fit: contain }
.said { padding: .5rem .7rem .6rem }
.rank { font-weight: 600; margin-right: .4rem }
.path { overflow-wrap: anywhere }
.numbers { display: block; color: var(--faint); font-size: .85rem; font-variant-numeric: tabular-nums }
.also { display: block; color: var(--faint); font-size: .85rem; overflow-wrap: anywhere }
.bar { display: block; height: 3px; margin: .35rem 0 .2rem; background: var(--line) }
.bar i { display: block; height: 100%; background: var(--bar) }
a { color: inherit }
a:focus-visible { outline: 2px solid var(--bar) }
</style>
</head>
<body>
";

/// What the head of the sheet says.
pub struct About<'a> {
    pub folder: &'a Path,
    pub pictures: usize,
    pub model: &'a str,
}

/// Writes the sheet.
pub fn write(
    path: &Path,
    about: &About<'_>,
    queries: &[(&Wanted<'_>, Vec<Hit<'_>>)],
    limits: &ImageLimits,
) -> Result<(), Failure> {
    let whole = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sheet = Sheet { beside: whole(beside), folder: about.folder, limits };
    let mut small: HashMap<&[u8], String> = HashMap::new();
    let mut page = HEAD.to_owned();
    let (folder, model) = (escaped(&about.folder.to_string_lossy()), escaped(about.model));
    let pictures = crate::output::counted(about.pictures, "picture");
    let _ = writeln!(page, "<h1>{folder}</h1>\n<p>{pictures}, compared by {model}</p>");
    for (wanted, hits) in queries {
        match wanted {
            Wanted::Text(text) => _ = writeln!(page, "<h2>“{}”</h2>\n<ol>", escaped(text)),
            Wanted::Picture(name, picture) => {
                let image = thumbnail(picture).map(|data| tag(&data, name));
                let _ = writeln!(page, "<h2>like {}</h2>\n<p>{}</p>\n<ol>", escaped(name), image.unwrap_or_default());
            }
        }
        for (rank, hit) in hits.iter().enumerate() {
            let data = small.entry(&hit.found.key).or_insert_with(|| sheet.small(hit));
            sheet.card(&mut page, rank + 1, hit, data);
        }
        page.push_str("</ol>\n");
        if hits.is_empty() {
            page.push_str("<p>nothing was found</p>\n");
        }
    }
    page.push_str("</body>\n</html>\n");
    Ok(write_atomically(path, page.as_bytes())?)
}

struct Sheet<'a> {
    /// The folder that the sheet is in.
    beside: PathBuf,
    /// The one that was searched.
    folder: &'a Path,
    limits: &'a ImageLimits,
}

impl Sheet<'_> {
    /// A hit's small picture; nothing where it went a moment ago.
    fn small(&self, hit: &Hit<'_>) -> String {
        let picture = read::read_picture(&hit.found.path, self.limits).ok();
        picture.and_then(|picture| thumbnail(&picture)).unwrap_or_default()
    }

    fn card(&self, page: &mut String, rank: usize, hit: &Hit<'_>, data: &str) {
        let name = self.name(&hit.found.path);
        let image = if data.is_empty() { "not to be read any more".to_owned() } else { tag(data, &name) };
        let link = self.link(&hit.found.path);
        let _ = write!(page, "<li><a class=\"shown\" href=\"{link}\">{image}</a><div class=\"said\">");
        let name = escaped(&name);
        let _ = write!(page, "<span class=\"rank\">{rank}</span><a class=\"path\" href=\"{link}\">{name}</a>");
        if let Some(itm) = hit.itm {
            let _ = write!(page, "<span class=\"bar\"><i style=\"width:{:.1}%\"></i></span>", itm * 100.0);
        }
        let itm = hit.itm.map(|itm| format!(" · match {:.1} %", itm * 100.0)).unwrap_or_default();
        let _ = write!(page, "<span class=\"numbers\">score {:.3}{itm} · cosine {:.3}</span>", hit.score, hit.itc);
        for other in &hit.also {
            let _ = write!(page, "<span class=\"also\">also {}</span>", escaped(&self.name(&other.path)));
        }
        page.push_str("</div></li>\n");
    }

    /// A picture's path from the folder on.
    fn name(&self, path: &Path) -> String {
        path.strip_prefix(self.folder).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// How a browser finds a picture from the sheet.
    fn link(&self, path: &Path) -> String {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // The folder's own links are followed, not the picture's: it is known by this name.
        let path = match (path.parent().and_then(|parent| fs::canonicalize(parent).ok()), path.file_name()) {
            (Some(parent), Some(name)) => parent.join(name),
            _ => path,
        };
        relative(&self.beside, &path)
    }
}

/// From one folder to a file, both whole, as a page writes it.
fn relative(from: &Path, to: &Path) -> String {
    let (mut from, mut to) = (from.components().peekable(), to.components().peekable());
    while let (Some(a), Some(b)) = (from.peek(), to.peek()) {
        if a != b {
            break;
        }
        from.next();
        to.next();
    }
    let mut parts: Vec<String> = from.map(|_| "..".to_owned()).collect();
    if parts.is_empty() {
        // A name with a colon would be taken for an address.
        parts.push(".".to_owned());
    }
    parts.extend(to.map(|part| match part {
        Component::Normal(name) => percent(name.as_encoded_bytes()),
        other => percent(other.as_os_str().as_encoded_bytes()),
    }));
    parts.join("/")
}

fn percent(bytes: &[u8]) -> String {
    let mut out = String::new();
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => _ = write!(out, "%{byte:02X}"),
        }
    }
    out
}

fn tag(data: &str, name: &str) -> String {
    format!("<img alt=\"{}\" src=\"data:image/png;base64,{data}\">", escaped(name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_from_the_sheet_to_the_picture() {
        let link = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(link("/a/b", "/a/b/c.png"), "./c.png");
        assert_eq!(link("/a/b", "/a/x y/ü#?.png"), "../x%20y/%C3%BC%23%3F.png");
        assert_eq!(link("/a", "/a/java:x.png"), "./java%3Ax.png");
        assert_eq!(link("/", "/c.png"), "./c.png");
    }
}
