//! Clocks, sleeping, waiting for descriptors, and random numbers; real ones and made ones.

use crate::guest::{BADF, CREAT, DATA, Guest, INVAL, NOTSUP, OUT, Place, READ, SUCCESS, WRITE, both};
use pellucid::wasi::WasiConfig;
use pellucid::wasi::clocks::ClockChoice;
use std::fs;
use std::time::{Duration, Instant, SystemTime};

const EVENTS: u32 = 8192;

fn look(guest: &Guest, clock: i64) -> Result<u64, i32> {
    match guest.call("clock_time_get", &[clock, 0, OUT.into()]) {
        0 => Ok(guest.read_u64(OUT)),
        errno => Err(errno),
    }
}

/// A subscription to a clock.
fn clock(userdata: u64, clock: u32, timeout: u64, flags: u16) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[16..20].copy_from_slice(&clock.to_le_bytes());
    bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
    bytes[40..42].copy_from_slice(&flags.to_le_bytes());
    bytes
}

/// A subscription to a descriptor.
fn descriptor(userdata: u64, for_writing: bool, fd: i32) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[8] = 1 + u8::from(for_writing);
    bytes[16..20].copy_from_slice(&fd.to_le_bytes());
    bytes
}

/// Waits; answers userdata, error, kind and bytes of each event.
fn poll(guest: &Guest, subscriptions: &[Vec<u8>]) -> Result<Vec<(u64, u16, u8, u64)>, i32> {
    guest.write(DATA, &subscriptions.concat());
    let args = [DATA.into(), EVENTS.into(), subscriptions.len() as i64, OUT.into()];
    match guest.call("poll_oneoff", &args) {
        0 => {
            let event = |number| {
                let bytes = guest.read(EVENTS + number * 32, 32);
                let error = u16::from_le_bytes(bytes[8..10].try_into().unwrap());
                (
                    u64::from_le_bytes(bytes[..8].try_into().unwrap()),
                    error,
                    bytes[10],
                    u64::from_le_bytes(bytes[16..24].try_into().unwrap()),
                )
            };
            Ok((0..guest.read_u32(OUT)).map(event).collect())
        }
        errno => Err(errno),
    }
}

#[test]
fn clocks_go_forward() {
    both(|guest, _| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let realtime = look(guest, 0).unwrap();
        assert!(realtime.abs_diff(now.as_nanos() as u64) < 60_000_000_000);
        for clock in 0..4 {
            let before = look(guest, clock).unwrap();
            assert!(look(guest, clock).unwrap() >= before);
            assert_eq!(guest.call("clock_res_get", &[clock, OUT.into()]), SUCCESS);
            assert!((1..1_000_000_000).contains(&guest.read_u64(OUT)));
        }
        for clock in [4, -1] {
            assert_eq!(look(guest, clock), Err(INVAL));
            assert_eq!(guest.call("clock_res_get", &[clock, OUT.into()]), INVAL);
        }
    });
}

#[test]
fn sleeping_takes_its_time() {
    both(|guest, _| {
        let begun = Instant::now();
        assert_eq!(poll(guest, &[clock(7, 1, 20_000_000, 0)]), Ok(vec![(7, 0, 0, 0)]));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        let until = look(guest, 1).unwrap() + 10_000_000;
        assert_eq!(poll(guest, &[clock(8, 1, until, 1)]), Ok(vec![(8, 0, 0, 0)]));
        assert!(look(guest, 1).unwrap() >= until);
        let until = look(guest, 0).unwrap() + 5_000_000;
        let both = [clock(1, 1, u64::MAX, 0), clock(2, 0, until, 1)];
        assert_eq!(poll(guest, &both), Ok(vec![(2, 0, 0, 0)]));
        // What is past comes at once.
        assert_eq!(poll(guest, &[clock(1, 0, 5, 1), clock(2, 1, 0, 0)]).unwrap().len(), 2);
    });
}

