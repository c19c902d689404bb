//! Embeddings as the device holds them: int8 templates of any dimension.

use crate::embeddings::{Embeddings, EmbeddingsProblem};
use cognate::{MAX_DIMENSION, ModelDigest, Score, TemplateRef, similarity, template};

/// The codes of templates of one model, side by side.
#[derive(Clone, PartialEq, Debug)]
pub struct TemplateSet {
    codes: Vec<i8>,
    dimension: usize,
    model: ModelDigest,
}

impl TemplateSet {
    /// The templates of embeddings that `model` made, by the core's own rounding.
    ///
    /// # Errors
    /// [`EmbeddingsProblem::TooLong`] when the dimension is beyond what templates can have.
    pub fn new(embeddings: &Embeddings, model: ModelDigest) -> Result<Self, EmbeddingsProblem> {
        let dimension = embeddings.dimension();
        if dimension > MAX_DIMENSION {
            return Err(EmbeddingsProblem::TooLong { found: dimension });
        }
        let mut codes = vec![0; dimension * embeddings.len()];
        for (row, code) in embeddings.rows().zip(codes.chunks_exact_mut(dimension)) {
            template::quantize(row, code).expect("embeddings are finite, not zero, and of one dimension");
        }
        Ok(Self { codes, dimension, model })
    }

    /// The codes, in order.
    pub fn codes(&self) -> impl ExactSizeIterator<Item = &[i8]> {
        self.codes.chunks_exact(self.dimension)
    }

    /// The templates, in order, with what goes with their codes computed once.
    #[must_use]
    pub fn templates(&self) -> Vec<TemplateRef<'_>> {
        let template = |code| TemplateRef::new(code, self.model).expect("a code that the core made is a template's");
        self.codes().map(template).collect()
    }
}

/// The greatest score of a probe over a subject's templates; `None` when it has none.
///
/// # Panics
/// When the templates are not all of one [`TemplateSet`].
#[must_use]
pub fn best_score(probe: &TemplateRef<'_>, templates: &[TemplateRef<'_>]) -> Option<Score> {
    let score = |template| similarity::cosine(probe, template).expect("templates of one set are of one model");
    templates.iter().map(score).max()
}
