//! Sockets that the host hands in: accepting, receiving, sending, shutting down, reading, writing, polling.

use crate::guest::{
    AGAIN, BADF, DATA, FOLDER, Guest, INVAL, NONBLOCK, NOTCAPABLE, NOTSUP, OUT, Place, READ, SPIPE, SUCCESS, WRITE,
};
use pellucid::base::ErrorKind;
use pellucid::wasi::WasiConfig;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

const VECTORS: u32 = 64;
const FLAGS: u32 = OUT + 8;
const EVENTS: u32 = 8192;

const MSGSIZE: i32 = 35;
const NOTCONN: i32 = 53;
const PIPE: i32 = 64;

const PEEK: i64 = 1;
const WAITALL: i64 = 2;
const ACCEPT: i64 = 1 << 29;

fn with_sockets(sockets: &[&dyn AsFd]) -> WasiConfig {
    let mut config = WasiConfig::default();
    for socket in sockets {
        config.add_socket(socket.as_fd()).unwrap();
    }
    config
}

fn vectors(guest: &Guest, vectors: &[(u32, u32)]) {
    for (place, (address, length)) in (0..).zip(vectors) {
        guest.write(VECTORS + place * 8, &address.to_le_bytes());
        guest.write(VECTORS + place * 8 + 4, &length.to_le_bytes());
    }
}

/// Receives at most so many bytes; answers them, and whether a message had more.
fn receive(guest: &Guest, fd: i32, most: u32, flags: i64) -> Result<(Vec<u8>, bool), i32> {
    vectors(guest, &[(DATA, most)]);
    match guest.call("sock_recv", &[fd.into(), VECTORS.into(), 1, flags, OUT.into(), FLAGS.into()]) {
        0 => Ok((guest.read(DATA, guest.read_u32(OUT) as usize), guest.read(FLAGS, 2) == [1, 0])),
        errno => Err(errno),
    }
}

fn received(guest: &Guest, fd: i32, most: u32, flags: i64) -> Vec<u8> {
    let (bytes, is_cut) = receive(guest, fd, most, flags).unwrap();
    assert!(!is_cut);
    bytes
}

fn send(guest: &Guest, fd: i32, bytes: &[u8]) -> Result<u32, i32> {
    guest.write(DATA, bytes);
    vectors(guest, &[(DATA, bytes.len() as u32)]);
    match guest.call("sock_send", &[fd.into(), VECTORS.into(), 1, 0, OUT.into()]) {
        0 => Ok(guest.read_u32(OUT)),
        errno => Err(errno),
    }
}

fn accept(guest: &Guest, fd: i32, flags: i32) -> Result<i32, i32> {
    match guest.call("sock_accept", &[fd.into(), flags.into(), OUT.into()]) {
        0 => Ok(guest.read_u32(OUT) as i32),
        errno => Err(errno),
    }
}

/// Kind, flags, and both sets of rights.
fn status(guest: &Guest, fd: i32) -> (u8, u8, i64, i64) {
    assert_eq!(guest.call("fd_fdstat_get", &[fd.into(), OUT.into()]), SUCCESS);
    let bytes = guest.read(OUT, 24);
    (bytes[0], bytes[2], guest.read_u64(OUT + 8) as i64, guest.read_u64(OUT + 16) as i64)
}

/// Waits for a descriptor or 5 ms: error, bytes and hangup of the descriptor's event, if there is one.
fn poll(guest: &Guest, fd: i32, for_writing: bool) -> Option<(u16, u64, bool)> {
    let mut bytes = vec![0; 96];
    bytes[8] = 1 + u8::from(for_writing);
    bytes[16..20].copy_from_slice(&fd.to_le_bytes());
    bytes[48] = 7;
    bytes[64] = 1;
    bytes[72..80].copy_from_slice(&5_000_000_u64.to_le_bytes());
    guest.write(DATA, &bytes);
    assert_eq!(guest.call("poll_oneoff", &[DATA.into(), EVENTS.into(), 2, OUT.into()]), SUCCESS);
    let event = guest.read(EVENTS, 32);
    (event[0] == 0).then(|| {
        let error = u16::from_le_bytes([event[8], event[9]]);
        (error, u64::from_le_bytes(event[16..24].try_into().unwrap()), event[24] & 1 != 0)
    })
}

