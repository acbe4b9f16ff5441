use crate::{both, world};
use pellucid::base::{ErrorKind, FuncType, GlobalType, MemoryType, RefType, TableType, TrapCode, ValType, Value};
use pellucid::runtime::{Extern, Linker, Module};

#[test]
fn instances_share_what_they_import() {
    both(|world| {
        let owner = world.instance(
            r#"(module
                (memory (export "memory") 1 5)
                (table (export "table") 4 funcref)
                (global (export "counter") (mut i64) (i64.const 10))
                (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))
                (func (export "grow") (result i32) (memory.grow (i32.const 1)))
                (func (export "at") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"#,
            &[],
        );
        let user = world.module(
            r#"(module
                (import "owner" "get" (func $get (param i32) (result i32)))
                (import "owner" "memory" (memory 1 5))
                (import "owner" "table" (table 4 funcref))
                (import "owner" "counter" (global $counter (mut i64)))
                (data (i32.const 8) "\2a\00\00\00")
                (elem (i32.const 1) $mine)
                (func $mine (result i32) (call $get (i32.const 8)))
                (func (export "count") (result i64)
                    (global.set $counter (i64.add (global.get $counter) (i64.const 1))) (global.get $counter))
                (func (export "size") (result i32) (memory.size))
                (func (export "far") (result i32) (i32.load (i32.const 65536))))"#,
        );
        let mut linker = Linker::new(&world.engine);
        linker.define_instance(&world.store, "owner", owner).unwrap();
        let (one, _) = linker.instantiate(&world.store, &user).unwrap();
        let (two, _) = linker.instantiate(&world.store, &user).unwrap();
        // The table holds a function of the second instance, called across modules by a type of equal shape.
        assert_eq!(world.call(owner, "at", &[Value::I32(1)]).unwrap(), [Value::I32(42)]);
        assert_eq!(world.call(one, "count", &[]).unwrap(), [Value::I64(11)]);
        assert_eq!(world.call(two, "count", &[]).unwrap(), [Value::I64(12)]);
        assert_eq!(world.call(two, "far", &[]).unwrap_err().trap_code(), Some(TrapCode::MemoryOutOfBounds));
        world.call(owner, "grow", &[]).unwrap();
        assert_eq!(world.call(one, "size", &[]).unwrap(), [Value::I32(2)]);
        assert_eq!(world.call(two, "far", &[]).unwrap(), [Value::I32(0)]);
        assert_eq!(world.store.modules().len(), 2);
        assert_eq!(world.store.instances(), 3);
    });
}

#[test]
fn a_function_keeps_its_handle_through_imports_and_exports() {
    both(|world| {
        let one = world.instance(r#"(module (func (export "f") (result i32) (i32.const 4)))"#, &[]);
        let f = world.func(one, "f");
        let two = world.instance(
            r#"(module (import "" "f" (func $f (result i32))) (export "g" (func $f)) (table 1 funcref)
                (elem (i32.const 0) $f) (func (export "ref") (result funcref) (table.get 0 (i32.const 0))))"#,
            &[Extern::Func(f)],
        );
        assert_eq!(world.func(two, "g"), f);
        assert_eq!(world.call(two, "ref", &[]).unwrap(), [Value::FuncRef(Some(f))]);
        assert_eq!(world.store.func_location(f).unwrap().unwrap().1, one);
    });
}

#[test]
fn imports_must_fit() {
    let world = world();
    let store = &world.store;
    let func = Extern::Func(store.func_new_raw(FuncType::new([ValType::I32], []), Box::new(|_, _| Ok(()))).unwrap());
    let memory = Extern::Memory(store.memory_new(MemoryType::new(2, Some(4))).unwrap());
    let open = Extern::Memory(store.memory_new(MemoryType::new(2, None)).unwrap());
    let ty = TableType::new(RefType::FUNC, 3, Some(5));
    let table = Extern::Table(store.table_new(ty, Value::FuncRef(None)).unwrap());
    let ty = GlobalType { value: ValType::I32, mutable: false };
    let global = Extern::Global(store.global_new(ty, Value::I32(0)).unwrap());
    let fits = |import: &str, item| {
        let outcome = world.try_instance(&format!("(module (import \"m\" \"n\" ({import})))"), &[item]);
        if let Err(error) = &outcome {
            assert_eq!(error.kind(), ErrorKind::Link);
            assert!(error.message().starts_with("incompatible import type for m.n: "), "{error}");
        }
        outcome.is_ok()
    };
    assert!(fits("func (param i32)", func));
    assert!(!fits("func (param i64)", func));
    assert!(!fits("func (param i32) (result i32)", func));
    assert!(!fits("memory 1", func));
    assert!(fits("memory 2", memory));
    assert!(fits("memory 1 4", memory));
    assert!(!fits("memory 3", memory));
    assert!(!fits("memory 1 3", memory));
    assert!(!fits("memory 1 4", open));
    assert!(fits("memory 1", open));
    assert!(fits("table 3 funcref", table));
    assert!(fits("table 3 5 funcref", table));
    assert!(!fits("table 3 externref", table));
    assert!(!fits("table 4 funcref", table));
    assert!(!fits("table 3 4 funcref", table));
    assert!(fits("global i32", global));
    assert!(!fits("global (mut i32)", global));
    assert!(!fits("global i64", global));
    assert!(!fits("func", global));
    let Extern::Memory(open) = open else { panic!("a memory") };
    store.memory_grow(open, 1).unwrap();
    assert!(fits("memory 3", Extern::Memory(open)));
    let missing = world.try_instance("(module (import \"m\" \"n\" (func)))", &[]).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Link);
    let other = crate::world();
    let foreign = other.try_instance("(module (import \"m\" \"n\" (func (param i32))))", &[func]).unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::WrongStore);
    let foreign = other.try_instance("(module (import \"m\" \"n\" (memory 1)))", &[func]).unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::WrongStore);
}

