//! Attempts, counted before their score is known, and the delays that follow wrong ones (feature `storage`).
//!
//! [`Guard::begin`] writes an attempt down as a wrong one. Only [`Guard::accept`] takes that back, so that pulling the power
//! between the two gives nothing back. Attempts are in pages of their own: they are written often, and must never make a gallery
//! be rewritten. What is damaged there counts as a wrong attempt each, and pages of which nothing can be read as all of them.
//!
//! ```text
//! begin ─► attempt in flash ─► score ─┬─► accept ─► none in flash
//!                                     └─► reject, or power cut: it counts
//! ```

use crate::policy::Rate;
use crate::store::{Area, Entry, Found, Identity, Log, LogError, OpenError, RecordKind};
use core::fmt;
use embedded_storage::nor_flash::{NorFlash, NorFlashErrorKind};

/// What the guard's pages say they are.
const IDENTITY: Identity = *b"cognate guard \x01         ";

/// How many wrong attempts in a row are free, and what follows them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Limits {
    /// So many wrong attempts in a row have no consequence; the last of them is followed by the first delay.
    pub free: u32,
    /// Seconds until the next attempt after that.
    pub delay: u32,
    /// Whether each further wrong attempt doubles the delay.
    pub grows: bool,
    /// So many in a row, and there is no further attempt until [`Guard::unlock`]; `None` for no such end.
    pub most: Option<u32>,
}

impl Limits {
    /// Android's: after five wrong attempts at least 30 s each (Android Compatibility Definition, 7.3.10, fingerprint sensors).
    pub const ANDROID: Self = Self { free: 5, delay: 30, grows: false, most: None };

    /// FIDO's: after three wrong attempts at least 30 s, and growing from there (FIDO Biometric Requirements, on rate limits).
    pub const FIDO: Self = Self { free: 3, delay: 30, grows: true, most: None };

    /// The longest delay in seconds: a day.
    pub const LONGEST: u32 = 86_400;

    /// As many attempts in a row as keep the chance that one of them matches by mistake at or below `chance`, where each does at
    /// the calibrated false match rate; between them, the delays of [`Limits::FIDO`]. `None` when a single attempt is too many.
    ///
    /// ```
    /// use cognate::guard::Limits;
    /// use cognate::policy::Rate;
    /// let rate = |parts| Rate::from_parts_per_billion(parts).unwrap();
    /// // One in ten thousand each, and at most one in a thousand in all.
    /// assert_eq!(Limits::for_rate(rate(100_000), rate(1_000_000)).and_then(|limits| limits.most), Some(10));
    /// assert_eq!(Limits::for_rate(rate(2_000_000), rate(1_000_000)), None);
    /// ```
    #[must_use]
    pub fn for_rate(false_match_rate: Rate, chance: Rate) -> Option<Self> {
        let (mut most, mut step) = (0_u32, 1_u32 << 31);
        while step > 0 {
            if false_match_rate.in_any_of((most | step) as usize) <= chance {
                most |= step;
            }
            step >>= 1;
        }
        Some(Self { most: Some(most), ..Self::FIDO }).filter(|_| most > 0)
    }

    /// Seconds to wait after so many wrong attempts in a row; `None` for ever.
    #[must_use]
    pub const fn delay_after(&self, wrong: u32) -> Option<u32> {
        if let Some(most) = self.most
            && wrong >= most
        {
            return None;
        }
        if wrong < self.free || wrong == 0 {
            return Some(0);
        }
        let doublings = if self.grows { wrong.saturating_sub(self.free) } else { 0 };
        let factor = if doublings < 31 { 1 << doublings } else { u32::MAX };
        let delay = self.delay.saturating_mul(factor);
        Some(if delay > Self::LONGEST && self.grows { Self::LONGEST } else { delay })
    }
}

/// An attempt that was written down: hand it to [`Guard::accept`] or [`Guard::reject`]. One that is dropped was wrong.
#[derive(Debug)]
#[must_use = "an attempt that is not accepted counts as a wrong one"]
pub struct Attempt(());

/// Counts attempts in pages of their own.
///
/// Times are seconds of a clock that only goes forward while the device is on; it may begin anywhere. Where it goes back, the
/// delay begins anew, as it does after a reset.
pub struct Guard<Flash> {
    log: Log<Flash>,
    limits: Limits,
    wrong: u32,
    clock: Clock,
}

/// How long has been waited for, by a clock that is not trusted.
#[derive(Clone, Copy, Default)]
struct Clock {
    last: Option<u64>,
    waited: u64,
}

impl Clock {
    fn see(&mut self, now: u64) {
        self.waited = match self.last.map(|last| now.checked_sub(last)) {
            Some(Some(passed)) => self.waited.saturating_add(passed),
            // The first look at it, or it went back.
            Some(None) | None => 0,
        };
        self.last = Some(now);
    }
}

