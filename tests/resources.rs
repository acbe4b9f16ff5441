//! What the library asks of the system, and what happens if it isn't given: descriptors, mappings, threads, memory; and
//! what a forked process has of its parent's. Each scenario runs in a child process of its own: this program again, told
//! by an environment variable what to do.

#![expect(unsafe_code, reason = "sets limits, filters system calls and forks")]

use pellucid::base::{CodeOffset, Config, Error, ErrorKind, RawValue, StoreLimits, Value};
use pellucid::debug::{CallState, Debuggee, Resume};
use pellucid::runtime::{Call, Engine, Exit, Extern, Module, Store};
use std::process::Command;

/// The exit code of a scenario that went as it should.
const GOOD: i32 = 42;
const SCENARIO: &str = "PELLUCID_TEST_SCENARIO";

macro_rules! scenarios {
    ($($name:ident = $scenario:ident;)*) => {
        $(
            #[test]
            fn $name() {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(["--exact", "scenario", "--nocapture", "--include-ignored"]);
                let output = command.env(SCENARIO, stringify!($scenario)).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(GOOD), "{}\n{said}", output.status);
            }
        )*

        #[test]
        #[ignore = "run by the other tests, in a child process"]
        fn scenario() {
            match std::env::var(SCENARIO).as_deref() {
                $(Ok(stringify!($scenario)) => $scenario(),)*
                other => panic!("no scenario {other:?}"),
            }
            std::process::exit(GOOD);
        }
    };
}

scenarios! {
    no_descriptor_stays_open = descriptors;
    standard_streams_that_are_closed_stay_closed = closed_streams;
    a_forked_process_patches_its_own_code = fork;
    a_forked_process_of_another_namespace_patches_its_own_code = fork_into_namespace;
    code_needs_no_files = no_files;
    code_needs_no_large_files = no_large_files;
    code_needs_no_change_of_protection = no_change_of_protection;
    code_that_cannot_be_changed_stays_as_it_is = no_change_of_code;
    a_method_that_was_refused_once_is_tried_again = refused_once;
    no_page_is_ever_writable_and_executable = no_writable_code;
    modules_are_compiled_without_further_threads = no_threads;
    memory_that_runs_out_is_a_status = little_memory;
    modules_are_compiled_by_users_that_may_have_no_threads = no_processes;
    frames_that_cannot_go_on_otherwise_stay_as_they_are = frames_without_memory;
    frames_stay_as_they_are_where_no_more_code_can_be_made = frames_without_code;
}

const COUNT: &str = r#"(module
    (func (export "count") (param i32) (result i32) (local i32)
        (loop $next
            (local.set 1 (i32.add (local.get 1) (i32.const 2)))
            (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1))
    (func (export "other") (param f64) (result f64) (f64.neg (local.get 0))))"#;

struct World {
    store: Store,
    module: Module,
    count: pellucid::base::Func,
}

fn engine() -> Engine {
    Engine::new(Config { debug: true, ..Config::default() }).unwrap()
}

/// A module to be debugged, in a store.
fn world(engine: &Engine) -> Result<World, Error> {
    let store = Store::new(engine, StoreLimits::default())?;
    let module = Module::new(engine, &wat::parse_str(COUNT).unwrap())?;
    let (instance, _) = store.instantiate(&module, &[])?;
    let Ok(Some(Extern::Func(count))) = store.instance_export(instance, "count") else { panic!("no count") };
    Ok(World { store, module, count })
}

impl World {
    fn patch(&self, armed: bool) -> Result<(), Error> {
        let stops = &self.module.compiled().frames.as_ref().unwrap().stops;
        let edits: Vec<(CodeOffset, bool)> = stops.iter().map(|stop| (stop.return_offset, armed)).collect();
        self.store.patch(&self.store.blobs_of(&self.module)[0], edits.into_iter())
    }

    /// How many stops a count to five makes.
    fn count_stops(&self) -> usize {
        let call = Call::new_raw(&self.store, self.count, &[RawValue::new(5)]).unwrap();
        let mut stops = 0;
        loop {
            match call.run(&self.store).unwrap() {
                Exit::Finished => break,
                Exit::Stopped(_) => stops += 1,
                Exit::Trapped(trap) => panic!("{trap:?}"),
                Exit::Interrupted(place) => panic!("{place:?}"),
                Exit::Yielded => panic!("no host function waits"),
                Exit::Threw => panic!("nothing is thrown"),
            }
        }
        assert_eq!(call.raw_values(), [RawValue::new(10)]);
        stops
    }

    /// Arms and disarms everything, and counts.
    fn check(&self) {
        for _ in 0..3 {
            self.patch(true).unwrap();
            assert!(self.count_stops() >= 5);
            self.patch(false).unwrap();
            assert_eq!(self.count_stops(), 0);
        }
    }
}

