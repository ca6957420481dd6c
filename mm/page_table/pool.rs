// SPDX-License-Identifier: GPL-2.0

//! Tables as fragments of pages, each of which is used again.
//!
//! C header: [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h) (`struct page`)
//!
//! A page is cut into tables. The free tables of each page are a list, and the pages with free
//! tables are another, from which tables are taken until a page is full. A page with no table in
//! use goes back to the system. A pool therefore holds the pages that tables in use lie on, and at
//! times one more.
//!
//! All state lies in `struct page` and in the free tables themselves: allocating and freeing take
//! the same few steps however many tables there are.
//!
//! - **Zeroes.** A table is cleared when it is freed, except for the last one of a page that goes
//!   back: a walker that still has the address finds invalid entries there. A page comes zeroed
//!   from the page allocator.
//! - **The list in a page.** The first word of a free table is the distance from its end to the
//!   next one. In a new page that is zero throughout, so that nothing has to be written. Distances
//!   are multiples of the size of a table: the two lowest bits of the word are clear, which is an
//!   invalid entry in all formats of the Arm architecture.
//! - **Which page first.** A page that was full comes first, as it is the least likely to become
//!   empty, one that loses another table last.
//! - **A spare page.** A pool that asked for a page right after it gave one back keeps an empty
//!   page from then on, until it grows by more: a table that is allocated and freed repeatedly does
//!   not cost a page each time, and a pool that shrinks keeps nothing.
//! - **Two at a time.** From 20 pages on, a pool asks for two pages when it needs one, which takes
//!   little longer. The other is the spare page, until it is used, or goes back with the next page
//!   that does.
//!
//! Tables of a page and more are pages: see [`Pages`](super::pages::Pages).

use core::{
    mem::offset_of,
    ptr::NonNull, //
};

use crate::{
    bindings,
    page::PAGE_SIZE,
    page_table::{
        pages,
        Failure,
        Shape,
        Source, //
    },
    prelude::*,
    sync::{
        atomic::Atomic,
        static_lock_class,
        SpinLockIrq, //
    }, //
};

/// Data of a pool in a `struct page`, in fields that the owner of a page may use.
// Laid out like `struct ptdesc`, which the kernel uses for its page tables. Fields that the page
// allocator checks when a page is freed are left alone.
#[repr(C)]
struct Descriptor {
    _flags: bindings::memdesc_flags_t,
    /// Neighbours on the list of pages with free tables.
    next: Option<Page>,
    previous: Option<Page>,
    _mapping: *mut bindings::address_space,
    /// Tables in use.
    in_use: usize,
    /// The first free table, if one is.
    free: *mut u8,
}

macro_rules! overlays {
    ($($ours:ident: $($theirs:ident).+,)*) => {
        const _: () = {
            const UNION: usize = offset_of!(bindings::page, __bindgen_anon_1.__bindgen_anon_1);
            $(assert!(
                offset_of!(Descriptor, $ours)
                    == UNION + offset_of!(bindings::page__bindgen_ty_1__bindgen_ty_1, $($theirs).+)
            );)*
        };
    };
}

overlays! {
    next: __bindgen_anon_1.lru.next,
    previous: __bindgen_anon_1.lru.prev,
    _mapping: mapping,
    in_use: __bindgen_anon_2.__folio_index,
    free: private,
}

/// From this many pages on, growing by two overshoots by less than 5 %.
const MANY: usize = 20;

/// A page that is cut into tables.
///
/// # Invariants
///
/// The page belongs to a pool, and its descriptor was filled in by [`Page::new`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct Page(NonNull<Descriptor>);

impl Page {
    /// Returns the page that a table is on.
    ///
    /// # Safety
    ///
    /// `memory` lies on a page of a pool.
    #[inline(always)]
    unsafe fn of(memory: NonNull<u8>) -> Self {
        // SAFETY: Pages are in the linear map, and have a `struct page`.
        let page = unsafe { bindings::virt_to_page(memory.as_ptr().cast()) };
        // INVARIANT: The page belongs to a pool, by the safety requirements.
        // SAFETY: The address of a `struct page` is not NULL.
        Self(unsafe { NonNull::new_unchecked(page.cast()) })
    }

    /// Returns a new page with `in_use` tables in use, and `free` as the first free one.
    ///
    /// # Safety
    ///
    /// `memory` is a page that nothing else knows, and `free` lies on it; from there on all is
    /// free, and zero.
    unsafe fn new(memory: NonNull<u8>, in_use: usize, free: NonNull<u8>) -> Self {
        // SAFETY: Nothing else knows the page, by the safety requirements.
        unsafe {
            let page = Self::of(memory);
            page.set_in_use(in_use);
            (*page.fields()).free = free.as_ptr();
            page
        }
    }

