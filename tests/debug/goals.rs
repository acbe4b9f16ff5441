//! Steps to goals: over calls, out of frames, to an operator. Each is made from every operator of a program, and from every frame there,
//! and must end where a trace of single steps says.

use crate::scene::{self, Scene};
use pellucid::base::{ErrorKind, Value, WasmPc};
use pellucid::debug::{
    Action, BreakpointOptions, CallState, DebugCall, Debuggee, Event, EventKind, Frame, Reach, Resume,
};
use std::cell::RefCell;
use std::rc::Rc;

/// Where a call stands: how many frames it has, the function and the pc.
type Place = (usize, u32, WasmPc);

fn frames(debuggee: &Debuggee, call: &DebugCall) -> Vec<Frame> {
    call.frame(debuggee).unwrap().map_or_else(Vec::new, |frame| scene::stack(debuggee, &frame))
}

fn place(debuggee: &Debuggee, call: &DebugCall) -> Place {
    let frames = frames(debuggee, call);
    let info = debuggee.frame_info(&frames[0]).unwrap();
    (frames.len(), info.func_index.as_u32(), info.pc)
}

/// Lets exceptions that are caught pass.
fn pass_exceptions(debuggee: &Debuggee) {
    let pass = |_: &Debuggee, _: &Event| Action::Continue;
    debuggee.set_event_handler(EventKind::CaughtException.bit(), Box::new(pass)).unwrap();
}

struct Program {
    scene: Scene,
    export: &'static str,
    args: Vec<Value>,
    trace: Vec<Place>,
    end: CallState,
}

impl Program {
    fn new(scene: Scene, export: &'static str, args: &[i32]) -> Program {
        pass_exceptions(&scene.debuggee);
        let args: Vec<_> = args.iter().copied().map(Value::I32).collect();
        let call = scene.begin(export, &args);
        let mut trace = Vec::new();
        while call.resume(&scene.debuggee, Resume::Step).unwrap() == CallState::Paused {
            trace.push(place(&scene.debuggee, &call));
        }
        Program { export, args, trace, end: call.state(), scene }
    }

