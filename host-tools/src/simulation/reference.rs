//! The same identification without quantization: on the encoder's own embeddings.

use super::Verdict;
use crate::coder::Coder;
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use cognate::bundle::Subject;
use cognate::template::MAX_CODE;
use cognate::{BundleView, CodeForm, Fusion, Policy, Score, SubjectId};
use std::collections::BTreeMap;

/// The enrolled embeddings, before they became templates.
///
/// Everything is computed in `f64`, so that what differs from the device is the templates' rounding alone.
#[derive(Clone, Debug)]
pub struct Reference {
    coder: Coder,
    fusion: Fusion,
    subjects: BTreeMap<SubjectId, Vec<Vec<f64>>>,
}

impl Reference {
    /// The embeddings of each of the bundle's subjects, found by name. `coder` is the bundle's.
    ///
    /// # Errors
    /// [`ReferenceProblem`] unless the bundle's templates are just those of these embeddings.
    pub fn new(bundle: &BundleView<'_>, coder: &Coder, enrolled: &Embeddings) -> Result<Self, ReferenceProblem> {
        if bundle.cohort().is_some() {
            return Err(ReferenceProblem::Normalized);
        }
        let codes = coder.codes(enrolled)?;
        let fusion = bundle.thresholds().calibration().fusion;
        let mut subjects = BTreeMap::new();
        for (name, places) in enrolled.labels().by_subject() {
            let unknown = || ReferenceProblem::NotEnrolled { name: name.to_owned() };
            let Subject { id, .. } = bundle.subjects().find(|enrolled| enrolled.name == name).ok_or_else(unknown)?;
            let given: Vec<Vec<i8>> = places.iter().map(|&place| codes[place].clone()).collect();
            let mut given =
                if fusion == Fusion::Centroid { coder.centroid(&given).into_iter().collect() } else { given };
            let stored = bundle.gallery().templates().filter(|(subject, _)| *subject == id);
            let mut stored: Vec<Vec<i8>> = stored.map(|(_, code)| code.collect()).collect();
            given.sort_unstable();
            stored.sort_unstable();
            if given != stored {
                return Err(ReferenceProblem::OtherSamples { name: name.to_owned() });
            }
            let samples = places.iter().map(|&place| sample_of(coder, enrolled.row(place)));
            let samples: Vec<Vec<f64>> = samples.collect();
            subjects.insert(id, if fusion == Fusion::Centroid { vec![mean(coder, &samples)] } else { samples });
        }
        match bundle.subjects().find(|enrolled| !subjects.contains_key(&enrolled.id)) {
            Some(Subject { name, .. }) => Err(ReferenceProblem::Missing { name: name.to_owned() }),
            None => Ok(Self { coder: coder.clone(), fusion, subjects }),
        }
    }

    /// The decision and the most alike subject; of equals the one with the lower id, as the core has it.
    pub(super) fn decide(&self, probe: &[f32], policy: &Policy<'_>) -> (Verdict, SubjectId) {
        let probe = sample_of(&self.coder, probe);
        let score = |(id, samples): (&SubjectId, &Vec<Vec<f64>>)| (*id, self.fused(&probe, samples));
        let mut scores: Vec<(SubjectId, f64)> = self.subjects.iter().map(score).collect();
        // Stable: of equals the lower id stays first.
        scores.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (subject, best) = *scores.first().expect("a bundle with probes has somebody enrolled");
        let unit = if self.is_cosine() { f64::from(1 << Score::FRACTION_BITS) } else { 1.0 };
        let margin = f64::from(policy.margin()) / unit;
        let verdict = if best < f64::from(policy.threshold().raw()) / unit {
            Verdict::Unknown
        } else if scores.get(1).is_some_and(|(_, runner_up)| best - runner_up < margin) {
            Verdict::Ambiguous
        } else {
            Verdict::Known
        };
        (verdict, subject)
    }

    fn is_cosine(&self) -> bool {
        self.coder.space().form.is_cosine()
    }

    fn fused(&self, probe: &[f64], samples: &[Vec<f64>]) -> f64 {
        let score = |sample: &Vec<f64>| {
            let pairs = probe.iter().zip(sample);
            if self.is_cosine() {
                pairs.map(|(a, b)| a * b).sum::<f64>()
            } else {
                -pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>()
            }
        };
        let mut scores: Vec<f64> = samples.iter().map(score).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let count = match self.fusion {
            Fusion::Maximum | Fusion::Centroid => 1,
            Fusion::MeanOfBest(best) => best.get().min(scores.len()),
        };
        scores[..count].iter().sum::<f64>() / count as f64
    }
}

/// An embedding behind the back end: of unit length, or in steps of the code where distances are measured.
fn sample_of(coder: &Coder, embedding: &[f32]) -> Vec<f64> {
    let projected = match coder.back_end() {
        Some(back_end) => back_end.project_f64(embedding),
        None => embedding.iter().map(|&value| f64::from(value)).collect(),
    };
    match coder.space().form {
        CodeForm::Full | CodeForm::NormLimited => unit(projected),
        CodeForm::Euclidean(full_scale) => {
            let step = f64::from(full_scale.value()) / f64::from(MAX_CODE);
            projected.into_iter().map(|value| value / step).collect()
        }
    }
}

/// The mean of samples, of unit length for the cosine.
fn mean(coder: &Coder, samples: &[Vec<f64>]) -> Vec<f64> {
    let dimension = samples.first().map_or(0, Vec::len);
    let mean = |index: usize| samples.iter().map(|sample| sample[index]).sum::<f64>() / samples.len() as f64;
    let mean: Vec<f64> = (0..dimension).map(mean).collect();
    if coder.space().form.is_cosine() { unit(mean) } else { mean }
}

fn unit(values: Vec<f64>) -> Vec<f64> {
    let length = values.iter().map(|value| value.powi(2)).sum::<f64>().sqrt();
    values.into_iter().map(|value| value / length).collect()
}

/// Why embeddings are not those that are enrolled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReferenceProblem {
    /// They make no templates of the bundle.
    #[error(transparent)]
    Embeddings(#[from] EmbeddingsProblem),
    /// Scores that depend on more than the embeddings.
    #[error(
        "the bundle's scores are normalized against a cohort, whose embeddings it does not hold: leave --enrolled out"
    )]
    Normalized,
    /// A subject that the bundle does not have.
    #[error("it has embeddings of `{name}`, who is not enrolled in the bundle: give those that were enrolled")]
    NotEnrolled {
        /// The subject's name.
        name: String,
    },
    /// A subject that only the bundle has.
    #[error("it has no embeddings of `{name}`, who is enrolled in the bundle: give those that were enrolled")]
    Missing {
        /// The subject's name.
        name: String,
    },
    /// Embeddings that make other templates.
    #[error("its embeddings of `{name}` are not those that are enrolled in the bundle: give those that were enrolled")]
    OtherSamples {
        /// The subject's name.
        name: String,
    },
}
