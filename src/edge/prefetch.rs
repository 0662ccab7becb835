//! The machine's word for "this memory comes next".
#![allow(unsafe_code, reason = "the instruction is only to be had so")]

/// For [`rudp::Prefetch::new`]: every cache line of these bytes is asked for, into the second level, for a batch is more
/// than the first one holds. On machines whose instruction the language does not offer yet, nothing happens.
pub fn prefetch(start: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        /// Bytes of a cache line.
        const LINE_BYTES: usize = 64;
        let first = start.wrapping_sub(start.addr() % LINE_BYTES);
        for offset in (0..start.addr() % LINE_BYTES + bytes).step_by(LINE_BYTES) {
            // SAFETY: a hint; it reads nothing and cannot fault, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(first.wrapping_add(offset).cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_memory_may_be_named_also_what_is_gone_or_never_was() {
        prefetch(std::ptr::null(), 0);
        prefetch(std::ptr::null(), 1_000);
        prefetch(std::ptr::without_provenance(usize::MAX - 7), 64);
        let bytes = vec![7_u8; 1_000];
        prefetch(bytes.as_ptr().wrapping_add(1), bytes.len());
        assert_eq!(bytes, [7; 1_000]);
    }
}