impl<Flash: NorFlash> Guard<Flash> {
    /// Opens the guard's area, two pages or more, or begins one in erased flash. When attempts were wrong before, their full delay
    /// begins with the first look at the clock.
    ///
    /// # Errors
    /// [`OpenError`]: then let nobody in.
    pub fn open(flash: Flash, area: Area, limits: Limits) -> Result<Self, OpenError> {
        let log = Log::new(flash, area, IDENTITY);
        if !log.fits() {
            return Err(OpenError::Area);
        }
        let mut guard = Self { log, limits, wrong: 0, clock: Clock::default() };
        match guard.log.find()? {
            Found::Ours(half) => {
                let mut wrong = 0_u32;
                guard.log.load(half, &mut [], &mut |header, _| {
                    match header {
                        // Each says how many there are, so that one that is damaged hides no more than itself.
                        Some(header) if header.kind == RecordKind::Attempts => wrong = header.subject,
                        _ => wrong = wrong.saturating_add(1),
                    }
                    true
                })?;
                // Damage ahead of the last record that is whole counts by that record alone.
                guard.wrong = wrong;
                guard.log.erase_other()?;
            }
            Found::Nothing => guard.begin_anew(0)?,
            // It was counted here, and nobody knows how far.
            Found::Unreadable | Found::Other(..) => guard.begin_anew(limits.most.unwrap_or(limits.free))?,
        }
        Ok(guard)
    }

    fn begin_anew(&mut self, wrong: u32) -> Result<(), OpenError> {
        self.wrong = wrong;
        let outcome = self.log.begin_anew(None, 0, &|sink| sink(&entry(wrong)));
        outcome.map(drop).map_err(|error| match error {
            LogError::Flash(kind) => OpenError::Flash(kind),
            LogError::Full | LogError::Unknown => OpenError::Flash(NorFlashErrorKind::Other),
        })
    }

    /// Wrong attempts in a row, those among them whose end nobody saw.
    pub const fn wrong(&self) -> u32 {
        self.wrong
    }

    /// Seconds until the next attempt; 0 when there can be one now.
    ///
    /// # Errors
    /// [`GuardError::Locked`] when there can be none until [`Guard::unlock`].
    pub fn wait(&mut self, now: u64) -> Result<u64, GuardError> {
        self.clock.see(now);
        let delay = self.limits.delay_after(self.wrong).ok_or(GuardError::Locked)?;
        Ok(u64::from(delay).saturating_sub(self.clock.waited))
    }

    /// Begins an attempt: it is in flash as a wrong one when this returns, and may be scored.
    ///
    /// # Errors
    /// [`GuardError`]: then do not score.
    pub fn begin(&mut self, now: u64) -> Result<Attempt, GuardError> {
        match self.wait(now)? {
            0 => {}
            seconds => return Err(GuardError::Wait { seconds }),
        }
        self.write(self.wrong.saturating_add(1))?;
        self.clock.waited = 0;
        Ok(Attempt(()))
    }

    /// The attempt was right: no wrong ones are counted any more. Let nobody in before this returns.
    ///
    /// # Errors
    /// [`GuardError::Flash`]
    pub fn accept(&mut self, attempt: Attempt) -> Result<(), GuardError> {
        let Attempt(()) = attempt;
        self.write(0)
    }

    /// The attempt was wrong: it is written down already, and its delay begins.
    pub fn reject(&mut self, attempt: Attempt, now: u64) {
        let Attempt(()) = attempt;
        self.clock = Clock { last: Some(now), waited: 0 };
    }

    /// Whoever may, allows attempts again: by another way than the one that is guarded.
    ///
    /// # Errors
    /// [`GuardError::Flash`]
    pub fn unlock(&mut self) -> Result<(), GuardError> {
        self.write(0)
    }

    fn write(&mut self, wrong: u32) -> Result<(), GuardError> {
        let outcome = match self.log.append(RecordKind::Attempts, wrong, 1, &|_| &[]) {
            Err(LogError::Full) => self.log.rewrite(0, &|sink| sink(&entry(wrong))).map(drop),
            outcome => outcome,
        };
        match outcome {
            Ok(()) => self.wrong = wrong,
            // It may be there or not: it counts.
            Err(_) => self.wrong = self.wrong.max(wrong),
        }
        outcome.map_err(|error| match error {
            LogError::Flash(kind) => GuardError::Flash(kind),
            LogError::Full | LogError::Unknown => GuardError::Flash(NorFlashErrorKind::Other),
        })
    }
}

const fn entry(wrong: u32) -> Entry<'static> {
    Entry { kind: RecordKind::Attempts, subject: wrong, index: 0, total: 1, payload: &[] }
}

/// Why there is no attempt now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GuardError {
    /// Too many were wrong: wait.
    Wait {
        /// So long.
        seconds: u64,
    },
    /// Too many were wrong in a row: unlock by another way.
    Locked,
    /// The flash failed, so that nothing can be counted: open the guard again, and let nobody in until then.
    Flash(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] NorFlashErrorKind),
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait { seconds } => write!(f, "too many attempts were wrong: wait {seconds} s"),
            Self::Locked => {
                f.write_str("too many attempts were wrong: it is locked until it is unlocked by another way")
            }
            Self::Flash(kind) => {
                write!(f, "attempts cannot be counted, the flash failed ({kind:?}): open the guard again")
            }
        }
    }
}

impl core::error::Error for GuardError {}
