//! The functions on sockets, and reading and writing them.
//!
//! The host has made them: a guest accepts connections, but makes none. Invariant: no system call here waits, but for the one that
//! waits until a socket is ready, which ends when the guest is to be left.

use super::Errno;
use super::context::Context;
use super::descriptors::Descriptor;
use super::fd::CHUNK;
use super::guest::{Buffers, Guest, Result};
use super::stdio::again;
use super::system::{self, Socket, Wait};
use super::types::{DATA_TRUNCATED, fdflags, riflags, rights, sdflags};
use crate::runtime::AwaitedFile;
use std::sync::Arc;

impl Context {
    /// `sock_accept`
    pub fn sock_accept(&self, guest: Guest<'_>, fd: u32, flags: u32, out: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        guest.check(out, 4)?;
        let flags = u16::try_from(flags).ok().filter(|flags| flags & !fdflags::NONBLOCK == 0).ok_or(Errno::Inval)?;
        let listener = descriptor.socket(0)?;
        if !listener.is_listening {
            return Err(if listener.has_messages { Errno::Notsup } else { Errno::Inval });
        }
        descriptor.require(rights::SOCK_ACCEPT)?;
        // A connection that no number is left for stays where it is.
        self.descriptors.check_room()?;
        let accepted = self.when_ready(guest, &descriptor, listener, false, 0, || listener.accept())?;
        let connection = Descriptor::of_socket(Arc::new(accepted), flags);
        connection.shrink(connection.base() & descriptor.inheriting(), 0)?;
        guest.write_u32(out, self.descriptors.add(connection)?)
    }

