//! Interventions that change something: values written into frames, memories, globals and tables, frames that return early,
//! begin again, are dropped or moved. An [interpreter](crate::interpreter) goes along and does the same at the same
//! operators: each event, host function and end must be where it has it, and show what it has. The fast form must do
//! what the exact form does, with NaNs bit by bit.

use crate::case::{Call, Case, Ended, FUEL_EXPORT};
use crate::differential::message_of;
use crate::driver::{Failure, Outcome};
use crate::interpreter::{Interpreter, Stop};
use crate::minimise;
use crate::ours::{self, HostMoment, Session};
use crate::random::Random;
use crate::value::Val;
use pellucid::base::{
    ErrorKind, GlobalIndex, MemoryIndex, OptLevel, TableIndex, TagIndex, TrapCode, ValType, Value, WasmPc,
};
use pellucid::debug::{Action, CallState, DebugCall, Debuggee, Event, EventKind, Frame, FrameKind, Resume};
use pellucid::runtime::Engine;
use pellucid::wasm::Item;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// The engines, which are made once.
pub struct Engines {
    fast: [Engine; 3],
    exact: Engine,
}

impl Engines {
    #[expect(clippy::new_without_default, reason = "it does a lot")]
    pub fn new() -> Engines {
        let on = |level| ours::engine(true, level);
        Engines {
            fast: [on(OptLevel::Speed), on(OptLevel::None), ours::checking_engine(true)],
            exact: ours::exact_engine(),
        }
    }
}

/// The case of a seed.
pub fn run(engines: &Engines, seed: u64) -> Result<Outcome, Failure> {
    let nans = Random::new(seed ^ 0xa7).chance(25);
    let Some(case) = Case::for_the_interpreter(seed, nans) else { return Ok(Outcome::discarded("wasm-smith gave up")) };
    let case = Rc::new(case);
    compare_or_panic(engines, &case, nans).map_err(|message| {
        let smaller = minimise::minimise(&case, &message, |case| compare_or_panic(engines, case, nans).err());
        let (message, case) = smaller.as_ref().map_or((&message, &case), |(case, message)| (message, case));
        Failure { message: message.clone(), text: case.text() }
    })
}

fn compare_or_panic(engines: &Engines, case: &Rc<Case>, nans: bool) -> Result<Outcome, String> {
    let result = catch_unwind(AssertUnwindSafe(|| compare(engines, case, nans)));
    result.unwrap_or_else(|panic| Err(message_of(&*panic)))
}

fn compare(engines: &Engines, case: &Rc<Case>, nans: bool) -> Result<Outcome, String> {
    let mut random = Random::new(case.seed ^ 0x07e4);
    let fast = &engines.fast[[0, 0, 0, 1, 2][random.below(5)]];
    let with_exact = nans || random.chance(30);
    if case.info.start.is_some() {
        return Ok(Outcome::discarded("instantiation runs code"));
    }
    let mut outcome = Outcome::done();
    let ours = Driver::run(case, fast, random.clone(), nans);
    if let Some(why) = ours.given_up.get() {
        outcome.count(&format!("cut short because {why}"), 1);
    }
    for (what, number) in ours.counts.borrow().iter() {
        outcome.count(what, *number);
    }
    if with_exact {
        let exact = Driver::run(case, &engines.exact, random, nans);
        let (log, exact_log) = (ours.log.borrow(), exact.log.borrow());
        let both = log.iter().zip(exact_log.iter());
        for (place, (shown, exact)) in both.enumerate() {
            if shown != exact {
                let before = log[place.saturating_sub(12)..place].join("\n  ");
                return Err(format!(
                    "the fast form and the exact form differ\nthe fast form: {shown}\nthe exact form: {exact}\nafter\n  {before}"
                ));
            }
        }
        if log.len() != exact_log.len() && ours.given_up.get().or(exact.given_up.get()).is_none() {
            return Err("the fast form and the exact form differ: one does more".into());
        }
        outcome.count("compared with the exact form", 1);
        outcome.count("compared with the exact form, NaNs bit by bit", u64::from(nans));
    }
    Ok(outcome)
}

/// Operators that a call may execute.
const PATIENCE: u64 = 10_000;

/// Events of a call that something is done at.
const MOST_EVENTS: u32 = 120;

