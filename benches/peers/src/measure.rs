//! Clocks, rounds and the printed table.

use std::time::Duration;

/// The processor time that this thread has used.
pub fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists and the place is ours.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What `work` gives, and the thread's seconds that it takes.
pub fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let start = thread_time();
    let result = work();
    (result, (thread_time() - start).as_secs_f64())
}

/// One of several measures that are taken in turns: answers what it measured this time.
pub type Turn<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// The least that each of several measures gave, in rounds: one of each, then one of each again, every second round in
/// the opposite order.
pub fn interleaved(rounds: usize, turns: &mut [Turn<'_>]) -> Vec<f64> {
    let mut least = vec![f64::INFINITY; turns.len()];
    for round in 0..rounds {
        for place in 0..turns.len() {
            let place = if round % 2 == 0 { place } else { turns.len() - 1 - place };
            least[place] = least[place].min(turns[place]());
        }
    }
    least
}

/// What a row is held to.
#[derive(Clone, Copy)]
pub enum Target {
    /// Our figure itself.
    Ours(f64),
    /// Ours by the peer's.
    Ratio(f64),
    /// Nothing: it is there to be seen.
    None,
}

/// Prints rows, and the geometric means of groups.
pub struct Table {
    rounds: usize,
    quick: bool,
    only: Option<String>,
    rows: Vec<Row>,
    missed: Vec<String>,
}

struct Row {
    group: &'static str,
    tuned: bool,
    ours: f64,
    peer: f64,
}

impl Table {
    /// An empty table. With `only`, other groups aren't measured.
    pub fn new(quick: bool, only: Option<String>) -> Table {
        println!("# group\tname\tours\tpeer\tours/peer\ttarget");
        Table { rounds: if quick { 2 } else { 11 }, quick, only, rows: Vec::new(), missed: Vec::new() }
    }

    /// How often each thing is measured.
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// Whether it must end soon.
    pub fn is_quick(&self) -> bool {
        self.quick
    }

    /// Whether any of these groups is wanted; if so, says what its figures are.
    pub fn wants(&self, group: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == group)
    }

    /// A line for people.
    pub fn note(&self, text: &str) {
        println!("# {text}");
    }

    /// A row.
    pub fn row(&mut self, group: &'static str, name: &str, ours: f64, peer: f64, target: Target) {
        self.print(group, name, ours, peer, target);
        self.rows.push(Row { group, tuned: true, ours, peer });
    }

    /// A row of a program.
    pub fn program(&mut self, group: &'static str, name: &str, tuned: bool, ours: f64, peer: f64, target: Target) {
        let shown = if tuned { name.to_string() } else { format!("{name} (not tuned on)") };
        self.print(group, &shown, ours, peer, target);
        self.rows.push(Row { group, tuned, ours, peer });
    }

    fn print(&mut self, group: &str, name: &str, ours: f64, peer: f64, target: Target) {
        let ratio = ours / peer;
        let (text, met) = match target {
            Target::Ours(bound) => (format!("ours <= {}", figure(bound)), ours <= bound),
            Target::Ratio(bound) => (format!("ratio <= {}", figure(bound)), ratio <= bound),
            Target::None => ("-".to_string(), true),
        };
        if !met {
            self.missed.push(format!("{group}: {name}"));
        }
        let mark = if met { "" } else { " MISSED" };
        println!("{group}\t{name}\t{}\t{}\t{}\t{text}{mark}", figure(ours), figure(peer), figure(ratio));
    }

    /// The geometric means of a group: of the programs that are tuned on, of the others, of all.
    pub fn mean(&mut self, group: &'static str, target: Target) {
        let parts: [(&str, Filter); 3] =
            [("tuned on", |row| row.tuned), ("not tuned on", |row| !row.tuned), ("all", |_| true)];
        let split = self.rows.iter().any(|row| row.group == group && !row.tuned);
        for (name, filter) in parts.into_iter().skip(if split { 0 } else { 2 }) {
            let rows: Vec<_> = self.rows.iter().filter(|row| row.group == group && filter(row)).collect();
            if rows.is_empty() {
                continue;
            }
            let mean =
                |of: fn(&Row) -> f64| (rows.iter().map(|row| of(row).ln()).sum::<f64>() / rows.len() as f64).exp();
            let (ours, peer) = (mean(|row| row.ours), mean(|row| row.peer));
            let target = if name == "all" { target } else { Target::None };
            self.print(group, &format!("geometric mean, {name}"), ours, peer, target);
        }
    }

    /// The last word.
    pub fn end(&self) {
        match self.missed.as_slice() {
            [] => println!("# every target is met"),
            missed => println!("# {} targets are missed: {}", missed.len(), missed.join("; ")),
        }
    }
}

type Filter = fn(&Row) -> bool;

/// Three or four digits.
fn figure(value: f64) -> String {
    let digits = match value {
        _ if !value.is_finite() => return "-".to_string(),
        v if v >= 1000.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}
