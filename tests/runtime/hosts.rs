use crate::{both, world};
use pellucid::base::{Error, ErrorKind, FuncType, RawValue, TrapCode, ValType, Value};
use pellucid::runtime::{Caller, Extern};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const CALLS: &str = r#"(module
    (import "" "host" (func $host (param i32) (result i32)))
    (func $inner (param i32) (result i32) (call $host (local.get 0)))
    (func (export "f") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1))))"#;

fn i32_to_i32() -> FuncType {
    FuncType::new([ValType::I32], [ValType::I32])
}

#[test]
fn tagged_and_raw_functions_are_called() {
    both(|world| {
        let tagged = world.store.func_new(
            i32_to_i32(),
            Box::new(|_, args, results| {
                assert_eq!(results, [Value::I32(0)]);
                let Value::I32(arg) = args[0] else { panic!("{args:?}") };
                results[0] = Value::I32(arg * 10);
                Ok(())
            }),
        );
        let instance = world.instance(CALLS, &[Extern::Func(tagged.unwrap())]);
        assert_eq!(world.call(instance, "f", &[Value::I32(4)]).unwrap(), [Value::I32(41)]);
        let raw = world.store.func_new_raw(
            i32_to_i32(),
            Box::new(move |caller: Caller<'_>, values| {
                assert!(caller.instance().is_some());
                values[0] = RawValue::new(u64::from((values[0].lo as u32).wrapping_neg()));
                Ok(())
            }),
        );
        let instance = world.instance(CALLS, &[Extern::Func(raw.unwrap())]);
        assert_eq!(world.call(instance, "f", &[Value::I32(4)]).unwrap(), [Value::I32(-3)]);
    });
}

#[test]
fn an_error_of_the_host_comes_back_with_the_guests_backtrace() {
    both(|world| {
        let fail = Box::new(|_: Caller<'_>, _: &[Value], _: &mut [Value]| Err(Error::new(ErrorKind::Host, "no luck")));
        let host = world.store.func_new(i32_to_i32(), fail).unwrap();
        let instance = world.instance(CALLS, &[Extern::Func(host)]);
        let error = world.call(instance, "f", &[Value::I32(1)]).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Host, "no luck"));
        let frames: Vec<_> = error.backtrace().iter().map(|frame| (frame.func_index, &*frame.func_name)).collect();
        assert_eq!(frames, [(1, "inner"), (2, "f")]);
    });
}

#[test]
fn panics_and_wrong_results_are_errors() {
    both(|world| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let host = world.store.func_new_raw(i32_to_i32(), Box::new(|_, _| panic!("at the disco"))).unwrap();
        let instance = world.instance(CALLS, &[Extern::Func(host)]);
        let error = world.call(instance, "f", &[Value::I32(1)]).unwrap_err();
        std::panic::set_hook(hook);
        assert_eq!(error.kind(), ErrorKind::Panic);
        assert!(error.message().contains("at the disco"));

        let wrong = Box::new(|_: Caller<'_>, _: &[Value], results: &mut [Value]| {
            results[0] = Value::I64(1);
            Ok(())
        });
        let host = world.store.func_new(i32_to_i32(), wrong).unwrap();
        let instance = world.instance(CALLS, &[Extern::Func(host)]);
        let error = world.call(instance, "f", &[Value::I32(1)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TypeMismatch, "{error}");
    });
}

#[test]
fn references_of_another_store_are_refused() {
    both(|world| {
        let other = crate::world();
        let foreign = other.store.func_new_raw(FuncType::default(), Box::new(|_, _| Ok(()))).unwrap();
        let give = move |_: Caller<'_>, _: &[Value], results: &mut [Value]| {
            results[0] = Value::FuncRef(Some(foreign));
            Ok(())
        };
        let host = world.store.func_new(FuncType::new([], [ValType::FUNCREF]), Box::new(give)).unwrap();
        assert_eq!(world.store.call(host, &[]).unwrap_err().kind(), ErrorKind::WrongStore);
        let forge = |_: Caller<'_>, values: &mut [RawValue]| {
            values[0] = RawValue::new(0xdead_beee);
            Ok(())
        };
        for ty in [ValType::FUNCREF, ValType::EXTERNREF] {
            let host = world.store.func_new_raw(FuncType::new([], [ty]), Box::new(forge)).unwrap();
            assert_eq!(world.store.call(host, &[]).unwrap_err().kind(), ErrorKind::TypeMismatch);
            let take = world.store.func_new_raw(FuncType::new([ty], []), Box::new(|_, _| Ok(()))).unwrap();
            let mut forged = [RawValue::new(0xdead_beee)];
            assert_eq!(world.store.call_raw(take, &mut forged).unwrap_err().kind(), ErrorKind::TypeMismatch);
            assert_eq!(world.store.from_raw(ty, forged[0]), Value::Unavailable);
        }
    });
}