/// The kinds of pages of code that this process has, as in `r-xp` and `r-xs`, and whether they belong to a file.
fn code_pages() -> Vec<(String, bool)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let lines = maps.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let code = lines.filter(|columns| columns[1].starts_with("r-x"));
    code.map(|columns| (columns[1].to_string(), columns.len() > 5)).collect()
}

/// Whether any private memory without a file holds code.
fn has_private_code() -> bool {
    code_pages().contains(&("r-xp".to_string(), false))
}

fn open_descriptors() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn limit(resource: libc::__rlimit_resource_t, to: u64) {
    let limit = libc::rlimit { rlim_cur: to, rlim_max: to };
    // SAFETY: limits this process.
    assert_eq!(unsafe { libc::setrlimit(resource, &limit) }, 0);
}

/// Limits the process's writable memory, or lifts the limit.
fn limit_writable_memory(to: Option<u64>) {
    limit_for_a_while(libc::RLIMIT_DATA, to);
}

fn limit_for_a_while(resource: libc::__rlimit_resource_t, to: Option<u64>) {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is good for reading and writing.
    unsafe {
        assert_eq!(libc::getrlimit(resource, &mut limits), 0);
        limits.rlim_cur = to.unwrap_or(limits.rlim_max);
        assert_eq!(libc::setrlimit(resource, &limits), 0);
    }
}

/// Answers system calls with `answer`: all with this number, or those whose third argument has all of some bits.
fn filter(number: libc::c_long, bits: Option<i32>, answer: u32) {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let jump = |k: u32, no: u8| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: 0,
        jf: no,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let answer = statement(libc::BPF_RET | libc::BPF_K, answer);
    let allowed = statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW);
    let mut filter = match bits {
        None => vec![statement(load, 0), jump(number as u32, 1), answer, allowed],
        Some(bits) => {
            let (third, mask) = (statement(load, 16 + 2 * 8), libc::BPF_ALU | libc::BPF_AND | libc::BPF_K);
            let bits = bits as u32;
            vec![
                statement(load, 0),
                jump(number as u32, 4),
                third,
                statement(mask, bits),
                jump(bits, 1),
                answer,
                allowed,
            ]
        }
    };
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the filter is complete, and this process wants it.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program), 0);
    }
}

/// Refuses system calls, see [`filter`].
fn refuse(number: libc::c_long, bits: Option<i32>) {
    filter(number, bits, libc::SECCOMP_RET_ERRNO | libc::EACCES as u32);
}

/// Whether the code went well in a forked process.
fn fork_and(code: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs this thread's code only, and ends by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(code)).unwrap_or(false);
        // SAFETY: ends the process without running anything else.
        unsafe { libc::_exit(if good { GOOD } else { 1 }) }
    }
    let mut status = 0;
    // SAFETY: waits for the child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == GOOD
}

fn descriptors() {
    let before = open_descriptors();
    let engine = engine();
    // Room for three more: one for a file, two for the test.
    limit(libc::RLIMIT_NOFILE, before.len() as u64 + 3);
    let worlds: Vec<_> = (0..300).map(|_| world(&engine).unwrap()).collect();
    assert_eq!(open_descriptors(), before);
    worlds.iter().step_by(50).for_each(World::check);
    assert_eq!(open_descriptors(), before);
    assert!(fork_and(|| open_descriptors() == before));
}

fn closed_streams() {
    for stream in 0..3 {
        // SAFETY: nobody reads or writes the streams any more.
        unsafe { libc::close(stream) };
    }
    // What a guest does that has been given the standard streams.
    std::thread::spawn(|| {
        let bytes = [0xcc_u8; 65536];
        loop {
            for stream in 0..3 {
                // SAFETY: the bytes are there.
                unsafe { libc::pwrite(stream, bytes.as_ptr().cast(), bytes.len(), 0) };
            }
        }
    });
    let engine = engine();
    for _ in 0..50 {
        world(&engine).unwrap().check();
        for stream in 0..3 {
            // SAFETY: asks only.
            assert_eq!(unsafe { libc::fcntl(stream, libc::F_GETFD) }, -1);
        }
    }
}

fn fork() {
    let world = world(&engine()).unwrap();
    world.check();
    assert!(fork_and(|| {
        world.patch(true).unwrap();
        world.count_stops() >= 5
    }));
    assert_eq!(world.count_stops(), 0);
    world.patch(true).unwrap();
    assert!(fork_and(|| {
        world.patch(false).unwrap();
        world.count_stops() == 0
    }));
    assert!(world.count_stops() >= 5);
}

