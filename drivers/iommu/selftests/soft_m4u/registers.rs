// SPDX-License-Identifier: GPL-2.0

//! The registers of the M4U.
//!
//! Names, offsets and bits are from
//! [`drivers/iommu/mtk_iommu.c`](srctree/drivers/iommu/mtk_iommu.c). The windows are found in the
//! device tree; the driver has them mapped as well.

use core::ptr::{
    self,
    NonNull, //
};

use kernel::{
    bindings,
    error::to_result,
    prelude::*, //
};

pub(crate) const MMU_PT_BASE_ADDR: usize = 0x000;
pub(crate) const MMU_INVALIDATE: usize = 0x020;
pub(crate) const MMU_INVLD_START_A: usize = 0x024;
pub(crate) const MMU_INVLD_END_A: usize = 0x028;
pub(crate) const MMU_INT_CONTROL0: usize = 0x120;
pub(crate) const MMU_INT_MAIN_CONTROL: usize = 0x124;
pub(crate) const MMU_CPE_DONE: usize = 0x12c;
pub(crate) const MMU_FAULT_ST1: usize = 0x134;
pub(crate) const MMU0_FAULT_VA: usize = 0x13c;
pub(crate) const MMU0_INVLD_PA: usize = 0x140;
pub(crate) const MMU0_INT_ID: usize = 0x150;

/// Bits of `MMU_INVALIDATE`.
pub(crate) const ALL_INVLD: u32 = 1 << 1;
pub(crate) const MMU_INV_RANGE: u32 = 1 << 0;

/// Bit of `MMU_INT_CONTROL0`.
pub(crate) const INT_CLR: u32 = 1 << 12;

/// Bit of `MMU_INT_MAIN_CONTROL` and `MMU_FAULT_ST1`.
pub(crate) const INT_TRANSLATION_FAULT: u32 = 1 << 0;

/// The port of the client device, as in its node.
pub(crate) const PORT: u32 = 30;

/// Offsets of the bank of the port, which has tables of its own, and of the first bank, which has
/// the registers for invalidation.
pub(crate) const BANK: usize = 4;
pub(crate) const BANK0: usize = 0;
const BANK_SIZE: usize = 0x1000;
const BANKS: usize = 5;

/// Register of the syscon with a bit for each translated port.
const PERICFG_IOMMU_1: usize = 0x714;
const PERICFG_SIZE: usize = 0x1000;

// Not in the bindings. Some types are empty in some configurations, which the lint reports.
#[allow(improper_ctypes)]
extern "C" {
    fn of_address_to_resource(
        node: *mut bindings::device_node,
        index: c_int,
        resource: *mut bindings::resource,
    ) -> c_int;
    fn irq_of_parse_and_map(node: *mut bindings::device_node, index: c_int) -> c_uint;
}

/// A register window.
///
/// # Invariants
///
/// The pointer is a mapping of at least the bytes that [`Node::map`] was asked for.
struct Window(NonNull<c_void>);

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: Mapped (invariant), and the pointer is not shared.
        unsafe { bindings::iounmap(self.0.as_ptr()) };
    }
}

/// A node of the device tree.
///
/// # Invariants
///
/// The value owns a reference to the node.
struct Node(NonNull<bindings::device_node>);

impl Node {
    fn find(compatible: &CStr) -> Result<Self> {
        // SAFETY: The string is valid, and null stands for the whole tree and any type.
        let node = unsafe {
            bindings::of_find_compatible_node(
                ptr::null_mut(),
                ptr::null(),
                compatible.as_char_ptr(),
            )
        };
        // INVARIANT: Found nodes come with a reference.
        NonNull::new(node).map(Self).ok_or_else(|| {
            pr_err!("the device tree has no {compatible:?}; see soft_m4u/m4u.dtso\n");
            ENODEV
        })
    }

    /// Maps the first window, which should have `size` bytes.
    fn map(&self, size: usize) -> Result<Window> {
        let mut resource = bindings::resource::default();
        // SAFETY: A valid node (invariant), and the resource is there to be filled in.
        to_result(unsafe { of_address_to_resource(self.0.as_ptr(), 0, &mut resource) })?;
        // `end` is the last byte.
        if resource.end.wrapping_sub(resource.start) < size as u64 - 1 {
            pr_err!("a register window of the device tree is too small: {size:#x} are needed\n");
            return Err(EINVAL);
        }
        // SAFETY: Memory that the device tree has for registers.
        let window = unsafe { bindings::ioremap(resource.start, size) };
        // INVARIANT: Just mapped.
        NonNull::new(window).map(Window).ok_or(ENOMEM)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: The value owns the reference (invariant).
        unsafe { bindings::of_node_put(self.0.as_ptr()) };
    }
}

/// The mapped windows.
pub(crate) struct Registers {
    m4u: Window,
    pericfg: Window,
    /// Of [`BANK`].
    pub(crate) irq: c_uint,
}

// SAFETY: Registers may be used from any thread.
unsafe impl Send for Registers {}

impl Registers {
    pub(crate) fn map() -> Result<Self> {
        let m4u = Node::find(c"mediatek,mt8195-iommu-infra")?;
        // SAFETY: A valid node.
        let irq = unsafe { irq_of_parse_and_map(m4u.0.as_ptr(), BANK as c_int) };
        if irq == 0 {
            pr_err!("the M4U has no interrupt {BANK}\n");
            return Err(ENODEV);
        }
        Ok(Self {
            m4u: m4u.map(BANKS * BANK_SIZE)?,
            pericfg: Node::find(c"mediatek,mt8195-pericfg_ao")?.map(PERICFG_SIZE)?,
            irq,
        })
    }

    fn address(&self, bank: usize, register: usize) -> *mut c_void {
        self.m4u
            .0
            .as_ptr()
            .wrapping_byte_add(bank * BANK_SIZE + register)
    }

    pub(crate) fn read(&self, bank: usize, register: usize) -> u32 {
        // SAFETY: The window is mapped, and has five banks.
        unsafe { bindings::readl(self.address(bank, register)) }
    }

    pub(crate) fn write(&self, bank: usize, register: usize, value: u32) {
        // SAFETY: The address is in the mapped window of the registers; what the driver reads from
        // there it does not take for addresses of its own.
        unsafe { bindings::writel(value, self.address(bank, register)) };
    }

    /// Returns true if accesses through the port are translated.
    pub(crate) fn port_enabled(&self) -> bool {
        let register = self.pericfg.0.as_ptr().wrapping_byte_add(PERICFG_IOMMU_1);
        // SAFETY: The window is mapped, and has that many bytes.
        unsafe { bindings::readl(register) >> PORT & 1 != 0 }
    }
}
