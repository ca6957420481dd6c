// SPDX-License-Identifier: GPL-2.0

//! Sessions: a few table sets that live at the same time, and calls with arguments that are valid,
//! wrong in one respect, or random.
//!
//! The number of a session and the seed determine it, so that it can be repeated alone.

use kernel::{
    bindings,
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K, //
    }, //
};

use crate::{
    device::PlatformDevice,
    random::Random,
    rules::{
        Callbacks,
        Device,
        Request,
        MTK_EXT,
        NO_PERMS,
        NO_WARN,
        NS,
        SIZES,
        TTBR_EXT, //
    },
    set::{
        free_foreign,
        free_nothing,
        By,
        Map,
        Set,
        Unmap, //
    }, //
};

/// Calls in a session.
pub(crate) const CALLS: usize = 2000;
/// Sets that live at the same time.
const SETS: usize = 3;
/// Changes of a set after which all of its entries are looked at.
const CHECK_EVERY: usize = 128;
/// Pages of most calls; calls for more take long, and are rare.
const MANY: usize = 4096;
/// The addresses of most mappings.
const ARENA: usize = 8 * SZ_16M;
/// Mappings that are remembered.
const RECENT: usize = 16;

/// A call of the module under test.
#[derive(Clone, Copy, Debug)]
enum Call {
    Create(Request),
    Free(usize, By),
    FreeNothing,
    FreeForeign,
    Map(usize, Map),
    Unmap(usize, Unmap),
    Translate(usize, usize),
    Walk(usize, usize),
}

/// Number of calls that succeeded, and that were refused or found nothing, by kind.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) create: [usize; 2],
    pub(crate) free: usize,
    pub(crate) map: [usize; 2],
    pub(crate) unmap: [usize; 2],
    pub(crate) translate: [usize; 2],
    pub(crate) walk: [usize; 2],
}

/// The environment of the module under test: the devices that requests name, and memory.
pub(crate) struct Machine {
    able: PlatformDevice,
    short: PlatformDevice,
    maskless: PlatformDevice,
}

impl Machine {
    /// Registers the devices.
    pub(crate) fn new() -> Result<Self> {
        let maskless = PlatformDevice::new(c"v7s_fuzz_maskless", 0)?;
        // SAFETY: The device was just registered, and is not used yet.
        unsafe { (*maskless.as_device()).dma_mask = core::ptr::null_mut() };
        Ok(Self {
            able: PlatformDevice::new(c"v7s_fuzz_able", u64::MAX)?,
            short: PlatformDevice::new(c"v7s_fuzz_short", SZ_16M as u64 - 1)?,
            maskless,
        })
    }

    pub(crate) fn device(&self, device: Device) -> *mut bindings::device {
        match device {
            Device::None => core::ptr::null_mut(),
            Device::Able => self.able.as_device(),
            Device::Short => self.short.as_device(),
            Device::Maskless => self.maskless.as_device(),
        }
    }
}

/// A set, and its latest mappings.
struct Subject {
    set: Set,
    recent: KVec<(usize, usize, usize)>,
    calls: usize,
}

/// A running session.
struct Session<'a> {
    random: Random,
    machine: &'a Machine,
    subjects: KVec<Subject>,
    counts: &'a mut Counts,
}

/// Runs a session of `calls` calls. If something is wrong, the log says which call it was.
pub(crate) fn run(
    seed: u64,
    number: u64,
    calls: usize,
    machine: &Machine,
    counts: &mut Counts,
) -> Result {
    let mut session = Session {
        random: Random::new(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d)),
        machine,
        subjects: KVec::new(),
        counts,
    };
    for at in 0..calls {
        let call = session.next_call();
        session.make(&call).inspect_err(|_| {
            pr_err!("seed {seed} session {number} call {at}: {call:#x?}\n");
            if let Call::Map(set, _)
            | Call::Unmap(set, _)
            | Call::Translate(set, _)
            | Call::Walk(set, _) = call
            {
                let request = session.subjects.get(set).map(|subject| subject.set.request);
                pr_err!("of the set for {request:#x?}\n");
            }
        })?;
    }
    while let Some(Subject { set, .. }) = session.subjects.pop() {
        set.free(By::Name)
            .inspect_err(|_| pr_err!("seed {seed} session {number}: at its end\n"))?;
    }
    Ok(())
}

