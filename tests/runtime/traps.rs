use crate::{World, both};
use pellucid::base::{ErrorKind, StoreLimits, TrapCode, Value};
use pellucid::runtime::{Call, Exit, RunState};

fn trap_of(world: &World, body: &str, args: &[Value]) -> (TrapCode, Vec<u32>) {
    let text = format!(
        r#"(module (memory 1) (table 2 funcref) (type $v (func)) (type $i (func (param i32)))
            (elem (i32.const 0) $i) (func $i (type $i))
            (func $g (param i32 i32) (result i32) {body})
            (func (export "f") (param i32 i32) (result i32) (call $g (local.get 0) (local.get 1))))"#
    );
    let instance = world.instance(&text, &[]);
    let error = world.call(instance, "f", args).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
    (error.trap_code().unwrap(), error.backtrace().iter().map(|frame| frame.func_index).collect())
}

#[test]
fn each_trap_has_its_code_and_backtrace() {
    let cases = [
        ("unreachable", TrapCode::Unreachable),
        ("(i32.div_s (local.get 0) (i32.const 0))", TrapCode::IntegerDivideByZero),
        ("(i32.div_s (local.get 0) (local.get 1))", TrapCode::IntegerDivideByZero),
        ("(i32.rem_u (local.get 0) (local.get 1))", TrapCode::IntegerDivideByZero),
        ("(i32.div_s (i32.const 0x80000000) (i32.sub (local.get 1) (i32.const 1)))", TrapCode::IntegerOverflow),
        ("(i32.trunc_f32_s (f32.const 1e20))", TrapCode::IntegerOverflow),
        ("(i32.trunc_f64_s (f64.const nan))", TrapCode::InvalidConversionToInteger),
        ("(i32.load (i32.const 65533))", TrapCode::MemoryOutOfBounds),
        ("(i32.load (i32.const -1))", TrapCode::MemoryOutOfBounds),
        ("(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2)) (i32.const 0)", TrapCode::MemoryOutOfBounds),
        ("(memory.copy (i32.const 0) (i32.const 65535) (i32.const 2)) (i32.const 0)", TrapCode::MemoryOutOfBounds),
        ("(drop (table.get 0 (i32.const 2))) (i32.const 0)", TrapCode::TableOutOfBounds),
        ("(table.set 0 (i32.const 2) (ref.null func)) (i32.const 0)", TrapCode::TableOutOfBounds),
        ("(table.copy (i32.const 1) (i32.const 0) (i32.const 2)) (i32.const 0)", TrapCode::TableOutOfBounds),
        ("(call_indirect (type $v) (i32.const 2)) (i32.const 0)", TrapCode::UndefinedElement),
        ("(call_indirect (type $v) (i32.const 1)) (i32.const 0)", TrapCode::UninitializedElement),
        ("(call_indirect (type $v) (i32.const 0)) (i32.const 0)", TrapCode::IndirectCallTypeMismatch),
    ];
    both(|world| {
        for (body, code) in cases {
            let trap = trap_of(&world, body, &[Value::I32(1), Value::I32(0)]);
            assert_eq!(trap, (code, vec![1, 2]), "{body}");
        }
    });
}

