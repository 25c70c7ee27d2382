//! `ocelli inspect`: what a model file holds and the memory it will need, from its header alone.
//!
//! No weight is read, so a file of any size answers at once. Keys and tensors are shown for every GGUF file; the memory
//! plan only for those whose family the engine runs.

mod value;

use crate::failure::Failure;
use crate::model_args::ModelFile;
use crate::output::{Notes, Out, counted, magnitude, size};
use clap::builder::RangedU64ValueParser;
use ocelli_engine::image::{ImageLimits, Views};
use ocelli_engine::{Engine, Error, Load, Plan, SessionOptions};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, TensorInfo, Value as Meta};
use serde_json::{Map, Value, json};

const AFTER: &str = "\
EXAMPLES
  ocelli inspect blip2.gguf
  ocelli inspect blip2.gguf --context 256 --beams 5
  ocelli inspect blip2.gguf --tensors
  ocelli inspect blip2.gguf --json | jq .plan.total
  ocelli inspect smolvlm.gguf --image-size 1920x1080 --image-max-rows 500

With --json standard output is one object, with everything in it whatever else is asked for:
  {\"file\", \"bytes\", \"files\", \"version\", \"family\", \"architecture\",
   \"parameters\", \"types\", \"keys\", \"plan\",
   \"tensors\": [{\"name\", \"shape\", \"type\", \"file\", \"offset\", \"bytes\"}]}
Shapes start with the contiguous dimension. Long arrays are {\"type\", \"length\", \"first\"} without --full.";

/// Show what a model file holds and the memory it needs
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    #[command(flatten)]
    file: ModelFile,
    /// All keys
    #[arg(long)]
    keys: bool,
    /// All tensors
    #[arg(long)]
    tensors: bool,
    /// Long values in full
    #[arg(long)]
    full: bool,
    /// Plan for this many positions; without it all the model was made for
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    context: usize,
    /// Plan for beam search with this many beams
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    beams: usize,
    /// Say what a picture of this size becomes, of which no pixel is needed
    #[arg(long, value_name = "WxH", value_parser = image_size)]
    image_size: Option<(u32, u32)>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Width and height with an x between them.
fn image_size(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|side| *side > 0);
    let sides = text.split_once(['x', 'X']).and_then(|(width, height)| Some((side(width)?, side(height)?)));
    let (width, height) = sides.ok_or("expected a width and a height, such as 1920x1080")?;
    ImageLimits::default().check(width, height).map_err(|error| error.to_string())?;
    Ok((width, height))
}

/// The plan, and what a picture of the size that was asked for becomes.
type Planned = (Plan, Option<Views>);

pub fn run(args: &Args) -> Result<(), Failure> {
    let (name, file) = args.file.open(Load::Map, false)?;
    let plan = plan(&file, args);
    if let Err(error @ (Error::BadOption { .. } | Error::NoVision { .. })) = plan {
        return Err(error.into());
    }
    let mut out = Out::new();
    if args.json {
        return out.json(&document(&name, &file, plan, args.full));
    }
    if args.keys {
        for (key, value) in file.keys() {
            out.line(format_args!("{key} = {}", value::text(&value, args.full)))?;
        }
    }
    if args.tensors {
        for tensor in file.tensors() {
            let TensorInfo { name, ty, offset, bytes, part, .. } = tensor;
            let of = if file.parts().len() > 1 { format!(" of file {}", part + 1) } else { String::new() };
            let (shape, ty) = (shape(tensor), ty.name());
            out.line(format_args!("{name:<40} {shape:<16} {ty:<5} {bytes:>12} bytes at {offset}{of}"))?;
        }
    }
    if !args.keys && !args.tensors {
        summary(&mut out, &name, &file, plan, args)?;
    }
    out.flush()
}

/// The memory plan, of any file that loads, for a thread on each core. Loading checks the tensors' shapes and touches none
/// of their data.
fn plan(file: &Gguf, args: &Args) -> Result<Planned, Error> {
    let model = Engine::unstarted(0)?.open_file(file.clone())?;
    for note in model.notes() {
        Notes::new(false).line(format_args!("{note}"));
    }
    let plan = model.plan(&SessionOptions { context: args.context, beams: args.beams, ..SessionOptions::default() })?;
    let views = match args.image_size {
        Some((width, height)) => Some(model.views(width, height).ok_or(Error::NoVision { images: 1 })?),
        None => None,
    };
    Ok((plan, views))
}

fn shape(tensor: &TensorInfo) -> String {
    tensor.shape.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
}

/// Tensors, numbers and bytes of each type, the largest first.
pub fn histogram(file: &Gguf) -> Vec<(TensorType, usize, u64, u64)> {
    let count = |ty| {
        let of_type = || file.tensors().iter().filter(move |t| t.ty == ty);
        (ty, of_type().count(), of_type().map(TensorInfo::elements).sum(), of_type().map(|t| t.bytes).sum())
    };
    let mut rows: Vec<_> = TensorType::ALL.into_iter().map(count).filter(|row| row.1 > 0).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.3));
    rows
}

fn parameters(file: &Gguf) -> u64 {
    file.tensors().iter().map(TensorInfo::elements).sum()
}

