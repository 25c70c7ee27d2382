//! The place in a template's tokens where the parser is.

use super::lexer::Token;
use super::parser::Parser;
use super::{R, fail, quoted};
use std::sync::Arc;

impl Parser {
    pub(super) fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |(line, _)| *line)
    }

    pub(super) fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(_, token)| token)
    }

    pub(super) fn peek_second(&self) -> &Token {
        self.tokens.get(self.at + 1).map_or(&Token::End, |(_, token)| token)
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    pub(super) fn step_back(&mut self) {
        self.at -= 1;
    }

    pub(super) fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Token::Op(found) if *found == op)
    }

    pub(super) fn skip_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        self.at += usize::from(found);
        found
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(name) if **name == *word)
    }

    pub(super) fn skip_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect_op(&mut self, op: &str) -> R<()> {
        if self.skip_op(op) { Ok(()) } else { self.unexpected(&format!("'{op}'")) }
    }

    pub(super) fn expect_word(&mut self, word: &str) -> R<()> {
        if self.skip_word(word) { Ok(()) } else { self.unexpected(&format!("'{word}'")) }
    }

    pub(super) fn expect_block_end(&mut self) -> R<()> {
        if *self.peek() == Token::BlockEnd {
            self.at += 1;
            return Ok(());
        }
        self.unexpected("end of statement block")
    }

    pub(super) fn expect_name(&mut self) -> R<Arc<str>> {
        match self.next() {
            Token::Name(name) => Ok(name),
            _ => {
                self.at -= 1;
                self.unexpected("a name")
            }
        }
    }

    pub(super) fn unexpected<T>(&self, wanted: &str) -> R<T> {
        let found = match self.peek() {
            Token::Data(_) => "text".to_owned(),
            Token::PrintBegin => "'{{'".to_owned(),
            Token::PrintEnd => "'}}'".to_owned(),
            Token::BlockBegin => "'{%'".to_owned(),
            Token::BlockEnd => "'%}'".to_owned(),
            Token::Name(name) => quoted(name),
            Token::Text(text) => format!("the text {}", quoted(text)),
            Token::Int(n) => n.to_string(),
            Token::Float(x) => x.to_string(),
            Token::Op(op) => format!("'{op}'"),
            Token::End => "the end of the template".to_owned(),
        };
        fail(format!("{wanted} is expected, found {found}"))
    }
}
