// SPDX-License-Identifier: GPL-2.0

//! A device whose text is a vector in a static cache.

#![deny(unsafe_code)]

use kernel::{
    fs::{
        File,
        Kiocb, //
    },
    iov::IovIterDest,
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    },
    prelude::*, //
};

use slab_rust::static_cache;

static_cache! {
    pub(crate) struct Buffers for [u8; 256] {
        name: c"slab_callers_text",
    }
}

/// A reader of the device.
pub(crate) struct Reader;

#[vtable]
impl MiscDevice for Reader {
    type Ptr = KBox<Vec<u8, Buffers>>;

    fn open(_file: &File, _device: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        let mut text = Vec::new();
        text.extend_from_slice(b"from a static cache\n", GFP_KERNEL)?;
        Ok(KBox::new(text, GFP_KERNEL)?)
    }

    fn read_iter(mut kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let text = kiocb.file();
        iov.simple_read_from_buffer(kiocb.ki_pos_mut(), text)
    }
}
