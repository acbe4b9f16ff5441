//! Memories and tables that are addressed by 64 bits: sizes beyond 4 GiB, every operator on them, imports and exports; and what
//! the addresses that memories reserve allow.

use pellucid::base::{
    Config, ErrorKind, Instance, MemoryType, RefType, Reservation, StoreLimits, TableType, TrapCode, Value,
};
use pellucid::debug::Debuggee;
use pellucid::runtime::{Engine, Extern, Module};

struct World {
    debuggee: Debuggee,
    instance: Instance,
}

impl World {
    fn new(config: Config, text: &str) -> World {
        let engine = Engine::new(config).unwrap();
        let limits = StoreLimits { memory_bytes: 1 << 34, ..StoreLimits::default() };
        let debuggee = Debuggee::new(&engine, limits).unwrap();
        let module = Module::new(&engine, &wat::parse_str(text).unwrap()).unwrap();
        let (instance, _) = debuggee.store().instantiate(&module, &[]).unwrap();
        World { debuggee, instance }
    }

    /// What a function gives, or how it traps.
    fn call(&self, name: &str, args: &[u64]) -> Result<Option<Value>, TrapCode> {
        let Some(Extern::Func(func)) = self.debuggee.store().instance_export(self.instance, name).unwrap() else {
            panic!("{name}")
        };
        let args: Vec<_> = args.iter().map(|arg| Value::I64(*arg as i64)).collect();
        let result = self.debuggee.call(func, &args);
        result.map(|values| values.first().copied()).map_err(|error| error.trap_code().expect(name))
    }
}

/// With debugging off, on and in the exact form, each with signal handlers and without.
fn all(test: impl Fn(Config)) {
    for (debug, exact) in [(false, false), (true, false), (true, true)] {
        for signal_handlers in [true, false] {
            test(Config { debug, exact, signal_handlers, verify: true, ..Config::default() });
        }
    }
}

const OUTSIDE: Result<Option<Value>, TrapCode> = Err(TrapCode::MemoryOutOfBounds);

