//! What differs between systems: error numbers, paths, open files, listings, sockets, waiting, CPU clocks.
//!
//! This is the part to write again for another system; everything else in this room is portable, and a test of the
//! sources holds it to that. On Unix it uses rustix, whose functions are safe.
//!
//! Invariants: a path never leads out of the folder that it is looked up in ([`folder`]); no descriptor that is kept
//! has one of the numbers 0 to 2, which are the host's stdio; no call for a guest sends the host a signal.

mod errno;
mod files;
mod folder;
mod listing;
mod sockets;
mod waiting;

pub use errno::errno;
pub use files::{
    Time, advise, allocate, create, inherited, open, read_at, set_flags, set_size, set_times, stat, write, write_at,
};
pub use folder::{Directory, Opened, Opening};
pub use listing::Listing;
pub use sockets::{HostSocket, Socket};
pub use waiting::{Arrived, LEAST_ROOM, Wait, cpu_time, monotonic_time, resolution, wait};
