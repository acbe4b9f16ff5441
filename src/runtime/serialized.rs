//! Modules as bytes: what was compiled, to be used again by another process without compiling.
//!
//! ```text
//! serialized := header settings name wasm tables padding image
//! header     := "pellucid" format:4 facts:4 sizes:5×8 checksum:16
//! ```
//!
//! Numbers are little-endian; `sizes` are those of the five parts that follow; the image begins with a page of the file, so that it can be
//! executed there. The checksum is XXH3's of 128 bits over all other bytes: it finds what was damaged or cut off, and not who means
//! harm. Settings are a text of what code depends on: it is the same code if they are the same.
//!
//! Read next: [`crate::abi::records`], which are the tables.

use super::blob::Blob;
use super::machine::write_signals::hold_write_signals;
use crate::base::{Error, ErrorKind, Result, error::bail, memory};
use crate::wasm::ModuleInfo;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use twox_hash::XxHash3_128;

const MAGIC: [u8; 8] = *b"pellucid";
/// Of this layout, and of nothing in the parts: these depend on the library's sources, which are among the settings.
const FORMAT: u32 = 1;
const SIZES_AT: usize = 16;
const CHECKSUM_AT: usize = SIZES_AT + 5 * 8;
const HEADER: usize = CHECKSUM_AT + 16;
/// Bytes of a page of a file.
const PAGE: usize = 4096;

/// Bits of what is known once a module is compiled.
const HAS_FLOATS: u32 = 1;
const USES_HEAP: u32 = 2;
/// Whether it has a name that the host gave.
const HAS_NAME: u32 = 4;

/// The ending of files that aren't whole yet.
pub(super) const PARTIAL: &str = "partial";

/// A module's bytes, in order.
pub(super) struct Serialized<'a> {
    header: Vec<u8>,
    parts: [&'a [u8]; 3],
    tables: Vec<u8>,
    padding: Vec<u8>,
    image: &'a [u8],
}

impl<'a> Serialized<'a> {
    /// What a module is as bytes. `settings` are those of its engine, `name` is the host's.
    ///
    /// Errors: `System` if there is no memory for its tables.
    pub(super) fn new(
        info: &'a ModuleInfo,
        blob: &'a Blob,
        settings: &'a str,
        name: Option<&'a str>,
    ) -> Result<Serialized<'a>> {
        // The tables are there once more.
        memory::ask(blob.tables.tables_size())?;
        let parts = [settings.as_bytes(), name.unwrap_or_default().as_bytes(), &info.bytes[..]];
        let (tables, image) = (blob.tables.tables_to_bytes(), blob.code.bytes());
        let before = HEADER + parts.iter().map(|part| part.len()).sum::<usize>() + tables.len();
        let padding = if image.is_empty() { 0 } else { before.next_multiple_of(PAGE) - before };
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend(FORMAT.to_le_bytes());
        let facts = [(HAS_FLOATS, info.has_floats), (USES_HEAP, info.uses_heap), (HAS_NAME, name.is_some())];
        let facts: u32 = facts.iter().filter(|(_, is_so)| *is_so).map(|(bit, _)| bit).sum();
        header.extend(facts.to_le_bytes());
        for part in parts.iter().copied().chain([&tables[..], image]) {
            header.extend((part.len() as u64).to_le_bytes());
        }
        let mut serialized = Serialized { header, parts, tables, padding: vec![0; padding], image };
        let checksum = checksum(serialized.all());
        serialized.header.extend(checksum.to_le_bytes());
        Ok(serialized)
    }

    /// All of it.
    pub(super) fn all(&self) -> impl Iterator<Item = &[u8]> {
        let [settings, name, wasm] = self.parts;
        let parts = [&self.header[..], settings, name, wasm, &self.tables, &self.padding, self.image];
        parts.into_iter().filter(|part| !part.is_empty())
    }

    /// Writes it to a file, which replaces another one at once and whole: whoever has that one mapped keeps it.
    ///
    /// Errors: `NotFound` if there is no such folder; `System`.
    pub(super) fn write_file(&self, path: &Path, mode: u32) -> Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut partial = path.as_os_str().to_owned();
        partial.push(format!(".{}-{number}.{PARTIAL}", std::process::id()));
        let partial = PathBuf::from(partial);
        let refused = |error: io::Error| {
            let is_missing = error.kind() == io::ErrorKind::NotFound;
            let kind = if is_missing { ErrorKind::NotFound } else { ErrorKind::System };
            Error::new(kind, format_args!("{}: {error}", path.display()))
        };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&partial).map_err(refused)?;
        let written = hold_write_signals(|| self.all().try_for_each(|part| file.write_all(part)));
        let placed = written.and_then(|()| fs::rename(&partial, path)).map_err(refused);
        if placed.is_err()
            && let Err(left) = fs::remove_file(&partial)
        {
            log::debug!("{}: {left}", partial.display());
        }
        placed
    }
}

