//! From embeddings to decisions, in every form of code.

use super::embeddings::Embeddings;
use super::{Checksum, GREATEST_NEEDS, MODEL};
use cognate::gallery::Best;
use cognate::policy::{Calibration, Rate, ThresholdEntry, ThresholdTable};
use cognate::{
    AsTemplate, CodeForm, Decision, Embedding, EmbeddingError, FullScale, Fusion, Gallery, Match, Policy, Scan, Score,
    Search, Space, SubjectId, Template, similarity,
};

/// Embeddings tried for each dimension and form but in the greatest.
const ROUNDS: u32 = 1000;
/// In the greatest, which would take as long as all others together.
const FEW_ROUNDS: u32 = 200;

/// Templates that each probe is compared with, two a subject.
const GALLERY: usize = 12;
/// In the greatest dimension: a kilobyte each.
const SMALL_GALLERY: usize = 6;

/// The forms, with two scales of the Euclidean distance: one that whole numbers are ties on, and a subnormal number.
const FORMS: [CodeForm; 4] =
    [CodeForm::Full, CodeForm::NormLimited, euclidean(254.0f32.to_bits()), euclidean(1e-40f32.to_bits())];

const fn euclidean(full_scale: u32) -> CodeForm {
    match FullScale::from_bits(full_scale) {
        Some(full_scale) => CodeForm::Euclidean(full_scale),
        None => panic!("both are above zero"),
    }
}

/// What one dimension and form came to. Its `Debug` and its `defmt::Format` are the same text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Recognition {
    /// Elements of the embeddings.
    pub dimension: usize,
    /// The form of the codes.
    pub form: CodeForm,
    /// How often everything happened.
    pub counts: Counts,
    /// What everything came to.
    pub sums: Sums,
}

/// How often each outcome occurred.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counts {
    /// Embeddings that were refused: not finite, or zero.
    pub refused: u32,
    /// Searches that knew the probe.
    pub known: u32,
    /// Searches that found more than one subject like it.
    pub ambiguous: u32,
    /// Searches that found none.
    pub unknown: u32,
    /// Claims that were accepted.
    pub accepted: u32,
    /// Claims that were not.
    pub rejected: u32,
    /// Claims to be a subject that is not enrolled.
    pub nobody: u32,
}

/// A checksum over each kind of result.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sums {
    /// Over which embeddings were refused, and why.
    pub errors: Checksum,
    /// Over the int8 codes, and how many elements of each were clipped.
    pub codes: Checksum,
    /// Over what goes with each code.
    pub factors: Checksum,
    /// Over the scores of each template and the one before it.
    pub scores: Checksum,
    /// Over the verdicts, subjects, scores and rates of each search.
    pub decisions: Checksum,
    /// Over the verdicts, scores and rates of each claim.
    pub claims: Checksum,
}

/// Reports every dimension and form: the least, odd ones, whole and broken words, what encoders have, and the greatest if
/// the board's RAM has room for it.
pub fn for_each_dimension(ram_bytes: usize, mut report: impl FnMut(Recognition)) {
    for form in FORMS {
        report(run::<1, GALLERY>(form, ROUNDS));
        report(run::<3, GALLERY>(form, ROUNDS));
        report(run::<16, GALLERY>(form, ROUNDS));
        report(run::<64, GALLERY>(form, ROUNDS));
        report(run::<100, GALLERY>(form, ROUNDS));
        report(run::<128, GALLERY>(form, ROUNDS));
        if ram_bytes >= GREATEST_NEEDS {
            report(run::<{ cognate::MAX_DIMENSION }, SMALL_GALLERY>(form, FEW_ROUNDS));
        }
    }
}

/// A function of its own in the binary: the dimensions must not have their places on the stack all at once.
#[inline(never)]
fn run<const D: usize, const N: usize>(form: CodeForm, rounds: u32) -> Recognition {
    let space = Space { model: MODEL, form };
    let mut embeddings = Embeddings::<D>::new();
    let mut gallery = Gallery::<D, N>::new(space, SubjectId::FIRST);
    let mut result = Recognition { dimension: D, form, counts: Counts::default(), sums: Sums::default() };
    let thresholds = thresholds(D, form).map(ThresholdEntry::to_bytes);
    let mut before: Option<Template<D>> = None;
    for round in 0..rounds {
        let template = match Embedding::new(*embeddings.next(round)) {
            Ok(embedding) => Template::new(&embedding, space),
            Err(error) => {
                result.refuse(round, &error);
                continue;
            }
        };
        result.sums.add_template(&template);
        result.decide(&gallery, &template, &thresholds);
        result.claim(&gallery, &template, &thresholds, round);
        if let Some(before) = &before {
            let score = similarity::score(&template, before);
            // An error would be the same on both sides, and still differ from what the tests expect.
            result.sums.scores.add_signed(score.map_or(i32::MIN, Score::raw));
            // The first ones stay enrolled; a full gallery refuses the others. The template before is then one of two
            // subjects, so that one of these is known and one ambiguous, whatever the scores are like.
            if gallery.enroll(&[template, *before]).is_ok() {
                result.decide(&gallery, &template, &thresholds);
                result.decide(&gallery, before, &thresholds);
            }
        }
        before = Some(template);
    }
    result
}

