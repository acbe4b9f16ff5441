//! No page of the process is ever writable and executable at once, whatever is done and however code is patched.
#![expect(unsafe_code, reason = "maps a page, to see that it would be found")]

use crate::scene::{self, Scene};
use crate::skip;
use pellucid::base::Value;
use pellucid::debug::{Action, Debuggee, Event, EventKind};
use std::cell::Cell;
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const CODE: &str = r#"(module
  (import "" "host" (func $host))
  (memory 1) (table 4 funcref)
  (func (export "f") (param i32) (result i32)
    (call $host)
    (i32.store (i32.const 0) (local.get 0))
    (i32.add (local.get 0) (i32.const 1)))
  (func (export "g") (unreachable)))"#;

/// The mappings of this process that are writable and executable.
fn writable_and_executable() -> Vec<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let is_both = |line: &&str| {
        let protection = line.split(' ').nth(1).expect("addresses, protection, …");
        protection.contains('w') && protection.contains('x')
    };
    maps.lines().filter(is_both).map(str::to_string).collect()
}

fn assert_separate(stage: &str) {
    assert_eq!(writable_and_executable(), [""; 0], "{stage}");
}

#[test]
fn no_mapping_is_writable_and_executable() {
    // The usual way, and each of the two ways alone.
    for method in ["", "pages", "files"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "mappings::every_stage", "--ignored", "--nocapture"]).env("PELLUCID_PATCH", method);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "method {method:?}: {text}");
        scene::repeat_skipped(&text);
    }
}

/// Looks at all stages, with the method of patching that the environment asks for; a second thread looks all the time.
#[test]
#[ignore = "run by another test in a process of its own"]
fn every_stage() {
    the_check_finds_what_it_looks_for();
    assert_separate("at the start");
    let (is_over, looks) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut found = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                found.extend(writable_and_executable());
                looks.fetch_add(1, Ordering::Relaxed);
            }
            found
        });
        let run = std::panic::catch_unwind(|| stages(&looks));
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(watcher.join().unwrap(), [""; 0], "at any time");
        if let Err(panic) = run {
            std::panic::resume_unwind(panic);
        }
    });
}

fn the_check_finds_what_it_looks_for() {
    let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    // SAFETY: a new page, which nobody uses.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, libc::MAP_PRIVATE | libc::MAP_ANON, -1, 0) };
    if page == libc::MAP_FAILED {
        return skip::skipped("mappings::the_check_finds_what_it_looks_for", "the system allows no such page at all");
    }
    assert_eq!(writable_and_executable().len(), 1);
    // SAFETY: the page is this function's own.
    assert_eq!(unsafe { libc::munmap(page, 4096) }, 0);
}

fn stages(looks: &AtomicU64) {
    let engine = scene::engine();
    assert_separate("engine");
    let module = scene::module(&engine, CODE);
    assert_separate("module");
    let scene = Scene::of(&engine, &module, |debuggee| {
        assert_separate("store");
        vec![scene::host(
            debuggee,
            &[],
            &[],
            Box::new(|_, _| {
                assert_separate("host function");
                Ok(Vec::new())
            }),
        )]
    });
    assert_separate("instance");
    assert_eq!(scene.call("f", &[Value::I32(1)]).unwrap(), [Value::I32(2)]);
    assert_separate("after a call");
    scene.call("g", &[]).unwrap_err();
    assert_separate("after a trap");

    // Edits while the other thread looks, until it has looked often enough.
    let operators = scene::operators(&scene.module, 1);
    let (start, mut edits) = (looks.load(Ordering::Relaxed), 0);
    while looks.load(Ordering::Relaxed) < start + 200 || edits < 200 {
        let ids: Vec<u64> = (0..operators).map(|operator| scene.add(1, operator)).collect();
        scene.edit(|edit| ids.iter().for_each(|id| edit.remove(*id)));
        edits += 1;
    }
    assert_separate("after edits");
    let id = scene.add(1, 0);
    assert_separate("with a breakpoint");

    let events = Rc::new(Cell::new(0));
    let seen = events.clone();
    let module = scene.module.clone();
    let handler = move |debuggee: &Debuggee, _: &Event| {
        assert_separate("event handler");
        let id = scene::add(debuggee, &module, 1, 2);
        assert_separate("edit in a handler");
        scene::edit(debuggee, |edit| edit.remove(id));
        seen.set(seen.get() + 1);
        Action::Step
    };
    scene.debuggee.set_event_handler(EventKind::ALL, Box::new(handler)).unwrap();
    scene.call("f", &[Value::I32(1)]).unwrap();
    assert!(events.get() >= operators, "{} events", events.get());
    scene.debuggee.clear_event_handler().unwrap();
    scene.edit(|edit| edit.remove(id));
    scene.debuggee.store().map_blob(&scene.module, scene.module.compile_again().unwrap()).unwrap();
    assert_separate("a second blob");
    drop(scene);
    assert_separate("after the store");
}