#[test]
fn more_than_4_gib_are_used() {
    const GIB: u64 = 1 << 30;
    let text = r#"(module
        (memory (export "m") i64 81920 114688)
        (data (i64.const 0x100000ffe) "abcd")
        (data $passive "wxyz")
        (func (export "size") (result i64) (memory.size))
        (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
        (func (export "get") (param i64) (result i64) (i64.load8_u (local.get 0)))
        (func (export "far") (param i64) (result i64) (i64.load offset=0x100000ffe (local.get 0)))
        (func (export "set") (param i64 i64) (i64.store (local.get 0) (local.get 1)))
        (func (export "fill") (param i64 i64) (memory.fill (local.get 0) (i32.const 7) (local.get 1)))
        (func (export "copy") (param i64 i64 i64) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
        (func (export "init") (param i64) (memory.init $passive (local.get 0) (i32.const 1) (i32.const 3))))"#;
    all(|config| {
        let world = World::new(config, text);
        let call = |name: &str, args: &[u64]| world.call(name, args);
        let i64 = |value: u64| Ok(Some(Value::I64(value as i64)));
        assert_eq!(call("size", &[]), i64(81920));
        assert_eq!(call("get", &[4 * GIB + 0x1001]), i64(b'd'.into()));
        assert_eq!(call("far", &[0]), i64(0x64636261));
        // The same address in the first 4 GiB is another.
        assert_eq!(call("get", &[0x1001]), i64(0));
        assert_eq!(call("set", &[5 * GIB - 8, 0x0102030405060708]), Ok(None));
        assert_eq!(call("get", &[5 * GIB - 1]), i64(1));
        assert_eq!(call("set", &[5 * GIB - 7, 0]), OUTSIDE);
        assert_eq!(call("get", &[5 * GIB]), OUTSIDE);
        assert_eq!(call("grow", &[16384]), i64(81920));
        assert_eq!(call("get", &[5 * GIB]), i64(0));
        assert_eq!(call("get", &[6 * GIB]), OUTSIDE);
        for too_many in [16385, 1 << 32, 1 << 48, u64::MAX] {
            assert_eq!(call("grow", &[too_many]), i64(u64::MAX), "{too_many:#x}");
        }
        assert_eq!(call("size", &[]), i64(98304));
        // Across 4 GiB, and of a range that only 64 bits can count.
        assert_eq!(call("fill", &[4 * GIB - 3, 6]), Ok(None));
        assert_eq!((call("get", &[4 * GIB - 4]), call("get", &[4 * GIB - 3])), (i64(0), i64(7)));
        assert_eq!((call("get", &[4 * GIB + 2]), call("get", &[4 * GIB + 3])), (i64(7), i64(0)));
        for (at, length) in [(6 * GIB - 1, 2), (6 * GIB + 1, 0), (0, 6 * GIB + 1), (1 << 63, 1 << 63), (u64::MAX, 1)] {
            assert_eq!(call("fill", &[at, length]), OUTSIDE, "{at:#x} {length:#x}");
            assert_eq!(call("copy", &[at, 0, length]), OUTSIDE, "{at:#x} {length:#x}");
            assert_eq!(call("copy", &[0, at, length]), OUTSIDE, "{at:#x} {length:#x}");
        }
        assert_eq!(call("fill", &[6 * GIB, 0]), Ok(None));
        assert_eq!(call("copy", &[6 * GIB - 6, 4 * GIB - 3, 6]), Ok(None));
        assert_eq!(call("get", &[6 * GIB - 1]), i64(7));
        assert_eq!(call("init", &[6 * GIB - 3]), Ok(None));
        assert_eq!(call("get", &[6 * GIB - 3]), i64(b'x'.into()));
        for at in [6 * GIB - 2, 1 << 32 << 16, u64::MAX] {
            assert_eq!(call("init", &[at]), OUTSIDE, "{at:#x}");
        }
    });
}

#[test]
fn tables_of_64_bits() {
    let text = r#"(module
        (type $f (func (result i64)))
        (table $t i64 3 20 funcref)
        (table $u i64 4 funcref)
        (elem (table $t) (i64.const 1) func $seven)
        (elem $passive func $seven $eight)
        (func $seven (result i64) (i64.const 7))
        (func $eight (result i64) (i64.const 8))
        (func (export "call") (param i64) (result i64) (call_indirect $t (type $f) (local.get 0)))
        (func (export "null") (param i64) (result i32) (ref.is_null (table.get $t (local.get 0))))
        (func (export "set") (param i64) (table.set $t (local.get 0) (ref.func $eight)))
        (func (export "size") (result i64) (table.size $t))
        (func (export "grow") (param i64) (result i64) (table.grow $t (ref.func $eight) (local.get 0)))
        (func (export "fill") (param i64 i64) (table.fill $t (local.get 0) (ref.func $seven) (local.get 1)))
        (func (export "copy") (param i64 i64 i64) (table.copy $u $t (local.get 0) (local.get 1) (local.get 2)))
        (func (export "init") (param i64) (table.init $t $passive (local.get 0) (i32.const 0) (i32.const 2))))"#;
    all(|config| {
        let world = World::new(config, text);
        let call = |name: &str, args: &[u64]| world.call(name, args);
        let i64 = |value: u64| Ok(Some(Value::I64(value as i64)));
        let outside = Err(TrapCode::TableOutOfBounds);
        assert_eq!((call("size", &[]), call("call", &[1])), (i64(3), i64(7)));
        assert_eq!(call("call", &[0]), Err(TrapCode::UninitializedElement));
        // Some are the second element if their bytes are counted by 64 bits, or if they are cut to 32.
        for far in [3, 1 << 29, (1 << 32) + 1, (1 << 61) + 1, 1 << 61, 1 << 63, (7 << 61) + 1, u64::MAX] {
            assert_eq!(call("call", &[far]), Err(TrapCode::UndefinedElement), "{far:#x}");
            assert_eq!(call("null", &[far]), outside, "{far:#x}");
            assert_eq!(call("set", &[far]), outside, "{far:#x}");
            assert_eq!(call("init", &[far]), outside, "{far:#x}");
            for args in [[far, 1], [1, far], [far, far]] {
                assert_eq!(call("fill", &args), outside, "{args:x?}");
            }
            for args in [[0, far, 1], [far + 1, 0, 1], [0, 0, far + 1]] {
                // The largest one is 0 then.
                if far < u64::MAX {
                    assert_eq!(call("copy", &args), outside, "{args:x?}");
                }
            }
        }
        assert_eq!(call("null", &[2]), Ok(Some(Value::I32(1))));
        assert_eq!(call("set", &[2]), Ok(None));
        assert_eq!((call("null", &[2]), call("call", &[2])), (Ok(Some(Value::I32(0))), i64(8)));
        assert_eq!(call("grow", &[18]), i64(u64::MAX));
        assert_eq!(call("grow", &[u64::MAX]), i64(u64::MAX));
        assert_eq!((call("grow", &[17]), call("size", &[])), (i64(3), i64(20)));
        assert_eq!(call("call", &[19]), i64(8));
        assert_eq!((call("fill", &[18, 2]), call("call", &[19])), (Ok(None), i64(7)));
        assert_eq!((call("init", &[18]), call("call", &[19])), (Ok(None), i64(8)));
        assert_eq!(call("copy", &[0, 16, 4]), Ok(None));
    });
}

