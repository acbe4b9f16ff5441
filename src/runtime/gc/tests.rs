//! The heap against a model of it: a graph that knows what can be reached.

use super::blocks::BLOCK;
use super::heap::LARGEST_SMALL;
use super::pace::Phase;
use super::*;
use crate::abi::heap::{NULL, elements_offset, flags, is_object, object};
use crate::abi::references::host_reference;
use crate::base::ErrorKind;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

const PAIR: u32 = 0;
const ARRAY: u32 = 1;
const WIDE: u32 = 2;
const EXCEPTION: u32 = 3;
const BYTES: u32 = 4;
const VECTORS: u32 = 5;

/// The offsets of a wide struct's references.
const WIDE_REFERENCES: [u32; 4] = [16, 100, 404, 796];

fn layouts() -> Arc<Layouts> {
    let layouts = Layouts::default();
    let all = [
        // Two references, and an identity.
        Layout::Struct(Fields { size: 24, traced: vec![8, 12] }),
        Layout::Array { element_log2: 2, is_traced: true },
        Layout::Struct(Fields { size: 800, traced: WIDE_REFERENCES.to_vec() }),
        Layout::Exception(Fields { size: 24, traced: vec![16] }),
        Layout::Array { element_log2: 0, is_traced: false },
        Layout::Array { element_log2: 4, is_traced: false },
    ];
    for (number, layout) in all.into_iter().enumerate() {
        assert_eq!(layouts.add(layout).unwrap(), number as u32);
    }
    Arc::new(layouts)
}

fn heap(most_bytes: u64, stress: bool) -> Heap {
    let most_bytes = if cfg!(miri) { most_bytes.min(2 << 20) } else { most_bytes };
    Heap::new(layouts(), HeapOptions { reservation: 2 * most_bytes, most_bytes, stress }).unwrap()
}

/// Roots, and words that may be.
#[derive(Default)]
struct Held {
    references: Vec<u32>,
    words: Vec<u64>,
}

impl Roots for Held {
    fn visit(&mut self, visitor: &mut Visitor<'_>) {
        self.references.iter().for_each(|reference| visitor.reference(*reference));
        self.words.iter().for_each(|word| visitor.word(*word));
    }
}

/// A generator of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// A reference in the model.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Value {
    /// One that isn't to an object.
    Plain(u32),
    /// To the object of this identity.
    Object(u64),
}

#[derive(Debug)]
struct Modelled {
    at: u32,
    type_number: u32,
    /// References, by their offsets in the object.
    references: Vec<(u32, Value)>,
}

struct Model {
    heap: Heap,
    objects: HashMap<u64, Modelled>,
    roots: Vec<Value>,
    random: Random,
    made: u64,
    collections: u64,
    parked: Vec<Parked>,
}

impl Model {
    fn new(seed: u64, stress: bool) -> Model {
        let heap = heap(if cfg!(miri) { 4 << 20 } else { 48 << 20 }, stress);
        Model {
            heap,
            objects: HashMap::new(),
            roots: vec![Value::Plain(NULL); 12],
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            made: 0,
            collections: 0,
            parked: Vec::new(),
        }
    }

    fn raw(&self, value: Value) -> u32 {
        match value {
            Value::Plain(word) => word,
            Value::Object(identity) => self.objects[&identity].at,
        }
    }

    fn held(&self) -> Held {
        Held { references: self.roots.iter().map(|root| self.raw(*root)).collect(), words: Vec::new() }
    }

    fn reachable(&self) -> HashSet<u64> {
        let mut found = HashSet::new();
        let mut next: Vec<Value> = self.roots.clone();
        while let Some(value) = next.pop() {
            if let Value::Object(identity) = value
                && found.insert(identity)
            {
                next.extend(self.objects[&identity].references.iter().map(|(_, value)| *value));
            }
        }
        found
    }

    /// The host's values that can be reached.
    fn reachable_hosts(&self) -> HashSet<u32> {
        let inside = self.reachable().into_iter().flat_map(|identity| &self.objects[&identity].references);
        let inside: Vec<Value> = inside.map(|(_, value)| *value).collect();
        let plain = |value: &Value| match value {
            Value::Plain(word) => crate::abi::references::host_number(*word),
            Value::Object(_) => None,
        };
        inside.iter().chain(&self.roots).filter_map(plain).collect()
    }

