//! What happens when the system refuses to let code be changed. Each case limits its process, so it has one of its own.
#![expect(unsafe_code, reason = "sets limits of the process")]

use crate::scene::{self, Scene, kind};
use crate::skip;
use pellucid::base::{ErrorKind, Value};
use pellucid::debug::{Edit, EventKind};
use pellucid::runtime::Module;
use std::process::Command;

const CODE: &str = r#"(module (func (export "f") (param i32)
    nop
    nop
    (local.set 0 (i32.const 1))
    (loop nop (br_if 0 (i32.eqz (local.get 0))))))"#;

/// Runs a test of this file in a process of its own.
fn run_alone(test: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("patch::{test}"), "--ignored", "--nocapture"]).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    scene::repeat_skipped(&text);
}

/// Limits the process's writable memory, or lifts the limit.
fn limit_writable_memory(limit: Option<u64>) {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is good for reading and writing.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_DATA, &mut limits), 0);
        limits.rlim_cur = limit.unwrap_or(limits.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_DATA, &limits), 0);
    }
}

/// An edit of two modules, one of which has no code in the store yet, is refused in the middle.
fn refuse_an_edit() {
    let scene = Scene::new(CODE);
    let other = Module::new(scene.module.engine(), &wat::parse_str(CODE).unwrap()).unwrap();
    let old = scene.add(0, 1);
    let log = scene.log(EventKind::ALL);
    let hits = || {
        scene.call("f", &[Value::I32(0)]).unwrap();
        log.places().into_iter().map(|(_, _, operator)| operator).collect::<Vec<_>>()
    };
    assert_eq!(hits(), [1]);
    let listed = || {
        let list = scene.debuggee.breakpoints().unwrap();
        list.iter().map(|info| (info.id, info.enabled)).collect::<Vec<_>>()
    };
    let mut edit = Edit::begin(&scene.debuggee).unwrap();
    edit.add(&scene.debuggee, &scene.module, scene.pc(0, 5)).unwrap();
    edit.add(&scene.debuggee, &other, scene::pc(&other, 0, 0)).unwrap();
    edit.remove(old);
    edit.single_step(true);
    limit_writable_memory(Some(4096));
    let refused = edit.commit(&scene.debuggee);
    limit_writable_memory(None);
    assert_eq!(kind(refused), ErrorKind::System);
    assert_eq!(listed(), [(old, true)]);
    assert!(!scene.debuggee.is_single_stepping().unwrap());
    assert_eq!(hits(), [1]);
    // Later it works.
    let new = scene.add(0, 5);
    assert_eq!(listed(), [(old, true), (new, true)]);
    assert_eq!(hits(), [1, 5]);
    scene.edit(|edit| [old, new].into_iter().for_each(|id| edit.remove(id)));
    assert_eq!(hits(), []);
}

