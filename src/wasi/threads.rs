//! Programs with several threads: a group of stores, each on a thread of the host's, that have a program's descriptors in common.
//!
//! ```text
//!   spawn ──> starting ──enter──> running ──finish──> gone, joined by whoever spawns, joins or ends next
//!                │                   ▲
//!                └── the group ends: │ interrupted, as all others are
//! ```
//!
//! Knows nothing of how a thread's store is made and run. Invariants: the first thread that fails or exits decides what has become of
//! the program, and all others are interrupted then; no lock is held while anything runs. Read next: [`super::linker`] for the
//! functions that guests have of it.

use super::context::{Program, Wasi};
use super::stdio::locked;
use super::{Errno, WasiConfig};
use crate::base::{Error, ErrorKind, Result, error::bail, memory};
use crate::runtime::{Interrupter, Store, ask};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::{mem, process};

/// Runs a thread, on the host's thread of its own that this is called on: with its number, and what it was started with. It calls
/// [`Threads::enter`] before anything of the guest runs.
pub type RunThread = dyn Fn(&Threads, u32, i32) -> Result<()> + Send + Sync;

/// The number of the thread that the host itself runs.
pub const MAIN: u32 = 0;

/// The largest number that a thread can have.
const LAST_NUMBER: u32 = 0x1fff_ffff;

/// A group of threads. Any thread may use it; clones are the same group.
#[derive(Clone)]
pub struct Threads(Arc<Group>);

struct Group {
    program: Arc<Program>,
    most: u32,
    run: Box<RunThread>,
    state: Mutex<State>,
    /// A thread has finished.
    finished: Condvar,
}

#[derive(Default)]
struct State {
    /// The process whose threads they are.
    process: u32,
    /// By number. The host's own is among them as soon as there is its store.
    members: HashMap<u32, Member>,
    /// Threads that were spawned, until they are joined.
    handles: Vec<JoinHandle<()>>,
    /// The number that was given last.
    last: u32,
    /// No thread begins any more.
    is_ending: bool,
    /// What the first thread that didn't simply return ended with.
    verdict: Option<Error>,
}

struct Member {
    /// None until its store is there.
    interrupter: Option<Interrupter>,
    /// None for the host's own.
    thread: Option<ThreadId>,
    /// What it can be asked for by now.
    hears: u32,
    /// What it has been asked for before that.
    asked: u32,
}

impl Member {
    fn ask(&mut self, number: u32, bits: u32) {
        let heard = bits & self.hears;
        self.asked |= bits & !heard;
        if heard != 0
            && let Some(interrupter) = &self.interrupter
            && let Err(refused) = interrupter.ask(heard)
        {
            log::debug!("thread {number} wasn't interrupted: {refused:?}");
        }
    }

    fn hear(&mut self, number: u32, bits: u32) {
        self.hears |= bits;
        let asked = mem::take(&mut self.asked);
        self.ask(number, asked);
    }
}

impl Threads {
    /// A group of which no thread runs yet. At most so many can be spawned at a time.
    ///
    /// Errors: as for [`super::define`].
    pub fn new(config: &WasiConfig, most: u32, run: Box<RunThread>) -> Result<(Threads, Wasi)> {
        let (program, wasi) = Program::new(config)?;
        let state = Mutex::new(State { process: process::id(), ..State::default() });
        let finished = Condvar::new();
        Ok((Threads(Arc::new(Group { program: Arc::new(program), most, run, state, finished })), wasi))
    }

    /// What its threads have in common.
    pub(super) fn program(&self) -> &Arc<Program> {
        &self.0.program
    }

    /// Adds the store that a thread runs in. Answers whether it is to run at all: not if the group ends.
    ///
    /// Errors: `InvalidState` for a second store of the host's own, and for one that is in a group; `Unsupported` if its guests can't be
    /// interrupted; `System`.
    pub fn enter(&self, number: u32, store: &Store) -> Result<bool> {
        store.check_in_no_group()?;
        let interrupter = Some(store.interrupter()?);
        let mut state = locked(&self.0.state);
        if number == MAIN {
            check_no_main(&state)?;
            let hears = ask::TRAP | ask::EVENT | ask::PAUSE;
            state.members.insert(MAIN, Member { interrupter, thread: None, hears, asked: 0 });
        } else if let Some(member) = state.members.get_mut(&number) {
            member.interrupter = interrupter;
            member.hear(number, ask::TRAP | ask::EVENT);
        }
        store.enter_group();
        Ok(!state.is_ending)
    }

    /// The thread's call can pause from now on.
    pub fn can_pause(&self, number: u32) {
        if let Some(member) = locked(&self.0.state).members.get_mut(&number) {
            member.hear(number, ask::PAUSE);
        }
    }

