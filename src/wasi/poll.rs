//! Waiting for clocks and descriptors.

use super::clocks::Clock;
use super::context::Context;
use super::descriptors::{Descriptor, Object};
use super::guest::{Guest, Result, ask};
use super::stdio::Readiness;
use super::system::{Arrived, Wait};
use super::types::{ABSTIME, Dialect, Event, Subscription, Wanted, rights};
use super::{Errno, system};
use crate::runtime::AwaitedFile;
use std::fs::File;
use std::io::Seek;
use std::sync::Arc;

/// How many subscriptions a guest can have at once.
const MOST_SUBSCRIPTIONS: u32 = 1 << 14;

/// Bytes for all that is kept of a subscription while the guest waits.
const BY_SUBSCRIPTION: usize = 512;

/// A guest that waits: which one, and where. If it is left meanwhile it waits again when it runs on, for what is left of the time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    call: u64,
    subscriptions: u32,
    out: u32,
}

/// How a subscription stands.
enum State {
    /// It has happened, or can't.
    Ready(Result<Arrived>),
    /// It happens so many nanoseconds after the wait began.
    After(u64),
    /// The system knows.
    AsFile { file: Arc<File>, for_writing: bool },
}

impl Context {
    /// `poll_oneoff`
    pub fn poll_oneoff(
        &self,
        guest: Guest<'_>,
        dialect: Dialect,
        (subscriptions, events): (u32, u32),
        count: u32,
        out: u32,
    ) -> Result<()> {
        let size = Subscription::size_in(dialect);
        guest.check(subscriptions, u64::from(count) * u64::from(size))?;
        guest.check(events, u64::from(count) * u64::from(Event::SIZE))?;
        guest.check(out, 4)?;
        if count == 0 || count > MOST_SUBSCRIPTIONS {
            return Err(Errno::Inval);
        }
        ask(count as usize * BY_SUBSCRIPTION)?;
        let mut bytes = vec![0; count as usize * size as usize];
        guest.read(subscriptions, &mut bytes)?;
        let decoded = bytes.chunks_exact(size as usize).map(|bytes| Subscription::decode(bytes, dialect));
        let wanted: Vec<Subscription> = decoded.collect::<Option<_>>().ok_or(Errno::Inval)?;
        let waiting = Waiting { call: guest.store().current_call().map_or(0, |(call, _)| call), subscriptions, out };
        let begun = match (guest.since(), self.waiting.take()) {
            (Some(begun), _) => begun,
            (None, Some((before, begun))) if before == waiting => begun,
            _ => system::monotonic_time(),
        };
        let states: Vec<_> = wanted.iter().map(|subscription| self.state(subscription.wanted, begun)).collect();
        let outcome = self.wait(guest, &states, begun);
        if let Err(Errno::Intr) = outcome
            && !guest.yields()
        {
            self.waiting.set(Some((waiting, begun)));
        }
        let happened = outcome?;
        let mut n_events = 0;
        for (subscription, outcome) in wanted.iter().zip(happened) {
            let Some(outcome) = outcome else { continue };
            let event = event(subscription, outcome).encode();
            guest.write(events.wrapping_add(n_events * Event::SIZE), &event)?;
            n_events += 1;
        }
        guest.write_u32(out, n_events)
    }

    fn state(&self, wanted: Wanted, begun: u64) -> State {
        let state = match wanted {
            Wanted::Clock { clock, timeout, flags } => self.clock_state(clock, timeout, flags, begun),
            Wanted::Read { fd } => self.descriptor_state(fd, false),
            Wanted::Write { fd } => self.descriptor_state(fd, true),
        };
        state.unwrap_or_else(|errno| State::Ready(Err(errno)))
    }

    fn clock_state(&self, clock: u32, timeout: u64, flags: u16, begun: u64) -> Result<State> {
        let clock = match Clock::of(clock)? {
            clock @ (Clock::Realtime | Clock::Monotonic) => clock,
            Clock::ProcessCpu | Clock::ThreadCpu => return Err(Errno::Notsup),
        };
        match flags {
            0 => Ok(State::After(timeout)),
            // As seen from where the wait began, which may be a while ago.
            ABSTIME => {
                let passed = if self.clocks.are_fixed() { 0 } else { elapsed(begun) };
                Ok(State::After(timeout.saturating_sub(self.clocks.now(clock)?).saturating_add(passed)))
            }
            _ => Err(Errno::Inval),
        }
    }

