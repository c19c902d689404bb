//! The device on a link: what is kept in its flash, and what it does with the commands of a host.
//!
//! ```text
//! link ─► Server ─► Device ─┬─► slots   the signed bundle, and room for the next one
//!                           ├─► store   who was enrolled here
//!                           ├─► guard   attempts, written down before they are scored
//!                           └─► nonces  numbers that are used once
//! ```
//!
//! It knows no board: the flash is any that is in memory, too ([`InPlace`]), the clock a function, and the link whatever reads and
//! writes bytes ([`serve`]). All of it is tested on the host.

mod backup;
mod link;
mod nonces;
mod part;
mod recognition;
mod update;

pub use backup::backup_bytes;
pub use link::serve;
pub use nonces::Nonces;
pub use part::{InPlace, Part};
pub use recognition::MAX_SAMPLES;

use backup::Transfer;
use cognate::guard::{Guard, Limits};
use cognate::protocol::session::Nonce;
use cognate::protocol::{About, Answer, Command, Key, MAX_PIECE, Refusal, Service, Verdict};
use cognate::signature::{PublicKey, Slots};
use cognate::statistics::{FieldStatistics, Scale};
use cognate::store::{Area, OpenError, StoreError};
use cognate::{BundleView, SubjectId};
use core::cell::RefCell;
use core::fmt;
use core::ops::Range;
use embedded_storage::nor_flash::NorFlashErrorKind;
use heapless::Deque;
use recognition::Working;

/// Decisions that are kept for whoever looks.
const DECISIONS: usize = 8;

/// What a device is given once: by its firmware, and where nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// Whatever it verifies is a bundle of this device's owner.
    pub bundles: PublicKey,
    /// Who has it may give commands.
    pub link: Key,
}

/// Which pages of the flash are whose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// Two bundles and their marks.
    pub slots: Range<u32>,
    /// Who was enrolled.
    pub store: Range<u32>,
    /// Attempts.
    pub guard: Range<u32>,
    /// Starts.
    pub nonces: Range<u32>,
}

impl Layout {
    /// So many pages for the store, two each for guard and nonces at the end, and everything before them for bundles; `None`
    /// when they do not fit.
    #[must_use]
    pub fn new(capacity: usize, page: usize, store_pages: u32) -> Option<Self> {
        let (end, page) = (u32::try_from(capacity).ok()?, u32::try_from(page).ok()?);
        let nonces = end.checked_sub(page.checked_mul(2)?)?;
        let guard = nonces.checked_sub(page.checked_mul(2)?)?;
        let store = guard.checked_sub(page.checked_mul(store_pages)?)?;
        Some(Self { slots: 0..store, store: store..guard, guard: guard..nonces, nonces: nonces..end })
    }
}

/// The application behind the link.
///
/// Templates have `D` elements, embeddings `IN`; there is room for `N` templates that are enrolled here. `Clock` gives seconds that
/// only go forward, and may begin anywhere.
pub struct Device<'a, F, Clock, const D: usize, const N: usize, const IN: usize = D> {
    flash: &'a RefCell<F>,
    layout: Layout,
    keys: Keys,
    clock: Clock,
    slots: Slots<Part<'a, F>>,
    guard: Guard<Part<'a, F>>,
    nonces: Nonces,
    working: Option<Working<'a, F, D, N, IN>>,
    statistics: FieldStatistics,
    transfer: Transfer<'a>,
    decisions: Deque<Decided, DECISIONS>,
    decided: u32,
    /// What is in flash has to be looked at again.
    restart: bool,
}

#[derive(Clone, Copy)]
struct Decided {
    number: u32,
    verdict: Verdict,
    id: u32,
    score: i32,
}