    /// Something that can be reached, or no object.
    fn some_value(&mut self) -> Value {
        match self.random.below(8) {
            0 => Value::Plain(NULL),
            1 => Value::Plain((self.random.below(1 << 30) as u32) << 1 | 1),
            2 => Value::Plain(host_reference(self.random.below(500) as u32)),
            _ => self.some_object().map_or(Value::Plain(NULL), Value::Object),
        }
    }

    fn some_object(&mut self) -> Option<u64> {
        let root = self.random.below(self.roots.len());
        let mut value = self.roots[root];
        let mut last = None;
        for _ in 0..self.random.below(12) + 1 {
            let Value::Object(identity) = value else { break };
            last = Some(identity);
            let references = &self.objects[&identity].references;
            if references.is_empty() {
                break;
            }
            value = references[self.random.below(references.len())].1;
        }
        last
    }

    /// Makes an object as guest code or as a builtin does.
    fn make(&mut self) {
        let (type_number, length) = match self.random.below(if cfg!(miri) { 60 } else { 40 }) {
            0..=1 => (WIDE, 0),
            2 => (EXCEPTION, 0),
            3..=5 => (ARRAY, self.random.below(20)),
            6 => (ARRAY, self.random.below(3000)),
            7 if !cfg!(miri) || self.random.below(8) == 0 => (ARRAY, 4000 + self.random.below(6000)),
            8 => (BYTES, self.random.below(2000)),
            9 if !cfg!(miri) => (BYTES, self.random.below(100_000)),
            10 => (VECTORS, self.random.below(10)),
            _ => (PAIR, 0),
        };
        let at = self.allocate(type_number, length as u32);
        self.made += 1;
        let identity = self.made;
        let offsets: Vec<u32> = match type_number {
            PAIR => vec![8, 12],
            ARRAY => (0..length as u32).map(|index| elements_offset(4) + 4 * index).collect(),
            WIDE => WIDE_REFERENCES.to_vec(),
            EXCEPTION => vec![16],
            _ => Vec::new(),
        };
        let references = offsets.into_iter().map(|offset| (offset, Value::Plain(NULL))).collect();
        match type_number {
            PAIR => self.heap.write(at, 16, &identity.to_le_bytes()).unwrap(),
            EXCEPTION | WIDE => self.heap.write(at, 8, &identity.to_le_bytes()).unwrap(),
            BYTES => self.heap.write(at, 12, &vec![identity as u8; length]).unwrap(),
            _ => {}
        }
        self.objects.insert(identity, Modelled { at, type_number, references });
        let root = self.random.below(self.roots.len());
        self.roots[root] = Value::Object(identity);
        for _ in 0..3 {
            self.store_into(identity);
        }
    }

    fn allocate(&mut self, type_number: u32, length: u32) -> u32 {
        let vm = self.heap.vm().clone();
        let (cursor, limit) = (vm.cursor.get(), vm.limit.get());
        if type_number == PAIR && cursor + 24 <= limit {
            self.heap.space.fill(cursor, 24, 0);
            self.heap.space.write(cursor, type_number);
            self.heap.space.write(cursor + object::FLAGS as u32, flags::STRUCT);
            vm.cursor.set(cursor + 24);
            return cursor;
        }
        let mut held = self.held();
        self.heap.allocate(&mut held, type_number, length).unwrap()
    }

    /// Stores something into an object, as guest code does.
    fn store_into(&mut self, identity: u64) {
        let value = self.some_value();
        let raw = self.raw(value);
        let object = self.objects.get_mut(&identity).unwrap();
        if object.references.is_empty() {
            return;
        }
        let which = self.random.below(object.references.len());
        let (offset, place) = &mut object.references[which];
        *place = value;
        self.heap.space.write(object.at + *offset, raw);
        let flags_now = self.heap.space.read(object.at + object::FLAGS as u32);
        if flags_now & flags::UNLOGGED != 0 {
            self.heap.written(object.at, *offset, *offset + 4);
        }
    }

