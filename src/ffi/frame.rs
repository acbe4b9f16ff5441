//! Frames of suspended guest code, for debuggers and for host functions that want to know who called.
//!
//! Knows nothing of stacks. Invariant: a frame is plain data that the core checks before it looks at anything; the
//! layout is that of [`Frame`], field by field. Read next: [`event`](super::event).

use super::bytes::pellucid_str_t;
use super::entry::entry;
use super::error::pellucid_error_t;
use super::handle::pellucid_instance_t;
use super::module::pellucid_module_t;
use super::pointer::Sized32;
use super::status::pellucid_status_t;
use super::store::pellucid_store_t;
use super::types::{kind, pellucid_kind_t};
use super::value::pellucid_value_t;
use crate::base::{Error, Result, error::bail};
use crate::debug::{Debuggee, Frame, FrameInfo};
use crate::runtime::Module;
use crate::wasm::Named;
use cranelift_entity::EntityRef;
use std::ffi::c_char;
use std::mem::offset_of;
use std::ptr::null_mut;

/// One Wasm frame of a call that stands still. Plain data: copy it, never delete it.
///
///     pellucid_frame_t frame;
///     pellucid_status_t status = pellucid_frame_newest(store, &frame);
///     for (; status == PELLUCID_OK; status = pellucid_frame_caller(store, &frame, &frame)) {
///         uint32_t pc;
///         pellucid_frame_pc(store, &frame, &pc);
///     }
///
/// A frame is valid until its call runs again, by whatever route: a resumption, the return of a host function, a step.
/// Guests that the host calls in between don't matter. From then on every function that takes it answers
/// `PELLUCID_ERR_STALE_HANDLE`, or `PELLUCID_ERR_WRONG_STORE` in another store.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct pellucid_frame_t {
    /// The number of the store.
    pub store: u64,
    /// The number of the call.
    pub call: u64,
    /// How often the call had been entered or resumed.
    pub epoch: u64,
    /// The place among the call's frames.
    pub position: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<pellucid_frame_t>() == 32 && align_of::<pellucid_frame_t>() == 8);

/// Why a frame stands still: one of `enum pellucid_frame_kind`.
///
/// Since: 0.1.
pub type pellucid_frame_kind_t = u32;

/// Values of `pellucid_frame_kind_t`.
#[repr(C)]
pub enum pellucid_frame_kind {
    /// It is stopped before the operator at its pc.
    PELLUCID_FRAME_STOPPED = 1,
    /// The operator at its pc trapped.
    PELLUCID_FRAME_TRAPPED = 2,
    /// It called another function, or the host, by the operator at its pc. Its operands are those beneath the call's
    /// arguments.
    PELLUCID_FRAME_CALLING = 3,
}

/// Where and what a frame is.
///
/// Since: 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pellucid_frame_info_t {
    /// Set by the caller to `sizeof(pellucid_frame_info_t)`.
    pub struct_size: u32,
    /// One of `enum pellucid_frame_kind`.
    pub kind: pellucid_frame_kind_t,
    /// The instance that it runs in; all zeros if the guest's stack ended before the frame was complete.
    pub instance: pellucid_instance_t,
    /// The number of its module, see `pellucid_module_id`.
    pub module_id: u64,
    /// The function's index in its module, imports counted first.
    pub func_index: u32,
    /// The operator, as an offset in the module's bytes.
    pub pc: u32,
    /// Bytes from the start of the function's body to `pc`.
    pub func_offset: u32,
    /// Number of locals, parameters included.
    pub n_locals: u32,
    /// Number of operands.
    pub n_operands: u32,
    /// Zero.
    pub reserved: u32,
}

impl Sized32 for pellucid_frame_info_t {
    const FIRST_SIZE: usize = offset_of!(pellucid_frame_info_t, reserved) + size_of::<u32>();

    fn set_struct_size(&mut self, size: u32) {
        self.struct_size = size;
    }
}

