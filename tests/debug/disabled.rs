//! Without debugging every entry of the debugger says so, and running works as ever.

use crate::scene::{self, assert_refused, host, kind};
use pellucid::base::{
    Config, ErrorKind, FuncIndex, GlobalIndex, MemoryIndex, StoreLimits, TableIndex, TrapCode, Value, WasmPc,
};
use pellucid::debug::{Action, CallState, Debuggee, Edit, EventKind, Frame, Resume};
use pellucid::runtime::{Engine, Extern};
use std::cell::Cell;
use std::rc::Rc;

#[test]
fn every_entry_answers_debug_disabled() {
    let engine = Engine::new(Config::default()).unwrap();
    assert!(!engine.is_debug());
    let module = scene::module(
        &engine,
        r#"(module (import "" "" (func $host)) (func (export "f") (param i32) (result i32)
            call $host (i32.div_u (i32.const 10) (local.get 0))))"#,
    );
    let debuggee = Rc::new(Debuggee::new(&engine, StoreLimits::default()).unwrap());
    assert!(!debuggee.is_debug());
    let calls = Rc::new(Cell::new(0));
    let count = calls.clone();
    let look = move |debuggee: &Debuggee, _: &[Value]| {
        count.set(count.get() + 1);
        assert_eq!(kind(debuggee.frames()), ErrorKind::DebugDisabled);
        assert_eq!(kind(debuggee.newest_frame()), ErrorKind::DebugDisabled);
        Ok(Vec::new())
    };
    let import = host(&debuggee, &[], &[], Box::new(look));
    let instance = debuggee.instantiate(&module, &[Extern::Func(import)]).unwrap();
    let func = scene::func(&debuggee, instance, "f");

    let disabled = ErrorKind::DebugDisabled;
    assert_eq!(kind(Edit::begin(&debuggee)), disabled);
    assert_eq!(kind(debuggee.breakpoints()), disabled);
    assert_eq!(kind(debuggee.breakpoint(1)), disabled);
    assert_eq!(kind(debuggee.is_single_stepping()), disabled);
    assert_eq!(kind(debuggee.refused_pauses()), disabled);
    assert_eq!(kind(debuggee.set_event_handler(EventKind::ALL, Box::new(|_, _| Action::Continue))), disabled);
    assert_eq!(kind(debuggee.clear_event_handler()), disabled);
    assert_eq!(kind(debuggee.instances()), disabled);
    assert_eq!(kind(debuggee.modules()), disabled);
    assert_eq!(kind(debuggee.instance_module(instance)), disabled);
    assert_eq!(kind(debuggee.instance_spaces(instance)), disabled);
    assert_eq!(kind(debuggee.instance_func(instance, FuncIndex::from_u32(0))), disabled);
    assert_eq!(kind(debuggee.instance_table(instance, TableIndex::from_u32(0))), disabled);
    assert_eq!(kind(debuggee.instance_memory(instance, MemoryIndex::from_u32(0))), disabled);
    assert_eq!(kind(debuggee.instance_global(instance, GlobalIndex::from_u32(0))), disabled);
    let frame = Frame { store: debuggee.store().id().0, call: 1, epoch: 1, position: 0, reserved: 0 };
    assert_refused(&debuggee, &frame, disabled);

    // Calls run, resumable ones too; they can't be stepped.
    assert_eq!(debuggee.call(func, &[Value::I32(5)]).unwrap(), [Value::I32(2)]);
    let call = debuggee.call_begin(func, &[Value::I32(2)]).unwrap();
    assert_eq!(kind(call.resume(&debuggee, Resume::Step)), disabled);
    assert_eq!(call.state(), CallState::Ready);
    assert_eq!(call.resume(&debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(call.results(&debuggee).unwrap(), [Value::I32(5)]);
    let call = debuggee.call_begin(func, &[Value::I32(0)]).unwrap();
    assert_eq!(call.resume(&debuggee, Resume::Continue).unwrap(), CallState::Trapped);
    let event = call.event().unwrap();
    assert_eq!((event.kind, event.trap, event.frame), (EventKind::Trap, Some(TrapCode::IntegerDivideByZero), None));
    assert_eq!(event.pc, WasmPc(0));
    assert_eq!(kind(call.frame(&debuggee)), disabled);
    let error = call.error().unwrap();
    assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivideByZero));
    assert_eq!(error.backtrace().len(), 1);
    assert_eq!(calls.get(), 3);
}
