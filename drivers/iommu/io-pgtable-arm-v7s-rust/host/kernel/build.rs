// SPDX-License-Identifier: GPL-2.0

//! Copies files of the kernel crate that need no kernel from the source in KERNEL_SOURCE.

use std::{env, fs, os::unix::fs::symlink, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=KERNEL_SOURCE");
    let source = env::var("KERNEL_SOURCE").expect("KERNEL_SOURCE is the kernel's source");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap()).join("linux");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir(&out).unwrap();
    for name in ["bitfield.rs", "num.rs", "num"] {
        symlink(
            PathBuf::from(&source).join("rust/kernel").join(name),
            out.join(name),
        )
        .unwrap();
    }
    fs::write(out.join("mod.rs"), "pub mod bitfield;\npub mod num;\n").unwrap();
    let root = out.join("mod.rs");
    let include = format!("#[path = {root:?}]\nmod linux;\n");
    fs::write(out.with_extension("rs"), include).unwrap();
}
