//! An output head, which may be a matrix of its own or the embedding: who says so, and what is done where they disagree.
//!
//! The non-obvious thing: where a configuration ties a head that is there and differs, transformers before 5 uses the
//! embedding and from 5.0 on the head, so the version that saved the checkpoint decides.

use super::{Change, Content, Kind, Layout, Target};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;

/// An output head that may be the embedding itself.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// Of one matrix, or of several whose rows are one matrix.
    parts: Vec<Part>,
    tied: bool,
    /// Whether the embedding is the head where an untied one is not there.
    optional: bool,
    target: Target,
}

/// A matrix of a head, the one of the embedding that it may be tied to, and their shape in the checkpoint.
#[derive(Debug, Clone)]
struct Part {
    head: String,
    embedding: String,
    shape: Vec<u64>,
}

impl Head {
    /// Gives the checkpoint's tensors other names.
    pub(super) fn rename(&mut self, rename: &dyn Fn(&str) -> String) {
        for part in &mut self.parts {
            (part.head, part.embedding) = (rename(&part.head), rename(&part.embedding));
        }
        self.target.content.rename(rename);
    }

    /// Whether a tensor is a matrix of it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.head == name)
    }
}

impl Layout {
    /// The output head: a matrix of its own where it is untied, the embedding otherwise.
    pub(crate) fn head(&mut self, head: &str, embedding: &str, name: &str, cols: u64, rows: u64, tied: bool) {
        let (head, embedding) = (format!("{head}.weight"), format!("{embedding}.weight"));
        let content = Content::Run { tensor: head.clone(), first: 0, change: Change::None };
        let parts = vec![Part { head, embedding, shape: vec![rows, cols] }];
        self.add_head(parts, (name, cols), content, tied);
    }

    /// The same of matrices whose rows are the head's, in order: each with its embedding and its rows.
    pub(crate) fn joined_head(&mut self, sources: &[(&str, &str, u64)], name: &str, cols: u64, tied: bool) {
        let part = |(head, embedding, rows): &(&str, &str, u64)| Part {
            head: format!("{head}.weight"),
            embedding: format!("{embedding}.weight"),
            shape: vec![*rows, cols],
        };
        let content = sources.iter().map(|(head, _, rows)| (format!("{head}.weight"), rows * cols)).collect();
        let (parts, content) = (sources.iter().map(part).collect(), Content::Joined(content));
        self.add_head(parts, (name, cols), content, tied);
    }

    /// Says that an untied head need not be there: the embedding is the head then.
    pub(crate) fn optional_head(&mut self) {
        self.head.iter_mut().for_each(|head| head.optional = true);
    }

    fn add_head(&mut self, parts: Vec<Part>, (name, cols): (&str, u64), content: Content, tied: bool) {
        let rows = parts.iter().filter_map(|part| part.shape.first()).sum();
        let target = Target { name: format!("{name}.weight"), shape: vec![cols, rows], kind: Kind::Matrix, content };
        self.head = Some(Head { parts, tied, optional: false, target });
    }

    /// An untied head is needed like any matrix. A tied one is left out, with a note where it does not repeat the
    /// embedding, and stands in for an embedding that was not saved.
    pub(super) fn settle_head(&mut self, checkpoint: &Checkpoint, notes: &mut Vec<String>) -> Result<(), ConvertError> {
        let Some(Head { parts, tied, optional, target }) = self.head.take() else { return Ok(()) };
        let absent = parts.iter().all(|part| checkpoint.get(&part.head).is_none());
        let mut own = !(tied || optional && absent);
        if !tied && !own {
            notes.push("the output head is not in the checkpoint: the embedding is the head, unscaled".to_owned());
        }
        for Part { head, embedding, shape } in parts.iter().filter(|_| tied) {
            match (checkpoint.get(head).is_some(), checkpoint.get(embedding).is_some()) {
                (false, _) => {}
                (true, true) if checkpoint.equal(head, embedding)? => {}
                (true, true) => {
                    own |= self.own_heads;
                    let used = if self.own_heads {
                        "it is used, as in transformers 5"
                    } else {
                        "the embedding is used, as in the original before transformers 5, which would use the head"
                    };
                    notes.push(format!(
                        "config.json ties the output head to the embedding, but {head} differs from {embedding}: {used}"
                    ));
                }
                (true, false) => {
                    notes.push(format!("{embedding} is missing: {head}, which is tied to it, stands in"));
                    self.stand_in(embedding, head, shape);
                }
            }
        }
        if own {
            self.expected.extend(parts.into_iter().map(|part| (part.head, part.shape)));
            self.targets.push(target);
        }
        Ok(())
    }

    /// What is there under other names must be the same; of a matrix that is not there under its own, it stands in.
    pub(super) fn settle_repeats(
        &mut self,
        checkpoint: &Checkpoint,
        notes: &mut Vec<String>,
    ) -> Result<(), ConvertError> {
        for (matrix, others) in std::mem::take(&mut self.repeats) {
            let Some(shape) = self.expected.get(&matrix).cloned() else { continue };
            let mut there = checkpoint.get(&matrix).is_some().then_some(&matrix);
            for other in others.iter().filter(|other| checkpoint.get(other).is_some()) {
                match there {
                    None => {
                        self.stand_in(&matrix, other, &shape);
                        there = Some(other);
                    }
                    Some(first) if checkpoint.equal(first, other)? => {}
                    Some(first) => {
                        notes.push(format!("{other} differs from {first}, which the original uses for both"))
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads another tensor in the place of one.
    fn stand_in(&mut self, absent: &str, other: &str, shape: &[u64]) {
        self.expected.remove(absent);
        self.expected.insert(other.to_owned(), shape.to_vec());
        for target in &mut self.targets {
            match &mut target.content {
                Content::Run { tensor, .. } if tensor == absent => other.clone_into(tensor),
                Content::Joined(parts) => {
                    parts
                        .iter_mut()
                        .filter(|(tensor, _)| tensor == absent)
                        .for_each(|(tensor, _)| other.clone_into(tensor));
                }
                _ => {}
            }
        }
    }
}
