// SPDX-License-Identifier: GPL-2.0

//! The calls of `struct iommu_flush_ops`' callbacks, in order.

use core::{
    cell::UnsafeCell,
    ptr, //
};

use kernel::{
    bindings,
    fmt::{
        self,
        Display,
        Formatter, //
    },
    prelude::*,
    sizes::SZ_4K,
    types::Opaque, //
};

use crate::walk::Walk;

/// Number of calls kept of one operation: more than a correct operation makes.
const CAPACITY: usize = 4096;

/// The gather that a driver passes to unmap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gather {
    None,
    Each,
    Queued,
}

impl Gather {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Each, Self::Queued];
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Callback {
    FlushAll,
    FlushWalk,
    AddPage,
}

/// A call of a callback.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    callback: Callback,
    iova: usize,
    size: usize,
    granule: usize,
    /// True if the gather is the one that was passed to unmap, or NULL in both.
    gather: bool,
    /// The translation that a walker finds at that address at that moment.
    found: u64,
}

impl Call {
    /// Returns true if it is flush_walk.
    fn is_walk(&self) -> bool {
        self.callback == Callback::FlushWalk
    }

    /// Returns true if a walker still found a translation at the address of the call.
    pub(crate) fn early(&self) -> bool {
        self.found != 0
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match self.callback {
            Callback::FlushAll => "flush_all",
            Callback::FlushWalk => "flush_walk",
            Callback::AddPage => "add_page",
        };
        f.write_fmt(fmt!(
            "{} {:#x} size {:#x} granule {:#x}{}{}",
            name,
            self.iova,
            self.size,
            self.granule,
            if self.gather {
                ""
            } else {
                " with a gather of its own"
            },
            if self.early() {
                " while still mapped"
            } else {
                ""
            },
        ))
    }
}

/// The cookie of a table set: records the arguments of its callbacks.
pub(crate) struct Recorder(UnsafeCell<Inner>);

struct Inner {
    calls: KVVec<Call>,
    /// Number of calls that did not fit.
    lost: usize,
    walk: Option<Walk>,
    /// The gather that is passed to unmap.
    gather: *mut bindings::iommu_iotlb_gather,
    /// Callbacks look up the page this far behind their own.
    ahead: usize,
}

impl Recorder {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(UnsafeCell::new(Inner {
            calls: KVVec::with_capacity(CAPACITY, GFP_KERNEL)?,
            lost: 0,
            walk: None,
            gather: ptr::null_mut(),
            ahead: 0,
        })))
    }

    /// Data that callbacks read.
    pub(crate) fn watch(&mut self, walk: Walk) {
        self.0.get_mut().walk = Some(walk);
    }

    /// Makes callbacks look up the next page instead of their own.
    pub(crate) fn look_ahead(&mut self) {
        self.0.get_mut().ahead = SZ_4K;
    }

    /// Forgets all calls, and sets the gather of the next operation.
    pub(crate) fn start(&mut self, gather: *mut bindings::iommu_iotlb_gather) {
        let inner = self.0.get_mut();
        inner.calls.clear();
        inner.lost = 0;
        inner.gather = gather;
    }

    /// Returns true if walks were flushed since [`start`](Self::start).
    pub(crate) fn has_walks(&mut self) -> bool {
        self.calls().0.iter().any(Call::is_walk)
    }

    /// Returns the recorded calls since [`start`](Self::start), and the number of all calls.
    pub(crate) fn calls(&mut self) -> (&[Call], usize) {
        let inner = self.0.get_mut();
        (&inner.calls, inner.calls.len() + inner.lost)
    }
}

/// Records a call.
///
/// # Safety
///
/// `cookie` is a [`Recorder`] that no other code uses while an operation of its table set is
/// called.
unsafe fn record(cookie: *mut c_void, mut call: Call, gather: *mut bindings::iommu_iotlb_gather) {
    // SAFETY: The caller passes a live `Recorder` as `cookie`.
    let inner = unsafe { &mut *(*cookie.cast::<Recorder>()).0.get() };
    call.gather = call.callback != Callback::AddPage || gather == inner.gather;
    if call.callback != Callback::FlushAll {
        call.found = inner.walk.map_or(0, |walk| {
            walk.translate(call.iova.wrapping_add(inner.ahead))
        });
    }
    if inner.calls.push_within_capacity(call).is_err() {
        inner.lost += 1;
    }
}

/// # Safety
///
/// The requirements of [`record`].
unsafe extern "C" fn flush_all(cookie: *mut c_void) {
    let call = Call {
        callback: Callback::FlushAll,
        iova: 0,
        size: 0,
        granule: 0,
        gather: true,
        found: 0,
    };
    // SAFETY: The set passes its cookie, a live `Recorder`.
    unsafe { record(cookie, call, ptr::null_mut()) };
}

/// # Safety
///
/// The requirements of [`record`].
unsafe extern "C" fn flush_walk(iova: usize, size: usize, granule: usize, cookie: *mut c_void) {
    let call = Call {
        callback: Callback::FlushWalk,
        iova,
        size,
        granule,
        gather: true,
        found: 0,
    };
    // SAFETY: The set passes its cookie, a live `Recorder`.
    unsafe { record(cookie, call, ptr::null_mut()) };
}

/// # Safety
///
/// The requirements of [`record`].
unsafe extern "C" fn add_page(
    gather: *mut bindings::iommu_iotlb_gather,
    iova: usize,
    granule: usize,
    cookie: *mut c_void,
) {
    let call = Call {
        callback: Callback::AddPage,
        iova,
        size: granule,
        granule,
        gather: true,
        found: 0,
    };
    // SAFETY: The set passes its cookie, a live `Recorder`.
    unsafe { record(cookie, call, gather) };
}

const fn choose(chosen: usize) -> bindings::iommu_flush_ops {
    bindings::iommu_flush_ops {
        tlb_flush_all: if chosen & 1 != 0 {
            Some(flush_all)
        } else {
            None
        },
        tlb_flush_walk: if chosen & 2 != 0 {
            Some(flush_walk)
        } else {
            None
        },
        tlb_add_page: if chosen & 4 != 0 {
            Some(add_page)
        } else {
            None
        },
    }
}

/// All choices of callbacks.
static CALLBACKS: [bindings::iommu_flush_ops; 8] = [
    choose(0),
    choose(1),
    choose(2),
    choose(3),
    choose(4),
    choose(5),
    choose(6),
    choose(7),
];

/// The callbacks of a [`Setup`](crate::setup::Setup).
pub(crate) fn callbacks(chosen: Option<usize>) -> *const bindings::iommu_flush_ops {
    chosen
        .and_then(|chosen| CALLBACKS.get(chosen))
        .map_or(ptr::null(), ptr::from_ref)
}

/// The gather that is passed to unmap.
pub(crate) struct Gathered(Opaque<bindings::iommu_iotlb_gather>);

impl Gathered {
    pub(crate) fn new(gather: Gather) -> Self {
        Self(Opaque::new(bindings::iommu_iotlb_gather {
            queued: gather == Gather::Queued,
            ..Default::default()
        }))
    }

    pub(crate) fn get(&self, gather: Gather) -> *mut bindings::iommu_iotlb_gather {
        match gather {
            Gather::None => ptr::null_mut(),
            Gather::Each | Gather::Queued => self.0.get(),
        }
    }
}
