// SPDX-License-Identifier: GPL-2.0

//! A round: one case, done once, with a new allocator.

use crate::{
    allocator::{
        Allocator,
        Table, //
    },
    case::{
        Case,
        Workload, //
    },
    contender::SIZE,
    population::{
        Cost,
        LoopCost,
        Population, //
    },
    random::Random,
    stopwatch::Stopwatch,
    system::{
        Free,
        Piece, //
    }, //
};
use kernel::{
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// Number of timed pairs of freeing and allocating.
const PAIRS: usize = 2048;
/// Number of times that each table is replaced before: a chunk of 32 tables, in use until the last
/// of them is freed, lives for four times the mean life of a table.
const REPLACED: usize = 6;

/// Readings of a round.
#[derive(Default)]
pub(crate) struct Readings {
    pub(crate) alloc: Cost,
    pub(crate) free: Cost,
    /// After the workload: tables in use,
    pub(crate) live: usize,
    /// tables above 4 GiB,
    pub(crate) above: usize,
    /// blocks of pages that they are on,
    pub(crate) pieces: usize,
    /// bytes of those blocks,
    pub(crate) pinned: usize,
    /// bytes held by the count of the allocator,
    pub(crate) accounted: usize,
    /// bytes taken from the zones below 4 GiB,
    pub(crate) below: i64,
    /// and from all others.
    pub(crate) elsewhere: i64,
    /// After the remaining tenth was replaced: bytes held by the count of the allocator.
    pub(crate) settled: usize,
    /// After all tables were freed: bytes held, by all three counts.
    pub(crate) left: usize,
    pub(crate) left_below: i64,
    pub(crate) left_elsewhere: i64,
    /// Bytes missing below 4 GiB after the allocator was dropped.
    pub(crate) lost: i64,
}

/// Does a round.
#[inline(never)] // For a stack frame of its own.
pub(crate) fn run<A: Allocator>(
    watch: &Stopwatch,
    loops: &LoopCost,
    make: impl Fn() -> Result<KVec<A>>,
    case: &Case,
    seed: u64,
) -> Result<Readings> {
    settle();
    let before = Free::now();
    let owners = make()?;
    let made = Free::now();
    let mut round = Round::new(watch, loops, &owners, case.tables, seed)?;
    // Allocated before the first reading, so that it does not count.
    let start = Free::now();
    let taken = || (before - made) + (start - Free::now());

    round.work(case)?;
    round.read(taken())?;
    if case.workload == Workload::Shrink {
        round.replace_survivors()?;
    }
    round.end(case.workload)?;
    round.readings.left = held(&owners)?;
    let left = taken();
    round.readings.left_below = left.below;
    round.readings.left_elsewhere = left.above;

    let mut readings = core::mem::take(&mut round.readings);
    drop(round);
    drop(owners);
    settle();
    readings.lost = (before - Free::now()).below;
    Ok(readings)
}

/// Waits for deferred work of the kernel.
fn settle() {
    fsleep(Delta::from_millis(2));
}

/// Returns the bytes that allocators hold, by their own count.
fn held<A: Allocator>(owners: &[A]) -> Result<usize> {
    let mut sum = 0;
    for owner in owners {
        sum += owner.held_bytes()?;
    }
    Ok(sum)
}

/// Returns the allocator of a place: places belong to the allocators in turn.
fn alloc<'a, A: Allocator>(owners: &'a [A]) -> impl Fn(usize) -> Option<A::Table<'a>> {
    move |place| owners[place % owners.len()].alloc()
}

/// Shuffles places.
fn shuffle(random: &mut Random, places: &mut [u32]) {
    for last in (1..places.len()).rev() {
        places.swap(last, random.below(last + 1));
    }
}

/// Makes a list of these places; there is room for as many.
fn choose(list: &mut KVVec<u32>, places: impl Iterator<Item = usize>) -> Result {
    list.clear();
    for place in places {
        list.push_within_capacity(place as u32)
            .map_err(|_| EINVAL)?;
    }
    Ok(())
}