/// How many of the innermost frames are looked at each time.
const LOOK: usize = 6;

/// Debugs a case at random. All choices follow from the seed, and from what the guest does.
struct Driver {
    session: Session,
    random: RefCell<Random>,
    /// Not where a NaN's bits can be seen.
    model: RefCell<Option<Interpreter>>,
    /// Where the model came to, and so must the guest.
    expected: RefCell<Option<Stop>>,
    breakpoints: RefCell<Vec<(u64, u32)>>,
    pcs: Vec<u32>,
    fuel: Option<u32>,
    single_step: Cell<bool>,
    /// Whether the call goes on by one operator.
    steps: Cell<bool>,
    /// Whether the handler saw what the call is paused at.
    is_told: Cell<bool>,
    events: Cell<u32>,
    /// Whether it throws what it was told to when it goes on.
    is_throwing: Cell<bool>,
    given_up: Cell<Option<&'static str>>,
    /// All that was done and seen.
    log: RefCell<Vec<String>>,
    counts: RefCell<Vec<(&'static str, u64)>>,
}

impl Driver {
    fn run(case: &Rc<Case>, engine: &Engine, random: Random, nans: bool) -> Rc<Driver> {
        let module = ours::module(case, engine);
        let info = module.info();
        let fuel = match info.export(FUEL_EXPORT) {
            Some(Item::Global(index)) if case.has_fuel => Some(index.as_u32()),
            _ => None,
        };
        let pcs = info.bodies.keys().flat_map(|body| info.operator_pcs(body)).map(|pc| pc.0).collect();
        let driver = Rc::new(Driver {
            session: Session::new(case, engine, &module),
            random: RefCell::new(random),
            model: RefCell::default(),
            expected: RefCell::default(),
            breakpoints: RefCell::default(),
            pcs,
            fuel,
            single_step: Cell::new(false),
            steps: Cell::new(false),
            is_told: Cell::new(false),
            events: Cell::new(0),
            is_throwing: Cell::new(false),
            given_up: Cell::new(None),
            log: RefCell::default(),
            counts: RefCell::default(),
        });
        let ended = driver.session.instantiate();
        if !matches!(ended, Ended::Returned(_)) {
            driver.given_up.set(Some("it can't be instantiated"));
            return driver;
        }
        if !nans {
            let mut model = Interpreter::new(case);
            driver.copy_outside(&mut model);
            model.fill_elements();
            driver.model.replace(Some(model));
        }
        let (handler, hook) = (driver.clone(), driver.clone());
        let handle = move |_: &Debuggee, event: &Event| handler.on_event(event);
        driver.session.debuggee.set_event_handler(EventKind::ALL, Box::new(handle)).expect("debugging is on");
        let hook = move |debuggee: &Debuggee, moment: HostMoment<'_>| hook.on_host(debuggee, moment);
        driver.session.set_host_hook(Some(Rc::new(hook)));
        for call in &case.calls {
            driver.call(call);
            if driver.given_up.get().is_some() {
                break;
            }
        }
        // They hold each other.
        driver.session.debuggee.clear_event_handler().expect("debugging is on");
        driver.session.set_host_hook(None);
        driver
    }

    fn chance(&self, percent: usize) -> bool {
        self.random.borrow_mut().chance(percent)
    }

    fn below(&self, limit: usize) -> usize {
        self.random.borrow_mut().below(limit)
    }

    fn note(&self, text: String) {
        self.log.borrow_mut().push(text);
    }

    fn count(&self, what: &'static str) {
        let mut counts = self.counts.borrow_mut();
        match counts.iter_mut().find(|(known, _)| *known == what) {
            Some((_, number)) => *number += 1,
            None => counts.push((what, 1)),
        }
    }

    fn give_up(&self, why: &'static str) {
        self.given_up.set(Some(why));
    }

    fn history(&self) -> String {
        let log = self.log.borrow();
        format!("after\n  {}", log[log.len().saturating_sub(25)..].join("\n  "))
    }

