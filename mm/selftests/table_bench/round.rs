// SPDX-License-Identifier: GPL-2.0

//! One case, done once, with an allocator that was just made for it.

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

/// Pairs of freeing and allocating that are timed.
const PAIRS: usize = 2048;
/// How often each table is replaced before: a chunk of 32 tables, in use until the last of them is
/// freed, lives for four times the mean life of a table.
const REPLACED: usize = 6;

/// What was read.
#[derive(Default)]
pub(crate) struct Readings {
    pub(crate) alloc: Cost,
    pub(crate) free: Cost,
    /// When the workload has been done: tables in use,
    pub(crate) live: usize,
    /// those of them above 4 GiB,
    pub(crate) above: usize,
    /// pieces that they are on,
    pub(crate) pieces: usize,
    /// and bytes of those pieces,
    pub(crate) pinned: usize,
    /// bytes held as the allocator says,
    pub(crate) accounted: usize,
    /// and as the system does, in the zones below 4 GiB,
    pub(crate) below: i64,
    /// and in all others.
    pub(crate) elsewhere: i64,
    /// When those that nine of ten left have been replaced: bytes held as the allocator says.
    pub(crate) settled: usize,
    /// When all tables have been freed: bytes held, all three.
    pub(crate) left: usize,
    pub(crate) left_below: i64,
    pub(crate) left_elsewhere: i64,
    /// Bytes that are missing below 4 GiB when the allocator has gone.
    pub(crate) lost: i64,
}

/// Does a case.
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
    // What the measurement needs for itself is not counted.
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

/// Lets the kernel end what it has begun.
fn settle() {
    fsleep(Delta::from_millis(2));
}

/// Bytes that allocators hold, as they say.
fn held<A: Allocator>(owners: &[A]) -> Result<usize> {
    let mut sum = 0;
    for owner in owners {
        sum += owner.held_bytes()?;
    }
    Ok(sum)
}

/// What allocates for a place: the allocators have them in turn.
fn alloc<'a, A: Allocator>(owners: &'a [A]) -> impl Fn(usize) -> Option<A::Table<'a>> {
    move |place| owners[place % owners.len()].alloc()
}

/// Brings places into any order.
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
    /// All places, and room for any choice of them.
    places: KVVec<u32>,
    chosen: KVVec<u32>,
    /// Places by the piece that their table is on.
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

    /// Frees so many at random.
    fn shrink(&mut self, count: usize) -> Result {
        self.grow()?;
        shuffle(&mut self.random, &mut self.places);
        let cost = self.tables.free(self.watch, &self.places[..count]);
        self.readings.free.add(self.loops.off_free(cost));
        Ok(())
    }

    /// Replaces each of the tables several times, in any order, so that an allocator can have them
    /// on fewer pages.
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

    /// Replaces tables at random, at first until it makes no difference any more.
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

    /// Leaves one table on each piece, and does so again as long as there are more pieces then.
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

    /// Chooses so many places, some of them more than once.
    fn choose_at_random(&mut self, count: usize) -> Result {
        let random = (0..count).map(|_| self.random.below(self.places.len()));
        choose(&mut self.chosen, random)
    }

    /// Chooses the places of tables that are not the first on their piece, and counts the pieces.
    fn choose_all_but_one_of_each_piece(&mut self) -> Result<usize> {
        self.sort_by_piece()?;
        let pairs = self.pieces.windows(2);
        let others = pairs.filter(|pair| pair[0].address == pair[1].address);
        choose(&mut self.chosen, others.map(|pair| pair[1].place))?;
        Ok(self.pieces.len() - self.chosen.len())
    }

    /// Sorts tables by the piece that they are on.
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

    /// Checks that there is a table in each place, and that all are as they should be; see
    /// [`check`].
    fn verify(&mut self) -> Result {
        if self.check_all()? < self.places.len() {
            pr_err!("out of memory\n");
            return Err(ENOMEM);
        }
        Ok(())
    }

    /// Checks all tables that there are, and counts them.
    fn check_all(&mut self) -> Result<usize> {
        let mut tables = 0;
        for (place, table) in self.tables.iter_mut() {
            check(place, table)?;
            tables += 1;
        }
        Ok(tables)
    }

    /// Reads everything that there is to be read when the workload has been done.
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

    /// Frees what is left.
    fn end(&mut self, workload: Workload) -> Result {
        choose(&mut self.chosen, self.tables.iter().map(|(place, _)| place))?;
        let cost = self.tables.free(self.watch, &self.chosen);
        // Of churn, the steady state is what is asked for.
        if workload != Workload::Churn {
            self.readings.free.add(self.loops.off_free(cost));
        }
        Ok(())
    }
}

/// Checks that a table is naturally aligned, and either all zeroes or as it was left here in its
/// place, and leaves something in it that no other place has.
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
