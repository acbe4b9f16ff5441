//! A second thread in a store: while another is inside, whatever it does there is refused; where both come and go, each
//! is refused, or does what it came for.
//!
//! It knows the store by its pointer and copies of handles, and nothing of the program that made them: that belongs to the
//! first thread. What it makes it hands back.

use crate::random::Random;
use pellucid::ffi::breakpoint::*;
use pellucid::ffi::call::*;
use pellucid::ffi::edit::*;
use pellucid::ffi::externref::*;
use pellucid::ffi::frame::*;
use pellucid::ffi::func::*;
use pellucid::ffi::global::*;
use pellucid::ffi::handle::*;
use pellucid::ffi::instance::*;
use pellucid::ffi::memory::*;
use pellucid::ffi::store::*;
use pellucid::ffi::table::*;
use pellucid::ffi::types::pellucid_globaltype_t;
use pellucid::ffi::value::*;
use std::ptr::null_mut;

const OK: i32 = 0;
const BUSY: i32 = -21;
const OUT_OF_RANGE: i32 = -5;
const TRAP: i32 = -10;

/// What a thread knows of a store.
#[derive(Clone)]
pub struct Known {
    pub store: *mut pellucid_store_t,
    pub instance: Option<pellucid_instance_t>,
    /// One that takes two numbers of 32 bits, and calls nothing of the host's.
    pub add: Option<pellucid_func_t>,
    pub memory: Option<pellucid_memory_t>,
    pub table: Option<pellucid_table_t>,
    pub global: Option<pellucid_global_t>,
    pub calls: Vec<*mut pellucid_call_t>,
    pub edits: Vec<*mut pellucid_edit_t>,
}

// SAFETY: what the pointers point to stays alive until the threads have ended, and its use by two threads is what is tried here.
unsafe impl Send for Known {}

/// What was done, and what it made.
#[derive(Default)]
pub struct Done {
    pub answers: Vec<(&'static str, i32)>,
    pub calls: Vec<*mut pellucid_call_t>,
    pub edits: Vec<*mut pellucid_edit_t>,
}

// SAFETY: it is handed over.
unsafe impl Send for Done {}

impl Known {
    /// Uses the store so many times. If another thread is inside all the time, deletions are tried too, which do nothing.
    pub fn act(&self, random: &mut Random, times: usize, is_other_inside: bool) -> Done {
        let mut done = Done::default();
        for _ in 0..times {
            let answer = self.act_once(random, is_other_inside, &mut done);
            done.answers.extend(answer);
        }
        done
    }

