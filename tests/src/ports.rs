//! A port for a server that cannot be given an open socket, or that goes away for a while and comes back.

#![allow(
    clippy::missing_panics_doc,
    reason = "a test without a port cannot go on"
)]

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, SocketAddrAny, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
};

/// A port of 127.0.0.1 that the system gives to nobody else as long as this is there. Nobody listens at
/// it, so connections are refused; a server that sets `SO_REUSEADDR`, as servers do, can.
#[derive(Debug)]
pub struct KeptPort {
    _socket: OwnedFd,
    number: u16,
}

impl KeptPort {
    /// Has the system choose one.
    #[must_use]
    pub fn new() -> Self {
        let socket = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        );
        let socket = socket.expect("a socket can be made");
        sockopt::set_socket_reuseaddr(&socket, true).expect("it is a socket");
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        bind(&socket, &any).expect("there is a free port");
        let address: SocketAddrAny = getsockname(&socket).expect("it is bound");
        let address = SocketAddrV4::try_from(address).expect("it is one of IPv4");
        Self {
            _socket: socket,
            number: address.port(),
        }
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

impl Default for KeptPort {
    fn default() -> Self {
        Self::new()
    }
}
