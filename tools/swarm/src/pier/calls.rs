//! The calls that take and give many datagrams at once, with the addresses of both ends. Pointers are made of live slices
//! right before each and do not outlive it.

#![allow(
    unsafe_code,
    reason = "recvmmsg and sendmmsg with addresses of both ends have no safe face in the crates at hand"
)]

use super::{BATCH, BYTES_MAX, Berth, Parcel};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

pub const ARE_THERE: bool = true;
/// Room for a header and the addresses of both ends.
const CONTROL_BYTES: usize = 64;

#[derive(Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL_BYTES]);

/// Answers how many bytes the socket may hold, as the kernel counts them.
pub fn prepare(socket: &UdpSocket, buffer_bytes: usize) -> io::Result<usize> {
    let set = |level, option, value: libc::c_int| {
        let bytes = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: `value` is a live c_int of the stated length.
        let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), bytes) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    for (forced, asked) in [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)] {
        // Whoever may not force it gets what is allowed.
        let bytes = libc::c_int::try_from(buffer_bytes).unwrap_or(libc::c_int::MAX);
        if set(libc::SOL_SOCKET, forced, bytes).is_err() {
            set(libc::SOL_SOCKET, asked, bytes)?;
        }
    }
    set(libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO)?;
    set(libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
    let (mut held, mut bytes): (libc::c_int, _) = (0, size_of::<libc::c_int>() as libc::socklen_t);
    let place = (&raw mut held).cast();
    // SAFETY: `held` has room for `bytes` bytes and both are alive during the call.
    let done =
        unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, place, &raw mut bytes) };
    if done == 0 { Ok(usize::try_from(held).unwrap_or(0)) } else { Err(io::Error::last_os_error()) }
}

/// Fills the parcels in `slots` from the first on, and says of each to what address it came and how long it is.
pub fn recv(
    socket: &UdpSocket,
    parcels: &mut [Parcel],
    slots: &[u32; BATCH],
    came: &mut [(u32, u32); BATCH],
) -> io::Result<usize> {
    let mut controls = [Control([0; CONTROL_BYTES]); BATCH];
    let mut pieces: [libc::iovec; BATCH] = std::array::from_fn(|at| libc::iovec {
        iov_base: parcels[slots[at] as usize].bytes.as_mut_ptr().cast(),
        iov_len: BYTES_MAX,
    });
    // SAFETY: all-zero bytes are a valid mmsghdr: null pointers with zero lengths.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
    for (at, header) in headers.iter_mut().enumerate() {
        header.msg_hdr.msg_iov = &raw mut pieces[at];
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = controls[at].0.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
    }
    let (fd, batch) = (socket.as_raw_fd(), BATCH as libc::c_uint);
    // SAFETY: each header points at a distinct iovec, buffer and room for control of the stated length, all alive until
    // the return; the slots are those of distinct parcels.
    let count = unsafe { libc::recvmmsg(fd, headers.as_mut_ptr(), batch, libc::MSG_DONTWAIT as _, ptr::null_mut()) };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    for (header, came) in headers[..count].iter().zip(came) {
        *came = (destination(&header.msg_hdr), header.msg_len);
    }
    Ok(count)
}

/// What address a datagram came to; 0 if the kernel did not say.
fn destination(header: &libc::msghdr) -> u32 {
    // SAFETY: the kernel wrote the control data of this header, whose room is alive.
    unsafe {
        let control = libc::CMSG_FIRSTHDR(header);
        if control.is_null() || (*control).cmsg_level != libc::IPPROTO_IP || (*control).cmsg_type != libc::IP_PKTINFO {
            return 0;
        }
        let info: libc::in_pktinfo = ptr::read_unaligned(libc::CMSG_DATA(control).cast());
        u32::from_be(info.ipi_addr.s_addr)
    }
}

/// Sends datagrams and says how many of them left, first ones first.
pub fn send(
    socket: &UdpSocket,
    server: SocketAddrV4,
    leaving: &[(Berth, usize)],
    bytes: &[[u8; BYTES_MAX]],
) -> io::Result<usize> {
    let count = leaving.len().min(bytes.len()).min(BATCH);
    let mut controls = [Control([0; CONTROL_BYTES]); BATCH];
    let mut pieces = [const { libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 } }; BATCH];
    let mut name = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: server.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*server.ip()).to_be() },
        sin_zero: [0; 8],
    };
    // SAFETY: all-zero bytes are a valid mmsghdr: null pointers with zero lengths.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
    for at in 0..count {
        let (Berth(from), len) = leaving[at];
        pieces[at] = libc::iovec { iov_base: bytes[at].as_ptr().cast_mut().cast(), iov_len: len.min(BYTES_MAX) };
        let header = &mut headers[at].msg_hdr;
        header.msg_name = (&raw mut name).cast();
        header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        header.msg_iov = &raw mut pieces[at];
        header.msg_iovlen = 1;
        header.msg_control = controls[at].0.as_mut_ptr().cast();
        let info = libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr { s_addr: from.to_be() },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        // SAFETY: the room for control is larger than a header and this address, and alive until the return.
        unsafe {
            let info_bytes = size_of::<libc::in_pktinfo>() as libc::c_uint;
            header.msg_controllen = libc::CMSG_SPACE(info_bytes) as _;
            let control = libc::CMSG_FIRSTHDR(header);
            (*control).cmsg_level = libc::IPPROTO_IP;
            (*control).cmsg_type = libc::IP_PKTINFO;
            (*control).cmsg_len = libc::CMSG_LEN(info_bytes) as _;
            ptr::write_unaligned(libc::CMSG_DATA(control).cast(), info);
        }
    }
    let fd = socket.as_raw_fd();
    // SAFETY: the first `count` headers point at live names, iovecs, buffers and control of the stated lengths; sendmmsg
    // only reads through them.
    let sent = unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), count as libc::c_uint, libc::MSG_DONTWAIT as _) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
