//! [`Store`]: whatever the flash holds, opening it, changing it and opening it again end, and then there is what the store said.
#![no_main]

// Of the flash, the core's tests use more.
#[allow(dead_code)]
#[path = "../../tests/flash/mod.rs"]
mod flash;

use cognate::gallery::{Adaptation, Kind};
use cognate::store::{Area, Store, StoreError};
use cognate::{Evidence, Gallery, Match, Score, Space, SubjectId, Template};
use cognate_fuzz::spaces;
use cognate_fuzz::store::{Image, PAGE};
use flash::{Cut, MockFlash, Moment};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

const DIMENSION: usize = cognate_fuzz::store::DIMENSION;
const CAPACITY: usize = 4;
/// So many operations, so that a target stays quick.
const MOST_OPERATIONS: usize = 4;

type Flash<const WORD: usize> = MockFlash<WORD, PAGE>;
type TestStore<'a, const WORD: usize> = Store<&'a mut Flash<WORD>, DIMENSION, CAPACITY>;
type Code = [i8; DIMENSION];

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Which size of the flash's words.
    words: u8,
    start: Start<'a>,
    operations: Vec<Operation>,
}

/// What is in flash.
#[derive(Arbitrary, Debug)]
enum Start<'a> {
    /// Anything.
    Image(Image<'a>),
    /// A store after these operations, of which these bits are changed then.
    Damaged { before: Vec<Operation>, bits: Vec<u16> },
}

#[derive(Arbitrary, Debug)]
enum Operation {
    Enroll(Vec<Code>),
    Add(u8, Vec<Code>),
    Adapt(u8, Code),
    Remove(u8),
    Revert(u8),
    Hide(u8),
    Restore(Vec<(u8, bool, Code)>),
    /// Opens the store again.
    Reopen,
    /// Opens it again, and the power goes so many words later, within what is written then.
    Cut(u8, u64),
}

fuzz_target!(|input: Input<'_>| {
    let Input { words, start, operations } = input;
    match words % 4 {
        0 => run::<1>(start, &operations),
        1 => run::<4>(start, &operations),
        2 => run::<8>(start, &operations),
        _ => run::<32>(start, &operations),
    }
});

/// Pages of the store; the flash has one more before and behind it.
const fn pages<const WORD: usize>() -> u32 {
    TestStore::<'_, WORD>::LEAST_PAGES
}

const fn area<const WORD: usize>() -> Area {
    Area { begin: PAGE as u32, pages: pages::<WORD>() }
}

fn space() -> Space {
    spaces()[0]
}

fn gallery() -> Gallery<DIMENSION, CAPACITY> {
    Gallery::new(space(), SubjectId::FIRST_ON_DEVICE)
}

/// A template that is nearly this code: its largest element is what that of a code is.
fn template(code: &Code) -> Template<DIMENSION> {
    let mut code = code.map(|element| element.max(-127));
    code[0] = 127;
    Template::from_code(code, space()).expect("it is the code of an embedding")
}

fn templates(codes: &[Code]) -> Vec<Template<DIMENSION>> {
    codes.iter().map(template).collect()
}

/// What a store says that it holds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Content {
    subjects: BTreeMap<SubjectId, Vec<(bool, Code)>>,
    hidden: Vec<SubjectId>,
    next: Option<SubjectId>,
}

impl Content {
    fn of<const WORD: usize>(store: &TestStore<'_, WORD>) -> Self {
        let mut content =
            Self { subjects: BTreeMap::new(), hidden: store.hidden().to_vec(), next: store.gallery().next_subject() };
        for (subject, kind, code) in store.gallery().templates() {
            content.subjects.entry(subject).or_default().push((kind == Kind::Adapted, code));
        }
        // Whoever comes back from flash may be elsewhere in the gallery.
        content.subjects.values_mut().for_each(|templates| templates.sort_unstable());
        content.hidden.sort_unstable();
        content
    }

