#![expect(unsafe_code, reason = "moves a store to another thread, whose host functions allow it")]

use crate::{World, debug_world};
use pellucid::base::{CodeOffset, ErrorKind, FuncIndex, FuncType, Instance, TrapCode, ValType, Value, WasmPc};
use pellucid::runtime::{
    Call, Exit, Extern, FrameLink, GuestStack, Module, NoFrame, PcKind, RunState, StackWords, Stopped,
};
use std::cell::Cell;

const SUM: &str = r#"(module
    (func $sum (export "sum") (param $n i32) (result i32) (local $total i32)
        (block $out
            (loop $next
                (br_if $out (i32.eqz (local.get $n)))
                (local.set $total (i32.add (local.get $total) (local.get $n)))
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br $next)))
        (local.get $total))
    (func (export "twice") (param i32) (result i32) (i32.add (call $sum (local.get 0)) (call $sum (local.get 0)))))"#;

/// All stop points of a function of a module.
fn stops(module: &Module, index: u32) -> Vec<(WasmPc, CodeOffset)> {
    let defined = module.info().defined_func(FuncIndex::from_u32(index)).unwrap();
    let code = module.compiled();
    let body = code.bodies_of(defined).next().unwrap();
    code.frames.as_ref().unwrap().stops_of(body).iter().map(|stop| (stop.pc, stop.return_offset)).collect()
}

fn arm(world: &World, module: &Module, index: u32, armed: bool) {
    let stops = stops(module, index);
    world.store.map(module).unwrap();
    let blob = &world.store.blobs_of(module)[0];
    world.store.patch(blob, stops.iter().map(|(_, offset)| (*offset, armed))).unwrap();
}

fn sum(world: &World) -> (Module, Instance) {
    let module = world.module(SUM);
    let instance = world.store.instantiate(&module, &[]).unwrap().0;
    (module, instance)
}

#[test]
fn an_armed_call_stops_and_goes_on() {
    let world = debug_world();
    let (module, instance) = sum(&world);
    arm(&world, &module, 0, true);
    let call = Call::new(&world.store, world.func(instance, "twice"), &[Value::I32(10)]).unwrap();
    let mut pcs = Vec::new();
    let mut epoch = 0;
    loop {
        match call.run(&world.store).unwrap() {
            Exit::Finished => break,
            Exit::Stopped(stopped) => {
                assert_eq!(call.state(), RunState::Suspended);
                assert!(call.epoch() > epoch);
                epoch = call.epoch();
                let activation = call.activation().unwrap();
                assert_eq!((activation.pc, activation.fp), (stopped.pc, stopped.fp));
                assert_eq!(activation.kind, PcKind::Exact);
                let frames: Vec<_> = world.store.walk(&activation).collect();
                assert_eq!(frames.len(), 2);
                let found = world.store.blob_at(stopped.pc).unwrap();
                let offset = found.offset(stopped.pc);
                assert!(found.module().is_same(&module));
                assert!(stops(&module, 0).iter().any(|(_, stop)| *stop == offset));
                let backtrace = world.store.backtrace(&activation).frames;
                assert_eq!((backtrace[0].func_index, backtrace[1].func_index), (0, 1));
                // Word 0 of the state slot is the instance's context.
                let frame = module.compiled().frames.as_ref().unwrap().functions.values().next().unwrap();
                let context = activation.words(stopped.fp - frame.slot_to_fp as usize, 1).get(0).unwrap();
                assert_eq!(world.store.instance_of_context(context), Some(instance));
                pcs.push(backtrace[0].pc);
            }
            Exit::Trapped(trap) => panic!("{trap:?}"),
            Exit::Interrupted(place) => panic!("{place:?}"),
            Exit::Yielded => panic!("no host function waits"),
            Exit::Threw => panic!("nothing is thrown"),
        }
    }
    assert_eq!(call.results(&world.store).unwrap(), [Value::I32(110)]);
    assert!(pcs.len() > 20, "{}", pcs.len());
    assert_eq!(pcs[..pcs.len() / 2], pcs[pcs.len() / 2..]);
    arm(&world, &module, 0, false);
    let call = Call::new(&world.store, world.func(instance, "twice"), &[Value::I32(3)]).unwrap();
    assert!(matches!(call.run(&world.store).unwrap(), Exit::Finished));
}