    /// Returns whether one table is in use, as a hint: other CPUs may change that at any time.
    #[inline(always)]
    fn may_go_back(self) -> bool {
        // SAFETY: The field exists as long as the page belongs to a pool. Like READ_ONCE(): other
        // CPUs write the field in `set_in_use` at the same time.
        unsafe { (&raw const (*self.fields()).in_use).read_volatile() == 1 }
    }

    /// Sets the number of tables in use.
    ///
    /// # Safety
    ///
    /// The pool of the page is locked, or nothing else knows the page.
    #[inline(always)]
    unsafe fn set_in_use(self, in_use: usize) {
        // SAFETY: The field exists as long as the page belongs to a pool, and is written under the
        // lock. Like WRITE_ONCE(): other CPUs read it in `may_go_back` at the same time.
        unsafe { (&raw mut (*self.fields()).in_use).write_volatile(in_use) };
    }

    /// Returns the data of the page, to be used under the lock of the pool, or as long as nothing
    /// else knows the page.
    #[inline(always)]
    fn fields(self) -> *mut Descriptor {
        self.0.as_ptr()
    }
}

/// Returns the distance from the end of a free table to the next one.
///
/// # Safety
///
/// `table` is a free table of a page that the caller has locked.
#[inline(always)]
unsafe fn distance<'a>(table: *mut u8) -> &'a mut i32 {
    // SAFETY: The caller has the free table alone, by the safety requirements; tables are aligned
    // to 64 bytes at least.
    unsafe { &mut *table.cast() }
}

/// State of a pool, behind its lock.
///
/// # Invariants
///
/// - `pages` pages belong to the pool. Those with free tables are on the list from `first` to
///   `last`.
/// - `spare` is one of them of which nothing is in use; there is no other such.
/// - `live` tables are in use.
struct State {
    first: Option<Page>,
    last: Option<Page>,
    spare: Option<Page>,
    pages: usize,
    live: usize,
    /// True if a page was given back and nothing was allocated or freed since.
    gave_back: bool,
    /// True if an empty page is kept.
    keep: bool,
}

// SAFETY: Pages belong to no task.
unsafe impl Send for State {}

/// Facts about a [`State`] for a look without its lock.
///
/// Published under the lock when they change; a reader may see outdated values.
// Accessed like READ_ONCE() and WRITE_ONCE() do it: relaxed `Atomic` operations are calls where
// helpers are not inlined.
struct Hint(Atomic<usize>);

impl Hint {
    fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Publishes the facts. To be called under the lock of `state`.
    #[inline(always)]
    fn publish(&self, state: &State) {
        let has_free = usize::from(state.first.is_some());
        // SAFETY: The pointer is to `self`, which is alive and aligned. Other CPUs that write are
        // kept out by the lock, and those that read do so by volatile reads.
        unsafe { self.0.as_ptr().write_volatile(state.pages << 1 | has_free) };
    }

    #[inline(always)]
    fn read(&self) -> usize {
        // SAFETY: The pointer is to `self`, which is alive and aligned; it is written by volatile
        // writes only.
        unsafe { self.0.as_ptr().read_volatile() }
    }

    /// Returns whether a page has a free table.
    #[inline(always)]
    fn has_free(&self) -> bool {
        self.read() & 1 != 0
    }

    /// Returns the number of pages.
    fn pages(&self) -> usize {
        self.read() >> 1
    }
}

impl State {
    /// Puts a page at the front of the list.
    ///
    /// # Safety
    ///
    /// The page belongs to this pool, and is not on the list.
    unsafe fn push_first(&mut self, page: Page) {
        // SAFETY: The pages are this pool's, which is locked.
        unsafe {
            (*page.fields()).previous = None;
            (*page.fields()).next = self.first;
            match self.first {
                Some(first) => (*first.fields()).previous = Some(page),
                None => self.last = Some(page),
            }
        }
        self.first = Some(page);
    }

    /// Puts a page at the end of the list.
    ///
    /// # Safety
    ///
    /// The page belongs to this pool, and is not on the list.
    unsafe fn push_last(&mut self, page: Page) {
        // SAFETY: The pages are this pool's, which is locked.
        unsafe {
            (*page.fields()).next = None;
            (*page.fields()).previous = self.last;
            match self.last {
                Some(last) => (*last.fields()).next = Some(page),
                None => self.first = Some(page),
            }
        }
        self.last = Some(page);
    }

