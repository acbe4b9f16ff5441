//! Accesses to memories at every boundary, against exact arithmetic: each load and store, of memories that are addressed by 32
//! and by 64 bits, at indices near zero, near the size, near 2^31, 2^32, 2^63 and 2^64, with offsets as large; with debugging off,
//! on and in the exact form, with signal handlers and without, and with all the addresses that a memory may have reserved. Atomic
//! accesses trap before anything else if they aren't aligned.
//!
//! The sandbox rests on this: an access is inside if the sum of index, offset and width, computed without wrapping, is at most the
//! size, and in no other case; then it reads or writes just those bytes. Otherwise it traps, and nothing has changed.

use pellucid::base::{Config, Instance, Memory, Reservation, StoreLimits, TrapCode, Value};
use pellucid::debug::Debuggee;
use pellucid::runtime::{Engine, Extern, Module, Store};
use std::fmt::Write;

/// An operator: its name, how many bytes it accesses, and what it takes or gives.
struct Access {
    name: &'static str,
    bytes: u64,
    ty: &'static str,
    lane: &'static str,
}

const fn access(name: &'static str, bytes: u64, ty: &'static str) -> Access {
    Access { name, bytes, ty, lane: "" }
}

const fn lane(name: &'static str, bytes: u64, lane: &'static str) -> Access {
    Access { name, bytes, ty: "v128", lane }
}

const LOADS: &[Access] = &[
    access("i32.load", 4, "i32"),
    access("i64.load", 8, "i64"),
    access("f32.load", 4, "f32"),
    access("f64.load", 8, "f64"),
    access("i32.load8_s", 1, "i32"),
    access("i32.load8_u", 1, "i32"),
    access("i32.load16_s", 2, "i32"),
    access("i32.load16_u", 2, "i32"),
    access("i64.load8_s", 1, "i64"),
    access("i64.load8_u", 1, "i64"),
    access("i64.load16_s", 2, "i64"),
    access("i64.load16_u", 2, "i64"),
    access("i64.load32_s", 4, "i64"),
    access("i64.load32_u", 4, "i64"),
    access("v128.load", 16, "v128"),
    access("v128.load8x8_s", 8, "v128"),
    access("v128.load8x8_u", 8, "v128"),
    access("v128.load16x4_s", 8, "v128"),
    access("v128.load16x4_u", 8, "v128"),
    access("v128.load32x2_s", 8, "v128"),
    access("v128.load32x2_u", 8, "v128"),
    access("v128.load8_splat", 1, "v128"),
    access("v128.load16_splat", 2, "v128"),
    access("v128.load32_splat", 4, "v128"),
    access("v128.load64_splat", 8, "v128"),
    access("v128.load32_zero", 4, "v128"),
    access("v128.load64_zero", 8, "v128"),
    lane("v128.load8_lane", 1, "0"),
    lane("v128.load16_lane", 2, "0"),
    lane("v128.load32_lane", 4, "0"),
    lane("v128.load64_lane", 8, "0"),
    access("i32.atomic.load", 4, "i32"),
    access("i64.atomic.load", 8, "i64"),
    access("i32.atomic.load8_u", 1, "i32"),
    access("i32.atomic.load16_u", 2, "i32"),
    access("i64.atomic.load8_u", 1, "i64"),
    access("i64.atomic.load16_u", 2, "i64"),
    access("i64.atomic.load32_u", 4, "i64"),
    // Those that store nothing new.
    access("i32.atomic.rmw.or", 4, "i32"),
    access("i64.atomic.rmw8.xor_u", 1, "i64"),
    access("i64.atomic.rmw32.add_u", 4, "i64"),
];

