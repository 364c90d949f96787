//! A parser of the few Python literals in the header of a `.npy` file: strings without escapes,
//! booleans and tuples of sizes. Every method skips spaces first.

use super::NpyError;

/// The text of a header and the position in it.
pub(super) struct Literal<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Literal<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The error that the text at the current position is not what was expected.
    pub(super) fn error(&self, expected: &'static str) -> NpyError {
        NpyError::Header { at: self.at, expected }
    }

    /// Consumes `byte` and returns true, if it is next.
    pub(super) fn accept(&mut self, byte: u8) -> bool {
        self.skip_spaces();
        let found = self.rest().first() == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// Consumes `byte`. Fails if it is not next.
    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), NpyError> {
        if self.accept(byte) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// Consumes a string in single or double quotes, without escapes.
    pub(super) fn string(&mut self) -> Result<&'a [u8], NpyError> {
        self.skip_spaces();
        let &[quote @ (b'\'' | b'"'), ref rest @ ..] = self.rest() else {
            return Err(self.error("a string"));
        };
        let end = rest.iter().position(|&byte| byte == quote || byte == b'\\');
        match end {
            Some(end) if rest[end] == quote => {
                self.at += end + 2;
                Ok(&rest[..end])
            }
            _ => Err(self.error("a string without escapes")),
        }
    }

    /// Consumes `True` or `False`.
    pub(super) fn boolean(&mut self) -> Result<bool, NpyError> {
        self.skip_spaces();
        for (word, value) in [("True", true), ("False", false)] {
            if self.rest().starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.error("True or False"))
    }

    /// Consumes a tuple of sizes: `()`, `(7,)`, `(7, 5)` or `(7, 5,)`.
    pub(super) fn sizes(&mut self) -> Result<Vec<usize>, NpyError> {
        let mut sizes = vec![];
        self.expect(b'(', "the start of a tuple")?;
        while !self.accept(b')') {
            sizes.push(self.size()?);
            // `(7)` is a number in Python.
            if !self.accept(b',') {
                match sizes.len() {
                    1 => return Err(self.error("a comma")),
                    _ => self.expect(b')', "the end of a tuple")?,
                }
                break;
            }
        }
        Ok(sizes)
    }

    /// Consumes spaces up to the end of the text. Fails if anything else follows.
    pub(super) fn end(&mut self) -> Result<(), NpyError> {
        self.skip_spaces();
        if self.rest().is_empty() { Ok(()) } else { Err(self.error("the end of the header")) }
    }

    fn size(&mut self) -> Result<usize, NpyError> {
        self.skip_spaces();
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(&self.rest()[..digits]).expect("digits are ASCII");
        let size = text.parse().map_err(|_| self.error("a size below 2^64"))?;
        self.at += digits;
        Ok(size)
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }
}
