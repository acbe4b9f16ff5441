//! What is known of the heap's blocks, beside what is in them.
//!
//! ```text
//! chunk (1 MiB) = 32 blocks (32 KiB) = 32 × 512 lines (64 bytes)
//! ```
//!
//! A block of *small* objects has for each line whether it is occupied, and for each 8 bytes whether an old object begins there.
//! An object that is too large for one has a run of blocks of its own, and begins where the first begins.
//! There are two *sides* of lines and of starts: one is what the last major collection left and minor ones added to; a major
//! collection that is in progress marks in the other. Then they change places.
//!
//! Knows nothing of objects' contents. Invariant: the starts of the current side are those of all old objects.

use super::space::{Space, prefetch};
use crate::base::{Error, ErrorKind, Result, memory};

/// Bytes of a line, a block and a chunk, as powers of two.
pub const LINE_LOG2: u32 = 6;
pub const BLOCK_LOG2: u32 = 15;
pub const CHUNK_LOG2: u32 = 20;
/// Bytes of a line.
pub const LINE: u32 = 1 << LINE_LOG2;
/// Bytes of a block.
pub const BLOCK: u32 = 1 << BLOCK_LOG2;
/// Bytes of a chunk.
pub const CHUNK: u32 = 1 << CHUNK_LOG2;
/// Blocks of a chunk.
const BLOCKS: usize = (CHUNK / BLOCK) as usize;
/// Lines of a block.
pub const LINES: u32 = BLOCK / LINE;
/// 64-bit words for the lines of a block.
const LINE_WORDS: usize = (LINES / 64) as usize;
/// A bit for each line of a block.
pub type Lines = [u64; LINE_WORDS];
/// 64-bit words of starts in a chunk.
const WORDS: usize = (CHUNK / 8 / 64) as usize;

const NO_ADDRESSES: &str = "the heap's addresses are used up";

/// What a block is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nothing, for ever.
    None,
    /// Nothing now.
    Free,
    /// Small objects.
    Small,
    /// The first of a run with one object.
    Large,
    /// Another of such a run.
    Rest,
}

#[derive(Debug)]
struct Chunk {
    /// Of both sides together, which are looked at together.
    starts: Box<[[u64; 2]; WORDS]>,
    lines: Box<[[Lines; BLOCKS]; 2]>,
    kinds: [Kind; BLOCKS],
    /// Whether a block may hold other bytes than zeroes.
    is_dirty: [bool; BLOCKS],
    /// Whether the allocator has found the block since the last major collection.
    is_touched: [bool; BLOCKS],
    /// In the first block of a run: its blocks. In all others of it: the number of the first.
    runs: [u32; BLOCKS],
}

/// All chunks. Blocks are counted from the heap's base.
#[derive(Debug, Default)]
pub struct Blocks {
    chunks: Vec<Chunk>,
    /// The current side.
    side: usize,
    /// Free blocks.
    free: u32,
    /// Blocks of small objects.
    small: u32,
    /// For each chunk, the blocks of it that are free.
    free_in: Vec<u32>,
    /// No chunk below this one has any.
    lowest_free: usize,
    /// Chunks whose other side may hold something, which are those from here on.
    cleared: usize,
}

fn place(at: u32) -> (usize, usize) {
    ((at >> CHUNK_LOG2) as usize, ((at & (CHUNK - 1)) >> BLOCK_LOG2) as usize)
}

/// An array of equal elements, which never was on the stack: a thread may have little of that.
///
/// Errors: `System`.
fn boxed<T: Copy, const N: usize>(element: T) -> Result<Box<[T; N]>> {
    let mut elements = Vec::new();
    memory::reserve(&mut elements, N)?;
    elements.resize(N, element);
    Ok(elements.into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!("it has as many")))
}

impl Blocks {
    /// Adds a chunk at the end of what is accessible.
    ///
    /// Errors: `System`; `Limit` if there are no addresses for it.
    pub fn grow(&mut self, space: &mut Space) -> Result<()> {
        let start = self.chunks.len() as u64 * u64::from(CHUNK);
        memory::reserve(&mut self.chunks, 1)?;
        memory::reserve(&mut self.free_in, 1)?;
        let mut chunk = Chunk {
            starts: boxed([0; 2])?,
            lines: boxed([[0; LINE_WORDS]; BLOCKS])?,
            kinds: [Kind::Free; BLOCKS],
            is_dirty: [false; BLOCKS],
            is_touched: [false; BLOCKS],
            runs: [0; BLOCKS],
        };
        let end = u32::try_from(start + u64::from(CHUNK)).map_err(|_| Error::new(ErrorKind::Limit, NO_ADDRESSES))?;
        space.grow(end)?;
        let mut free = u32::MAX;
        if self.chunks.is_empty() {
            // Null is there.
            chunk.kinds[0] = Kind::None;
            free &= !1;
        }
        self.free += free.count_ones();
        self.lowest_free = self.lowest_free.min(self.chunks.len());
        self.chunks.push(chunk);
        self.free_in.push(free);
        Ok(())
    }

    /// Blocks that there are, used or not.
    pub fn count(&self) -> u32 {
        (self.chunks.len() * BLOCKS) as u32
    }