const STORES: &[Access] = &[
    access("i32.store", 4, "i32"),
    access("i64.store", 8, "i64"),
    access("f32.store", 4, "f32"),
    access("f64.store", 8, "f64"),
    access("i32.store8", 1, "i32"),
    access("i32.store16", 2, "i32"),
    access("i64.store8", 1, "i64"),
    access("i64.store16", 2, "i64"),
    access("i64.store32", 4, "i64"),
    access("v128.store", 16, "v128"),
    lane("v128.store8_lane", 1, "0"),
    lane("v128.store16_lane", 2, "0"),
    lane("v128.store32_lane", 4, "0"),
    lane("v128.store64_lane", 8, "0"),
    access("i32.atomic.store", 4, "i32"),
    access("i64.atomic.store", 8, "i64"),
    access("i32.atomic.store8", 1, "i32"),
    access("i32.atomic.store16", 2, "i32"),
    access("i64.atomic.store8", 1, "i64"),
    access("i64.atomic.store16", 2, "i64"),
    access("i64.atomic.store32", 4, "i64"),
    access("i32.atomic.rmw.xchg", 4, "i32"),
    access("i64.atomic.rmw.xchg", 8, "i64"),
    access("i32.atomic.rmw8.xchg_u", 1, "i32"),
    access("i64.atomic.rmw16.xchg_u", 2, "i64"),
];

/// What is stored, as constants of each type: its lowest bytes are 0xd1, 0xd2, …
fn stored(ty: &str) -> &'static str {
    match ty {
        "i32" => "(i32.const 0xd4d3d2d1)",
        "i64" => "(i64.const 0xd8d7d6d5d4d3d2d1)",
        "f32" => "(f32.reinterpret_i32 (i32.const 0xd4d3d2d1))",
        "f64" => "(f64.reinterpret_i64 (i64.const 0xd8d7d6d5d4d3d2d1))",
        _ => "(v128.const i32x4 0xd4d3d2d1 0xd8d7d6d5 0xdcdbdad9 0xe0dfdedd)",
    }
}

/// The byte at a place of the memory before anything is stored.
fn pattern(place: u64) -> u8 {
    (place * 7 + 3) as u8 & 0x7f
}

/// A kind of memory.
#[derive(Clone, Copy)]
struct Kind {
    is_64: bool,
    /// Pages at first, and those that it grows by before it is accessed.
    pages: (u64, u64),
    /// The logarithm of a page's size.
    page: u8,
    is_shared: bool,
}

impl Kind {
    fn size(&self) -> u64 {
        (self.pages.0 + self.pages.1) << self.page
    }

