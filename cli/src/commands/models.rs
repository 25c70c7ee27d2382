//! `ocelli models`: what the hub's cache and the current directory hold that runs here or can be converted.
//!
//! Headers are read and no weights. Memory is that of the plan for a session of the whole context, as `ocelli inspect`
//! shows it; where that is more than the machine has, the plan for one position tells whether a shorter context would do.

use crate::commands::doctor::memory;
use crate::commands::inspect::{histogram, text};
use crate::failure::Failure;
use crate::hub::cache::{Cache, has};
use crate::hub::choice::{self, Weights};
use crate::hub::listing::{Entry, local, shards};
use crate::hub::settings::Settings;
use crate::output::{Out, size};
use ocelli_engine::{Engine, Error, Load, Plan, SessionOptions, open_file};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const AFTER: &str = "\
EXAMPLES
  ocelli models
  ocelli models --json | jq -r '.[] | select(.runs) | .name'

The names are what '-m' and 'ocelli convert' take. MEMORY is what a session with the model's whole context needs, the
mapped file included; RUNS compares it with this machine's. A checkpoint runs once it is converted.

With --json standard output is a list of
  {\"name\", \"path\", \"kind\", \"family\", \"type\", \"bytes\", \"memory\",
   \"anonymous\", \"runs\", \"note\"}
where kind is gguf or checkpoint, and runs is true or false, or null for a checkpoint that can be converted.";

/// List the models in the cache and in the current directory
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Print one JSON list
    #[arg(long)]
    json: bool,
}

/// A model, or what looked like one.
struct Row {
    /// What other commands take.
    name: String,
    path: PathBuf,
    kind: &'static str,
    family: Option<String>,
    ty: Option<String>,
    bytes: u64,
    plan: Option<Plan>,
    /// Unknown of what has to be converted first.
    runs: Option<bool>,
    /// Why not, or what to do.
    note: String,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let cache = Cache { root: Settings::from_env()?.cache };
    let mut rows = Vec::new();
    for snapshot in cache.snapshots() {
        let commit = crate::hub::cache::name_of(&snapshot.path);
        let revision =
            match snapshot.revisions.iter().find(|revision| *revision == "main").or(snapshot.revisions.first()) {
                Some(revision) if revision == "main" => String::new(),
                Some(revision) => revision.clone(),
                None => commit,
            };
        let at = |mark: &str| if revision.is_empty() { String::new() } else { format!("{mark}{revision}") };
        let file = format!("{}{}/", snapshot.repo, at("@"));
        let whole = format!("{}{}", snapshot.repo, at(":"));
        rows.extend(folder(&snapshot.path, &|path| format!("{file}{path}"), &whole));
    }
    let here = Path::new(".");
    rows.extend(folder(here, &str::to_owned, "."));
    for path in crate::hub::cache::entries(here).iter().filter(|path| path.is_dir()) {
        let name = path.display().to_string();
        rows.extend(checkpoint(path, &name));
    }
    let mut out = Out::new();
    if args.json {
        return out.json(&rows.iter().map(Row::json).collect());
    }
    if rows.is_empty() {
        out.line(format_args!("no models in {} and the current directory", cache.root.display()))?;
        return out.flush();
    }
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).clamp(4, 64);
    out.line(format_args!("{:<width$}  {:<10} {:<6} {:>9} {:>9}  RUNS", "NAME", "FAMILY", "TYPE", "SIZE", "MEMORY"))?;
    for row in &rows {
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let memory = row.plan.map_or("-".to_owned(), |plan| size(plan.total()));
        let (name, family, ty, bytes, runs) = (&row.name, or(&row.family), or(&row.ty), size(row.bytes), row.verdict());
        let line = format!("{name:<width$}  {family:<10} {ty:<6} {bytes:>9} {memory:>9}  {runs}");
        out.line(line.replace(char::is_control, "\u{fffd}"))?;
    }
    out.flush()
}

/// The GGUF models of a folder and of those in it, and the folder itself where it is a checkpoint.
fn folder(path: &Path, named: &dyn Fn(&str) -> String, whole: &str) -> Vec<Row> {
    let files = local(path);
    let models = choice::models(&files).into_iter().map(|model| {
        let first = model.first();
        let row = Row::new(named(&first.path), path.join(&first.path), "gguf", model.bytes());
        if model.is_whole() { row.opened() } else { row.broken("files of it are missing") }
    });
    let apart = choice::apart(&files).into_iter().map(|(file, is)| {
        Row::new(named(&file.path), path.join(&file.path), "gguf", file.size.unwrap_or_default()).broken(is)
    });
    models.chain(apart).chain(checkpoint(path, whole)).collect()
}