#[test]
fn references_pass_through_the_guest() {
    both(|world| {
        let text = r#"(module
            (func $own)
            (func (export "own") (result funcref) (ref.func $own))
            (func (export "f") (param funcref externref) (result externref funcref) local.get 1 local.get 0)
            (elem declare func $own))"#;
        let instance = world.instance(text, &[]);
        let own = world.call(instance, "own", &[]).unwrap()[0];
        let Value::FuncRef(Some(func)) = own else { panic!("{own:?}") };
        assert_eq!(world.store.func_location(func).unwrap().unwrap().2.as_u32(), 0);
        let reference = world.store.externref_new(Box::new(String::from("hello"))).unwrap();
        let results = world.call(instance, "f", &[own, Value::ExternRef(Some(reference))]).unwrap();
        assert_eq!(results, [Value::ExternRef(Some(reference)), own]);
        let data = world.store.with_externref(reference, |data| data.downcast_ref::<String>().cloned()).unwrap();
        assert_eq!(data.unwrap(), "hello");
        let null = [Value::FuncRef(None), Value::ExternRef(None)];
        assert_eq!(world.call(instance, "f", &null).unwrap(), [null[1], null[0]]);
    });
}

#[test]
fn everything_is_allowed_while_the_guest_waits() {
    both(|world| {
        let text = r#"(module
            (import "" "host" (func $host))
            (memory (export "memory") 1 10)
            (table (export "table") 1 funcref)
            (global (export "global") (mut i32) (i32.const 1))
            (func (export "f") (result i32)
                (i32.store (i32.const 0) (i32.const 5))
                call $host
                (i32.add (i32.load (i32.const 131072)) (i32.add (global.get 0) (i32.add (memory.size) (table.size 0))))))"#;
        let module = world.module("(module (func (export \"g\") (result i32) (i32.const 7)))");
        let host = world.store.func_new_raw(
            FuncType::default(),
            Box::new(move |caller, _| {
                let store = caller.store();
                let (instance, _) = store.instantiate(&module, &[])?;
                let Some(Extern::Func(g)) = store.instance_export(instance, "g")? else { panic!("no g") };
                assert_eq!(store.call(g, &[])?, [Value::I32(7)]);
                let Some(Extern::Memory(memory)) = caller.export("memory") else { panic!("no memory") };
                let base = store.memory_base(memory)?.0;
                assert_eq!(store.memory_grow(memory, 2)?, 1);
                assert_eq!(store.memory_base(memory)?, (base, 3 << 16));
                store.memory_write(memory, 131072, &100u32.to_le_bytes())?;
                let Some(Extern::Table(table)) = caller.export("table") else { panic!("no table") };
                store.table_grow(table, 1000, Value::FuncRef(Some(g)))?;
                let Some(Extern::Global(global)) = caller.export("global") else { panic!("no global") };
                store.global_set(global, Value::I32(20))?;
                for _ in 0..1000 {
                    store.func_new_raw(FuncType::default(), Box::new(|_, _| Ok(())))?;
                }
                Ok(())
            }),
        );
        let instance = world.instance(text, &[Extern::Func(host.unwrap())]);
        assert_eq!(world.call(instance, "f", &[]).unwrap(), [Value::I32(100 + 20 + 3 + 1001)]);
    });
}

