// SPDX-License-Identifier: GPL-2.0

//! A rogue device: accesses that no driver requested.
//!
//! One third goes to addresses that are never mapped, and must fail. Two thirds go to addresses
//! just past a buffer of the disk and in a page that was used and invalidated, where other buffers
//! may be mapped by now: such memory is left unchanged. (At the invalidation itself, the M4U checks
//! that the page is unmapped.)

use std::thread;
use std::time::Duration;

use crate::m4u::M4u;
use crate::ram::Ram;

const BURST: u64 = 256;
const PAUSE: Duration = Duration::from_millis(5);
/// Linux hands out addresses from the top: below this, none is mapped.
const UNUSED: u64 = 0x4000_0000;

/// Pseudo-random numbers (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Makes `count` accesses, in bursts.
pub fn run(ram: &Ram, m4u: &M4u, count: u64) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut freed = Vec::new();
    let moved = || m4u.counts.bytes_read.get() + m4u.counts.bytes_written.get();
    let before = moved();
    for number in 0..count {
        let write = random.next() & 1 == 0;
        let target = match number % 3 {
            0 => None,
            1 => Some(m4u.past_buffer()),
            _ => {
                if freed.is_empty() {
                    freed = m4u.take_freed();
                }
                freed.pop()
            }
        };
        let found = match target {
            Some(iova) => m4u.stray(iova, write, |_| ()).is_ok(),
            None => wild(ram, m4u, random.next() % UNUSED & !63, write),
        };
        m4u.counts.rogue_accesses.add(1);
        m4u.counts.rogue_translations.add(u64::from(found));
        if number % BURST == BURST - 1 {
            thread::sleep(PAUSE);
        }
    }
    m4u.counts.rogue_meanwhile.add(moved() - before);
}

/// Reads or overwrites 64 bytes at `iova`, and returns true if they are mapped.
fn wild(ram: &Ram, m4u: &M4u, iova: u64, write: bool) -> bool {
    let mut bytes = [0x5a; 64];
    m4u.stray(iova, write, |paddr| {
        if let Some(memory) = ram.slice(paddr, bytes.len()) {
            if write {
                memory.copy_from(&bytes);
            } else {
                memory.copy_to(&mut bytes);
            }
        }
        m4u.counts.rogue_hits.add(1);
    })
    .is_ok()
}