    fn descriptor_state(&self, fd: u32, for_writing: bool) -> Result<State> {
        let descriptor = self.descriptors.get(fd)?;
        descriptor.require(rights::POLL_FD_READWRITE)?;
        descriptor.require(match &descriptor.object {
            Object::Socket(socket) if socket.is_listening && !for_writing => rights::SOCK_ACCEPT,
            _ if for_writing => rights::FD_WRITE,
            _ => rights::FD_READ,
        })?;
        let ready = |bytes| State::Ready(Ok(Arrived { bytes, hangup: false }));
        Ok(match &descriptor.object {
            Object::Stream(stream) => match stream.readiness() {
                Readiness::Ready(bytes) => ready(bytes),
                Readiness::AsFile(file) => State::AsFile { file, for_writing },
            },
            // A file is always ready.
            Object::File(_) => ready(left(&descriptor).unwrap_or(0)),
            Object::Folder(_) => return Err(Errno::Badf),
            Object::Socket(socket) => State::AsFile { file: socket.file.clone(), for_writing },
        })
    }

    /// Waits until one of them has happened since it began; answers for each what happened. `Intr` if the guest is to be left.
    fn wait(&self, guest: Guest<'_>, states: &[State], begun: u64) -> Result<Vec<Option<Result<Arrived>>>> {
        let is_ready = states.iter().any(|state| matches!(state, State::Ready(_)));
        let first = states.iter().filter_map(|state| if let State::After(time) = state { Some(*time) } else { None });
        let first = first.min();
        let mut waits = Vec::new();
        for state in states {
            if let State::AsFile { file, for_writing } = state {
                waits.push(Wait { file, for_writing: *for_writing });
            }
        }
        loop {
            let passed = elapsed(begun);
            let timeout = if is_ready {
                Some(0)
            } else if self.clocks.are_fixed() {
                // Made clocks don't wait.
                first.map(|_| 0)
            } else {
                first.map(|time| time.saturating_sub(passed))
            };
            let now = if guest.yields() { Some(0) } else { timeout };
            let arrived = system::wait(guest.store(), &waits, now)?;
            if guest.yields() && timeout != Some(0) && arrived.iter().all(Option::is_none) {
                let files =
                    waits.iter().map(|wait| AwaitedFile { file: wait.file.clone(), for_writing: wait.for_writing });
                return Err(self.wait_for(files.collect(), first, begun, 0));
            }
            let passed = if self.clocks.are_fixed() {
                let sleeps = !is_ready && arrived.iter().all(Option::is_none);
                let passed = if sleeps { first.unwrap_or(0) } else { 0 };
                self.clocks.advance(passed);
                passed
            } else {
                elapsed(begun)
            };
            let mut arrived = arrived.into_iter();
            let happened: Vec<_> = states
                .iter()
                .map(|state| match state {
                    State::Ready(outcome) => Some(*outcome),
                    State::After(time) => (*time <= passed).then_some(Ok(Arrived { bytes: 0, hangup: false })),
                    State::AsFile { .. } => arrived.next().flatten().map(Ok),
                })
                .collect();
            if happened.iter().any(Option::is_some) {
                return Ok(happened);
            }
            if guest.store().is_interrupted() {
                return Err(Errno::Intr);
            }
        }
    }
}

/// How much time has passed since then.
fn elapsed(begun: u64) -> u64 {
    system::monotonic_time().saturating_sub(begun)
}

/// How many bytes of a file are left to read.
fn left(descriptor: &Descriptor) -> Result<u64> {
    let mut file = descriptor.file()?;
    Ok(file.metadata()?.len().saturating_sub(file.stream_position()?))
}

fn event(subscription: &Subscription, outcome: Result<Arrived>) -> Event {
    let kind = match subscription.wanted {
        Wanted::Clock { .. } => 0,
        Wanted::Read { .. } => 1,
        Wanted::Write { .. } => 2,
    };
    let (error, arrived) = match outcome {
        Ok(arrived) => (0, arrived),
        Err(errno) => (errno as u16, Arrived { bytes: 0, hangup: false }),
    };
    Event { userdata: subscription.userdata, error, kind, bytes: arrived.bytes, hangup: arrived.hangup }
}