#[test]
fn what_is_imported_is_addressed_alike() {
    let engine = Engine::new(Config::default()).unwrap();
    let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
    let store = debuggee.store();
    let narrow = MemoryType::new(1, Some(2));
    let memories = [
        ("(memory 1)", narrow),
        ("(memory i64 1)", MemoryType { is_64: true, ..narrow }),
        ("(memory 1 (pagesize 1))", MemoryType { page_size_log2: 0, ..narrow }),
        ("(memory i64 1 (pagesize 1))", MemoryType { is_64: true, page_size_log2: 0, ..narrow }),
    ];
    let narrow = TableType::new(RefType::FUNC, 1, Some(2));
    let tables = [("(table 1 funcref)", narrow), ("(table i64 1 funcref)", TableType { is_64: true, ..narrow })];
    let memories = memories.map(|(text, ty)| (text, Extern::Memory(store.memory_new(ty).unwrap())));
    let tables = tables.map(|(text, ty)| (text, Extern::Table(store.table_new(ty, Value::FuncRef(None)).unwrap())));
    for all in [&memories[..], &tables[..]] {
        for (wanted, _) in all {
            let text = format!("(module (import \"\" \"\" {wanted}))");
            let module = Module::new(&engine, &wat::parse_str(&text).unwrap()).unwrap();
            for (given, item) in all {
                let made = store.instantiate(&module, &[*item]).map(|_| ()).map_err(|error| error.kind());
                assert_eq!(made, if wanted == given { Ok(()) } else { Err(ErrorKind::Link) }, "{wanted} {given}");
            }
        }
    }
}

