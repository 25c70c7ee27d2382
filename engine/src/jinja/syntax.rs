//! A template as a tree: what the parser makes and the run walks through.
//!
//! Source: Jinja2's `nodes`. Loops and macros lie in lists of their own, since values name them by number; so do the
//! frames, which say what each scope knows when it is entered (`scopes`).

use super::value::Value;
use std::sync::Arc;

/// The number of a name.
pub(super) type Name = u32;

/// A compiled template.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(super) body: Vec<Node>,
    pub(super) loops: Vec<For>,
    pub(super) macros: Vec<MacroDef>,
    /// For each scope its names and where they come from; the first is the template's own.
    pub(super) frames: Vec<Vec<(Name, Load)>>,
    pub(super) names: Vec<Arc<str>>,
}

/// Where a name's value comes from when its scope is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Given by the scope itself: a loop's element, a macro's argument.
    Parameter,
    /// What is known to the whole template.
    Resolve,
    /// The outer scope's.
    Alias,
    Undefined,
}

/// A statement and its line.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) kind: Stmt,
}

#[derive(Debug)]
pub(super) enum Stmt {
    Text(Arc<str>),
    Print(Expr),
    For(usize),
    If(Vec<(Expr, Vec<Node>)>, Vec<Node>),
    Macro(usize),
    /// The macro that is the body, and the call.
    Call(usize, Expr),
    /// `{% generation %}`: the macro that is the body.
    Generation(usize),
    Filter {
        frame: usize,
        body: Vec<Node>,
        filter: Expr,
    },
    With {
        frame: usize,
        values: Vec<(Target, Expr)>,
        body: Vec<Node>,
    },
    Set(Target, Expr),
    SetBlock {
        frame: usize,
        target: Target,
        filter: Option<Expr>,
        body: Vec<Node>,
    },
    Autoescape {
        frame: usize,
        on: Expr,
        body: Vec<Node>,
    },
    Block {
        frame: usize,
        body: Vec<Node>,
    },
    Break,
    Continue,
    /// What needs other templates: its tag, and the names that it would set.
    Elsewhere(&'static str, Vec<Name>, Expr),
}

#[derive(Debug)]
pub(super) struct For {
    pub(super) target: Target,
    pub(super) over: Expr,
    pub(super) test: Option<Expr>,
    pub(super) recursive: bool,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
    pub(super) body_frame: usize,
    pub(super) test_frame: usize,
    pub(super) else_frame: usize,
    /// The name `loop`.
    pub(super) name: Name,
}

#[derive(Debug)]
pub(super) struct MacroDef {
    /// None for the body of a call.
    pub(super) name: Option<Name>,
    pub(super) parameters: Vec<Name>,
    /// Values of the last parameters where they are not given.
    pub(super) defaults: Vec<Expr>,
    pub(super) body: Vec<Node>,
    pub(super) frame: usize,
    /// Whether the body asks for `caller`, `kwargs`, `varargs`, and their names.
    pub(super) caller: Option<Name>,
    pub(super) kwargs: Option<Name>,
    pub(super) varargs: Option<Name>,
}

#[derive(Debug)]
pub(super) enum Target {
    Name(Name),
    Tuple(Vec<Target>),
    /// An attribute of a namespace.
    Attribute(Name, Arc<str>),
}

#[derive(Debug)]
pub(super) enum Expr {
    Const(Value),
    Name(Name),
    Tuple(Vec<Expr>),
    List(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    /// Test, value, other value.
    If(Box<(Expr, Expr, Option<Expr>)>),
    Or(Box<(Expr, Expr)>),
    And(Box<(Expr, Expr)>),
    Not(Box<Expr>),
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    Binary(Binary, Box<(Expr, Expr)>),
    Concat(Vec<Expr>),
    Negate(Box<Expr>),
    Plus(Box<Expr>),
    Attribute(Box<Expr>, Arc<str>),
    Item(Box<(Expr, Expr)>),
    Slice(Box<[Option<Expr>; 3]>),
    Call(Box<(Expr, Args)>),
    /// None for the text of a filter block.
    Filter(Option<Box<Expr>>, Arc<str>, Box<Args>),
    Test(Box<Expr>, Arc<str>, Box<Args>),
}

#[derive(Debug, Default)]
pub(super) struct Args {
    pub(super) positional: Vec<Expr>,
    pub(super) named: Vec<(Arc<str>, Expr)>,
    pub(super) star: Option<Expr>,
    pub(super) stars: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
}

impl Expr {
    /// Calls `visit` with each expression directly inside this one.
    pub(super) fn parts<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        match self {
            Self::Const(_) | Self::Name(_) => {}
            Self::Tuple(items) | Self::List(items) | Self::Concat(items) => items.iter().for_each(visit),
            Self::Dict(pairs) => pairs.iter().for_each(|(key, value)| {
                visit(key);
                visit(value);
            }),
            Self::If(parts) => {
                visit(&parts.0);
                visit(&parts.1);
                parts.2.iter().for_each(visit);
            }
            Self::Or(pair) | Self::And(pair) | Self::Item(pair) | Self::Binary(_, pair) => {
                visit(&pair.0);
                visit(&pair.1);
            }
            Self::Not(inner) | Self::Negate(inner) | Self::Plus(inner) | Self::Attribute(inner, _) => visit(inner),
            Self::Compare(first, rest) => {
                visit(first);
                rest.iter().for_each(|(_, expr)| visit(expr));
            }
            Self::Slice(parts) => parts.iter().flatten().for_each(visit),
            Self::Call(call) => {
                visit(&call.0);
                call.1.parts(visit);
            }
            Self::Filter(of, _, args) => {
                of.iter().for_each(|of| visit(of));
                args.parts(visit);
            }
            Self::Test(of, _, args) => {
                visit(of);
                args.parts(visit);
            }
        }
    }
}

impl Args {
    fn parts<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        self.positional.iter().for_each(&mut *visit);
        self.named.iter().for_each(|(_, expr)| visit(expr));
        self.star.iter().for_each(&mut *visit);
        self.stars.iter().for_each(visit);
    }
}
