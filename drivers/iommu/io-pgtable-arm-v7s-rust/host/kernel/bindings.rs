// SPDX-License-Identifier: GPL-2.0

//! Structures of C, with the members that the format uses.
//!
//! C header: `include/linux/io-pgtable.h`

#![allow(missing_docs, non_camel_case_types, non_snake_case)]

use core::{
    ffi::c_void,
    ptr::null_mut, //
};

#[derive(Clone, Copy, Default)]
pub struct device;

#[derive(Clone, Copy, Default)]
pub struct io_pgtable_ops;

#[derive(Clone, Copy, Default)]
pub struct iommu_iotlb_gather {
    pub queued: bool,
}

pub struct iommu_flush_ops {
    pub tlb_flush_walk: Option<unsafe extern "C" fn(usize, usize, usize, *mut c_void)>,
    pub tlb_add_page:
        Option<unsafe extern "C" fn(*mut iommu_iotlb_gather, usize, usize, *mut c_void)>,
}

#[derive(Clone, Copy, Default)]
pub struct io_pgtable_cfg__bindgen_ty_1__bindgen_ty_3 {
    pub ttbr: u32,
    pub tcr: u32,
    pub nmrr: u32,
    pub prrr: u32,
}

#[derive(Clone, Copy, Default)]
pub struct io_pgtable_cfg__bindgen_ty_1 {
    pub arm_v7s_cfg: io_pgtable_cfg__bindgen_ty_1__bindgen_ty_3,
}

#[derive(Clone, Copy)]
pub struct io_pgtable_cfg {
    pub quirks: usize,
    pub pgsize_bitmap: usize,
    pub ias: u32,
    pub oas: u32,
    pub coherent_walk: bool,
    pub tlb: *const iommu_flush_ops,
    pub iommu_dev: *mut device,
    pub __bindgen_anon_1: io_pgtable_cfg__bindgen_ty_1,
}

impl Default for io_pgtable_cfg {
    fn default() -> Self {
        Self {
            quirks: 0,
            pgsize_bitmap: 0,
            ias: 0,
            oas: 0,
            coherent_walk: false,
            tlb: core::ptr::null(),
            iommu_dev: null_mut(),
            __bindgen_anon_1: Default::default(),
        }
    }
}

#[derive(Clone, Copy)]
pub struct io_pgtable {
    pub cookie: *mut c_void,
    pub cfg: io_pgtable_cfg,
    pub ops: io_pgtable_ops,
}

impl Default for io_pgtable {
    fn default() -> Self {
        Self {
            cookie: null_mut(),
            cfg: Default::default(),
            ops: io_pgtable_ops,
        }
    }
}