impl Session<'_> {
    #[inline(never)] // For a stack frame of its own.
    fn next_call(&mut self) -> Call {
        let live = self.subjects.len();
        let random = &mut self.random;
        if live == 0 || random.one_in(60) {
            return if live == SETS || live > 0 && random.one_in(4) {
                let by = random.pick(&[By::Name, By::Kernel]);
                Call::Free(random.below(live), by)
            } else {
                Call::Create(random.request())
            };
        }
        if random.one_in(500) {
            return random.pick(&[Call::FreeNothing, Call::FreeForeign]);
        }
        let which = random.below(live);
        let subject = &self.subjects[which];
        match random.below(100) {
            ..45 => Call::Map(which, random.map(subject)),
            45..80 => Call::Unmap(which, random.unmap(subject)),
            80..95 => Call::Translate(which, random.translate(subject)),
            _ => Call::Walk(which, random.translate(subject)),
        }
    }

    #[inline(never)] // For a stack frame of its own.
    fn make(&mut self, call: &Call) -> Result {
        let did = |what: bool| usize::from(!what);
        match call {
            Call::Create(request) => {
                let done = self.create(request)?;
                self.counts.create[did(done)] += 1;
            }
            Call::Free(which, by) => {
                let subject = self.subjects.remove(*which).map_err(|_| EINVAL)?;
                subject.set.free(*by)?;
                self.counts.free += 1;
            }
            Call::FreeNothing => free_nothing(),
            Call::FreeForeign => free_foreign(self.machine.device(Device::Able))?,
            Call::Map(which, map) => {
                let subject = &mut self.subjects[*which];
                let done = subject.set.map(map)?;
                if done {
                    subject.remember((map.iova, map.pgsize, map.pgcount))?;
                }
                subject.check()?;
                self.counts.map[did(done)] += 1;
            }
            Call::Unmap(which, unmap) => {
                let subject = &mut self.subjects[*which];
                let done = subject.set.unmap(unmap)?;
                if done {
                    subject.recent.retain(|(iova, ..)| *iova != unmap.iova);
                }
                subject.check()?;
                self.counts.unmap[did(done)] += 1;
            }
            Call::Translate(which, iova) => {
                let done = self.subjects[*which].set.translate(*iova)?;
                self.counts.translate[did(done)] += 1;
            }
            Call::Walk(which, iova) => {
                let done = self.subjects[*which].set.walk(*iova)?;
                self.counts.walk[did(done)] += 1;
            }
        }
        Ok(())
    }

    /// Returns true if there is a set now.
    fn create(&mut self, request: &Request) -> Result<bool> {
        let device = self.machine.device(request.device);
        // SAFETY: The devices match their names, and outlive the session.
        let set = unsafe { Set::new(request, device)? };
        let Some(set) = set else {
            // What a driver has then.
            free_nothing();
            return Ok(false);
        };
        let subject = Subject {
            set,
            recent: KVec::new(),
            calls: 0,
        };
        self.subjects.push(subject, GFP_KERNEL)?;
        Ok(true)
    }
}

impl Subject {
    fn remember(&mut self, mapping: (usize, usize, usize)) -> Result {
        if self.recent.len() == RECENT {
            let _ = self.recent.remove(0);
        }
        Ok(self.recent.push(mapping, GFP_KERNEL)?)
    }

    /// Returns a recent mapping, which may be unmapped since.
    fn mapping(&self, random: &mut Random) -> (usize, usize, usize) {
        if self.recent.is_empty() {
            (0, SZ_4K, 1)
        } else {
            random.pick(&self.recent)
        }
    }

    /// Checks all entries from time to time.
    fn check(&mut self) -> Result {
        self.calls += 1;
        if self.calls % CHECK_EVERY == 0 {
            self.set.check_all()?;
        }
        Ok(())
    }
}

/// Requests of callers.
impl Random {
    /// Returns a request that can be served, mostly with an argument changed so that it cannot.
    fn request(&mut self) -> Request {
        let mtk = self.chance(40);
        let mut request = Request {
            quirks: self.pick(&[0, NS, NO_WARN])
                | if mtk {
                    NO_PERMS | MTK_EXT | self.pick(&[0, 0, TTBR_EXT])
                } else {
                    self.pick(&[0, 0, NO_PERMS])
                },
            page_sizes: self.page_sizes(),
            // Small spaces have fewer entries to check.
            ias: self.pick(&[20, 21, 23, 24, 25, 26, 28, 32, 32, 33, 34]),
            oas: if mtk { 35 } else { 32 },
            coherent: self.chance(60),
            device: Device::Able,
            callbacks: self.pick(&[Callbacks::All, Callbacks::NoWalk, Callbacks::None]),
            custom_alloc: false,
            custom_free: false,
        };
        if !mtk {
            request.ias = request.ias.min(32);
        }
        if self.chance(50) {
            for _ in 0..=self.below(2) {
                self.spoil(&mut request);
            }
        }
        request
    }