#[test]
fn one_shots_pass_stops_over_or_drive_them() {
    let world = debug_world();
    let (module, instance) = sum(&world);
    arm(&world, &module, 0, true);
    let twice = world.func(instance, "twice");
    assert_eq!(world.store.call(twice, &[Value::I32(4)]).unwrap(), [Value::I32(20)]);
    let mut results = [Value::Unavailable];
    let mut count = 0;
    let driven = world.store.call_with(twice, &[Value::I32(4)], &mut results, |call, mut exit| {
        while let Exit::Stopped(_) = exit {
            count += 1;
            exit = call.run(&world.store)?;
        }
        Ok(())
    });
    driven.unwrap();
    assert_eq!(results, [Value::I32(20)]);
    assert!(count > 8);
    let given_up = world.store.call_with(twice, &[Value::I32(4)], &mut results, |_, _| Ok(()));
    assert_eq!(given_up.unwrap_err().kind(), ErrorKind::InvalidState);
}

#[test]
fn stores_are_armed_each_for_itself() {
    let world = debug_world();
    let other = World {
        engine: world.engine.clone(),
        store: pellucid::runtime::Store::new(&world.engine, Default::default()).unwrap(),
    };
    let module = world.module(SUM);
    // Before it is instantiated.
    arm(&world, &module, 0, true);
    for (world, stops) in [(&world, true), (&other, false)] {
        let instance = world.store.instantiate(&module, &[]).unwrap().0;
        let call = Call::new(&world.store, world.func(instance, "sum"), &[Value::I32(1)]).unwrap();
        assert_eq!(matches!(call.run(&world.store).unwrap(), Exit::Stopped(_)), stops);
    }
}

#[test]
fn suspended_calls_can_be_many_and_be_dropped() {
    let world = debug_world();
    let (module, instance) = sum(&world);
    let unarmed = world.func(instance, "twice");
    arm(&world, &module, 0, true);
    let calls: Vec<_> = (0..50)
        .map(|n| {
            let call = Call::new(&world.store, unarmed, &[Value::I32(n)]).unwrap();
            assert!(matches!(call.run(&world.store).unwrap(), Exit::Stopped(_)));
            call
        })
        .collect();
    arm(&world, &module, 0, false);
    for (n, call) in calls.iter().enumerate().rev().filter(|(n, _)| n % 2 == 0) {
        assert!(matches!(call.run(&world.store).unwrap(), Exit::Finished));
        assert_eq!(call.results(&world.store).unwrap(), [Value::I32((n * (n + 1)) as i32)]);
    }
    let old = calls[1].activation().unwrap();
    drop(calls);
    let _ = world.store.walk(&old).count();
}

#[test]
fn a_suspended_call_outlives_its_store_harmlessly() {
    let world = debug_world();
    let (module, instance) = sum(&world);
    arm(&world, &module, 0, true);
    let call = Call::new(&world.store, world.func(instance, "sum"), &[Value::I32(1)]).unwrap();
    assert!(matches!(call.run(&world.store).unwrap(), Exit::Stopped(_)));
    let other = debug_world();
    drop(world);
    assert_eq!(call.run(&other.store).unwrap_err().kind(), ErrorKind::WrongStore);
    drop(call);
}

