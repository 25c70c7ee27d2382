//! Arguments of a call, put to their parameters as Python does.

use super::value::Value;
use super::{R, fail};
use std::sync::Arc;

/// What a call gives: values in order, and values by name.
#[derive(Debug, Default, Clone)]
pub(super) struct Given {
    pub(super) args: Vec<Value>,
    pub(super) named: Vec<(Arc<str>, Value)>,
}

impl Given {
    /// The values of `N` parameters, of which the first `required` must be given.
    pub(super) fn bind<const N: usize>(self, what: &str, names: [&str; N], required: usize) -> R<[Option<Value>; N]> {
        if self.args.len() > N {
            return fail(format!("{what} takes at most {N} arguments, {} are given", self.args.len()));
        }
        let mut bound = [const { None }; N];
        for (place, value) in bound.iter_mut().zip(self.args) {
            *place = Some(value);
        }
        for (name, value) in self.named {
            match names.iter().position(|known| !known.is_empty() && **known == *name) {
                Some(at) if bound[at].is_none() => bound[at] = Some(value),
                Some(_) => return fail(format!("{what} is given '{name}' twice")),
                None => return fail(format!("{what} has no argument {}", super::quoted(&name))),
            }
        }
        match bound.iter().take(required).position(Option::is_none) {
            Some(at) => fail(format!("{what} lacks its argument {}", at + 1)),
            None => Ok(bound),
        }
    }

    pub(super) fn none(self, what: &str) -> R<()> {
        self.bind::<0>(what, [], 0).map(|_| ())
    }
}

/// An argument that is a whole number.
pub(super) fn int(value: &Value, what: &str) -> R<i128> {
    match value.as_int() {
        Some(n) => Ok(n),
        None => value.refused(|kind| format!("{what}: a whole number is expected, not {kind}")),
    }
}

/// An argument that is a text.
pub(super) fn text<'v>(value: &'v Value, what: &str) -> R<&'v str> {
    match value.as_str() {
        Some(text) => Ok(text),
        None => value.refused(|kind| format!("{what}: a text is expected, not {kind}")),
    }
}
