use super::*;
use crate::fixture::{ANNA, BORIS, MODEL, STRANGER, anna, boris, bundle_with};
use cognate::ModelDigest;
use cognate::protocol::client::Heard;
use cognate::protocol::{Client, Server};
use cognate::signature::{BundleVersion, trailer_head, trailer_offset};
use ed25519_compact::{KeyPair, Seed};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use std::boxed::Box;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::vec::Vec;

const PAGE: usize = 512;
const PAGES: usize = 34;
const STORE_PAGES: u32 = 10;
const LINK: Key = Key::new([9; 32]);

type Tested = Device<'static, Flash, fn() -> u64, 3, 8>;

std::thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// Bytes that are written once after they were erased, and lose power when they are told to.
#[derive(Clone)]
struct Flash {
    bytes: Vec<u8>,
    lent: Vec<Range<u32>>,
    /// Words that can still be written.
    words: Option<u32>,
}

impl Flash {
    fn new() -> Self {
        Self { bytes: std::vec![0xff; PAGE * PAGES], lent: Vec::new(), words: None }
    }

    fn check(&self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        let is_lent = self.lent.iter().any(|lent| lent.start < to && from < lent.end);
        if is_lent || self.words == Some(0) { Err(NorFlashErrorKind::Other) } else { Ok(()) }
    }
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        self.check(from, to)?;
        self.bytes[from as usize..to as usize].fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        for (at, word) in (offset as usize..).step_by(8).zip(bytes.chunks(8)) {
            self.check(at as u32, at as u32 + 8)?;
            self.words = self.words.map(|words| words - 1);
            let place = &mut self.bytes[at..at + 8];
            assert_eq!(place, [0xff; 8], "a word was written twice");
            place.copy_from_slice(word);
        }
        Ok(())
    }
}

impl InPlace<'static> for Flash {
    fn look(&self, range: Range<u32>) -> Option<&[u8]> {
        self.bytes.get(range.start as usize..range.end as usize)
    }

    fn lend(&mut self, range: Range<u32>) -> Option<&'static [u8]> {
        self.lent.push(range.clone());
        self.look(range).map(|bytes| &*Box::leak(bytes.to_vec().into_boxed_slice()))
    }
}

fn key() -> KeyPair {
    KeyPair::from_seed(Seed::new([5; 32]))
}

fn sign(mut bundle: Vec<u8>, version: u32) -> Vec<u8> {
    bundle.resize(trailer_offset(bundle.len()), 0);
    let public = PublicKey::new(*key().pk);
    let head = trailer_head(&bundle, BundleVersion::new(version), public.id());
    bundle.extend(head);
    bundle.extend(*key().sk.sign(head, None));
    bundle
}

/// Device and host, with nothing lost between them.
struct Bench {
    flash: &'static RefCell<Flash>,
    server: Server<Tested>,
    client: Client,
    starts: u8,
}

impl Bench {
    /// The device with this flash, and a session with it.
    fn start(flash: Flash, starts: u8) -> Self {
        let flash = &*Box::leak(Box::new(RefCell::new(Flash { lent: Vec::new(), words: None, ..flash })));
        let layout = Layout::new(PAGE * PAGES, PAGE, STORE_PAGES).unwrap();
        let keys = Keys { bundles: PublicKey::new(*key().pk), link: LINK };
        let buffer = Box::leak(Box::new([0; backup_bytes(8, 3)]));
        let device = Tested::open(flash, layout, keys, Limits::ANDROID, || NOW.get(), buffer).unwrap();
        let mut bench =
            Self { flash, server: Server::new(device, LINK), client: Client::new(LINK, [starts; 16]), starts };
        let hello = bench.client.hello().to_vec();
        assert!(bench.exchange(&hello, |heard| matches!(heard, Heard::Welcome(_))));
        bench
    }

    fn new() -> Self {
        Self::start(Flash::new(), 0)
    }

    /// With a bundle in use that has ANNA.
    fn with_bundle() -> Self {
        let mut bench = Self::new();
        bench.update(&sign(bundle_with(|_| ()), 1)).unwrap();
        bench.restart()
    }

    fn restart(self) -> Self {
        let flash = self.flash.borrow().clone();
        Self::start(flash, self.starts + 1)
    }