    /// Whether it is what a store said before it was opened again. Ids may be left out.
    fn is_as(&self, said: &Self) -> bool {
        self.subjects == said.subjects && self.hidden == said.hidden && at_least(self.next, said.next)
    }

    /// The subject of this number, counted in what is there, or one that nobody is.
    fn subject(&self, number: u8) -> SubjectId {
        let found = self.subjects.keys().nth(number.into()).copied();
        found.unwrap_or(SubjectId::new(SubjectId::FIRST_ON_DEVICE.number() ^ u32::from(number)))
    }
}

fn run<const WORD: usize>(start: Start<'_>, operations: &[Operation]) {
    let mut flash = Flash::<WORD>::new(pages::<WORD>() as usize + 2);
    match start {
        Start::Image(image) => {
            let image = image.bytes(pages::<WORD>() as usize, WORD);
            flash.damage(|bytes| bytes[PAGE..][..image.len()].copy_from_slice(&image));
        }
        Start::Damaged { before, bits } => damage(&mut flash, &before, &bits),
    }
    if Store::open(&mut flash, area::<WORD>(), gallery()).is_err() {
        let (store, _) = Store::renew(&mut flash, area::<WORD>(), gallery()).expect("the flash is good");
        assert!(store.gallery().is_empty());
    }
    work(&mut flash, operations);
    let (own, behind) = flash.bytes().split_at(PAGE * (1 + pages::<WORD>() as usize));
    assert!(own[..PAGE].iter().chain(behind).all(|byte| *byte == 0xff), "what is not the store's was changed");
}

/// A store that was worked with, some bits of whose flash are changed then.
fn damage<const WORD: usize>(flash: &mut Flash<WORD>, before: &[Operation], bits: &[u16]) {
    let whole = work(flash, before);
    let bits_of_store = pages::<WORD>() as usize * PAGE * 8;
    let places: Vec<usize> = bits.iter().map(|bit| usize::from(*bit) % bits_of_store).collect();
    flash.damage(|bytes| places.iter().for_each(|bit| bytes[PAGE + bit / 8] ^= 1 << (bit % 8)));
    if places.len() != 1 {
        // Many may be a record that was never written.
        return;
    }
    let (store, report) = Store::open(&mut *flash, area::<WORD>(), gallery()).expect("one bit is not all of a store");
    let found = Content::of(&store);
    let differing = whole.subjects.iter().filter(|(subject, templates)| found.subjects.get(subject) != Some(templates));
    let differing = differing.count();
    assert!(found.subjects.keys().all(|subject| whole.subjects.contains_key(subject)), "nobody comes of a bit");
    assert!(differing <= 1, "a bit costs one subject at most");
    assert!(differing == 0 || !report.damage.is_none(), "what it costs is reported");
    // Where the power went between the two records of who is hidden, there is one of them until everything is written anew.
    let was_cut = before.iter().any(|operation| matches!(operation, Operation::Cut(..)));
    let is_reported = was_cut && !report.damage.is_none();
    assert!(found.hidden == whole.hidden || is_reported, "a bit brings nobody back");
}

/// Opens the store, does all of that, and opens it again: what it says at the end.
fn work<const WORD: usize>(flash: &mut Flash<WORD>, operations: &[Operation]) -> Content {
    let operations = &operations[..operations.len().min(MOST_OPERATIONS)];
    let (mut said, mut cut) = (None, None);
    for operations in
        operations.split_inclusive(|operation| matches!(operation, Operation::Reopen | Operation::Cut(..)))
    {
        said = match (cut, &said) {
            (Some(cut), Some(said)) => Some(cut_session(flash, operations, cut, said)),
            (_, said) => session(flash, operations, said.as_ref()).pop(),
        };
        cut = match operations.last() {
            Some(Operation::Cut(after, seed)) => Some((u64::from(*after), *seed)),
            _ => None,
        };
    }
    session(flash, &[], said.as_ref()).pop().unwrap_or_default()
}

