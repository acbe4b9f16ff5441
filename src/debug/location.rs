//! Locations: what a place in the code tells of every frame that is there.
//!
//! Knows nothing of calls or events. Invariant: a location depends on code alone, and code stays where it is for as long as
//! its store lives; the cache bounds how many are kept. Read next: `layout.rs`, `stopped_call.rs`.

use super::layout::{Layout, LayoutCache};
use crate::base::{BodyIndex, WasmPc};
use crate::runtime::{FrameLink, MappedBlob, NoFrame, PcKind, RawFrame, Store};
use std::cell::RefCell;
use std::rc::Rc;

/// Where a frame is that isn't at a stop point.
#[derive(Debug)]
pub struct Location {
    /// The blob whose code it runs.
    pub blob: Rc<MappedBlob>,
    /// Its function, in its form.
    pub body: BodyIndex,
    /// The operator that it is at.
    pub pc: WasmPc,
    /// Where its values are, if that is known.
    pub layout: Option<Rc<Layout>>,
}

impl Location {
    fn new(frame: &RawFrame, layouts: &LayoutCache) -> Option<Location> {
        let (body, pc) = frame.place()?;
        let frames = frame.blob.frames()?;
        // An armed stop point can overflow the stack, too.
        let stop = || frames.stops_of(body).iter().find(|stop| stop.return_offset == frame.offset());
        let state = frame.call_site().and_then(|call| call.state).or_else(|| stop().map(|stop| stop.state));
        let layout = state.map(|state| layouts.layout(&frame.blob, body, state));
        Some(Location { blob: frame.blob.clone(), body, pc, layout })
    }
}

/// What was decoded lately. Bounded: something new takes the place of whatever was where it belongs.
pub struct Cache {
    /// Layouts.
    pub layouts: LayoutCache,
    locations: RefCell<Vec<Option<Entry>>>,
}

struct Entry {
    pc: usize,
    kind: PcKind,
    /// None for a trampoline.
    location: Option<Rc<Location>>,
}

/// The number of locations that are kept at most is two to this power.
const LOCATION_BITS: u32 = 10;

impl Cache {
    /// An empty cache.
    pub fn new() -> Cache {
        Cache { layouts: LayoutCache::new(), locations: RefCell::new(Vec::new()) }
    }

    /// Where the frame is that a link is; none for a trampoline, or what isn't code.
    #[inline]
    pub fn location(&self, store: &Store, link: FrameLink) -> Option<Rc<Location>> {
        let place = (link.pc.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - LOCATION_BITS);
        if let Some(Some(entry)) = self.locations.borrow().get(place as usize)
            && (entry.pc, entry.kind) == (link.pc.0, link.kind)
        {
            return entry.location.clone();
        }
        self.find(store, link, place as usize)
    }

    /// Forgets code that is unmapped.
    pub fn forget_blob(&self, blob: &MappedBlob) {
        self.layouts.forget_blob(blob);
        let is_there = |entry: &Entry| entry.location.as_ref().is_some_and(|location| location.blob.id() == blob.id());
        for entry in self.locations.borrow_mut().iter_mut().filter(|entry| entry.as_ref().is_some_and(is_there)) {
            *entry = None;
        }
    }

    #[cold]
    fn find(&self, store: &Store, link: FrameLink, place: usize) -> Option<Rc<Location>> {
        let location = match store.frame_at(link) {
            Ok(frame) => Some(Rc::new(Location::new(&frame, &self.layouts)?)),
            Err(NoFrame::Trampoline) => None,
            // There may be code another time.
            Err(NoFrame::Unknown) => return None,
        };
        let entry = Entry { pc: link.pc.0, kind: link.kind, location: location.clone() };
        let mut locations = self.locations.borrow_mut();
        if locations.is_empty() {
            locations.resize_with(1 << LOCATION_BITS, || None);
        }
        locations[place] = Some(entry);
        location
    }
}