#[test]
fn a_memory_of_the_host_has_sizes_of_64_bits() {
    let engine = Engine::new(Config::default()).unwrap();
    let limits = StoreLimits { memory_bytes: 1 << 33, ..StoreLimits::default() };
    let debuggee = Debuggee::new(&engine, limits).unwrap();
    let store = debuggee.store();
    let ty = MemoryType { is_64: true, ..MemoryType::new(65537, None) };
    let memory = store.memory_new(ty).unwrap();
    assert_eq!((store.memory_type(memory).unwrap(), store.memory_size(memory).unwrap()), (ty, 65537));
    store.memory_write(memory, (1 << 32) + 65532, &[1, 2, 3, 4]).unwrap();
    assert_eq!(store.memory_write(memory, (1 << 32) + 65533, &[1; 4]).unwrap_err().kind(), ErrorKind::OutOfRange);
    // As far as the store's limit, by pages that 32 bits can't count, and by more than there are.
    assert_eq!(store.memory_grow(memory, 65535).unwrap(), 65537);
    for more in [1, 1 << 32, 1 << 48, u64::MAX] {
        assert_eq!(store.memory_grow(memory, more).unwrap_err().kind(), ErrorKind::Limit);
    }
    let most = MemoryType { is_64: true, ..MemoryType::new(1 << 48, None) };
    assert_eq!(store.memory_new(most).unwrap_err().kind(), ErrorKind::Limit);
    let impossible = MemoryType { is_64: true, ..MemoryType::new((1 << 48) + 1, None) };
    assert_eq!(store.memory_new(impossible).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn memories_grow_as_far_as_addresses_are_reserved() {
    for (width, is_64) in [("", false), ("i64", true)] {
        let ty = if is_64 { "i64" } else { "i32" };
        let text = format!(
            "(module (memory {width} 1) (func (export \"grow\") (param i64) (result i64)
             (local $n {ty}) (local.set $n {}) (memory.grow (local.get $n)) {})
             (func (export \"get\") (param i64) (result i64) (i64.load8_u {})))",
            if is_64 { "(local.get 0)" } else { "(i32.wrap_i64 (local.get 0))" },
            if is_64 { "" } else { "i64.extend_i32_s" },
            if is_64 { "(local.get 0)" } else { "(i32.wrap_i64 (local.get 0))" },
        );
        all(|config| {
            let i64 = |value: i64| Ok(Some(Value::I64(value)));
            for (bytes, most) in [(0, 1), (65536, 1), (1 << 20, 16), (1 << 21, 32)] {
                let memories = Reservation { bytes: Some(bytes), ..Reservation::default() };
                let world = World::new(Config { memories, ..config.clone() }, &text);
                assert_eq!(world.call("grow", &[most]), i64(-1), "{bytes}");
                assert_eq!(world.call("get", &[65536]), OUTSIDE);
                assert_eq!(world.call("grow", &[most - 1]), i64(1), "{bytes}");
                assert_eq!(world.call("get", &[most * 65536 - 1]), i64(0));
                assert_eq!(world.call("get", &[most * 65536]), OUTSIDE);
                assert_eq!(world.call("grow", &[1]), i64(-1), "{bytes}");
            }
        });
    }
}

#[test]
fn pages_of_a_byte_are_counted_as_such() {
    let text = r#"(module
        (memory i64 3 10 (pagesize 1))
        (func (export "size") (result i64) (memory.size))
        (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
        (func (export "get") (param i64) (result i64) (i64.load8_u (local.get 0)))
        (func (export "set") (param i64) (i64.store8 (local.get 0) (i64.const 9)))
        (func (export "fill") (param i64 i64) (memory.fill (local.get 0) (i32.const 7) (local.get 1))))"#;
    all(|config| {
        let world = World::new(config, text);
        let call = |name: &str, args: &[u64]| world.call(name, args);
        let i64 = |value: i64| Ok(Some(Value::I64(value)));
        assert_eq!((call("size", &[]), call("get", &[2]), call("get", &[3])), (i64(3), i64(0), OUTSIDE));
        assert_eq!((call("set", &[3]), call("fill", &[1, 3]), call("fill", &[1, 2])), (OUTSIDE, OUTSIDE, Ok(None)));
        assert_eq!((call("grow", &[8]), call("grow", &[7]), call("size", &[])), (i64(-1), i64(3), i64(10)));
        // What is new is zero, whatever was tried before.
        assert_eq!((call("get", &[2]), call("get", &[3]), call("get", &[9])), (i64(7), i64(0), i64(0)));
        assert_eq!((call("get", &[10]), call("set", &[10])), (OUTSIDE, OUTSIDE));
    });
}
