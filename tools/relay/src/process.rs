//! What the relay asks of its own process: a descriptor for each flow.
#![allow(unsafe_code, reason = "two calls of libc that have no safe face in the crates at hand")]

/// Raises the limit of open files to at least `wanted`, or as far towards it as the system allows.
///
/// # Errors
/// The limit that is left, when it is lower than `wanted`.
pub fn raise_file_limit(wanted: u64) -> Result<(), u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit that lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(0);
    }
    if limit.rlim_cur >= wanted {
        return Ok(());
    }
    // The first succeeds for root or below the hard limit.
    for rlim_max in [limit.rlim_max.max(wanted), limit.rlim_max] {
        let raised = libc::rlimit { rlim_cur: wanted.min(rlim_max), rlim_max };
        // SAFETY: `raised` is a valid rlimit and only read.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0 {
            return if raised.rlim_cur >= wanted { Ok(()) } else { Err(raised.rlim_cur) };
        }
    }
    Err(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_already_held_is_granted() {
        assert_eq!(raise_file_limit(16), Ok(()));
    }
}
