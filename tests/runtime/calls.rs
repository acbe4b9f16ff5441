use crate::{World, both, world};
use pellucid::base::{ErrorKind, FuncType, RawValue, StoreLimits, ValType, Value};
use pellucid::runtime::{Call, Caller, Exit, Extern, RunState};
use std::cell::Cell;
use std::rc::Rc;

const MIX: &str = r#"(module
    (func (export "mix") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
        local.get 3 local.get 2 local.get 1 local.get 0))"#;

#[test]
fn values_of_all_types_go_in_and_out() {
    both(|world| {
        let instance = world.instance(MIX, &[]);
        let nan = 0x7ff4_0000_0000_0001;
        let args = [Value::I32(-1), Value::I64(i64::MIN), Value::F32(0x7fa0_0001), Value::F64(nan)];
        let results = world.call(instance, "mix", &args).unwrap();
        assert_eq!(results, [args[3], args[2], args[1], args[0]]);
    });
}

#[test]
fn raw_values_go_in_and_out() {
    both(|world| {
        let instance = world.instance(MIX, &[]);
        let mut values = [1, 2, 3, 4].map(RawValue::new);
        world.store.call_raw(world.func(instance, "mix"), &mut values).unwrap();
        assert_eq!(values.map(|value| value.lo), [4, 3, 2, 1]);
        let short = world.store.call_raw(world.func(instance, "mix"), &mut values[..3]).unwrap_err();
        assert_eq!(short.kind(), ErrorKind::InvalidArgument);
    });
}

#[test]
fn arguments_are_checked() {
    let world = world();
    let mix = world.func(world.instance(MIX, &[]), "mix");
    let kind = |args: &[Value]| world.store.call(mix, args).unwrap_err().kind();
    assert_eq!(kind(&[]), ErrorKind::InvalidArgument);
    assert_eq!(kind(&[Value::I64(1), Value::I64(1), Value::F32(0), Value::F64(0)]), ErrorKind::TypeMismatch);
    let unavailable = [Value::Unavailable, Value::I64(1), Value::F32(0), Value::F64(0)];
    assert_eq!(kind(&unavailable), ErrorKind::InvalidArgument);
}

#[test]
fn many_arguments_and_results() {
    both(|world| {
        let types = vec![ValType::I64; 30];
        let host = world
            .store
            .func_new(
                FuncType::new(types.clone(), types.clone()),
                Box::new(|_, args, results| {
                    results.iter_mut().zip(args.iter().rev()).for_each(|(result, arg)| *result = *arg);
                    Ok(())
                }),
            )
            .unwrap();
        let list = "i64 ".repeat(30);
        let gets: String = (0..30).map(|index| format!("local.get {index} ")).collect();
        let text = format!(
            r#"(module (import "" "f" (func $f (param {list}) (result {list})))
                (func (export "g") (param {list}) (result {list}) {gets} call $f))"#
        );
        let instance = world.instance(&text, &[pellucid::runtime::Extern::Func(host)]);
        let args: Vec<_> = (0..30).map(Value::I64).collect();
        let results = world.call(instance, "g", &args).unwrap();
        assert!(results.iter().eq(args.iter().rev()));
    });
}

#[test]
fn a_call_object_runs_once() {
    both(|world| {
        let instance = world.instance(MIX, &[]);
        let args = [Value::I32(1), Value::I64(2), Value::F32(3), Value::F64(4)];
        let call = Call::new(&world.store, world.func(instance, "mix"), &args).unwrap();
        assert_eq!((call.state(), call.epoch()), (RunState::Ready, 0));
        assert_eq!(call.results(&world.store).unwrap_err().kind(), ErrorKind::InvalidState);
        assert!(matches!(call.run(&world.store).unwrap(), Exit::Finished));
        assert_eq!((call.state(), call.epoch()), (RunState::Finished, 1));
        assert_eq!(call.results(&world.store).unwrap(), [args[3], args[2], args[1], args[0]]);
        assert_eq!(call.run(&world.store).unwrap_err().kind(), ErrorKind::InvalidState);
        assert!(call.activation().is_none());
        let next = Call::new(&world.store, call.func(), &args).unwrap();
        assert!(next.id() > call.id());
    });
}

#[test]
fn handles_of_another_store_are_refused() {
    let (one, other) = (world(), world());
    let instance = one.instance(MIX, &[]);
    let mix = one.func(instance, "mix");
    let kind = |error: pellucid::base::Error| error.kind();
    assert_eq!(kind(other.store.call(mix, &[]).unwrap_err()), ErrorKind::WrongStore);
    assert_eq!(kind(other.store.instance_exports(instance).unwrap_err()), ErrorKind::WrongStore);
    let call = Call::new_raw(&one.store, mix, &[RawValue::default(); 4]).unwrap();
    assert_eq!(kind(call.run(&other.store).unwrap_err()), ErrorKind::WrongStore);
    assert_eq!(call.state(), RunState::Ready);
    let none = pellucid::base::Func { store: one.store.id(), index: 1 << 40 };
    assert_eq!(kind(one.store.call(none, &[]).unwrap_err()), ErrorKind::OutOfRange);
}

