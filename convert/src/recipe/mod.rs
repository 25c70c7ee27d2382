//! Which type every matrix of a file is stored in, whatever the file is made of: a checkpoint or another file.

mod pattern;
mod rules;

use ocelli_quant::TensorType;
use ocelli_quant::gguf::{MetaValue, Writer};

pub use self::pattern::Pattern;
pub use self::rules::Mix;
pub(crate) use self::rules::{Rules, is_matrix};

use self::rules::fitting;
use crate::error::{ConvertError, shown};
use crate::imatrix::Imatrix;
use crate::keys::Keys;
use crate::layout::{Kind, Target};
use crate::report::Report;
use crate::write::Tensor;

const FILE_TYPE: &str = "general.file_type";
const VERSION: &str = "general.quantization_version";

/// What to make of a file.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The types.
    pub mix: Mix,
    /// All matrices in the mix's base type.
    pub pure: bool,
    /// Types of the matrices whose names match; the first pattern that does decides, before everything else.
    pub tensor_types: Vec<(Pattern, TensorType)>,
    /// The type of `output.weight`.
    pub head: Option<TensorType>,
    /// The type of `token_embd.weight`.
    pub embedding: Option<TensorType>,
    /// How much each column matters, and what that file is called: kept in the output.
    pub imatrix: Option<(String, Imatrix)>,
    /// Whether an existing output may be replaced; it is, in one step, once the new one is complete.
    pub overwrite: bool,
}

impl Recipe {
    /// A mix and nothing special.
    #[must_use]
    pub fn new(mix: Mix) -> Self {
        let tensor_types = Vec::new();
        Self { mix, pure: false, tensor_types, head: None, embedding: None, imatrix: None, overwrite: true }
    }

    /// The type that is asked for a matrix of this name, by a pattern or as head or embedding.
    #[must_use]
    pub fn asked(&self, name: &str) -> Option<TensorType> {
        let named = self.tensor_types.iter().find(|(pattern, _)| pattern.matches(name)).map(|(_, ty)| *ty);
        let by_part = || match name {
            "output.weight" => self.head,
            "token_embd.weight" | "per_layer_token_embd.weight" => self.embedding,
            _ => None,
        };
        named.or_else(by_part)
    }

    /// The type wanted for a matrix with rows of `cols`, and the type that these allow. The rules are those of
    /// [`Recipe::mix`].
    pub(crate) fn types(&self, name: &str, cols: u64, rules: &Rules) -> (TensorType, TensorType) {
        let by_rule = || if self.pure { self.mix.base() } else { rules.wanted(name, cols) };
        let wanted = self.asked(name).unwrap_or_else(by_rule);
        (wanted, fitting(wanted, cols))
    }

    /// Refuses what asks for a type of no matrix of the file, before any work is done for nothing.
    pub(crate) fn check(&self, matrices: &[&str]) -> Result<(), ConvertError> {
        let parts = [("output.weight", self.head), ("token_embd.weight", self.embedding)];
        let parts = parts.into_iter().filter(|(_, ty)| ty.is_some()).map(|(name, _)| Pattern::new(name));
        for pattern in self.tensor_types.iter().map(|(pattern, _)| pattern.clone()).chain(parts) {
            if !matrices.iter().any(|name| pattern.matches(name)) {
                let first = matrices.first().copied().unwrap_or("none");
                return Err(ConvertError::NoMatrix { pattern: shown(pattern.text()), first: first.to_owned() });
            }
        }
        Ok(())
    }

    /// How much each of a matrix' columns matters, where that is known and the type makes use of it; where it should be
    /// known and is not, the name goes to `unweighted`.
    pub(crate) fn importance(
        &self,
        (name, cols): (&str, u64),
        ty: TensorType,
        unweighted: &mut Vec<String>,
    ) -> Result<Option<Vec<f32>>, ConvertError> {
        let Some((_, imatrix)) = self.imatrix.as_ref().filter(|_| ty.block_len() > 1) else { return Ok(None) };
        let Some(importance) = imatrix.importance(name) else {
            unweighted.push(name.to_owned());
            return Ok(None);
        };
        if importance.len() as u64 != cols {
            let (tensor, got) = (name.to_owned(), importance.len());
            return Err(ConvertError::ImatrixLength { tensor, got, wanted: cols });
        }
        Ok(Some(importance))
    }

    /// The keys that say what was used.
    pub(crate) fn keys(&self) -> Vec<(&'static str, MetaValue)> {
        let mut set = vec![(VERSION, MetaValue::U32(2)), (FILE_TYPE, MetaValue::U32(self.mix.file_type()))];
        if let Some((name, imatrix)) = &self.imatrix {
            set.push(("quantize.imatrix.file", name.as_str().into()));
            if let Some(dataset) = imatrix.datasets.first() {
                set.push(("quantize.imatrix.dataset", dataset.as_str().into()));
            }
            set.push(("quantize.imatrix.entries_count", MetaValue::U32(imatrix.entries.len() as u32)));
            set.push(("quantize.imatrix.chunks_count", MetaValue::U32(imatrix.chunks)));
        }
        set
    }
}

/// Declares all targets and returns them with their types, which are those that [`crate::quantize`] would give them.
/// Fallbacks go into the report.
pub(crate) fn declare(
    targets: Vec<Target>,
    recipe: &Recipe,
    keys: &Keys,
    writer: &mut Writer,
    report: &mut Report,
) -> Result<Vec<Tensor>, ConvertError> {
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let architecture = keys.text("general.architecture").unwrap_or_default();
    let number = |key: &str| keys.number(key).map(u64::from);
    let rules = Rules::of(recipe.mix, architecture, number, &names, recipe.imatrix.is_some());
    let matrices = targets.iter().filter(|target| target.kind == Kind::Matrix);
    recipe.check(&matrices.map(|target| target.name.as_str()).collect::<Vec<_>>())?;
    let mut tensors = Vec::with_capacity(targets.len());
    for target in targets {
        let (wanted, ty) = match target.kind {
            Kind::Matrix => recipe.types(&target.name, target.cols(), &rules),
            Kind::Patch if recipe.mix.base() != TensorType::F32 => (TensorType::F16, TensorType::F16),
            Kind::Patch | Kind::Exact => (TensorType::F32, TensorType::F32),
        };
        if wanted != ty {
            report.fallbacks.push((target.name.clone(), wanted, ty));
        }
        let importance = match target.kind {
            Kind::Matrix => recipe.importance((&target.name, target.cols()), ty, &mut report.unweighted)?,
            Kind::Patch | Kind::Exact => None,
        };
        writer.tensor(target.name.clone(), &target.shape, ty);
        tensors.push(Tensor { target, ty, importance });
    }
    Ok(tensors)
}