    fn call(&self, what: &Call) {
        let (func, args) = self.session.prepare(what);
        let words = self.words(&args);
        if let Some(model) = &mut *self.model.borrow_mut() {
            if let Some(fuel) = self.fuel {
                model.globals[fuel as usize] = crate::case::FUEL as u64;
            }
            model.begin(what.func, words, PATIENCE);
        }
        self.note(format!("call of {} with {:x?}", what.func, self.words(&args)));
        self.events.set(0);
        self.is_throwing.set(false);
        let call = self.session.debuggee.call_begin(func, &args).expect("the call is good");
        self.drive(&call);
        self.quieten();
        if self.given_up.get().is_none() {
            self.check_outside();
        }
    }

    fn drive(&self, call: &DebugCall) {
        let debuggee = &self.session.debuggee;
        loop {
            self.edit();
            if let Some(frame) = call.frame(debuggee).expect("a call of the store") {
                let frame = self.intervene(frame);
                if self.given_up.get().is_none() && self.chance(2) {
                    return self.trap(call, &frame);
                }
            }
            let how = if self.is_busy() && self.chance(40) { Resume::Step } else { Resume::Continue };
            if self.given_up.get().is_some() || !self.go_on(how == Resume::Step) {
                return;
            }
            let state = call.resume(debuggee, how).expect("the call can be resumed");
            if self.given_up.get().is_some() {
                return;
            }
            if state != CallState::Paused {
                return self.end(call);
            }
            if !self.is_told.replace(false) {
                self.arrive(&call.event().expect("a paused call has an event"));
            }
        }
    }

    /// Whether there were few enough events.
    fn is_busy(&self) -> bool {
        self.events.get() < MOST_EVENTS
    }

    /// The guest goes on; false if it mustn't, since it would take too long.
    fn go_on(&self, steps: bool) -> bool {
        self.steps.set(steps);
        self.run_ahead()
    }

    fn run_ahead(&self) -> bool {
        let Some(model) = &mut *self.model.borrow_mut() else { return true };
        let breakpoints = self.breakpoints.borrow();
        let stop =
            model.run(self.steps.get() || self.single_step.get(), |pc| breakpoints.iter().any(|known| known.1 == pc));
        if let Stop::GivesUp(why) = stop {
            self.give_up(why);
            return false;
        }
        self.expected.replace(Some(stop));
        true
    }

    /// Ends a paused call by a trap.
    fn trap(&self, call: &DebugCall, _frame: &Frame) {
        call.trap(&self.session.debuggee, "as it happens".into()).expect("it is paused");
        self.count("traps by the host");
        let stop = self.model.borrow().as_ref().map(|model| model.trap(TrapCode::Requested));
        self.expected.replace(stop);
        self.end(call);
    }

    /// The call has ended.
    fn end(&self, call: &DebugCall) {
        let ended = self.session.ended_call(call);
        if ended.is_exhausted() {
            return self.give_up("the stack was exhausted");
        }
        let results = call.results(&self.session.debuggee).unwrap_or_default();
        self.note(format!("ended {ended:x?} {:x?}", self.words(&results)));
        let Some(expected) = self.expected.take() else { return };
        let is_same = match (&ended, &expected) {
            (Ended::Returned(_), Stop::Returned(words)) => self.are_same(&results, words),
            (Ended::Trapped { code, backtrace }, Stop::Trapped { code: other, backtrace: frames }) => {
                (code, backtrace) == (other, frames)
            }
            _ => false,
        };
        assert!(
            is_same,
            "a call ends otherwise\nours: {ended:x?}\nthe interpreter's: {expected:x?}\n{}",
            self.history()
        );
    }

    fn on_event(&self, event: &Event) -> Action {
        if !matches!(event.kind, EventKind::Step | EventKind::Breakpoint) {
            if event.kind == EventKind::CaughtException {
                self.note(format!("thrown at {}", event.pc));
                self.look(&event.frame.expect("a frame throws"), FrameKind::Stopped);
                self.count("exceptions");
            }
            return Action::Continue;
        }
        self.arrive(event);
        self.intervene(event.frame.expect("an event of guest code has a frame"));
        self.edit();
        let choice = if self.is_busy() { self.below(4) } else { 0 };
        if choice == 3 || self.given_up.get().is_some() || !self.go_on(choice == 2) {
            self.is_told.set(true);
            return Action::Pause;
        }
        if choice == 2 { Action::Step } else { Action::Continue }
    }

