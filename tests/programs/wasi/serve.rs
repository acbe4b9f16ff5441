//! Serves a few connections on the listening socket that the host has handed in, one after another: sends back what comes, in upper
//! case, line by line. The first argument is how many connections, the second the socket's number.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn sock_recv(fd: i32, vectors: *const [usize; 2], count: usize, flags: i32, n: *mut usize, out: *mut u16) -> i32;
}

/// The first byte of what comes next, which stays there. The standard library can't do that here.
fn peek(stream: &TcpStream) -> u8 {
    let (mut first, mut n, mut flags) = (0_u8, 0, 0);
    let vector = [(&raw mut first).expose_provenance(), 1];
    // SAFETY: all of it is there, and the vector has the layout of the interface.
    let errno = unsafe { sock_recv(stream.as_raw_fd(), &vector, 1, 1, &mut n, &mut flags) };
    assert_eq!((errno, n, flags), (0, 1, 0));
    first
}

fn main() {
    let args: Vec<i32> = std::env::args().skip(1).map(|arg| arg.parse().expect("a number")).collect();
    // SAFETY: the host says that the number is a listening socket, and nobody else here uses it.
    let listener = unsafe { TcpListener::from_raw_fd(args[1]) };
    for number in 0..args[0] {
        let (stream, _) = listener.accept().expect("a connection");
        let first = peek(&stream);
        let mut lines = 0;
        for line in BufReader::new(&stream).lines() {
            let line = line.expect("a line");
            writeln!(&stream, "{}", line.to_uppercase()).expect("an answer");
            lines += 1;
        }
        writeln!(&stream, "{lines} lines").expect("an answer");
        stream.shutdown(Shutdown::Write).expect("shutdown");
        println!("connection {number}: {lines} lines, first byte {first}");
    }
}
