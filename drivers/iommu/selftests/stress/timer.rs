// SPDX-License-Identifier: GPL-2.0

//! Timers that expire in hard and in soft interrupts: atomic contexts that interrupt a thread on
//! the same CPU.
//!
//! The mode of the former is not HARD: a real-time kernel, which does not allocate in hard
//! interrupts, runs them in soft ones.

use core::marker::PhantomData;

use kernel::{
    impl_has_hr_timer,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    },
    time::{
        hrtimer::{
            ArcHrTimerHandle,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerMode,
            HrTimerPointer,
            HrTimerRestart,
            RelativePinnedMode,
            RelativePinnedSoftMode, //
        },
        Delta,
        Monotonic, //
    }, //
};

use crate::race::Race;

/// A timer of mode `M`.
#[pin_data]
struct Timer<M> {
    #[pin]
    timer: HrTimer<Self>,
    race: Arc<Race>,
    lane: usize,
    actor: usize,
    _mode: PhantomData<fn() -> M>,
}

type Hard = Timer<RelativePinnedMode<Monotonic>>;
type Soft = Timer<RelativePinnedSoftMode<Monotonic>>;

impl<M: HrTimerMode<Expires = Delta> + 'static> Timer<M> {
    /// Starts the timer for an actor of a lane, on this CPU.
    fn start(race: Arc<Race>, lane: usize, actor: usize) -> Result<ArcHrTimerHandle<Self>> {
        let init = pin_init!(Self {
            timer <- HrTimer::new(),
            race,
            lane,
            actor,
            _mode: PhantomData,
        });
        Ok(Arc::pin_init(init, GFP_KERNEL)?.start(Delta::from_millis(1)))
    }
}

impl<M: HrTimerMode<Expires = Delta> + 'static> HrTimerCallback for Timer<M> {
    type Pointer<'a> = Arc<Self>;

    fn run(
        this: ArcBorrow<'_, Self>,
        mut context: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        context.forward_now(this.race.tick(this.lane, this.actor));
        HrTimerRestart::Restart
    }
}

impl_has_hr_timer! {
    impl{M: HrTimerMode<Expires = Delta>} HasHrTimer<Self> for Timer<M> {
        mode: M, field: self.timer
    }
}

/// Timers of both kinds, cancelled when dropped.
pub(crate) struct Timers {
    _hard: ArcHrTimerHandle<Hard>,
    _soft: ArcHrTimerHandle<Soft>,
}

impl Timers {
    /// Starts both on this CPU.
    pub(crate) fn start(race: &Arc<Race>, lane: usize, hard: usize, soft: usize) -> Result<Self> {
        Ok(Self {
            _hard: Hard::start(race.clone(), lane, hard)?,
            _soft: Soft::start(race.clone(), lane, soft)?,
        })
    }
}