    /// A call that was stepped to the operator of this number.
    fn stepped(&self, to: usize) -> DebugCall {
        let call = self.scene.begin(self.export, &self.args);
        for _ in 0..=to {
            assert_eq!(call.resume(&self.scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
        }
        assert_eq!(place(&self.scene.debuggee, &call), self.trace[to]);
        call
    }

    /// Makes a step from a frame; it must end at the first place that `ends` says.
    fn check(&self, from: usize, outer: usize, reach: Reach, ends: impl Fn(&Place) -> bool) {
        let debuggee = &self.scene.debuggee;
        let call = self.stepped(from);
        let frame = frames(debuggee, &call)[outer];
        let goal = debuggee.step_goal(&frame, reach).unwrap();
        let expected = self.trace[from + 1..].iter().find(|place| ends(place));
        let state = call.resume(debuggee, Resume::Run(goal)).unwrap();
        let found = (state == CallState::Paused).then(|| place(debuggee, &call));
        assert_eq!(found.as_ref(), expected, "{reach:?} from frame {outer} at step {from}, {:?}", self.trace[from]);
        if state == CallState::Paused {
            assert_eq!(call.event().unwrap().kind, EventKind::Step);
            // Nothing of it is left.
            assert_eq!(call.resume(debuggee, Resume::Continue).unwrap(), self.end);
        }
        assert_eq!(call.state(), self.end);
    }

    fn check_all(&self) {
        assert!(self.trace.len() > 5);
        for from in 0..self.trace.len() {
            let (frames, function, pc) = self.trace[from];
            for outer in 0..frames {
                let depth = frames - outer;
                self.check(from, outer, Reach::Over, |place| place.0 <= depth);
                self.check(from, outer, Reach::Out, |place| place.0 < depth);
            }
            // To the same operator again, and to some of the same function and of others.
            let others = self.trace.iter().skip(from % 7).step_by(7).map(|place| (place.1, place.2));
            for (of, to) in [(function, pc)].into_iter().chain(others) {
                let is_own = of == function;
                self.check(from, 0, Reach::To(to), |place| {
                    place.0 < frames || (place.1, place.2) == (of, to) && (!is_own || place.0 == frames)
                });
            }
        }
        // Whatever runs now is stopped nowhere.
        let call = self.scene.begin(self.export, &self.args);
        assert_eq!(call.resume(&self.scene.debuggee, Resume::Continue).unwrap(), self.end);
    }
}

fn echo(wat: &str) -> Scene {
    use pellucid::base::ValType::I32;
    Scene::with(wat, |debuggee| vec![scene::host(debuggee, &[I32], &[I32], Box::new(|_, args| Ok(args.to_vec())))])
}

#[test]
fn recursion_loops_and_calls_of_every_kind() {
    let wat = r#"(module (import "" "" (func $echo (param i32) (result i32)))
        (type $unary (func (param i32) (result i32)))
        (table 2 funcref) (elem (i32.const 0) $fib $echo)
        (func $fib (export "fib") (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
                (then (call $echo (local.get 0)))
                (else (i32.add
                    (call $fib (i32.sub (local.get 0) (i32.const 1)))
                    (call_indirect (type $unary) (i32.sub (local.get 0) (i32.const 2)) (i32.const 0))))))
        (func (export "run") (param i32) (result i32) (local i32)
            (loop $again
                (local.set 1 (i32.add (local.get 1) (call $fib (local.get 0))))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            local.get 1))"#;
    Program::new(echo(wat), "run", &[3]).check_all();
}

#[test]
fn tail_calls_take_the_place_of_the_frame() {
    // With more parameters, and fewer, than fit into registers.
    let many = "i32 ".repeat(20);
    let values = "local.get 0 ".repeat(20);
    let wat = format!(
        r#"(module (import "" "" (func $echo (param i32) (result i32)))
        (func $leaf (param i32) (result i32) local.get 0)
        (func $wide (param {many}) (result i32)
            (drop (call $leaf (local.get 19)))
            (if (result i32) (local.get 19)
                (then (return_call $narrow (i32.sub (local.get 19) (i32.const 1))))
                (else (return_call $echo (i32.const 5)))))
        (func $narrow (param i32) (result i32)
            (drop (call $leaf (local.get 0)))
            {values} return_call $wide)
        (func (export "run") (param i32) (result i32)
            (i32.add (call $narrow (local.get 0)) (call $leaf (i32.const 1)))))"#
    );
    Program::new(echo(&wat), "run", &[2]).check_all();
}

#[test]
fn exceptions_end_a_step_where_they_are_caught() {
    let wat = r#"(module (import "" "" (func $echo (param i32) (result i32)))
        (tag $e (param i32))
        (func $throw (param i32) (drop (call $echo (local.get 0))) (if (local.get 0) (then (throw $e (local.get 0)))))
        (func $between (param i32) (call $throw (local.get 0)) nop)
        (func $catch (param i32) (result i32)
            (block $caught (result i32)
                (try_table (catch $e $caught) (call $between (local.get 0)))
                i32.const 9))
        (func (export "run") (result i32)
            (i32.add (call $catch (i32.const 0)) (i32.add (call $catch (i32.const 3)) (call $catch (i32.const 4))))))"#;
    Program::new(echo(wat), "run", &[]).check_all();
}

#[test]
fn a_trap_ends_a_step() {
    let wat = r#"(module
        (func $trap (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
        (func (export "run") (param i32) (result i32) (i32.add (call $trap (local.get 0)) (call $trap (i32.const 0)))))"#;
    let program = Program::new(Scene::new(wat), "run", &[1]);
    assert_eq!(program.end, CallState::Trapped);
    program.check_all();
}

/// `run` calls a host function that calls `inner`.
const NESTED: &str = r#"(module (import "" "" (func $host))
    (func $leaf nop nop)
    (func $run (export "run") nop call $host call $leaf nop)
    (func (export "inner") call $leaf call $leaf))"#;