/// What a store holds when it was opened, which is what it said before, and after each operation.
fn session<const WORD: usize>(
    flash: &mut Flash<WORD>,
    operations: &[Operation],
    said: Option<&Content>,
) -> Vec<Content> {
    let (mut store, _) = Store::open(flash, area::<WORD>(), gallery()).expect("it was opened before");
    let mut content = Content::of(&store);
    if let Some(said) = said {
        assert!(content.is_as(said), "{content:?} is not what the store said: {said:?}");
    }
    let mut all = vec![content.clone()];
    for operation in operations {
        let outcome = apply(&mut store, &content, operation);
        let after = Content::of(&store);
        if matches!((&outcome, operation), (Err(StoreError::Flash(_)), Operation::Restore(_)))
            && content.hidden.len() > 1
        {
            // An image can say that more are hidden than there is room for: then it is as before once it is opened again.
            return all;
        }
        assert!(!matches!(outcome, Err(StoreError::Flash(_))), "the flash was misused by {operation:?}");
        assert!(outcome != Err(StoreError::Worn) || content.hidden.len() > 1, "no page of this flash is worn");
        assert!(outcome.is_ok() || after == content, "{operation:?} was refused, and something has changed");
        assert!(at_least(after.next, content.next), "an id would be given twice");
        content = after;
        all.push(content.clone());
    }
    all
}

/// The same with a cut in it: what the store said last is there, or what it was about to say.
fn cut_session<const WORD: usize>(
    flash: &mut Flash<WORD>,
    operations: &[Operation],
    (after, seed): (u64, u64),
    said: &Content,
) -> Content {
    let uncut = session(&mut flash.clone(), operations, Some(said));
    flash.cut_at(Cut { operation: flash.operations() + after, moment: Moment::Within(seed) });
    let mut acknowledged = 0;
    if let Ok((mut store, _)) = Store::open(&mut *flash, area::<WORD>(), gallery()) {
        for (operation, before) in operations.iter().zip(&uncut) {
            match apply(&mut store, before, operation) {
                Err(StoreError::Flash(_)) => break,
                _ => acknowledged += 1,
            }
        }
    }
    flash.restart();
    let found = session(flash, &[], None).pop().unwrap_or_default();
    let could_be = uncut.iter().skip(acknowledged).take(2);
    assert!(could_be.clone().any(|content| found.is_as(content)), "{found:?} is none of {could_be:?}");
    found
}

fn apply<const WORD: usize>(
    store: &mut TestStore<'_, WORD>,
    content: &Content,
    operation: &Operation,
) -> Result<(), StoreError> {
    const LIMITS: Adaptation =
        Adaptation { least_score: Score::MIN, least_margin: 0, inertia: 3, least_likeness: Score::MIN };
    let subject = |number: &u8| content.subject(*number);
    match operation {
        Operation::Enroll(codes) => store.enroll(&templates(codes)).map(drop),
        Operation::Add(number, codes) => store.add(subject(number), &templates(codes)),
        Operation::Adapt(number, code) => {
            let best = Match { subject: subject(number), score: Score::from_raw(1 << 23) };
            let sure = Evidence { best, runner_up: None, false_positive_rate: None };
            store.adapt(&sure, &template(code), &LIMITS).map(drop)
        }
        Operation::Remove(number) => store.remove(subject(number)).map(drop),
        Operation::Revert(number) => store.revert(subject(number)).map(drop),
        Operation::Hide(number) => store.hide(SubjectId::new((*number).into())).map(drop),
        Operation::Restore(backup) => {
            let kind = |adapted| if adapted { Kind::Adapted } else { Kind::Enrolled };
            let backup = backup.iter().map(|(number, adapted, code)| (subject(number), kind(*adapted), template(code)));
            store.restore(backup).map(drop)
        }
        Operation::Reopen | Operation::Cut(..) => Ok(()),
    }
}

/// Whether an id is not below another; none at all is above all of them.
fn at_least(id: Option<SubjectId>, least: Option<SubjectId>) -> bool {
    id.is_none_or(|id| least.is_some_and(|least| id >= least))
}
