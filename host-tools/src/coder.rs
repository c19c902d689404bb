//! From embeddings to the codes of templates, as the device makes them.

use crate::back_end::FittedBackEnd;
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use cognate::template::{quantize, quantize_integers};
use cognate::{MAX_DIMENSION, Space, TemplateRef, query};

/// The space of templates, and what is done to embeddings before they become some.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coder {
    space: Space,
    back_end: Option<FittedBackEnd>,
}

impl Coder {
    /// Codes embeddings in a space, behind a back end where there is one.
    #[must_use]
    pub const fn new(space: Space, back_end: Option<FittedBackEnd>) -> Self {
        Self { space, back_end }
    }

    /// The space of the templates.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.space
    }

    /// The back end.
    #[must_use]
    pub const fn back_end(&self) -> Option<&FittedBackEnd> {
        self.back_end.as_ref()
    }

    /// Elements of an embedding for templates of this dimension.
    #[must_use]
    pub fn embedding_dimension(&self, dimension: usize) -> usize {
        self.back_end.as_ref().map_or(dimension, |back_end| back_end.view().inputs())
    }

    /// The codes of embeddings, one a row.
    ///
    /// # Errors
    /// [`EmbeddingsProblem`] when the embeddings have another dimension than the back end, or more than templates can have, or
    /// one of them has no code.
    pub fn codes(&self, embeddings: &Embeddings) -> Result<Vec<Vec<i8>>, EmbeddingsProblem> {
        let found = embeddings.dimension();
        if found > MAX_DIMENSION {
            return Err(EmbeddingsProblem::TooLong { found });
        }
        let expected = self.embedding_dimension(found);
        if expected != found {
            return Err(EmbeddingsProblem::Dimension { expected, found });
        }
        let code = |(row, embedding)| {
            self.code(embedding)
                .ok_or_else(|| EmbeddingsProblem::NoCode { row, file: embeddings.labels().rows[row].file.clone() })
        };
        embeddings.rows().enumerate().map(code).collect()
    }

    /// The code of a finite embedding of the right dimension; `None` when nothing is left of it.
    fn code(&self, embedding: &[f32]) -> Option<Vec<i8>> {
        let mut code = vec![0; embedding.len()];
        if let Some(back_end) = &self.back_end {
            let back_end = back_end.view();
            let (mut centered, mut out) = (vec![0; back_end.inputs()], vec![0; back_end.outputs()]);
            back_end.project(embedding, &mut centered, &mut out).ok()?;
            code = vec![0; out.len()];
            quantize_integers(&out, back_end.output_exponent(), self.space.form, &mut code).ok()?;
        } else {
            quantize(embedding, self.space.form, &mut code).ok()?;
        }
        // In a Euclidean space an embedding can be below half a step everywhere.
        TemplateRef::new(&code, self.space).is_ok().then_some(code)
    }

    /// A code as a template.
    ///
    /// # Panics
    /// When it is not one that this made.
    #[must_use]
    pub fn template<'a>(&self, code: &'a [i8]) -> TemplateRef<'a> {
        TemplateRef::new(code, self.space).expect("a code of this space")
    }

    /// The code of the mean of samples; `None` when they cancel each other out, or there are none.
    #[must_use]
    pub fn centroid(&self, codes: &[Vec<i8>]) -> Option<Vec<i8>> {
        let terms: Vec<_> = codes.iter().map(|code| (self.template(code), 1)).collect();
        let dimension = codes.first()?.len();
        let (mut sums, mut code) = (vec![0; dimension], vec![0; dimension]);
        query::combine(&terms, self.space, &mut sums, &mut code).ok()?;
        Some(code)
    }
}