    /// Looks at all that can be reached.
    fn check(&mut self) {
        for identity in self.reachable() {
            let modelled = &self.objects[&identity];
            let at = modelled.at;
            assert_eq!(self.heap.object_at(at), Some(at));
            assert_eq!(self.heap.type_of(at), modelled.type_number);
            for (offset, value) in &modelled.references {
                assert_eq!(self.heap.space.read(at + offset), self.raw(*value));
            }
            let mut bytes = [0; 8];
            match modelled.type_number {
                PAIR => self.heap.read(at, 16, &mut bytes).unwrap(),
                EXCEPTION | WIDE => self.heap.read(at, 8, &mut bytes).unwrap(),
                BYTES => {
                    let mut all = vec![0; self.heap.length_of(at) as usize];
                    self.heap.read(at, 12, &mut all).unwrap();
                    assert!(all.iter().all(|byte| *byte == identity as u8));
                    continue;
                }
                _ => continue,
            }
            assert_eq!(u64::from_le_bytes(bytes), identity);
        }
        self.heap.verify().unwrap();
    }

    /// A full collection, after which there is exactly what can be reached.
    fn collect(&mut self) {
        let mut held = self.held();
        self.heap.collect(&mut held).unwrap();
        let reachable = self.reachable();
        if self.parked.is_empty() {
            let mut seen = HashSet::new();
            self.heap.each_object(|object| assert!(seen.insert(object.object)));
            let expected: HashSet<u32> = reachable.iter().map(|identity| self.objects[identity].at).collect();
            assert_eq!(seen, expected);
            let hosts = self.reachable_hosts();
            (0..500).for_each(|number| assert_eq!(self.heap.has_met(number), hosts.contains(&number)));
        }
        self.objects.retain(|identity, _| reachable.contains(identity));
        self.check();
    }

    fn act(&mut self) {
        match self.random.below(1000) {
            0..=399 => self.make(),
            400..=899 => {
                if let Some(identity) = self.some_object() {
                    self.store_into(identity);
                }
            }
            900..=929 => {
                let root = self.random.below(self.roots.len());
                self.roots[root] = self.some_value();
            }
            930..=939 => {
                let root = self.random.below(self.roots.len());
                self.roots[root] = Value::Plain(NULL);
            }
            940..=949 if self.parked.len() < 4 => self.parked.push(self.heap.park().unwrap()),
            950..=963 if !self.parked.is_empty() => {
                let which = self.random.below(self.parked.len());
                let parked = self.parked.swap_remove(which);
                match self.random.below(4) {
                    0 => self.heap.forget_parked(&parked),
                    _ => self.heap.unpark(&parked).unwrap(),
                }
            }
            964..=990 => {
                let mut held = self.held();
                let budget = Duration::from_micros(self.random.below(60) as u64);
                self.heap.pace.make_due(self.random.below(3) == 0);
                self.heap.step(&mut held, budget).unwrap();
            }
            991 => self.check(),
            992 => {
                self.collections += 1;
                self.collect();
            }
            _ => {}
        }
    }
}

fn run(seeds: std::ops::Range<u64>, actions: u64, stress: bool) {
    for seed in seeds {
        let mut model = Model::new(seed, stress);
        for _ in 0..actions {
            model.act();
        }
        model.check();
        model.parked.clear();
        model.heap.parked.clear();
        model.collect();
        let statistics = model.heap.statistics();
        assert!(statistics.minor > 1 && statistics.major > 0, "{statistics:?}");
        model.roots.fill(Value::Plain(NULL));
        model.collect();
        assert_eq!(model.heap.used_bytes(), 0);
    }
}

#[test]
fn random_mutators_find_what_they_left() {
    run(0..if cfg!(miri) { 1 } else { 5 }, if cfg!(miri) { 400 } else { 5000 }, false);
}

#[test]
#[cfg_attr(miri, ignore = "fills much memory again and again")]
fn random_mutators_under_stress() {
    run(100..102, 1500, true);
}

/// A heap with a root, and what helps to look at it.
struct One {
    heap: Heap,
    held: Held,
}

impl One {
    fn new(most_bytes: u64, stress: bool) -> One {
        One { heap: heap(most_bytes, stress), held: Held::default() }
    }

    fn make(&mut self, type_number: u32, length: u32) -> u32 {
        self.heap.allocate(&mut self.held, type_number, length).unwrap()
    }