    fn exchange<T>(&mut self, frame: &[u8], look: impl Fn(Heard<'_>) -> T) -> T {
        let mut back = Vec::new();
        for byte in frame {
            back.extend(self.server.receive(*byte).unwrap_or_default());
        }
        let heard = back.iter().find_map(|byte| self.client.receive(*byte).map(&look));
        heard.expect("the device says something")
    }

    fn ask<T>(&mut self, command: &Command<'_>, look: impl Fn(Answer<'_>) -> T) -> Result<T, Refusal> {
        let frame = self.client.command(command).unwrap().to_vec();
        self.exchange(&frame, |heard| match heard {
            Heard::Answer(Answer::Refused(refusal)) => Err(refusal),
            Heard::Answer(answer) => Ok(look(answer)),
            heard => panic!("{heard:?}"),
        })
    }

    fn update(&mut self, bundle: &[u8]) -> Result<(), Refusal> {
        self.ask(&Command::UpdateBegin, |_| ())?;
        for (number, piece) in bundle.chunks(256).enumerate() {
            self.ask(&Command::UpdatePiece { offset: 256 * number as u32, piece }, |_| ())?;
        }
        self.ask(&Command::UpdateEnd, |answer| assert_eq!(answer, Answer::Done))
    }

    fn enroll(&mut self, samples: [[f32; 3]; 3]) -> Result<u32, Refusal> {
        for sample in samples {
            self.ask(&Command::Sample { embedding: &bytes(sample) }, |_| ())?;
        }
        self.ask(&Command::Enroll, |answer| match answer {
            Answer::Enrolled { id } => id,
            answer => panic!("{answer:?}"),
        })
    }

    fn verify(&mut self, subject: SubjectId, sample: [f32; 3]) -> Result<bool, Refusal> {
        let command = Command::Verify { subject: subject.number(), embedding: &bytes(sample) };
        self.ask(&command, |answer| matches!(answer, Answer::Verified { accepted: true, .. }))
    }

    fn identify(&mut self, sample: [f32; 3]) -> Result<u32, Refusal> {
        self.ask(&Command::Identify { embedding: &bytes(sample) }, |answer| match answer {
            Answer::Identified { id, .. } => id,
            answer => panic!("{answer:?}"),
        })
    }

    fn list(&mut self) -> Vec<(u32, u16)> {
        let (mut all, mut after) = (Vec::new(), 0);
        while let Ok(Some(subject)) = self.ask(&Command::List { after }, |answer| match answer {
            Answer::Subject { id, templates } => Some((id, templates)),
            _ => None,
        }) {
            after = subject.0;
            all.push(subject);
        }
        all
    }

    fn backup(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let (length, piece) = self
                .ask(&Command::Backup { offset: all.len() as u32 }, |answer| match answer {
                    Answer::Piece { length, bytes } => (length as usize, bytes.to_vec()),
                    answer => panic!("{answer:?}"),
                })
                .unwrap();
            all.extend(piece);
            if all.len() == length {
                return all;
            }
        }
    }

    fn restore(&mut self, backup: &[u8]) -> Result<(), Refusal> {
        let length = backup.len() as u32;
        for (number, piece) in backup.chunks(100).enumerate() {
            self.ask(&Command::Restore { offset: 100 * number as u32, length, piece }, |_| ())?;
        }
        Ok(())
    }

    fn store(&self) -> Vec<u8> {
        let layout = Layout::new(PAGE * PAGES, PAGE, STORE_PAGES).unwrap();
        self.flash.borrow().look(layout.store).unwrap().to_vec()
    }
}

fn bytes(sample: [f32; 3]) -> Vec<u8> {
    sample.iter().flat_map(|value| value.to_le_bytes()).collect()
}

const BORISES: [[f32; 3]; 3] = [boris(0), boris(1), boris(2)];

