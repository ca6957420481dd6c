// SPDX-License-Identifier: GPL-2.0

//! Which functions the tests get their sets through: those of io-pgtable, as a driver does.

use super::*;

pub(super) use crate::io_pgtable_arm_v7s_init_fns as INIT_FNS;
pub(super) use bindings::free_io_pgtable_ops as free;

/// # Safety
///
/// As for `alloc_io_pgtable_ops()`.
pub(super) unsafe fn alloc(
    cfg: *mut bindings::io_pgtable_cfg,
    cookie: *mut c_void,
) -> *mut bindings::io_pgtable_ops {
    // SAFETY: By the function's requirements.
    unsafe { bindings::alloc_io_pgtable_ops(bindings::io_pgtable_fmt_ARM_V7S, cfg, cookie) }
}

#[kunit_tests(v7s_through)]
mod suite {
    use super::*;

    /// What io-pgtable has for the format is this implementation, not another.
    #[test]
    fn io_pgtable_serves_the_format_in_rust() -> Result {
        let set = Set::of(0, 32, 32)?;
        // SAFETY: A live set.
        let map_pages = unsafe { set.ops.as_ref() }.map_pages.ok_or(EINVAL)?;
        let ours = crate::ops::map_pages as *const () as usize;
        assert_eq!(map_pages as *const () as usize, ours);
        Ok(())
    }

    #[test]
    fn a_custom_allocator_is_refused() {
        extern "C" fn alloc(
            _cookie: *mut c_void,
            _size: usize,
            _gfp: bindings::gfp_t,
        ) -> *mut c_void {
            null_mut()
        }
        extern "C" fn free(_cookie: *mut c_void, _pages: *mut c_void, _size: usize) {}
        let mut cfg = request(0, 32, 32);
        cfg.alloc = Some(alloc);
        cfg.free = Some(free);
        assert!(Set::new(cfg).is_err());
    }
}