#[test]
fn a_call_can_be_ended_at_a_stop() {
    let world = debug_world();
    let (module, instance) = sum(&world);
    arm(&world, &module, 0, true);
    let call = Call::new(&world.store, world.func(instance, "twice"), &[Value::I32(1)]).unwrap();
    let Exit::Stopped(stopped) = call.run(&world.store).unwrap() else { panic!("armed") };
    call.fail(pellucid::base::Error::new(ErrorKind::Trap, "enough")).unwrap();
    assert_eq!(call.state(), RunState::Trapped);
    assert_eq!(
        call.fail(pellucid::base::Error::new(ErrorKind::Trap, "again")).unwrap_err().kind(),
        ErrorKind::InvalidState
    );
    let trap = pellucid::runtime::TrapInfo { code: TrapCode::Requested, fault: None, pc: stopped.pc, fp: stopped.fp };
    let error = call.error(&world.store, &trap);
    assert_eq!(error.message(), "enough");
    assert_eq!(error.backtrace().len(), 2);
}

#[test]
fn a_stop_without_room_on_the_stack_is_an_overflow() {
    // Whatever the place where the stack ends, stopping in an endless recursion ends in a trap with a good walk.
    let world = debug_world();
    let mut kinds = [0, 0];
    for (locals, page) in (0..7).flat_map(|locals| (0..4).map(move |page| (locals, page))) {
        let text = format!(
            r#"(module (func $f (export "f") (param i64) (local {}) (call $f (i64.add (local.get 0) (i64.const 1)))))"#,
            "i64 ".repeat(locals)
        );
        let module = world.module(&text);
        let instance = world.store.instantiate(&module, &[]).unwrap().0;
        arm(&world, &module, 0, true);
        let stack_bytes = (16 << 10) + page * 4096;
        world.store.set_limits(pellucid::base::StoreLimits { stack_bytes, ..Default::default() });
        let call = Call::new(&world.store, world.func(instance, "f"), &[Value::I64(0)]).unwrap();
        let trap = loop {
            match call.run(&world.store).unwrap() {
                Exit::Stopped(_) => {}
                Exit::Trapped(trap) => break trap,
                Exit::Interrupted(place) => panic!("{place:?}"),
                Exit::Yielded => panic!("no host function waits"),
                Exit::Threw => panic!("nothing is thrown"),
                Exit::Finished => panic!("endless"),
            }
        };
        assert_eq!(trap.code, TrapCode::CallStackExhausted);
        let activation = call.activation().unwrap();
        kinds[usize::from(activation.kind == PcKind::Exact)] += 1;
        let frames: Vec<_> = world.store.walk(&activation).collect();
        assert!(frames.len() > 50);
        // All frames are of the same size, so none is missing or invented.
        assert!(frames.windows(3).all(|three| three[1].fp - three[0].fp == three[2].fp - three[1].fp));
        assert!(frames.iter().all(|frame| frame.place().is_some()));
        let error = call.error(&world.store, &trap);
        assert!(error.backtrace().iter().all(|frame| frame.func_name == "f"));
    }
    assert!(kinds[0] > 5, "{kinds:?}");
}

#[test]
fn registers_survive_stops() {
    // Sixteen of each kind, all live across the stops in the loop.
    let world = debug_world();
    let mut text = String::from("(module (func (export \"f\") (param i32) (result i64 f64) ");
    text += &"(local i64)".repeat(16);
    text += &"(local f64)".repeat(16);
    for n in 0..16 {
        text += &format!("(local.set {} (i64.extend_i32_u (i32.add (local.get 0) (i32.const {n}))))", n + 1);
        text += &format!("(local.set {} (f64.convert_i32_u (i32.add (local.get 0) (i32.const {n}))))", n + 17);
    }
    text += "(loop $next ";
    for n in 0..16 {
        let (a, b) = (n + 1, (n + 1) % 16 + 1);
        text += &format!("(local.set {a} (i64.add (local.get {a}) (i64.mul (local.get {b}) (i64.const 3))))");
        let (a, b) = (n + 17, (n + 1) % 16 + 17);
        text += &format!("(local.set {a} (f64.sub (local.get {a}) (f64.mul (local.get {b}) (f64.const 0.25))))");
    }
    text += "(br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))";
    text += "(local.get 1)";
    text += &(2..17).map(|n| format!("(i64.xor (local.get {n}))")).collect::<String>();
    text += "(local.get 17)";
    text += &(18..33).map(|n| format!("(f64.add (local.get {n}))")).collect::<String>();
    text += "))";
    let module = world.module(&text);
    let instance = world.store.instantiate(&module, &[]).unwrap().0;
    let expected = world.call(instance, "f", &[Value::I32(20)]).unwrap();
    arm(&world, &module, 0, true);
    assert_eq!(world.call(instance, "f", &[Value::I32(20)]).unwrap(), expected);
}

