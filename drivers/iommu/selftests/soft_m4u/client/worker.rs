// SPDX-License-Identifier: GPL-2.0

//! Copies in several threads at a time.

use core::ptr::NonNull;

use kernel::{
    bindings,
    device::{
        Bound,
        Device, //
    },
    error::{
        from_err_ptr,
        to_result, //
    },
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Completion, //
    }, //
};

use crate::{
    exercise::round_trip,
    memory::Kind, //
};

/// The task of a thread.
#[pin_data]
struct Job {
    dev: ARef<Device>,
    seed: u64,
    rounds: usize,
    /// 0 or an errno, once the job is done.
    result: Atomic<i32>,
    #[pin]
    done: Completion,
}

/// A running thread; waited for when dropped.
///
/// # Invariants
///
/// `task` was woken up to run `job`, and the value owns a reference to it.
struct Worker {
    task: NonNull<bindings::task_struct>,
    job: Pin<KBox<Job>>,
}

impl Worker {
    fn start(dev: &Device<Bound>, seed: u64, rounds: usize) -> Result<Self> {
        let dev = dev.into();
        let job = KBox::pin_init(
            try_pin_init!(Job {
                dev,
                seed,
                rounds,
                result: Atomic::new(0),
                done <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The job is there until the thread was waited for, and the name has nothing to
        // format.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(run),
                core::ptr::from_ref(&*job).cast_mut().cast(),
                bindings::NUMA_NO_NODE,
                c"m4u_client".as_char_ptr(),
            )
        })?;
        // SAFETY: A new task that was not woken up yet.
        unsafe {
            bindings::get_task_struct(task);
            bindings::wake_up_process(task);
        }
        let task = NonNull::new(task).ok_or(ENOMEM)?;
        // INVARIANT: The task was just woken up, and the reference taken.
        Ok(Self { task, job })
    }

    /// Waits for the end of the job, and returns its result.
    fn result(&self) -> Result {
        self.job.done.wait_for_completion();
        to_result(self.job.result.load(Relaxed))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.job.done.wait_for_completion();
        // SAFETY: `self` owns a reference to the thread (invariant), which is stopped only here.
        // After its job the thread still runs a few instructions of this module, hence the wait.
        unsafe {
            bindings::kthread_stop(self.task.as_ptr());
            bindings::put_task_struct(self.task.as_ptr());
        }
    }
}

/// # Safety
///
/// `job` is a [`Job`] that lives until it is done, for a device that is bound until then.
unsafe extern "C" fn run(job: *mut c_void) -> c_int {
    // SAFETY: The caller passes a live `Job` as `job`.
    let job = unsafe { &*job.cast::<Job>() };
    // SAFETY: The device is bound as long as its threads run.
    let dev = unsafe { job.dev.as_bound() };
    if let Err(error) = rounds(dev, job.seed, job.rounds) {
        job.result.store(error.to_errno(), Relaxed);
    }
    job.done.complete_all();
    0
}

/// Makes copies of all kinds, of a page to 4 MiB, smaller ones more often.
fn rounds(dev: &Device<Bound>, mut seed: u64, rounds: usize) -> Result {
    for _ in 0..rounds {
        // The generator of Marsaglia, "Xorshift RNGs", 2003.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let (_, kind) = Kind::ALL[(seed >> 8) as usize % Kind::ALL.len()];
        let most = 1 << (seed >> 16 & 0xff) % 11;
        let pages = 1 + (seed >> 24) as usize % most;
        round_trip(dev, kind, pages * PAGE_SIZE, seed)?;
    }
    Ok(())
}

/// Runs `threads` threads that make `count` copies each. Returns the first error, if any.
pub(crate) fn in_threads(dev: &Device<Bound>, threads: usize, count: usize) -> Result {
    let mut workers = KVec::new();
    for n in 0..threads {
        let seed = 0x5eed_0001 + n as u64;
        workers.push(Worker::start(dev, seed, count)?, GFP_KERNEL)?;
    }
    workers.iter().try_for_each(Worker::result)
}