#[test]
fn accesses_of_every_width_and_offset_are_bounded() {
    let loads = [
        ("i32.load8_u", 1),
        ("i32.load16_s", 2),
        ("i32.load", 4),
        ("i64.load8_s", 1),
        ("i64.load16_u", 2),
        ("i64.load32_s", 4),
        ("i64.load", 8),
        ("f32.load", 4),
        ("f64.load", 8),
    ];
    let stores = [
        ("i32.store8", 1, "i32"),
        ("i32.store16", 2, "i32"),
        ("i32.store", 4, "i32"),
        ("i64.store", 8, "i64"),
        ("i64.store32", 4, "i64"),
        ("f32.store", 4, "f32"),
        ("f64.store", 8, "f64"),
    ];
    let offsets = [0u32, 1, 7, 65535, 65536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
    let mut text = String::from("(module (memory (export \"memory\") 1 3)\n");
    let mut cases = Vec::new();
    for offset in offsets {
        for (load, width) in loads {
            text += &format!(
                "(func (export \"{load} {offset}\") (param i32) (drop ({load} offset={offset} (local.get 0))))\n"
            );
            cases.push((format!("{load} {offset}"), width, offset));
        }
        for (store, width, ty) in stores {
            text += &format!(
                "(func (export \"{store} {offset}\") (param i32) ({store} offset={offset} (local.get 0) ({ty}.const 0)))\n"
            );
            cases.push((format!("{store} {offset}"), width, offset));
        }
    }
    text += ")";
    both(|world| {
        let instance = world.instance(&text, &[]);
        let pellucid::runtime::Extern::Memory(memory) = world.export(instance, "memory") else { panic!("a memory") };
        for size in [65536u64, 131072] {
            for (name, width, offset) in &cases {
                for index in [0u32, 1, 65528, 65532, 65535, 65536, 131071, 0x7fff_ffff, 0xffff_fff0, 0xffff_ffff] {
                    let first = u64::from(index) + u64::from(*offset);
                    let outcome = world.call(instance, name, &[Value::I32(index as i32)]);
                    if first + width <= size {
                        assert!(outcome.is_ok(), "{name} at {index}: {outcome:?}");
                        continue;
                    }
                    let error = outcome.expect_err(&format!("{name} at {index}"));
                    assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds));
                    let fault = error.memory_fault().unwrap();
                    assert_eq!((fault.memory, fault.address), (memory.index, first.max(size)), "{name} at {index}");
                }
            }
            world.store.memory_grow(memory, 1).unwrap();
        }
    });
}

#[test]
fn endless_recursion_exhausts_the_stack() {
    let texts = [
        // With small and large frames, and through a host function's trampoline or a builtin at the end.
        r#"(module (func $f (export "f") call $f))"#,
        r#"(module (memory 1) (func $f (export "f") (local i64) (local.set 0 (i64.load (i32.const 0)))
            call $f (i64.store (i32.const 8) (local.get 0))))"#,
        r#"(module (memory 1) (func $f (export "f")
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)) call $f))"#,
        r#"(module (table 1 funcref) (elem (i32.const 0) $f) (type $v (func))
            (func $f (export "f") (call_indirect (type $v) (i32.const 0)) (call_indirect (type $v) (i32.const 0))))"#,
        r#"(module (import "" "host" (func $host)) (func $f (export "f") call $host call $f))"#,
        // Results that don't fit into registers: the address for them is a parameter before all others.
        r#"(module (func $f (export "f") (result i64 i64 i64 i64 i64 i64 i64 i64 i64) call $f drop (i64.const 1)))"#,
        r#"(module (func $f (export "f") (result f64 f32 f64 f64 f64 f64 f64 f64 f64) call $f drop (f64.const 1)))"#,
    ];
    both(|world| {
        let host = world.store.func_new_raw(Default::default(), Box::new(|_, _| Ok(()))).unwrap();
        for text in texts {
            let imports = [pellucid::runtime::Extern::Func(host)];
            let instance = world.instance(text, if text.contains("import") { &imports } else { &[] });
            // Any size of stack ends at another instruction.
            for stack_bytes in (0..24).map(|page| (64 << 10) + page * 4096).chain([1 << 20]) {
                world.store.set_limits(StoreLimits { stack_bytes, ..StoreLimits::default() });
                let error = world.call(instance, "f", &[]).unwrap_err();
                assert_eq!(error.trap_code(), Some(TrapCode::CallStackExhausted));
                assert!(error.backtrace().len() > 100);
                assert!(error.backtrace().iter().all(|frame| frame.func_name == "f"));
                let pcs: std::collections::BTreeSet<_> = error.backtrace()[1..].iter().map(|frame| frame.pc).collect();
                assert_eq!(pcs.len(), 1, "{text}");
            }
        }
        // And the store goes on.
        world.store.set_limits(StoreLimits::default());
        let instance = world.instance(r#"(module (func (export "f")))"#, &[]);
        world.call(instance, "f", &[]).unwrap();
    });
}