    /// An event: it must be the model's.
    fn arrive(&self, event: &Event) {
        self.events.set(self.events.get() + 1);
        self.is_throwing.set(false);
        self.note(format!("{:?} at {}", event.kind, event.pc));
        self.check_stop(|stop| matches!(stop, Stop::Operator), "an operator");
        let is_break = self.breakpoints.borrow().iter().any(|known| known.1 == event.pc.0);
        assert_eq!(event.kind == EventKind::Breakpoint, is_break, "the kind of an event\n{}", self.history());
        self.look(&event.frame.expect("an event of guest code has a frame"), FrameKind::Stopped);
        self.count("events");
    }

    fn check_stop(&self, is_good: impl Fn(&Stop) -> bool, what: &str) {
        if let Some(expected) = self.expected.take() {
            assert!(is_good(&expected), "ours: {what}, the interpreter's: {expected:x?}\n{}", self.history());
        }
    }

    fn on_host(&self, debuggee: &Debuggee, moment: HostMoment<'_>) -> bool {
        match moment {
            _ if self.given_up.get().is_some() => false,
            HostMoment::Called { import, args } => {
                self.note(format!("host function {import} with {:x?}", self.words(args)));
                let is_same = |stop: &Stop| match stop {
                    Stop::Host { import: other, args: words } => import == *other && self.are_same(args, words),
                    _ => false,
                };
                self.check_stop(is_same, "a host function");
                if let Some(frame) = debuggee.newest_frame().expect("debugging is on") {
                    self.look(&frame, FrameKind::Calling);
                    if self.is_busy() {
                        self.intervene_from_host(&frame);
                    }
                }
                true
            }
            HostMoment::Answers(None) => {
                let stop = self.model.borrow().as_ref().map(|model| model.trap(TrapCode::HostError));
                self.expected.replace(stop);
                true
            }
            HostMoment::Answers(Some(results)) => {
                let words = self.words(results);
                if let Some(model) = &mut *self.model.borrow_mut() {
                    model.answer(&words);
                }
                self.run_ahead()
            }
        }
    }

    /// All frames must show what the model has.
    fn look(&self, innermost: &Frame, kind: FrameKind) {
        let frames = ours::frames(&self.session.debuggee, innermost);
        let mut model = self.model.borrow_mut();
        if let Some(model) = &*model {
            assert_eq!(frames.len(), model.frames.len(), "the number of frames\n{}", self.history());
        }
        for (place, frame) in frames.iter().enumerate().take(LOOK) {
            let (info, locals, operands) = self.read(frame);
            if place == 0 {
                let (locals, operands) = (self.words(&locals), self.words(&operands));
                self.note(format!(
                    "{:?} {} {} {locals:x?} {operands:x?}",
                    info.kind,
                    info.func_index.as_u32(),
                    info.pc
                ));
            }
            let Some(model) = &mut *model else { continue };
            let number = model.frames.len() - 1 - place;
            let shown = &model.frames[number];
            let kind = if place == 0 { kind } else { FrameKind::Calling };
            let is_same = (info.kind, info.func_index.as_u32(), info.pc.0) == (kind, shown.func, model.pc(number))
                && self.are_same(&locals, &shown.locals)
                && self.are_same(&operands, &shown.operands);
            assert!(
                is_same,
                "frame {place} shows something else\nours: {:?} function {} at {}, {locals:x?} {operands:x?}\n\
                 the interpreter's: {shown:x?} at {:#x}\n{}",
                info.kind,
                info.func_index.as_u32(),
                info.pc,
                model.pc(number),
                self.history()
            );
        }
    }

    fn read(&self, frame: &Frame) -> (pellucid::debug::FrameInfo, Vec<Value>, Vec<Value>) {
        let debuggee = &self.session.debuggee;
        let info = debuggee.frame_info(frame).expect("the frame is fresh");
        let mut locals = vec![Value::Unavailable; info.n_locals as usize];
        let mut operands = vec![Value::Unavailable; info.n_operands as usize];
        debuggee.frame_read_locals(frame, 0, &mut locals).expect("locals can be read");
        debuggee.frame_read_operands(frame, 0, &mut operands).expect("operands can be read");
        (info, locals, operands)
    }

    fn words(&self, values: &[Value]) -> Vec<u64> {
        values.iter().map(|value| self.session.word(value)).collect()
    }

