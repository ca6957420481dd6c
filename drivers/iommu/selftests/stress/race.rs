// SPDX-License-Identifier: GPL-2.0

//! A race: rounds in which all actors call at once. In the rests between them everything is
//! compared, and shared tables are removed, so that the next round makes them again.

use kernel::{
    bindings,
    new_spinlock,
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4K, //
    },
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        Arc,
        SpinLock, //
    },
    time::{
        delay::fsleep,
        Delta,
        Instant,
        Monotonic, //
    }, //
};

use crate::{
    actor::{
        Actor,
        Counts,
        Wrong, //
    },
    tables::{
        Setup,
        Tables, //
    },
    thread::{
        Thread,
        Work, //
    },
    timer::Timers,
    try_lock::{
        Taken,
        TryLock, //
    },
    zones::{
        Zone,
        ACTORS_MAX,
        SECTION,
        ZONES, //
    }, //
};

/// Contexts on a CPU: a thread, hard interrupts, soft interrupts.
pub(crate) const CONTEXTS: usize = 3;
/// Maximum number of threads.
pub(crate) const THREADS_MAX: usize = ACTORS_MAX / CONTEXTS;

/// Steps of a thread in a round, beside the first touches.
const STEPS: usize = 96;
/// Rounds between two comparisons of the whole set.
const COMPARE: u32 = 8;
/// The first behind the sections that are shared.
const SHARED: usize = ZONES[6].first;
const _: () = assert!(ZONES[5].is_shared() && !ZONES[6].is_shared());

/// Nanoseconds after which an interrupt makes no more calls.
const TICK: i64 = 300_000;

/// Number of times that a thread polls for the thread that it races with.
const PATIENCE: usize = 2000;

/// The state of one thread and its CPU.
#[pin_data]
struct Lane {
    /// Taken to be in atomic context.
    #[pin]
    lock: SpinLock<()>,
    /// The section that the thread is about to touch for the first time.
    touching: Atomic<u32>,
    /// Number of tables in all rounds.
    touched: Atomic<u32>,
    /// The last round that the thread took part in.
    round: Atomic<u32>,
    timers: TryLock<Option<Timers>>,
}

/// Data that all actors share.
pub(crate) struct Race {
    tables: Tables,
    /// Indices of lane n: n times [`CONTEXTS`], and the next ones.
    actors: KVec<TryLock<Actor>>,
    lanes: KVec<Pin<KBox<Lane>>>,
    /// Number of the current round, zero in a rest.
    round: Atomic<u32>,
    /// Number of threads that have ended it.
    done: Atomic<u32>,
    /// True after a wrong result.
    wrong: Atomic<u32>,
}

impl Work for Race {
    fn turn(this: &Arc<Self>, me: usize) {
        let lane = &this.lanes[me];
        let round = this.round.load(Acquire);
        if round == 0 || round == lane.round.load(Relaxed) {
            // Polls for a short time, so that all start together.
            fsleep(Delta::from_micros(20));
            return;
        }
        lane.round.store(round, Relaxed);
        if let Some(mut timers) = lane.timers.take() {
            if timers.is_none() {
                let actor = me * CONTEXTS;
                // A timer without memory does not run; the counts show it.
                *timers = Timers::start(this, me, actor + 1, actor + 2).ok();
            }
        }
        if let Some(mut actor) = this.actors[me * CONTEXTS].take() {
            this.take_part(me, &mut actor, round as usize);
            this.note(&actor);
        }
        this.done.fetch_add(1, Full);
    }
}

impl Race {
    #[inline(never)] // For a stack frame of its own.
    fn new(setup: Setup, threads: usize, seed: u64) -> Result<Self> {
        let count = threads * CONTEXTS;
        let mut actors = KVec::with_capacity(count, GFP_KERNEL)?;
        let mut lanes = KVec::with_capacity(threads, GFP_KERNEL)?;
        for me in 0..count {
            actors.push(TryLock::new(Actor::new(me, count, seed)?), GFP_KERNEL)?;
        }
        for _ in 0..threads {
            let lane = KBox::pin_init(
                pin_init!(Lane {
                    lock <- new_spinlock!(()),
                    touching: Atomic::new(0),
                    touched: Atomic::new(0),
                    round: Atomic::new(0),
                    timers: TryLock::new(None),
                }),
                GFP_KERNEL,
            )?;
            lanes.push(lane, GFP_KERNEL)?;
        }
        Ok(Self {
            tables: Tables::new(setup)?,
            actors,
            lanes,
            round: Atomic::new(0),
            done: Atomic::new(0),
            wrong: Atomic::new(0),
        })
    }

    fn note(&self, actor: &Actor) {
        if actor.wrong.is_some() {
            self.wrong.store(1, Relaxed);
        }
    }