/// A folder with weights that are no GGUF.
fn checkpoint(path: &Path, name: &str) -> Option<Row> {
    #[derive(Deserialize)]
    struct Config {
        model_type: Option<String>,
    }
    let files = local(path);
    let bytes = |names: &[String]| {
        let sizes = names.iter().filter_map(|name| choice::find(&files, name)).filter_map(|file: &Entry| file.size);
        sizes.fold(0, u64::saturating_add)
    };
    let weights = match choice::weights(&files)? {
        Weights::Single(name) => vec![name],
        Weights::Table(name) => match shards(&path.join(&name)) {
            Ok(shards) => shards,
            Err(why) => return Some(Row::new(name, path.to_owned(), "checkpoint", 0).broken(&why)),
        },
    };
    let mut row = Row::new(name.to_owned(), path.to_owned(), "checkpoint", bytes(&weights));
    if let Some(missing) = weights.iter().find(|name| !has(&path.join(name), None)) {
        return Some(row.broken(&format!("{missing} is missing")));
    }
    let mut text = String::new();
    let read = File::open(path.join("config.json")).and_then(|file| file.take(16 << 20).read_to_string(&mut text));
    let config = read.map_err(|error| error.to_string()).and_then(|_| {
        serde_json::from_str::<Config>(text.trim_start_matches('\u{feff}')).map_err(|error| error.to_string())
    });
    let ty = match config {
        Ok(config) => config.model_type.unwrap_or_default(),
        Err(why) => return Some(row.broken(&format!("config.json: {why}"))),
    };
    let families = ocelli_convert::families();
    let Some((family, _)) = families.iter().find(|(_, types)| types.contains(&ty.as_str())) else {
        return Some(row.broken(&format!("its model_type '{ty}' is not one that is converted")));
    };
    row.family = Some((*family).to_owned());
    row.note = format!("after 'ocelli convert {name} -o OUT.gguf'");
    Some(row)
}

impl Row {
    fn new(name: String, path: PathBuf, kind: &'static str, bytes: u64) -> Self {
        Self { name, path, kind, family: None, ty: None, bytes, plan: None, runs: None, note: String::new() }
    }

    fn broken(self, why: &str) -> Self {
        Self { runs: Some(false), note: why.to_owned(), ..self }
    }

    /// With what the file's header says.
    fn opened(mut self) -> Self {
        let file = match open_file(&self.path, Load::Map) {
            Ok(file) => file,
            Err(error) => return self.broken(&error.to_string()),
        };
        let name = text(&file, "ocelli.family").or_else(|| text(&file, "general.architecture"));
        self.family = name.map(str::to_owned);
        self.ty = histogram(&file).first().map(|row| row.0.name().to_owned());
        let plans = || -> Result<(Plan, Plan), Error> {
            let model = Engine::unstarted(0)?.open_file(file)?;
            let plan = |context| model.plan(&SessionOptions { context, ..SessionOptions::default() });
            Ok((plan(0)?, plan(1)?))
        };
        let (plan, least) = match plans() {
            Ok(plans) => plans,
            Err(error) => return self.broken(&error.to_string()),
        };
        self.plan = Some(plan);
        let most = memory("MemTotal:").unwrap_or(u64::MAX);
        if least.total() > most {
            return self.broken(&format!("it needs {} of {} and more", size(least.total()), size(most)));
        }
        if plan.total() > most {
            self.note = "with a smaller --context".to_owned();
        }
        Self { runs: Some(true), ..self }
    }

    /// For people.
    fn verdict(&self) -> String {
        match self.runs {
            Some(true) if self.note.is_empty() => "yes".to_owned(),
            Some(true) | None => self.note.clone(),
            Some(false) => format!("no: {}", self.note),
        }
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "path": self.path.display().to_string(),
            "kind": self.kind,
            "family": self.family,
            "type": self.ty,
            "bytes": self.bytes,
            "memory": self.plan.map(|plan| plan.total()),
            "anonymous": self.plan.map(|plan| plan.anonymous()),
            "runs": self.runs,
            "note": Some(&self.note).filter(|note| !note.is_empty()),
        })
    }
}
