// SPDX-License-Identifier: GPL-2.0

//! Faults: registers and interrupt for an access to an address that is not mapped.
//!
//! The first fault is kept in the registers until the driver's interrupt handler has cleared it;
//! faults in between are only counted.

use kernel::{
    bindings,
    prelude::*, //
};

use crate::{
    engine::Engine,
    registers::{
        BANK,
        INT_CLR,
        INT_TRANSLATION_FAULT,
        MMU0_FAULT_VA,
        MMU0_INT_ID,
        MMU0_INVLD_PA,
        MMU_FAULT_ST1,
        MMU_INT_CONTROL0,
        MMU_INT_MAIN_CONTROL,
        PORT, //
    }, //
};

/// Fields: the number of the port in `MMU0_INT_ID`, the direction in `MMU0_FAULT_VA`.
const INT_ID_PORT_SHIFT: u32 = 2;
const FAULT_VA_WRITE: u32 = 1 << 1;

/// An interrupt to be raised.
#[must_use]
pub(crate) struct Interrupt(c_uint);

impl Interrupt {
    /// Sets the interrupt pending in the interrupt controller.
    pub(crate) fn raise(self) {
        // SAFETY: May be called for any interrupt, in any context.
        let error = unsafe {
            bindings::irq_set_irqchip_state(
                self.0,
                bindings::irqchip_irq_state_IRQCHIP_STATE_PENDING,
                true,
            )
        };
        if error != 0 {
            pr_err!("the interrupt cannot be raised ({error})\n");
        }
    }
}

impl Engine {
    /// Writes a fault at `iova` to the registers; the caller raises the returned interrupt.
    pub(crate) fn fault(&mut self, iova: u64, write: bool) -> Option<Interrupt> {
        self.counts.faults += 1;
        let registers = &self.registers;
        let enabled = registers.read(BANK, MMU_INT_MAIN_CONTROL) & INT_TRANSLATION_FAULT != 0;
        if self.fault_latched || !enabled {
            return None;
        }
        let access = if write { FAULT_VA_WRITE } else { 0 };
        registers.write(BANK, MMU0_FAULT_VA, iova as u32 & !0xfff | access);
        registers.write(BANK, MMU0_INVLD_PA, 0);
        registers.write(BANK, MMU0_INT_ID, PORT << INT_ID_PORT_SHIFT);
        registers.write(BANK, MMU_FAULT_ST1, INT_TRANSLATION_FAULT);
        self.fault_latched = true;
        self.counts.interrupts += 1;
        Some(Interrupt(registers.irq))
    }

    /// Clears the fault when the driver has acknowledged it.
    pub(crate) fn clear_fault(&mut self) {
        let control = self.registers.read(BANK, MMU_INT_CONTROL0);
        if control & INT_CLR != 0 {
            self.registers.write(BANK, MMU_FAULT_ST1, 0);
            self.registers
                .write(BANK, MMU_INT_CONTROL0, control & !INT_CLR);
            self.fault_latched = false;
        }
    }
}