#[test]
fn descriptors_are_waited_for() {
    for debug in [false, true] {
        let place = Place::new();
        fs::write(place.inside("file"), "0123456789").unwrap();
        let mut config = place.config(false);
        config.set_input(b"abc");
        let guest = Guest::new(debug, &config);
        let file = guest.open("file", CREAT, READ | WRITE);
        guest.try_read(file, 4).unwrap();
        let wanted = [
            descriptor(1, false, 0),
            descriptor(2, false, file),
            descriptor(3, true, file),
            descriptor(4, true, 1),
            descriptor(5, false, 99),
            descriptor(6, true, 0),
            descriptor(7, false, 3),
            clock(8, 1, u64::MAX, 0),
            clock(9, 2, 1, 0),
            clock(10, 9, 1, 0),
            clock(11, 1, 1, 2),
        ];
        let events = poll(&guest, &wanted).unwrap();
        let outcomes: Vec<_> = events.iter().map(|(userdata, error, kind, _)| (*userdata, *error, *kind)).collect();
        let (badf, inval, notsup) = (BADF as u16, INVAL as u16, NOTSUP as u16);
        let expected = [
            (1, 0, 1),
            (2, 0, 1),
            (3, 0, 2),
            (4, 0, 2),
            (5, badf, 1),
            (6, badf, 2),
            (7, 76, 1),
            (9, notsup, 0),
            (10, inval, 0),
            (11, inval, 0),
        ];
        assert_eq!(outcomes, expected);
        assert_eq!((events[0].3, events[1].3), (3, 6));
        assert_eq!(guest.call("poll_oneoff", &[DATA.into(), EVENTS.into(), 0, OUT.into()]), INVAL);
        let mut unknown = clock(1, 1, 0, 0);
        unknown[8] = 3;
        assert_eq!(poll(&guest, &[unknown]), Err(INVAL));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_ready_when_something_was_written() {
    use std::io::Write;
    for debug in [false, true] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        // The only way to hand over an open pipe by name.
        use std::os::fd::AsRawFd;
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        let mut config = WasiConfig::default();
        config.set_file(pellucid::wasi::config::StreamName::Stdin, &path).unwrap();
        let guest = Guest::new(debug, &config);
        let wanted = [descriptor(1, false, 0), clock(2, 1, 10_000_000, 0)];
        assert_eq!(poll(&guest, &wanted), Ok(vec![(2, 0, 0, 0)]));
        assert_eq!(guest.call("fd_fdstat_set_flags", &[0, 4]), SUCCESS);
        assert_eq!(guest.try_read(0, 10), Err(crate::guest::AGAIN));
        writer.write_all(b"hello").unwrap();
        assert_eq!(poll(&guest, &wanted), Ok(vec![(1, 0, 1, 5)]));
        assert_eq!(guest.try_read(0, 10).unwrap(), b"hello");
        drop(writer);
        assert_eq!(poll(&guest, &wanted).unwrap()[0].0, 1);
        assert_eq!(guest.read(EVENTS + 24, 1), [1], "the other side is gone");
        assert_eq!(guest.try_read(0, 10).unwrap(), b"");
    }
}

#[test]
fn fixed_clocks_are_the_same_in_every_run() {
    let place = Place::new();
    let mut config = place.config(false);
    config.set_clocks(ClockChoice::Fixed { start: 1_000_000_000_000, step: 10 });
    let run = |debug| {
        let guest = Guest::new(debug, &config);
        let begun = Instant::now();
        let mut seen = vec![look(&guest, 0).unwrap(), look(&guest, 0).unwrap(), look(&guest, 1).unwrap()];
        let year = 31_536_000_000_000_000;
        assert_eq!(poll(&guest, &[clock(1, 1, year, 0), clock(2, 1, 2 * year, 0)]), Ok(vec![(1, 0, 0, 0)]));
        seen.extend([look(&guest, 0).unwrap(), look(&guest, 2).unwrap()]);
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(guest.call("clock_res_get", &[1, OUT.into()]), SUCCESS);
        assert_eq!(guest.read_u64(OUT), 10);
        // What is ready needs no sleep.
        assert_eq!(poll(&guest, &[clock(1, 1, year, 0), descriptor(2, true, 1)]).unwrap().len(), 1);
        seen.push(look(&guest, 1).unwrap());
        // The times of files are set by these clocks.
        let file = guest.open("file", CREAT, WRITE);
        assert_eq!(guest.call("fd_filestat_set_times", &[file.into(), 0, 0, 8]), SUCCESS);
        guest.stat("file", true).unwrap();
        seen.push(guest.read_u64(OUT + 48));
        seen
    };
    let seen = run(false);
    assert_eq!(seen[..3], [1_000_000_000_000, 1_000_000_000_010, 20]);
    assert_eq!(seen[3], 1_000_000_000_000 + 30 + 31_536_000_000_000_000);
    assert_eq!(run(true), seen);
}

#[test]
fn random_numbers_are_random_unless_a_seed_is_given() {
    let bytes = |config: &WasiConfig, debug| {
        let guest = Guest::new(debug, config);
        assert_eq!(guest.call("random_get", &[DATA.into(), 100_000]), SUCCESS);
        guest.read(DATA, 100_000)
    };
    let mut config = WasiConfig::default();
    let random = bytes(&config, false);
    assert!(random != bytes(&config, false) && random.iter().filter(|byte| **byte == 0).count() < 1000);
    config.set_random_seed(Some(5));
    let seeded = bytes(&config, false);
    assert!(seeded == bytes(&config, true));
    config.set_random_seed(Some(6));
    assert!(seeded != bytes(&config, true));
}