    fn collect(&mut self) {
        self.heap.collect(&mut self.held).unwrap();
        self.heap.verify().unwrap();
    }

    fn minor(&mut self) {
        self.heap.minor(&mut self.held);
        self.heap.verify().unwrap();
    }

    fn count(&self) -> usize {
        let mut count = 0;
        self.heap.each_object(|_| count += 1);
        count
    }
}

#[test]
fn a_list_of_any_length_is_followed() {
    let mut one = One::new(64 << 20, false);
    let nodes = if cfg!(miri) { 100 } else { 500_000 };
    one.held.references.push(NULL);
    for _ in 0..nodes {
        let node = one.make(PAIR, 0);
        one.heap.write_reference(node, 8, one.held.references[0]).unwrap();
        one.held.references[0] = node;
    }
    one.collect();
    assert_eq!(one.count(), nodes);
    one.held.references[0] = NULL;
    one.collect();
    assert_eq!((one.count(), one.heap.used_bytes()), (0, 0));
}

/// A tree with an array of arrays at its root, which takes a large stack.
fn wide_tree(one: &mut One, arrays: u32, elements: u32) -> usize {
    let top = one.make(ARRAY, arrays);
    one.held.references.push(top);
    for index in 0..arrays {
        let array = one.make(ARRAY, elements);
        one.heap.write_reference(top, 12 + 4 * index, array).unwrap();
        for element in 0..elements {
            let pair = one.make(PAIR, 0);
            one.heap.write_reference(array, 12 + 4 * element, pair).unwrap();
        }
    }
    (1 + arrays + arrays * elements) as usize
}

#[test]
fn what_the_stack_forgets_is_found() {
    let mut one = One::new(64 << 20, false);
    let (arrays, elements) = if cfg!(miri) { (3, 40) } else { (40, 2000) };
    one.heap.minor_stack.refuses = true;
    let expected = wide_tree(&mut one, arrays, elements);
    one.minor();
    assert_eq!(one.count(), expected);
    one.heap.major_stack.refuses = true;
    one.collect();
    assert_eq!(one.count(), expected);
}

#[test]
fn large_arrays_are_looked_through_in_slices_and_remembered_by_place() {
    let mut one = One::new(64 << 20, false);
    let length = if cfg!(miri) { 4500 } else { 2_000_000 };
    let array = one.make(ARRAY, length);
    one.held.references.push(array);
    one.minor();
    let pair = one.make(PAIR, 0);
    one.heap.write_reference(array, 12 + 4 * (length - 1), pair).unwrap();
    assert_eq!(one.heap.log.len(), 1);
    one.heap.write_reference(array, 12 + 4 * (length - 1), pair).unwrap();
    assert_eq!(one.heap.log.len(), 1);
    one.heap.verify().unwrap();
    one.minor();
    assert_eq!((one.count(), one.heap.log.len()), (2, 0));
    // A slice ends in the array's midst.
    one.heap.pace.make_due(true);
    one.heap.step(&mut one.held, Duration::from_secs(100)).unwrap();
    one.collect();
    assert_eq!(one.count(), 2);
    let mut referrers = Vec::new();
    one.heap.each_referrer(pair, |object, offset| referrers.push((object, offset)));
    assert_eq!(referrers, [(array, 12 + 4 * (length - 1))]);
    one.held.references.clear();
    one.collect();
    assert_eq!((one.count(), one.heap.used_bytes()), (0, 0));
}