#[test]
fn without_a_bundle_it_waits_for_one_that_the_key_vouches_for() {
    let mut bench = Bench::new();
    assert_eq!(bench.verify(ANNA, anna(0)), Err(Refusal::NoBundle));
    assert_eq!(bench.enroll(BORISES), Err(Refusal::NoBundle));
    let (unsigned, mut forged) = (bundle_with(|_| ()), sign(bundle_with(|_| ()), 1));
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(bench.update(&unsigned), Err(Refusal::Untrusted));
    assert_eq!(bench.update(&forged), Err(Refusal::Untrusted));
    assert!(!bench.server.service().wants_restart());
    bench.update(&sign(unsigned, 3)).unwrap();
    assert!(bench.server.service().wants_restart());
    let mut bench = bench.restart();
    assert_eq!(bench.server.service().about().bundle, 3);
    assert_eq!(bench.verify(ANNA, anna(1)), Ok(true));
    let wider = bundle_with(|contents| {
        (contents.dimension, contents.subjects, contents.templates) = (4, &[], &[]);
    });
    // What is not newer is not used, and the one in use stays.
    assert_eq!(bench.update(&sign(bundle_with(|_| ()), 3)), Err(Refusal::Untrusted));
    assert_eq!(bench.update(&sign(wider, 4)), Err(Refusal::Template));
    assert_eq!(bench.restart().verify(ANNA, anna(2)), Ok(true));
}

#[test]
fn who_is_enrolled_stays_and_whoever_is_removed_is_nowhere() {
    let mut bench = Bench::with_bundle();
    assert_eq!(bench.enroll([boris(0), boris(0), boris(1)]), Err(Refusal::Quality), "one sample twice");
    assert_eq!(bench.enroll(BORISES), Ok(BORIS.number()));
    let mut bench = bench.restart();
    assert_eq!((bench.identify(boris(4)), bench.identify(STRANGER)), (Ok(BORIS.number()), Ok(0)));
    assert_eq!(bench.list(), [(ANNA.number(), 1), (BORIS.number(), 3)]);
    let code = *bench
        .server
        .service()
        .working
        .as_ref()
        .unwrap()
        .store()
        .unwrap()
        .gallery()
        .templates()
        .next()
        .unwrap()
        .2
        .first_chunk::<3>()
        .unwrap();
    let is_there = |bench: &Bench| bench.store().windows(3).any(|window| window == code.map(i8::cast_unsigned));
    assert!(is_there(&bench));
    let remove = Command::Remove { subject: BORIS.number() };
    let (templates, from, to) = bench
        .ask(&remove, |answer| match answer {
            Answer::Removed { templates, from, to, stubborn: 0 } => (templates, from as usize, to as usize),
            answer => panic!("{answer:?}"),
        })
        .unwrap();
    assert_eq!(templates, 3);
    assert!(bench.flash.borrow().bytes[from..to].iter().all(|byte| *byte == 0xff) && from < to);
    assert!(!is_there(&bench));
    assert_eq!(bench.ask(&remove, |_| ()), Err(Refusal::UnknownSubject));
    // The bundle's subject is hidden, and stays so.
    bench.ask(&Command::Remove { subject: ANNA.number() }, |answer| assert_eq!(answer, Answer::Hidden)).unwrap();
    let mut bench = bench.restart();
    assert_eq!(bench.list(), []);
    assert_eq!(bench.verify(ANNA, anna(0)), Err(Refusal::UnknownSubject));
    assert_eq!(bench.identify(anna(0)), Err(Refusal::UnknownSubject));
}

#[test]
fn attempts_count_across_a_start() {
    let mut bench = Bench::with_bundle();
    for _ in 0..5 {
        assert_eq!(bench.verify(ANNA, STRANGER), Ok(false));
    }
    assert_eq!(bench.verify(ANNA, anna(0)), Err(Refusal::Locked));
    let mut bench = bench.restart();
    assert_eq!(bench.identify(anna(0)), Err(Refusal::Locked));
    let status =
        bench.ask(&Command::Status, |answer| answer == Answer::Status { wrong: 5, wait: 30, damaged: 0, worn: 0 });
    assert_eq!(status, Ok(true));
    NOW.set(NOW.get() + 31);
    assert_eq!(bench.verify(ANNA, anna(0)), Ok(true));
    assert_eq!(bench.verify(ANNA, STRANGER), Ok(false));
    // Decisions as they came since the start.
    let mut verdicts = Vec::new();
    let mut after = 0;
    while let Ok(Some((number, verdict))) = bench.ask(&Command::Decision { after }, |answer| match answer {
        Answer::Decision { number, verdict, .. } => Some((number, verdict)),
        _ => None,
    }) {
        after = number;
        verdicts.push(verdict);
    }
    assert_eq!(verdicts, [Verdict::Accepted, Verdict::Rejected]);
}