    fn are_same(&self, values: &[Value], words: &[u64]) -> bool {
        let is_same = |(value, word): (&Value, &u64)| match *value {
            Value::F32(bits) if f32::from_bits(bits).is_nan() => f32::from_bits(*word as u32).is_nan(),
            Value::F64(bits) if f64::from_bits(bits).is_nan() => f64::from_bits(*word).is_nan(),
            _ => self.session.word(value) == *word,
        };
        values.len() == words.len() && values.iter().zip(words).all(is_same)
    }

    fn edit(&self) {
        if !self.is_busy() {
            return self.quieten();
        }
        for _ in 0..self.below(3) {
            let choice = self.below(10);
            let count = self.breakpoints.borrow().len();
            if choice == 0 {
                let on = !self.single_step.get();
                self.single_step.set(on);
                self.session.edit(|edit| edit.single_step(on));
            } else if choice < 7 || count == 0 {
                let pc = self.pcs[self.below(self.pcs.len())];
                let Session { debuggee, module, .. } = &self.session;
                let (id, _) = self.session.edit(|edit| edit.add(debuggee, module, WasmPc(pc)).expect("a good pc"));
                self.breakpoints.borrow_mut().push((id, pc));
            } else {
                let place = self.below(count);
                let (id, _) = self.breakpoints.borrow_mut().remove(place);
                self.session.edit(|edit| edit.remove(id));
            }
        }
    }

    fn quieten(&self) {
        let breakpoints = self.breakpoints.take();
        if self.single_step.replace(false) || !breakpoints.is_empty() {
            self.session.edit(|edit| {
                breakpoints.iter().for_each(|(id, _)| edit.remove(*id));
                edit.single_step(false);
            });
        }
    }

    /// Now and then, changes frames of a call that is stopped, and what is outside. Answers the innermost frame.
    fn intervene(&self, mut innermost: Frame) -> Frame {
        if self.is_throwing.get() || !self.is_busy() || !self.chance(25) {
            return innermost;
        }
        for _ in 0..1 + self.below(2) {
            let frames = ours::frames(&self.session.debuggee, &innermost);
            let place = if self.chance(65) { 0 } else { self.below(frames.len()) };
            let frame = frames[place];
            // What is bounded by fuel stays that without a model, which would notice.
            let choices = if self.model.borrow().is_some() { 14 } else { 13 };
            let moved = match self.below(choices) {
                0..5 => {
                    self.write(&frame, place);
                    None
                }
                5..7 => {
                    self.write_outside();
                    None
                }
                7 => self.return_early(&frame, place),
                8 => self.restart(&frame, place),
                9 | 10 => self.drop_frame(&frame, place, place + 1 == frames.len()),
                _ if self.model.borrow().is_none() => match self.throw(&innermost) {
                    Some(innermost) => return innermost,
                    None => None,
                },
                _ => self.set_pc(&frame, place),
            };
            innermost = moved.unwrap_or(innermost);
            if self.given_up.get().is_some() {
                return innermost;
            }
            self.look(&innermost, FrameKind::Stopped);
        }
        innermost
    }

    fn intervene_from_host(&self, innermost: &Frame) {
        if !self.chance(30) {
            return;
        }
        let frames = ours::frames(&self.session.debuggee, innermost);
        let place = self.below(frames.len());
        if self.chance(60) {
            self.write(&frames[place], place)
        } else {
            self.write_outside()
        }
        self.look(innermost, FrameKind::Calling);
    }

    /// What an intervention came to. It may fail for lack of room: then it isn't known how things go on in another form.
    fn done<T>(&self, what: String, count: &'static str, result: pellucid::base::Result<T>) -> Option<T> {
        self.note(what);
        match result {
            Ok(done) => {
                self.count(count);
                Some(done)
            }
            Err(error) if error.kind() == ErrorKind::Limit => {
                self.give_up("there was no room");
                None
            }
            Err(error) => panic!("an intervention is refused: {error}\n{}", self.history()),
        }
    }

