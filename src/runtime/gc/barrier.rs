//! What is told of stores into objects.

use super::blocks::Kind;
use super::heap::Heap;
use super::minor::IS_PAIR;
use crate::abi::heap::{flags, object};
use crate::base::memory;

impl Heap {
    /// References were stored into an object, between these offsets in it. Does nothing if nobody has to know.
    pub fn written(&mut self, object: u32, from: u32, to: u32) {
        let at = object + object::FLAGS as u32;
        let word = self.space.read(at);
        if word & flags::UNLOGGED == 0 {
            return;
        }
        if self.blocks.kind(object) == Kind::Large && word & flags::KIND == flags::ARRAY {
            // The object stays as it is, so that whatever is written comes here.
            for pair in (((object + from) & !7)..object + to).step_by(8) {
                if self.blocks.note_written(pair) && !self.log(pair | IS_PAIR) {
                    self.blocks.forget_written(pair);
                }
            }
        } else {
            self.space.write(at, word & !flags::UNLOGGED);
            self.log(object);
        }
    }

    /// Answers whether there was room for it. If not, the next minor collection looks through everything.
    fn log(&mut self, entry: u32) -> bool {
        let has_room = memory::reserve(&mut self.log, 1).is_ok();
        if has_room {
            self.log.push(entry);
        } else {
            self.log_is_incomplete = true;
        }
        has_room
    }
}