#[test]
fn host_and_guest_nest_on_stacks_of_their_own() {
    both(|world| {
        // The guest counts down through the host, each level with its own locals.
        let text = r#"(module
            (import "" "down" (func $down (param i64) (result i64)))
            (func (export "f") (param $n i64) (result i64) (local $keep i64)
                (local.set $keep (i64.mul (local.get $n) (i64.const 3)))
                (if (result i64) (i64.eqz (local.get $n))
                    (then (i64.const 0))
                    (else (i64.add (local.get $keep) (call $down (i64.sub (local.get $n) (i64.const 1))))))))"#;
        let deepest = Rc::new(Cell::new(0));
        let seen = deepest.clone();
        let down = world
            .store
            .func_new(
                FuncType::new([ValType::I64], [ValType::I64]),
                Box::new(move |caller, args, results| {
                    let store = caller.store();
                    seen.set(seen.get().max(store.activations().len()));
                    let Some(pellucid::runtime::Extern::Func(f)) = caller.export("f") else { panic!("no f") };
                    let before = store.current_call();
                    results[0] = store.call(f, args)?[0];
                    assert_eq!(store.current_call(), before);
                    Ok(())
                }),
            )
            .unwrap();
        let instance = world.instance(text, &[pellucid::runtime::Extern::Func(down)]);
        let result = world.call(instance, "f", &[Value::I64(100)]).unwrap();
        assert_eq!(result, [Value::I64(3 * 100 * 101 / 2)]);
        assert_eq!(deepest.get(), 100);
        assert!(world.store.activations().is_empty());
    });
}

#[test]
fn nesting_is_limited() {
    let limits = StoreLimits { nested_calls: 10, ..StoreLimits::default() };
    let world = World::new(false, limits);
    let text = r#"(module (import "" "again" (func $again)) (func (export "f") call $again))"#;
    let depth = Rc::new(Cell::new(0));
    let count = depth.clone();
    let again = world
        .store
        .func_new_raw(
            FuncType::default(),
            Box::new(move |caller, _| {
                count.set(count.get() + 1);
                let Some(pellucid::runtime::Extern::Func(f)) = caller.export("f") else { panic!("no f") };
                caller.store().call_raw(f, &mut [])
            }),
        )
        .unwrap();
    let instance = world.instance(text, &[pellucid::runtime::Extern::Func(again)]);
    let error = world.call(instance, "f", &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap);
    assert_eq!(error.trap_code(), Some(pellucid::base::TrapCode::CallStackExhausted));
    assert_eq!(depth.get(), 10);
    // The store is as good as before.
    depth.set(0);
    assert!(world.call(instance, "f", &[]).is_err());
    assert_eq!(depth.get(), 10);
}

#[test]
fn a_poisoned_store_runs_nothing() {
    let world = world();
    let mix = world.func(world.instance(MIX, &[]), "mix");
    world.store.poison("a test");
    world.store.poison("another");
    let error = world.store.call_raw(mix, &mut [RawValue::default(); 4]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned);
    assert!(error.message().contains("a test"), "{error}");
    assert_eq!(world.try_instance("(module)", &[]).unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn limits_do_not_bring_a_poisoned_store_back() {
    let world = world();
    let mix = world.func(world.instance(MIX, &[]), "mix");
    let mut values = [RawValue::default(); 4];
    world.store.call_raw(mix, &mut values).unwrap();
    world.store.poison("a test");
    world.store.set_limits(StoreLimits::default());
    assert_eq!(world.store.call_raw(mix, &mut values).unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn another_limit_for_stacks_counts_from_the_next_call() {
    let world = world();
    let depths = Rc::new(Cell::new(0));
    let go = Rc::new(Cell::new(None));
    let nest = {
        let (depths, go) = (depths.clone(), go.clone());
        Box::new(move |caller: Caller<'_>, _: &mut [RawValue]| {
            depths.set(depths.get() + 1);
            let stack_bytes = 1 << (16 + depths.get() % 3);
            caller.store().set_limits(StoreLimits { stack_bytes, ..StoreLimits::default() });
            if depths.get() % 20 != 0 { caller.store().call_raw(go.get().unwrap(), &mut []) } else { Ok(()) }
        })
    };
    let host = world.store.func_new_raw(FuncType::default(), nest).unwrap();
    let text = r#"(module (import "" "h" (func $h)) (func (export "f") (call $h)))"#;
    let func = world.func(world.instance(text, &[Extern::Func(host)]), "f");
    go.set(Some(func));
    for round in 1..=10 {
        world.store.call_raw(func, &mut []).unwrap();
        assert_eq!(depths.get(), 20 * round);
    }
}

#[test]
fn a_function_of_the_host_can_be_called_by_the_host() {
    let world = world();
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    let double = Box::new(|caller: pellucid::runtime::Caller<'_>, values: &mut [RawValue]| {
        assert!(caller.instance().is_none());
        values[0].lo *= 2;
        Ok(())
    });
    let func = world.store.func_new_raw(ty, double).unwrap();
    assert_eq!(world.store.call(func, &[Value::I32(21)]).unwrap(), [Value::I32(42)]);
}

#[test]
fn a_stack_that_cannot_be_had_is_an_error() {
    let world = World::new(false, StoreLimits { stack_bytes: 1 << 60, ..StoreLimits::default() });
    let mix = world.func(world.instance(MIX, &[]), "mix");
    assert_eq!(world.store.call_raw(mix, &mut [RawValue::default(); 4]).unwrap_err().kind(), ErrorKind::System);
    world.store.set_limits(StoreLimits::default());
    world.store.call_raw(mix, &mut [RawValue::default(); 4]).unwrap();
}