impl From<Frame> for pellucid_frame_t {
    fn from(frame: Frame) -> pellucid_frame_t {
        let Frame { store, call, epoch, position, reserved } = frame;
        pellucid_frame_t { store, call, epoch, position, reserved }
    }
}

impl pellucid_frame_t {
    pub(super) fn core(self) -> Frame {
        let pellucid_frame_t { store, call, epoch, position, reserved } = self;
        Frame { store, call, epoch, position, reserved }
    }

    fn info(self, debuggee: &Debuggee) -> Result<FrameInfo> {
        debuggee.frame_info(&self.core())
    }

    fn module(self, debuggee: &Debuggee) -> Result<Module> {
        debuggee.frame_module(&self.core())
    }
}

/// The innermost frame of the store's running guests: who called the host function, or what the event happened to.
///
/// - `store`: the store.
/// - `out_frame`: gets the frame.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if no guest is running, which a paused call
/// isn't (see `pellucid_call_frame`); `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any; there are frames in callbacks only.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_newest(
    store: *const pellucid_store_t,
    out_frame: *mut pellucid_frame_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out out_frame => {
        let Some(frame) = store.debuggee().newest_frame()? else { bail!(NotFound, "no guest is running") };
        out_frame.set(frame.into());
        Ok(())
    })
}

/// The innermost frame of each activation, newest first. An activation is what runs between an entry from the host
/// into the guest and the next call back to the host.
///
/// - `store`: the store.
/// - `out_frames`, `cap_frames`: places for frames, and how many; may be NULL if there are none.
/// - `out_n`: gets the number of activations that have Wasm frames, also those for which there is no place.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any; there are frames in callbacks only.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_activations(
    store: *const pellucid_store_t,
    out_frames: *mut pellucid_frame_t,
    cap_frames: usize,
    out_n: *mut usize,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, out_slice out_frames cap_frames, out out_n => {
        let frames = store.debuggee().frames()?;
        out_n.set(frames.len());
        out_frames.set(frames.into_iter().map(pellucid_frame_t::from));
        Ok(())
    })
}

/// The next older frame of the same activation.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_frame`: gets the frame of its caller; may be the same place as `frame`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` after the oldest; `PELLUCID_ERR_STALE_HANDLE`;
/// `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_caller(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_frame: *mut pellucid_frame_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_frame => {
        let Some(caller) = store.debuggee().frame_caller(&frame.core())? else {
            return Err(Error::absent());
        };
        out_frame.set(caller.into());
        Ok(())
    })
}

/// Whether a frame can be looked at in this store now.
///
/// - `store`: the store.
/// - `frame`: the frame.
///
/// Returns whether it can; false if a pointer is NULL.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_is_valid(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
) -> bool {
    entry!(value false; store store, copy frame => store.debuggee().frame_is_valid(&frame.core()))
}

/// What an expression is in a frame.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `text`, `n_text`: the expression, UTF-8, as `pellucid_edit_set_expression` has them.
/// - `out_value`: gets the value, of the kind `PELLUCID_I64` or `PELLUCID_F64`.
/// - `out_error`: gets an error object on failure; may be NULL.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_ARGUMENT` if the
/// text is no expression for the frame's function: the error says where the mistake is; `PELLUCID_ERR_INVALID_STATE` if it can't be told what it
/// is; `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_SYSTEM` without memory for it.
///
/// Owns: the caller owns `*out_error`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_evaluate(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    text: *const c_char,
    n_text: usize,
    out_value: *mut pellucid_value_t,
    out_error: *mut *mut pellucid_error_t,
) -> pellucid_status_t {
    entry!(status out_error; store store, copy frame, text text n_text, out out_value => {
        let value = store.debuggee().frame_evaluate(&frame.core(), text)?;
        out_value.set(pellucid_value_t::from_core(value));
        Ok(())
    })
}

