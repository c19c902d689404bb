//! Random histories of a store, with the power cut at every point of them, held against a model on std collections.
//!
//! Shared by the core's tests and `cargo xtask powercut`: `#[path]` brings it, and the flash, into both.

use crate::flash::{Cut, MockFlash, Moment};
use cognate::gallery::{Adaptation, Kind};
use cognate::store::{Area, Store};
use cognate::{Evidence, Gallery, Match, ModelDigest, Score, Space, SubjectId, Template};
use std::collections::{BTreeMap, BTreeSet};

pub const DIMENSION: usize = 8;
pub const CAPACITY: usize = 8;
pub const PAGE: usize = 256;
/// Where the store is in its flash: not at the beginning.
pub const BEGIN: u32 = PAGE as u32;

pub type Flash<const WORD: usize> = MockFlash<WORD, PAGE>;
pub type TestStore<'a, const WORD: usize> = Store<&'a mut Flash<WORD>, DIMENSION, CAPACITY>;
type Code = [i8; DIMENSION];

/// What there is: the templates that were enrolled of each subject and the one that follows it, and who is hidden.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Model {
    subjects: BTreeMap<u32, (Vec<Code>, Option<Code>)>,
    hidden: BTreeSet<u32>,
}

impl Model {
    /// Whether it is the same but for one subject, of which some or all is gone.
    pub fn lacks_at_most_one_of(&self, whole: &Self) -> bool {
        let differ = |id: &&u32| self.subjects.get(*id) != whole.subjects.get(*id);
        whole.subjects.keys().filter(differ).count() <= 1
            && self.subjects.keys().all(|id| whole.subjects.contains_key(id))
            && self.hidden == whole.hidden
    }
}

/// What is done to a store.
#[derive(Clone, Debug)]
pub enum Operation {
    Enroll(Vec<Code>),
    Add(u32, Vec<Code>),
    Adapt(u32, Code),
    Remove(u32),
    Revert(u32),
    Hide(u32),
    /// Goes back to what there was so many operations ago.
    Restore(Model),
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    pub histories: u64,
    /// Histories that were cut: each at another operation of the flash, or in another moment of it.
    pub cut_points: u64,
    /// Of them, those after which something was lost that was acknowledged, or everything.
    pub lost: u64,
    /// Those after which something was there in part.
    pub half: u64,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.cut_points += other.cut_points;
        self.lost += other.lost;
        self.half += other.half;
    }
}

/// xorshift64*: the same numbers from the same seed, everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        if choices.is_empty() { None } else { Some(choices[self.below(choices.len() as u64) as usize]) }
    }

    pub fn code(&mut self) -> Code {
        let mut code: Code = std::array::from_fn(|_| (self.below(255) as i16 - 127) as i8);
        code[self.below(DIMENSION as u64) as usize] = 127;
        code
    }
}

pub fn space() -> Space {
    Space::full(ModelDigest::new([7; 16]))
}

pub fn template(code: Code) -> Template<DIMENSION> {
    Template::from_code(code, space()).expect("it has a 127")
}

fn templates(codes: &[Code]) -> Vec<Template<DIMENSION>> {
    codes.iter().map(|code| template(*code)).collect()
}

pub fn gallery() -> Gallery<DIMENSION, CAPACITY> {
    Gallery::new(space(), SubjectId::FIRST_ON_DEVICE)
}