    fn index(&self) -> &'static str {
        if self.is_64 { "i64" } else { "i32" }
    }

    fn largest(&self) -> u64 {
        if self.is_64 { u64::MAX } else { u32::MAX.into() }
    }

    /// Offsets that the format allows.
    fn offsets(&self) -> Vec<u64> {
        let size = self.size();
        let mut offsets = vec![0, 1, 7, 16, size.saturating_sub(16), size.saturating_sub(1), size, size + 1];
        offsets.extend([0x7fff_ffff, 0x8000_0000, u64::from(u32::MAX) - 15, u64::from(u32::MAX) - 3, u32::MAX.into()]);
        if self.is_64 {
            let (half, all) = (1 << 63, u64::MAX);
            offsets.extend([1 << 32, (1 << 32) + 1, (1 << 33) - 8, half - 1, half, half + 8]);
            offsets.extend([all - 65536, all - 65535, all - 16, all - 15, all - 8, all - 7, all - 3, all - 1, all]);
        }
        offsets.sort_unstable();
        offsets.dedup();
        offsets
    }

    /// Indices, of which some lead inside only by wrapping.
    fn indices(&self, offset: u64) -> Vec<u64> {
        self.around(offset, &[0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, -1, -2, -3, -4, -7, -8, -9, -15, -16, -17])
    }

    /// The same, but not as many.
    fn constant_indices(&self, offset: u64) -> Vec<u64> {
        self.around(offset, &[0, 1, -1, -2, -8, -16])
    }

    fn around(&self, offset: u64, distances: &[i64]) -> Vec<u64> {
        let size = self.size();
        let mut near = vec![0, size, size.wrapping_sub(offset), offset.wrapping_neg(), 1 << 31, u32::MAX.into()];
        if self.is_64 {
            near.extend([1 << 32, 1 << 33, 1 << 63, u64::MAX, (1 << 32) + size, (1_u64 << 63).wrapping_sub(offset)]);
        }
        let each = |near: u64| distances.iter().map(move |far| near.wrapping_add_signed(*far) & self.largest());
        let mut indices: Vec<u64> = near.into_iter().flat_map(each).collect();
        indices.sort_unstable();
        indices.dedup();
        indices
    }

    fn text(&self, constants: bool) -> String {
        let index = self.index();
        let page = if self.page == 16 { String::new() } else { format!("(pagesize {})", 1 << self.page) };
        let width = if self.is_64 { "i64" } else { "" };
        let shared = if self.is_shared { format!("{} shared", self.pages.0 + self.pages.1 + 1) } else { String::new() };
        let mut text = format!(
            "(module (memory $other {width} 1) (memory $m (export \"m\") {width} {} {shared} {page})
              (export \"other\" (memory $other))",
            self.pages.0
        );
        for (offset, access, is_load) in self.functions() {
            let Access { name, lane, .. } = access;
            let operator = format!("{name} $m offset={offset} {lane}");
            if !constants {
                let body = format!("(param $at {index}) {}", body(&operator, access, is_load, "(local.get $at)"));
                write!(text, "(func (export \"{name} {offset}\") {body})").unwrap();
            } else if matches!(*name, "i64.load8_s" | "v128.load" | "i32.store16" | "i64.atomic.store32") {
                for at in self.constant_indices(offset) {
                    let body = body(&operator, access, is_load, &format!("({index}.const {at})"));
                    write!(text, "(func (export \"{name} {offset} {at}\") {body})").unwrap();
                }
            }
        }
        text + ")"
    }

    fn functions(&self) -> Vec<(u64, &'static Access, bool)> {
        let all = LOADS.iter().map(|load| (load, true)).chain(STORES.iter().map(|store| (store, false)));
        let all: Vec<_> = all.collect();
        let each = |offset| all.iter().map(move |(access, is_load)| (offset, *access, *is_load)).collect::<Vec<_>>();
        self.offsets().into_iter().flat_map(each).collect()
    }
}

fn body(operator: &str, access: &Access, is_load: bool, at: &str) -> String {
    let Access { ty, lane, name, .. } = access;
    match (is_load, *lane) {
        (true, "") if name.contains("rmw") => format!("(result {ty}) ({operator} {at} ({ty}.const 0))"),
        (false, _) if name.contains("rmw") => format!("(drop ({operator} {at} {}))", stored(ty)),
        (true, "") => format!("(result {ty}) ({operator} {at})"),
        (true, _) => format!("(result {ty}) ({operator} {at} (v128.const i64x2 0 0))"),
        (false, _) => format!("({operator} {at} {})", stored(ty)),
    }
}

/// What a load gives, as bits.
fn loaded(access: &Access, at: u64) -> u128 {
    let byte = |place: u64| u128::from(pattern(at + place));
    let little = |from: u64, bytes: u64| (0..bytes).map(|place| byte(from + place) << (8 * place)).sum::<u128>();
    // All bytes are positive, so no sign is extended.
    let lanes = |bytes: u64| (0..8 / bytes).map(|lane| little(lane * bytes, bytes) << (16 * bytes * lane)).sum();
    let splat = |bytes: u64| (0..16 / bytes).map(|lane| little(0, bytes) << (8 * bytes * lane)).sum();
    match access.name {
        name if name.contains("8x8") => lanes(1),
        name if name.contains("16x4") => lanes(2),
        name if name.contains("32x2") => lanes(4),
        name if name.contains("splat") => splat(access.bytes),
        _ => little(0, access.bytes),
    }
}

