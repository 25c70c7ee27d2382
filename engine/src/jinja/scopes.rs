//! Which scope knows which names, and where their values come from when it is entered.
//!
//! Source: Jinja2's `idtracking`. The non-obvious thing: a name that a loop's body sets is the body's own from its
//! beginning on, in each round anew; one that only a condition sets is, until then, what it was outside.

use super::parser::names_of;
use super::syntax::{Expr, Load, Name, Node, Program, Stmt, Target};

/// What a scope knows while it is analysed.
#[derive(Clone)]
struct Symbols<'p> {
    loads: Vec<Option<Load>>,
    stores: Vec<bool>,
    parent: Option<&'p Symbols<'p>>,
}

/// The names that macros are given without being asked.
type Special = [Name; 3];

/// Fills in a program's frames.
pub(super) fn resolve(program: &mut Program, frames: usize, special: Special) {
    let asked: Vec<[bool; 3]> = program.macros.iter().map(|it| undeclared(program, &it.body, special)).collect();
    for (definition, asked) in program.macros.iter_mut().zip(asked) {
        let given = |n: usize| definition.parameters.contains(&special[n]);
        let [caller, kwargs, varargs] = [0, 1, 2].map(|n| (asked[n] && !given(n)).then_some(special[n]));
        (definition.caller, definition.kwargs, definition.varargs) = (caller, kwargs, varargs);
    }
    let mut analysis = Analysis { program, frames: vec![Vec::new(); frames] };
    let mut root = analysis.symbols(None);
    root.statements(&program.body, program);
    analysis.enter(&program.body, &root, 0);
    program.frames = analysis.frames;
}

struct Analysis<'p> {
    program: &'p Program,
    frames: Vec<Vec<(Name, Load)>>,
}

impl<'p> Analysis<'p> {
    fn symbols<'s>(&self, parent: Option<&'s Symbols<'s>>) -> Symbols<'s> {
        let names = self.program.names.len();
        Symbols { loads: vec![None; names], stores: vec![false; names], parent }
    }

    /// Records a frame and analyses the scopes inside its statements.
    fn enter(&mut self, body: &'p [Node], symbols: &Symbols<'_>, frame: usize) {
        let loads = symbols.loads.iter().enumerate();
        self.frames[frame] = loads.filter_map(|(name, load)| load.map(|load| (name as Name, load))).collect();
        self.inside(body, symbols);
    }

    fn inside(&mut self, body: &'p [Node], outer: &Symbols<'_>) {
        for node in body {
            self.statement(node, outer);
        }
    }

