//! Listing folders.
//!
//! A guest reads a listing in pieces, and names the place to go on by a cookie. The listing is made when a guest
//! begins, and kept by the descriptor: what is added or removed in between, as a guest does that empties a folder,
//! shifts nothing. A cookie is the number of entries before it.

use super::Errno;
use super::context::Context;
use super::descriptors::{self, Folder};
use super::guest::{Guest, Result};
use super::types::{FileType, dirent, rights};
use cap_fs_ext::{DirEntryExt, MetadataExt};
use std::rc::Rc;

/// The entries of a folder.
pub type Listing = Vec<Entry>;

/// An entry of a folder.
pub struct Entry {
    name: String,
    inode: u64,
    file_type: FileType,
}

impl Folder {
    /// The listing to go on with; a new one if `is_new`, or if there is none.
    fn listed(&self, is_new: bool) -> Result<Rc<Listing>> {
        let known = self.listing.borrow().clone();
        if !is_new && !known.is_empty() {
            return Ok(known);
        }
        let own = self.dir.dir_metadata()?.ino();
        let dots = [".", ".."].map(|name| Entry {
            name: name.to_string(),
            // What a folder is in is nobody's business here.
            inode: own,
            file_type: FileType::Directory,
        });
        let mut listing = Listing::from(dots);
        for entry in self.dir.entries()? {
            let entry = entry?;
            // A name that isn't UTF-8 can't be said in a path.
            let Ok(name) = entry.file_name().into_string() else { continue };
            // An entry that is gone by now is none.
            let Ok(metadata) = entry.full_metadata() else { continue };
            let file_type = descriptors::file_type(metadata.file_type());
            listing.push(Entry { name, inode: metadata.ino(), file_type });
        }
        let listing = Rc::new(listing);
        *self.listing.borrow_mut() = listing.clone();
        Ok(listing)
    }
}

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
        let listing = folder.listed(cookie == 0)?;
        let first = usize::try_from(cookie).map_err(|_| Errno::Inval)?;
        let mut bytes = Vec::new();
        for (place, entry) in listing.iter().enumerate().skip(first) {
            let head = dirent(place as u64 + 1, entry.inode, entry.name.len() as u32, entry.file_type);
            bytes.extend(head);
            bytes.extend(entry.name.as_bytes());
            if bytes.len() >= length as usize {
                // A last entry that is cut off says that there is more.
                bytes.truncate(length as usize);
                break;
            }
        }
        guest.write(address, &bytes)?;
        guest.write_u32(out, bytes.len() as u32)
    }
}
