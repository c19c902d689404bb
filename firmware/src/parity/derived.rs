//! What is computed from embeddings and templates beside scores: a back end's projections, sums of templates, and scores
//! normalized against a cohort.

use super::embeddings::Embeddings;
use super::{Checksum, MODEL, Random};
use cognate::kernel::{Codes, Layout, Rows};
use cognate::normalization::{Method, StatisticsList, SubjectStatistics, Top};
use cognate::{
    BackEnd, BackEndError, Cohort, Embedding, Fusion, Gallery, Normalization, Query, Scan, Search, Space, SubjectId,
    Template,
};

/// Elements of an embedding.
const IN: usize = 24;
/// Elements of a template, one of each more than a kernel's step.
const D: usize = 17;
/// Members of the cohort.
const MEMBERS: usize = 7;
/// Templates of subjects, two each.
const N: usize = 12;
const ROUNDS: u32 = 500;

/// What one form of code came to. Its `Debug` and its `defmt::Format` are the same text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Derived {
    /// The space of the templates.
    pub form: cognate::CodeForm,
    /// Over the codes that a back end made of embeddings, with a map and without, and why it did not.
    pub projections: Checksum,
    /// Over the codes of sums and differences.
    pub queries: Checksum,
    /// Over the statistics of subjects.
    pub statistics: Checksum,
    /// Over the scores, normalized by each method.
    pub normalized: Checksum,
}

/// Reports both forms of the cosine.
pub fn for_each_form(mut report: impl FnMut(Derived)) {
    report(run(Space::full(MODEL)));
    report(run(Space::norm_limited(MODEL)));
}

fn run(space: Space) -> Derived {
    let mut result = Derived {
        form: space.form,
        projections: Checksum::default(),
        queries: Checksum::default(),
        statistics: Checksum::default(),
        normalized: Checksum::default(),
    };
    let mut random = Random(0x51ed_270b);
    let mean: [[u8; 4]; IN] = core::array::from_fn(|_| (random.next().cast_signed() >> 12).to_le_bytes());
    let map: [[u8; 2]; IN * D] = core::array::from_fn(|_| ((random.next() >> 16) as u16).to_le_bytes());
    let mut embeddings = Embeddings::<IN>::new();
    let mut cohort: [Option<Template<D>>; MEMBERS] = [None; MEMBERS];
    let mut gallery = Gallery::<D, N>::new(space, SubjectId::FIRST);
    let mut before: Option<Template<D>> = None;
    for round in 0..ROUNDS {
        let Ok(embedding) = Embedding::new(*embeddings.next(round)) else { continue };
        result.project::<IN>(&BackEnd::new(MODEL, [20, -20], 0, &mean, &[]), &embedding, space);
        let Some(template) = result.project(&BackEnd::new(MODEL, [18, -18], 13, &mean, &map), &embedding, space) else {
            continue;
        };
        if let Some(before) = &before {
            result.query(&template, before, round, space);
            if let Some(place) = cohort.iter_mut().find(|place| place.is_none()) {
                *place = Some(template);
            } else {
                // The first ones stay enrolled; a full gallery refuses the others.
                let _ = gallery.enroll(&[template, *before]);
            }
        }
        if gallery.len() == N && round % 5 == 0 {
            result.normalize(&template, &cohort, &gallery);
        }
        before = Some(template);
    }
    result
}

impl Derived {
    fn project<const OUT: usize>(
        &mut self,
        back_end: &Option<BackEnd<'_>>,
        embedding: &Embedding<IN>,
        space: Space,
    ) -> Option<Template<OUT>> {
        match back_end.as_ref()?.template::<IN, OUT>(embedding, space) {
            Ok(template) => {
                self.projections.add_code(template.code());
                Some(template)
            }
            Err(error) => {
                self.projections.add(if matches!(error, BackEndError::Embedding(_)) { 1 } else { 2 });
                None
            }
        }
    }

    fn query(&mut self, a: &Template<D>, b: &Template<D>, round: u32, space: Space) {
        let weight = (round % 19) as i16 - 9;
        let sum = Query::new(space).weighted(a, weight).and_then(|query| query.minus(b)?.template());
        match sum {
            Ok(sum) => self.queries.add_code(sum.code()),
            Err(_) => self.queries.add(u32::MAX),
        }
    }

    fn normalize(&mut self, probe: &Template<D>, members: &[Option<Template<D>>; MEMBERS], gallery: &Gallery<D, N>) {
        let (mut codes, mut factors) = ([0; D * MEMBERS], [[0; 4]; MEMBERS]);
        for (row, member) in members.iter().flatten().enumerate() {
            Codes::put(Layout::Rows, D, MEMBERS, row, member.code(), &mut codes);
            factors[row] = member.factor().to_le_bytes();
        }
        let rows = Codes::new(Layout::Rows, D, MEMBERS, &codes).and_then(|codes| Rows::new(codes, &factors));
        let Some(cohort) = rows.and_then(|rows| Cohort::new(rows, probe.space())) else { return };
        let top = Top::new(3).map_or(Method::SNorm, Method::AdaptiveSNorm);
        for method in [Method::ZNorm, Method::TNorm, Method::SNorm, top] {
            self.normalize_by(method, probe, cohort, gallery);
        }
    }

    #[inline(never)]
    fn normalize_by(&mut self, method: Method, probe: &Template<D>, cohort: Cohort<'_>, gallery: &Gallery<D, N>) {
        let galleries: [&dyn Scan; 1] = [gallery];
        let mut statistics = StatisticsList::<N>::new();
        for subject in 1..=N as u32 / 2 {
            let subject = SubjectId::new(subject);
            let Some(of) = cohort.of_subject(gallery, subject, Fusion::Maximum, method) else { continue };
            self.statistics.add_signed(of.mean().raw());
            self.statistics.add(of.deviation());
            statistics.set(subject, of);
        }
        let lists: [&dyn SubjectStatistics; 1] = [&statistics];
        let normalization = Normalization::new(cohort, method, &lists);
        let search = Search::new(&galleries).normalized_by(&normalization);
        let scored = search.scores(probe, |of| self.normalized.add_signed(of.score.raw()));
        self.normalized.add(u32::from(scored.is_ok()));
    }
}
