//! Words as templates, and what the device's arithmetic finds among them: the core's query and search, in a gallery that is
//! read in place.

use super::Vectors;
use crate::bundle::{Bundle, EnrollError, Settings};
use crate::coder::Coder;
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use crate::labels::Labels;
use cognate::bundle::WriteError;
use cognate::kernel::Layout;
use cognate::policy::{Rate, ThresholdEntry};
use cognate::{
    BundleError, BundleView, Fusion, MatchError, ModelDigest, QueryError, Scan, Score, Search, Space, SubjectId,
};
use cognate::{query, similarity};

/// The most words that [`DeviceWords::nearest`] gives.
pub const MOST_NEAREST: usize = 64;

/// The templates of words.
pub struct DeviceWords {
    coder: Coder,
    codes: Vec<Vec<i8>>,
    bundle: Vec<u8>,
}

impl DeviceWords {
    /// The full codes of vectors, and a gallery of them in the vectors' order.
    ///
    /// # Errors
    /// [`DeviceProblem`] when there are more elements or more words than a device takes.
    pub fn new(vectors: &Vectors) -> Result<Self, DeviceProblem> {
        let coder = Coder::new(Space::full(ModelDigest::new([0; ModelDigest::BYTES])), None);
        let labels = Labels::unknown("word", vectors.words().len());
        let embeddings = Embeddings::new(vectors.dimension(), vectors.values().to_vec(), labels)?;
        let codes = coder.codes(&embeddings)?;
        let mut gallery = Bundle::new(settings(&coder, vectors.dimension()));
        for (word, code) in vectors.words().iter().zip(&codes) {
            gallery.enroll_any(word, vec![code.clone()])?;
        }
        Ok(Self { coder, codes, bundle: gallery.to_bytes()? })
    }

    /// The gallery, checked once: it is then searched as often as wanted.
    ///
    /// # Errors
    /// [`DeviceProblem::Bundle`] when a device would refuse it.
    pub fn open(&self) -> Result<OpenWords<'_>, DeviceProblem> {
        Ok(OpenWords { words: self, view: BundleView::new_checked(&self.bundle)? })
    }

    /// The cosine of two words.
    ///
    /// # Errors
    /// None in practice: all words are of one space.
    pub fn cosine(&self, a: usize, b: usize) -> Result<Score, DeviceProblem> {
        let [a, b] = [a, b].map(|place| self.coder.template(&self.codes[place]));
        Ok(similarity::cosine(&a, &b)?)
    }
}

/// Words in a gallery that can be searched.
pub struct OpenWords<'a> {
    words: &'a DeviceWords,
    view: BundleView<'a>,
}

impl OpenWords<'_> {
    /// The place of the word that answers "a is to b as c is to what?".
    ///
    /// # Errors
    /// [`DeviceProblem`] when the terms cancel each other out.
    pub fn answer(&self, question: [usize; 3]) -> Result<usize, DeviceProblem> {
        let [a, b, c] = question;
        let code = self.query(&[(b, 1), (a, -1), (c, 1)])?;
        self.search(&code, &question, |search, probe| {
            Ok(search.rank::<1>(probe)?.first().map(|best| place(best.subject)))
        })?
        .ok_or(DeviceProblem::Match(MatchError::EmptyGallery))
    }

    /// The words most alike to a sum of words, without these, and their scores; the most alike first.
    ///
    /// # Errors
    /// [`DeviceProblem`] when the terms cancel each other out.
    pub fn nearest(&self, terms: &[(usize, i16)]) -> Result<Vec<(usize, Score)>, DeviceProblem> {
        let code = self.query(terms)?;
        let without: Vec<usize> = terms.iter().map(|(place, _)| *place).collect();
        self.search(&code, &without, |search, probe| {
            let ranked = search.rank::<MOST_NEAREST>(probe)?;
            Ok(ranked.iter().map(|found| (place(found.subject), found.score)).collect())
        })
    }

    /// The code of a sum of words.
    fn query(&self, terms: &[(usize, i16)]) -> Result<Vec<i8>, DeviceProblem> {
        let DeviceWords { coder, codes, .. } = self.words;
        let template = |&(place, weight): &(usize, i16)| (coder.template(&codes[place]), weight);
        let terms: Vec<_> = terms.iter().map(template).collect();
        let dimension = codes.first().map_or(0, Vec::len);
        let (mut sums, mut code) = (vec![0; dimension], vec![0; dimension]);
        query::combine(&terms, coder.space(), &mut sums, &mut code)?;
        Ok(code)
    }

    fn search<T>(
        &self,
        code: &[i8],
        without: &[usize],
        look: impl FnOnce(&Search<'_>, &cognate::TemplateRef<'_>) -> Result<T, MatchError>,
    ) -> Result<T, DeviceProblem> {
        let gallery = self.view.gallery();
        let galleries: [&dyn Scan; 1] = [&gallery];
        let excluded: Vec<SubjectId> = without.iter().copied().map(subject).collect();
        Ok(look(&Search::new(&galleries).without(&excluded), &self.words.coder.template(code))?)
    }
}

/// The id of the word at a place: they are enrolled in their order.
fn subject(place: usize) -> SubjectId {
    SubjectId::new(u32::try_from(place).unwrap_or(u32::MAX).saturating_add(SubjectId::FIRST.number()))
}

fn place(subject: SubjectId) -> usize {
    (subject.number() - SubjectId::FIRST.number()) as usize
}

/// A gallery to search in: its thresholds decide nothing.
fn settings(coder: &Coder, dimension: usize) -> Settings {
    let entry = ThresholdEntry { fmr: Rate::ALL, threshold: Score::MIN, comparisons: 1, fmr_upper_bound: Rate::ALL };
    Settings {
        coder: coder.clone(),
        dimension,
        layout: Layout::Rows,
        filter: false,
        thresholds: vec![entry],
        operating_point: 0,
        fpir: Rate::ALL,
        margin: 0,
        fusion: Fusion::Maximum,
        calibrated_templates: 1,
        cohort: None,
        encoder: None,
    }
}

/// Why a device finds nothing among words.
#[derive(Debug, thiserror::Error)]
pub enum DeviceProblem {
    /// Vectors that no template can have.
    #[error(transparent)]
    Embeddings(#[from] EmbeddingsProblem),
    /// Too many words.
    #[error(transparent)]
    Enroll(#[from] EnrollError),
    /// Words that make no gallery.
    #[error("the words make no gallery: {0}")]
    Write(#[from] WriteError),
    /// A gallery that a device would refuse.
    #[error("the words make no gallery: {0}")]
    Bundle(#[from] BundleError),
    /// A sum of which nothing is left.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A search that failed.
    #[error(transparent)]
    Match(#[from] MatchError),
}
