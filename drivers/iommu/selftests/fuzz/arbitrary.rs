// SPDX-License-Identifier: GPL-2.0

//! Random numbers near typical mistakes: limits, neighbours of powers of two, sums that wrap.

use crate::random::Random;

impl Random {
    /// Returns one of `choices`.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Returns true `percent` times out of a hundred.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Returns `number`, or one next to it.
    pub(crate) fn near(&mut self, number: u64) -> u64 {
        number.wrapping_add(self.below(5) as u64).wrapping_sub(2)
    }

    /// Returns a power of two.
    pub(crate) fn power(&mut self) -> u64 {
        1 << self.below(64)
    }

    /// Returns a number of any size.
    pub(crate) fn arbitrary(&mut self) -> u64 {
        match self.below(7) {
            0 => self.next(),
            1 => self.next() >> self.below(64),
            2 => self.power(),
            3 => {
                let power = self.power();
                self.near(power)
            }
            4 => self.near(0),
            5 => self.power() | self.power(),
            // A multiple of some page size.
            _ => self.next() >> self.below(40) << (12 + 4 * self.below(4)),
        }
    }
}