/// Parent and child have the same number, each in a namespace of its own.
fn fork_into_namespace() {
    let enter = || {
        // SAFETY: concerns the children that this process will have.
        let entered = unsafe { libc::unshare(libc::CLONE_NEWPID) } == 0;
        if !entered {
            eprintln!("skipped: this process may not make namespaces");
        }
        entered
    };
    let in_parent = || {
        assert_eq!(std::process::id(), 1);
        let world = world(&engine()).unwrap();
        world.check();
        let child_is_good = !enter()
            || fork_and(|| {
                assert_eq!(std::process::id(), 1);
                world.patch(true).unwrap();
                world.count_stops() >= 5
            });
        child_is_good && world.count_stops() == 0
    };
    assert!(!enter() || fork_and(in_parent));
}

fn no_files() {
    refuse(libc::SYS_memfd_create, None);
    world(&engine()).unwrap().check();
}

fn no_large_files() {
    limit(libc::RLIMIT_FSIZE, 0);
    world(&engine()).unwrap().check();
}

/// A frame whose function can't be had in another form, as long as `refused` says, is as before; changes have an effect after that.
fn frames_that_cannot_change(refused: impl FnOnce(&dyn Fn()), can_later: bool) {
    let engine = engine();
    let debuggee = Debuggee::new(&engine, StoreLimits::default()).unwrap();
    let module = Module::new(&engine, &wat::parse_str(COUNT).unwrap()).unwrap();
    let instance = debuggee.instantiate(&module, &[]).unwrap();
    let Some(Extern::Func(count)) = debuggee.store().instance_export(instance, "count").unwrap() else { panic!() };
    let call = debuggee.call_begin(count, &[Value::I32(5)]).unwrap();
    assert_eq!(call.resume(&debuggee, Resume::Step).unwrap(), CallState::Paused);
    let frame = call.frame(&debuggee).unwrap().unwrap();
    let write = || debuggee.frame_write_local(&frame, 0, &Value::I32(100));
    let attempts = || {
        let errors = [
            write().unwrap_err(),
            debuggee.frame_return(&frame, &[Value::I32(1)]).unwrap_err(),
            debuggee.frame_restart(&frame).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.kind() == ErrorKind::System), "{errors:?}");
    };
    refused(&attempts);
    let mut locals = [Value::I32(0); 2];
    debuggee.frame_read_locals(&frame, 0, &mut locals).unwrap();
    assert_eq!(locals[0], Value::I32(5));
    if can_later {
        write().unwrap();
    }
    // By steps, for which everything is armed already.
    while call.resume(&debuggee, Resume::Step).unwrap() == CallState::Paused {}
    assert_eq!(call.results(&debuggee).unwrap(), [Value::I32(if can_later { 200 } else { 10 })]);
}

fn frames_without_memory() {
    let without = |attempts: &dyn Fn()| {
        limit_for_a_while(libc::RLIMIT_AS, Some(0));
        attempts();
        limit_for_a_while(libc::RLIMIT_AS, None);
    };
    frames_that_cannot_change(without, true);
}

fn frames_without_code() {
    let without = |attempts: &dyn Fn()| {
        refuse(libc::SYS_memfd_create, None);
        refuse(libc::SYS_mprotect, Some(libc::PROT_EXEC));
        refuse(libc::SYS_mremap, None);
        attempts();
    };
    frames_that_cannot_change(without, false);
}

fn no_change_of_protection() {
    refuse(libc::SYS_mprotect, Some(libc::PROT_EXEC));
    let world = world(&engine()).unwrap();
    world.check();
    assert!(!has_private_code());
}

fn no_change_of_code() {
    let engine = engine();
    let good = world(&engine).unwrap();
    good.patch(true).unwrap();
    // What all calls of this type go through is compiled at the first.
    assert!(good.count_stops() >= 5);
    let untouched = world(&engine).unwrap();
    refuse(libc::SYS_memfd_create, None);
    refuse(libc::SYS_mprotect, Some(libc::PROT_EXEC));
    // Nothing of this one was changed.
    assert_eq!(untouched.patch(true).unwrap_err().kind(), ErrorKind::System);
    assert_eq!(untouched.count_stops(), 0);
    // This one's pages were made writable, and there is no way back.
    assert_eq!(good.patch(false).unwrap_err().kind(), ErrorKind::System);
    assert_eq!(good.store.check_poisoned().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(good.store.call_raw(good.count, &mut [RawValue::new(1)]).unwrap_err().kind(), ErrorKind::Poisoned);
    untouched.store.check_poisoned().unwrap();
    // A module can't be loaded, which is a status too.
    let refused = world(&engine).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::System, "{refused}");
}