impl<'a, F, Clock, const D: usize, const N: usize, const IN: usize> Device<'a, F, Clock, D, N, IN>
where
    F: InPlace<'a>,
    Clock: FnMut() -> u64,
{
    /// Opens what is in the flash. Without a bundle that the key vouches for the device waits for one. `buffer` is where backups
    /// are put together: [`backup_bytes`] of them.
    ///
    /// # Errors
    /// [`DeviceError`]: then serve nobody.
    pub fn open(
        flash: &'a RefCell<F>,
        layout: Layout,
        keys: Keys,
        limits: Limits,
        clock: Clock,
        buffer: &'a mut [u8],
    ) -> Result<Self, DeviceError> {
        let part = |range: &Range<u32>| Part::new(flash, range.clone());
        let nonces = Nonces::start(part(&layout.nonces)).map_err(DeviceError::Nonces)?;
        let guard = Guard::open(part(&layout.guard), area::<F>(&layout.guard), limits).map_err(DeviceError::Guard)?;
        let mut slots = Slots::new(part(&layout.slots)).map_err(|_| DeviceError::Slots)?;
        let working = update::find_bundle(flash, &layout, &mut slots, &keys.bundles)
            .and_then(|(bundle, version)| Working::new(bundle, version, part(&layout.store), area::<F>(&layout.store)));
        let scale = working.as_ref().map_or_else(Scale::default, |working| Scale::of(working.bundle()));
        Ok(Self {
            flash,
            layout,
            keys,
            clock,
            slots,
            guard,
            nonces,
            working,
            statistics: FieldStatistics::new(scale),
            transfer: Transfer::new(buffer),
            decisions: Deque::new(),
            decided: 0,
            restart: false,
        })
    }

    /// The bundle in use.
    pub fn bundle(&self) -> Option<&BundleView<'a>> {
        self.working.as_ref().map(Working::bundle)
    }

    /// Templates that are enrolled here.
    pub fn templates(&self) -> usize {
        self.working.as_ref().map_or(0, Working::templates)
    }

    /// Why the templates that are stored here cannot be used, if they cannot.
    pub fn store_error(&self) -> Option<OpenError> {
        self.working.as_ref().and_then(Working::store_error)
    }

    /// Whether to send the last answer and then to start anew: there is another bundle in use, or the flash has failed.
    pub const fn wants_restart(&self) -> bool {
        self.restart
    }

    /// The bundle and who is enrolled, or why there is nobody to be compared with.
    fn working(&mut self) -> Result<&mut Working<'a, F, D, N, IN>, Refusal> {
        self.working.as_mut().ok_or(Refusal::NoBundle)
    }

    /// What an error of the store means to a host. After one of the flash, only opening the store again tells what is there.
    fn refusal(&mut self, error: StoreError) -> Refusal {
        self.restart |= matches!(error, StoreError::Flash(_));
        recognition::refusal(error)
    }

    fn list(&mut self, after: u32) -> Result<Answer<'static>, Refusal> {
        let next = self.working()?.next_subject(after)?;
        Ok(next.map_or(Answer::End, |(id, templates)| Answer::Subject { id: id.number(), templates }))
    }

    fn remove(&mut self, subject: SubjectId) -> Result<Answer<'static>, Refusal> {
        let begin = self.layout.store.start;
        match self.working()?.remove(subject) {
            Ok(receipt) => Ok(recognition::receipt(&receipt, begin)),
            Err(error) => Err(self.refusal(error)),
        }
    }

    fn remember(&mut self, verdict: Verdict, id: u32, score: i32) {
        self.decided = self.decided.saturating_add(1);
        if self.decisions.is_full() {
            let _ = self.decisions.pop_front();
        }
        let _ = self.decisions.push_back(Decided { number: self.decided, verdict, id, score });
    }

    fn statistics<'r>(&self, offset: u32, room: &'r mut [u8; MAX_PIECE]) -> Answer<'r> {
        let bytes = self.statistics.to_bytes();
        piece_of(&bytes, offset, room).map_or(Answer::Refused(Refusal::Piece), |piece| piece)
    }

    fn status(&mut self) -> Answer<'static> {
        let now = (self.clock)();
        let wait = self.guard.wait(now).map_or(u32::MAX, |wait| u32::try_from(wait).unwrap_or(u32::MAX));
        let (damaged, worn) = self.working.as_ref().map_or((0, 0), Working::health);
        Answer::Status { wrong: self.guard.wrong(), wait, damaged, worn }
    }

    fn decision(&self, after: u32) -> Answer<'static> {
        let found = self.decisions.iter().find(|decided| decided.number > after);
        found.map_or(Answer::End, |Decided { number, verdict, id, score }| Answer::Decision {
            number: *number,
            verdict: *verdict,
            id: *id,
            score: *score,
        })
    }
}

