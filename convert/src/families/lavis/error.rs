//! What can be wrong with the parts of a LAVIS checkpoint.

/// Why the parts of a LAVIS model are none of it, or not all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LavisError {
    /// A file that LAVIS' BLIP-2 did not save.
    #[error(
        "{file} has no {wanted}, so it is no BLIP-2 checkpoint of LAVIS such as blip2_pretrained.pth; a directory of \
         transformers is converted by 'ocelli convert DIR'"
    )]
    NoCheckpoint {
        /// The file.
        file: String,
        /// The tensor, or the tensors, looked for.
        wanted: &'static str,
    },
    /// A part that is in no file and that nobody named.
    #[error("{file} has {has}: give {option}, {example}")]
    PartMissing {
        /// The checkpoint.
        file: String,
        /// What the checkpoint has, or has not, so that the part is needed.
        has: String,
        /// The option that names the part.
        option: &'static str,
        /// What it names.
        example: &'static str,
    },
    /// A file that is no tower.
    #[error(
        "{file} has neither {eva}, as EVA's tower (eva_vit_g.pth), nor {clip}, as CLIP's (clip_vit_L.pth)",
        eva = "cls_token",
        clip = "class_embedding"
    )]
    NoTower {
        /// The file.
        file: String,
    },
    /// A tensor whose shape says something that the classes do not have.
    #[error("tensor '{tensor}' of {shape:?}: {rule}")]
    Size {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<u64>,
        /// What must hold.
        rule: String,
    },
    /// A tensor that must be the same as another.
    #[error("tensor '{tensor}' differs from '{other}': LAVIS has one tensor of both names")]
    Copy {
        /// The one.
        tensor: String,
        /// The other.
        other: String,
    },
    /// A language model of another kind than the checkpoint was trained with.
    #[error("{file} has {tensor}, which was trained with {wanted}; --language is a model of the architecture {got}")]
    Language {
        /// The checkpoint.
        file: String,
        /// The layer before the language model.
        tensor: &'static str,
        /// The kind of the language model.
        wanted: &'static str,
        /// The architecture given.
        got: &'static str,
    },
}

impl LavisError {
    /// A stable name of the variant for programs and tests.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCheckpoint { .. } => "no_lavis_checkpoint",
            Self::PartMissing { .. } => "part_missing",
            Self::NoTower { .. } => "no_tower",
            Self::Size { .. } => "lavis_size",
            Self::Copy { .. } => "lavis_copy",
            Self::Language { .. } => "lavis_language",
        }
    }
}
