//! A packet body being written: it knows how much room is left.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// Writes fields front to back. The writer asks for room first; running out is our own bug.
pub(crate) struct Body<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> Body<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn put(&mut self, field: &[u8]) {
        self.bytes[self.at..self.at + field.len()].copy_from_slice(field);
        self.at += field.len();
    }

    /// The next `len` bytes, for the caller to fill.
    pub(crate) fn gap(&mut self, len: usize) -> &mut [u8] {
        let start = self.at;
        self.at += len;
        &mut self.bytes[start..self.at]
    }

    /// Bytes that may still be written.
    pub(crate) fn room(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> usize {
        self.at
    }
}
