//! Many datagrams per system call, each with the local address it came to or leaves from.
#![allow(
    unsafe_code,
    reason = "recvmmsg and sendmmsg with control messages have no safe wrapper among the dependencies"
)]

use super::{BATCH, Batch};
use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

/// A control message with the local address of one datagram: what `CMSG_SPACE` of an `in_pktinfo` measures.
#[derive(Clone, Copy)]
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    local: libc::in_pktinfo,
}

impl Control {
    fn new(local: Ipv4Addr) -> Self {
        // SAFETY: all-zero bytes are a valid cmsghdr (some C libraries pad it with private fields).
        let mut header: libc::cmsghdr = unsafe { mem::zeroed() };
        header.cmsg_len = (mem::offset_of!(Self, local) + size_of::<libc::in_pktinfo>()) as _;
        header.cmsg_level = libc::IPPROTO_IP;
        header.cmsg_type = libc::IP_PKTINFO;
        let address = libc::in_addr { s_addr: u32::from(local).to_be() };
        let local = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: address, ipi_addr: libc::in_addr { s_addr: 0 } };
        Self { header, local }
    }

    /// Where the datagram went to; unspecified when the kernel did not say.
    fn destination(&self) -> Ipv4Addr {
        if self.header.cmsg_level != libc::IPPROTO_IP || self.header.cmsg_type != libc::IP_PKTINFO {
            return Ipv4Addr::UNSPECIFIED;
        }
        Ipv4Addr::from(u32::from_be(self.local.ipi_addr.s_addr))
    }
}

/// From now on every datagram received tells which local address it came to.
///
/// # Errors
/// What the kernel says.
pub fn tell_destinations(socket: &impl AsFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: `on` is a live c_int of the stated length.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_PKTINFO,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Fills `batch` from the front without blocking, and says how many came.
///
/// # Errors
/// `WouldBlock` when nothing waits; else what the kernel says.
pub fn recv_many(socket: &impl AsFd, batch: &mut Batch) -> io::Result<usize> {
    let mut controls = [Control::new(Ipv4Addr::UNSPECIFIED); BATCH];
    let mut pieces: [libc::iovec; BATCH] = std::array::from_fn(|slot| libc::iovec {
        iov_base: batch.buffers[slot].as_mut_ptr().cast(),
        iov_len: batch.buffers[slot].len(),
    });
    // The kernel shortens the lengths to what it wrote, so the headers are built anew for every call.
    let mut headers: [libc::mmsghdr; BATCH] =
        std::array::from_fn(|slot| header(ptr::null_mut(), &raw mut pieces[slot], &raw mut controls[slot]));
    // SAFETY: each header points at a distinct control message, iovec and buffer of the stated length, alive until the
    // return.
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
    for slot in 0..count {
        batch.lens[slot] = headers[slot].msg_len as usize;
        batch.locals[slot] = controls[slot].destination();
    }
    Ok(count)
}

/// Sends datagrams `slots` of the batch to one peer without blocking, and says how many left, first ones first.
///
/// # Errors
/// What went wrong with the first of them; `WouldBlock` when the socket's buffer is full.
pub fn send_many(
    socket: &impl AsFd,
    batch: &Batch,
    slots: std::ops::Range<usize>,
    peer: SocketAddrV4,
) -> io::Result<usize> {
    // SAFETY: all-zero bytes are a valid sockaddr_in.
    let mut name: libc::sockaddr_in = unsafe { mem::zeroed() };
    name.sin_family = libc::AF_INET as libc::sa_family_t;
    name.sin_port = peer.port().to_be();
    name.sin_addr.s_addr = u32::from(*peer.ip()).to_be();
    let mut controls = [Control::new(Ipv4Addr::UNSPECIFIED); BATCH];
    let mut pieces = [const { libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 } }; BATCH];
    // SAFETY: all-zero bytes are a valid mmsghdr: null pointers with zero lengths.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    let count = slots.len();
    for (place, slot) in slots.enumerate() {
        let bytes = &batch.buffers[slot][..batch.lens[slot]];
        controls[place] = Control::new(batch.locals[slot]);
        pieces[place] = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        headers[place] = header(&raw mut name, &raw mut pieces[place], &raw mut controls[place]);
    }
    // SAFETY: the first `count` headers point at the live name, control messages, iovecs and buffers of the stated
    // lengths; sendmmsg only reads through them.
    let sent = unsafe {
        libc::sendmmsg(socket.as_fd().as_raw_fd(), headers.as_mut_ptr(), count as libc::c_uint, libc::MSG_DONTWAIT as _)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

fn header(name: *mut libc::sockaddr_in, piece: *mut libc::iovec, control: *mut Control) -> libc::mmsghdr {
    // SAFETY: all-zero bytes are a valid mmsghdr (some platforms pad it with private fields, so it has no literal).
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    if !name.is_null() {
        header.msg_hdr.msg_name = name.cast();
        header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    }
    header.msg_hdr.msg_iov = piece;
    header.msg_hdr.msg_iovlen = 1;
    header.msg_hdr.msg_control = control.cast();
    header.msg_hdr.msg_controllen = size_of::<Control>() as _;
    header
}
