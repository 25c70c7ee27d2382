//! The arguments that say how a model's matrices are stored: the same for every command that writes one.

use crate::failure::Failure;
use crate::hub::{Wanted, locate};
use crate::model_args::gguf;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use ocelli_convert::ConvertError;
use ocelli_convert::imatrix::Imatrix;
use ocelli_convert::quantize::{Mix, Pattern, Recipe};
use ocelli_engine::Load;
use ocelli_quant::TensorType;
use std::path::{Path, PathBuf};

/// What is said of the types in helps.
pub const TYPES: &str = "\
The types are llama.cpp's: those with a letter at the end (s, m, l) and q2_k give some matrices more bits than others,
and every type but the floats stores the output head as q6_k or q8_0, unless --pure says otherwise. q3_k, q4_k and q5_k
mean their _m. Vectors, norms, patch embeddings and tables of positions stay as they are. Rows that a type's blocks do
not divide are stored in the next type that does; the summary names them. q8_0 is as good as the original; where memory
is short, --type q4_k_m --tensor-type 'v.*=q8_0' leaves the tower, which suffers most, at q8_0.

In PATTERN * stands for any characters and ? for one; it must match a tensor's whole name, as 'ocelli inspect --tensors'
shows it.";

/// How matrices are stored.
#[derive(clap::Args)]
pub struct RecipeArgs {
    /// How matrices are stored; without it q8_0 of a checkpoint and q4_k_m of a model file
    #[arg(long = "type", value_name = "TYPE", value_parser = mixes(), ignore_case = true)]
    mix: Option<Mix>,
    /// Another type for the matrices whose names match; once for each, the first that matches counts
    #[arg(long, value_name = "PATTERN=TYPE", value_parser = tensor_type)]
    tensor_type: Vec<(Pattern, TensorType)>,
    /// All matrices in the same type
    #[arg(long)]
    pure: bool,
    /// The type of output.weight
    #[arg(long, value_name = "TYPE", value_parser = types())]
    output_tensor_type: Option<TensorType>,
    /// The type of token_embd.weight
    #[arg(long, value_name = "TYPE", value_parser = types())]
    token_embedding_type: Option<TensorType>,
    /// How much each column matters: a file of 'ocelli imatrix' or llama.cpp's, GGUF or .dat
    #[arg(long, value_name = "FILE")]
    imatrix: Option<PathBuf>,
    /// Refuse to replace the output if it exists
    #[arg(long)]
    no_clobber: bool,
}

impl RecipeArgs {
    /// Whether any type is asked for.
    pub fn asks(&self) -> bool {
        let named = [self.output_tensor_type, self.token_embedding_type].iter().any(Option::is_some);
        self.mix.is_some() || self.pure || named || self.imatrix.is_some() || !self.tensor_type.is_empty()
    }

    /// Whether the output can be written and is none of the files that are read, `source` and the importances: said before
    /// anything is fetched, not after it.
    pub fn check(&self, output: &Path, source: &Path) -> Result<(), Failure> {
        let read: Vec<&Path> = self.imatrix.as_deref().into_iter().chain([source]).collect();
        Ok(ocelli_convert::Output::of_argument(output).check(!self.no_clobber, &read)?)
    }

    /// The recipe, with this type where none is named. `quiet` is without a word about fetching importances.
    pub fn recipe(&self, usual: TensorType, quiet: bool) -> Result<Recipe, Failure> {
        let usual = || usual.name().parse().map_err(Failure::from);
        let mut recipe = Recipe::new(self.mix.map_or_else(usual, Ok)?);
        recipe.pure = self.pure;
        recipe.tensor_types.clone_from(&self.tensor_type);
        recipe.head = self.output_tensor_type;
        recipe.embedding = self.token_embedding_type;
        recipe.overwrite = !self.no_clobber;
        if let Some(path) = &self.imatrix {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            recipe.imatrix = Some((name, importances(path, quiet)?));
        }
        Ok(recipe)
    }
}

/// The types that can be made, by name.
fn types() -> impl TypedValueParser<Value = TensorType> {
    PossibleValuesParser::new(TensorType::ALL.into_iter().filter(|ty| ty.can_encode()).map(TensorType::name))
        .map(|name| TensorType::ALL.into_iter().find(|ty| ty.name() == name).unwrap_or(TensorType::Q8_0))
}

/// The recipes, by name.
pub fn mixes() -> impl TypedValueParser<Value = Mix> {
    let value = |mix: Mix| {
        let alias = mix.name().strip_suffix("_m");
        alias.into_iter().fold(PossibleValue::new(mix.name()), PossibleValue::alias)
    };
    PossibleValuesParser::new(Mix::ALL.map(value)).try_map(|name| name.parse::<Mix>())
}

fn tensor_type(text: &str) -> Result<(Pattern, TensorType), String> {
    let (pattern, ty) = text.rsplit_once('=').ok_or("expected PATTERN=TYPE, such as 'v.*=q8_0'")?;
    let ty: TensorType = ty.parse().map_err(|e: ocelli_quant::UnknownTensorType| e.to_string())?;
    if ty.can_encode() { Ok((Pattern::new(pattern), ty)) } else { Err(format!("{ty} can be read but not written")) }
}

/// A file of importances in either of llama.cpp's formats.
fn importances(path: &Path, quiet: bool) -> Result<Imatrix, Failure> {
    let path = &locate(path, Wanted::File, quiet)?;
    let failed = |e: ConvertError| Failure::new(e.code(), format_args!("{}: {e}", path.display()));
    match Imatrix::read_old(path).map_err(failed)? {
        Some(imatrix) => Ok(imatrix),
        None => Imatrix::read(&gguf(Some(path), Load::Map, quiet)?.1).map_err(failed),
    }
}