    fn page_sizes(&mut self) -> usize {
        let all = SIZES.iter().sum();
        match self.below(8) {
            0 => self.arbitrary() as usize,
            1 => self.pick(&SIZES) | self.pick(&SIZES),
            2 => usize::MAX,
            _ => all,
        }
    }

    /// Sets one argument to a random value.
    fn spoil(&mut self, request: &mut Request) {
        match self.below(8) {
            0 => request.quirks ^= self.pick(&[NS, NO_PERMS, MTK_EXT, TTBR_EXT, 1 << 2, NO_WARN]),
            1 => request.quirks = self.arbitrary() as usize,
            2 => request.ias = self.pick(&[19, 20, 22, 31, 33, 34, 35, 63, 64]),
            3 => request.ias = self.arbitrary() as u32,
            4 => request.oas = self.pick(&[0, 12, 20, 30, 31, 33, 34, 36, 64]),
            5 => request.oas = self.arbitrary() as u32,
            6 => {
                request.device = self.pick(&Device::ALL);
                request.coherent = self.chance(20);
            }
            _ => match self.below(3) {
                0 => request.custom_alloc = true,
                1 => request.custom_free = true,
                _ => (request.custom_alloc, request.custom_free) = (true, true),
            },
        }
    }

    /// Returns a valid mapping, half of the time with one or two arguments made invalid.
    fn map(&mut self, subject: &Subject) -> Map {
        let rules = &subject.set.model.rules;
        let pgsize = self.pick(&[SZ_4K, SIZES[0], SIZES[1], SIZES[2], SIZES[3]]);
        let (space, end) = (rules.space() as usize, 1u64 << rules.oas);
        let mut map = Map {
            iova: self.arena(space, pgsize),
            paddr: self.next() % end / pgsize as u64 * pgsize as u64,
            pgsize,
            pgcount: 1 + self.below(if pgsize == SZ_16M { 2 } else { 20 }),
            flags: self.next() as u32 & 0x3f | self.pick(&[prot::READ, prot::WRITE]),
            gfp: bindings::GFP_KERNEL,
        };
        if self.chance(50) {
            for _ in 0..=self.below(2) {
                match self.below(8) {
                    0 => map.pgsize = self.pgsize(rules.page_sizes),
                    1 | 2 => map.iova = self.iova(subject, map.pgsize),
                    3 => map.paddr = self.paddr(rules.oas, map.iova, map.pgsize),
                    4 | 5 => map.pgcount = self.pgcount(rules.space(), map.iova, map.pgsize),
                    6 => map.flags = self.flags(),
                    _ => map.gfp = self.gfp(),
                }
            }
        }
        // Valid calls that take long are rare.
        if map.pgcount > MANY && map.pgcount < space >> 12 && !self.one_in(200) {
            map.pgcount = 1 + self.below(20);
        }
        map
    }

    /// Returns a recent mapping, or one at an address in use, half of the time made invalid.
    fn unmap(&mut self, subject: &Subject) -> Unmap {
        let rules = &subject.set.model.rules;
        let (iova, pgsize, pgcount) = if self.chance(70) {
            subject.mapping(self)
        } else {
            let pgsize = self.pick(&SIZES);
            let iova = self.arena(rules.space() as usize, pgsize);
            (iova, pgsize, 1 + self.below(20))
        };
        let mut unmap = Unmap {
            iova,
            pgsize,
            pgcount,
            gather: self.pick(&[None, Some(false), Some(true)]),
        };
        if self.chance(50) {
            for _ in 0..=self.below(2) {
                match self.below(4) {
                    0 => unmap.pgsize = self.pgsize(rules.page_sizes),
                    1 => unmap.iova = self.iova(subject, unmap.pgsize),
                    2 => unmap.iova = self.shift(unmap.iova, unmap.pgsize),
                    _ => unmap.pgcount = self.pgcount(rules.space(), unmap.iova, unmap.pgsize),
                }
            }
        }
        unmap
    }