    fn random_word(&self, ty: ValType) -> u64 {
        let functions = self.session.module.info().funcs.len() as u32;
        let has_model = self.model.borrow().is_some();
        let mut random = self.random.borrow_mut();
        let nan = random.word();
        if !has_model && random.chance(40) {
            match ty {
                ValType::F32 => return u64::from(nan as u32 | 0x7f80_0001),
                ValType::F64 => return nan | 0x7ff0_0000_0000_0001,
                _ => {}
            }
        }
        let functions: Vec<u32> = (0..functions).collect();
        match Val::random(&mut random, ty, &functions).expect("the module has no types of references") {
            Val::I32(value) => u64::from(value as u32),
            Val::I64(value) => value as u64,
            Val::F32(bits) => u64::from(bits),
            Val::F64(bits) => bits,
            Val::Func(index) => index.map_or(0, |index| u64::from(index) + 1),
            Val::Extern(number) => number.map_or(0, |number| number + 1),
            Val::Exn(_) => 0,
            // Nobody else makes these here.
            Val::Passed(_) => 0,
            Val::Any(_) | Val::V128(_) | Val::Unavailable => unreachable!("the module has no vectors, nor objects"),
        }
    }

    /// The model does it to the same frame.
    fn with_model<T>(&self, place: usize, change: impl FnOnce(&mut Interpreter, usize) -> T) -> Option<T> {
        let mut model = self.model.borrow_mut();
        let model = model.as_mut()?;
        let number = model.frames.len() - 1 - place;
        Some(change(model, number))
    }

    fn write(&self, frame: &Frame, place: usize) {
        let debuggee = &self.session.debuggee;
        let (locals, operands) = (
            debuggee.frame_local_types(frame).expect("the frame is fresh"),
            debuggee.frame_operand_types(frame).expect("the frame is fresh"),
        );
        let is_local = self.chance(50);
        let types = if is_local { locals } else { operands };
        if types.is_empty() {
            return;
        }
        let variable = self.below(types.len());
        let ty = types[variable];
        // The fuel may be among the operands.
        if !is_local && self.model.borrow().is_none() && matches!(ty, ValType::I32 | ValType::I64) {
            return;
        }
        let word = self.random_word(ty);
        let value = self.session.value(word, ty);
        let is_stopped = debuggee.frame_info(frame).expect("the frame is fresh").kind == FrameKind::Stopped;
        let written = if is_local {
            debuggee.frame_write_local(frame, variable as u32, &value)
        } else {
            debuggee.frame_write_operand(frame, variable as u32, &value)
        };
        // An operand that is some function is of a type that validation knows, and the interpreter doesn't.
        if !is_local
            && ty == ValType::FUNCREF
            && matches!(&written, Err(error) if error.kind() == ErrorKind::TypeMismatch)
        {
            return self.count("writes refused");
        }
        let what = if is_local { "local" } else { "operand" };
        let count = if is_stopped { "writes" } else { "writes into callers" };
        if self.done(format!("write {word:x} to {what} {variable} of frame {place}"), count, written).is_some() {
            self.with_model(place, |model, frame| {
                let frame = &mut model.frames[frame];
                if is_local { frame.locals[variable] = word } else { frame.operands[variable] = word }
            });
        }
    }

    fn return_early(&self, frame: &Frame, place: usize) -> Option<Frame> {
        let info = self.session.debuggee.frame_info(frame).expect("the frame is fresh");
        let types = &self.session.module.info().func_type(info.func_index).results;
        let words: Vec<_> = types.iter().map(|ty| self.random_word(*ty)).collect();
        let values: Vec<_> = words.iter().zip(types).map(|(word, ty)| self.session.value(*word, *ty)).collect();
        let done = self.session.debuggee.frame_return(frame, &values);
        let moved = self.done(format!("return {words:x?} from frame {place}"), "early returns", done)?;
        self.with_model(place, |model, frame| model.return_early(frame, words));
        Some(moved)
    }

    fn restart(&self, frame: &Frame, place: usize) -> Option<Frame> {
        let done = self.session.debuggee.frame_restart(frame);
        let moved = self.done(format!("restart frame {place}"), "restarts", done)?;
        self.with_model(place, |model, frame| model.restart(frame));
        Some(moved)
    }

