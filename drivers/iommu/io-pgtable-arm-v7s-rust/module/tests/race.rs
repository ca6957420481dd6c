// SPDX-License-Identifier: GPL-2.0

//! Two callers at once, each with input addresses of its own, as the interface allows.

use kernel::{
    cpu::nr_cpu_ids,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};

use super::*;

use crate::format::entry::L2_ENTRIES;

/// Longest time of a race; two threads that share a CPU are slow.
const TIME_MS: i64 = 200;

/// A set, and the steps of two threads, in lockstep or each as fast as it can.
struct Race {
    set: Set,
    /// Does a step of a thread; returns false if a result was wrong.
    act: fn(set: &Set, step: usize, second: bool) -> bool,
    /// True if a step begins for both at the same time.
    together: bool,
    /// Number of steps.
    steps: Atomic<u32>,
    /// Number of steps that the second thread may begin, and that it has done.
    begun: Atomic<u32>,
    done: Atomic<u32>,
    wrong: Atomic<u32>,
    /// True if the first thread has done all steps.
    over: Atomic<u32>,
}

impl Race {
    fn new(
        steps: u32,
        together: bool,
        act: fn(set: &Set, step: usize, second: bool) -> bool,
    ) -> Result<Self> {
        Self::with(Set::of(0, 30, 32)?, steps, together, act)
    }

    fn with(
        set: Set,
        steps: u32,
        together: bool,
        act: fn(set: &Set, step: usize, second: bool) -> bool,
    ) -> Result<Self> {
        Ok(Self {
            set,
            act,
            together,
            steps: Atomic::new(steps),
            begun: Atomic::new(if together { 0 } else { steps }),
            done: Atomic::new(0),
            wrong: Atomic::new(0),
            over: Atomic::new(0),
        })
    }

    fn step(&self, step: u32, second: bool) {
        if !(self.act)(&self.set, step as usize, second) {
            self.wrong.store(1, Relaxed);
        }
    }

    /// Runs the first thread: all steps, or as many as there is time for.
    fn lead(&self) {
        let start = Instant::<Monotonic>::now();
        let mut step = 0;
        while step < self.steps.load(Relaxed) && start.elapsed().as_millis() < TIME_MS {
            if self.together {
                self.begun.store(step + 1, Release);
                // Alternates which of the two is first.
                for _ in 0..step % 256 {
                    core::hint::spin_loop();
                }
            }
            self.step(step, false);
            step += 1;
            wait(|| !self.together || self.done.load(Acquire) == step);
        }
        self.steps.store(step, Release);
        self.over.store(1, Release);
    }

    /// Runs the second thread.
    fn follow(&self) {
        let mut step = 0;
        loop {
            let ended = || self.steps.load(Acquire) <= step;
            wait(|| self.begun.load(Acquire) > step || ended());
            if ended() {
                return;
            }
            self.step(step, true);
            step += 1;
            self.done.store(step, Release);
        }
    }

    /// Runs both, each on a CPU of its own if there are two. Returns the number of steps done, or
    /// `None` if a result was wrong.
    fn run(&self) -> Result<Option<usize>> {
        let second = Thread::new(self, follow, nr_cpu_ids().min(2) - 1)?;
        let first = Thread::new(self, lead, 0);
        if first.is_err() {
            // No steps for the second one either.
            self.steps.store(0, Release);
        }
        let first = first?;
        // A thread that is stopped before it ran does not run at all.
        wait(|| self.over.load(Acquire) != 0);
        drop((first, second));
        let right = self.wrong.load(Relaxed) == 0;
        Ok(right.then_some(self.steps.load(Relaxed) as usize))
    }
}

/// A thread of a race; stopped when dropped.
struct Thread<'a> {
    task: *mut bindings::task_struct,
    _race: &'a Race,
}

impl<'a> Thread<'a> {
    fn new(
        race: &'a Race,
        part: unsafe extern "C" fn(*mut c_void) -> c_int,
        cpu: u32,
    ) -> Result<Self> {
        // SAFETY: The thread takes a `Race`, which lives until the thread was stopped. The name has
        // no conversions.
        let task = unsafe {
            from_err_ptr(bindings::kthread_create_on_node(
                Some(part),
                core::ptr::from_ref(race).cast_mut().cast(),
                bindings::NUMA_NO_NODE,
                c"v7s_race".as_char_ptr(),
            ))?
        };
        // SAFETY: The thread was just made and has not run.
        unsafe {
            bindings::kthread_bind(task, cpu);
            bindings::wake_up_process(task);
        }
        Ok(Self { task, _race: race })
    }
}