    /// `sock_recv`
    pub fn sock_recv(
        &self,
        guest: Guest<'_>,
        fd: u32,
        (array, count): (u32, u32),
        flags: u32,
        (out, out_flags): (u32, u32),
    ) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        guest.check(out, 4)?;
        guest.check(out_flags, 2)?;
        let buffers = guest.buffers(array, count)?;
        let socket = connected(&descriptor, rights::FD_READ)?;
        if flags & !riflags::ALL != 0 {
            return Err(Errno::Inval);
        }
        let (done, is_cut) = self.receive(guest, &descriptor, socket, buffers, flags)?;
        guest.write(out_flags, &if is_cut { DATA_TRUNCATED } else { 0 }.to_le_bytes())?;
        guest.write_u32(out, done)
    }

    /// `sock_send`
    pub fn sock_send(&self, guest: Guest<'_>, fd: u32, (array, count): (u32, u32), flags: u32, out: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        guest.check(out, 4)?;
        let buffers = guest.buffers(array, count)?;
        let socket = connected(&descriptor, rights::FD_WRITE)?;
        // There are none yet.
        if flags != 0 {
            return Err(Errno::Inval);
        }
        let done = self.send(guest, &descriptor, socket, buffers)?;
        guest.write_u32(out, done)
    }

    /// `sock_shutdown`
    pub fn sock_shutdown(&self, fd: u32, how: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let socket = connected(&descriptor, rights::SOCK_SHUTDOWN)?;
        if how == 0 || how & !sdflags::ALL != 0 {
            return Err(Errno::Inval);
        }
        Ok(socket.shut_down(how & sdflags::RD != 0, how & sdflags::WR != 0)?)
    }

    /// Receives what there is, or, if all is wanted of a stream, until the buffers are full or the stream is at its end. Answers how
    /// many bytes, and whether a message had more. A part that has arrived is worth more than an error after it.
    pub fn receive(
        &self,
        guest: Guest<'_>,
        descriptor: &Descriptor,
        socket: &Socket,
        mut buffers: Buffers<'_>,
        flags: u32,
    ) -> Result<(u32, bool)> {
        if buffers.left() == 0 && !socket.has_messages {
            return Ok((0, false));
        }
        let peeks = flags & riflags::PEEK != 0;
        let wants_all = flags & riflags::WAITALL != 0 && !peeks && !socket.has_messages;
        let mut scratch = self.scratch.take();
        // What has come before the guest was left is in the buffers already.
        let mut done = guest.done();
        buffers.skip(done as usize);
        let outcome = loop {
            let wanted = CHUNK.min(buffers.left() as usize);
            if scratch.len() < wanted {
                scratch.resize(wanted, 0);
            }
            let act = || socket.receive(&mut scratch[..wanted], peeks);
            match self.when_ready(guest, descriptor, socket, false, done, act) {
                Err(error) => break part(guest, done, error).map(|done| (done, false)),
                Ok(received) => {
                    if let Err(error) = buffers.put(&scratch[..received.bytes]) {
                        break Err(error);
                    }
                    done += received.bytes as u32;
                    if !wants_all || received.bytes == 0 || buffers.left() == 0 {
                        break Ok((done, received.is_cut));
                    }
                }
            }
        };
        self.scratch.set(scratch);
        outcome
    }

    /// Sends all that is in the buffers, as one message if the socket has messages. Answers how many bytes were sent, which is less if
    /// something failed after them, or the guest has asked not to wait.
    pub fn send(
        &self,
        guest: Guest<'_>,
        descriptor: &Descriptor,
        socket: &Socket,
        mut buffers: Buffers<'_>,
    ) -> Result<u32> {
        if socket.has_messages && buffers.left() as usize > CHUNK {
            return Err(Errno::Msgsize);
        }
        let mut scratch = self.scratch.take();
        let mut done = guest.done();
        buffers.skip(done as usize);
        let outcome = loop {
            let wanted = CHUNK.min(buffers.left() as usize);
            if wanted == 0 && !socket.has_messages {
                break Ok(done);
            }
            if scratch.len() < wanted {
                scratch.resize(wanted, 0);
            }
            if let Err(error) = buffers.take(&mut scratch[..wanted]) {
                break Err(error);
            }
            let mut sent = 0;
            let failed = loop {
                let act = || socket.send(&scratch[sent..wanted]);
                match self.when_ready(guest, descriptor, socket, true, done, act) {
                    Err(error) => break Some(error),
                    Ok(count) => {
                        sent += count;
                        done += count as u32;
                        if sent == wanted || socket.has_messages {
                            break None;
                        }
                    }
                }
            };
            match failed {
                Some(error) => break part(guest, done, error),
                None if socket.has_messages => break Ok(done),
                None => {}
            }
        };
        self.scratch.set(scratch);
        outcome
    }

    /// Does something that never waits, as soon as the socket is ready for it. `done` is how many bytes have come or gone before, in
    /// case that the guest is left until it is ready.
    fn when_ready<T>(
        &self,
        guest: Guest<'_>,
        descriptor: &Descriptor,
        socket: &Socket,
        for_writing: bool,
        done: u32,
        mut act: impl FnMut() -> std::io::Result<T>,
    ) -> Result<T> {
        loop {
            match again(&mut act) {
                Err(Errno::Again) if !descriptor.never_waits() => {}
                outcome => return outcome,
            }
            if guest.yields() {
                let file = AwaitedFile { file: socket.file.clone(), for_writing };
                return Err(self.wait_for(vec![file], None, system::monotonic_time(), done));
            }
            system::wait(guest.store(), &[Wait { file: &socket.file, for_writing }], None)?;
            if guest.store().is_interrupted() {
                return Err(Errno::Intr);
            }
        }
    }
}

/// What has become of a transfer that failed after so many bytes. If the guest yields it goes on where it was.
fn part(guest: Guest<'_>, done: u32, error: Errno) -> Result<u32> {
    let goes_on = error == Errno::Intr && guest.yields();
    if done == 0 || goes_on { Err(error) } else { Ok(done) }
}

/// The socket, if it may be used in this way; `Notconn` for one that listens.
fn connected(descriptor: &Descriptor, right: u64) -> Result<&Arc<Socket>> {
    if descriptor.socket(0)?.is_listening {
        return Err(Errno::Notconn);
    }
    descriptor.socket(right)
}