#[test]
fn a_store_moves_to_another_thread_while_a_call_is_suspended() {
    struct Moved<T>(T);
    // SAFETY: the host functions of these stores hold nothing, and store and call move together.
    unsafe impl<T> Send for Moved<T> {}
    impl<T> Moved<T> {
        fn take(self) -> T {
            self.0
        }
    }

    let world = debug_world();
    let text = r#"(module (import "" "host" (func $host (param i32) (result i32)))
        (func (export "f") (param i32) (result i32) (i32.div_u (i32.const 100) (call $host (local.get 0)))))"#;
    let module = world.module(text);
    let pass =
        world.store.func_new_raw(FuncType::new([ValType::I32], [ValType::I32]), Box::new(|_, _| Ok(()))).unwrap();
    let instance = world.store.instantiate(&module, &[Extern::Func(pass)]).unwrap().0;
    let f = world.func(instance, "f");
    arm(&world, &module, 1, true);
    let start = |arg| {
        let call = Call::new(&world.store, f, &[Value::I32(arg)]).unwrap();
        assert!(matches!(call.run(&world.store).unwrap(), Exit::Stopped(_)));
        call
    };
    let (good, bad) = (start(5), start(0));
    let moved = Moved((world, good, bad));
    let thread = std::thread::spawn(move || {
        let (world, good, bad) = moved.take();
        let run = |call: &Call| loop {
            match call.run(&world.store).unwrap() {
                Exit::Stopped(_) => {}
                exit => break exit,
            }
        };
        assert!(matches!(run(&good), Exit::Finished));
        assert_eq!(good.results(&world.store).unwrap(), [Value::I32(20)]);
        let Exit::Trapped(trap) = run(&bad) else { panic!("it divides by zero") };
        assert_eq!(trap.code, TrapCode::IntegerDivideByZero);
        Moved((world, good, bad))
    });
    let (world, ..) = thread.join().unwrap().take();
    world.store.call(f, &[Value::I32(1)]).unwrap();
}

#[test]
fn code_without_debugging_is_not_patched() {
    let world = crate::world();
    let module = world.module(SUM);
    let edit = [(CodeOffset(64), true)];
    world.store.map(&module).unwrap();
    let blob = &world.store.blobs_of(&module)[0];
    assert_eq!(world.store.patch(blob, edit.into_iter()).unwrap_err().kind(), ErrorKind::DebugDisabled);
    assert!(world.store.check_poisoned().is_ok());
}

