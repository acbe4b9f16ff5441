//! What the library does to its process: signal handlers of others, signals, addresses. Each scenario runs in a child process
//! of its own: this program again, told by an environment variable what to do.

#![expect(unsafe_code, reason = "installs signal handlers and sets limits")]

use pellucid::base::{Config, Error, ErrorKind, FuncType, RawValue, Reservation, StoreLimits, TrapCode, Value};
use pellucid::runtime::{Engine, Extern, Module, Store};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

/// The exit code of a scenario that went as it should.
const GOOD: i32 = 42;
const SCENARIO: &str = "PELLUCID_TEST_SCENARIO";

/// Runs a scenario in a child process.
fn child(scenario: &str) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "scenario", "--nocapture", "--include-ignored"]).env(SCENARIO, scenario);
    command.stderr(std::process::Stdio::null()).stdout(std::process::Stdio::null()).status().unwrap()
}

#[test]
#[ignore = "run by the other tests, in a child process"]
fn scenario() {
    match std::env::var(SCENARIO).as_deref() {
        Ok("host fault, handler") => host_fault_with_handler(),
        Ok("host fault, default") => host_fault(),
        Ok("host fault under guest") => host_fault_under_guest(),
        Ok("sent signals") => sent_signals(),
        Ok("ignored signal") => ignored_signal(),
        Ok("traps do not reach others") => traps_do_not_reach_others(),
        Ok("default action, sent") => default_action_sent(),
        Ok("failures without signals") => failures_without_signals(),
        Ok("small alternate stack") => small_alternate_stack(),
        Ok("no addresses") => no_addresses(),
        Ok("few addresses") => few_addresses(),
        Ok("no memory") => no_memory(),
        other => panic!("no scenario {other:?}"),
    }
    std::process::exit(GOOD);
}

macro_rules! scenarios {
    ($($name:ident: $scenario:literal => $outcome:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let status = child($scenario);
                let outcome: Outcome = $outcome;
                match outcome {
                    Outcome::Good => assert_eq!(status.code(), Some(GOOD), "{status}"),
                    Outcome::Killed(signal) => assert_eq!(status.signal(), Some(signal), "{status}"),
                }
            }
        )*
    };
}

enum Outcome {
    Good,
    Killed(i32),
}

scenarios! {
    a_fault_of_the_host_reaches_the_handler_before_ours: "host fault, handler" => Outcome::Good;
    a_fault_of_the_host_kills_without_handler: "host fault, default" => Outcome::Killed(libc::SIGSEGV);
    a_fault_in_a_host_function_is_not_the_guests: "host fault under guest" => Outcome::Killed(libc::SIGSEGV);
    signals_that_are_sent_are_passed_on: "sent signals" => Outcome::Good;
    ignored_signals_stay_ignored: "ignored signal" => Outcome::Good;
    traps_stay_out_of_other_handlers: "traps do not reach others" => Outcome::Good;
    the_default_action_for_a_sent_signal: "default action, sent" => Outcome::Killed(libc::SIGFPE);
    host_errors_and_bulk_operations_leave_the_guest_without_a_signal: "failures without signals" => Outcome::Good;
    a_small_alternate_stack_is_replaced: "small alternate stack" => Outcome::Good;
    memories_without_addresses_are_refused: "no addresses" => Outcome::Good;
    memories_are_made_of_few_addresses: "few addresses" => Outcome::Good;
    memories_that_cannot_grow_do_not: "no memory" => Outcome::Good;
}

const LOOP: &str = r#"(module
    (import "" "host" (func $host))
    (func $f (export "overflow") (call $f))
    (func (export "host") (call $host))
    (func (export "zero") (drop (i32.div_u (i32.const 1) (i32.const 0))))
    (func (export "count") (param i32) (result i32) (local i32)
        (loop $next
            (local.set 1 (i32.add (local.get 1) (i32.const 2)))
            (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1)))"#;

struct World {
    store: Store,
    instance: pellucid::base::Instance,
}

fn world(debug: bool, host: impl Fn() + 'static) -> World {
    let engine = Engine::new(Config { debug, ..Config::default() }).unwrap();
    let store = Store::new(&engine, StoreLimits::default()).unwrap();
    let module = Module::new(&engine, &wat::parse_str(LOOP).unwrap()).unwrap();
    let host = Box::new(move |_: pellucid::runtime::Caller<'_>, _: &mut [RawValue]| {
        host();
        Ok(())
    });
    let host = store.func_new_raw(FuncType::default(), host).unwrap();
    let (instance, _) = store.instantiate(&module, &[Extern::Func(host)]).unwrap();
    World { store, instance }
}

impl World {
    fn call(&self, name: &str, values: &mut [RawValue]) -> Result<(), Error> {
        let Ok(Some(Extern::Func(func))) = self.store.instance_export(self.instance, name) else { panic!("no {name}") };
        self.store.call_raw(func, values)
    }

    fn traps(&self) {
        assert_eq!(self.call("overflow", &mut []).unwrap_err().trap_code(), Some(TrapCode::CallStackExhausted));
        assert_eq!(self.call("zero", &mut []).unwrap_err().trap_code(), Some(TrapCode::IntegerDivideByZero));
    }
}