#[test]
fn a_backup_comes_back_whole_and_sealed_or_not_at_all() {
    let mut bench = Bench::with_bundle();
    bench.enroll(BORISES).unwrap();
    bench.ask(&Command::Remove { subject: ANNA.number() }, |_| ()).unwrap();
    let backup = bench.backup();
    let code = [127_u8, 13, 3];
    assert!(!backup.windows(3).any(|window| window == code), "it is hidden");
    bench.ask(&Command::Remove { subject: BORIS.number() }, |_| ()).unwrap();
    let mut broken = backup.clone();
    broken[30] ^= 1;
    assert_eq!(bench.restore(&broken), Err(Refusal::Untrusted));
    assert_eq!(bench.list(), []);
    bench.restore(&backup).unwrap();
    let mut bench = bench.restart();
    assert_eq!(bench.list(), [(BORIS.number(), 3)]);
    assert_eq!(bench.verify(BORIS, boris(5)), Ok(true));
    // Two of the same hide in other bytes.
    assert_ne!(bench.backup(), backup);
}

#[test]
fn templates_of_another_model_are_kept_until_bridged_ones_come() {
    let mut bench = Bench::with_bundle();
    bench.enroll(BORISES).unwrap();
    let other = ModelDigest::new([8; 16]);
    let backup = bench.backup();
    bench.update(&sign(bundle_with(|contents| contents.space.model = other), 2)).unwrap();
    let mut bench = bench.restart();
    for refused in [bench.verify(ANNA, anna(0)).err(), bench.identify(anna(0)).err(), bench.enroll(BORISES).err()] {
        assert_eq!(refused, Some(Refusal::OtherModel));
    }
    assert_eq!(bench.restore(&backup), Err(Refusal::Template));
    // As a bridge would make it of the same templates.
    let mut bridged = backup;
    let opened = cognate::protocol::backup::open(&LINK, &mut bridged).unwrap();
    let mut bytes = [&[0; 16], opened, &[0; 32]].concat();
    assert_eq!(bytes[24..40], *MODEL.as_bytes());
    bytes[24..40].copy_from_slice(other.as_bytes());
    assert!(cognate::protocol::backup::seal(&LINK, &[0xfe; 16], &mut bytes));
    bench.restore(&bytes).unwrap();
    let mut bench = bench.restart();
    assert_eq!(bench.verify(BORIS, boris(5)), Ok(true));
    assert_eq!(bench.verify(ANNA, anna(5)), Ok(true));
}

#[test]
fn with_nobody_enrolled_another_model_needs_no_backup() {
    let mut bench = Bench::with_bundle();
    let other = ModelDigest::new([8; 16]);
    bench.update(&sign(bundle_with(|contents| contents.space.model = other), 2)).unwrap();
    let mut bench = bench.restart();
    assert_eq!(bench.enroll(BORISES), Ok(BORIS.number()));
}

#[test]
fn no_number_is_given_twice_however_a_start_is_cut() {
    let mut flash = Flash::new();
    let (mut given, mut cut) = (BTreeSet::new(), 0);
    for start in 0..200 {
        flash.words = (start % 7 == 3).then_some(0);
        let shared = RefCell::new(flash.clone());
        match Nonces::start(Part::new(&shared, 0..2 * PAGE as u32)) {
            Ok(mut nonces) => assert!((0..3).all(|_| given.insert(nonces.give().unwrap()))),
            Err(_) => cut += 1,
        }
        flash = shared.into_inner();
    }
    assert!(cut > 20 && given.len() == 3 * (200 - cut));
}

#[test]
fn a_link_is_served_until_it_ends() {
    struct Pair<'a> {
        there: &'a [u8],
        back: Vec<u8>,
    }
    impl embedded_io::ErrorType for Pair<'_> {
        type Error = core::convert::Infallible;
    }
    impl embedded_io::Read for Pair<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Self::Error> {
            Ok(self.there.read(bytes).unwrap_or(0))
        }
    }
    impl embedded_io::Write for Pair<'_> {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
            self.back.extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> Result<(), Self::Error> {
            Ok(())
        }
    }
    let mut bench = Bench::with_bundle();
    let mut client = Client::new(LINK, [77; 16]);
    let hello = [&[3, 1, 4, 0], client.hello()].concat();
    let mut pair = Pair { there: &hello, back: Vec::new() };
    serve(&mut bench.server, &mut pair, |_| false).unwrap();
    let welcomed = pair.back.iter().filter(|byte| matches!(client.receive(**byte), Some(Heard::Welcome(_)))).count();
    assert_eq!(welcomed, 1);
}