/// What is in bytes that were checked, by where it is.
pub(super) struct Contents {
    pub has_floats: bool,
    pub uses_heap: bool,
    /// The host's name for it.
    pub name: Option<Range<usize>>,
    /// The module's own bytes.
    pub wasm: Range<usize>,
    pub tables: Range<usize>,
    /// Machine code, which begins with a page; empty if there is none.
    pub image: Range<usize>,
}

impl Contents {
    /// Finds out what is in bytes that were serialized with the same settings.
    ///
    /// Errors: `InvalidModule` if they aren't what was serialized; `Incompatible` with what differs.
    pub(super) fn of(bytes: &[u8], settings: &str) -> Result<Contents> {
        let Some(header) = bytes.first_chunk::<HEADER>() else {
            bail!(InvalidModule, "{} bytes are no serialized module, it has a header of {HEADER}", bytes.len());
        };
        if header[..8] != MAGIC {
            bail!(InvalidModule, "the bytes are no serialized module");
        }
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| header[at + byte]));
        if word(8) != FORMAT {
            bail!(Incompatible, "it was serialized by another version of the library, in format {}", word(8));
        }
        let facts = word(12);
        let sizes = std::array::from_fn(|part| {
            let at = SIZES_AT + 8 * part;
            u64::from_le_bytes(std::array::from_fn(|byte| header[at + byte]))
        });
        let Some([settings_at, name, wasm, tables, image]) = places(sizes, bytes.len()) else {
            bail!(InvalidModule, "the serialized module is cut off, or has a damaged header");
        };
        let told = u128::from_le_bytes(std::array::from_fn(|byte| header[CHECKSUM_AT + byte]));
        if checksum([&header[..CHECKSUM_AT], &bytes[HEADER..]].into_iter()) != told {
            bail!(InvalidModule, "the serialized module is damaged: its checksum is another");
        }
        if bytes[settings_at.clone()] != *settings.as_bytes() {
            let theirs = String::from_utf8_lossy(&bytes[settings_at]);
            bail!(Incompatible, "it was serialized for {}", difference(&theirs, settings));
        }
        Ok(Contents {
            has_floats: facts & HAS_FLOATS != 0,
            uses_heap: facts & USES_HEAP != 0,
            name: (facts & HAS_NAME != 0).then_some(name),
            wasm,
            tables,
            image,
        })
    }
}

/// Where parts of these sizes are; nothing if they aren't so many bytes.
fn places(sizes: [u64; 5], length: usize) -> Option<[Range<usize>; 5]> {
    const IMAGE: usize = 4;
    let (mut places, mut end) = (std::array::from_fn(|_| 0..0), HEADER);
    for (part, size) in sizes.into_iter().enumerate() {
        let start = if part == IMAGE && size != 0 { end.checked_next_multiple_of(PAGE)? } else { end };
        end = start.checked_add(usize::try_from(size).ok()?)?;
        places[part] = start..end;
    }
    (end == length).then_some(places)
}

fn checksum<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u128 {
    let mut hasher = XxHash3_128::new();
    parts.for_each(|part| hasher.write(part));
    hasher.finish_128()
}

/// The first setting that differs, in words. Each is a line: a name, a colon, and the rest.
fn difference(theirs: &str, ours: &str) -> String {
    let differs = theirs.lines().zip(ours.lines()).find(|(theirs, ours)| theirs != ours);
    differs.map_or_else(
        || "other settings".to_string(),
        |(theirs, ours)| format!("an engine with {theirs:?}, and this one has {ours:?}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_setting_that_differs_is_told() {
        let ours = "library: 1\nprocessor: a b\ndebugging: on";
        let told = difference("library: 1\nprocessor: a\ndebugging: off", ours);
        assert_eq!(told, "an engine with \"processor: a\", and this one has \"processor: a b\"");
        assert_eq!(difference("library: 1", ours), "other settings");
    }
}