fn crash() {
    // SAFETY: none of it is: the fault is what is wanted.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) };
}

fn install(signal: i32, handler: usize, flags: i32) {
    // SAFETY: the handlers below do nothing that a handler mustn't.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

extern "C" fn good_exit(_: i32) {
    // SAFETY: ends the process without running anything else.
    unsafe { libc::_exit(GOOD) }
}

extern "C" fn good_exit_with_info(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system passes good pointers.
    let good = unsafe { signal == libc::SIGSEGV && (*info).si_addr() as usize == 8 && !context.is_null() };
    // SAFETY: ends the process without running anything else.
    unsafe { libc::_exit(if good { GOOD } else { 1 }) }
}

fn host_fault_with_handler() {
    install(libc::SIGSEGV, good_exit_with_info as *const () as usize, libc::SA_SIGINFO);
    world(false, || ()).traps();
    crash();
}

fn host_fault() {
    install(libc::SIGSEGV, libc::SIG_DFL, 0);
    world(false, || ()).traps();
    crash();
}

fn host_fault_under_guest() {
    install(libc::SIGSEGV, libc::SIG_DFL, 0);
    let _ = world(false, crash).call("host", &mut []);
}

static SEEN: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

extern "C" fn note(signal: i32) {
    SEEN.store(signal, std::sync::atomic::Ordering::SeqCst);
}

fn sent_signals() {
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
        install(signal, note as *const () as usize, 0);
    }
    let world = world(false, || {
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
            // SAFETY: sends a signal to this thread.
            unsafe { libc::raise(signal) };
            assert_eq!(SEEN.swap(0, std::sync::atomic::Ordering::SeqCst), signal);
        }
    });
    world.call("host", &mut []).unwrap();
    world.traps();
    assert_eq!(SEEN.load(std::sync::atomic::Ordering::SeqCst), 0);
}

fn ignored_signal() {
    install(libc::SIGFPE, libc::SIG_IGN, 0);
    let world = world(false, || ());
    // SAFETY: sends a signal to this thread.
    unsafe { libc::raise(libc::SIGFPE) };
    world.traps();
}

fn traps_do_not_reach_others() {
    extern "C" fn bad(_: i32) {
        // SAFETY: ends the process without running anything else.
        unsafe { libc::_exit(1) }
    }
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
        install(signal, bad as *const () as usize, 0);
    }
    world(false, || ()).traps();
}

fn default_action_sent() {
    install(libc::SIGFPE, libc::SIG_DFL, 0);
    world(false, || ()).traps();
    // SAFETY: sends a signal to this thread.
    unsafe { libc::raise(libc::SIGFPE) };
}

fn failures_without_signals() {
    let engine = Engine::new(Config::default()).unwrap();
    let store = Store::new(&engine, StoreLimits::default()).unwrap();
    let text = r#"(module
        (import "" "host" (func $host (param i32)))
        (memory 1) (data $data "abc") (table $table 2 funcref) (elem $elem func $host)
        (func (export "host") (call $host (i32.const 1)))
        (func (export "copy") (memory.copy (i32.const 0) (i32.const 65535) (i32.const 2)))
        (func (export "fill") (memory.fill (i32.const 65535) (i32.const 0) (i32.const 2)))
        (func (export "init") (memory.init $data (i32.const 0) (i32.const 2) (i32.const 2)))
        (func (export "table copy") (table.copy (i32.const 0) (i32.const 1) (i32.const 2)))
        (func (export "table fill") (table.fill $table (i32.const 1) (ref.null func) (i32.const 2)))
        (func (export "table init") (table.init $elem (i32.const 0) (i32.const 1) (i32.const 2))))"#;
    let module = Module::new(&engine, &wat::parse_str(text).unwrap()).unwrap();
    let ty = FuncType { params: [pellucid::base::ValType::I32].into(), results: [].into() };
    let fails = |_: pellucid::runtime::Caller<'_>, _: &mut [RawValue]| Err(Error::exit(7));
    let host = store.func_new_raw(ty, Box::new(fails)).unwrap();
    let (instance, _) = store.instantiate(&module, &[Extern::Func(host)]).unwrap();
    // From here on the guest's faults would kill the process.
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
        install(signal, libc::SIG_DFL, 0);
    }
    let call = |name| {
        let Ok(Some(Extern::Func(func))) = store.instance_export(instance, name) else { panic!("no {name}") };
        store.call(func, &[]).unwrap_err()
    };
    for _ in 0..2 {
        let exit = call("host");
        assert_eq!((exit.kind(), exit.exit_code()), (ErrorKind::Exit, Some(7)));
        for (name, operator, code) in [
            ("copy", 0xfc0a, TrapCode::MemoryOutOfBounds),
            ("fill", 0xfc0b, TrapCode::MemoryOutOfBounds),
            ("init", 0xfc08, TrapCode::MemoryOutOfBounds),
            ("table copy", 0xfc0e, TrapCode::TableOutOfBounds),
            ("table fill", 0xfc11, TrapCode::TableOutOfBounds),
            ("table init", 0xfc0c, TrapCode::TableOutOfBounds),
        ] {
            let error = call(name);
            assert_eq!((error.kind(), error.trap_code()), (ErrorKind::Trap, Some(code)), "{name}");
            let pc = error.backtrace()[0].pc.0 as usize;
            let found = u16::from_be_bytes([module.info().bytes[pc], module.info().bytes[pc + 1]]);
            assert_eq!(found, operator, "{name}: the trap is at its operator");
        }
    }
}