/// A number by which to recognize a frame after its call has run: it stays the same while the frame lives, across
/// steps, and differs from that of every other frame that lives at the same time.
///
/// A tail call ends the frame that makes it. The one that takes its place has another number, unless it runs the same function and
/// nobody was told of the tail call's operator, by a step or a breakpoint. `PELLUCID_RESUME_STEP_OVER`
/// counts it as the same all the same.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_key`: gets the number.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_key(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_key: *mut u64,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_key => {
        out_key.set(store.debuggee().frame_key(&frame.core())?);
        Ok(())
    })
}

/// Everything about a frame that is a number, in one call.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_info`: gets it; its `struct_size` must be set.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_info(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_info: *mut pellucid_frame_info_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, sized out_info => {
        let info = frame.info(store.debuggee())?;
        out_info.set(pellucid_frame_info_t {
            struct_size: 0,
            kind: info.kind as pellucid_frame_kind_t,
            instance: info.instance.map(pellucid_instance_t::from).unwrap_or_default(),
            module_id: info.module_id,
            func_index: info.func_index.index() as u32,
            pc: info.pc.0,
            func_offset: info.func_offset,
            n_locals: info.n_locals,
            n_operands: info.n_operands,
            reserved: 0,
        });
        Ok(())
    })
}

/// Why a frame stands still.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_kind`: gets one of `enum pellucid_frame_kind`.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_kind(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_kind: *mut pellucid_frame_kind_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_kind => {
        out_kind.set(frame.info(store.debuggee())?.kind as pellucid_frame_kind_t);
        Ok(())
    })
}

/// The instance that a frame runs in.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_instance`: gets the instance.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if the guest's stack ended before the frame was
/// complete; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_instance(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_instance: *mut pellucid_instance_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_instance => {
        let Some(instance) = frame.info(store.debuggee())?.instance else {
            return Err(Error::absent());
        };
        out_instance.set(instance.into());
        Ok(())
    })
}

/// The module whose code a frame runs.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_module`: gets a reference to the module.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: the caller owns `*out_module`.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_module(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_module: *mut *mut pellucid_module_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_module => {
        out_module.give(pellucid_module_t::new(frame.module(store.debuggee())?))
    })
}

/// The index of a frame's function in its module, imports counted first.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_func_index`: gets the index.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_func_index(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_func_index: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_func_index => {
        out_func_index.set(frame.info(store.debuggee())?.func_index.index() as u32);
        Ok(())
    })
}

/// The name of a frame's function: from the name section, else that of its first export.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it has none; `PELLUCID_ERR_STALE_HANDLE`;
/// `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing; the name is valid until the store goes.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_func_name(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_name => {
        let (info, module) = (frame.info(store.debuggee())?, frame.module(store.debuggee())?);
        // The store keeps the module, so the name outlives this reference to it.
        match module.info().func_name(info.func_index) {
            Some(name) => out_name.set(pellucid_str_t::new(name)),
            None => return Err(Error::absent()),
        }
        Ok(())
    })
}

/// Where a frame is: the operator that it will execute, or in which it trapped or called, as an offset in its module's
/// bytes.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_pc`: gets the offset.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_pc(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_pc: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_pc => {
        out_pc.set(frame.info(store.debuggee())?.pc.0);
        Ok(())
    })
}

/// Where a frame is, in bytes from the start of its function's body.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_offset`: gets the offset.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_func_offset(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_offset: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_offset => {
        out_offset.set(frame.info(store.debuggee())?.func_offset);
        Ok(())
    })
}

/// How many locals a frame has, parameters included.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_n`: gets their number.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_local_count(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_n: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_n => {
        out_n.set(frame.info(store.debuggee())?.n_locals);
        Ok(())
    })
}

/// The types of a frame's locals, parameters first, without reading them.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_kinds`, `cap_kinds`: places for the types, and how many; may be NULL if there are none.
/// - `out_n`: gets the number of locals, also those for which there is no place.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_local_kinds(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_kinds: *mut pellucid_kind_t,
    cap_kinds: usize,
    out_n: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out_slice out_kinds cap_kinds, out out_n => {
        let types = store.debuggee().frame_local_types(&frame.core())?;
        out_n.set(types.len() as u32);
        out_kinds.set(types.into_iter().map(kind));
        Ok(())
    })
}