/// Scores of embeddings that have nothing in common scatter around nothing by about 1 / √D, and their distances around
/// something that grows with the dimension: near such a threshold there are both verdicts.
fn thresholds(dimension: usize, form: CodeForm) -> [ThresholdEntry; 3] {
    let middle = if form.is_cosine() {
        Score::from_ratio(1, dimension.isqrt() as u32 + 1)
    } else {
        Score::from_squared_distance(dimension as u32 * 12_000)
    };
    let apart = (middle.raw() / 2).abs();
    let entry = |parts, threshold| {
        let rate = Rate::from_parts_per_billion(parts).unwrap_or(Rate::ALL);
        ThresholdEntry { fmr: rate, threshold: Score::from_raw(threshold), comparisons: 1000, fmr_upper_bound: rate }
    };
    [entry(300_000_000, middle.raw() - apart), entry(70_000_000, middle.raw()), entry(10_000, middle.raw() + apart)]
}

/// The table with another fusion.
fn table(entries: &[[u8; ThresholdEntry::BYTES]], fusion: Fusion) -> Option<ThresholdTable<'_>> {
    ThresholdTable::new(entries, Calibration { fusion, templates: 2, normalization: None })
}

/// The rate that identification is to hold: at first the least strict threshold does, later the others.
const FPIR: Option<Rate> = Rate::from_parts_per_billion(310_000_000);

impl Recognition {
    fn refuse(&mut self, round: u32, error: &EmbeddingError) {
        self.counts.refused += 1;
        self.sums.errors.add(round);
        self.sums.errors.add(match error {
            EmbeddingError::NotFinite { index } => *index as u32,
            EmbeddingError::Zero => u32::MAX,
            _ => u32::MAX - 1,
        });
    }

    fn decide(&mut self, gallery: &dyn Scan, probe: &impl AsTemplate, thresholds: &[[u8; ThresholdEntry::BYTES]]) {
        let galleries = [gallery];
        let search = Search::new(&galleries);
        let policy = table(thresholds, Fusion::Maximum)
            .zip(FPIR)
            .and_then(|(table, fpir)| Policy::identification(table, fpir, &search).ok());
        let policy = policy.map(|policy| policy.with_margin(policy.threshold().raw().unsigned_abs() / 8));
        let Some(decision) = policy.and_then(|policy| search.identify(probe, &policy).ok()) else {
            return self.sums.decisions.add(0);
        };
        let (count, word) = match decision {
            Decision::Known(_) => (&mut self.counts.known, 1),
            Decision::Ambiguous(_) => (&mut self.counts.ambiguous, 2),
            Decision::Unknown(_) => (&mut self.counts.unknown, 3),
        };
        *count += 1;
        self.sums.decisions.add(word);
        let Some(evidence) = decision.evidence() else { return };
        for Match { subject, score } in core::iter::once(evidence.best).chain(evidence.runner_up) {
            self.sums.decisions.add(subject.number());
            self.sums.decisions.add_signed(score.raw());
        }
        self.sums.decisions.add(evidence.false_positive_rate.map_or(u32::MAX, Rate::parts_per_billion));
    }

    /// The claim goes through all subjects, and one number more that is nobody's. Scores are fused by the mean here.
    #[inline(never)]
    fn claim<const D: usize, const N: usize>(
        &mut self,
        gallery: &Gallery<D, N>,
        probe: &Template<D>,
        thresholds: &[[u8; ThresholdEntry::BYTES]],
        round: u32,
    ) {
        let claimed = SubjectId::new(1 + round % (N as u32 / 2 + 1));
        let galleries: [&dyn Scan; 1] = [gallery];
        let fusion = Best::new(2).map_or(Fusion::Maximum, Fusion::MeanOfBest);
        let policy = table(thresholds, fusion).and_then(|table| Policy::verification(table, Rate::ALL).ok());
        let verification = policy.and_then(|policy| {
            let search = Search::new(&galleries).fused_by(fusion);
            search.verify(probe, claimed, &policy).ok()
        });
        let Some(verification) = verification else {
            self.counts.nobody += 1;
            return self.sums.claims.add(0);
        };
        let accepted = verification.accepted;
        *if accepted { &mut self.counts.accepted } else { &mut self.counts.rejected } += 1;
        self.sums.claims.add(u32::from(accepted));
        self.sums.claims.add_signed(verification.score.raw());
        self.sums.claims.add(verification.false_match_rate.map_or(u32::MAX, Rate::parts_per_billion));
    }
}

impl Sums {
    fn add_template<const D: usize>(&mut self, template: &Template<D>) {
        self.codes.add_code(template.code());
        self.codes.add(template.as_ref().clipped() as u32);
        self.factors.add(template.factor());
    }
}