fn small_alternate_stack() {
    install(libc::SIGALRM, good_exit as *const () as usize, 0);
    for flags in [0, libc::SS_DISABLE] {
        let thread = std::thread::spawn(move || {
            // SAFETY: the block stays for ever.
            unsafe {
                let minimum = libc::getauxval(libc::AT_MINSIGSTKSZ) as usize;
                let size = minimum.max(libc::MINSIGSTKSZ);
                let block = Box::leak(vec![0u8; size].into_boxed_slice());
                let small = libc::stack_t { ss_sp: block.as_mut_ptr().cast(), ss_flags: flags, ss_size: size };
                assert_eq!(libc::sigaltstack(&small, std::ptr::null_mut()), 0);
            }
            world(false, || ()).traps();
        });
        thread.join().unwrap();
    }
}

fn limit(resource: libc::__rlimit_resource_t, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: limits this process.
    assert_eq!(unsafe { libc::setrlimit(resource, &limit) }, 0);
}

fn few_addresses() {
    limit(libc::RLIMIT_AS, 4 << 30);
    let memories = Reservation { bytes: Some(64 << 20), ..Reservation::default() };
    let usual = Config::default();
    for config in [
        usual.clone(),
        Config { debug: true, ..usual.clone() },
        Config { signal_handlers: false, ..usual.clone() },
        Config { memories, ..usual },
    ] {
        let engine = Engine::new(config).unwrap();
        let text = r#"(module (memory 1) (memory $wide i64 1)
            (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
            (func (export "grow") (result i32) (drop (memory.grow $wide (i64.const 1))) (memory.grow (i32.const 1))))"#;
        let module = Module::new(&engine, &wat::parse_str(text).unwrap()).unwrap();
        let store = Store::new(&engine, StoreLimits::default()).unwrap();
        let (instance, _) = store.instantiate(&module, &[]).unwrap();
        let call = |name: &str, args: &[Value]| {
            let Ok(Some(Extern::Func(func))) = store.instance_export(instance, name) else { panic!("no {name}") };
            store.call(func, args)
        };
        let outside = |at: i32| call("get", &[Value::I32(at)]).unwrap_err().trap_code();
        for at in [65536, 1 << 29, i32::MAX, i32::MIN, -1] {
            assert_eq!(outside(at), Some(TrapCode::MemoryOutOfBounds), "{at}");
        }
        assert_eq!(call("get", &[Value::I32(65535)]).unwrap(), [Value::I32(0)]);
        assert_eq!(call("grow", &[]).unwrap(), [Value::I32(1)]);
        assert_eq!(call("get", &[Value::I32(65536)]).unwrap(), [Value::I32(0)]);
        assert_eq!(outside(131072), Some(TrapCode::MemoryOutOfBounds));
    }
}

fn no_addresses() {
    let World { store, .. } = world(false, || ());
    let text = "(module (table 1 funcref) (memory 1) (global (export \"g\") i32 (i32.const 1)))";
    let module = Module::new(store.engine(), &wat::parse_str(text).unwrap()).unwrap();
    limit(libc::RLIMIT_AS, 4 << 30);
    let instances = store.instances();
    assert_eq!(store.instantiate(&module, &[]).unwrap_err().kind(), ErrorKind::System);
    let ty = pellucid::base::MemoryType::new(1, None);
    assert_eq!(store.memory_new(ty).unwrap_err().kind(), ErrorKind::System);
    assert_eq!(store.instances(), instances);
    assert!(!store.modules().iter().any(|known| known.is_same(&module)));
    let none = pellucid::base::Table { store: store.id(), index: 0 };
    assert_eq!(store.table_size(none).unwrap_err().kind(), ErrorKind::OutOfRange);
    store.check_poisoned().unwrap();
}

fn no_memory() {
    let World { store, .. } = world(false, || ());
    let text = r#"(module (memory 1) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let module = Module::new(store.engine(), &wat::parse_str(text).unwrap()).unwrap();
    let (instance, _) = store.instantiate(&module, &[]).unwrap();
    let Ok(Some(Extern::Func(grow))) = store.instance_export(instance, "grow") else { panic!("no grow") };
    let grow = |by| store.call(grow, &[pellucid::base::Value::I32(by)]).unwrap();
    assert_eq!(grow(1), [pellucid::base::Value::I32(1)]);
    limit(libc::RLIMIT_DATA, 256 << 20);
    assert_eq!(grow(60000), [pellucid::base::Value::I32(-1)]);
    assert_eq!(grow(1), [pellucid::base::Value::I32(2)]);
}