    /// Makes a call of a thread, in a context that may sleep or in atomic context.
    fn in_context(
        &self,
        lane: &Lane,
        actor: &mut Actor,
        act: impl FnOnce(&mut Actor, &Tables, bindings::gfp_t),
    ) {
        if actor.below(2) == 0 {
            act(actor, &self.tables, bindings::GFP_KERNEL);
        } else {
            let _guard = lane.lock.lock();
            act(actor, &self.tables, bindings::GFP_ATOMIC);
        }
    }

    /// Does a thread's part of a round: first touches of all shared sections, then random calls.
    ///
    /// Threads touch in pairs that start together for each section; each pair starts at other
    /// sections, where there are no tables yet.
    fn take_part(&self, me: usize, actor: &mut Actor, round: usize) {
        let lane = &self.lanes[me];
        let other = self.lanes.get(me ^ 1).unwrap_or(lane);
        let pairs = self.lanes.len().div_ceil(2);
        for i in 0..SHARED {
            let section = (i + me / 2 * SHARED / pairs + round * 7) % SHARED;
            lane.touching.store(section as u32, Relaxed);
            let touched = (round * SHARED + i) as u32;
            lane.touched.store(touched, Release);
            let behind = || other.touched.load(Acquire) < touched;
            let _ = (0..PATIENCE).take_while(|_| behind()).count();
            // Alternates which of the two is first.
            for _ in 0..actor.below(64) {
                core::hint::spin_loop();
            }
            self.in_context(lane, actor, |actor, tables, gfp| {
                actor.first_touch(tables, gfp, section)
            });
        }
        for _ in 0..STEPS {
            self.in_context(lane, actor, Actor::step);
        }
    }

    /// Handles an interrupt on a lane's CPU: touches the section that the thread may be about to
    /// touch, and makes random calls. Returns the time until the next one.
    pub(crate) fn tick(&self, lane: usize, actor: usize) -> Delta {
        let Some(mut actor) = self.actors[actor].take() else {
            // A rest.
            return Delta::from_millis(1);
        };
        let start = Instant::<Monotonic>::now();
        if self.round.load(Acquire) != 0 {
            let section = self.lanes[lane].touching.load(Relaxed) as usize;
            actor.first_touch(&self.tables, bindings::GFP_ATOMIC, section);
            for _ in 0..4 {
                if start.elapsed().as_nanos() < TICK {
                    actor.step(&self.tables, bindings::GFP_ATOMIC);
                }
            }
            self.note(&actor);
        }
        // Leaves most of the time to the threads, on a slow machine, too.
        let took = start.elapsed().as_nanos();
        Delta::from_nanos(200_000 + actor.below(1_000_000) as i64 + 8 * took)
    }