struct Round<'a, A: Allocator> {
    watch: &'a Stopwatch,
    loops: &'a LoopCost,
    owners: &'a [A],
    tables: Population<A::Table<'a>>,
    random: Random,
    /// All places, and room for a selection.
    places: KVVec<u32>,
    chosen: KVVec<u32>,
    /// Places, sorted by the block of their table.
    pieces: KVVec<Piece>,
    readings: Readings,
}

impl<'a, A: Allocator> Round<'a, A> {
    fn new(
        watch: &'a Stopwatch,
        loops: &'a LoopCost,
        owners: &'a [A],
        tables: usize,
        seed: u64,
    ) -> Result<Self> {
        let mut places = KVVec::with_capacity(tables, GFP_KERNEL)?;
        for place in 0..tables {
            places.push(place as u32, GFP_KERNEL)?;
        }
        Ok(Self {
            watch,
            loops,
            owners,
            tables: Population::new(tables)?,
            random: Random::new(seed),
            places,
            chosen: KVVec::with_capacity(tables.max(PAIRS), GFP_KERNEL)?,
            pieces: KVVec::with_capacity(tables, GFP_KERNEL)?,
            readings: Readings::default(),
        })
    }

    fn work(&mut self, case: &Case) -> Result {
        match case.workload {
            Workload::Grow => self.grow(),
            Workload::Shrink => self.shrink(case.tables - case.survivors()),
            Workload::Churn => self.churn(),
            Workload::Worst => self.worst(),
        }
    }

    /// Allocates all tables.
    fn grow(&mut self) -> Result {
        let cost = self
            .tables
            .fill(self.watch, &self.places, alloc(self.owners));
        self.readings.alloc.add(self.loops.off_fill(cost));
        self.verify()
    }

    /// Frees `count` tables at random.
    fn shrink(&mut self, count: usize) -> Result {
        self.grow()?;
        shuffle(&mut self.random, &mut self.places);
        let cost = self.tables.free(self.watch, &self.places[..count]);
        self.readings.free.add(self.loops.off_free(cost));
        Ok(())
    }

    /// Replaces each table several times, in random order, so that an allocator can move them to
    /// fewer pages.
    fn replace_survivors(&mut self) -> Result {
        choose(&mut self.chosen, self.tables.iter().map(|(place, _)| place))?;
        for _ in 0..REPLACED {
            shuffle(&mut self.random, &mut self.chosen);
            self.tables
                .churn(self.watch, &self.chosen, alloc(self.owners));
        }
        self.readings.settled = held(self.owners)?;
        self.check_all().map(|_| ())
    }

    /// Replaces tables at random, at first until a steady state is reached.
    fn churn(&mut self) -> Result {
        self.grow()?;
        for _ in 0..REPLACED {
            let count = self.places.len();
            self.choose_at_random(count)?;
            self.tables
                .churn(self.watch, &self.chosen, alloc(self.owners));
            self.verify()?;
        }
        self.choose_at_random(PAIRS)?;
        let pair = self
            .tables
            .churn(self.watch, &self.chosen, alloc(self.owners));
        self.choose_at_random(PAIRS)?;
        let part = self
            .tables
            .churn_alloc(self.watch, &self.chosen, alloc(self.owners));
        let (pair, part) = (self.loops.off_churn(pair), self.loops.off_churn_alloc(part));
        self.readings.alloc = part;
        self.readings.free = Cost {
            time: pair.time - part.time,
            calls: pair.calls,
        };
        self.verify()
    }

    /// Leaves one table on each block and fills up again, as long as the number of blocks grows.
    fn worst(&mut self) -> Result {
        let mut most = 0;
        loop {
            choose(&mut self.chosen, self.tables.empty())?;
            let cost = self
                .tables
                .fill(self.watch, &self.chosen, alloc(self.owners));
            self.readings.alloc.add(self.loops.off_fill(cost));
            self.verify()?;

            let pieces = self.choose_all_but_one_of_each_piece()?;
            let cost = self.tables.free(self.watch, &self.chosen);
            self.readings.free.add(self.loops.off_free(cost));
            if pieces <= most {
                return Ok(());
            }
            most = pieces;
        }
    }