fn bits(value: &Value) -> u128 {
    match *value {
        Value::I32(value) => u128::from(value as u32),
        Value::I64(value) => u128::from(value as u64),
        Value::F32(bits) => u128::from(bits),
        Value::F64(bits) => u128::from(bits),
        Value::V128(bits) => bits,
        _ => panic!("no number"),
    }
}

struct World {
    debuggee: Debuggee,
    instance: Instance,
    memory: Memory,
    other: Memory,
    kind: Kind,
}

impl World {
    fn new(config: Config, kind: Kind, constants: bool) -> World {
        let engine = Engine::new(config).unwrap();
        let module = Module::new(&engine, &wat::parse_str(kind.text(constants)).unwrap()).unwrap();
        let limits = StoreLimits { memory_bytes: 1 << 40, ..StoreLimits::default() };
        let debuggee = Debuggee::new(&engine, limits).unwrap();
        let store = debuggee.store();
        let (instance, _) = store.instantiate(&module, &[]).unwrap();
        let memory = |name| match store.instance_export(instance, name).unwrap() {
            Some(Extern::Memory(memory)) => memory,
            _ => panic!("no memory"),
        };
        let (memory, other) = (memory("m"), memory("other"));
        store.memory_grow(memory, kind.pages.1).unwrap();
        let bytes: Vec<u8> = (0..kind.size()).map(pattern).collect();
        store.memory_write(memory, 0, &bytes).unwrap();
        World { debuggee, instance, memory, other, kind }
    }

    fn store(&self) -> &Store {
        self.debuggee.store()
    }

    fn check(&self, name: &str, (offset, access, is_load): (u64, &Access, bool), at: u64, args: &[Value]) {
        let store = self.store();
        let Some(Extern::Func(func)) = store.instance_export(self.instance, name).unwrap() else { panic!("{name}") };
        let result = self.debuggee.call(func, args);
        let size = self.kind.size();
        let start = u128::from(at) + u128::from(offset);
        let is_aligned = !access.name.contains("atomic") || start.is_multiple_of(access.bytes.into());
        let is_inside = start + u128::from(access.bytes) <= u128::from(size);
        let what = || format!("{name} at {at:#x}, {size:#x} bytes");
        if !is_aligned {
            let error = result.expect_err(&what());
            assert_eq!(error.trap_code(), Some(TrapCode::UnalignedAtomic), "{}", what());
        } else if is_inside {
            let result = result.unwrap_or_else(|error| panic!("{}: {error}", what()));
            let start = start as u64;
            if is_load {
                assert_eq!(bits(&result[0]), loaded(access, start), "{}", what());
            } else {
                let mut found = vec![0; access.bytes as usize];
                store.memory_read(self.memory, start, &mut found).unwrap();
                let expected: Vec<u8> = (0..access.bytes).map(|place| 0xd1 + place as u8).collect();
                assert_eq!(found, expected, "{}", what());
                let before: Vec<u8> = (start..start + access.bytes).map(pattern).collect();
                store.memory_write(self.memory, start, &before).unwrap();
            }
        } else {
            let error = result.expect_err(&what());
            assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{}", what());
            let fault = error.memory_fault();
            let known = fault.map(|fault| (fault.memory, fault.address));
            let first = u64::try_from(start).ok().map(|start| (self.memory.index, start.max(size)));
            // A place isn't known if 64 bits can't count where the access ends, or if it was known when the access was compiled.
            if start + u128::from(access.bytes) >= u128::from(u64::MAX) || args.is_empty() {
                assert!(known.is_none() || known == first, "{}: {known:?}", what());
            } else {
                assert_eq!(known, first, "{}", what());
            }
        }
    }

