//! What the library does to its process: signal handlers of others, refused system calls, forks. Each scenario runs in a
//! child process of its own: this program again, told by an environment variable what to do.

#![expect(unsafe_code, reason = "installs signal handlers and system call filters")]

use pellucid::base::{CodeOffset, Config, Error, ErrorKind, FuncType, RawValue, StoreLimits, TrapCode};
use pellucid::runtime::{Call, Engine, Exit, Extern, Module, Store};
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
        Ok("no door") => no_door(),
        Ok("no way back") => no_way_back(),
        Ok("fork") => fork(),
        Ok("no addresses") => no_addresses(),
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
    code_is_patched_without_the_door: "no door" => Outcome::Good;
    pages_that_cannot_be_executed_poison_the_store: "no way back" => Outcome::Good;
    memories_without_addresses_are_refused: "no addresses" => Outcome::Good;
    memories_that_cannot_grow_do_not: "no memory" => Outcome::Good;
    a_forked_child_patches_its_own_code: "fork" => Outcome::Good;
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
    module: Module,
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
    World { store, module, instance }
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

    fn stops(&self) -> Vec<CodeOffset> {
        self.module.compiled().frames.as_ref().unwrap().stops.iter().map(|stop| stop.return_offset).collect()
    }

    fn patch(&self, armed: bool) -> Result<(), Error> {
        self.store.patch(&self.store.blobs_of(&self.module)[0], self.stops().into_iter().map(|stop| (stop, armed)))
    }

    /// How many stops a count to five makes.
    fn count_stops(&self) -> usize {
        let Ok(Some(Extern::Func(func))) = self.store.instance_export(self.instance, "count") else {
            panic!("no count")
        };
        let call = Call::new_raw(&self.store, func, &[RawValue::new(5)]).unwrap();
        let mut stops = 0;
        loop {
            match call.run(&self.store).unwrap() {
                Exit::Finished => break,
                Exit::Stopped(_) => stops += 1,
                Exit::Trapped(trap) => panic!("{trap:?}"),
            }
        }
        assert_eq!(call.raw_values(), [RawValue::new(10)]);
        stops
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

/// Refuses a system call, or only those with a bit set in the third argument.
fn refuse(number: libc::c_long, third_argument_bit: Option<u32>) {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let jump = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let bit = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let refused = statement(answer, libc::SECCOMP_RET_ERRNO | libc::EACCES as u32);
    let allowed = statement(answer, libc::SECCOMP_RET_ALLOW);
    let mut filter = match third_argument_bit {
        None => vec![statement(load, 0), jump(equal, number as u32, 0, 1), refused, allowed],
        Some(wanted) => {
            let third = statement(load, 16 + 2 * 8);
            vec![statement(load, 0), jump(equal, number as u32, 0, 3), third, jump(bit, wanted, 0, 1), refused, allowed]
        }
    };
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the filter is complete, and this process wants it.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program), 0);
    }
}

fn no_door() {
    let world = world(true, || ());
    refuse(libc::SYS_openat, None);
    for _ in 0..3 {
        world.patch(true).unwrap();
        assert!(world.count_stops() >= 5);
        world.patch(false).unwrap();
        assert_eq!(world.count_stops(), 0);
    }
}

fn no_way_back() {
    let world = world(true, || ());
    refuse(libc::SYS_openat, None);
    refuse(libc::SYS_mprotect, Some(libc::PROT_EXEC as u32));
    assert_eq!(world.patch(true).unwrap_err().kind(), ErrorKind::System);
    assert_eq!(world.store.check_poisoned().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(world.call("zero", &mut []).unwrap_err().kind(), ErrorKind::Poisoned);
    // Another store has code of its own.
    let other = Store::new(world.store.engine(), StoreLimits::default()).unwrap();
    let host = other.func_new_raw(FuncType::default(), Box::new(|_, _| Ok(()))).unwrap();
    let (instance, _) = other.instantiate(&world.module, &[Extern::Func(host)]).unwrap();
    let Ok(Some(Extern::Func(zero))) = other.instance_export(instance, "zero") else { panic!("no zero") };
    assert_eq!(other.call(zero, &[]).unwrap_err().kind(), ErrorKind::Trap);
}

fn fork() {
    let world = world(true, || ());
    world.patch(true).unwrap();
    world.patch(false).unwrap();
    // SAFETY: the child runs this thread's code only, and ends by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        world.patch(true).unwrap();
        let good = world.count_stops() >= 5;
        // SAFETY: ends the process without running anything else.
        unsafe { libc::_exit(if good { GOOD } else { 1 }) }
    }
    let mut status = 0;
    // SAFETY: waits for the child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(libc::WEXITSTATUS(status), GOOD);
    assert_eq!(world.count_stops(), 0);
}

fn limit(resource: libc::__rlimit_resource_t, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: limits this process.
    assert_eq!(unsafe { libc::setrlimit(resource, &limit) }, 0);
}

fn no_addresses() {
    let World { store, .. } = world(false, || ());
    let text = "(module (table 1 funcref) (memory 1) (global (export \"g\") i32 (i32.const 1)))";
    let module = Module::new(store.engine(), &wat::parse_str(text).unwrap()).unwrap();
    limit(libc::RLIMIT_AS, 4 << 30);
    let instances = store.instances();
    assert_eq!(store.instantiate(&module, &[]).unwrap_err().kind(), ErrorKind::System);
    let ty = pellucid::base::MemoryType { minimum: 1, maximum: None };
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