impl<'a, F, Clock, const D: usize, const N: usize, const IN: usize> Service for Device<'a, F, Clock, D, N, IN>
where
    F: InPlace<'a>,
    Clock: FnMut() -> u64,
{
    fn about(&self) -> About {
        let small = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let model = self.bundle().map_or([0; 16], |bundle| *bundle.space().model.as_bytes());
        About {
            model,
            dimension: small(D),
            capacity: small(N),
            templates: small(self.templates()),
            bundle: self.working.as_ref().map_or(0, |working| working.version().number()),
        }
    }

    fn nonce(&mut self) -> Option<Nonce> {
        self.nonces.give()
    }

    fn carry_out<'r>(&mut self, command: Command<'_>, room: &'r mut [u8; MAX_PIECE]) -> Answer<'r> {
        let done = match command {
            Command::List { after } => self.list(after),
            Command::Sample { embedding } => {
                self.working().and_then(|working| working.sample(embedding)).map(|()| Answer::Done)
            }
            Command::Enroll => self.enroll(),
            Command::Template { subject, model, code } => self.enroll_template(subject, model, code),
            Command::Verify { subject, embedding } => self.verify(SubjectId::new(subject), embedding),
            Command::Identify { embedding } => self.identify(embedding),
            Command::Remove { subject } => self.remove(SubjectId::new(subject)),
            Command::Backup { offset } => return self.backup(offset, room),
            Command::Restore { offset, length, piece } => self.restore(offset, length, piece),
            Command::UpdateResume => self.resume_update(),
            Command::UpdateBegin => self.begin_update(),
            Command::UpdatePiece { offset, piece } => self.update_piece(offset, piece),
            Command::UpdateEnd => self.end_update(),
            Command::Statistics { offset } => return self.statistics(offset, room),
            Command::Status => Ok(self.status()),
            Command::Decision { after } => Ok(self.decision(after)),
        };
        done.unwrap_or_else(Answer::Refused)
    }
}

/// As many bytes from there on as an answer takes; `None` behind the end.
fn piece_of<'r>(bytes: &[u8], offset: u32, room: &'r mut [u8; MAX_PIECE]) -> Option<Answer<'r>> {
    let rest = bytes.get(offset as usize..)?;
    let taken = rest.len().min(MAX_PIECE);
    room.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    Some(Answer::Piece { length: u32::try_from(bytes.len()).ok()?, bytes: room.get(..taken)? })
}

/// A whole part, as an area of it.
const fn area<F: embedded_storage::nor_flash::NorFlash>(range: &Range<u32>) -> Area {
    let bytes = range.end.saturating_sub(range.start) as usize;
    Area { begin: 0, pages: (bytes / F::ERASE_SIZE) as u32 }
}

/// Why there is no device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DeviceError {
    /// No start can be counted, and without numbers that are new there is no session.
    Nonces(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] NorFlashErrorKind),
    /// No attempt can be counted.
    Guard(OpenError),
    /// There is no room for two bundles, or their marks cannot be read.
    Slots,
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nonces(kind) => {
                write!(f, "starts cannot be counted ({kind:?}): check the flash and its last two pages")
            }
            Self::Guard(error) => write!(f, "attempts cannot be counted: {error}"),
            Self::Slots => {
                f.write_str("there are no slots for bundles: give the device more flash, or replace the part")
            }
        }
    }
}

impl core::error::Error for DeviceError {}

#[cfg(test)]
mod tests;