impl Drop for Thread<'_> {
    fn drop(&mut self) {
        // SAFETY: The thread does not end before this.
        unsafe { bindings::kthread_stop(self.task) };
    }
}

/// Waits for the other thread: first by polling, so that both go on at the same time, then by
/// sleeping, so that it gets a CPU.
fn wait(ready: impl Fn() -> bool) {
    let mut spins = 0;
    while !ready() {
        if spins < 10_000 {
            spins += 1;
            core::hint::spin_loop();
        } else {
            // SAFETY: Called by threads that may sleep and hold nothing.
            unsafe { bindings::yield_() };
        }
    }
}

/// Waits until the thread is stopped.
fn stopped() -> c_int {
    // SAFETY: Called by kernel threads.
    wait(|| unsafe { bindings::kthread_should_stop() });
    0
}

/// # Safety
///
/// `race` is a [`Race`] that lives until the thread was stopped.
unsafe extern "C" fn lead(race: *mut c_void) -> c_int {
    // SAFETY: The caller passes a live `Race` as `race`.
    unsafe { &*race.cast::<Race>() }.lead();
    stopped()
}

/// # Safety
///
/// The requirements of [`lead`].
unsafe extern "C" fn follow(race: *mut c_void) -> c_int {
    // SAFETY: The caller passes a live `Race` as `race`.
    unsafe { &*race.cast::<Race>() }.follow();
    stopped()
}

/// Maps a page or a run of them, side by side with the other thread's in a section that has no
/// table yet.
fn map_in_new_section(set: &Set, step: usize, second: bool) -> bool {
    let first = SZ_4K * if second { 20 } else { 0 };
    let count = [1, 20, 3][step % 3];
    set.maps(step * SZ_1M + first, 0x4000_0000, SZ_4K, count)
}

/// Maps, translates and unmaps pages that begin in the middle of the word in which the other
/// thread's end.
fn use_neighbours(set: &Set, step: usize, second: bool) -> bool {
    let ends = [17, 33, 1, 129][step % 4];
    let (start, end) = if second {
        (129, 129 + ends)
    } else {
        (129 - ends, 129)
    };
    let (start, count) = (SZ_16M + start * SZ_4K, end - start);
    let paddr = 0x4000_0000 + step as u64 * SZ_4K as u64;
    set.is_gap(start, count * SZ_4K)
        && set.maps(start, paddr, SZ_4K, count)
        && set.translates(start, paddr, count * SZ_4K)
        && set.unmap(start, SZ_4K, count) == count * SZ_4K
        && set.is_gap(start, count * SZ_4K)
}

/// Returns the output address of a page of [`see_tables_go`].
fn target_of(iova: usize) -> u64 {
    0x4000_0000 + iova as u64
}

/// One thread makes and frees a table, alternately for two sections, which are likely to get the
/// same memory. The other translates both: each page is right or not mapped.
fn see_tables_go(set: &Set, step: usize, second: bool) -> bool {
    let iova = SZ_16M + step % 2 * SZ_1M;
    if !second {
        return set.maps(iova, target_of(iova), SZ_4K, L2_ENTRIES)
            && set.unmap(iova, SZ_1M, 1) == SZ_1M
            && set.maps(iova, target_of(iova), SZ_1M, 1)
            && set.unmap(iova, SZ_1M, 1) == SZ_1M;
    }
    let mut copy = pin_init::zeroed();
    set.table().snapshot(iova >> 20, &mut copy);
    let mut ptes = [0; 4];
    let middle = iova + SZ_1M / 2;
    let walked = set.table().walk(middle, &mut ptes);
    let seen = |iova: usize, l1, l2| {
        let mapping = match entry::is_table(l1) {
            true => entry::decode_l2(l2, false),
            false => entry::decode_l1(l1, false),
        };
        match mapping {
            Some(mapping) => mapping.translate(iova) == target_of(iova),
            // Nothing else is in a table, not even for a moment.
            None => !entry::is_table(l1) || l2 == entry::INVALID,
        }
    };
    let pages = copy.l2.iter().enumerate();
    pages
        .map(|(i, l2)| (iova + i * SZ_4K, *l2))
        .all(|(iova, l2)| same!(seen(iova, copy.l1, l2), true, "copy of {iova:#x}, {l2:#x}"))
        && same!(
            walked.is_err() || seen(middle, ptes[1] as u32, ptes[2] as u32),
            true,
            "walk of {middle:#x}, {ptes:#x?}"
        )
}

