//! The same identification without quantization: the cosine of the encoder's own embeddings.

use crate::embeddings::Embeddings;
use crate::templates::TemplateSet;
use cognate::bundle::Subject;
use cognate::{BundleView, Score, SubjectId};

/// The enrolled embeddings, before they became templates.
///
/// The cosine is computed in `f64`, so that what differs from the device is the templates' rounding alone.
#[derive(Clone, PartialEq, Debug)]
pub struct Reference {
    rows: Vec<(SubjectId, Vec<f64>)>,
}

/// The subject that is most like a probe.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Best {
    /// Its id.
    pub subject: SubjectId,
    /// The greatest cosine to its embeddings.
    pub cosine: f64,
}

impl Reference {
    /// The embeddings of each of the bundle's subjects, found by name.
    ///
    /// # Errors
    /// [`ReferenceProblem`] unless the bundle's templates are just those of these embeddings.
    pub fn new(bundle: &BundleView<'_>, enrolled: &Embeddings) -> Result<Self, ReferenceProblem> {
        let templates = TemplateSet::new(enrolled, bundle.model()).map_err(|_| ReferenceProblem::Dimension)?;
        let codes: Vec<&[i8]> = templates.codes().collect();
        let mut rows = Vec::new();
        for (name, places) in enrolled.labels().by_subject() {
            let unknown = || ReferenceProblem::NotEnrolled { name: name.to_owned() };
            let Subject { id, .. } = bundle.subjects().find(|enrolled| enrolled.name == name).ok_or_else(unknown)?;
            let mut given: Vec<&[i8]> = places.iter().map(|&place| codes[place]).collect();
            let stored = bundle.gallery().templates().filter(|(subject, _)| *subject == id);
            let mut stored: Vec<&[i8]> = stored.map(|(_, template)| template.code()).collect();
            given.sort_unstable();
            stored.sort_unstable();
            if given != stored {
                return Err(ReferenceProblem::OtherSamples { name: name.to_owned() });
            }
            rows.extend(places.iter().map(|&place| (id, unit(enrolled.row(place)))));
        }
        match bundle.subjects().find(|enrolled| rows.iter().all(|(subject, _)| *subject != enrolled.id)) {
            Some(Subject { name, .. }) => Err(ReferenceProblem::Missing { name: name.to_owned() }),
            None => Ok(Self { rows }),
        }
    }

    /// The most alike subject; of equals the one with the lower id, as the core has it.
    pub(super) fn best(&self, probe: &[f32]) -> Best {
        let probe = unit(probe);
        let candidates = self.rows.iter().map(|(subject, row)| {
            let cosine = row.iter().zip(&probe).map(|(a, b)| a * b).sum();
            Best { subject: *subject, cosine }
        });
        let better = |a: Best, b: Best| {
            let b_is_better = b.cosine > a.cosine || (b.cosine == a.cosine && b.subject < a.subject);
            if b_is_better { b } else { a }
        };
        candidates.reduce(better).expect("a bundle with probes has somebody enrolled")
    }
}

/// The value of a score.
pub(super) fn cosine_of(score: Score) -> f64 {
    f64::from(score.to_f32())
}

fn unit(embedding: &[f32]) -> Vec<f64> {
    let length = embedding.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    embedding.iter().map(|&value| f64::from(value) / length).collect()
}

/// Why embeddings are not those that are enrolled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReferenceProblem {
    /// Another number of elements.
    #[error("the embeddings have another dimension than the bundle: give those that were enrolled")]
    Dimension,
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