#[test]
fn modules_of_another_engine_are_refused() {
    let (one, other) = (world(), world());
    let module = one.module("(module)");
    assert_eq!(other.store.instantiate(&module, &[]).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn linkers_find_names() {
    let world = world();
    let mut linker = Linker::new(&world.engine);
    let module = world.module(
        r#"(module (import "a" "f" (func $f (result i32))) (import "b" "g" (func $g))
            (func (export "f") (result i32) call $f) (func (export "g") call $g))"#,
    );
    let error = linker.instantiate(&world.store, &module).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    assert!(error.message().contains("unknown import") && error.message().contains("a.f"), "{error}");
    let seven = world.store.func_new_raw(
        FuncType::new([], [ValType::I32]),
        Box::new(|_, values| {
            values[0].lo = 7;
            Ok(())
        }),
    );
    let seven = Extern::Func(seven.unwrap());
    linker.define(&world.store, "a", "f", seven).unwrap();
    assert_eq!(linker.define(&world.store, "a", "f", seven).unwrap_err().kind(), ErrorKind::Link);
    linker.allow_shadowing(true);
    linker.define(&world.store, "a", "f", seven).unwrap();
    assert_eq!(linker.get(&world.store, "a", "f"), Some(seven));
    assert_eq!(linker.get(&world.store, "a", "g"), None);
    assert_eq!(linker.get(&crate::world().store, "a", "f"), None);
    linker.define_unknown_imports_as_traps(&world.store, &module).unwrap();
    let (instance, start) = linker.instantiate(&world.store, &module).unwrap();
    assert!(start.is_none());
    assert_eq!(world.call(instance, "f", &[]).unwrap(), [Value::I32(7)]);
    let error = world.call(instance, "g", &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    assert!(error.message().contains("b.g"), "{error}");
    assert_eq!(error.backtrace()[0].func_name, "g");
}

#[test]
fn the_start_function_is_handed_out_not_run() {
    both(|world| {
        let module = world.module(
            r#"(module (global (export "g") (mut i32) (i32.const 0)) (start $s) (func $s (global.set 0 (i32.const 1))))"#,
        );
        let (instance, start) = world.store.instantiate(&module, &[]).unwrap();
        let Extern::Global(global) = world.export(instance, "g") else { panic!("a global") };
        assert_eq!(world.store.global_get(global).unwrap(), Value::I32(0));
        world.store.call(start.unwrap(), &[]).unwrap();
        assert_eq!(world.store.global_get(global).unwrap(), Value::I32(1));
    });
}

#[test]
fn segments_that_trap_leave_what_came_before() {
    both(|world| {
        let memory = world.store.memory_new(MemoryType::new(1, None)).unwrap();
        let ty = TableType::new(RefType::FUNC, 2, None);
        let table = world.store.table_new(ty, Value::FuncRef(None)).unwrap();
        let imports = [Extern::Memory(memory), Extern::Table(table)];
        let text = |elem: u32, data: u32| {
            format!(
                r#"(module (import "" "m" (memory 1)) (import "" "t" (table 2 funcref))
                    (elem (i32.const 0) $f) (elem (i32.const {elem}) $f)
                    (data (i32.const 0) "x") (data (i32.const {data}) "yz")
                    (func $f (result i32) (i32.const 6)))"#
            )
        };
        let error = world.try_instance(&text(2, 0), &imports).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::TableOutOfBounds));
        let Value::FuncRef(Some(left)) = world.store.table_get(table, 0).unwrap() else { panic!("written before") };
        assert_eq!(world.store.call(left, &[]).unwrap(), [Value::I32(6)]);
        let mut byte = [0];
        world.store.memory_read(memory, 0, &mut byte).unwrap();
        assert_eq!(byte, [0]);
        let error = world.try_instance(&text(1, 65535), &imports).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds));
        world.store.memory_read(memory, 0, &mut byte).unwrap();
        assert_eq!(&byte, b"x");
        world.store.memory_read(memory, 65535, &mut byte).unwrap();
        assert_eq!(byte, [0]);
    });
}

#[test]
fn imports_that_share_a_name_are_linked() {
    both(|world| {
        let owner = world.instance(
            r#"(module
                (func (export "one") (result i32) (i32.const 1)) (func (export "two") (result i32) (i32.const 2))
                (global (export "three") i32 (i32.const 3)))"#,
            &[],
        );
        // In both forms of compact import sections: two functions by one type, then a global with a type of its own.
        let user = module_of_sections(&[
            (1, b"\x01\x60\x00\x01\x7f"),
            (2, b"\x02\x05owner\x00\x7e\x00\x00\x02\x03one\x03two\x05owner\x00\x7f\x01\x05three\x03\x7f\x00"),
            (3, b"\x01\x00"),
            (7, b"\x01\x03sum\x00\x02"),
            (10, b"\x01\x0a\x00\x10\x00\x10\x01\x23\x00\x6a\x6a\x0b"),
        ]);
        let mut linker = Linker::new(&world.engine);
        linker.define_instance(&world.store, "owner", owner).unwrap();
        let user = Module::new(&world.engine, &user).unwrap();
        let (instance, _) = linker.instantiate(&world.store, &user).unwrap();
        assert_eq!(world.call(instance, "sum", &[]).unwrap(), [Value::I32(6)]);
    });
}

/// The bytes of a module with these sections, each shorter than 128 bytes.
fn module_of_sections(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, contents) in sections {
        bytes.extend([*id, u8::try_from(contents.len()).unwrap()]);
        bytes.extend(*contents);
    }
    bytes
}
