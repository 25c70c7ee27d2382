//! `ocelli search`: the pictures of a folder that a text describes, or that are like another picture.

mod contents;
mod html;
mod index;
mod rank;
mod record;
mod scan;
mod update;
mod walk;

pub use contents::{Contents, State, Wrong};
pub use record::{Made, record, rows_of};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::model_args::{ModelArgs, Opened};
use crate::output::{Notes, Out, counted, number, size, time};
use crate::picture_args;
use crate::read;
use clap::builder::RangedU64ValueParser;
use index::Index;
use ocelli_convert::Output;
use ocelli_engine::{Error, SessionOptions};
use rank::{Hit, Wanted, Wide};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;
use update::{Updated, unreadable, update};
use walk::{Found, walk};

const AFTER: &str = "\
EXAMPLES
  ocelli search photos -m itm.gguf --text 'a dog on a beach'
  ocelli search photos itm.gguf --text 'a dog' --text 'a cat' -k 5 --json
  ocelli search photos itm.gguf --text 'a red car' --html hits.html
  ocelli search photos itm.gguf --image this.jpg
  ocelli search photos itm.gguf

Models that can are BLIP-2's first stage, such as Salesforce/blip2-itm-vit-g: 'ocelli convert' makes a file of it.

THE INDEX
Each picture in DIR and the folders below passes through the model once. What it is compared by then lies in a file beside
the folder, photos.ocelli-index beside photos, or where --index says. Further calls embed what is new or changed: a file
counts as unchanged while its path, size and time of change are the same, and one whose content is known under another path
is not embedded again. Ctrl-C, or anything else that ends the program, keeps what was embedded. Without --text and
--image a call brings the index up to date and does nothing else. Names that begin with a dot and links to folders are left
out, and files that are no pictures are named once. An index is of one model and of one way to read pictures.

THE HITS
\"itc\" is the cosine of a text with the nearest row of a picture, each made without the other. The --shortlist pictures
where it is greatest are then looked at together with the text: \"itm\" is the probability that the two belong together,
and the score is its logit plus the cosine. With --shortlist 0 the score is the cosine, which is quick. For --image it is
the mean cosine of the pictures' rows.

With --json standard output is one object; \"also\" has the paths of the same content elsewhere:
  {\"index\", \"pictures\", \"embedded\", \"unreadable\", \"queries\": [{\"text\" or \"image\",
   \"hits\": [{\"path\", \"score\", \"itm\", \"itc\", \"also\"}]}]}";

/// Pictures of a folder by what a text says, or like another picture
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The folder with the pictures, and with folders of pictures
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// What the pictures are to show; once for each text
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    text: Vec<String>,
    /// A picture that the pictures are to be like; once for each
    #[arg(short, long, value_name = "PATH")]
    image: Vec<PathBuf>,
    /// The index file; without it DIR.ocelli-index, beside the folder
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
    /// Pictures of each text that are looked at together with it; 0 is none, and the score is the cosine then
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = RangedU64ValueParser::<usize>::new().range(0..=65536))]
    shortlist: usize,
    /// Hits of each query
    #[arg(short = 'k', long, value_name = "N", default_value_t = 10, help_heading = "Output",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=65536))]
    top: usize,
    /// Also write a contact sheet of the hits: one HTML file with small pictures that lead to the large ones
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let notes = Notes::new(args.quiet);
    args.check()?;
    // Until the model works nothing is left behind by whatever is ended.
    notes.stage(format_args!("loading"));
    let opened = args.model.open(args.quiet)?;
    let width = opened.model.compares().ok_or(Error::NoMatching)?;
    let limits = opened.model.image_limits();
    let mut wanted: Vec<Wanted<'_>> = args.text.iter().map(|text| Wanted::Text(text)).collect();
    for path in &args.image {
        wanted.push(Wanted::Picture(path.display().to_string(), read::picture(path, &limits)?));
    }
    let mut session = opened.model.session(&SessionOptions::default())?;
    // What cannot be looked for is said before hours are spent on the folder.
    let queries = wanted.iter().map(|wanted| wanted.query(&mut session)).collect::<Result<Vec<_>, _>>()?;
    interrupt.cancels_turn(session.cancel_handle());

    notes.stage(format_args!("looking through {}", args.dir.display()));
    let walked = walk(&args.dir, &notes, interrupt)?;
    let pictures = &walked.pictures;
    if pictures.is_empty() {
        return Err(Failure::new("search", format_args!("{} has no pictures", args.dir.display())));
    }
    let place = args.index.clone().map_or_else(|| index::beside(&args.dir), Ok)?;
    notes.stage(format_args!("reading {}", place.display()));
    let made = Made { identity: opened.model.encoder_identity(), width, name: called(&opened), settings: settings() };
    let mut index = Index::open(&place, made, &notes, interrupt)?;
    let start = Instant::now();
    let updated = update(&mut index, pictures, &mut session, &limits, (&notes, interrupt))?;
    // What could not be looked at may be there all the same.
    if !walked.partial {
        index.compact(pictures, &notes, interrupt)?;
    }
    index.release();
    say(&notes, &index, pictures, &updated, start);

    let wide = Wide { hits: args.top, shortlist: args.shortlist, threads: opened.device.threads };
    let using = (&mut session, &limits);
    let hits = rank::ranked(&index, pictures, (&wanted, &queries), wide, using, (&notes, interrupt))?;
    notes.clear();
    let answers: Vec<(&Wanted<'_>, Vec<Hit<'_>>)> = wanted.iter().zip(hits).collect();
    if let Some(sheet) = &args.html {
        let about = html::About { folder: &args.dir, pictures: pictures.len(), model: &called(&opened) };
        html::write(sheet, &about, &answers, &limits)?;
    }
    let mut out = Out::new();
    if args.json {
        return out.json(&document(&index, pictures, &updated, &answers));
    }
    for (at, (wanted, hits)) in answers.iter().enumerate() {
        if at > 0 {
            out.line("")?;
        }
        table(&mut out, wanted, hits)?;
    }
    out.flush()
}

