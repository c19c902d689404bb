//! Embeddings as templates, and one way to enroll and compare them: what draws are made of.

use super::CalibrationError;
use crate::bundle::{Bundle, CohortCodes, Settings, with_search};
use crate::coder::Coder;
use crate::embeddings::Embeddings;
use cognate::bundle::WriteError;
use cognate::kernel::Layout;
use cognate::normalization::Method;
use cognate::policy::{Rate, ThresholdEntry};
use cognate::{BundleView, Fusion, Score, Space};

/// The templates of embeddings, and how subjects are compared.
#[derive(Clone, Debug)]
pub struct Coded {
    /// What made the codes.
    pub coder: Coder,
    /// One an embedding.
    pub codes: Vec<Vec<i8>>,
    /// How a subject's templates are fused.
    pub fusion: Fusion,
    /// What scores are normalized against.
    pub cohort: Option<CohortCodes>,
}

impl Coded {
    /// The templates of embeddings.
    ///
    /// # Errors
    /// [`CalibrationError::Embeddings`] when one of them has no template, and [`CalibrationError::Cohort`].
    pub fn new(
        coder: Coder,
        embeddings: &Embeddings,
        fusion: Fusion,
        cohort: Option<(Method, &Embeddings)>,
    ) -> Result<Self, CalibrationError> {
        let codes = coder.codes(embeddings)?;
        let cohort = match cohort {
            Some((method, members)) => Some(CohortCodes { method, codes: members_of(&coder, members)? }),
            None => None,
        };
        Ok(Self { coder, codes, fusion, cohort })
    }

    /// A score that none is above.
    #[must_use]
    pub const fn greatest_score(&self) -> Score {
        match (&self.cohort, self.coder.space().form.is_cosine()) {
            (Some(_), _) => Score::from_raw(i32::MAX),
            (None, true) => Score::MAX,
            (None, false) => Score::from_squared_distance(0),
        }
    }

    /// A score that none is below.
    #[must_use]
    pub const fn least_score(&self) -> Score {
        match (&self.cohort, self.coder.space().form.is_cosine()) {
            (None, true) => Score::MIN,
            _ => Score::from_raw(i32::MIN),
        }
    }

    /// Enrolls subjects by these rows, and hands the scores of each probe's row, one a subject, to `visit`: computed as a
    /// device with this gallery does.
    ///
    /// # Errors
    /// [`CalibrationError::Enroll`] or [`CalibrationError::Bundle`] when the rows make no gallery.
    pub fn compare(
        &self,
        enrolled: &[&[usize]],
        probes: &[usize],
        mut visit: impl FnMut(usize, &[Score]),
    ) -> Result<(), CalibrationError> {
        let mut bundle = Bundle::new(self.settings());
        for (subject, rows) in enrolled.iter().enumerate() {
            let codes = rows.iter().map(|&row| self.codes[row].clone()).collect();
            bundle.enroll_any(&subject.to_string(), codes)?;
        }
        let bytes = bundle.to_bytes()?;
        let view = BundleView::new_checked(&bytes).map_err(WriteError::Contents)?;
        with_search(&view, |search| {
            let mut scores = Vec::with_capacity(enrolled.len());
            for &probe in probes {
                scores.clear();
                search.scores(&self.coder.template(&self.codes[probe]), |candidate| scores.push(candidate.score))?;
                visit(probe, &scores);
            }
            Ok(())
        })
    }

    /// What a bundle needs that is not looked at here.
    fn settings(&self) -> Settings {
        let entry =
            ThresholdEntry { fmr: Rate::ALL, threshold: Score::MIN, comparisons: 1, fmr_upper_bound: Rate::ALL };
        Settings {
            coder: self.coder.clone(),
            dimension: self.codes.first().map_or(1, Vec::len),
            layout: Layout::Rows,
            filter: false,
            thresholds: vec![entry],
            operating_point: 0,
            fpir: Rate::ALL,
            margin: 0,
            fusion: self.fusion,
            calibrated_templates: 1,
            cohort: self.cohort.clone(),
            encoder: None,
        }
    }

    /// The space of the templates.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.coder.space()
    }
}

/// The members of a cohort: the centroid of each subject's samples, and every sample that has no subject.
fn members_of(coder: &Coder, embeddings: &Embeddings) -> Result<Vec<Vec<i8>>, CalibrationError> {
    let codes = coder.codes(embeddings)?;
    let labels = embeddings.labels();
    let centroid = |(_, rows): (&str, Vec<usize>)| {
        let samples: Vec<Vec<i8>> = rows.iter().map(|&row| codes[row].clone()).collect();
        coder.centroid(&samples)
    };
    let mut members: Vec<Vec<i8>> = labels.by_subject().into_iter().filter_map(centroid).collect();
    let unlabeled = labels.rows.iter().zip(&codes).filter(|(label, _)| label.subject.is_empty());
    members.extend(unlabeled.map(|(_, code)| code.clone()));
    let found = members.len();
    if (2..=cognate::normalization::MAX_COHORT).contains(&found) {
        Ok(members)
    } else {
        Err(CalibrationError::Cohort { found })
    }
}