    /// Blocks of small objects.
    pub fn small(&self) -> u32 {
        self.small
    }

    /// Blocks that aren't used.
    #[cfg(test)]
    pub fn free(&self) -> u32 {
        self.free
    }

    /// What the block at this offset is used for.
    #[inline(always)]
    pub fn kind(&self, at: u32) -> Kind {
        let (chunk, block) = place(at);
        self.chunks.get(chunk).map_or(Kind::None, |chunk| chunk.kinds[block])
    }

    /// Takes a run of free blocks; answers its offset.
    pub fn take(&mut self, blocks: u32, kind: Kind) -> Option<u32> {
        if blocks > self.free {
            return None;
        }
        let (mut found, mut all_used) = (0, true);
        for chunk in self.lowest_free..self.chunks.len() {
            let free = self.free_in[chunk];
            if free == 0 {
                found = 0;
                continue;
            }
            if all_used {
                self.lowest_free = chunk;
                all_used = false;
            }
            for block in 0..BLOCKS {
                found = if free >> block & 1 != 0 { found + 1 } else { 0 };
                if found == blocks {
                    let first = (chunk * BLOCKS + block) as u32 + 1 - blocks;
                    self.use_for(first, blocks, kind);
                    return Some(first << BLOCK_LOG2);
                }
            }
        }
        None
    }

    fn use_for(&mut self, first: u32, blocks: u32, kind: Kind) {
        for number in first..first + blocks {
            let (index, block) = place(number << BLOCK_LOG2);
            let chunk = &mut self.chunks[index];
            chunk.kinds[block] = if number == first { kind } else { Kind::Rest };
            chunk.runs[block] = if number == first { blocks } else { first };
            chunk.lines[0][block] = [0; LINE_WORDS];
            chunk.lines[1][block] = [0; LINE_WORDS];
            self.free_in[index] &= !(1 << block);
        }
        self.free -= blocks;
        self.small += if kind == Kind::Small { blocks } else { 0 };
    }

    /// Gives a run back.
    pub fn give(&mut self, at: u32) {
        let blocks = self.run(at);
        self.small -= if self.kind(at) == Kind::Small { blocks } else { 0 };
        for number in (at >> BLOCK_LOG2)..(at >> BLOCK_LOG2) + blocks {
            let (index, block) = place(number << BLOCK_LOG2);
            let chunk = &mut self.chunks[index];
            chunk.kinds[block] = Kind::Free;
            chunk.is_touched[block] = false;
            self.free_in[index] |= 1 << block;
        }
        self.free += blocks;
        self.lowest_free = self.lowest_free.min((at >> CHUNK_LOG2) as usize);
    }

    /// Blocks of the run that begins at `at`.
    pub fn run(&self, at: u32) -> u32 {
        let (chunk, block) = place(at);
        self.chunks[chunk].runs[block]
    }

    /// Where the run begins that the block at this offset is of.
    pub fn run_start(&self, at: u32) -> u32 {
        let (chunk, block) = place(at);
        if self.kind(at) == Kind::Rest { self.chunks[chunk].runs[block] << BLOCK_LOG2 } else { at & !(BLOCK - 1) }
    }

    /// Whether the block may hold other bytes than zeroes.
    pub fn is_dirty(&self, at: u32) -> bool {
        let (chunk, block) = place(at);
        self.chunks[chunk].is_dirty[block]
    }

    /// Says whether the block may hold other bytes than zeroes.
    pub fn set_dirty(&mut self, at: u32, is_dirty: bool) {
        let (chunk, block) = place(at);
        self.chunks[chunk].is_dirty[block] = is_dirty;
    }

    /// Whether the allocator has found the block since the last major collection.
    pub fn is_touched(&self, at: u32) -> bool {
        let (chunk, block) = place(at);
        self.chunks[chunk].is_touched[block]
    }

    /// Says that it has.
    pub fn set_touched(&mut self, at: u32) {
        let (chunk, block) = place(at);
        self.chunks[chunk].is_touched[block] = true;
    }

    /// The last chunk: its offset, and bytes of it that are accessible.
    pub fn last_chunk(&self) -> (u32, u32) {
        let at = (self.chunks.len() as u32 - 1) << CHUNK_LOG2;
        if at == 0 { (BLOCK, CHUNK - BLOCK) } else { (at, CHUNK) }
    }

    /// Lines of the block that are free, on the current side.
    pub fn free_lines(&self, at: u32) -> u32 {
        let (chunk, block) = place(at);
        self.chunks[chunk].lines[self.side][block].iter().map(|word| word.count_zeros()).sum()
    }

    /// The first run of free lines in a block from this line on: where it begins and where it ends.
    #[inline]
    pub fn free_run(&self, at: u32, from: u32) -> Option<(u32, u32)> {
        let (chunk, block) = place(at);
        let lines = &self.chunks[chunk].lines[self.side][block];
        let next = |from: u32, flip: u64| {
            let mut word = (from / 64) as usize;
            let mut rest = (lines.get(word)? ^ flip) & (u64::MAX << (from % 64));
            while rest == 0 {
                word += 1;
                rest = lines.get(word)? ^ flip;
            }
            Some(word as u32 * 64 + rest.trailing_zeros())
        };
        let start = next(from, u64::MAX)?;
        Some((start, next(start, 0).unwrap_or(LINES)))
    }

