// SPDX-License-Identifier: GPL-2.0

//! A plugin of QEMU that counts instructions of an arm64 guest by what they cost when several CPUs
//! work at once. Each line of the file that `out=` names has the counts of one section of what the
//! guest ran: atomic operations, stores that release (one for each lock that is let go), barriers,
//! cache maintenance.
//!
//! `hint #120`, which does nothing, begins and ends sections.

use std::ffi::{
    c_char,
    c_int,
    c_uint,
    c_void,
    CStr, //
};
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{
    AtomicBool,
    AtomicU64,
    Ordering::Relaxed, //
};
use std::sync::Mutex;

/// The version of the interface: that of QEMU 10.0.
#[no_mangle]
#[allow(non_upper_case_globals)]
pub static qemu_plugin_version: c_int = 4;

#[repr(C)]
struct Block {
    _opaque: [u8; 0],
}

#[repr(C)]
struct Insn {
    _opaque: [u8; 0],
}

type Executed = extern "C" fn(vcpu: c_uint, data: *mut c_void);

// Of qemu-plugin.h, provided by QEMU.
extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: u64, call: extern "C" fn(u64, *mut Block));
    fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut Insn;
    fn qemu_plugin_insn_data(insn: *const Insn, to: *mut c_void, len: usize) -> usize;
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        insn: *mut Insn,
        call: Executed,
        flags: c_uint,
        data: *mut c_void,
    );
}

const MARK: u32 = 0xd503_2f1f;

/// Encodings, as a mask and the bits under it, with the index of their count. Arm DDI 0487, C4.1.
const KINDS: [(u32, u32, usize); 8] = [
    // Store exclusive, of which one ends each atomic operation.
    (0x3fc0_0000, 0x0800_0000, 0),
    // Compare and swap.
    (0x3fa0_7c00, 0x08a0_7c00, 0),
    // Atomic memory operations.
    (0x3b20_0c00, 0x3820_0000, 0),
    // Store release.
    (0x3fe0_8000, 0x0880_8000, 1),
    // DSB.
    (0xffff_f0ff, 0xd503_309f, 2),
    // DMB.
    (0xffff_f0ff, 0xd503_30bf, 2),
    // SYS of CRn 7, which is cache maintenance: from EL1, ...
    (0xffff_f000, 0xd508_7000, 3),
    // ... and from EL0 or EL1.
    (0xffff_f000, 0xd50b_7000, 3),
];

static COUNTS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
static IN_SECTION: AtomicBool = AtomicBool::new(false);
static OUT: Mutex<Option<File>> = Mutex::new(None);

extern "C" fn counted(_vcpu: c_uint, data: *mut c_void) {
    COUNTS[data as usize].fetch_add(1, Relaxed);
}

extern "C" fn marked(_vcpu: c_uint, _data: *mut c_void) {
    let counts = COUNTS.each_ref().map(|count| count.swap(0, Relaxed));
    if !IN_SECTION.fetch_xor(true, Relaxed) {
        return;
    }
    if let Some(out) = OUT.lock().unwrap().as_mut() {
        let [atomics, releases, barriers, maintenance] = counts;
        writeln!(out, "{atomics} {releases} {barriers} {maintenance}").unwrap();
    }
}

extern "C" fn translated(_id: u64, block: *mut Block) {
    // SAFETY: QEMU passes a block that is valid during the call; so are its instructions.
    unsafe {
        for index in 0..qemu_plugin_tb_n_insns(block) {
            let insn = qemu_plugin_tb_get_insn(block, index);
            let mut bytes = [0; 4];
            qemu_plugin_insn_data(insn, bytes.as_mut_ptr().cast(), bytes.len());
            let word = u32::from_le_bytes(bytes);
            let kind = KINDS.iter().find(|(mask, bits, _)| word & mask == *bits);
            if word == MARK {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, 0, std::ptr::null_mut());
            } else if let Some((_, _, count)) = kind {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, counted, 0, *count as *mut c_void);
            }
        }
    }
}

/// Called by QEMU when it loads the plugin.
///
/// # Safety
///
/// `argv` has `argc` strings.
#[no_mangle]
pub unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    _info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    for i in 0..argc as usize {
        // SAFETY: The caller passes that many strings.
        let argument = unsafe { CStr::from_ptr(*argv.add(i)) }.to_str();
        match argument.ok().and_then(|text| text.strip_prefix("out=")) {
            Some(path) => *OUT.lock().unwrap() = File::create(path).ok(),
            None => return -1,
        }
    }
    if OUT.lock().unwrap().is_none() {
        return -1;
    }
    // SAFETY: The identity is the one that QEMU gave us.
    unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
    0
}
