//! Standard input and output: captured, from and to files, functions, nowhere.

use crate::guest::{APPEND, DATA, Guest, NONBLOCK, NOSPC, OUT, Place, SUCCESS};
use pellucid::base::{Error, ErrorKind};
use pellucid::wasi::config::StreamName::{Stderr, Stdin, Stdout};
use pellucid::wasi::{Errno, WasiConfig};
use std::fs;
use std::sync::{Arc, Mutex};

fn both(config: &WasiConfig, test: impl Fn(&Guest)) {
    for debug in [false, true] {
        test(&Guest::new(debug, config));
    }
}

fn kind(error: Result<(), Error>) -> ErrorKind {
    error.unwrap_err().kind()
}

#[test]
fn nothing_comes_from_nowhere() {
    both(&WasiConfig::default(), |guest| {
        assert_eq!(guest.try_read(0, 10).unwrap(), b"");
        assert_eq!(guest.try_write(1, b"lost"), Ok(4));
        assert_eq!(guest.try_write(2, b""), Ok(0));
        assert!([Stdin, Stdout, Stderr].iter().all(|stream| guest.wasi.captured(*stream).is_none()));
    });
}

#[test]
fn output_is_captured_and_taken() {
    let mut config = WasiConfig::default();
    config.capture(Stdout).unwrap();
    config.capture(Stderr).unwrap();
    assert_eq!(kind(config.capture(Stdin)), ErrorKind::InvalidArgument);
    config.set_input(b"some input");
    both(&config, |guest| {
        assert_eq!(guest.try_read(0, 4).unwrap(), b"some");
        assert_eq!(guest.try_read(0, 100).unwrap(), b" input");
        assert_eq!(guest.try_read(0, 100).unwrap(), b"");
        guest.try_write(1, b"one ").unwrap();
        guest.try_write(2, b"error").unwrap();
        guest.try_write(1, b"two").unwrap();
        let captured = guest.wasi.captured(Stdout).unwrap();
        let mut few = [0; 5];
        assert_eq!((captured.size(), captured.take(&mut few), &few), (7, 5, b"one t"));
        guest.try_write(1, b"!").unwrap();
        assert_eq!((guest.captured(Stdout), guest.captured(Stderr)), ("wo!".to_string(), "error".to_string()));
        assert_eq!(captured.size(), 0);
        // What is kept outlives the store.
        guest.try_write(1, &[b'x'; 100_000]).unwrap();
        assert_eq!(captured.size(), 100_000);
    });
}

#[test]
fn captured_output_is_limited() {
    let mut config = WasiConfig::default();
    config.capture(Stdout).unwrap();
    config.set_buffer_limit(10);
    both(&config, |guest| {
        assert_eq!(guest.try_write(1, b"12345678"), Ok(8));
        assert_eq!(guest.try_write(1, b"9abc"), Ok(2));
        assert_eq!(guest.try_write(1, b"c"), Err(NOSPC));
        assert_eq!(guest.try_write(1, b""), Ok(0));
        assert_eq!(guest.captured(Stdout), "123456789a");
        assert_eq!(guest.try_write(1, b"c"), Ok(1));
    });
}

#[test]
fn streams_can_be_files() {
    for debug in [false, true] {
        let place = Place::new();
        fs::write(place.outside("in"), "line 1\nline 2\n").unwrap();
        fs::write(place.outside("out"), "old").unwrap();
        let path = |name: &str| place.outside(name).to_str().unwrap().to_string();
        let mut config = WasiConfig::default();
        config.set_file(Stdin, &path("in")).unwrap();
        config.set_file(Stdout, &path("out")).unwrap();
        assert_eq!(kind(config.set_file(Stdin, &path("none"))), ErrorKind::NotFound);
        assert_eq!(kind(config.set_file(Stdout, &path("no/where"))), ErrorKind::NotFound);
        assert_eq!(kind(config.set_file(Stdout, &path(""))), ErrorKind::System);
        let guest = Guest::new(debug, &config);
        assert_eq!(guest.try_read(0, 7).unwrap(), b"line 1\n");
        // It has positions, and a size.
        assert_eq!((guest.seek(0, 0, 0), guest.size(0)), (Ok(0), 14));
        assert_eq!(guest.try_read(0, 100).unwrap(), b"line 1\nline 2\n");
        assert_eq!(guest.try_write(1, b"new"), Ok(3));
        assert_eq!(guest.call("fd_fdstat_set_flags", &[1, APPEND.into()]), SUCCESS);
        assert_eq!(fs::read_to_string(place.outside("out")).unwrap(), "new");
        assert_ne!(guest.call("fd_filestat_set_size", &[1, 0]), SUCCESS);
    }
}

#[test]
fn streams_can_be_functions() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut config = WasiConfig::default();
    config.set_reader(Arc::new(|bytes| {
        bytes[..3].copy_from_slice(b"abc");
        Ok(3)
    }));
    let log = seen.clone();
    let write = move |bytes: &[u8]| {
        if bytes == b"fail" {
            return Err(Errno::Io);
        }
        log.lock().unwrap().push(bytes.to_vec());
        Ok(())
    };
    assert_eq!(kind(config.set_writer(Stdin, Arc::new(|_| Ok(())))), ErrorKind::InvalidArgument);
    config.set_writer(Stderr, Arc::new(write)).unwrap();
    both(&config, |guest| {
        // As a terminal would, it gives what it has.
        assert_eq!(guest.try_read(0, 100).unwrap(), b"abc");
        assert_eq!(guest.call("fd_fdstat_get", &[2, OUT.into()]), SUCCESS);
        assert_eq!(guest.read(OUT, 1), [2]);
        // Vectors arrive in one piece.
        guest.write(DATA, b"hello");
        for (place, number) in [DATA, 2, DATA + 2, 3].into_iter().enumerate() {
            guest.write(64 + place as u32 * 4, &number.to_le_bytes());
        }
        assert_eq!(guest.call("fd_write", &[2, 64, 2, OUT.into()]), SUCCESS);
        assert_eq!(seen.lock().unwrap().drain(..).collect::<Vec<_>>(), [b"hello"]);
        assert_eq!(guest.try_write(2, b"fail"), Err(29));
    });
}

#[test]
fn input_of_the_host_that_isnt_there_yet_is_not_waited_for() {
    // Standard input of a test may be anything; what matters is that nothing waits.
    let mut config = WasiConfig::default();
    config.inherit(Stdin);
    config.inherit(Stdout);
    config.inherit(Stderr);
    both(&config, |guest| {
        assert_eq!(guest.call("fd_fdstat_set_flags", &[0, NONBLOCK.into()]), SUCCESS);
        let _ = guest.try_read(0, 1);
        assert_eq!(guest.try_write(1, b""), Ok(0));
        assert_eq!(guest.call("fd_filestat_get", &[2, OUT.into()]), SUCCESS);
    });
}
