// SPDX-License-Identifier: GPL-2.0

//! Kernel threads that repeat a function until they are dropped.
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

use core::ptr::{
    self,
    NonNull, //
};

use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    sync::Arc, //
};

// In helpers.c.
extern "C" {
    fn v7s_stress_cpu(nth: c_uint) -> c_uint;
}

/// The work of threads.
pub(crate) trait Work: Send + Sync + 'static {
    /// Called repeatedly by thread `me`, without locks. Returns soon.
    fn turn(this: &Arc<Self>, me: usize);
}

/// The argument of a thread.
struct Task<W> {
    work: Arc<W>,
    me: usize,
}

/// A running thread; stopped when dropped.
///
/// # Invariants
///
/// `thread` runs [`run`] with `task`, and was not stopped.
pub(crate) struct Thread<W: Work> {
    thread: NonNull<bindings::task_struct>,
    _task: KBox<Task<W>>,
}

// SAFETY: A thread may be stopped by any other.
unsafe impl<W: Work> Send for Thread<W> {}
// SAFETY: Nothing can be done with a reference.
unsafe impl<W: Work> Sync for Thread<W> {}

impl<W: Work> Thread<W> {
    /// Starts thread number `me`, on CPU `me` modulo the number of CPUs.
    pub(crate) fn start(work: Arc<W>, me: usize) -> Result<Self> {
        let task = KBox::new(Task { work, me }, GFP_KERNEL)?;
        // SAFETY: `task` is there until the thread was stopped, and the name has nothing to format.
        let thread = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(run::<W>),
                ptr::from_ref(&*task).cast_mut().cast(),
                bindings::NUMA_NO_NODE,
                c"v7s_stress".as_char_ptr(),
            )
        })?;
        // SAFETY: A new thread, which has not run.
        unsafe {
            bindings::kthread_bind(thread, v7s_stress_cpu(me as c_uint));
            bindings::wake_up_process(thread);
        }
        let thread = NonNull::new(thread).ok_or(ENOMEM)?;
        // INVARIANT: Just started.
        Ok(Self {
            thread,
            _task: task,
        })
    }

    /// Starts `count` threads.
    pub(crate) fn start_all(work: &Arc<W>, count: usize) -> Result<KVec<Self>> {
        let mut threads = KVec::with_capacity(count, GFP_KERNEL)?;
        for me in 0..count {
            threads.push(Self::start(work.clone(), me)?, GFP_KERNEL)?;
        }
        Ok(threads)
    }
}

impl<W: Work> Drop for Thread<W> {
    fn drop(&mut self) {
        // SAFETY: The thread was not stopped (invariant), and does not end before that.
        unsafe { bindings::kthread_stop(self.thread.as_ptr()) };
    }
}

/// # Safety
///
/// To be called as a kernel thread; `task` is a [`Task`] that is there until the thread was
/// stopped.
unsafe extern "C" fn run<W: Work>(task: *mut c_void) -> c_int {
    // SAFETY: The caller passes a live `Task` as `task`.
    let task = unsafe { &*task.cast::<Task<W>>() };
    // SAFETY: This is a kernel thread.
    while !unsafe { bindings::kthread_should_stop() } {
        W::turn(&task.work, task.me);
    }
    0
}