fn refused_once() {
    let engine = engine();
    let (first, second) = (world(&engine).unwrap(), world(&engine).unwrap());
    assert!(!has_private_code());
    // There is no private memory, so a file it is.
    limit_writable_memory(Some(4096));
    let patched = first.patch(true);
    limit_writable_memory(None);
    patched.unwrap();
    assert!(!has_private_code());
    assert!(first.count_stops() >= 5);
    second.check();
    assert!(has_private_code());
    first.check();
}

fn no_writable_code() {
    for call in [libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_pkey_mprotect] {
        filter(call, Some(libc::PROT_WRITE | libc::PROT_EXEC), libc::SECCOMP_RET_KILL_PROCESS);
    }
    let engine = engine();
    let world_of_files = world(&engine).unwrap();
    world_of_files.check();
    let killed = fork_and(|| {
        let protection = libc::PROT_WRITE | libc::PROT_EXEC;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping touches nothing.
        unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
        true
    });
    assert!(!killed, "the filter works");
    refuse(libc::SYS_memfd_create, None);
    world(&engine).unwrap().check();
    world_of_files.check();
}

fn compile_on_many_threads(before_compiling: impl FnOnce()) {
    let engine = Engine::new(Config { compile_threads: 8, ..Config::default() }).unwrap();
    let function = "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))";
    let wasm = wat::parse_str(format!("(module {})", function.repeat(100))).unwrap();
    before_compiling();
    Module::new(&engine, &wasm).unwrap();
}

fn no_threads() {
    compile_on_many_threads(|| {
        refuse(libc::SYS_clone3, None);
        refuse(libc::SYS_clone, None);
    });
}

fn no_processes() {
    compile_on_many_threads(|| {
        limit(libc::RLIMIT_NPROC, 0);
        // SAFETY: concerns this process only. Limits of processes don't count for root.
        unsafe { libc::setuid(65534) };
    });
}

/// Modules that take much memory for their size, each in its own way.
fn demanding_modules() -> Vec<Vec<u8>> {
    let (many, locals) = ("i32 ".repeat(300), "i32 ".repeat(2000));
    let consts = "i32.const 0 ".repeat(300);
    let texts = [
        format!("(module (func (param i32) {}))", "(drop (i32.add (local.get 0) (i32.const 1)))".repeat(3000)),
        format!(
            "(module (table 1 funcref) (type $t (func (param i32))) (func (param i32) {}))",
            "(call_indirect (type $t) (i32.const 0) (local.get 0))".repeat(1500)
        ),
        format!(
            "(module (func $f (param {many}) (result {many}) unreachable) (func {consts} {} {}))",
            "call $f ".repeat(30),
            "drop ".repeat(300)
        ),
        format!("(module (func (param i32) (block $b (br_table {} (local.get 0)))))", "$b ".repeat(20_000)),
        format!(
            "(module (func (param i32) (local {locals}) {} {}))",
            "local.get 0 if ".repeat(300),
            "end ".repeat(300)
        ),
        format!("(module {})", "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))".repeat(2000)),
        format!("(module {})", "(import \"\" \"\" (func))".repeat(20_000)),
        format!("(module {})", "(global i32 (i32.const 0))".repeat(20_000)),
    ];
    texts.iter().map(|text| wat::parse_str(text).unwrap()).collect()
}

fn little_memory() {
    let modules = demanding_modules();
    let address_space = || {
        let pages: u64 =
            std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
        pages * 4096
    };
    for (debug, compile_threads) in [(false, 1), (true, 1), (false, 3)] {
        let engine = Engine::new(Config { debug, compile_threads, ..Config::default() }).unwrap();
        for wasm in &modules {
            let mut outcomes = Vec::new();
            for megabytes in [0, 3, 12, 50, 130, 140, 160, 200, 300, 600] {
                let good = fork_and(|| {
                    limit(libc::RLIMIT_AS, address_space() + (megabytes << 20));
                    match Module::new(&engine, wasm) {
                        Ok(module) => {
                            let store = Store::new(&engine, StoreLimits::default()).unwrap();
                            match store.instantiate(&module, &[]) {
                                Ok(_) => true,
                                Err(error) => matches!(error.kind(), ErrorKind::System | ErrorKind::Link),
                            }
                        }
                        Err(error) => error.kind() == ErrorKind::System,
                    }
                });
                outcomes.push((megabytes, good));
            }
            assert!(outcomes.iter().all(|(_, good)| *good), "{} bytes, {debug}: {outcomes:?}", wasm.len());
            // With enough it works.
            Module::new(&engine, wasm).unwrap();
        }
    }
    let engine = Engine::new(Config { compile_memory: 1 << 20, ..Config::default() }).unwrap();
    assert_eq!(Module::new(&engine, &modules[0]).err().unwrap().kind(), ErrorKind::Limit);
}