    fn translate(&mut self, subject: &Subject) -> usize {
        let (iova, pgsize, pgcount) = subject.mapping(self);
        let start = if self.chance(50) {
            iova.wrapping_add(pgsize.wrapping_mul(self.below(pgcount)))
        } else {
            let pgsize = self.pick(&SIZES);
            self.iova(subject, pgsize)
        };
        start.wrapping_add(self.below(SZ_16M) >> self.below(24))
    }

    /// Returns the address, sometimes one page or a few bytes off.
    fn shift(&mut self, address: usize, pgsize: usize) -> usize {
        match self.below(12) {
            0 => address.wrapping_add(pgsize),
            1 => address.wrapping_sub(pgsize),
            2 => self.near(address as u64) as usize,
            3 => address.wrapping_add(self.power() as usize),
            _ => address,
        }
    }

    /// Returns a multiple of a size near most mappings: at the start or at the end of the space.
    fn arena(&mut self, space: usize, unit: usize) -> usize {
        let arena = ARENA.min(space);
        let start = if self.chance(70) { 0 } else { space - arena };
        start + self.below((arena / unit).max(1)) * unit
    }

    fn pgsize(&mut self, served: usize) -> usize {
        match self.below(4) {
            0 => self.arbitrary() as usize,
            1 => self.power() as usize,
            2 => self.pick(&[0, 1, SZ_4K / 2, 2 * SZ_4K, 2 * SZ_1M, served]),
            _ => self.pick(&SIZES) | self.pick(&SIZES),
        }
    }

    fn iova(&mut self, subject: &Subject, pgsize: usize) -> usize {
        let space = subject.set.model.rules.space() as usize;
        let unit = pgsize.clamp(1, SZ_16M);
        match self.below(7) {
            // Around the ends of the space.
            0 => space.wrapping_sub(self.below(4) * unit),
            1 => self.near(space as u64) as usize,
            2 => {
                let (iova, size, count) = subject.mapping(self);
                iova.wrapping_add(size.wrapping_mul(self.below(2 + count.min(MANY))))
            }
            3 => self.arbitrary() as usize,
            4 => self.arena(space, unit).wrapping_add(self.power() as usize),
            5 => {
                let iova = self.arena(space, unit);
                self.shift(iova, unit)
            }
            _ => self
                .below((space / unit).min(u32::MAX as usize) + 1)
                .wrapping_mul(unit),
        }
    }

    fn paddr(&mut self, oas: u32, iova: usize, pgsize: usize) -> u64 {
        const G4: u64 = 1 << 32;
        let unit = pgsize.clamp(1, SZ_16M) as u64;
        let end = 1u64 << oas;
        match self.below(6) {
            0 => end.wrapping_sub(self.below(4) as u64 * unit),
            1 => self.near(end),
            2 => self.arbitrary(),
            3 => iova as u64,
            4 => {
                let paddr = self.next() % end;
                self.near(paddr / unit * unit)
            }
            // Runs across 4 GiB.
            _ => ((1 + self.below(7)) as u64 * G4).wrapping_sub(self.below(20) as u64 * unit),
        }
    }

    fn pgcount(&mut self, space: u64, iova: usize, pgsize: usize) -> usize {
        let unit = pgsize.max(1);
        match self.below(6) {
            0 => 0,
            1 => self.arbitrary() as usize,
            // Up to the end of the space, and beyond it.
            2 => {
                let rest = space.wrapping_sub(iova as u64) / unit as u64;
                self.near(rest) as usize
            }
            // Bytes that wrap around.
            3 => {
                let wraps = (u64::MAX / unit as u64).wrapping_add(1);
                self.near(wraps) as usize
            }
            4 => ((u64::MAX - iova as u64) / unit as u64) as usize,
            _ => self.below(600),
        }
    }

    fn flags(&mut self) -> u32 {
        match self.below(2) {
            0 => self.arbitrary() as u32,
            _ => self.next() as u32 & !(prot::READ | prot::WRITE),
        }
    }

    fn gfp(&mut self) -> bindings::gfp_t {
        let any = self.next() as u32;
        match self.below(4) {
            0 => any,
            // No zone and nothing unknown.
            1 => any & ((1 << bindings::___GFP_LAST_BIT) - 1) & !0xf,
            2 => bindings::GFP_KERNEL | 1 << self.below(32),
            _ => bindings::GFP_ATOMIC,
        }
    }
}
