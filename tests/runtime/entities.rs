use crate::{World, both, world};
use pellucid::base::{
    ErrorKind, FuncIndex, FuncType, GlobalIndex, GlobalType, MemoryIndex, MemoryType, RefType, StoreLimits, TableIndex,
    TableType, ValType, Value,
};
use pellucid::runtime::Extern;

#[test]
fn memories_of_the_host() {
    let world = world();
    let store = &world.store;
    let memory = store.memory_new(MemoryType::new(1, Some(3))).unwrap();
    assert_eq!(store.memory_size(memory).unwrap(), 1);
    store.memory_write(memory, 65530, &[1, 2, 3, 4, 5, 6]).unwrap();
    let mut bytes = [0; 6];
    store.memory_read(memory, 65530, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3, 4, 5, 6]);
    let beyond = store.memory_write(memory, 65531, &[9; 6]).unwrap_err();
    assert_eq!(beyond.kind(), ErrorKind::OutOfRange);
    store.memory_read(memory, 65530, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.memory_read(memory, u64::MAX, &mut bytes).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert!(store.memory_write(memory, 65536, &[]).is_ok());
    assert_eq!(store.memory_grow(memory, 0).unwrap(), 1);
    assert_eq!(store.memory_grow(memory, 2).unwrap(), 1);
    assert_eq!(store.memory_grow(memory, 1).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(store.memory_grow(memory, u64::MAX).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(store.memory_size(memory).unwrap(), 3);
    let impossible = MemoryType::new(2, Some(1));
    assert_eq!(store.memory_new(impossible).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let impossible = MemoryType::new(65537, None);
    assert_eq!(store.memory_new(impossible).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn tables_of_the_host() {
    let world = world();
    let store = &world.store;
    let ty = TableType::new(RefType::EXTERN, 2, Some(2000));
    let one = Value::ExternRef(Some(store.externref_new(Box::new(1)).unwrap()));
    assert_eq!(store.table_new(ty, Value::FuncRef(None)).unwrap_err().kind(), ErrorKind::TypeMismatch);
    let table = store.table_new(ty, one).unwrap();
    assert_eq!(store.table_get(table, 1).unwrap(), one);
    assert_eq!(store.table_get(table, 2).unwrap_err().kind(), ErrorKind::OutOfRange);
    store.table_set(table, 1, Value::ExternRef(None)).unwrap();
    for size in 2..2000 {
        assert_eq!(store.table_grow(table, 1, one).unwrap(), size);
    }
    assert_eq!(store.table_grow(table, 1, one).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(store.table_get(table, 0).unwrap(), one);
    assert_eq!(store.table_get(table, 1).unwrap(), Value::ExternRef(None));
    assert_eq!(store.table_get(table, 1999).unwrap(), one);
    assert_eq!(store.table_size(table).unwrap(), 2000);
}

#[test]
fn globals_of_the_host() {
    let world = world();
    let store = &world.store;
    let constant = store.global_new(GlobalType { value: ValType::F64, mutable: false }, Value::F64(7)).unwrap();
    assert_eq!(store.global_set(constant, Value::F64(8)).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let variable = store.global_new(GlobalType { value: ValType::I32, mutable: true }, Value::I32(-7)).unwrap();
    assert_eq!(store.global_set(variable, Value::I64(8)).unwrap_err().kind(), ErrorKind::TypeMismatch);
    store.global_set(variable, Value::I32(i32::MIN)).unwrap();
    assert_eq!(store.global_get(variable).unwrap(), Value::I32(i32::MIN));
    let wrong = store.global_new(GlobalType { value: ValType::I32, mutable: true }, Value::F32(0));
    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::TypeMismatch);
}

#[test]
fn everything_in_an_instance_is_reached_by_index() {
    both(|world| {
        let text = r#"(module
            (import "" "f" (func $imported (param i64)))
            (import "" "g" (global $g i32))
            (memory 2)
            (table 3 funcref)
            (global (mut i64) (i64.const 5))
            (func $hidden (result i32) (i32.const 9))
            (func $shown (export "shown")))"#;
        let f = world.store.func_new_raw(FuncType::new([ValType::I64], []), Box::new(|_, _| Ok(()))).unwrap();
        let g = world.store.global_new(GlobalType { value: ValType::I32, mutable: false }, Value::I32(3)).unwrap();
        let instance = world.instance(text, &[Extern::Func(f), Extern::Global(g)]);
        let store = &world.store;
        assert_eq!(store.instance_func(instance, FuncIndex::from_u32(0)).unwrap(), f);
        assert_eq!(store.instance_global(instance, GlobalIndex::from_u32(0)).unwrap(), g);
        let hidden = store.instance_func(instance, FuncIndex::from_u32(1)).unwrap();
        assert_eq!(store.instance_func(instance, FuncIndex::from_u32(1)).unwrap(), hidden);
        assert_eq!(store.call(hidden, &[]).unwrap(), [Value::I32(9)]);
        let (module, of, index) = store.func_location(hidden).unwrap().unwrap();
        assert_eq!((of, index.as_u32()), (instance, 1));
        assert!(module.is_same(&store.instance_module(instance).unwrap()));
        // A reference to it survives the guest's table.
        let table = store.instance_table(instance, TableIndex::from_u32(0)).unwrap();
        store.table_set(table, 2, Value::FuncRef(Some(hidden))).unwrap();
        assert_eq!(store.table_get(table, 2).unwrap(), Value::FuncRef(Some(hidden)));
        let shown = store.instance_func(instance, FuncIndex::from_u32(2)).unwrap();
        assert_eq!(Extern::Func(shown), world.export(instance, "shown"));
        let memory = store.instance_memory(instance, MemoryIndex::from_u32(0)).unwrap();
        assert_eq!(store.memory_size(memory).unwrap(), 2);
        let global = store.instance_global(instance, GlobalIndex::from_u32(1)).unwrap();
        store.global_set(global, Value::I64(6)).unwrap();
        let kind = |error: pellucid::base::Error| error.kind();
        assert_eq!(kind(store.instance_func(instance, FuncIndex::from_u32(3)).unwrap_err()), ErrorKind::OutOfRange);
        assert_eq!(kind(store.instance_table(instance, TableIndex::from_u32(1)).unwrap_err()), ErrorKind::OutOfRange);
        assert_eq!(kind(store.instance_memory(instance, MemoryIndex::from_u32(1)).unwrap_err()), ErrorKind::OutOfRange);
        assert_eq!(kind(store.instance_global(instance, GlobalIndex::from_u32(2)).unwrap_err()), ErrorKind::OutOfRange);
    });
}

#[test]
fn limits_are_kept() {
    let limits = StoreLimits {
        memory_bytes: 3 << 16,
        table_elements: 10,
        instances: 3,
        memories: 2,
        tables: 2,
        ..Default::default()
    };
    let world = World::new(false, limits);
    let kind = |text: &str| world.try_instance(text, &[]).unwrap_err().kind();
    assert_eq!(kind("(module (memory 4))"), ErrorKind::Limit);
    assert_eq!(kind("(module (table 11 funcref))"), ErrorKind::Limit);
    assert_eq!(kind("(module (table 1 funcref) (table 1 funcref) (table 1 funcref))"), ErrorKind::Limit);
    assert_eq!(world.store.instances(), 0);
    let text = r#"(module (memory 1) (table 1 funcref)
        (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "table") (param i32) (result i32) (table.grow 0 (ref.null func) (local.get 0))))"#;
    let instance = world.instance(text, &[]);
    let grow = |name, by| world.call(instance, name, &[Value::I32(by)]).unwrap()[0];
    assert_eq!(grow("memory", 3), Value::I32(-1));
    assert_eq!(grow("memory", 2), Value::I32(1));
    assert_eq!(grow("memory", 1), Value::I32(-1));
    assert_eq!(grow("memory", -1), Value::I32(-1));
    assert_eq!(grow("memory", 0), Value::I32(3));
    assert_eq!(grow("table", 9), Value::I32(1));
    assert_eq!(grow("table", 1), Value::I32(-1));
    assert_eq!(grow("table", -1), Value::I32(-1));
    world.instance(text, &[]);
    assert_eq!(kind(text), ErrorKind::Limit);
    assert_eq!(kind("(module (memory 1))"), ErrorKind::Limit);
    world.instance("(module)", &[]);
    assert_eq!(kind("(module)"), ErrorKind::Limit);
    world.store.set_limits(StoreLimits::default());
    world.instance("(module)", &[]);
}

#[test]
fn bulk_operations_and_segments() {
    both(|world| {
        let text = r#"(module
            (memory (export "memory") 1)
            (table $t (export "table") 8 funcref)
            (data $hello "hello") (data (i32.const 100) "active")
            (elem $funcs funcref (ref.func $a) (ref.null func) (ref.func $b))
            (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2))
            (func (export "init") (param i32 i32 i32) (memory.init $hello (local.get 0) (local.get 1) (local.get 2)))
            (func (export "drop") (data.drop $hello) (elem.drop $funcs))
            (func (export "elems") (param i32 i32 i32) (table.init $t $funcs (local.get 0) (local.get 1) (local.get 2)))
            (func (export "fill") (param i32 i32) (table.fill $t (local.get 0) (ref.func $b) (local.get 1)))
            (func (export "copy") (param i32 i32 i32) (table.copy (local.get 0) (local.get 1) (local.get 2)))
            (func (export "move") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
            (func (export "at") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"#;
        let instance = world.instance(text, &[]);
        let call = |name, args: &[i32]| {
            let args: Vec<_> = args.iter().copied().map(Value::I32).collect();
            world.call(instance, name, &args)
        };
        let Extern::Memory(memory) = world.export(instance, "memory") else { panic!("a memory") };
        let read = |offset| {
            let mut bytes = [0; 6];
            world.store.memory_read(memory, offset, &mut bytes).unwrap();
            bytes
        };
        assert_eq!(&read(100), b"active");
        call("init", &[0, 1, 4]).unwrap();
        assert_eq!(&read(0), b"ello\0\0");
        assert!(call("init", &[65533, 0, 5]).is_err());
        assert_eq!(&read(65530), b"\0\0\0\0\0\0");
        assert!(call("init", &[0, 3, 3]).is_err());
        call("move", &[1, 0, 4]).unwrap();
        assert_eq!(&read(0), b"eello\0");
        call("elems", &[1, 0, 3]).unwrap();
        assert_eq!(call("at", &[1]).unwrap(), [Value::I32(1)]);
        assert!(call("at", &[2]).is_err());
        assert_eq!(call("at", &[3]).unwrap(), [Value::I32(2)]);
        assert!(call("elems", &[6, 0, 3]).is_err());
        call("copy", &[4, 1, 3]).unwrap();
        assert_eq!(call("at", &[4]).unwrap(), [Value::I32(1)]);
        call("fill", &[0, 8]).unwrap();
        assert!(call("fill", &[1, 8]).is_err());
        assert_eq!(call("at", &[2]).unwrap(), [Value::I32(2)]);
        call("drop", &[]).unwrap();
        assert!(call("init", &[0, 0, 1]).is_err());
        call("init", &[0, 0, 0]).unwrap();
        assert!(call("elems", &[0, 0, 1]).is_err());
        call("elems", &[8, 0, 0]).unwrap();
    });
}

#[test]
fn a_thousand_memories_fit() {
    let world = world();
    for _ in 0..1000 {
        world.instance("(module (memory 1))", &[]);
    }
}

#[test]
fn constant_expressions_see_earlier_globals() {
    both(|world| {
        let g = world.store.global_new(GlobalType { value: ValType::I32, mutable: false }, Value::I32(40)).unwrap();
        let text = r#"(module
            (import "" "g" (global $g i32))
            (global $h i32 (i32.add (global.get $g) (i32.const 2)))
            (global $f funcref (ref.func 0))
            (table 4 funcref (ref.func 1))
            (memory (export "memory") 1)
            (data (global.get $h) "x")
            (func (export "h") (result i32) (global.get $h))
            (func (export "i") (result i32) (i32.const 3))
            (func (export "at") (result i32) (call_indirect (result i32) (i32.const 2)))
            (func (export "f") (result funcref) (global.get $f)))"#;
        let instance = world.instance(text, &[Extern::Global(g)]);
        assert_eq!(world.call(instance, "h", &[]).unwrap(), [Value::I32(42)]);
        assert_eq!(world.call(instance, "at", &[]).unwrap(), [Value::I32(3)]);
        assert_eq!(world.call(instance, "f", &[]).unwrap(), [Value::FuncRef(Some(world.func(instance, "h")))]);
        let Extern::Memory(memory) = world.export(instance, "memory") else { panic!("a memory") };
        let mut byte = [0];
        world.store.memory_read(memory, 42, &mut byte).unwrap();
        assert_eq!(&byte, b"x");
    });
}