    /// Takes a page off the list.
    ///
    /// # Safety
    ///
    /// The page is on the list.
    unsafe fn remove(&mut self, page: Page) {
        // SAFETY: The pages are this pool's, which is locked.
        unsafe {
            let (previous, next) = ((*page.fields()).previous, (*page.fields()).next);
            match previous {
                Some(previous) => (*previous.fields()).next = next,
                None => self.first = next,
            }
            match next {
                Some(next) => (*next.fields()).previous = previous,
                None => self.last = previous,
            }
        }
    }

    /// Adds a page of which nothing is in use; there is no other such.
    ///
    /// # Safety
    ///
    /// `memory` is a zeroed page to which no other code has a pointer.
    unsafe fn add_spare(&mut self, memory: NonNull<u8>) {
        // SAFETY: Nothing else knows the page, by the safety requirements. It belongs to this pool
        // from here on, and all of it is free.
        unsafe {
            let page = Page::new(memory, 0, memory);
            self.push_last(page);
            self.spare = Some(page);
        }
        self.pages += 1;
    }

    /// Takes a free table of the first page that has one.
    #[inline(always)]
    fn take(&mut self, cut: Cut, hint: &Hint) -> Option<NonNull<u8>> {
        let page = self.first?;
        let fields = page.fields();
        // SAFETY: A page of this pool, which is locked. Those on the list have a free table; where
        // the next one would lie is in the page or at its end.
        let (table, in_use) = unsafe {
            let table = (*fields).free;
            let next = table.wrapping_offset(*distance(table) as isize);
            (*fields).free = next.wrapping_add(cut.size);
            *distance(table) = 0;
            let in_use = (*fields).in_use.wrapping_add(1);
            page.set_in_use(in_use);
            (table, in_use)
        };
        self.live = self.live.wrapping_add(1);
        self.gave_back = false;
        if in_use == 1 {
            self.spare = None;
        }
        if in_use == cut.tables {
            // SAFETY: It was the first on the list.
            unsafe { self.remove(page) };
            hint.publish(self);
        }
        NonNull::new(table)
    }

    /// Takes a table back, and returns the pages to give back to the system.
    ///
    /// # Safety
    ///
    /// `table` is one of `page`, of this pool, all zeroes if it is `cleared`, and is not used any
    /// more.
    #[inline(always)]
    unsafe fn put(
        &mut self,
        page: Page,
        table: NonNull<u8>,
        cut: Cut,
        cleared: bool,
        hint: &Hint,
    ) -> Excess {
        let fields = page.fields();
        // SAFETY: A page of this pool, which is locked.
        let in_use = unsafe {
            let in_use = (*fields).in_use.wrapping_sub(1);
            page.set_in_use(in_use);
            in_use
        };
        self.live = self.live.wrapping_sub(1);
        self.gave_back = false;
        if in_use == 0 && (!self.keep || self.spare.is_some()) {
            // SAFETY: Pages with free tables are on the list; this one had all but one.
            unsafe { self.forget(page) };
            self.gave_back = true;
            let spare = if self.keep { None } else { self.take_spare() };
            hint.publish(self);
            return Excess::Page(spare);
        }
        let end = table.as_ptr().wrapping_add(cut.size);
        // SAFETY: The page is one of this pool, which is locked. The table is free from here on.
        unsafe {
            if !cleared {
                table.write_bytes(0, cut.size);
            }
            *distance(table.as_ptr()) = ((*fields).free as usize).wrapping_sub(end as usize) as i32;
            (*fields).free = table.as_ptr();
        }
        if in_use.wrapping_add(1) == cut.tables {
            // SAFETY: Full pages are not on the list.
            unsafe { self.push_first(page) };
            hint.publish(self);
            return Excess::Nothing;
        }
        if in_use == 0 {
            self.spare = Some(page);
        }
        if self.last != Some(page) {
            // SAFETY: The page is on the list, as it has a free table.
            unsafe {
                self.remove(page);
                self.push_last(page);
            }
        }
        Excess::Nothing
    }

    /// Gives a page up that is on the list.
    ///
    /// # Safety
    ///
    /// The page is on the list.
    unsafe fn forget(&mut self, page: Page) {
        // SAFETY: The page is on the list, by the safety requirements.
        unsafe { self.remove(page) };
        self.pages = self.pages.wrapping_sub(1);
    }