    /// Selects `count` places at random, with repetition.
    fn choose_at_random(&mut self, count: usize) -> Result {
        let random = (0..count).map(|_| self.random.below(self.places.len()));
        choose(&mut self.chosen, random)
    }

    /// Selects the places of tables that are not the first on their block, and counts the blocks.
    fn choose_all_but_one_of_each_piece(&mut self) -> Result<usize> {
        self.sort_by_piece()?;
        let pairs = self.pieces.windows(2);
        let others = pairs.filter(|pair| pair[0].address == pair[1].address);
        choose(&mut self.chosen, others.map(|pair| pair[1].place))?;
        Ok(self.pieces.len() - self.chosen.len())
    }

    /// Sorts tables by their block.
    fn sort_by_piece(&mut self) -> Result {
        self.pieces.clear();
        for (place, table) in self.tables.iter() {
            let piece = Piece::of(place, table);
            self.pieces
                .push_within_capacity(piece)
                .map_err(|_| EINVAL)?;
        }
        Piece::sort(&mut self.pieces);
        Ok(())
    }

    /// Checks that there is a table in each place, and each table with [`check`].
    fn verify(&mut self) -> Result {
        if self.check_all()? < self.places.len() {
            pr_err!("out of memory\n");
            return Err(ENOMEM);
        }
        Ok(())
    }

    /// Checks all tables, and counts them.
    fn check_all(&mut self) -> Result<usize> {
        let mut tables = 0;
        for (place, table) in self.tables.iter_mut() {
            check(place, table)?;
            tables += 1;
        }
        Ok(tables)
    }

    /// Takes the readings after the workload.
    fn read(&mut self, taken: Free) -> Result {
        self.readings.below = taken.below;
        self.readings.elsewhere = taken.above;
        self.readings.accounted = held(self.owners)?;
        self.readings.live = self.tables.iter().count();
        self.sort_by_piece()?;
        self.readings.above = self.pieces.iter().filter(|piece| piece.is_above()).count();
        let mut last = None;
        for piece in &self.pieces {
            if last.replace(piece.address) != Some(piece.address) {
                self.readings.pieces += 1;
                self.readings.pinned += piece.bytes;
            }
        }
        Ok(())
    }

    /// Frees the remaining tables.
    fn end(&mut self, workload: Workload) -> Result {
        choose(&mut self.chosen, self.tables.iter().map(|(place, _)| place))?;
        let cost = self.tables.free(self.watch, &self.chosen);
        // Only the steady state of churn is measured.
        if workload != Workload::Churn {
            self.readings.free.add(self.loops.off_free(cost));
        }
        Ok(())
    }
}

/// Checks that a table is naturally aligned, and either zeroed or with the mark of its place, and
/// writes the mark of its place.
fn check(place: usize, table: &mut impl Table) -> Result {
    const WORDS: usize = SIZE / 8;
    let mark = !(place as u64);
    // SAFETY: The words are those of a table, which is borrowed exclusively.
    let words = unsafe { &mut *table.as_ptr().cast::<[u64; WORDS]>().as_ptr() };
    let ends = [words[0], words[WORDS - 1]];
    let middle = words[1..WORDS - 1].iter().fold(0, |all, word| all | word);
    let aligned = table.as_ptr().as_ptr() as usize % SIZE == 0;
    if !aligned || middle != 0 || ends != [0; 2] && ends != [mark; 2] {
        pr_err!("table at {:p} is not as it should be\n", table.as_ptr());
        return Err(EIO);
    }
    words[0] = mark;
    words[WORDS - 1] = mark;
    Ok(())
}