#[test]
fn stops_work_by_each_method_of_changing_code() {
    const SWITCH: &str = "PELLUCID_PATCH";
    if std::env::var_os(SWITCH).is_some() {
        return;
    }
    for method in ["pages", "files"] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.arg("stops::").env(SWITCH, method).output().unwrap();
        assert!(output.status.success(), "{method}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn a_call_is_resumed_at_once_where_that_is_wanted() {
    let world = debug_world();
    let (module, instance) = sum(&world);
    arm(&world, &module, 0, true);
    let call = Call::new(&world.store, world.func(instance, "twice"), &[Value::I32(3)]).unwrap();
    let (passed, stops) = (Cell::new(0), Cell::new(0));
    let passes = |stopped: Stopped, stack: &GuestStack| {
        // What stands above a frame's own words is its caller's frame pointer, and where it returns to.
        let words = StackWords::of(stack, stopped.fp, 2);
        assert!(words.get(0).unwrap() as usize > stopped.fp && words.get(1).is_some() && words.get(2).is_none());
        assert_eq!(call.state(), RunState::Running);
        passed.set(passed.get() + 1);
        passed.get() % 3 != 0
    };
    let exit = call.run_while(&world.store, (&Cell::new(true), passes), |stopped| {
        stops.set(stops.get() + 1);
        let activation = call.activation().unwrap();
        assert_eq!((activation.pc, activation.fp), (stopped.pc, stopped.fp));
        assert_eq!(world.store.walk(&activation).count(), 2);
        true
    });
    assert!(matches!(exit.unwrap(), Exit::Finished));
    assert_eq!(call.results(&world.store).unwrap(), [Value::I32(12)]);
    // The first stop, before which nothing was resumed, nobody is asked about.
    assert_eq!(stops.get(), 1 + passed.get() / 3);
    assert!(passed.get() >= 6, "{}", passed.get());
}

#[test]
fn a_call_goes_on_from_stops_for_as_long_as_it_is_told() {
    let world = debug_world();
    let (module, instance) = sum(&world);
    arm(&world, &module, 0, true);
    let call = Call::new(&world.store, world.func(instance, "twice"), &[Value::I32(3)]).unwrap();
    let (mut epochs, mut last) = (vec![call.epoch()], None);
    let exit = call.run_while(&world.store, (&Cell::new(false), |_, _| false), |stopped| {
        assert_eq!(call.state(), RunState::Suspended);
        let activation = call.activation().unwrap();
        assert_eq!((activation.pc, activation.fp), (stopped.pc, stopped.fp));
        assert_eq!(world.store.walk(&activation).count(), 2);
        // Other calls may run meanwhile.
        let other = Call::new(&world.store, world.func(instance, "sum"), &[Value::I32(1)]).unwrap();
        assert!(matches!(
            other.run_while(&world.store, (&Cell::new(false), |_, _| false), |_| true).unwrap(),
            Exit::Finished
        ));
        epochs.push(call.epoch());
        last = Some(stopped);
        epochs.len() < 5
    });
    assert!(matches!(exit.unwrap(), Exit::Stopped(stopped) if Some(stopped) == last));
    assert!(epochs.is_sorted_by(|a, b| a < b));
    assert_eq!(call.state(), RunState::Suspended);
    assert!(matches!(
        call.run_while(&world.store, (&Cell::new(false), |_, _| false), |_| true).unwrap(),
        Exit::Finished
    ));
    assert_eq!(call.results(&world.store).unwrap(), [Value::I32(12)]);
    // A store that is poisoned at a stop isn't entered again.
    let call = Call::new(&world.store, world.func(instance, "sum"), &[Value::I32(3)]).unwrap();
    let exit = call.run_while(&world.store, (&Cell::new(false), |_, _| false), |_| {
        world.store.poison("enough");
        true
    });
    assert_eq!(exit.unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn a_walk_goes_link_by_link_and_tells_trampolines_from_unknown_places() {
    let world = debug_world();
    let (module, instance) = sum(&world);
    arm(&world, &module, 0, true);
    let call = Call::new(&world.store, world.func(instance, "twice"), &[Value::I32(3)]).unwrap();
    assert!(matches!(call.run(&world.store).unwrap(), Exit::Stopped(_)));
    let activation = call.activation().unwrap();
    let mut links = vec![activation.newest().unwrap()];
    while let Some(link) = activation.caller(links.last().unwrap().fp) {
        links.push(link);
    }
    let found: Vec<_> = links.iter().map(|link| world.store.frame_at(*link).map(|frame| frame.pc)).collect();
    let walked: Vec<_> = world.store.walk(&activation).map(|frame| frame.pc).collect();
    assert_eq!(found[..2], [Ok(walked[0]), Ok(walked[1])]);
    assert_eq!(found[2], Err(NoFrame::Trampoline));
    let nowhere = FrameLink { pc: pellucid::base::NativePc(8), ..links[0] };
    assert_eq!(world.store.frame_at(nowhere).map(|frame| frame.pc), Err(NoFrame::Unknown));
    assert_eq!(activation.caller(activation.stack().end), None);
    assert_eq!(activation.caller(usize::MAX - 4), None);
}