fn nested() -> Scene {
    let later: scene::Later<pellucid::base::Instance> = Rc::default();
    let instance = later.clone();
    let scene = Scene::with_host(NESTED, move |debuggee| {
        debuggee.call(scene::func(debuggee, *instance.get().unwrap(), "inner"), &[]).unwrap();
    });
    later.set(scene.instance).unwrap();
    scene
}

/// Answers events as `answer` says, and notes them: kind, function and operator.
fn answering(
    scene: &Scene,
    answer: impl Fn(&Debuggee, &Event) -> Action + 'static,
) -> Rc<RefCell<Vec<(EventKind, u32, usize)>>> {
    let log: Rc<RefCell<Vec<_>>> = Rc::default();
    let seen = log.clone();
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let state = scene::state(debuggee, &event.frame.unwrap());
        seen.borrow_mut().push((event.kind, state.func, state.operator));
        answer(debuggee, event)
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    log
}

fn run(debuggee: &Debuggee, event: &Event, reach: Reach) -> Action {
    Action::Run(debuggee.step_goal(&event.frame.unwrap(), reach).unwrap())
}

#[test]
fn guests_that_a_host_function_calls_are_passed_over_and_stepped_into() {
    let scene = nested();
    scene.add(2, 0);
    let log = answering(&scene, |debuggee, event| run(debuggee, event, Reach::Over));
    scene.call("run", &[]).unwrap();
    let step = |operator| (EventKind::Step, 2, operator);
    assert_eq!(log.take(), [(EventKind::Breakpoint, 2, 0), step(1), step(2), step(3), step(4)]);
    // Out of the nested call there is nothing: it ends, and with it the step.
    let log = answering(&scene, |debuggee, event| match event.kind {
        EventKind::Breakpoint => Action::Step,
        _ if debuggee.frame_info(&event.frame.unwrap()).unwrap().func_index.as_u32() == 3 => {
            run(debuggee, event, Reach::Out)
        }
        _ => Action::Step,
    });
    scene.call("run", &[]).unwrap();
    assert_eq!(log.take(), [(EventKind::Breakpoint, 2, 0), step(1), (EventKind::Step, 3, 0)]);
}

#[test]
fn a_breakpoint_on_the_way_ends_a_step_and_one_that_declines_does_not() {
    let scene = nested();
    let [first, inner] = [scene.add(2, 1), scene.add(1, 1)];
    let over = |debuggee: &Debuggee, event: &Event| match event.breakpoints.first() {
        Some(1) => run(debuggee, event, Reach::Over),
        _ => Action::Continue,
    };
    assert_eq!((first, inner), (1, 2));
    // By a handler that continues it is forgotten.
    let log = answering(&scene, over);
    scene.call("run", &[]).unwrap();
    let hit = (EventKind::Breakpoint, 1, 1);
    assert_eq!(log.take(), [(EventKind::Breakpoint, 2, 1), hit, hit, hit]);
    scene.edit(|edit| edit.set_options(inner, BreakpointOptions { ignore_count: 2, ..Default::default() }));
    let log = answering(&scene, over);
    scene.call("run", &[]).unwrap();
    assert_eq!(log.take(), [(EventKind::Breakpoint, 2, 1), (EventKind::Step, 2, 2), hit]);
}

#[test]
fn steps_over_a_deep_recursion_end_in_its_outermost_frame() {
    // Of 5,000 frames of one function, which all come by the place behind the call.
    let wat = r#"(module
        (func $leaf (param i32) (result i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) local.get 0)
        (func $down (export "down") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (call $leaf (i32.const 1000)) (call $down (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 1)))))"#;
    let scene = Scene::new(wat);
    let call = scene.begin("down", &[Value::I32(5000)]);
    assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
    for operator in 1..8 {
        let frame = call.frame(&scene.debuggee).unwrap().unwrap();
        let goal = scene.debuggee.step_goal(&frame, Reach::Over).unwrap();
        assert_eq!(call.resume(&scene.debuggee, Resume::Run(goal)).unwrap(), CallState::Paused);
        let state = scene.state(&call.frame(&scene.debuggee).unwrap().unwrap());
        assert_eq!((state.func, state.locals.as_slice()), (1, &[Value::I32(5000)][..]), "operator {operator}");
    }
    assert_eq!(call.resume(&scene.debuggee, Resume::Continue).unwrap(), CallState::Finished);
}