    /// Has the innermost frame throw something. Nothing else is done until the call has gone on.
    fn throw(&self, frame: &Frame) -> Option<Frame> {
        let (debuggee, info) = (&self.session.debuggee, self.session.module.info());
        if info.tags.is_empty() {
            return None;
        }
        let index = TagIndex::from_u32(self.below(info.tags.len()) as u32);
        let tag = debuggee.store().instance_tag(self.session.instance(), index).expect("its tag");
        let types = &info.tag_signature(index).params;
        let words: Vec<u64> = types.iter().map(|ty| self.random_word(*ty)).collect();
        let values: Vec<Value> = words.iter().zip(types).map(|(word, ty)| self.session.value(*word, *ty)).collect();
        let thrown = debuggee.frame_throw(frame, tag, &values);
        if thrown.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            self.note("nothing goes on where it would be caught".into());
            self.count("throws refused");
            return None;
        }
        self.done(format!("throw {} with {words:x?}", index.as_u32()), "throws", thrown)?;
        self.is_throwing.set(true);
        debuggee.newest_frame().expect("debugging is on")
    }

    fn drop_frame(&self, frame: &Frame, place: usize, is_outermost: bool) -> Option<Frame> {
        let result = self.session.debuggee.frame_drop(frame);
        if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::InvalidState) {
            self.note(format!("frame {place} can't be dropped"));
            let is_right =
                is_outermost || self.with_model(place, |model, frame| !model.drop_frame(frame)) != Some(false);
            assert!(is_right, "a frame can't be dropped\n{}", self.history());
            self.count("drops refused");
            return None;
        }
        let moved = self.done(format!("drop frame {place}"), "drops", result)?;
        let is_dropped = self.with_model(place, |model, frame| model.drop_frame(frame));
        assert_ne!(is_dropped, Some(false), "a frame is dropped that has no way back\n{}", self.history());
        Some(moved)
    }

    fn set_pc(&self, frame: &Frame, place: usize) -> Option<Frame> {
        let ((pc, expected), has_functions) = self.with_model(place, |model, frame| {
            let types = model.operand_types(frame);
            let all: Vec<(u32, bool)> = model
                .operators(model.frames[frame].func)
                .map(|(pc, there)| (pc, there.is_some_and(|there| there == types)))
                .collect();
            let fitting: Vec<_> = all.iter().filter(|place| place.1).copied().collect();
            let chosen = if !fitting.is_empty() && self.chance(85) {
                fitting[self.below(fitting.len())]
            } else {
                all[self.below(all.len())]
            };
            (chosen, types.contains(&ValType::FUNCREF))
        })?;
        let result = self.session.debuggee.frame_set_pc(frame, WasmPc(pc));
        match &result {
            Err(error) if error.kind() == ErrorKind::TypeMismatch => {
                // Of functions validation knows more.
                assert!(!expected || has_functions, "the operands at {pc:#x} have the same types\n{}", self.history());
            }
            // That nothing comes there is more than validation knows.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => {
                let moved = self.done(format!("move frame {place} to {pc:#x}"), "moves", result)?;
                assert!(expected, "the operands at {pc:#x} have other types\n{}", self.history());
                self.with_model(place, |model, frame| {
                    let operands = model.frames[frame].operands.clone();
                    model.move_to(frame, pc, operands);
                });
                return Some(moved);
            }
        }
        self.note(format!("frame {place} can't be moved to {pc:#x}"));
        self.count("moves refused");
        None
    }

    /// Writes a part of a memory, a global or an element of a table, or grows a memory.
    fn write_outside(&self) {
        let (store, instance) = (self.session.debuggee.store(), self.session.instance());
        let info = self.session.module.info();
        let mut model = self.model.borrow_mut();
        let choice = self.below(8);
        match choice {
            0..4 if !info.memories.is_empty() => {
                let number = self.below(info.memories.len());
                let memory = store.instance_memory(instance, MemoryIndex::from_u32(number as u32)).expect("its memory");
                let (_, size) = store.memory_base(memory).expect("a memory has a base");
                if choice == 0 {
                    let grown = store.memory_grow(memory, 1).ok();
                    self.note(format!("grow memory {number}: {grown:?}"));
                    if let Some(model) = &mut *model {
                        let other = model.grow_memory(number, 1).map(u64::from);
                        assert_eq!(grown, other, "growing a memory\n{}", self.history());
                    }
                } else {
                    let start = self.below(size.min(300) + 1);
                    let count = self.below(size - start + 1).min(40);
                    let bytes = self.random.borrow_mut().bytes(count);
                    store.memory_write(memory, start as u64, &bytes).expect("it is inside");
                    self.note(format!("write {count} bytes at {start} of memory {number}"));
                    if let Some(model) = &mut *model {
                        model.memories[number][start..start + count].copy_from_slice(&bytes);
                    }
                }
            }
            0..7 if !info.globals.is_empty() => {
                let number = self.below(info.globals.len()) as u32;
                let ty = info.globals[GlobalIndex::from_u32(number)];
                if !ty.mutable || self.fuel == Some(number) {
                    return;
                }
                drop(model);
                let word = self.random_word(ty.value);
                let global = store.instance_global(instance, GlobalIndex::from_u32(number)).expect("its global");
                store.global_set(global, self.session.value(word, ty.value)).expect("it is mutable");
                self.note(format!("write {word:x} to global {number}"));
                if let Some(model) = &mut *self.model.borrow_mut() {
                    model.globals[number as usize] = word;
                }
            }
            _ if !info.tables.is_empty() => {
                let number = self.below(info.tables.len());
                let index = TableIndex::from_u32(number as u32);
                let table = store.instance_table(instance, index).expect("its table");
                let size = store.table_size(table).expect("a table has a size") as usize;
                if size == 0 {
                    return;
                }
                drop(model);
                let (element, ty) = (self.below(size), ValType::Ref(info.tables[index].element));
                let word = self.random_word(ty);
                store.table_set(table, element as u64, self.session.value(word, ty)).expect("it is inside");
                self.note(format!("write {word:x} to element {element} of table {number}"));
                if let Some(model) = &mut *self.model.borrow_mut() {
                    model.tables[number][element] = word;
                }
            }
            _ => return,
        }
        self.count("writes outside frames");
    }

    /// Has the model's memories, tables and globals be those of the instance.
    fn copy_outside(&self, model: &mut Interpreter) {
        let (memories, tables, globals) = self.outside();
        model.memories = memories;
        model.tables = tables.iter().map(|table| self.words(table)).collect();
        model.globals = self.words(&globals);
    }

    /// All of the instance's memories, tables and globals.
    fn outside(&self) -> (Vec<Vec<u8>>, Vec<Vec<Value>>, Vec<Value>) {
        let (store, instance) = (self.session.debuggee.store(), self.session.instance());
        let info = self.session.module.info();
        let memory = |index| {
            let memory = store.instance_memory(instance, index).expect("its memory");
            let (_, size) = store.memory_base(memory).expect("a memory has a base");
            let mut bytes = vec![0; size];
            store.memory_read(memory, 0, &mut bytes).expect("all of it can be read");
            bytes
        };
        let table = |index| {
            let table = store.instance_table(instance, index).expect("its table");
            let size = store.table_size(table).expect("a table has a size");
            (0..size).map(|place| store.table_get(table, place).expect("it is inside")).collect()
        };
        let global = |index| {
            let global = store.instance_global(instance, index).expect("its global");
            store.global_get(global).expect("a global can be read")
        };
        let memories = info.memories.keys().map(memory).collect();
        let tables = info.tables.keys().map(table).collect();
        (memories, tables, info.globals.keys().map(global).collect())
    }

    /// What is outside frames must be what the model has.
    fn check_outside(&self) {
        let (memories, tables, globals) = self.outside();
        let hashes: Vec<_> = memories.iter().map(|bytes| crate::random::hash_bytes(bytes)).collect();
        let all: Vec<_> = tables.iter().map(|table| self.words(table)).collect();
        self.note(format!("memories {hashes:x?}, tables {all:x?}, globals {:x?}", self.words(&globals)));
        let Some(model) = &*self.model.borrow() else { return };
        for (number, (bytes, other)) in memories.iter().zip(&model.memories).enumerate() {
            let place = bytes.iter().zip(other).position(|(byte, other)| byte != other);
            assert_eq!((bytes.len(), place), (other.len(), None), "memory {number} differs\n{}", self.history());
        }
        for (number, (table, other)) in all.iter().zip(&model.tables).enumerate() {
            assert_eq!(table, other, "table {number} differs\n{}", self.history());
        }
        assert!(
            self.are_same(&globals, &model.globals),
            "globals differ\nours: {globals:x?}\nthe interpreter's: {:x?}\n{}",
            model.globals,
            self.history()
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::driver;

    #[test]
    fn smoke() {
        let engines = super::Engines::new();
        driver::smoke(|seed| super::run(&engines, seed));
    }
}