/// The text of a key, where it has one.
pub fn text<'a>(file: &'a Gguf, key: &str) -> Option<&'a str> {
    if let Some(Meta::Str(text)) = file.get(key) { Some(text) } else { None }
}

fn document(name: &str, file: &Gguf, plan: Result<Planned, Error>, full: bool) -> Value {
    let keys: Map<String, Value> = file.keys().map(|(key, v)| (key.to_owned(), value::json(&v, full))).collect();
    let tensor = |t: &TensorInfo| {
        let (ty, file) = (t.ty.name(), t.part + 1);
        json!({ "name": t.name, "shape": t.shape, "type": ty, "file": file, "offset": t.offset, "bytes": t.bytes })
    };
    let types: Map<String, Value> = histogram(file)
        .into_iter()
        .map(|(ty, tensors, elements, bytes)| {
            (ty.name().to_owned(), json!({ "tensors": tensors, "parameters": elements, "bytes": bytes }))
        })
        .collect();
    json!({
        "file": name,
        "bytes": file.file_len(),
        "files": file.parts().len(),
        "version": file.version(),
        "family": text(file, "ocelli.family"),
        "architecture": text(file, "general.architecture"),
        "parameters": parameters(file),
        "types": types,
        "keys": keys,
        "tensors": file.tensors().iter().map(tensor).collect::<Vec<_>>(),
        "plan": plan.map_or_else(|e| json!({ "error": e.code(), "message": e.to_string() }), |(p, views)| json!({
            "image": views.map(|views| json!({
                "views": views.tiles,
                "width": views.size.0,
                "height": views.size.1,
                "rows": views.rows,
                "positions": views.positions,
            })),
            "mapped": p.mapped,
            "cache": p.cache,
            "scratch": p.scratch,
            "images": p.images,
            "tokenizer": p.tokenizer,
            "other": p.other,
            "anonymous": p.anonymous(),
            "total": p.total(),
        })),
    })
}

fn summary(out: &mut Out, name: &str, file: &Gguf, plan: Result<Planned, Error>, args: &Args) -> Result<(), Failure> {
    let files = file.parts().len();
    let files = if files > 1 { format!(" in {files} files") } else { String::new() };
    out.line(format_args!("file          {name}, {}{files}, GGUF version {}", size(file.file_len()), file.version()))?;
    let shown = |key: &str| file.get(key).map(|v| value::text(&v, args.full));
    // Only files that Ocelli wrote name a family; what else there is says what it is by its architecture or its type.
    for (what, key) in [("family", "ocelli.family"), ("architecture", "general.architecture"), ("kind", "general.type")]
    {
        if let Some(value) = shown(key) {
            out.line(format_args!("{what:<13} {value}"))?;
        }
    }
    let draw = |name: &str| shown(&format!("general.sampling.{name}")).map(|value| format!("{name} {value}"));
    let draws: Vec<String> = ["temp", "top_k", "top_p", "min_p"].into_iter().filter_map(draw).collect();
    if !draws.is_empty() {
        out.line(format_args!("draws         {} where tokens are drawn", draws.join(", ")))?;
    }
    out.line(format_args!("parameters    {} in {} tensors", magnitude(parameters(file)), file.tensors().len()))?;
    for (ty, tensors, elements, bytes) in histogram(file) {
        out.line(format_args!(
            "  {:<5} {tensors:>6} tensors {:>8} parameters {:>10}",
            ty.name(),
            magnitude(elements),
            size(bytes)
        ))?;
    }
    out.line("hyper-parameters")?;
    let scalar = |key: &str, value: &Meta<'_>| {
        !key.starts_with("general.")
            && !key.starts_with("tokenizer.")
            && !matches!(value, Meta::Array(a) if a.len() > 8)
    };
    for (key, value) in file.keys().filter(|(key, value)| scalar(key, value)) {
        out.line(format_args!("  {key} = {}", value::text(&value, args.full)))?;
    }
    let (plan, views) = match plan {
        Ok(planned) => planned,
        Err(error) => return out.line(format_args!("memory        unknown: {error}")),
    };
    let context =
        if args.context == 0 { "the whole context".to_owned() } else { format!("{} positions", args.context) };
    out.line(format_args!("memory for {context}, {}", counted(args.beams, "beam")))?;
    for (what, bytes) in [
        ("weights, mapped", plan.mapped),
        ("keys and values", plan.cache),
        ("activations", plan.scratch),
        ("encoded images, at most", plan.images),
        ("tokenizer", plan.tokenizer),
        ("other", plan.other),
        ("total", plan.total()),
        ("without the mapped file", plan.anonymous()),
    ] {
        out.line(format_args!("  {what:<24} {:>10}", size(bytes)))?;
    }
    if let (Some((width, height)), Some(views)) = (args.image_size, views) {
        let (w, h) = views.size;
        out.line(format_args!("an image of {width}x{height}"))?;
        out.line(format_args!("  {:<24} {} of {w}x{h}", "the tower sees", counted(views.tiles, "view")))?;
        out.line(format_args!("  {:<24} {}", "rows", views.rows))?;
        out.line(format_args!("  {:<24} {}", "positions in the prompt", views.positions))?;
    }
    Ok(())
}
