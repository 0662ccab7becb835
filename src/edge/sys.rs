//! The system calls that no safe crate offers: many datagrams per call, a timer as a descriptor, drop
//! counts, ranks of threads, what the allocator has given out.
//!
//! This is the only file with `unsafe`. Every function here takes and returns safe values; pointers are built from
//! live slices right before the call and do not outlive it.
#![allow(
    unsafe_code,
    reason = "recvmmsg, sendmmsg, timerfd, SO_MEMINFO, setpriority and mallinfo2 have no safe wrapper among the dependencies"
)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

/// Datagrams per system call: 64 headers and addresses are 7 KiB of stack, and calls beyond that save little more.
pub const BATCH: usize = 64;
/// Bytes of a datagram buffer: an Ethernet frame's payload; longer datagrams are cut off and then refused by length.
pub const DATAGRAM_BYTES: usize = 1_500;
/// Bytes of the longest socket address we use (`sockaddr_in6`).
pub const NAME_BYTES: usize = 28;

/// Nanoseconds on `CLOCK_MONOTONIC`.
pub fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds of processor time that the whole process has used, ended threads included.
pub fn process_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Ranks the calling thread among all threads of the machine, as `nice(1)` counts: on Linux the rank is the thread's own.
///
/// # Errors
/// A rank below that of now is allowed to who may do so only.
pub fn rank_this_thread(nice: i32) -> io::Result<()> {
    // SAFETY: it takes three numbers; 0 is the calling thread.
    let done = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Bytes that were asked of glibc's allocator and not given back, in all arenas. Walks their lists, some microseconds, and
/// holds each arena's lock meanwhile: for once in a while.
#[cfg(target_env = "gnu")]
pub fn allocated_bytes() -> u64 {
    // SAFETY: it takes nothing and returns a struct of numbers.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the call to fill.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert_eq!(result, 0, "clock {clock} exists on every Linux");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Receives up to [`BATCH`] datagrams without blocking. `lens` and `names` are filled for the returned count.
///
/// # Errors
/// `WouldBlock` when nothing waits; else what the kernel says.
pub fn recv_many(
    socket: &impl AsFd,
    buffers: &mut [[u8; DATAGRAM_BYTES]; BATCH],
    names: &mut [[u8; NAME_BYTES]; BATCH],
    lens: &mut [usize; BATCH],
) -> io::Result<usize> {
    let mut pieces: [libc::iovec; BATCH] = std::array::from_fn(|slot| libc::iovec {
        iov_base: buffers[slot].as_mut_ptr().cast(),
        iov_len: DATAGRAM_BYTES,
    });
    // The kernel shortens msg_namelen to what it wrote and the next call would take that as the room there is, so the
    // headers are built anew for every call.
    let mut headers: [libc::mmsghdr; BATCH] =
        std::array::from_fn(|slot| header(names[slot].as_mut_ptr(), NAME_BYTES, &raw mut pieces[slot]));
    // SAFETY: each header points at a distinct name, iovec and buffer of the stated length, all alive until the return.
    let count = unsafe {
        libc::recvmmsg(
            socket.as_fd().as_raw_fd(),
            headers.as_mut_ptr(),
            BATCH as libc::c_uint,
            libc::MSG_DONTWAIT as _,
            ptr::null_mut(),
        )
    };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    for (len, header) in lens.iter_mut().zip(&headers[..count]) {
        *len = header.msg_len as usize;
    }
    Ok(count)
}

/// Sends datagrams without blocking and says how many of them left, first ones first.
///
/// # Errors
/// What went wrong with the first of them; `WouldBlock` when the socket's buffer is full.
pub fn send_many(
    socket: &impl AsFd,
    buffers: &[[u8; DATAGRAM_BYTES]],
    names: &[([u8; NAME_BYTES], usize)],
    lens: &[usize],
) -> io::Result<usize> {
    let count = buffers.len().min(names.len()).min(lens.len()).min(BATCH);
    let mut pieces = [const { libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 } }; BATCH];
    for slot in 0..count {
        assert!(lens[slot] <= DATAGRAM_BYTES && names[slot].1 <= NAME_BYTES, "a datagram longer than its buffer");
        pieces[slot] = libc::iovec { iov_base: buffers[slot].as_ptr().cast_mut().cast(), iov_len: lens[slot] };
    }
    // SAFETY: all-zero bytes are a valid mmsghdr: null pointers with zero lengths.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    for slot in 0..count {
        headers[slot] = header(names[slot].0.as_ptr().cast_mut(), names[slot].1, &raw mut pieces[slot]);
    }
    // SAFETY: the first `count` headers point at live names, iovecs and buffers of the stated lengths; sendmmsg only
    // reads through them.
    let sent = unsafe {
        libc::sendmmsg(socket.as_fd().as_raw_fd(), headers.as_mut_ptr(), count as libc::c_uint, libc::MSG_DONTWAIT as _)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

fn header(name: *mut u8, name_len: usize, piece: *mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all-zero bytes are a valid mmsghdr (some platforms pad it with private fields, so it has no literal).
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    header.msg_hdr.msg_name = name.cast();
    header.msg_hdr.msg_namelen = name_len as libc::socklen_t;
    header.msg_hdr.msg_iov = piece;
    header.msg_hdr.msg_iovlen = 1;
    header
}

/// Sets "don't fragment" on every datagram: one too big for the path is an error at the sender, not fragments.
///
/// # Errors
/// What the kernel says.
pub fn forbid_fragments(socket: &impl AsFd, ipv6: bool) -> io::Result<()> {
    let (level, option, value) = if ipv6 {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO)
    } else {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO)
    };
    // SAFETY: `value` is a live c_int of the stated length.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Datagrams the kernel dropped because this socket's buffer was full, since the socket was made (wraps at 2^32).
///
/// # Errors
/// What the kernel says; kernels before 4.12 do not know the question.
pub fn kernel_drops(socket: &impl AsFd) -> io::Result<u32> {
    /// Fields of SO_MEMINFO, and which of them counts drops (linux/sock_diag.h).
    const FIELDS: usize = 9;
    const DROPS: usize = 8;
    let mut fields = [0u32; FIELDS];
    let mut bytes = mem::size_of_val(&fields) as libc::socklen_t;
    // SAFETY: `fields` has room for `bytes` bytes and both are alive during the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            fields.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    if result == 0 { Ok(fields[DROPS]) } else { Err(io::Error::last_os_error()) }
}

/// A timer that makes its descriptor readable at a deadline on [`monotonic_ns`].
#[derive(Debug)]
pub struct Timer(OwnedFd);

impl Timer {
    /// A timer with no deadline.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it is owned.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Moves the deadline; one in the past fires at once. Arming also withdraws an expiry that nobody has read.
    ///
    /// # Errors
    /// None that a valid timer gives; passed on rather than hidden.
    pub fn arm(&self, deadline_ns: u64) -> io::Result<()> {
        // A time of zero would disarm.
        let deadline_ns = deadline_ns.max(1);
        let spec = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: (deadline_ns / 1_000_000_000) as libc::time_t,
                tv_nsec: (deadline_ns % 1_000_000_000) as libc::c_long,
            },
        };
        // SAFETY: `spec` is a live itimerspec; the old value is not asked for.
        let result = unsafe {
            libc::timerfd_settime(self.0.as_raw_fd(), libc::TFD_TIMER_ABSTIME, &raw const spec, ptr::null_mut())
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}