/// Steps of [`keep_looking`], each with a table of its own.
const LOOKS: usize = 20;

/// The step in which the other thread looks, plus one.
static LOOKING: Atomic<u32> = Atomic::new(0);

/// Spins until a condition holds, for a number of milliseconds at most.
fn spin(ms: i64, is_so: impl Fn() -> bool) {
    let start = Instant::<Monotonic>::now();
    while !is_so() && start.elapsed().as_millis() < ms {
        core::hint::spin_loop();
    }
}

/// One thread reads a table under the lock of readers until the other, which removes the table, has
/// overwritten its entry: the content of the table must not change.
fn keep_looking(set: &Set, step: usize, second: bool) -> bool {
    let iova = step * SZ_1M;
    if !second {
        spin(50, || LOOKING.load(Acquire) == step as u32 + 1);
        return set.unmap(iova, SZ_1M, 1) == SZ_1M;
    }
    let table = set.table();
    table.readers().with(|| {
        let Some(slot) = table.l1().get(step) else {
            return false;
        };
        let raw = slot.load();
        LOOKING.store(step as u32 + 1, Release);
        if !entry::is_table(raw) {
            // The other thread has timed out.
            return true;
        }
        // SAFETY: Read from this set under the lock of readers, which keeps the table.
        let l2 = unsafe { table.l2(raw) };
        spin(20, || slot.load() != raw);
        spin(2, || false);
        l2.iter().enumerate().all(|(i, slot)| {
            let iova = iova + i * SZ_4K;
            let mapping = entry::decode_l2(slot.load(), false);
            mapping.is_some_and(|mapping| mapping.translate(iova) == target_of(iova))
        })
    })
}

/// A set of a driver that can be told to flush walks, whose tables are freed, or of one that can
/// not, whose tables are kept.
fn set_of_driver(told: bool) -> Result<Set> {
    let mut cfg = request(0, 30, 32);
    if told {
        cfg.tlb = &TOLD;
    }
    Set::new(cfg)
}

#[kunit_tests(v7s_race)]
mod suite {
    use super::*;

    /// Removing a table waits for its readers, whether it is freed or becomes another
    /// section's.
    #[test]
    fn tables_wait() -> Result {
        for told in [true, false] {
            let set = set_of_driver(told)?;
            for iova in (0..LOOKS * SZ_1M).step_by(SZ_1M) {
                assert!(set.maps(iova, target_of(iova), SZ_4K, L2_ENTRIES));
            }
            let race = Race::with(set, LOOKS as u32, true, keep_looking)?;
            assert!(race.run()?.is_some_and(|steps| steps > 0));
        }
        Ok(())
    }

    /// A reader of a table that is freed meanwhile sees it as it was.
    #[test]
    fn tables_go() -> Result {
        for told in [true, false] {
            let race = Race::with(set_of_driver(told)?, u32::MAX, false, see_tables_go)?;
            assert!(race.run()?.is_some_and(|steps| steps > 0));
        }
        Ok(())
    }

    /// Both find no table, one of them installs one, and both use that.
    #[test]
    fn one_table_for_two() -> Result {
        // One for each section of the space.
        let race = Race::new(1 << 10, true, map_in_new_section)?;
        let steps = race.run()?;
        assert!(steps.is_some_and(|steps| steps > 0));
        for step in 0..steps.unwrap_or(0) {
            let count = [1, 20, 3][step % 3];
            for first in [0, 20] {
                let iova = step * SZ_1M + first * SZ_4K;
                assert!(race.set.translates(iova, 0x4000_0000, count * SZ_4K));
            }
        }
        Ok(())
    }

    /// Each thread leaves the entries of the other alone.
    #[test]
    fn neighbours() -> Result {
        let race = Race::new(u32::MAX, false, use_neighbours)?;
        assert!(race.run()?.is_some_and(|steps| steps > 0));
        assert!(race.set.is_gap(SZ_16M, SZ_1M));
        Ok(())
    }
}