    /// Gives the page up of which nothing is in use, if there is one, and returns its memory.
    fn take_spare(&mut self) -> Option<NonNull<u8>> {
        let page = self.spare.take()?;
        // SAFETY: It is on the list, as all its tables are free; the first of them is on the page.
        unsafe {
            self.forget(page);
            NonNull::new((*page.fields()).free)
        }
    }
}

/// Pages that go back to the system when a table is freed.
enum Excess {
    Nothing,
    /// The page that the table was on, and the one that was spare.
    Page(Option<NonNull<u8>>),
}

/// Division of a page into tables.
#[derive(Clone, Copy)]
struct Cut {
    /// Bytes of a table.
    size: usize,
    /// Tables of a page.
    tables: usize,
}

/// Fragments of pages.
pub(super) struct Pool {
    state: Pin<KBox<SpinLockIrq<State>>>,
    hint: Hint,
    cut: Cut,
    zone: bindings::gfp_t,
}

impl Pool {
    /// For tables that are smaller than a page.
    pub(super) fn new(shape: Shape) -> Result<Self, Failure> {
        let state = State {
            first: None,
            last: None,
            spare: None,
            pages: 0,
            live: 0,
            gave_back: false,
            keep: false,
        };
        Ok(Self {
            state: KBox::pin_init(
                SpinLockIrq::new(state, c"table_pool", static_lock_class!()),
                GFP_KERNEL,
            )?,
            hint: Hint::new(),
            cut: Cut {
                size: shape.size,
                tables: PAGE_SIZE / shape.size,
            },
            zone: shape.gfp(),
        })
    }

    /// Takes the first table of a new page.
    #[cold]
    #[inline(never)]
    fn grow(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        let (memory, second) = if self.hint.pages() < MANY {
            (pages::alloc(gfp | self.zone, PAGE_SIZE)?, None)
        } else {
            pages::alloc_two(gfp | self.zone)?
        };
        // SAFETY: The page was just allocated; it holds two tables at least.
        let page = unsafe { Page::new(memory, 1, memory.add(self.cut.size)) };
        let mut state = self.state.lock();
        state.pages += 1;
        state.live += 1;
        state.keep = state.gave_back;
        state.gave_back = false;
        // SAFETY: The page is this pool's from here on, and has a free table.
        unsafe { state.push_first(page) };
        // A page may have become empty since this pool had no free table.
        let excess = match second {
            Some(second) if state.spare.is_none() => {
                // SAFETY: The page was just allocated, zeroed.
                unsafe { state.add_spare(second) };
                None
            }
            other => other,
        };
        self.hint.publish(&state);
        drop(state);
        if let Some(page) = excess {
            // SAFETY: The page was just allocated, and is not used.
            unsafe { pages::free(page) };
        }
        Some(memory)
    }
}

// SAFETY: A table of a page is in use or on the list of free ones, under a lock; it is cleared
// before it gets there, but for the first word, which is cleared when it leaves. Pages are aligned,
// and go back when nothing of them is in use.
unsafe impl Source for Pool {
    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        // A full pool need not be locked to see that.
        if self.hint.has_free() {
            let table = self.state.lock().take(self.cut, &self.hint);
            if table.is_some() {
                return table;
            }
        }
        self.grow(gfp)
    }

    #[inline(always)]
    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: The table is one of this pool, by the safety requirements.
        let page = unsafe { Page::of(table) };
        let clear = !page.may_go_back();
        if clear {
            // SAFETY: The table belongs to the caller, who does not use it any more.
            unsafe { table.write_bytes(0, self.cut.size) };
        }
        let mut state = self.state.lock();
        // SAFETY: The table is one of this page of this pool, cleared if `clear`, and not used any
        // more.
        let excess = unsafe { state.put(page, table, self.cut, clear, &self.hint) };
        drop(state);
        if let Excess::Page(spare) = excess {
            // SAFETY: The pool has forgotten it.
            unsafe { pages::free(table) };
            if let Some(spare) = spare {
                // SAFETY: The pool has forgotten the page.
                unsafe { pages::free(spare) };
            }
        }
    }

    fn live(&self) -> usize {
        self.state.lock().live
    }

    fn held_bytes(&self) -> Result<usize> {
        Ok(self.state.lock().pages * PAGE_SIZE)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let spare = self.state.lock().take_spare();
        if let Some(page) = spare {
            // SAFETY: The pool has forgotten it.
            unsafe { pages::free(page) };
        }
    }
}
