//! The functions on descriptors, but for listing folders.
//!
//! Invariant: every pointer is checked before anything happens, so that a bad one has no effect.

use super::Errno;
use super::clocks::Clock;
use super::context::Context;
use super::descriptors::{Descriptor, Object};
use super::guest::{Buffers, Guest, Result};
use super::stdio::{Readiness, Stream, again, read_file, write_file};
use super::system::{self, Time};
use super::types::{Dialect, FileStat, fdflags, fdstat, fstflags, rights};
use std::io::{Seek, SeekFrom};

/// How many bytes pass at once.
pub(super) const CHUNK: usize = 1 << 16;

impl Context {
    /// `fd_advise`
    pub fn fd_advise(&self, fd: u32, offset: u64, length: u64, advice: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let file = descriptor.file()?;
        descriptor.require(rights::FD_ADVISE)?;
        system::advise(file, offset, length, advice)
    }

    /// `fd_allocate`
    pub fn fd_allocate(&self, fd: u32, offset: u64, length: u64) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let file = descriptor.file()?;
        descriptor.require(rights::FD_ALLOCATE)?;
        Ok(system::allocate(file, offset, length)?)
    }

    /// `fd_close`
    pub fn fd_close(&self, fd: u32) -> Result<()> {
        self.descriptors.remove(fd)
    }

    /// `fd_datasync`
    pub fn fd_datasync(&self, fd: u32) -> Result<()> {
        self.synchronize(fd, rights::FD_DATASYNC)
    }

    /// `fd_sync`
    pub fn fd_sync(&self, fd: u32) -> Result<()> {
        self.synchronize(fd, rights::FD_SYNC)
    }

    fn synchronize(&self, fd: u32, right: u64) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        descriptor.require(right)?;
        match &descriptor.object {
            Object::Stream(_) => {}
            Object::Socket(_) => return Err(Errno::Inval),
            Object::File(file) if right == rights::FD_DATASYNC => file.sync_data()?,
            Object::File(file) => file.sync_all()?,
            Object::Folder(folder) => folder.dir.sync()?,
        }
        Ok(())
    }

    /// `fd_fdstat_get`
    pub fn fd_fdstat_get(&self, guest: Guest<'_>, fd: u32, out: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let (flags, base, inheriting) = (descriptor.flags(), descriptor.base(), descriptor.inheriting());
        guest.write(out, &fdstat(descriptor.file_type(), flags, base, inheriting))
    }

    /// `fd_fdstat_set_flags`; only append and nonblock can change.
    pub fn fd_fdstat_set_flags(&self, fd: u32, flags: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        descriptor.require(rights::FD_FDSTAT_SET_FLAGS)?;
        let flags = u16::try_from(flags).ok().filter(|flags| flags & !fdflags::ALL == 0).ok_or(Errno::Inval)?;
        let changed = flags ^ descriptor.flags();
        if changed & !(fdflags::APPEND | fdflags::NONBLOCK) != 0 {
            return Err(Errno::Notsup);
        }
        // A stream may be the host's own, whose flags aren't the guest's.
        if let Object::File(file) = &descriptor.object {
            system::set_flags(file, flags)?;
        }
        descriptor.set_flags(flags);
        Ok(())
    }

    /// `fd_fdstat_set_rights`; they can only shrink.
    pub fn fd_fdstat_set_rights(&self, fd: u32, base: u64, inheriting: u64) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        descriptor.shrink(base, inheriting)
    }

    /// `fd_filestat_get`
    pub fn fd_filestat_get(&self, guest: Guest<'_>, dialect: Dialect, fd: u32, out: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        descriptor.require(rights::FD_FILESTAT_GET)?;
        guest.check(out, u64::from(FileStat::size_in(dialect)))?;
        guest.write(out, &descriptor.stat()?.encode(dialect))
    }

    /// `fd_filestat_set_size`
    pub fn fd_filestat_set_size(&self, fd: u32, size: u64) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let file = descriptor.file()?;
        descriptor.require(rights::FD_FILESTAT_SET_SIZE)?;
        Ok(system::set_size(file, size)?)
    }

    /// `fd_filestat_set_times`
    pub fn fd_filestat_set_times(&self, fd: u32, accessed: u64, modified: u64, flags: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let times = self.times(accessed, modified, flags)?;
        match &descriptor.object {
            Object::Stream(_) | Object::Socket(_) => return Err(Errno::Inval),
            Object::File(file) => {
                descriptor.require(rights::FD_FILESTAT_SET_TIMES)?;
                system::set_times(file, times)?;
            }
            Object::Folder(folder) => {
                descriptor.require(rights::FD_FILESTAT_SET_TIMES)?;
                folder.check_writable()?;
                folder.dir.set_own_times(times)?;
            }
        }
        Ok(())
    }

    /// The times to set: accessed and modified.
    pub fn times(&self, accessed: u64, modified: u64, flags: u32) -> Result<[Option<Time>; 2]> {
        let flags = u16::try_from(flags).ok().filter(|flags| flags & !fstflags::ALL == 0).ok_or(Errno::Inval)?;
        let now = if self.clocks.are_fixed() { Time::At(self.clocks.now(Clock::Realtime)?) } else { Time::Now };
        let choose = |time: u64, this: u16, is_now: u16| match (flags & this != 0, flags & is_now != 0) {
            (true, true) => Err(Errno::Inval),
            (true, false) => Ok(Some(Time::At(time))),
            (false, true) => Ok(Some(now)),
            (false, false) => Ok(None),
        };
        let accessed = choose(accessed, fstflags::ATIM, fstflags::ATIM_NOW)?;
        Ok([accessed, choose(modified, fstflags::MTIM, fstflags::MTIM_NOW)?])
    }

    /// `fd_prestat_get`
    pub fn fd_prestat_get(&self, guest: Guest<'_>, fd: u32, out: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = descriptor.preopen.as_ref().ok_or(Errno::Badf)?;
        // The kind 0 is a folder, of which the length of its path follows.
        let mut bytes = [0; 8];
        bytes[4..8].copy_from_slice(&(path.len() as u32).to_le_bytes());
        guest.write(out, &bytes)
    }

    /// `fd_prestat_dir_name`
    pub fn fd_prestat_dir_name(&self, guest: Guest<'_>, fd: u32, address: u32, length: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let path = descriptor.preopen.as_ref().ok_or(Errno::Badf)?;
        guest.check(address, u64::from(length))?;
        if path.len() > length as usize {
            return Err(Errno::Nametoolong);
        }
        guest.write(address, path.as_bytes())
    }

    /// `fd_read`, and `fd_pread` if there is an offset.
    pub fn fd_read(
        &self,
        guest: Guest<'_>,
        fd: u32,
        (array, count): (u32, u32),
        offset: Option<u64>,
        out: u32,
    ) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        guest.check(out, 4)?;
        let buffers = guest.buffers(array, count)?;
        match &descriptor.object {
            Object::Folder(_) => return Err(Errno::Isdir),
            Object::Socket(socket) if socket.is_listening => return Err(Errno::Notconn),
            _ => {}
        }
        descriptor.require(rights::FD_READ)?;
        let done = match (&descriptor.object, offset) {
            (Object::Stream(stream), None) => {
                if buffers.left() > 0 {
                    self.check_ready(guest, stream, &descriptor, false)?;
                }
                let done = self.read_into(buffers, true, |bytes, _| stream.read(guest.store(), bytes));
                self.unless_yielded(guest, stream, &descriptor, done)
            }
            (Object::File(file), None) => {
                self.read_into(buffers, false, |bytes, _| read_file(guest.store(), file, bytes))
            }
            (Object::Socket(socket), None) => {
                self.receive(guest, &descriptor, socket, buffers, 0).map(|(done, _)| done)
            }
            (_, Some(offset)) => {
                let file = descriptor.file()?;
                self.read_into(buffers, false, |bytes, done| {
                    let place = offset.checked_add(done).ok_or(Errno::Inval)?;
                    again(|| system::read_at(file, bytes, place))
                })
            }
            (Object::Folder(_), None) => Err(Errno::Isdir),
        };
        guest.write_u32(out, done?)
    }

    /// Fills buffers from a source, which is told how many bytes came before. A part that has arrived is worth more than
    /// an error after it.
    fn read_into(
        &self,
        mut buffers: Buffers<'_>,
        once: bool,
        mut read: impl FnMut(&mut [u8], u64) -> Result<usize>,
    ) -> Result<u32> {
        let mut scratch = self.scratch.take();
        let mut done = 0;
        let outcome = loop {
            let wanted = CHUNK.min(buffers.left() as usize);
            if wanted == 0 {
                break Ok(done);
            }
            if scratch.len() < wanted {
                scratch.resize(wanted, 0);
            }
            match read(&mut scratch[..wanted], u64::from(done)) {
                Err(error) => break if done == 0 { Err(error) } else { Ok(done) },
                Ok(count) => {
                    if let Err(error) = buffers.put(&scratch[..count]) {
                        break Err(error);
                    }
                    done += count as u32;
                    if once || count < wanted {
                        break Ok(done);
                    }
                }
            }
        };
        self.scratch.set(scratch);
        outcome
    }

    /// `fd_write`, and `fd_pwrite` if there is an offset.
    pub fn fd_write(
        &self,
        guest: Guest<'_>,
        fd: u32,
        (array, count): (u32, u32),
        offset: Option<u64>,
        out: u32,
    ) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        guest.check(out, 4)?;
        let buffers = guest.buffers(array, count)?;
        if let Object::Socket(socket) = &descriptor.object
            && socket.is_listening
        {
            return Err(Errno::Notconn);
        }
        descriptor.require(rights::FD_WRITE)?;
        let done = match (&descriptor.object, offset) {
            (Object::Stream(stream), None) if guest.yields() => {
                if buffers.left() > 0 {
                    self.check_ready(guest, stream, &descriptor, true)?;
                }
                let done = self.write_from(buffers, |bytes, done| {
                    if done > 0 {
                        check_writable(guest, stream)?;
                    }
                    stream.write(guest.store(), &bytes[..bytes.len().min(stream.most_at_once())])
                });
                self.unless_yielded(guest, stream, &descriptor, done)
            }
            (Object::Stream(stream), None) => self.write_from(buffers, |bytes, _| stream.write(guest.store(), bytes)),
            (Object::File(file), None) => self.write_from(buffers, |bytes, _| write_file(guest.store(), file, bytes)),
            (Object::Socket(socket), None) => self.send(guest, &descriptor, socket, buffers),
            (_, Some(offset)) => {
                let file = descriptor.file()?;
                self.write_from(buffers, |bytes, done| {
                    let place = offset.checked_add(done).ok_or(Errno::Inval)?;
                    again(|| system::write_at(file, bytes, place))
                })
            }
            (Object::Folder(_), None) => Err(Errno::Badf),
        };
        guest.write_u32(out, done?)
    }

    fn write_from(&self, mut buffers: Buffers<'_>, mut write: impl FnMut(&[u8], u64) -> Result<usize>) -> Result<u32> {
        let mut scratch = self.scratch.take();
        let mut done = 0;
        let outcome = loop {
            let wanted = CHUNK.min(buffers.left() as usize);
            if wanted == 0 {
                break Ok(done);
            }
            if scratch.len() < wanted {
                scratch.resize(wanted, 0);
            }
            let taken = match buffers.take(&mut scratch[..wanted]) {
                Ok(taken) => taken,
                Err(error) => break Err(error),
            };
            match write(&scratch[..taken], u64::from(done)) {
                Err(error) => break if done == 0 { Err(error) } else { Ok(done) },
                Ok(count) => {
                    done += count as u32;
                    if count < taken {
                        break Ok(done);
                    }
                }
            }
        };
        self.scratch.set(scratch);
        outcome
    }

    /// `fd_renumber`
    pub fn fd_renumber(&self, from: u32, to: u32) -> Result<()> {
        self.descriptors.renumber(from, to)
    }

    /// `fd_seek`
    pub fn fd_seek(
        &self,
        guest: Guest<'_>,
        dialect: Dialect,
        fd: u32,
        offset: i64,
        whence: u32,
        out: u32,
    ) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let mut file = descriptor.file()?;
        guest.check(out, 8)?;
        let set = |offset: i64| u64::try_from(offset).map(SeekFrom::Start).map_err(|_| Errno::Inval);
        let to = match (dialect, whence) {
            (Dialect::Preview1, 0) | (Dialect::Unstable, 2) => set(offset)?,
            (Dialect::Preview1, 1) | (Dialect::Unstable, 0) => SeekFrom::Current(offset),
            (Dialect::Preview1, 2) | (Dialect::Unstable, 1) => SeekFrom::End(offset),
            _ => return Err(Errno::Inval),
        };
        descriptor.require(if to == SeekFrom::Current(0) { rights::FD_TELL } else { rights::FD_SEEK })?;
        guest.write_u64(out, file.seek(to)?)
    }

    /// `fd_tell`
    pub fn fd_tell(&self, guest: Guest<'_>, fd: u32, out: u32) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        let mut file = descriptor.file()?;
        descriptor.require(rights::FD_TELL)?;
        guest.write_u64(out, file.stream_position()?)
    }
}

