//! How fast the checksum of record batches is, next to a byte table, the crate `crc32c` (which uses the processor's
//! own instruction where there is one, and tables in wasm) and copying the same bytes.
//!
//! Native: `cargo run --release -p headwater-engine --example crc32c_speed`.
//! In wasm: build it with `--target wasm32-unknown-unknown` and run `crc32c_speed.mjs` beside this file with Node.

#![expect(unsafe_code, reason = "exporting a function to JavaScript by name counts as unsafe")]

use headwater_engine::record::crc32c;
use std::hint::black_box;
use std::sync::LazyLock;

const NAMES: [&str; 4] = ["byte table", "headwater", "crate crc32c", "copy"];

fn main() {
    // There is no clock in wasm: there the script beside this file calls `run` and looks at its own.
    if cfg!(target_family = "wasm") {
        return;
    }
    for size in [128, 1024, 16 * 1024, 1024 * 1024] {
        for (what, name) in (0..).zip(NAMES) {
            let rounds = (16 << 20) / size;
            let seconds = (0..20).map(|_| seconds(|| _ = run(what, size, rounds))).fold(f64::MAX, f64::min);
            let rate = f64::from(size) * f64::from(rounds) / seconds / 1e9;
            println!("{size:8} bytes  {name:12}  {rate:6.2} GB/s");
        }
    }
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = std::time::Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Does `NAMES[what]` `rounds` times over `size` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn run(what: u32, size: u32, rounds: u32) -> u32 {
    let bytes: Vec<u8> = (0..size).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut copy = bytes.clone();
    (0..rounds).fold(0, |all, _| {
        let bytes = black_box(&bytes[..]);
        all ^ match what {
            0 => byte_table(bytes),
            1 => crc32c(bytes),
            2 => crc32c::crc32c(bytes),
            _ => {
                copy.copy_from_slice(bytes);
                u32::from(black_box(&copy)[0])
            }
        }
    })
}

fn byte_table(bytes: &[u8]) -> u32 {
    static TABLE: LazyLock<[u32; 256]> = LazyLock::new(|| {
        let bit = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 & 0u32.wrapping_sub(crc & 1));
        std::array::from_fn(|byte| (0..8).fold(byte as u32, bit))
    });
    let table = &*TABLE;
    !bytes.iter().fold(!0, |crc: u32, byte| (crc >> 8) ^ table[((crc ^ u32::from(*byte)) & 0xff) as usize])
}