pub fn area<const WORD: usize>() -> Area {
    Area { begin: BEGIN, pages: TestStore::<'_, WORD>::LEAST_PAGES }
}

/// Erased flash that is larger than the store.
pub fn new_flash<const WORD: usize>() -> Flash<WORD> {
    MockFlash::new(TestStore::<'_, WORD>::LEAST_PAGES as usize + 2)
}

pub fn open<const WORD: usize>(flash: &mut Flash<WORD>) -> TestStore<'_, WORD> {
    Store::open(flash, area::<WORD>(), gallery()).expect("it can be opened").0
}

/// What a store holds, its templates in an order that does not depend on where they are.
pub fn content<const WORD: usize>(store: &TestStore<'_, WORD>) -> Model {
    let mut model = Model::default();
    for (subject, kind, code) in store.gallery().templates() {
        let (enrolled, adapted) = model.subjects.entry(subject.number()).or_default();
        match kind {
            Kind::Enrolled => enrolled.push(code),
            Kind::Adapted => *adapted = Some(code),
        }
    }
    model.subjects.values_mut().for_each(|(enrolled, _)| enrolled.sort_unstable());
    model.hidden = store.hidden().iter().map(|subject| subject.number()).collect();
    model
}

const LIMITS: Adaptation =
    Adaptation { least_score: Score::MIN, least_margin: 0, inertia: 3, least_likeness: Score::MIN };

fn sure(subject: u32) -> Evidence {
    let best = Match { subject: SubjectId::new(subject), score: Score::from_raw(1 << 23) };
    Evidence { best, runner_up: None, false_positive_rate: None }
}

/// Does it to the store: whether that was acknowledged.
pub fn apply<const WORD: usize>(store: &mut TestStore<'_, WORD>, operation: &Operation) -> bool {
    match operation {
        Operation::Enroll(codes) => store.enroll(&templates(codes)).is_ok(),
        Operation::Add(subject, codes) => store.add(SubjectId::new(*subject), &templates(codes)).is_ok(),
        Operation::Adapt(subject, code) => store.adapt(&sure(*subject), &template(*code), &LIMITS).is_ok(),
        Operation::Remove(subject) => store.remove(SubjectId::new(*subject)).is_ok(),
        Operation::Revert(subject) => store.revert(SubjectId::new(*subject)).is_ok(),
        Operation::Hide(subject) => store.hide(SubjectId::new(*subject)).is_ok(),
        Operation::Restore(model) => store.restore(templates_of(model).into_iter()).is_ok(),
    }
}

fn templates_of(model: &Model) -> Vec<(SubjectId, Kind, Template<DIMENSION>)> {
    let mut all = Vec::new();
    for (subject, (enrolled, adapted)) in &model.subjects {
        let subject = SubjectId::new(*subject);
        all.extend(adapted.iter().map(|code| (subject, Kind::Adapted, template(*code))));
        all.extend(enrolled.iter().map(|code| (subject, Kind::Enrolled, template(*code))));
    }
    all
}

/// What the model becomes; `None` when the operation is refused.
fn expected(model: &Model, operation: &Operation, next: u32, adapted: Option<Code>) -> Option<Model> {
    let mut model = model.clone();
    let room =
        CAPACITY - model.subjects.values().map(|(codes, one)| codes.len() + usize::from(one.is_some())).sum::<usize>();
    match operation {
        Operation::Enroll(codes) if codes.len() <= room => {
            model.subjects.insert(next, (codes.clone(), None));
        }
        Operation::Add(subject, codes) if codes.len() <= room => model.subjects.get_mut(subject)?.0.extend(codes),
        Operation::Enroll(_) | Operation::Add(..) => return None,
        Operation::Adapt(subject, _) => {
            let (_, place) = model.subjects.get_mut(subject)?;
            if place.is_none() && room == 0 {
                return None;
            }
            *place = Some(adapted?);
        }
        Operation::Remove(subject) => {
            model.subjects.remove(subject)?;
        }
        Operation::Revert(subject) => model.subjects.get_mut(subject)?.1 = None,
        Operation::Hide(subject) => {
            model.hidden.insert(*subject);
        }
        Operation::Restore(backup) => model.subjects.clone_from(&backup.subjects),
    }
    model.subjects.values_mut().for_each(|(enrolled, _)| enrolled.sort_unstable());
    Some(model)
}

fn draw(random: &mut Random, model: &Model, backup: &Model) -> Operation {
    let known: Vec<u32> = model.subjects.keys().copied().collect();
    let some = |random: &mut Random, most| (0..=random.below(most)).map(|_| random.code()).collect::<Vec<_>>();
    let subject = random.of(&known).unwrap_or(SubjectId::FIRST_ON_DEVICE.number());
    match random.below(20) {
        0..=6 => Operation::Enroll(some(random, 3)),
        7..=8 => Operation::Add(subject, some(random, 2)),
        9..=12 => Operation::Adapt(subject, random.code()),
        13..=16 => Operation::Remove(subject),
        17 => Operation::Revert(subject),
        18 => Operation::Hide(1 + random.below(6) as u32),
        _ => Operation::Restore(backup.clone()),
    }
}

/// A random history of so many operations, cut at every operation of the flash in it, before it, within it, and after it; most
/// cuts are followed by a second one while the store recovers from the first or tries again.
pub fn history<const WORD: usize>(seed: u64, operations: usize) -> Counts {
    let mut random = Random::new(seed);
    let mut counts = Counts { histories: 1, ..Counts::default() };
    let mut flash = new_flash::<WORD>();
    let (mut model, mut backup, mut given) = (Model::default(), Model::default(), 0);
    // Beginning a store is the first of what can be cut.
    counts.add(cuts_of::<WORD>(&mut random, &flash, &model, &model, None));
    for number in 0..operations {
        let before = flash.clone();
        let mut store = open(&mut flash);
        assert_eq!(content(&store), model, "history {seed}, operation {number}");
        let operation = draw(&mut random, &model, &backup);
        let next = store.gallery().next_subject().expect("ids are not used up").number();
        assert!(next > given, "history {seed}, operation {number}: an id is given twice");
        let adapted = adapted_by(&store, &operation);
        let after = expected(&model, &operation, next, adapted);
        let acknowledged = apply(&mut store, &operation);
        assert_eq!(acknowledged, after.is_some(), "history {seed}, operation {number}: {operation:?}");
        let after = after.unwrap_or_else(|| model.clone());
        assert_eq!(content(&store), after, "history {seed}, operation {number}: {operation:?}");
        if matches!(operation, Operation::Enroll(_)) && acknowledged {
            given = next;
        }
        counts.add(cuts_of(&mut random, &before, &model, &after, Some(&operation)));
        model = after;
        if random.below(8) == 0 {
            backup = model.clone();
        }
    }
    counts
}

/// Every cut of one operation, or of opening alone.
fn cuts_of<const WORD: usize>(
    random: &mut Random,
    flash: &Flash<WORD>,
    before: &Model,
    after: &Model,
    operation: Option<&Operation>,
) -> Counts {
    let mut counts = Counts::default();
    let mut uncut = flash.clone();
    run(&mut uncut, operation);
    let (begin, end) = (flash.operations(), uncut.operations());
    for at in begin..end {
        for moment in [Moment::Before, Moment::Within(random.next()), Moment::After] {
            let mut cut = flash.clone();
            cut.cut_at(Cut { operation: at, moment });
            let mut acknowledged = run(&mut cut, operation);
            cut.restart();
            counts.cut_points += 1;
            let retry = operation.filter(|_| !acknowledged && content(&open(&mut cut.clone())) == *before);
            if random.below(2) == 0 {
                // Again, while it recovers or somebody tries again.
                let again = cut.operations() + random.below(end - begin + 4);
                cut.cut_at(Cut { operation: again, moment: Moment::Within(random.next()) });
                acknowledged |= run(&mut cut, retry);
                cut.restart();
                counts.cut_points += 1;
            }
            judge(cut, before, after, acknowledged, &mut counts);
        }
    }
    counts
}

/// Opens the store and does it, on flash that may lose power; whether it was acknowledged.
fn run<const WORD: usize>(flash: &mut Flash<WORD>, operation: Option<&Operation>) -> bool {
    let store = Store::open(flash, area::<WORD>(), gallery());
    store.is_ok_and(|(mut store, _)| operation.is_some_and(|operation| apply(&mut store, operation)))
}

/// Holds what is there after a restart against what was there before and what was to be there, which it has to be if that was
/// acknowledged.
fn judge<const WORD: usize>(
    mut flash: Flash<WORD>,
    before: &Model,
    after: &Model,
    acknowledged: bool,
    counts: &mut Counts,
) {
    let Ok((store, _)) = Store::open(&mut flash, area::<WORD>(), gallery()) else {
        counts.lost += 1;
        return;
    };
    let found = renamed(content(&store), before, after);
    if found != *after && (acknowledged || found != *before) {
        let whole = found.subjects.iter().all(|(subject, templates)| {
            [before, after].iter().any(|model| model.subjects.get(subject) == Some(templates))
        });
        if whole { counts.lost += 1 } else { counts.half += 1 }
    }
}

/// An enrollment that was tried again may have got a later id: then as if it had the first.
fn renamed(mut found: Model, before: &Model, after: &Model) -> Model {
    let new = |model: &Model| model.subjects.keys().find(|id| !before.subjects.contains_key(id)).copied();
    if let (Some(is), Some(was_to_be)) = (new(&found), new(after))
        && is > was_to_be
        && let Some(templates) = found.subjects.remove(&is)
    {
        found.subjects.insert(was_to_be, templates);
    }
    found
}

/// What an adapted template becomes, by a gallery in RAM.
fn adapted_by<const WORD: usize>(store: &TestStore<'_, WORD>, operation: &Operation) -> Option<Code> {
    let Operation::Adapt(subject, code) = operation else { return None };
    let mut gallery = store.gallery().clone();
    gallery.adapt(&sure(*subject), &template(*code), &LIMITS).ok()?;
    let mut adapted = gallery.templates().filter(|(id, kind, _)| id.number() == *subject && *kind == Kind::Adapted);
    adapted.next().map(|(_, _, code)| code)
}