    fn statement(&mut self, node: &'p Node, outer: &Symbols<'_>) {
        let program = self.program;
        match &node.kind {
            Stmt::If(branches, otherwise) => {
                branches.iter().for_each(|(_, body)| self.inside(body, outer));
                self.inside(otherwise, outer);
            }
            Stmt::For(index) => {
                let it = &program.loops[*index];
                let mut body = self.symbols(Some(outer));
                body.parameter(it.name);
                names_of(&it.target).into_iter().for_each(|name| body.parameter(name));
                body.statements(&it.body, program);
                self.enter(&it.body, &body, it.body_frame);
                let mut otherwise = self.symbols(Some(outer));
                otherwise.statements(&it.otherwise, program);
                self.enter(&it.otherwise, &otherwise, it.else_frame);
                let mut test = self.symbols(Some(outer));
                names_of(&it.target).into_iter().for_each(|name| test.parameter(name));
                it.test.iter().for_each(|expr| test.expression(expr));
                self.enter(&[], &test, it.test_frame);
            }
            Stmt::Macro(index) | Stmt::Call(index, _) | Stmt::Generation(index) => {
                let it = &program.macros[*index];
                let mut body = self.symbols(Some(outer));
                it.parameters.iter().for_each(|&name| body.parameter(name));
                [it.caller, it.kwargs, it.varargs].into_iter().flatten().for_each(|name| body.parameter(name));
                it.defaults.iter().for_each(|expr| body.expression(expr));
                body.statements(&it.body, program);
                self.enter(&it.body, &body, it.frame);
            }
            Stmt::Filter { frame, body, filter } => {
                let mut inner = self.symbols(Some(outer));
                inner.statements(body, program);
                inner.expression(filter);
                self.enter(body, &inner, *frame);
            }
            Stmt::With { frame, values, body } => {
                let mut inner = self.symbols(Some(outer));
                values.iter().flat_map(|(target, _)| names_of(target)).for_each(|name| inner.parameter(name));
                inner.statements(body, program);
                self.enter(body, &inner, *frame);
            }
            Stmt::SetBlock { frame, body, .. } | Stmt::Autoescape { frame, body, .. } => {
                let mut inner = self.symbols(Some(outer));
                if let Stmt::Autoescape { on, .. } = &node.kind {
                    inner.expression(on);
                }
                inner.statements(body, program);
                self.enter(body, &inner, *frame);
            }
            Stmt::Block { frame, body } => {
                let mut inner = self.symbols(None);
                inner.statements(body, program);
                self.enter(body, &inner, *frame);
            }
            Stmt::Text(_) | Stmt::Print(_) | Stmt::Set(..) | Stmt::Break | Stmt::Continue | Stmt::Elsewhere(..) => {}
        }
    }
}

impl Symbols<'_> {
    fn knows(&self, name: Name) -> bool {
        self.loads[name as usize].is_some() || self.parent.is_some_and(|parent| parent.knows(name))
    }

    fn load(&mut self, name: Name) {
        if !self.knows(name) {
            self.loads[name as usize] = Some(Load::Resolve);
        }
    }

    fn store(&mut self, name: Name) {
        self.stores[name as usize] = true;
        if self.loads[name as usize].is_none() {
            let outside = self.parent.is_some_and(|parent| parent.knows(name));
            self.loads[name as usize] = Some(if outside { Load::Alias } else { Load::Undefined });
        }
    }

    fn parameter(&mut self, name: Name) {
        self.stores[name as usize] = true;
        self.loads[name as usize] = Some(Load::Parameter);
    }

    fn expression(&mut self, expr: &Expr) {
        if let Expr::Name(name) = expr {
            self.load(*name);
        }
        expr.parts(&mut |part| self.expression(part));
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.store(*name),
            Target::Tuple(parts) => parts.iter().for_each(|part| self.target(part)),
            Target::Attribute(name, _) => self.load(*name),
        }
    }

    /// Statements of this scope; what has a scope of its own is only looked at from outside.
    fn statements(&mut self, body: &[Node], program: &Program) {
        for node in body {
            match &node.kind {
                Stmt::Print(expr) => self.expression(expr),
                Stmt::For(index) => self.expression(&program.loops[*index].over),
                Stmt::If(branches, otherwise) => self.branches(branches, otherwise, program),
                Stmt::Macro(index) => {
                    if let Some(name) = program.macros[*index].name {
                        self.store(name);
                    }
                }
                Stmt::Call(_, call) => self.expression(call),
                Stmt::Filter { filter, .. } => self.expression(filter),
                Stmt::With { values, .. } => values.iter().for_each(|(_, value)| self.expression(value)),
                Stmt::Set(target, value) => {
                    self.expression(value);
                    self.target(target);
                }
                Stmt::SetBlock { target, .. } => self.target(target),
                Stmt::Elsewhere(_, names, template) => {
                    self.expression(template);
                    names.iter().for_each(|&name| self.store(name));
                }
                Stmt::Text(_)
                | Stmt::Generation(_)
                | Stmt::Autoescape { .. }
                | Stmt::Block { .. }
                | Stmt::Break
                | Stmt::Continue => {}
            }
        }
    }

    fn branches(&mut self, branches: &[(Expr, Vec<Node>)], otherwise: &[Node], program: &Program) {
        let Some(((test, first), rest)) = branches.split_first() else {
            return;
        };
        self.expression(test);
        let mut body = self.clone();
        body.statements(first, program);
        // As in Jinja2 each `elif` is an `if` with nothing else, and all of them are one branch.
        let mut elifs = self.clone();
        for branch in rest {
            elifs.branches(std::slice::from_ref(branch), &[], program);
        }
        let mut last = self.clone();
        last.statements(otherwise, program);
        let before = self.stores.clone();
        for branch in [&body, &elifs, &last] {
            for (name, load) in branch.loads.iter().enumerate() {
                if load.is_some() {
                    self.loads[name] = *load;
                }
                self.stores[name] |= branch.stores[name];
            }
        }
        for (name, before) in before.into_iter().enumerate() {
            if self.stores[name] && !before {
                let outside = self.parent.is_some_and(|parent| parent.knows(name as Name));
                self.loads[name] = Some(if outside { Load::Alias } else { Load::Resolve });
            }
        }
    }
}