    /// Occupies the lines of `bytes` from `at` on, which are in one block, on the current side.
    #[inline(always)]
    pub fn occupy(&mut self, at: u32, bytes: u32) {
        self.occupy_on(self.side, at, bytes);
    }

    /// The same on the other side.
    #[inline(always)]
    pub fn occupy_other(&mut self, at: u32, bytes: u32) {
        self.occupy_on(1 - self.side, at, bytes);
    }

    #[inline(always)]
    fn occupy_on(&mut self, side: usize, at: u32, bytes: u32) {
        let (chunk, block) = place(at);
        let first = (at & (BLOCK - 1)) >> LINE_LOG2;
        let last = ((at & (BLOCK - 1)) + bytes - 1) >> LINE_LOG2;
        let lines = &mut self.chunks[chunk].lines[side][block];
        lines[(first / 64) as usize % LINE_WORDS] |= 1 << (first % 64);
        for line in first + 1..=last {
            lines[(line / 64) as usize % LINE_WORDS] |= 1 << (line % 64);
        }
    }

    #[inline(always)]
    fn start(&mut self, side: usize, at: u32) -> (&mut u64, u64) {
        let chunk = &mut self.chunks[(at >> CHUNK_LOG2) as usize];
        (&mut chunk.starts[(at as usize >> 9) % WORDS][side], 1 << (at >> 3 & 63))
    }

    #[inline(always)]
    fn has_start(&self, side: usize, at: u32) -> bool {
        let chunk = &self.chunks[(at >> CHUNK_LOG2) as usize];
        chunk.starts[(at as usize >> 9) % WORDS][side] >> (at >> 3 & 63) & 1 != 0
    }

    /// Whether the object at `at` is old.
    #[inline(always)]
    pub fn is_old(&self, at: u32) -> bool {
        self.has_start(self.side, at)
    }

    /// Makes it old; answers whether it wasn't.
    #[inline(always)]
    pub fn make_old(&mut self, at: u32) -> bool {
        let (word, bit) = self.start(self.side, at);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Asks the processor for what is known of an object, if it is one.
    #[inline(always)]
    pub fn prefetch(&self, at: u32) {
        if let Some(chunk) = self.chunks.get((at >> CHUNK_LOG2) as usize) {
            prefetch(&chunk.starts[(at as usize >> 9) % WORDS]);
        }
    }

    /// Whether a major collection has found the object at `at`.
    #[inline(always)]
    #[cfg(test)]
    pub fn is_marked(&self, at: u32) -> bool {
        self.has_start(1 - self.side, at)
    }

    /// Marks it; answers whether it wasn't.
    #[inline(always)]
    pub fn mark(&mut self, at: u32) -> bool {
        let (word, bit) = self.start(1 - self.side, at);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Old objects, or marked ones, in one word of the starts: those from `at` up to 512 bytes on.
    pub fn starts(&self, at: u32, of_marked: bool) -> u64 {
        let chunk = &self.chunks[(at >> CHUNK_LOG2) as usize];
        let word = chunk.starts[(at as usize >> 9) % WORDS][if of_marked { 1 - self.side } else { self.side }];
        match self.kind(at) {
            Kind::Small => word,
            Kind::Large if at & (BLOCK - 1) < 512 => word & 1,
            _ => 0,
        }
    }

    /// Notes the 8 bytes at `at`, in a large array and not at its start, as written; answers whether they weren't.
    pub fn note_written(&mut self, at: u32) -> bool {
        // No object begins there, so the place is free. What iterates over objects passes it by.
        self.make_old(at)
    }

    /// Forgets that they were.
    pub fn forget_written(&mut self, at: u32) {
        let (word, bit) = self.start(self.side, at);
        *word &= !bit;
    }

    /// Clears the other side of one chunk more; answers whether there was one.
    pub fn clear_other(&mut self) -> bool {
        let side = 1 - self.side;
        let Some(chunk) = self.chunks.get_mut(self.cleared) else { return false };
        chunk.starts.iter_mut().for_each(|word| word[side] = 0);
        chunk.lines[side].fill([0; LINE_WORDS]);
        self.cleared += 1;
        true
    }

    /// Clears all of it, from the first chunk on.
    pub fn restart_clearing(&mut self) {
        self.cleared = 0;
    }

    /// The sides change places: what is marked is old, and nothing else is.
    pub fn flip(&mut self) {
        self.side = 1 - self.side;
        self.cleared = 0;
        for chunk in 0..self.chunks.len() {
            self.chunks[chunk].is_touched = [false; BLOCKS];
            for block in 0..BLOCKS {
                if self.chunks[chunk].kinds[block] == Kind::Small
                    && self.chunks[chunk].lines[self.side][block] == [0; LINE_WORDS]
                {
                    self.give(((chunk * BLOCKS + block) as u32) << BLOCK_LOG2);
                }
            }
        }
    }
}