#[test]
fn a_guest_accepts_connections_and_talks_to_them() {
    for debug in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let guest = Guest::new(debug, &with_sockets(&[&listener]));
        drop(listener);
        let (kind, flags, base, inheriting) = status(&guest, 3);
        assert_eq!(
            (kind, flags, base & (READ | WRITE | ACCEPT), inheriting & (READ | WRITE | ACCEPT)),
            (6, 0, ACCEPT, READ | WRITE)
        );
        assert_eq!(poll(&guest, 3, false), None);
        assert_eq!(guest.call("fd_fdstat_set_flags", &[3, NONBLOCK.into()]), SUCCESS);
        assert_eq!(accept(&guest, 3, 0), Err(AGAIN));
        assert_eq!(guest.call("fd_fdstat_set_flags", &[3, 0]), SUCCESS);

        let mut client = TcpStream::connect(address).unwrap();
        assert_eq!(poll(&guest, 3, false), Some((0, 1, false)));
        assert_eq!(accept(&guest, 3, 1), Err(INVAL));
        assert_eq!(accept(&guest, 3, 1 << 16), Err(INVAL));
        let fd = accept(&guest, 3, 0).unwrap();
        assert_eq!(fd, 4);
        let (kind, flags, base, _) = status(&guest, fd);
        assert_eq!((kind, flags, base & (READ | WRITE | ACCEPT)), (6, 0, READ | WRITE));
        assert_eq!(guest.call("fd_filestat_get", &[fd.into(), OUT.into()]), SUCCESS);
        assert_eq!(guest.read(OUT + 16, 1), [6]);

        client.write_all(b"hello, world").unwrap();
        assert_eq!(poll(&guest, fd, false), Some((0, 12, false)));
        assert_eq!(received(&guest, fd, 5, PEEK), b"hello");
        assert_eq!(received(&guest, fd, 5, PEEK | WAITALL), b"hello");
        assert_eq!(received(&guest, fd, 7, 0), b"hello, ");
        assert_eq!(guest.try_read(fd, 100).unwrap(), b"world");
        assert_eq!(receive(&guest, fd, 1, 4), Err(INVAL));
        assert_eq!(received(&guest, fd, 0, 0), b"");

        assert_eq!(send(&guest, fd, b"good "), Ok(5));
        assert_eq!(guest.try_write(fd, b"day"), Ok(3));
        let mut bytes = [0; 8];
        client.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"good day");
        vectors(&guest, &[(DATA, 1)]);
        assert_eq!(guest.call("sock_send", &[fd.into(), VECTORS.into(), 1, 1, OUT.into()]), INVAL);

        // The client says no more: the end, though the guest can still send.
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(received(&guest, fd, 5, 0), b"");
        assert_eq!(guest.try_read(fd, 5).unwrap(), b"");
        assert_eq!(send(&guest, fd, b"bye"), Ok(3));
        for how in [0, 4, 7] {
            assert_eq!(guest.call("sock_shutdown", &[fd.into(), how]), INVAL);
        }
        assert_eq!(guest.call("sock_shutdown", &[fd.into(), 2]), SUCCESS);
        let mut rest = String::new();
        client.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "bye");
        // Nobody gets a signal for that.
        assert_eq!((send(&guest, fd, b"more"), guest.try_write(fd, b"more")), (Err(PIPE), Err(PIPE)));
        guest.close(fd);
        assert_eq!(receive(&guest, fd, 5, 0), Err(BADF));
        assert_eq!(accept(&guest, fd, 0), Err(BADF));

        // What it doesn't wait for is a property of the guest's number.
        let _other = TcpStream::connect(address).unwrap();
        let fd = accept(&guest, 3, NONBLOCK).unwrap();
        assert_eq!((fd, status(&guest, fd).1), (4, 4));
        assert_eq!(receive(&guest, fd, 5, 0), Err(AGAIN));
    }
}