#[test]
fn moved_frames_reach_their_goals() {
    let scene = Scene::new(
        "(module (func $leaf (param i32) (result i32) local.get 0)
          (func (export \"f\") (param i32) (result i32) nop (drop (call $leaf (local.get 0))) nop local.get 0))",
    );
    let debuggee = &scene.debuggee;
    scene.add(1, 1);
    // The operator of `f` that each ends at: behind the call, and in the exact form in which the frame goes on.
    for (reach, expected) in [(Reach::Over, 2), (Reach::To(scene.pc(1, 4)), 4), (Reach::To(scene.pc(1, 3)), 3)] {
        let call = scene.begin("f", &[Value::I32(7)]);
        assert_eq!(call.resume(debuggee, Resume::Continue).unwrap(), CallState::Paused);
        let frame = call.frame(debuggee).unwrap().unwrap();
        debuggee.frame_write_local(&frame, 0, &Value::I32(8)).unwrap();
        let goal = debuggee.step_goal(&frame, reach).unwrap();
        assert_eq!(call.resume(debuggee, Resume::Run(goal)).unwrap(), CallState::Paused);
        let state = scene.state(&call.frame(debuggee).unwrap().unwrap());
        assert_eq!((state.func, state.operator, &state.locals[..]), (1, expected, &[Value::I32(8)][..]));
        assert_eq!(call.resume(debuggee, Resume::Continue).unwrap(), CallState::Finished);
        assert_eq!(call.results(debuggee).unwrap(), [Value::I32(8)]);
    }
    // A frame that waits, and was written to, goes on as something else than what was armed first.
    scene.add(0, 0);
    let call = scene.begin("f", &[Value::I32(7)]);
    for _ in 0..2 {
        assert_eq!(call.resume(debuggee, Resume::Continue).unwrap(), CallState::Paused);
    }
    let caller = frames(debuggee, &call)[1];
    debuggee.frame_write_local(&caller, 0, &Value::I32(9)).unwrap();
    let goal = debuggee.step_goal(&caller, Reach::Over).unwrap();
    assert_eq!(call.resume(debuggee, Resume::Run(goal)).unwrap(), CallState::Paused);
    let state = scene.state(&call.frame(debuggee).unwrap().unwrap());
    assert_eq!((state.func, state.operator, &state.locals[..]), (1, 3, &[Value::I32(9)][..]));
    assert_eq!(call.resume(debuggee, Resume::Continue).unwrap(), CallState::Finished);
    assert_eq!(call.results(debuggee).unwrap(), [Value::I32(9)]);
}

#[test]
fn what_is_no_goal() {
    let scene = nested();
    scene.debuggee.clear_event_handler().unwrap();
    let [one, other] = [(); 2].map(|()| scene.begin("run", &[]));
    for call in [&one, &other] {
        assert_eq!(call.resume(&scene.debuggee, Resume::Step).unwrap(), CallState::Paused);
    }
    let frame = one.frame(&scene.debuggee).unwrap().unwrap();
    let debuggee = &scene.debuggee;
    assert_eq!(scene::kind(debuggee.step_goal(&frame, Reach::To(WasmPc(3)))), ErrorKind::OutOfRange);
    let goal = debuggee.step_goal(&frame, Reach::Over).unwrap();
    assert_eq!(scene::kind(other.resume(debuggee, Resume::Run(goal))), ErrorKind::InvalidArgument);
    assert_eq!(one.resume(debuggee, Resume::Run(goal)).unwrap(), CallState::Paused);
    assert_eq!(scene::kind(one.resume(debuggee, Resume::Run(goal))), ErrorKind::StaleHandle);
    assert_eq!(scene::kind(debuggee.step_goal(&frame, Reach::Out)), ErrorKind::StaleHandle);
    // A refused resumption has changed nothing.
    assert_eq!(one.resume(debuggee, Resume::Step).unwrap(), CallState::Paused);
}