#[test]
fn parts_are_copied_and_told_of() {
    let mut one = One::new(64 << 20, false);
    let (old, large) = (one.make(ARRAY, 8), one.make(ARRAY, 5000));
    one.held.references.extend([old, large]);
    one.minor();
    let young = one.make(ARRAY, 8);
    let pair = one.make(PAIR, 0);
    one.heap.write_reference(young, 12 + 4 * 7, pair).unwrap();
    one.heap.copy((old, 12), (young, 12), 32, true).unwrap();
    one.heap.copy((large, 12 + 4 * 4990), (young, 16), 28, true).unwrap();
    one.heap.copy((old, 16), (old, 12), 28, true).unwrap();
    one.heap.verify().unwrap();
    one.minor();
    let mut referrers = Vec::new();
    one.heap.each_referrer(pair, |object, offset| referrers.push((object, offset)));
    assert_eq!(referrers, [(large, 12 + 4 * 4996)]);
    for (to, from, bytes) in
        [((old, 16), (large, 12), 36), ((old, 12), (young, 0), 4), ((large, u32::MAX), (old, 12), 4)]
    {
        let error = one.heap.copy(to, from, bytes, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
    }
}

#[test]
fn marking_sees_what_was_written_meanwhile() {
    let mut one = One::new(64 << 20, false);
    let first = one.make(PAIR, 0);
    let second = one.make(PAIR, 0);
    let hidden = one.make(PAIR, 0);
    one.held.references.extend([first, second]);
    one.heap.write_reference(second, 8, hidden).unwrap();
    one.minor();
    one.heap.phase = Phase::Clear;
    assert!(one.heap.clear(super::major::Until::End));
    one.heap.begin_to_mark(&mut one.held);
    // `first` is looked into, and only then gets what `second` had.
    assert!(one.heap.blocks.is_marked(first));
    one.heap.write_reference(first, 8, hidden).unwrap();
    while let Some(object) = one.heap.major_stack.next(|_| ()) {
        assert!(object == first || object == second);
    }
    one.heap.write_reference(second, 8, NULL).unwrap();
    one.heap.write_reference(first, 8, hidden).unwrap();
    one.minor();
    assert!(one.heap.blocks.is_marked(hidden));
    assert!(one.heap.mark(super::major::Until::End));
    one.heap.finish_major();
    one.heap.verify().unwrap();
    assert_eq!(one.count(), 3);
}

#[test]
fn marking_leaves_young_objects_to_minor_collections() {
    let mut one = One::new(64 << 20, false);
    let old = one.make(PAIR, 0);
    one.held.references.push(old);
    one.minor();
    one.heap.phase = Phase::Clear;
    assert!(one.heap.clear(super::major::Until::End));
    one.heap.begin_to_mark(&mut one.held);
    let young = one.make(PAIR, 0);
    one.heap.write_reference(old, 8, young).unwrap();
    assert!(one.heap.mark(super::major::Until::End));
    assert!(one.heap.blocks.is_marked(old) && !one.heap.blocks.is_marked(young));
    // It dies before it would have become old.
    one.heap.write_reference(old, 8, NULL).unwrap();
    one.minor();
    one.heap.finish_major();
    one.heap.verify().unwrap();
    assert_eq!((one.count(), one.heap.object_at(young)), (1, None));
}

#[test]
fn weak_references_let_go() {
    let mut one = One::new(64 << 20, false);
    let (kept, lost) = (one.make(PAIR, 0), one.make(PAIR, 0));
    one.held.references.push(kept);
    let slots = [one.heap.add_weak(kept).unwrap(), one.heap.add_weak(lost).unwrap()];
    one.minor();
    assert_eq!(slots.map(|slot| one.heap.weak(slot)), [Some(kept), Some(NULL)]);
    one.held.references.clear();
    one.minor();
    assert_eq!(one.heap.weak(slots[0]), Some(kept));
    one.collect();
    assert_eq!(one.heap.weak(slots[0]), Some(NULL));
    assert!(one.heap.remove_weak(slots[1]) && !one.heap.remove_weak(slots[1]));
    assert_ne!(one.heap.add_weak(NULL).unwrap(), slots[1]);
    assert_eq!(one.heap.weak(slots[1]), None);
}

#[test]
fn limits_are_kept() {
    let mut one = One::new(2 << 20, false);
    assert_eq!(one.heap.allocate(&mut one.held, BYTES, 3 << 20).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(one.heap.allocate(&mut one.held, VECTORS, u32::MAX).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(one.heap.allocate(&mut one.held, 77, 0).unwrap_err().kind(), ErrorKind::InvalidArgument);
    // As much garbage as one likes.
    for _ in 0..if cfg!(miri) { 10 } else { 10_000 } {
        one.make(BYTES, 15_000);
        one.make(BYTES, 100_000);
    }
    if cfg!(miri) {
        return;
    }
    one.held.references.push(NULL);
    let mut nodes = 0_u64;
    let error = loop {
        let node = match one.heap.allocate(&mut one.held, PAIR, 0) {
            Ok(node) => node,
            Err(error) => break error,
        };
        one.heap.write_reference(node, 8, one.held.references[0]).unwrap();
        one.held.references[0] = node;
        nodes += 1;
    };
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(nodes * 24 > (2 << 20) / 10 * 9, "{nodes}");
    // What was dropped has room again.
    one.held.references[0] = NULL;
    one.make(PAIR, 0);
    one.collect();
}

#[test]
fn candidates_are_told_from_references() {
    let mut one = One::new(64 << 20, false);
    let young = one.make(WIDE, 0);
    let large = one.make(BYTES, 100_000);
    let cursor = one.heap.vm().cursor.get();
    for is_old in [false, true] {
        for at in [young, large] {
            assert_eq!(one.heap.object_at(at), Some(at));
            assert_eq!(one.heap.object_at(at + 8), None);
            assert_eq!(one.heap.object_around(at + 796), Some(at));
        }
        assert_eq!(one.heap.object_around(large + BLOCK + 4), Some(large));
        assert_eq!(one.heap.object_around(young - 1), None, "{is_old}");
        for at in [0, 8, 4096, u32::MAX, !7, one.heap.space.end(), cursor] {
            assert_eq!(one.heap.object_at(at), None);
        }
        one.held.references = vec![young, large];
        one.minor();
    }
    // An address, a reference in either half of a word; and what neither is.
    let base = one.heap.vm().base.get() as u64;
    for word in [base + u64::from(young) + 100, young.into(), u64::from(young) << 32 | 0xffff_ffff] {
        one.held = Held { references: vec![large], words: vec![word, base, 0, u64::MAX, base + (1 << 40)] };
        one.collect();
        assert_eq!(one.count(), 2);
    }
    one.held = Held { references: vec![large], words: vec![young as u64 + 8, base - 8] };
    one.collect();
    assert_eq!(one.count(), 1);
}

#[test]
fn an_interrupted_guest_keeps_its_hole() {
    for stress in if cfg!(miri) { [false; 2] } else { [false, true] } {
        let mut one = One::new(64 << 20, stress);
        let vm = one.heap.vm().clone();
        let kept = one.make(PAIR, 0);
        one.held.references.push(kept);
        let target = one.make(PAIR, 0);
        one.heap.options.stress = false;
        // In stress there is no room left beside the hole's end, so what is left counts.
        let cursor = vm.cursor.get();
        // The guest has begun to write an object, and is interrupted.
        one.heap.space.write(cursor, PAIR);
        one.heap.space.write(cursor + 4, flags::STRUCT);
        one.heap.space.write(cursor + 8, target);
        one.heap.space.write(cursor + 12, NULL);
        let parked = one.heap.park().unwrap();
        one.heap.options.stress = stress;
        for _ in 0..if cfg!(miri) { 20 } else { 3000 } {
            let other = one.make(PAIR, 0);
            assert!(other < cursor || other > cursor + 24);
        }
        one.collect();
        one.collect();
        // What the object refers to is there, and the words of the object as well.
        assert_eq!(one.heap.object_at(target), Some(target));
        assert_eq!((one.heap.space.read(cursor), one.heap.space.read(cursor + 8)), (PAIR, target));
        one.heap.unpark(&parked).unwrap();
        assert_eq!(vm.cursor.get(), cursor);
        vm.cursor.set(cursor + 24);
        one.held.references.push(cursor);
        assert_eq!(one.heap.object_at(cursor), Some(cursor));
        one.minor();
        one.collect();
        assert_eq!(one.count(), 3);
    }
}

#[test]
fn a_guest_that_is_interrupted_may_have_no_hole() {
    let used_after = |interrupted: bool| {
        let mut one = One::new(64 << 20, false);
        let parked = interrupted.then(|| one.heap.park().unwrap());
        for _ in 0..100 {
            one.make(PAIR, 0);
        }
        one.collect();
        parked.iter().for_each(|parked| one.heap.unpark(parked).unwrap());
        one.heap.used_bytes()
    };
    assert_eq!(used_after(true), used_after(false));
}

#[test]
fn what_a_guest_stored_and_did_not_tell_of_is_found() {
    let mut one = One::new(64 << 20, false);
    let old = one.make(PAIR, 0);
    one.held.references.push(old);
    one.minor();
    let young = one.make(PAIR, 0);
    // The store is done, and the guest is interrupted before it tells of it. It has the object in a register.
    one.heap.space.write(old + 8, young);
    assert!(one.heap.verify().unwrap_err().contains("nobody knows"));
    one.held.words.push(one.heap.vm().base.get() as u64 + u64::from(old));
    one.minor();
    assert_eq!(one.heap.object_at(young), Some(young));
}

#[test]
fn verification_finds_mistakes() {
    let broken = |break_it: fn(&mut One, u32, u32)| {
        let mut one = One::new(64 << 20, false);
        let (first, second) = (one.make(PAIR, 0), one.make(PAIR, 0));
        one.held.references.extend([first, second]);
        one.minor();
        break_it(&mut one, first, second);
        one.heap.verify().unwrap_err()
    };
    assert!(broken(|one, first, _| one.heap.space.write(first + 8, first + 8)).contains("where no object is"));
    assert!(
        broken(|one, first, _| {
            one.heap.blocks.occupy(first, 800);
            one.heap.space.write(first, WIDE);
        })
        .contains("begins inside another")
    );
    assert!(broken(|one, first, _| one.heap.space.write(first, 99)).contains("has type 99"));
    assert!(broken(|one, first, _| one.heap.space.write(first + 4, flags::STRUCT)).contains("is in the log: true"));
    assert!(broken(|one, first, _| one.heap.space.write(first + 4, 1 << 20 | 1)).contains("has flags"));
    assert!(broken(|one, first, _| one.heap.blocks.occupy(first + 4096, 8)).contains("occupied line"));
    assert!(broken(|one, _, _| one.heap.large_bytes += 1).contains("is counted"));
    assert!(
        broken(|one, first, _| {
            one.heap.space.write(first + 4096, PAIR);
            one.heap.space.write(first + 4100, flags::STRUCT | flags::UNLOGGED);
            one.heap.blocks.make_old(first + 4096);
        })
        .contains("is free")
    );
}

#[test]
#[cfg_attr(miri, ignore = "fills much memory")]
#[should_panic(expected = "free memory was written")]
fn poison_shows_a_write_to_what_is_free() {
    let mut one = One::new(64 << 20, true);
    let gone = one.make(PAIR, 0);
    one.minor();
    assert_eq!(one.heap.space.read(gone), 0xfdfd_fdfd);
    one.heap.space.write(gone + 8, 5);
    for _ in 0..4 {
        one.make(PAIR, 0);
    }
}

#[test]
fn layouts_that_contradict_themselves_are_refused() {
    let layouts = Layouts::default();
    let refused = [
        Layout::Struct(Fields { size: 12, traced: vec![] }),
        Layout::Struct(Fields { size: 0, traced: vec![] }),
        Layout::Struct(Fields { size: 16, traced: vec![4] }),
        Layout::Struct(Fields { size: 16, traced: vec![16] }),
        Layout::Exception(Fields { size: 24, traced: vec![18] }),
        Layout::Array { element_log2: 3, is_traced: true },
        Layout::Array { element_log2: 5, is_traced: false },
    ];
    for layout in refused {
        assert_eq!(layouts.add(layout).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn types_may_come_later() {
    let layouts = layouts();
    let options = HeapOptions { reservation: 8 << 20, most_bytes: 8 << 20, stress: false };
    let mut heap = Heap::new(layouts.clone(), options).unwrap();
    let mut held = Held::default();
    let pair = heap.allocate(&mut held, PAIR, 0).unwrap();
    held.references.push(pair);
    let late = layouts.add(Layout::Struct(Fields { size: 16, traced: vec![8] })).unwrap();
    let object = heap.allocate(&mut held, late, 0).unwrap();
    heap.write_reference(object, 8, held.references[0]).unwrap();
    held.references[0] = object;
    heap.collect(&mut held).unwrap();
    let mut seen = Vec::new();
    heap.each_object(|object| seen.push((object.type_number, object.bytes)));
    assert_eq!(seen, [(PAIR, 24), (late, 16)]);
    assert!(is_object(object) && LARGEST_SMALL < BLOCK);
}
