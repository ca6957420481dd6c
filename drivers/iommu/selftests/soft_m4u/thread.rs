// SPDX-License-Identifier: GPL-2.0

//! A thread that polls the registers.
//!
//! The driver polls for the end of an invalidation with interrupts off, for at most a millisecond.
//! So this thread has to run on another CPU all the time: it never sleeps, and runs on the last
//! CPU, which should be isolated (`isolcpus=`).

use core::{
    ops::RangeInclusive,
    ptr::{
        self,
        NonNull, //
    }, //
};

use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    processor::cpu_relax, //
};

use crate::{
    engine::{
        locked,
        Engine, //
    },
    registers::{
        ALL_INVLD,
        BANK,
        BANK0,
        MMU_CPE_DONE,
        MMU_INVALIDATE,
        MMU_INVLD_END_A,
        MMU_INVLD_START_A, //
        MMU_INV_RANGE,
    }, //
};

// In helpers.c.
extern "C" {
    fn soft_m4u_cond_resched();
    fn soft_m4u_last_cpu() -> c_uint;
}

/// The running thread; stopped when dropped.
///
/// # Invariants
///
/// The task runs [`run`] and was not stopped.
pub(crate) struct Thread(NonNull<bindings::task_struct>);

// SAFETY: A thread may be stopped by any other.
unsafe impl Send for Thread {}
// SAFETY: A reference gives no access.
unsafe impl Sync for Thread {}

impl Thread {
    pub(crate) fn start() -> Result<Self> {
        // SAFETY: May be called at any time.
        let cpu = unsafe { soft_m4u_last_cpu() };
        if cpu == 0 {
            pr_err!("there is one CPU only, and the driver will not let go of it\n");
            return Err(ENODEV);
        }
        // SAFETY: `run` takes no data, and the name has no format specifiers.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(run),
                ptr::null_mut(),
                bindings::NUMA_NO_NODE,
                c"soft_m4u".as_char_ptr(),
            )
        })?;
        // SAFETY: A new thread that was not woken up yet.
        unsafe {
            bindings::kthread_bind(task, cpu);
            bindings::wake_up_process(task);
        }
        // INVARIANT: It was just made.
        NonNull::new(task).map(Self).ok_or(ENOMEM)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // SAFETY: The thread was not stopped (invariant), and `run` does not end before that.
        unsafe { bindings::kthread_stop(self.0.as_ptr()) };
    }
}

/// # Safety
///
/// Called as a kernel thread.
unsafe extern "C" fn run(_data: *mut c_void) -> c_int {
    // SAFETY: This is a kernel thread.
    while !unsafe { bindings::kthread_should_stop() } {
        locked(|engine| {
            if let Some(engine) = engine {
                engine.serve();
            }
        });
        cpu_relax();
        // SAFETY: No lock is held.
        unsafe { soft_m4u_cond_resched() };
    }
    0
}

impl Engine {
    /// Handles the requests in the registers.
    fn serve(&mut self) {
        let registers = &self.registers;
        if registers.read(BANK, MMU_INVALIDATE) & MMU_INV_RANGE != 0 {
            let start = registers.read(BANK, MMU_INVLD_START_A);
            let end = registers.read(BANK, MMU_INVLD_END_A);
            self.counts.range_invalidations += 1;
            self.invalidate(pages(start, end));
            self.registers.write(BANK, MMU_INVALIDATE, 0);
            self.registers.write(BANK, MMU_CPE_DONE, 1);
        }
        // The driver does not poll for the end of this one.
        if self.registers.read(BANK0, MMU_INVALIDATE) & ALL_INVLD != 0 {
            self.registers.write(BANK0, MMU_INVALIDATE, 0);
            self.counts.full_invalidations += 1;
            self.invalidate(0..=u64::MAX);
        }
        self.clear_fault();
    }
}

/// Returns the range from the first page to the last, both included.
fn pages(start: u32, end: u32) -> RangeInclusive<u64> {
    u64::from(start >> 12 << 12)..=u64::from(end | 0xfff)
}
