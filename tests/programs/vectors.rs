//! What a Rust program does with vectors, found by the compiler and by the standard library: sums, searches, hashes, sorting, text. It prints
//! what came out, which is the same on any machine.

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *state >> 16
}

fn main() {
    let mut state = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let bytes: Vec<u8> = (0..100_003).map(|_| random(&mut state) as u8).collect();
    let numbers: Vec<i32> = (0..50_001).map(|_| random(&mut state) as i32).collect();
    let floats: Vec<f32> = numbers.iter().map(|n| *n as f32 / 65536.0).collect();
    let wide: Vec<f64> = numbers.iter().map(|n| f64::from(*n).sqrt().abs()).collect();

    println!("bytes {}", bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>());
    println!("ones {}", bytes.iter().map(|byte| byte.count_ones()).sum::<u32>());
    println!("first {:?}", bytes.windows(2).position(|pair| pair == [7, 7]));
    println!("sum {}", numbers.iter().fold(0i32, |sum, n| sum.wrapping_add(*n)));
    println!("most {:?} {:?}", numbers.iter().max(), numbers.iter().min());
    let mixed: Vec<i32> = numbers.iter().zip(&bytes).map(|(n, b)| n.rotate_left(7).wrapping_mul(31) ^ i32::from(*b)).collect();
    println!("mixed {}", mixed.iter().fold(0u32, |hash, n| hash.wrapping_mul(16777619) ^ *n as u32));
    let clamped: Vec<f32> = floats.iter().map(|x| (x * 0.5 + 1.0).clamp(-100.0, 100.0)).collect();
    println!("clamped {}", clamped.iter().map(|x| f64::from(*x)).sum::<f64>());
    println!("wide {:.6}", wide.iter().filter(|x| !x.is_nan()).sum::<f64>());
    println!("rounded {}", floats.iter().map(|x| x.floor() as i64 + x.ceil() as i64 + x.trunc() as i64).sum::<i64>());
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    println!("sorted {:?}", &sorted[..3]);
    let text: String = bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    println!("text {} {:?}", text.to_uppercase().matches("QU").count(), text.find("pell"));
    println!("utf-8 {}", String::from_utf8_lossy(&bytes).chars().count());
}
