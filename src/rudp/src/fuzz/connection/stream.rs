//! The bulk channel of a pair: what was written, what was read of it, and a reader that sometimes stops.

use super::model::PATTERN;
use super::{End, Pair, SIZES};
use crate::channel::{BULK_CHUNK_BYTES_MAX, SendError};
use crate::fuzz::{STREAM, Script};
use std::collections::VecDeque;

/// Bytes of streams that both ends write in a run at most: three windows, half of it compressible, so that the end of
/// a run is some seconds at the rate of the game.
pub(super) const STREAM_BYTES_MAX: usize = 192 * 1_024;

/// Bytes that compress, and as many that do not, by turns: half a chunk, so that chunks of both kinds and mixed ones come.
const STRETCH_BYTES: usize = 8 * 1_024;

/// What one end wrote and the other has not read, as offsets in the stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    written: usize,
    read: usize,
    /// Where transfers end that have not been read to their end.
    ends: VecDeque<usize>,
}

impl Stream {
    /// Something is on its way.
    pub(super) fn is_open(&self) -> bool {
        self.read < self.written || !self.ends.is_empty()
    }

    fn next_bytes(&self, size: usize) -> Vec<u8> {
        (self.written..self.written + size).map(byte_at).collect()
    }

    /// The other end has read a chunk: the next bytes, and an end exactly where one was set.
    fn on_read(&mut self, bytes: &[u8], is_last: bool) {
        assert!(bytes.len() <= BULK_CHUNK_BYTES_MAX && (is_last || !bytes.is_empty()));
        let from = self.read;
        self.read += bytes.len();
        assert!(self.read <= self.written, "{} bytes were written, {} read", self.written, self.read);
        let is_it = bytes.iter().copied().eq((from..self.read).map(byte_at));
        assert!(is_it, "not what was written from {from} to {}", self.read);
        if is_last {
            assert_eq!(self.ends.pop_front(), Some(self.read), "a transfer ends elsewhere");
        }
        assert!(self.ends.front().is_none_or(|end| *end >= self.read), "read beyond an end: {self:?}");
    }

    pub(super) fn assert_kept(&self) {
        assert!(!self.is_open(), "acked and never read: {self:?}");
    }
}

fn byte_at(offset: usize) -> u8 {
    match offset / STRETCH_BYTES % 2 {
        0 => PATTERN[offset % PATTERN.len()],
        _ => (offset / 32 + offset / STRETCH_BYTES) as u8,
    }
}

/// Reads when it is told that there is something, and until there is nothing; unless it has stopped.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) is_reading: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self { is_reading: true }
    }
}

impl Pair {
    /// Something with the stream that this end writes, or the one it reads.
    pub(super) fn stream(&mut self, side: usize, operation: u8, script: &mut Script<'_>) {
        match operation >> 4 & 3 {
            0 => self.write_stream(side, script),
            1 if script.u8() & 3 == 0 => self.end_stream(side),
            1 => {
                self.write_stream(side, script);
                self.end_stream(side);
            }
            _ if script.u8() & 1 == 0 => self.ends[side].reader.is_reading ^= true,
            _ => {
                let is_reading = std::mem::replace(&mut self.ends[side].reader.is_reading, true);
                self.read(side, script.below(6));
                self.ends[side].reader.is_reading = is_reading;
            }
        }
    }

    fn write_stream(&mut self, side: usize, script: &mut Script<'_>) {
        let size = SIZES[script.below(SIZES.len())].min(self.stream_bytes_left);
        let End { connection, promises, .. } = &mut self.ends[side];
        let (messages, bytes) = connection.reliable_queued();
        match connection.send_bulk(STREAM, &promises.stream.next_bytes(size)) {
            Ok(taken) => {
                assert!(taken <= size && (taken > 0 || size == 0));
                assert_eq!(connection.reliable_queued(), (messages, bytes + taken));
                promises.stream.written += taken;
                self.stream_bytes_left -= taken;
            }
            Err(error) => {
                assert!(matches!(error, SendError::Full | SendError::NotSpoken | SendError::Closing), "{error}");
                assert_eq!(connection.reliable_queued(), (messages, bytes), "refused bytes left something");
            }
        }
    }

    fn end_stream(&mut self, side: usize) {
        let End { connection, promises, .. } = &mut self.ends[side];
        if connection.end_bulk(STREAM).is_ok() {
            promises.stream.ends.push_back(promises.stream.written);
        }
    }

    /// Reads so many chunks at most of those announced.
    pub(super) fn read(&mut self, side: usize, chunks_max: usize) {
        let is_honest = self.is_honest();
        let [client, server] = &mut self.ends;
        let (reader, writer) = if side == 0 { (client, server) } else { (server, client) };
        if !reader.reader.is_reading || !reader.ear.has_chunk {
            assert!(reader.ear.has_chunk || reader.connection.read_bulk(STREAM).is_none(), "nobody told of a chunk");
            return;
        }
        for _ in 0..chunks_max {
            let Some(chunk) = reader.connection.read_bulk(STREAM) else {
                reader.ear.has_chunk = false;
                return;
            };
            if is_honest {
                writer.promises.stream.on_read(chunk.bytes, chunk.is_last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::BULK_WINDOW_BYTES;

    /// Both ends know each other.
    fn introduced() -> Pair {
        let mut pair = Pair::new(0);
        for _ in 0..100 {
            pass(&mut pair);
        }
        pair
    }

    fn pass(pair: &mut Pair) {
        (0..2).for_each(|side| pair.deliver(side, usize::MAX));
        pair.pass(crate::time::NS_PER_S / 60);
        pair.wake();
        pair.judge();
    }

    #[test]
    fn a_reader_that_stops_closes_the_window_and_the_end_of_a_run_opens_it() {
        let mut pair = introduced();
        // Twice the longest size, and an end.
        for _ in 0..2 {
            pair.write_stream(1, &mut Script::new(&[15]));
        }
        pair.end_stream(1);
        pair.ends[0].reader.is_reading = false;
        for _ in 0..60 * 20 {
            pass(&mut pair);
        }
        let held = pair.ends[0].connection.bulk_held();
        assert!(held > BULK_WINDOW_BYTES as usize - BULK_CHUNK_BYTES_MAX, "the window is not nearly full: {held}");
        assert!(!pair.ends[1].connection.is_idle());
        pair.drain();
        assert_eq!(pair.ends[1].promises.stream.read, 128 * 1_024);
    }

    #[test]
    #[should_panic(expected = "not what was written")]
    fn a_stream_that_skips_a_byte_is_found() {
        let mut pair = introduced();
        pair.ends[1].connection.send_bulk(STREAM, &[byte_at(1)]).expect("room");
        pair.ends[1].promises.stream.written = 1;
        pair.drain();
    }
}