/// Which of the special names are asked for in a macro's body before anything of that name is set there.
fn undeclared(program: &Program, body: &[Node], special: Special) -> [bool; 3] {
    let mut search = Undeclared { program, special, open: [true; 3], found: [false; 3] };
    search.statements(body);
    search.found
}

struct Undeclared<'p> {
    program: &'p Program,
    special: Special,
    open: [bool; 3],
    found: [bool; 3],
}

impl Undeclared<'_> {
    fn set(&mut self, name: Name) {
        for n in 0..3 {
            self.open[n] &= self.special[n] != name;
        }
    }

    fn expression(&mut self, expr: &Expr) {
        if let Expr::Name(name) = expr {
            for n in 0..3 {
                self.found[n] |= self.open[n] && self.special[n] == *name;
            }
        }
        expr.parts(&mut |part| self.expression(part));
    }

    fn target(&mut self, target: &Target) {
        names_of(target).into_iter().for_each(|name| self.set(name));
    }

    fn statements(&mut self, body: &[Node]) {
        let program = self.program;
        for node in body {
            match &node.kind {
                Stmt::Print(expr) => self.expression(expr),
                Stmt::For(index) => {
                    let it = &program.loops[*index];
                    self.target(&it.target);
                    self.expression(&it.over);
                    self.statements(&it.body);
                    self.statements(&it.otherwise);
                    it.test.iter().for_each(|test| self.expression(test));
                }
                Stmt::If(branches, otherwise) => {
                    for (test, body) in branches {
                        self.expression(test);
                        self.statements(body);
                    }
                    self.statements(otherwise);
                }
                Stmt::Macro(index) | Stmt::Call(index, _) | Stmt::Generation(index) => {
                    if let Stmt::Call(_, call) = &node.kind {
                        self.expression(call);
                    }
                    let it = &program.macros[*index];
                    it.parameters.iter().for_each(|&name| self.set(name));
                    it.defaults.iter().for_each(|expr| self.expression(expr));
                    self.statements(&it.body);
                }
                Stmt::Filter { body, filter, .. } => {
                    self.statements(body);
                    self.expression(filter);
                }
                Stmt::With { values, body, .. } => {
                    values.iter().for_each(|(target, _)| self.target(target));
                    values.iter().for_each(|(_, value)| self.expression(value));
                    self.statements(body);
                }
                Stmt::Set(target, value) => {
                    self.target(target);
                    self.expression(value);
                }
                Stmt::SetBlock { target, filter, body, .. } => {
                    self.target(target);
                    filter.iter().for_each(|filter| self.expression(filter));
                    self.statements(body);
                }
                Stmt::Autoescape { on, body, .. } => {
                    self.expression(on);
                    self.statements(body);
                }
                Stmt::Text(_) | Stmt::Block { .. } | Stmt::Break | Stmt::Continue | Stmt::Elsewhere(..) => {}
            }
        }
    }
}