/// Reads locals of a frame, as they are before the operator at its pc.
///
/// A value that isn't known at this place has the kind `PELLUCID_UNAVAILABLE`; the others are there all the same. A local that can't be null
/// reads as null before it has been set.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `first`: the first to read, at most their number; parameters come first.
/// - `out_values`, `cap_values`: places for values, and how many to read at most.
/// - `out_n`: gets the number of values that were read.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if `first` is more than their number;
/// `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_read_locals(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    first: u32,
    out_values: *mut pellucid_value_t,
    cap_values: usize,
    out_n: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out_slice out_values cap_values, out out_n => {
        let put = |place, value| out_values.set_at(place, pellucid_value_t::from_core(value));
        out_n.set(store.debuggee().frame_locals(&frame.core(), first, out_values.len(), put)?);
        Ok(())
    })
}

/// How many operands a frame has at its pc.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_n`: gets their number.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_operand_count(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_n: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_n => {
        out_n.set(frame.info(store.debuggee())?.n_operands);
        Ok(())
    })
}

/// The types of a frame's operands, the bottom of the stack first, without reading them.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `out_kinds`, `cap_kinds`: places for the types, and how many; may be NULL if there are none.
/// - `out_n`: gets the number of operands, also those for which there is no place.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
/// `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_operand_kinds(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    out_kinds: *mut pellucid_kind_t,
    cap_kinds: usize,
    out_n: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out_slice out_kinds cap_kinds, out out_n => {
        let types = store.debuggee().frame_operand_types(&frame.core())?;
        out_n.set(types.len() as u32);
        out_kinds.set(types.into_iter().map(kind));
        Ok(())
    })
}

/// Reads operands of a frame, as they are before the operator at its pc.
///
/// A value that isn't known at this place has the kind `PELLUCID_UNAVAILABLE`; the others are there all the same. Inside of a `catch` or
/// `catch_all` whose exception a `rethrow` throws again, the exception is an operand, too: the one beneath all those of the clause. It is never
/// null, can be written like others, and is asked for where a frame is moved there.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `first`: the first to read, at most their number; 0 is the bottom of the stack.
/// - `out_values`, `cap_values`: places for values, and how many to read at most.
/// - `out_n`: gets the number of values that were read.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if `first` is more than their number;
/// `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_read_operands(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    first: u32,
    out_values: *mut pellucid_value_t,
    cap_values: usize,
    out_n: *mut u32,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out_slice out_values cap_values, out out_n => {
        let put = |place, value| out_values.set_at(place, pellucid_value_t::from_core(value));
        out_n.set(store.debuggee().frame_operands(&frame.core(), first, out_values.len(), put)?);
        Ok(())
    })
}

/// The name of a frame's local, from the name section.
///
/// - `store`: the store.
/// - `frame`: the frame.
/// - `local_index`: less than the number of its locals.
/// - `out_name`: gets the name.
///
/// Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it has none; `PELLUCID_ERR_OUT_OF_RANGE`;
/// `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
///
/// Owns: nothing; the name is valid until the store goes.
/// Context: any.
/// Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pellucid_frame_local_name(
    store: *const pellucid_store_t,
    frame: *const pellucid_frame_t,
    local_index: u32,
    out_name: *mut pellucid_str_t,
) -> pellucid_status_t {
    entry!(status null_mut(); store store, copy frame, out out_name => {
        let info = frame.info(store.debuggee())?;
        if local_index >= info.n_locals {
            bail!(OutOfRange, "the frame has {} locals", info.n_locals);
        }
        let module = frame.module(store.debuggee())?;
        // The store keeps the module, so the name outlives this reference to it.
        match module.info().name(Named::Local, info.func_index.as_u32(), local_index) {
            Some(name) => out_name.set(pellucid_str_t::new(name)),
            None => return Err(Error::absent()),
        }
        Ok(())
    })
}