    /// Nothing has changed that wasn't put back.
    fn check_untouched(&self) {
        let (store, size) = (self.store(), self.kind.size());
        let mut bytes = vec![0; size as usize];
        store.memory_read(self.memory, 0, &mut bytes).unwrap();
        assert!(bytes.iter().zip(0..).all(|(byte, place)| *byte == pattern(place)));
        let mut bytes = vec![0; 1 << 16];
        store.memory_read(self.other, 0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
}

const RESERVATIONS: [Option<u64>; 5] = [None, Some(0), Some(1 << 20), Some((4 << 30) + (64 << 10)), Some(6 << 30)];

/// In each configuration, all accesses that `sample` picks, counted from 0.
fn check(kind: Kind, constants: bool, sample: impl Fn(u64) -> bool) {
    let mut count = 0;
    let modes = [(false, false), (true, false), (true, true)];
    for (debug, exact) in modes {
        for signal_handlers in [true, false] {
            for bytes in RESERVATIONS {
                let cant_grow = bytes.is_some_and(|bytes| bytes < kind.size()) && kind.pages.1 > 0;
                if cant_grow || (constants && bytes.is_some_and(|bytes| bytes > 0)) {
                    continue;
                }
                let memories = Reservation { bytes, ..Reservation::default() };
                let config = Config { debug, exact, signal_handlers, memories, verify: true, ..Config::default() };
                let world = World::new(config, kind, constants);
                for function in kind.functions() {
                    let (offset, access, _) = function;
                    let indices = if constants { kind.constant_indices(offset) } else { kind.indices(offset) };
                    for at in indices {
                        count += 1;
                        if !sample(count) {
                            continue;
                        }
                        let name = format!("{} {offset}", access.name);
                        if constants {
                            let name = format!("{name} {at}");
                            if world.store().instance_export(world.instance, &name).unwrap().is_some() {
                                world.check(&name, function, at, &[]);
                            }
                        } else {
                            let index = if kind.is_64 { Value::I64(at as i64) } else { Value::I32(at as i32) };
                            world.check(&name, function, at, &[index]);
                        }
                    }
                }
                world.check_untouched();
            }
        }
    }
}

/// One of so many, which over all configurations picks each place many times.
fn every(n: u64) -> impl Fn(u64) -> bool {
    move |count| count % n == 0
}

#[test]
fn memories_of_32_bits() {
    check(Kind { is_64: false, pages: (1, 0), page: 16, is_shared: false }, false, every(17));
    check(Kind { is_64: false, pages: (0, 2), page: 16, is_shared: false }, false, every(31));
}

#[test]
fn memories_of_64_bits() {
    check(Kind { is_64: true, pages: (1, 0), page: 16, is_shared: false }, false, every(17));
}

#[test]
fn memories_of_64_bits_that_were_smaller() {
    check(Kind { is_64: true, pages: (0, 1), page: 16, is_shared: false }, false, every(29));
    check(Kind { is_64: true, pages: (1, 2), page: 16, is_shared: false }, false, every(31));
}

#[test]
fn memories_without_bytes() {
    check(Kind { is_64: true, pages: (0, 0), page: 16, is_shared: false }, false, every(67));
    check(Kind { is_64: false, pages: (0, 0), page: 16, is_shared: false }, false, every(67));
}

#[test]
fn memories_with_pages_of_a_byte() {
    // Most of the last page of the machine isn't the memory's.
    check(Kind { is_64: false, pages: (3, 5), page: 0, is_shared: false }, false, every(61));
    check(Kind { is_64: false, pages: (4090, 0), page: 0, is_shared: false }, false, every(37));
    check(Kind { is_64: true, pages: (70000, 7), page: 0, is_shared: false }, false, every(37));
}

#[test]
fn memories_that_are_shared() {
    check(Kind { is_64: false, pages: (1, 1), page: 16, is_shared: true }, false, every(61));
    check(Kind { is_64: true, pages: (1, 1), page: 16, is_shared: true }, false, every(67));
    check(Kind { is_64: false, pages: (4090, 3), page: 0, is_shared: true }, false, every(73));
}

#[test]
fn constant_indices() {
    check(Kind { is_64: true, pages: (1, 0), page: 16, is_shared: false }, true, every(3));
}