#[test]
fn large_frames_do_not_step_over_the_guard() {
    both(|world| {
        for locals in [100, 1000, 5000, 20000] {
            // Values that live across the call need room in the frame.
            let mut body = String::new();
            for local in 0..locals {
                body += &format!("(local.set {local} (i64.load (i32.const {})))", (local * 8) % 60000);
            }
            body += "call $f";
            for local in 0..locals {
                body += &format!("(i64.store (i32.const {}) (local.get {local}))", (local * 8) % 60000);
            }
            let text = format!("(module (memory 1) (func $f (export \"f\") (local {}) {body}))", "i64 ".repeat(locals));
            let instance = world.instance(&text, &[]);
            let error = world.call(instance, "f", &[]).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::CallStackExhausted), "{locals} locals");
        }
    });
}

#[test]
fn a_trapped_calls_frames_stay() {
    both(|world| {
        // Where a function has a loop, calls of it make a frame.
        let text = r#"(module
            (func $a (param i32) (result i32) (loop) (i32.div_u (i32.const 1) (local.get 0)))
            (func (export "f") (param i32) (result i32) (call $a (local.get 0))))"#;
        let instance = world.instance(text, &[]);
        let call = Call::new(&world.store, world.func(instance, "f"), &[Value::I32(0)]).unwrap();
        let Exit::Trapped(trap) = call.run(&world.store).unwrap() else { panic!("it divides by zero") };
        assert_eq!((trap.code, trap.fault), (TrapCode::IntegerDivideByZero, None));
        assert_eq!(call.state(), RunState::Trapped);
        for _ in 0..3 {
            // Other calls don't disturb it.
            assert!(world.call(instance, "f", &[Value::I32(1)]).is_ok());
            let activation = call.activation().unwrap();
            assert_eq!((activation.pc, activation.fp, activation.call_id), (trap.pc, trap.fp, call.id()));
            assert_eq!(world.store.walk(&activation).count(), 2);
            let error = call.error(&world.store, &trap);
            let names: Vec<_> = error.backtrace().iter().map(|frame| &*frame.func_name).collect();
            assert_eq!(names, ["a", "f"]);
        }
        assert_eq!(call.run(&world.store).unwrap_err().kind(), ErrorKind::InvalidState);
        let activation = call.activation().unwrap();
        drop(call);
        // Its stack is another's now, or nobody's: reading is harmless.
        let _ = world.store.walk(&activation).count();
        let stack = activation.stack();
        assert!(
            activation.words(stack.end - 16, 2).get(1).is_some() && activation.words(stack.start, 1).get(0).is_some()
        );
        assert_eq!(activation.words(stack.end - 16, 2).get(2), None);
        for (address, count) in [(stack.end - 4, 1), (stack.start - 8, 2), (stack.end - 16, 3), (8, usize::MAX)] {
            assert_eq!(activation.words(address, count).get(0), None);
        }
    });
}

#[test]
fn traps_happen_on_every_thread() {
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(|| {
                let world = crate::world();
                let instance = world.instance(r#"(module (func $f (export "f") call $f))"#, &[]);
                for _ in 0..20 {
                    let error = world.call(instance, "f", &[]).unwrap_err();
                    assert_eq!(error.trap_code(), Some(TrapCode::CallStackExhausted));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn tiny_stacks_are_enough_to_trap() {
    both(|world| {
        let instance = world.instance(r#"(module (func $f (export "f") call $f))"#, &[]);
        world.store.set_limits(StoreLimits { stack_bytes: 0, ..StoreLimits::default() });
        let error = world.call(instance, "f", &[]).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::CallStackExhausted));
    });
}
