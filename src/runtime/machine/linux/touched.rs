//! Which pages of a mapping have anything in them, as far as the system knows: what the others hold is zero.
//!
//! Whoever looks at a page that nobody has touched gets it, and pays for it. Knows nothing of what is mapped.

use super::mapping::page_size;
use crate::base::Result;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// What the system says of each page of the process: a word. The process's own file is empty once its first thread has ended.
const PAGES: &str = "/proc/thread-self/pagemap";

/// Where the page is: in memory, or swapped out.
const IS_ANYWHERE: u64 = 0b11 << 62;

/// Pages that are asked for at a time.
const AT_A_TIME: usize = 1 << 10;

/// Tells of each range of whole pages, ascending, of `length` bytes from `base` on that may hold anything but zeros; as offsets from
/// `base`, the last as far as the page goes. Where the system doesn't say, that is all of them.
///
/// Requires: `base` is the first address of a page of a mapping that is private to the process.
pub fn touched(base: usize, length: usize, each: &mut dyn FnMut(Range<usize>) -> Result<()>) -> Result<()> {
    touched_by(File::open(PAGES).ok(), base, length, each)
}

fn touched_by(
    pages: Option<File>,
    base: usize,
    length: usize,
    each: &mut dyn FnMut(Range<usize>) -> Result<()>,
) -> Result<()> {
    let (page, mut words) = (page_size(), [0_u8; 8 * AT_A_TIME]);
    let count = length.div_ceil(page);
    let mut found = 0..0;
    for first in (0..count).step_by(AT_A_TIME) {
        let n = AT_A_TIME.min(count - first);
        let words = &mut words[..8 * n];
        let is_told = pages.as_ref().is_some_and(|pages| {
            let place = (base / page + first) as u64 * 8;
            pages.read_exact_at(words, place).is_ok()
        });
        if !is_told {
            words.fill(0xff);
        }
        for (place, word) in words.chunks_exact(8).enumerate() {
            if u64::from_le_bytes(word.try_into().expect("8 bytes")) & IS_ANYWHERE == 0 {
                continue;
            }
            let at = (first + place) * page;
            if found.end != at {
                if !found.is_empty() {
                    each(found)?;
                }
                found = at..at;
            }
            found.end = at + page;
        }
    }
    if found.is_empty() { Ok(()) } else { each(found) }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Mapping;
    use super::*;

    fn ranges(pages: Option<File>, mapping: &Mapping, length: usize) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut each = |range: Range<usize>| {
            found.push((range.start, range.end));
            Ok(())
        };
        touched_by(pages, mapping.base(), length, &mut each).unwrap();
        found
    }

    #[test]
    fn only_pages_that_were_touched_are_told_of() {
        let page = page_size();
        let length = (3 * AT_A_TIME + 7) * page;
        let mapping = Mapping::reserve(length).unwrap();
        mapping.make_writable(0, length).unwrap();
        let pages = || Some(File::open(PAGES).unwrap());
        assert_eq!(ranges(pages(), &mapping, length), []);
        // At the edge of what is asked for at a time, and at the end.
        for place in [1, AT_A_TIME - 1, AT_A_TIME, 3 * AT_A_TIME + 6] {
            let memory = File::options().write(true).open("/proc/self/mem").unwrap();
            memory.write_all_at(&[7], (mapping.base() + place * page) as u64).unwrap();
        }
        let found = ranges(pages(), &mapping, length);
        let edge = AT_A_TIME * page;
        assert_eq!(found, [(page, 2 * page), (edge - page, edge + page), (length - page, length)]);
        assert_eq!(ranges(pages(), &mapping, length - page), found[..2]);
        // A part of a page is told of as a page.
        assert_eq!(ranges(pages(), &mapping, page + 1), [(page, 2 * page)]);
    }

    #[test]
    fn all_are_told_of_where_the_system_says_nothing() {
        let page = page_size();
        let mapping = Mapping::reserve(3 * page).unwrap();
        assert_eq!(ranges(None, &mapping, 2 * page + 1), [(0, 3 * page)]);
        assert_eq!(ranges(Some(File::open("/dev/null").unwrap()), &mapping, page), [(0, page)]);
        assert_eq!(ranges(None, &mapping, 0), []);
    }
}
