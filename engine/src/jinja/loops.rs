//! Loops while they run: their elements, and what `loop` tells of them.
//!
//! Source: Jinja2's `runtime`, `LoopContext`. The non-obvious thing: elements are taken one by one and the loop's condition is
//! asked of each when it is due, unless the template asks for the number of rounds.

use super::run::{Flow, Object, Run};
use super::syntax::For;
use super::value::Value;
use super::{R, fail};

/// A loop that runs.
pub(super) struct Loop {
    index: usize,
    scope: usize,
    source: Source,
    /// Whether the loop's condition is still to be asked.
    tested: bool,
    pub(super) depth0: usize,
    /// Rounds begun.
    pub(super) round: usize,
    pub(super) before: Option<Value>,
    current: Option<Value>,
    after: Option<Value>,
    pub(super) length: Option<usize>,
    pub(super) changed: Option<Vec<Value>>,
}

enum Source {
    Items(std::vec::IntoIter<Value>),
    Iter(usize),
}

impl<'p> Run<'p> {
    pub(super) fn run_loop(
        &mut self,
        index: usize,
        over: &Value,
        scope: usize,
        depth0: usize,
        out: &mut String,
    ) -> R<()> {
        let program = self.program;
        let it: &'p For = &program.loops[index];
        let length = if it.test.is_none() { self.length_if_known(over)? } else { None };
        let source = match over {
            Value::Iter(id) => Source::Iter(*id),
            over => Source::Items(self.items(over)?.into_iter()),
        };
        let tested = it.test.is_some();
        let (before, current, after, changed) = (None, None, None, None);
        let state = Loop { index, scope, source, tested, depth0, round: 0, before, current, after, length, changed };
        let id = self.objects.len();
        self.objects.push(Object::Loop(Box::new(state)));
        let mut went_through = false;
        while let Some(item) = self.next_of(id)? {
            let state = self.loop_state(id)?;
            state.round += 1;
            state.before = state.current.replace(item.clone());
            let (mark, closures) = (self.scopes.len(), self.closures);
            let inner = self.enter(it.body_frame, Some(scope))?;
            self.store(it.name, Value::Loop(id), inner);
            self.assign(&it.target, item, inner)?;
            let flow = self.execute(&it.body, inner, out)?;
            if self.closures == closures {
                self.scopes.truncate(mark);
            }
            match flow {
                Flow::Break => break,
                Flow::Continue => {}
                // As in Jinja2 a round that ends early does not count for 'else'.
                Flow::Next => went_through = true,
            }
        }
        if !went_through && !it.otherwise.is_empty() {
            let inner = self.enter(it.else_frame, Some(scope))?;
            if self.execute(&it.otherwise, inner, out)? != Flow::Next {
                return fail("'break' or 'continue' in the 'else' of a loop is not known");
            }
        }
        Ok(())
    }

    /// `loop(...)` of a recursive loop: its text for other elements.
    pub(super) fn recurse(&mut self, id: usize, over: &Value) -> R<Value> {
        let state = self.loop_state(id)?;
        let (index, scope, depth0) = (state.index, state.scope, state.depth0 + 1);
        if !self.program.loops[index].recursive {
            return fail("only a loop marked as 'recursive' can be called");
        }
        let mut out = String::new();
        self.deeper(|this| this.run_loop(index, over, scope, depth0, &mut out))?;
        Ok(Value::str(out))
    }

    pub(super) fn loop_state(&mut self, id: usize) -> R<&mut Loop> {
        match &mut self.objects[id] {
            Object::Loop(state) => Ok(state),
            _ => fail("no loop"),
        }
    }

    fn next_of(&mut self, id: usize) -> R<Option<Value>> {
        match self.loop_state(id)?.after.take() {
            Some(after) => Ok(Some(after)),
            None => self.pull(id),
        }
    }

    /// The element after the current one, which stays the next.
    pub(super) fn peek_of(&mut self, id: usize) -> R<Option<Value>> {
        if self.loop_state(id)?.after.is_none() {
            let after = self.pull(id)?;
            self.loop_state(id)?.after = after;
        }
        Ok(self.loop_state(id)?.after.clone())
    }

    /// Takes the next element that the loop's condition lets through.
    fn pull(&mut self, id: usize) -> R<Option<Value>> {
        loop {
            self.pay(1)?;
            let state = self.loop_state(id)?;
            let (index, scope, tested) = (state.index, state.scope, state.tested);
            let item = match &mut state.source {
                Source::Items(items) => items.next(),
                Source::Iter(iter) => {
                    let iter = *iter;
                    self.take_one(iter)
                }
            };
            let Some(item) = item else {
                return Ok(None);
            };
            let it: &'p For = &self.program.loops[index];
            let Some(test) = it.test.as_ref().filter(|_| tested) else {
                return Ok(Some(item));
            };
            let inner = self.enter(it.test_frame, Some(scope))?;
            self.assign(&it.target, item.clone(), inner)?;
            let held = self.evaluate(test, inner)?;
            if self.truth(&held)? {
                return Ok(Some(item));
            }
        }
    }

    pub(super) fn take_one(&mut self, iter: usize) -> Option<Value> {
        match &mut self.objects[iter] {
            Object::Iter(items) => items.pop_front(),
            _ => None,
        }
    }

    /// Number of a loop's rounds; where nothing tells it, all elements are fetched.
    pub(super) fn length_of(&mut self, id: usize) -> R<usize> {
        if let Some(length) = self.loop_state(id)?.length {
            return Ok(length);
        }
        let mut rest = Vec::new();
        while let Some(item) = self.pull(id)? {
            rest.push(item);
        }
        let state = self.loop_state(id)?;
        let length = rest.len() + state.round + usize::from(state.after.is_some());
        state.source = Source::Items(rest.into_iter());
        state.tested = false;
        state.length = Some(length);
        Ok(length)
    }
}
