//! WASI: every function of preview 1, called by guests; what they can't do; programs that a C compiler made.

mod differential;
mod functions;
mod guest;
mod paths;
mod pointers;
mod programs;
mod sandbox;
mod sockets;
mod stdio;
mod time;