    /// Takes all actors, which begins a rest: all calls have ended when this returns.
    fn rest(&self) -> Result<KVec<Taken<'_, Actor>>> {
        let mut taken = KVec::with_capacity(self.actors.len(), GFP_KERNEL)?;
        self.round.store(0, Release);
        for actor in &self.actors {
            loop {
                if let Some(actor) = actor.take() {
                    taken.push(actor, GFP_KERNEL)?;
                    break;
                }
                fsleep(Delta::from_micros(20));
            }
        }
        Ok(taken)
    }

    /// Does a round, and begins a rest.
    fn run_round(&self, round: u32) -> Result<KVec<Taken<'_, Actor>>> {
        self.done.store(0, Relaxed);
        self.round.store(round, Release);
        while (self.done.load(Acquire) as usize) < self.lanes.len() {
            fsleep(Delta::from_micros(200));
        }
        self.rest()
    }

    /// Compares the translation of every page, for callers and for the walker, with the models of
    /// all actors.
    fn compare(&self, actors: &[Taken<'_, Actor>]) -> Result<(), Wrong> {
        for (number, zone) in ZONES.iter().enumerate() {
            for page in 0..zone.sections(actors.len()) * SECTION {
                let expected = zone
                    .owner(page, actors.len())
                    .map_or(0, |(who, at)| actors[who].paddr(number, at));
                self.compare_page(zone.first * SECTION + page, expected)?;
            }
        }
        // Nothing is mapped behind the last zone.
        let last = &ZONES[ZONES.len() - 1];
        for section in last.first + last.sections(actors.len())..SZ_4K {
            self.compare_page(section * SECTION, 0)?;
        }
        Ok(())
    }

    fn compare_page(&self, page: usize, expected: u64) -> Result<(), Wrong> {
        let iova = page * SZ_4K;
        // SAFETY: All actors are taken, so that no mapping changes.
        let translated = unsafe { self.tables.set.translate(iova) };
        for (what, got) in [
            ("translate, of all", translated),
            ("walk, of all", self.tables.walk(iova)),
        ] {
            if got != expected {
                return Err(Wrong {
                    what,
                    iova,
                    pgsize: SZ_4K,
                    count: 1,
                    got: (0, got),
                    expected: (0, expected),
                });
            }
        }
        Ok(())
    }

    /// Removes the shared tables, full or empty, some of them by mapping a section over them.
    fn take_down(&self, actors: &mut [Taken<'_, Actor>]) -> Result<(), Wrong> {
        for (number, zone) in ZONES
            .iter()
            .enumerate()
            .filter(|(_, zone)| zone.is_shared())
        {
            for section in 0..zone.sections(actors.len()) {
                let live = (section * SECTION..(section + 1) * SECTION)
                    .filter_map(|page| zone.owner(page, actors.len()))
                    .any(|(who, at)| actors[who].paddr(number, at) != 0);
                let replace = actors[0].below(4) == 0;
                self.take_down_section(zone, section, live, replace)?;
            }
            for actor in actors.iter_mut() {
                actor.forget(number);
            }
        }
        Ok(())
    }

    /// Removes one table, which has mappings if `live`; if `replace`, a section is mapped over it
    /// first.
    fn take_down_section(
        &self,
        zone: &Zone,
        section: usize,
        live: bool,
        replace: bool,
    ) -> Result<(), Wrong> {
        const EXISTS: c_int = -(bindings::EEXIST as c_int);
        let iova = (zone.first + section) * SZ_1M;
        let wrong = |what, got, expected| {
            Err(Wrong {
                what,
                iova,
                pgsize: SZ_1M,
                count: 1,
                got,
                expected,
            })
        };
        let set = &self.tables.set;
        if replace {
            // SAFETY: All actors are taken, so that no other call concerns these addresses.
            let mapped = unsafe { set.map(iova, SZ_1M as u64, SZ_1M, 1, bindings::GFP_KERNEL) };
            let got = (mapped.error, mapped.bytes as u64);
            let expected = if live { (EXISTS, 0) } else { (0, SZ_1M as u64) };
            if got != expected {
                return wrong("replace a table", got, expected);
            }
        }
        // SAFETY: The addresses belong to this thread.
        let unmapped = unsafe { set.unmap(iova, SZ_1M, 1) };
        // An empty table may have been removed or not.
        if unmapped != SZ_1M && (live || replace || unmapped != 0) {
            return wrong("unmap a table", (0, unmapped as u64), (0, SZ_1M as u64));
        }
        Ok(())
    }
}

/// The result of a race.
pub(crate) struct Outcome {
    pub(crate) setup: Setup,
    pub(crate) rounds: u32,
    /// Numbers of calls: of threads, in hard interrupts, and in soft ones.
    pub(crate) counts: [Counts; CONTEXTS],
    /// True if all write-backs fitted into the model of memory.
    pub(crate) complete: bool,
    /// The first wrong result.
    pub(crate) wrong: Option<Wrong>,
}

/// Races until `calls` calls were made, or a result was wrong.
#[inline(never)] // For a stack frame of its own.
pub(crate) fn race(setup: Setup, threads: usize, calls: u64, seed: u64) -> Result<Outcome> {
    let race = Arc::new(Race::new(setup, threads, seed)?, GFP_KERNEL)?;
    let mut outcome = Outcome {
        setup,
        rounds: 0,
        counts: [Counts::default(); CONTEXTS],
        complete: false,
        wrong: None,
    };
    let running = Thread::start_all(&race, threads)?;
    let result = rounds(&race, calls, &mut outcome);
    drop(running);
    for lane in &race.lanes {
        // Breaks the reference cycle: threads and timers hold the race.
        drop(lane.timers.take().and_then(|mut timers| timers.take()));
    }
    result?;
    Ok(outcome)
}

fn rounds(race: &Race, calls: u64, outcome: &mut Outcome) -> Result {
    let mut made = 0;
    while made < calls && outcome.wrong.is_none() {
        outcome.rounds += 1;
        let mut actors = race.run_round(outcome.rounds)?;
        made = 0;
        outcome.counts = [Counts::default(); CONTEXTS];
        for (i, actor) in actors.iter().enumerate() {
            outcome.counts[i % CONTEXTS].add(&actor.counts);
            made += actor.counts.calls();
            outcome.wrong = outcome.wrong.or(actor.wrong);
        }
        if outcome.wrong.is_some() {
            break;
        }
        let last = made >= calls;
        let mut result = Ok(());
        if last || outcome.rounds % COMPARE == 0 {
            result = race.compare(&actors);
        }
        outcome.wrong = result.and_then(|()| race.take_down(&mut actors)).err();
    }
    outcome.complete = race.tables.is_complete();
    Ok(())
}