#[test]
fn the_epoch_changes_when_a_host_function_returns() {
    both(|world| {
        let text = r#"(module (import "" "host" (func $host)) (func (export "f") call $host call $host))"#;
        let seen = Rc::new(RefCell::new(Vec::new()));
        let epochs = seen.clone();
        let host = world.store.func_new_raw(
            FuncType::default(),
            Box::new(move |caller, _| {
                let [activation] = &caller.store().activations()[..] else { panic!("one call runs") };
                assert_eq!(caller.store().current_call(), Some((activation.call_id, activation.epoch)));
                assert_eq!(caller.store().walk(activation).count(), 1);
                epochs.borrow_mut().push(activation.clone());
                Ok(())
            }),
        );
        let instance = world.instance(text, &[Extern::Func(host.unwrap())]);
        world.call(instance, "f", &[]).unwrap();
        let seen = seen.borrow();
        assert_eq!(seen[0].call_id, seen[1].call_id);
        assert_eq!([seen[0].epoch, seen[1].epoch], [1, 2]);
        // Old activations can be walked without harm, whatever is on the stack by now.
        let _ = world.store.walk(&seen[0]).count();
        world.call(instance, "f", &[]).unwrap_or_default();
    });
}

#[test]
fn walks_show_the_waiting_frames_of_each_activation() {
    both(|world| {
        let text = r#"(module
            (import "" "host" (func $host (param i32)))
            (func $a (param i32) (call $host (local.get 0)))
            (func $b (export "b") (param i32) (call $a (local.get 0)))
            (func $c (export "c") (param i32) (call $b (local.get 0))))"#;
        let lines = Rc::new(RefCell::new(Vec::new()));
        let log = lines.clone();
        let host = world.store.func_new(
            FuncType::new([ValType::I32], []),
            Box::new(move |caller, args, _| {
                let store = caller.store();
                if args[0] == Value::I32(0) {
                    for activation in store.activations() {
                        let names = store.backtrace(&activation).frames.into_iter().map(|frame| frame.func_name);
                        log.borrow_mut().push(names.collect::<Vec<_>>().join(" "));
                    }
                    return Ok(());
                }
                let Some(Extern::Func(b)) = caller.export("b") else { panic!("no b") };
                store.call(b, &[Value::I32(0)]).map(|_| ())
            }),
        );
        let instance = world.instance(text, &[Extern::Func(host.unwrap())]);
        world.call(instance, "c", &[Value::I32(1)]).unwrap();
        assert_eq!(*lines.borrow(), ["a b", "a b c"]);
    });
}

#[test]
fn what_a_closure_holds_is_dropped_once_with_the_store() {
    struct Count(Rc<Cell<u32>>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let drops = Rc::new(Cell::new(0));
    let world = world();
    let held = Count(drops.clone());
    let func = move |_: Caller<'_>, _: &mut [RawValue]| {
        let _ = &held;
        Ok(())
    };
    world.store.func_new_raw(FuncType::default(), Box::new(func)).unwrap();
    world.store.externref_new(Box::new(Count(drops.clone()))).unwrap();
    assert_eq!(drops.get(), 0);
    drop(world);
    assert_eq!(drops.get(), 2);
}

#[test]
fn a_trap_under_a_host_function_is_that_functions_to_pass_on() {
    both(|world| {
        let text = r#"(module
            (import "" "host" (func $host (result i32)))
            (func (export "bad") unreachable)
            (func (export "f") (result i32) call $host))"#;
        let passes_on = Rc::new(Cell::new(false));
        let choice = passes_on.clone();
        let host = world.store.func_new(
            FuncType::new([], [ValType::I32]),
            Box::new(move |caller, _, results| {
                let Some(Extern::Func(bad)) = caller.export("bad") else { panic!("no bad") };
                let error = caller.store().call(bad, &[]).unwrap_err();
                assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
                results[0] = Value::I32(3);
                if choice.get() { Err(error) } else { Ok(()) }
            }),
        );
        let instance = world.instance(text, &[Extern::Func(host.unwrap())]);
        assert_eq!(world.call(instance, "f", &[]).unwrap(), [Value::I32(3)]);
        passes_on.set(true);
        let error = world.call(instance, "f", &[]).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
        assert_eq!(error.backtrace()[0].func_name, "bad");
    });
}