impl Args {
    /// Refuses what cannot go well before anything is opened.
    fn check(&self) -> Result<(), Failure> {
        // Behind the folder anything may stand for a model, a mistyped option too.
        let file = &self.model.file;
        let option = |bare: &&PathBuf| bare.as_os_str().as_encoded_bytes().starts_with(b"-") && !bare.exists();
        if let Some(bare) = file.bare.as_ref().filter(|bare| file.model.is_some() || option(bare)) {
            let what = format_args!("unexpected argument '{}' found", bare.display());
            return Err(Failure::usage("usage", what).with_hint("--help lists what there is"));
        }
        if !self.dir.is_dir() {
            let failure = Failure::usage("search", format_args!("{} is no folder", self.dir.display()));
            let model_first = self.model.file.bare.as_ref().is_some_and(|bare| bare.is_dir());
            return Err(match model_first {
                true => failure.with_hint("the folder comes first, then the model"),
                false => failure,
            });
        }
        match &self.html {
            Some(sheet) => {
                let model = self.model.file.path();
                let read: Vec<&Path> = self.image.iter().map(PathBuf::as_path).chain(model.as_deref()).collect();
                Ok(Output::Path(sheet).check(true, &read)?)
            }
            None => Ok(()),
        }
    }
}

/// What the model is called: by itself, or as its file is.
fn called(opened: &Opened) -> String {
    let own = opened.model.file().str("general.name").ok().flatten();
    let file = || Path::new(&opened.name).file_name().map(|name| name.to_string_lossy().into_owned());
    own.map(str::to_owned).or_else(file).unwrap_or_else(|| opened.name.clone())
}

/// How pictures are read, in the words of the options.
fn settings() -> String {
    let options = picture_args::options();
    let background = options.background.map(|[r, g, b]| format!("--background #{r:02x}{g:02x}{b:02x}"));
    let all = [options.upright.then(|| "--upright".to_owned()), background];
    all.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What was done, and what the index has now.
fn say(notes: &Notes, index: &Index, pictures: &[Found], updated: &Updated, start: Instant) {
    let Updated { embedded, moved, failed } = *updated;
    if embedded > 0 {
        let took = start.elapsed();
        #[allow(clippy::cast_precision_loss)]
        let rate = embedded as f64 / took.as_secs_f64().max(1e-9);
        let embedded = counted(embedded, "picture");
        notes.line(format_args!("{embedded} embedded in {}, {rate:.1} a second", time(took)));
    }
    if moved > 0 {
        notes.line(format_args!("{} known by content under another path", counted(moved, "picture")));
    }
    if failed > 0 {
        notes.line(format_args!("{} could not be read now and are tried again the next time", counted(failed, "file")));
    }
    let without = unreadable(index, pictures);
    let more = if without > 0 { format!(", {without} of them unreadable") } else { String::new() };
    let (pictures, path) = (counted(pictures.len(), "picture"), index.path().display());
    notes.line(format_args!("{pictures}{more}; {path} has {}", size(index.bytes())));
}

fn document(index: &Index, pictures: &[Found], updated: &Updated, answers: &[(&Wanted<'_>, Vec<Hit<'_>>)]) -> Value {
    let path = |found: &Found| Value::from(found.path.to_string_lossy());
    let hit = |hit: &Hit<'_>| {
        let also: Vec<Value> = hit.also.iter().map(|found| path(found)).collect();
        let itm = hit.itm.map_or(Value::Null, number);
        json!({ "path": path(hit.found), "score": number(hit.score), "itm": itm, "itc": number(hit.itc), "also": also })
    };
    let query = |(wanted, hits): &(&Wanted<'_>, Vec<Hit<'_>>)| {
        let hits: Vec<Value> = hits.iter().map(hit).collect();
        match wanted {
            Wanted::Text(text) => json!({ "text": text, "hits": hits }),
            Wanted::Picture(name, _) => json!({ "image": name, "hits": hits }),
        }
    };
    json!({
        "index": index.path().to_string_lossy(),
        "pictures": pictures.len(),
        "embedded": updated.embedded,
        "unreadable": unreadable(index, pictures),
        "queries": answers.iter().map(query).collect::<Vec<_>>(),
    })
}

/// The best first.
fn table(out: &mut Out, wanted: &Wanted<'_>, hits: &[Hit<'_>]) -> Result<(), Failure> {
    match wanted {
        Wanted::Text(text) => out.line(format_args!("{text:?}"))?,
        Wanted::Picture(name, _) => {
            let line = format!("like {name}\n");
            out.model_text(&line)?;
        }
    }
    out.line(format_args!("{:>5}  {:>8}  {:>7}  {:>7}  picture", "rank", "score", "itm", "itc"))?;
    for (rank, hit) in (1..).zip(hits) {
        let itm = hit.itm.map_or_else(|| "-".to_owned(), |itm| format!("{itm:.4}"));
        out.text(&format!("{rank:>5}  {:>8.4}  {itm:>7}  {:>7.4}  ", hit.score, hit.itc))?;
        // A name may have anything in it, which a terminal is not to obey.
        out.model_text(&hit.found.path.display().to_string())?;
        match hit.also.len() {
            0 => out.line("")?,
            more => out.line(format_args!(" (and {})", counted(more, "copy").replace("copys", "copies")))?,
        }
    }
    Ok(())
}
