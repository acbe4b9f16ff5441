//! Sockets: what of them never waits.

use super::files::above_stdio;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, sockopt};
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// A socket, of streams or of messages.
#[derive(Debug)]
pub struct Socket {
    /// The system's.
    pub file: Arc<File>,
    /// Whether connections are accepted from it.
    pub is_listening: bool,
    /// Whether what is sent keeps its borders.
    pub has_messages: bool,
}

/// A socket of the host's, as the system names it.
pub type HostSocket<'a> = BorrowedFd<'a>;

/// What was received.
pub struct Received {
    /// How many bytes; 0 is the end of a stream.
    pub bytes: usize,
    /// Whether the message had more.
    pub is_cut: bool,
}

impl Socket {
    /// A duplicate of a socket of the host's. A listening one is made non-blocking, which the original is then too.
    ///
    /// Errors: the system's; `ENOTSOCK`; `EPROTOTYPE` for a kind of socket that guests don't know.
    pub fn of_host(fd: HostSocket<'_>) -> io::Result<Socket> {
        let has_messages = match sockopt::socket_type(fd)? {
            SocketType::STREAM => false,
            SocketType::DGRAM => true,
            _ => return Err(Errno::PROTOTYPE.into()),
        };
        let is_listening = sockopt::socket_acceptconn(fd)?;
        let own = above_stdio(rustix::io::fcntl_dupfd_cloexec(fd, 0)?)?;
        if is_listening {
            // There is no other way to accept without waiting.
            let flags = rustix::fs::fcntl_getfl(&own)?;
            rustix::fs::fcntl_setfl(&own, flags | OFlags::NONBLOCK)?;
        }
        Ok(Socket { file: Arc::new(own.into()), is_listening, has_messages })
    }

    /// The next connection; `EAGAIN` if there is none.
    pub fn accept(&self) -> io::Result<Socket> {
        let accepted = rustix::net::accept_with(&self.file, SocketFlags::CLOEXEC)?;
        let file = Arc::new(above_stdio(accepted)?.into());
        Ok(Socket { file, is_listening: false, has_messages: false })
    }

    /// Receives what there is; leaves it there if `peeks`. `EAGAIN` if there is nothing.
    pub fn receive(&self, out: &mut [u8], peeks: bool) -> io::Result<Received> {
        let mut flags = RecvFlags::DONTWAIT;
        flags.set(RecvFlags::PEEK, peeks);
        flags.set(RecvFlags::TRUNC, self.has_messages);
        let (bytes, all) = rustix::net::recv(&self.file, out, flags)?;
        Ok(Received { bytes, is_cut: all > bytes })
    }

    /// Sends what there is room for; answers how much. `EAGAIN` if there is none. Nobody gets a signal.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&self.file, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    /// Ends receiving, sending, or both.
    pub fn shut_down(&self, receiving: bool, sending: bool) -> io::Result<()> {
        let how = match (receiving, sending) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            (false, _) => Shutdown::Write,
        };
        Ok(rustix::net::shutdown(&self.file, how)?)
    }
}
