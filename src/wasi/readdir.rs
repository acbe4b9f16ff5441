//! Listing folders.
//!
//! A guest reads a listing in pieces, and names the place to go on by a cookie, which is the system's own number for
//! that place. So nothing has to be kept but the piece at hand, however large the folder is, and what is removed in
//! between, as a guest does that empties a folder, shifts nothing.

use super::Errno;
use super::context::Context;
use super::guest::{Guest, Result};
use super::types::{dirent, rights};

impl Context {
    /// `fd_readdir`
    pub fn fd_readdir(
        &self,
        guest: Guest<'_>,
        fd: u32,
        (address, length): (u32, u32),
        cookie: u64,
        out: u32,
    ) -> Result<()> {
        let descriptor = self.descriptors.get(fd)?;
        guest.check(address, u64::from(length))?;
        guest.check(out, 4)?;
        let folder = descriptor.folder(rights::FD_READDIR)?;
        let mut listing = folder.listing();
        if listing.is_none() {
            *listing = Some(folder.dir.list(folder.is_shared)?);
        }
        let listing = listing.as_mut().ok_or(Errno::Badf)?;
        listing.go_to(cookie)?;
        let (mut done, length) = (0, length as usize);
        while done < length {
            let Some(entry) = listing.next()? else { break };
            let mut bytes = Vec::from(dirent(entry.next, entry.inode, entry.name.len() as u32, entry.file_type));
            bytes.extend(entry.name.as_bytes());
            // A last entry that is cut off says that there is more.
            bytes.truncate(length - done);
            guest.write(address.wrapping_add(done as u32), &bytes)?;
            done += bytes.len();
        }
        guest.write_u32(out, done as u32)
    }
}