#[test]
fn an_edit_that_the_system_refuses_leaves_everything_as_it_was() {
    run_alone("refused_by_mapping", &[]);
    run_alone("refused_by_protection", &[("PELLUCID_PATCH", "pages")]);
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn refused_by_mapping() {
    refuse_an_edit();
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn refused_by_protection() {
    refuse_an_edit();
}

#[test]
fn pages_that_stay_without_execution_poison_the_store() {
    run_alone("execution_is_not_given_back", &[("PELLUCID_PATCH", "pages")]);
}

#[test]
fn pages_that_stay_without_execution_are_replaced() {
    run_alone("execution_is_not_needed", &[]);
}

/// From now on, no page of the process becomes executable that wasn't. Linux can do this since 6.3; whether it did.
fn refuse_execution() -> bool {
    const PR_SET_MDWE: libc::c_int = 65;
    const PR_MDWE_REFUSE_EXEC_GAIN: libc::c_ulong = 1;
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0 }
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn execution_is_not_given_back() {
    let scene = Scene::new(CODE);
    let id = scene.add(0, 0);
    scene.edit(|edit| edit.remove(id));
    scene.call("f", &[Value::I32(0)]).unwrap();
    if !refuse_execution() {
        return skip::skipped("patch::execution_is_not_given_back", "the kernel can't refuse to give pages execution");
    }
    let mut edit = Edit::begin(&scene.debuggee).unwrap();
    edit.add(&scene.debuggee, &scene.module, scene.pc(0, 0)).unwrap();
    assert_eq!(kind(edit.commit(&scene.debuggee)), ErrorKind::System);
    assert_eq!(kind(scene.call("f", &[Value::I32(0)])), ErrorKind::Poisoned);
    assert_eq!(kind(scene.debuggee.instantiate(&scene.module, &[])), ErrorKind::Poisoned);
    let edit = Edit::begin(&scene.debuggee).unwrap();
    assert_eq!(kind(edit.commit(&scene.debuggee)), ErrorKind::Poisoned);
    assert_eq!(scene.debuggee.breakpoints().unwrap().len(), 0);
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn execution_is_not_needed() {
    let scene = Scene::new(CODE);
    let log = scene.log(EventKind::ALL);
    // One whose page can be written before, and once more in a store whose pages are all as they were.
    let id = scene.add(0, 0);
    if !refuse_execution() {
        return skip::skipped("patch::execution_is_not_needed", "the kernel can't refuse to give pages execution");
    }
    scene.edit(|edit| edit.remove(id));
    for operator in [1, 5] {
        let id = scene.add(0, operator);
        scene.call("f", &[Value::I32(0)]).unwrap();
        assert_eq!(log.places().into_iter().map(|(_, _, hit)| hit).collect::<Vec<_>>(), [operator]);
        scene.edit(|edit| edit.remove(id));
    }
    by_any_method();
}

#[test]
fn breakpoints_work_by_each_method() {
    for method in ["pages", "files"] {
        run_alone("by_method", &[("PELLUCID_PATCH", method)]);
    }
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn by_method() {
    by_any_method();
}

fn by_any_method() {
    let scene = Scene::new(CODE);
    let log = scene.log(EventKind::ALL);
    for operator in 0..scene::operators(&scene.module, 0) {
        let id = scene.add(0, operator);
        scene.call("f", &[Value::I32(0)]).unwrap();
        let places = log.places();
        assert!(places.iter().all(|(_, _, hit)| *hit == operator));
        assert!(!places.is_empty(), "operator {operator}");
        scene.edit(|edit| edit.remove(id));
    }
    scene.call("f", &[Value::I32(0)]).unwrap();
    assert_eq!(log.places(), []);
}

#[test]
fn stepping_that_the_system_refuses_is_an_error_of_the_call() {
    run_alone("stepping_is_refused", &[("PELLUCID_PATCH", "pages")]);
}

/// Turning stepping on or off changes no code, running does. What is refused then works when it is tried again.
#[test]
#[ignore = "run by another test in a process of its own"]
fn stepping_is_refused() {
    let scene = Scene::new(CODE);
    let log = scene.log(EventKind::ALL);
    scene.call("f", &[Value::I32(0)]).unwrap();
    let events = || {
        scene.call("f", &[Value::I32(0)]).unwrap();
        log.places().len()
    };
    limit_writable_memory(Some(4096));
    scene.edit(|edit| edit.single_step(true));
    let refused = scene.call("f", &[Value::I32(0)]);
    limit_writable_memory(None);
    assert_eq!(kind(refused), ErrorKind::System);
    assert_eq!(log.places(), []);
    assert_eq!(events(), scene::operators(&scene.module, 0));
    limit_writable_memory(Some(4096));
    scene.edit(|edit| edit.single_step(false));
    let refused = scene.call("f", &[Value::I32(0)]);
    limit_writable_memory(None);
    assert_eq!(kind(refused), ErrorKind::System);
    assert_eq!(events(), 0);
}