#[test]
fn everything_is_waited_for_if_a_guest_wants_it() {
    let (inside, mut outside) = UnixStream::pair().unwrap();
    let guest = Guest::new(false, &with_sockets(&[&inside]));
    drop(inside);
    let begun = Instant::now();
    let sender = std::thread::spawn(move || {
        for piece in ["one", "two", "three"] {
            std::thread::sleep(Duration::from_millis(10));
            outside.write_all(piece.as_bytes()).unwrap();
        }
        // More than the socket holds: the guest waits until there is room.
        let mut all = vec![0; 1 << 20];
        std::thread::sleep(Duration::from_millis(10));
        outside.read_exact(&mut all[..100_000]).unwrap();
        std::thread::sleep(Duration::from_millis(10));
        drop(outside);
    });
    assert_eq!(received(&guest, 3, 11, WAITALL), b"onetwothree");
    assert!(begun.elapsed() >= Duration::from_millis(30));
    assert_eq!(send(&guest, 3, &[7; 100_000]), Ok(100_000));
    // At the end of a stream there is less than all.
    assert_eq!(received(&guest, 3, 4, WAITALL), b"");
    sender.join().unwrap();
}

#[test]
fn what_is_scattered_goes_as_one_and_huge_vectors_are_refused() {
    let (inside, mut outside) = UnixStream::pair().unwrap();
    let guest = Guest::new(true, &with_sockets(&[&inside]));
    guest.write(DATA, b"abcdefghij");
    vectors(&guest, &[(DATA + 5, 3), (DATA, 0), (DATA, 2)]);
    assert_eq!(guest.call("sock_send", &[3, VECTORS.into(), 3, 0, OUT.into()]), SUCCESS);
    let mut bytes = [0; 5];
    outside.read_exact(&mut bytes).unwrap();
    assert_eq!((&bytes, guest.read_u32(OUT)), (b"fghab", 5));
    outside.write_all(b"12345").unwrap();
    vectors(&guest, &[(DATA + 8, 2), (DATA, 100)]);
    assert_eq!(guest.call("sock_recv", &[3, VECTORS.into(), 2, 0, OUT.into(), FLAGS.into()]), SUCCESS);
    assert_eq!((guest.read(DATA, 10).as_slice(), guest.read_u32(OUT)), (&b"345defgh12"[..], 5));
    for count in [1025, 1 << 14] {
        let args = [3, DATA.into(), count, 0, OUT.into()];
        assert_eq!(guest.call("sock_send", &args), INVAL);
        assert_eq!(guest.call("sock_recv", &[args[0], args[1], args[2], 0, OUT.into(), FLAGS.into()]), INVAL);
    }
}

#[test]
fn messages_keep_their_borders() {
    let (inside, outside) = UnixDatagram::pair().unwrap();
    let guest = Guest::new(false, &with_sockets(&[&inside]));
    assert_eq!(status(&guest, 3).0, 5);
    outside.send(b"first").unwrap();
    outside.send(b"").unwrap();
    outside.send(b"third").unwrap();
    assert_eq!(received(&guest, 3, 100, PEEK), b"first");
    assert_eq!(receive(&guest, 3, 3, 0), Ok((b"fir".to_vec(), true)));
    assert_eq!(received(&guest, 3, 100, WAITALL), b"");
    assert_eq!(receive(&guest, 3, 0, PEEK), Ok((Vec::new(), true)));
    assert_eq!(guest.try_read(3, 100).unwrap(), b"third");
    for message in [&b"one"[..], b"", b"two"] {
        assert_eq!(send(&guest, 3, message), Ok(message.len() as u32));
    }
    let mut bytes = [0; 100];
    for length in [3, 0, 3] {
        assert_eq!(outside.recv(&mut bytes).unwrap(), length);
    }
    assert_eq!(send(&guest, 3, &[0; 70_000]), Err(MSGSIZE));
    assert_eq!(accept(&guest, 3, 0), Err(NOTSUP));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[3, NONBLOCK.into()]), SUCCESS);
    assert_eq!((receive(&guest, 3, 10, 0), guest.try_read(3, 10)), (Err(AGAIN), Err(AGAIN)));
    // One without a partner.
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let guest = Guest::new(false, &with_sockets(&[&udp]));
    assert_eq!(send(&guest, 3, b"x"), Err(17));
}