    /// Starts a thread; answers its number. `Again` if there are as many as there may be, or none begins any more.
    pub fn spawn(&self, start: i32) -> Result<u32, Errno> {
        let mut state = self.state();
        join_finished(&mut state);
        memory::ask_for_several().map_err(|_| Errno::Again)?;
        if state.is_ending || self.spawned(&state) >= self.0.most as usize || state.last == LAST_NUMBER {
            return Err(Errno::Again);
        }
        state.last += 1;
        let number = state.last;
        let group = self.clone();
        let name = format!("wasi-thread-{number}");
        let spawned = thread::Builder::new().name(name).spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| (group.0.run)(&group, number, start)));
            let panicked = |_| Err(Error::new(ErrorKind::Panic, format_args!("thread {number} panicked")));
            group.finish(number, outcome.unwrap_or_else(panicked));
        });
        let handle = spawned.map_err(|_| Errno::Again)?;
        let thread = Some(handle.thread().id());
        // Its own first step waits for the lock.
        state.members.insert(number, Member { interrupter: None, thread, hears: 0, asked: 0 });
        state.handles.push(handle);
        Ok(number)
    }

    fn spawned(&self, state: &State) -> usize {
        state.members.len() - usize::from(state.members.contains_key(&MAIN))
    }

    /// How many threads there are that were spawned and haven't finished.
    pub fn count(&self) -> usize {
        self.spawned(&self.state())
    }

    fn finish(&self, number: u32, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.stop(number, error);
        }
        locked(&self.0.state).members.remove(&number);
        self.0.finished.notify_all();
    }

    /// Ends the program, as one of its threads has failed or exited: all others are interrupted. Only the first counts; what threads
    /// end with that were interrupted is no verdict.
    pub fn stop(&self, number: u32, error: Error) {
        let mut state = locked(&self.0.state);
        if state.is_ending {
            return;
        }
        state.is_ending = true;
        state.verdict = Some(error);
        interrupt(&mut state, ask::TRAP, |other| other != number);
    }

    /// Interrupts all threads in this way, the host's own too. Those that can't hear it yet do so when they can.
    pub fn interrupt(&self, bits: u32) {
        interrupt(&mut locked(&self.0.state), bits, |_| true);
    }

    /// Whether none begins any more, and those that run are to end.
    pub fn is_ending(&self) -> bool {
        locked(&self.0.state).is_ending
    }

    /// Waits until all threads that were spawned have finished; answers the verdict.
    ///
    /// Errors: `InvalidState` in one of these threads; the verdict.
    pub fn join(&self) -> Result<()> {
        self.wait(false)
    }

    /// Ends all threads that were spawned, and waits for that; answers the verdict. None begins any more.
    ///
    /// Errors: as [`Threads::join`].
    pub fn end(&self) -> Result<()> {
        self.wait(true)
    }

    /// The group's state. In a child of a fork the threads of the parent are none of it.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = locked(&self.0.state);
        if state.process != process::id() {
            state.process = process::id();
            state.members.retain(|number, _| *number == MAIN);
            mem::forget(mem::take(&mut state.handles));
        }
        state
    }

    fn wait(&self, ends: bool) -> Result<()> {
        let mut state = self.state();
        let this = thread::current().id();
        if state.members.values().any(|member| member.thread == Some(this)) {
            bail!(InvalidState, "a thread of the group can't wait for all of them");
        }
        if ends {
            state.is_ending = true;
            interrupt(&mut state, ask::TRAP, |number| number != MAIN);
        }
        while self.spawned(&state) > 0 {
            state = self.0.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let handles = mem::take(&mut state.handles);
        if state.is_ending
            && let Some(interrupter) = state.members.get(&MAIN).and_then(|main| main.interrupter.as_ref())
        {
            // If it was asked to end and has ended by itself, its store's next guest isn't meant.
            interrupter.forget(ask::TRAP);
        }
        let verdict = state.verdict.clone();
        drop(state);
        for handle in handles {
            // The thread catches its panics.
            let _ = handle.join();
        }
        verdict.map_or(Ok(()), Err)
    }

    /// Ends all threads, as the host doesn't need the group any more; waits for that unless this is one of them.
    pub fn give_up(&self) {
        {
            let mut state = self.state();
            state.is_ending = true;
            interrupt(&mut state, ask::TRAP, |number| number != MAIN);
        }
        // Who asks doesn't want to know the verdict.
        let _ = self.end();
    }

    /// `InvalidState` if the store can't be that of the group's first thread: the group has one, or it is in a group.
    pub fn check_main(&self, store: &Store) -> Result<()> {
        store.check_in_no_group()?;
        check_no_main(&locked(&self.0.state))
    }
}

fn check_no_main(state: &State) -> Result<()> {
    if state.members.contains_key(&MAIN) {
        bail!(InvalidState, "the group has a store for its first thread already");
    }
    Ok(())
}

fn interrupt(state: &mut State, bits: u32, is_meant: impl Fn(u32) -> bool) {
    for (number, member) in &mut state.members {
        if is_meant(*number) {
            member.ask(*number, bits);
        }
    }
}

/// Gives back what the system keeps of threads that have finished.
fn join_finished(state: &mut State) {
    for handle in state.handles.extract_if(.., |handle| handle.is_finished()) {
        // The thread catches its panics.
        let _ = handle.join();
    }
}
