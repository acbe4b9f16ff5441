//! Listings of folders.
//!
//! The system lists a folder in pieces, and names the places between entries by numbers that stay right while entries
//! come and go: those are the guest's cookies. Invariant: a listing holds one piece, which is small.

use super::Directory;
use super::files::file_type;
use crate::wasi::Errno;
use crate::wasi::guest::Result;
use crate::wasi::types::FileType;
use rustix::fs::{AtFlags, RawDir, SeekFrom};
use std::sync::Arc;

/// How many bytes of the system's a piece has. The longest entry fits with room to spare.
const PIECE: usize = 4096;

/// An entry of a folder.
pub struct Entry {
    /// The number of the place behind it.
    pub next: u64,
    pub name: String,
    pub inode: u64,
    pub file_type: FileType,
}

/// A listing, at some place.
pub struct Listing {
    folder: Arc<Directory>,
    /// The piece that was read last; names that aren't UTF-8 are left out, since no path could say them.
    piece: Vec<Entry>,
    /// The place where the piece begins, and where it ends, which is where the system is.
    start: u64,
    end: u64,
    /// How many entries of the piece come before this place.
    done: usize,
}

impl Listing {
    /// A listing of an open folder whose position nobody else uses.
    pub(super) fn new(folder: Arc<Directory>) -> Listing {
        Listing { folder, piece: Vec::new(), start: 0, end: u64::MAX, done: 0 }
    }

    /// Goes to a place; 0 begins anew. `Inval` for what can't be one.
    pub fn go_to(&mut self, place: u64) -> Result<()> {
        let offset = i64::try_from(place).map_err(|_| Errno::Inval)?;
        if place != 0 {
            if place == self.start {
                self.done = 0;
                return Ok(());
            }
            if let Some(before) = self.piece.iter().position(|entry| entry.next == place) {
                self.done = before + 1;
                return Ok(());
            }
            if place == self.end {
                self.done = self.piece.len();
                return Ok(());
            }
        }
        rustix::fs::seek(&self.folder, SeekFrom::Start(offset as u64))?;
        (self.piece, self.start, self.end, self.done) = (Vec::new(), place, place, 0);
        Ok(())
    }

    /// The next entry.
    pub fn next(&mut self) -> Result<Option<&Entry>> {
        while self.done == self.piece.len() {
            if !self.read_piece()? {
                return Ok(None);
            }
        }
        self.done += 1;
        Ok(Some(&self.piece[self.done - 1]))
    }

    /// Reads the next piece; answers whether there is one.
    fn read_piece(&mut self) -> Result<bool> {
        let mut bytes = Vec::with_capacity(PIECE);
        let mut piece = Vec::new();
        let mut end = None;
        let mut entries = RawDir::new(&self.folder, bytes.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                // The folder was removed.
                Err(rustix::io::Errno::NOENT) => break,
                entry => entry?,
            };
            let next = entry.next_entry_cookie();
            end = Some(next);
            if let Ok(name) = entry.file_name().to_str() {
                let mut entry =
                    Entry { next, name: name.to_string(), inode: entry.ino(), file_type: file_type(entry.file_type()) };
                if self.complete(&mut entry)? {
                    piece.push(entry);
                }
            }
            if entries.is_buffer_empty() {
                break;
            }
        }
        let Some(end) = end else {
            // At the end nothing needs to be held.
            (self.piece, self.start, self.done) = (Vec::new(), self.end, 0);
            return Ok(false);
        };
        (self.piece, self.start, self.end, self.done) = (piece, self.end, end, 0);
        Ok(true)
    }

    /// Adds what the system's listing doesn't say; answers whether the entry is still there.
    fn complete(&self, entry: &mut Entry) -> Result<bool> {
        if entry.name == ".." {
            // What a folder is in is nobody's business here.
            entry.inode = rustix::fs::fstat(&self.folder)?.st_ino;
        }
        if entry.file_type == FileType::Unknown {
            match rustix::fs::statat(&self.folder, entry.name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => entry.file_type = super::files::stat_of(&stat).file_type,
                Err(rustix::io::Errno::NOENT) => return Ok(false),
                Err(_) => {}
            }
        }
        Ok(true)
    }
}