#[test]
fn sockets_refuse_what_they_arent_for() {
    let place = Place::new();
    let (inside, outside) = UnixStream::pair().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = place.config(false);
    config.add_socket(inside.as_fd()).unwrap();
    config.add_socket(listener.as_fd()).unwrap();
    let guest = Guest::new(false, &config);
    // Behind the folders, whenever they were added.
    assert_eq!(guest.call("fd_prestat_get", &[FOLDER.into(), OUT.into()]), SUCCESS);
    for fd in [4, 5] {
        assert_eq!(guest.call("fd_prestat_get", &[fd, OUT.into()]), BADF);
        assert_eq!(guest.call("fd_seek", &[fd, 0, 0, OUT.into()]), SPIPE);
        assert_eq!(guest.call("fd_tell", &[fd, OUT.into()]), SPIPE);
        assert_eq!(guest.call("fd_sync", &[fd]), NOTCAPABLE);
        assert_eq!(guest.call("fd_filestat_set_times", &[fd, 0, 0, 0]), INVAL);
        assert_eq!(guest.call("fd_filestat_set_size", &[fd, 0]), SPIPE);
        assert_eq!(guest.try_open_in(fd as i32, "x", true, 0, READ, 0), Err(54));
    }
    assert_eq!(guest.pread(4, 1, 0), Err(SPIPE));
    assert_eq!(guest.pwrite(4, b"x", 0), Err(SPIPE));
    assert_eq!(accept(&guest, 4, 0), Err(INVAL));
    assert_eq!((receive(&guest, 5, 1, 0), send(&guest, 5, b"x")), (Err(NOTCONN), Err(NOTCONN)));
    assert_eq!((guest.try_read(5, 1), guest.try_write(5, b"x")), (Err(NOTCONN), Err(NOTCONN)));
    assert_eq!(guest.call("sock_shutdown", &[5, 1]), NOTCONN);
    assert_eq!(poll(&guest, 5, true), Some((BADF as u16, 0, false)));
    // The other side is gone.
    assert_eq!(poll(&guest, 4, true), Some((0, 1, false)));
    drop(outside);
    assert_eq!(poll(&guest, 4, false), Some((0, 0, true)));
    // What was given up isn't there any more.
    assert_eq!(guest.call("fd_fdstat_set_rights", &[4, WRITE, 0]), SUCCESS);
    assert_eq!((receive(&guest, 4, 1, 0), guest.try_read(4, 1)), (Err(BADF), Err(BADF)));
    assert_eq!(guest.call("sock_shutdown", &[4, 1]), NOTCAPABLE);
    assert_eq!(guest.call("fd_fdstat_set_rights", &[5, ACCEPT, READ]), SUCCESS);
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let fd = accept(&guest, 5, 0).unwrap();
    assert_eq!((status(&guest, fd).2, send(&guest, fd, b"x")), (READ, Err(BADF)));
    assert_eq!(guest.call("fd_renumber", &[fd.into(), 4]), SUCCESS);
    assert_eq!(status(&guest, 4).2, READ);
    assert_eq!(guest.call("fd_fdstat_set_rights", &[5, 0, 0]), SUCCESS);
    assert_eq!(accept(&guest, 5, 0), Err(NOTCAPABLE));

    let mut config = WasiConfig::default();
    let refused = config.add_socket(File::open("/dev/null").unwrap().as_fd()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_connection_without_a_free_number_stays_where_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let guest = Guest::new(false, &with_sockets(&[&listener]));
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut fds = Vec::new();
    let mut others = Vec::new();
    // The first is the client's; then as many as there is room for.
    loop {
        match accept(&guest, 3, 0) {
            Ok(fd) => fds.push(fd),
            Err(errno) => {
                assert_eq!(errno, 33);
                break;
            }
        }
        others.push(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    }
    assert_eq!(fds.len(), 512 - 4);
    guest.close(fds[10]);
    assert_eq!(accept(&guest, 3, 0), Ok(fds[10]));
    client.write_all(b"x").unwrap();
    assert_eq!(received(&guest, fds[0], 1, 0), b"x");
}