impl Context {
    /// If reading or writing a stream would wait: `Again` where the guest has asked for that, or has it left until it wouldn't.
    fn check_ready(&self, guest: Guest<'_>, stream: &Stream, descriptor: &Descriptor, for_writing: bool) -> Result<()> {
        let is_refused = descriptor.never_waits();
        if (is_refused || guest.yields())
            && let Readiness::AsFile(file) = stream.readiness()
        {
            let ready = system::wait(guest.store(), &[system::Wait { file: &file, for_writing }], Some(0))?;
            if ready[0].is_none() {
                return Err(if is_refused { Errno::Again } else { self.wait_for_file(file, for_writing) });
            }
        }
        Ok(())
    }

    /// What has become of reading or writing a stream, unless a function of the host's isn't ready for it and the guest is left
    /// until it may be.
    fn unless_yielded(
        &self,
        guest: Guest<'_>,
        stream: &Stream,
        descriptor: &Descriptor,
        done: Result<u32>,
    ) -> Result<u32> {
        let is_refused = descriptor.never_waits();
        let is_callback = matches!(stream, Stream::Reader(_) | Stream::Writer(_));
        match done {
            Err(Errno::Again) if is_callback && guest.yields() && !is_refused => {
                Err(self.wait_for(Vec::new(), None, system::monotonic_time(), 0))
            }
            done => done,
        }
    }
}

/// `Again` if writing to a stream would wait.
fn check_writable(guest: Guest<'_>, stream: &Stream) -> Result<()> {
    let Readiness::AsFile(file) = stream.readiness() else { return Ok(()) };
    let ready = system::wait(guest.store(), &[system::Wait { file: &file, for_writing: true }], Some(0))?;
    if ready[0].is_some() { Ok(()) } else { Err(Errno::Again) }
}