    fn act_once(&self, random: &mut Random, is_other_inside: bool, done: &mut Done) -> Option<(&'static str, i32)> {
        macro_rules! call {
            ($name:ident($($arg:expr),* $(,)?)) => {
                // SAFETY: the objects are alive, all other pointers good.
                Some((stringify!($name), unsafe { $name($($arg),*) }))
            };
        }
        let store = self.store;
        let mut value = pellucid_value_t::default();
        let (mut number, mut size) = (0, 0);
        let mut global_type = pellucid_globaltype_t { kind: 0, is_mutable: 0 };
        let mut bytes = [0_u8; 16];
        match random.below(if is_other_inside { 24 } else { 14 }) {
            0 => call!(pellucid_memory_size(store, &self.memory?, &mut number)),
            1 => call!(pellucid_memory_read(store, &self.memory?, 8, bytes.as_mut_ptr(), bytes.len())),
            2 => call!(pellucid_memory_write(store, &self.memory?, 8, bytes.as_ptr(), bytes.len())),
            3 => call!(pellucid_global_type(store, &self.global?, &mut global_type)),
            4 => call!(pellucid_global_get(store, &self.global?, &mut value)),
            5 => call!(pellucid_store_limit(store, 1, &mut number)),
            6 => call!(pellucid_instance_export_count(store, &self.instance?, &mut size)),
            7 => call!(pellucid_externref_new(store, null_mut(), None, &mut pellucid_externref_t::default())),
            8 => call!(pellucid_table_size(store, &self.table?, &mut number)),
            9 | 10 => {
                let number = random.word() as i32;
                let arg = |number| pellucid_value_t { kind: 0, reserved: 0, of: pellucid_value_of_t { i32: number } };
                let args = [arg(number), arg(7)];
                let answer = call!(pellucid_func_call(store, &self.add?, args.as_ptr(), 2, &mut value, 1, null_mut()));
                // SAFETY: it is a number of 32 bits.
                assert!(answer?.1 != OK || unsafe { value.of.i32 } == number.wrapping_add(7), "another sum");
                answer
            }
            11 | 12 => {
                let number = random.word() as i32;
                let mut values = [pellucid_raw_t { i64: 0 }, pellucid_raw_t { i64: 0 }, pellucid_raw_t { i64: 0 }];
                (values[0].i32, values[1].i32) = (number, 9);
                let n = 2 + random.below(2);
                let answer = call!(pellucid_func_call_raw(store, &self.add?, values.as_mut_ptr(), n, null_mut()));
                // SAFETY: it is a number of 32 bits.
                assert!(answer?.1 != OK || unsafe { values[0].i32 } == number.wrapping_add(9), "another sum");
                answer
            }
            13 => {
                let (add, mut call) = (self.add?, null_mut());
                let args = [pellucid_value_t { kind: 0, reserved: 0, of: pellucid_value_of_t { i32: 1 } }; 2];
                let answer = call!(pellucid_call_begin(store, &add, args.as_ptr(), 2, &mut call, null_mut()));
                done.calls.extend((!call.is_null()).then_some(call));
                answer
            }
            // What debugging has, or what would change what the first thread expects, if it weren't refused.
            14 => call!(pellucid_frame_newest(store, &mut frame())),
            15 => call!(pellucid_frame_activations(store, null_mut(), 0, &mut size)),
            16 => {
                if random.chance(50) {
                    call!(pellucid_store_instance_count(store, &mut size))
                } else {
                    call!(pellucid_breakpoint_list(store, null_mut(), 0, &mut size))
                }
            }
            17 => {
                let mut edit = null_mut();
                let answer = call!(pellucid_edit_begin(store, &mut edit));
                done.edits.extend((!edit.is_null()).then_some(edit));
                answer
            }
            18 => call!(pellucid_memory_grow(store, &self.memory?, 1, &mut number, null_mut())),
            19 => call!(pellucid_store_set_limit(store, 7, 0)),
            20 => {
                // SAFETY: NULL is said to be NULL, and the frame is nobody's.
                let is_valid = unsafe { pellucid_frame_is_valid(store, &frame()) };
                assert!(!is_valid, "a frame of nobody is valid");
                // SAFETY: another thread is inside, so that nothing happens.
                unsafe { pellucid_store_delete(store) };
                None
            }
            21 => {
                let call = *self.calls.first()?;
                // SAFETY: as above.
                unsafe { pellucid_call_delete(call) };
                let mut state = 0;
                call!(pellucid_call_resume(call, random.below(2) as u32, &mut state, null_mut()))
            }
            22 => call!(pellucid_call_frame(*self.calls.first()?, &mut frame())),
            _ => {
                let edit = *self.edits.first()?;
                // SAFETY: as above.
                unsafe { pellucid_edit_delete(edit) };
                if random.chance(50) {
                    call!(pellucid_edit_commit(edit, null_mut()))
                } else {
                    call!(pellucid_edit_single_step(edit, true))
                }
            }
        }
    }
}

fn frame() -> pellucid_frame_t {
    pellucid_frame_t { store: 0, call: 0, epoch: 0, position: 0, reserved: 0 }
}

/// What is wrong with how a second thread was answered while another was inside all the time.
pub fn wrong_inside(done: &Done) -> Option<String> {
    let wrong = done.answers.iter().find(|(_, status)| *status != BUSY)?;
    Some(format!("{} answers {} to a second thread", wrong.0, wrong.1))
}

/// What is wrong with how a thread was answered beside another.
pub fn wrong_beside(done: &Done) -> Option<String> {
    let is_wrong = |(name, status): &&(&str, i32)| match *status {
        OK | BUSY => false,
        // A memory may be empty, and the store's limits leave no room for a call.
        OUT_OF_RANGE => !name.starts_with("pellucid_memory_"),
        TRAP => !name.starts_with("pellucid_func_call"),
        _ => true,
    };
    let wrong = done.answers.iter().find(is_wrong)?;
    Some(format!("{} answers {} beside another thread", wrong.0, wrong.1))
}

/// Deletes what was made.
pub fn delete(done: Done) {
    for call in done.calls {
        // SAFETY: nobody else has it.
        unsafe { pellucid_call_delete(call) };
    }
    for edit in done.edits {
        // SAFETY: nobody else has it.
        unsafe { pellucid_edit_delete(edit) };
    }
}
