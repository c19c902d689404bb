//! What is compared: embeddings as the encoder gave them, or as the device's templates, on one scale of whole numbers.
//!
//! A cosine in `f32` is rounded to a step of 2⁻²³, the device's own: finer than what the sum of its products is off by, so
//! no order of two scores that means anything is lost, and both paths are counted in the same way. The device's scores are
//! integers to begin with; their dot products are below 2²⁴ and so are exact in `f32`, in whatever order they are summed.

use super::scores::{Cosines, Distances, Templates};
use super::wide;
use crate::coder::Coder;
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use cognate::template::{AsTemplate, MAX_CODE};
use cognate::{CodeForm, Score};
use std::borrow::Cow;
use std::ops::Range;

/// What a score of 1 is, as a raw cosine.
pub const COSINE_ONE: i32 = 1 << Score::FRACTION_BITS;

/// How dot products become scores.
#[derive(Clone, Debug)]
enum Finish {
    /// Rows of unit length: the cosine.
    Cosine,
    /// The squares of the rows' lengths, in steps of the code: minus the squared distance.
    Distance(Vec<f64>),
    /// Codes: the factor of each.
    Device { coder: Coder, factors: Vec<u32> },
}

/// The elements of all rows, one after the other.
#[derive(Clone, Debug)]
enum Elements {
    Floats(Vec<f32>),
    Codes(Vec<i8>),
}

/// Rows to compare, those of a subject together.
#[derive(Clone, Debug)]
pub struct Rows {
    dimension: usize,
    elements: Elements,
    subjects: Vec<u32>,
    origins: Vec<u32>,
    names: Vec<String>,
    finish: Finish,
    form: CodeForm,
}

impl Rows {
    /// The embeddings in floating point, behind the coder's back end where it has one.
    #[must_use]
    pub fn of_embeddings(embeddings: &Embeddings, coder: &Coder) -> Self {
        let form = coder.space().form;
        let step = match form {
            CodeForm::Euclidean(full_scale) => Some(f64::from(full_scale.value()) / f64::from(MAX_CODE)),
            CodeForm::Full | CodeForm::NormLimited => None,
        };
        let row = |row: usize| {
            let projected = match coder.back_end() {
                Some(back_end) => back_end.project_f64(embeddings.row(row)),
                None => embeddings.row(row).iter().map(|&value| f64::from(value)).collect(),
            };
            let length = projected.iter().map(|value| value * value).sum::<f64>().sqrt();
            let by = step.unwrap_or(length);
            projected.into_iter().map(move |value| (value / by) as f32)
        };
        let order = Order::of(embeddings);
        let mut values = Vec::new();
        for &origin in &order.origins {
            let before = values.len();
            values.extend(row(origin as usize));
            if before == 0 {
                values.reserve_exact((order.origins.len() - 1) * values.len());
            }
        }
        let dimension = values.len() / order.origins.len().max(1);
        let square = |row: &[f32]| row.iter().map(|&value| f64::from(value).powi(2)).sum();
        let finish = match step {
            Some(_) => Finish::Distance(values.chunks_exact(dimension).map(square).collect()),
            None => Finish::Cosine,
        };
        order.into_rows(dimension, Elements::Floats(values), finish, form)
    }

    /// The templates that a device makes of the embeddings.
    ///
    /// # Errors
    /// [`EmbeddingsProblem`] when one of them has no template.
    pub fn of_templates(embeddings: &Embeddings, coder: &Coder) -> Result<Self, EmbeddingsProblem> {
        let order = Order::of(embeddings);
        let coded = coder.codes(embeddings)?;
        let dimension = coded.first().map_or(0, Vec::len);
        let codes: Vec<i8> = order.origins.iter().flat_map(|&row| &coded[row as usize]).copied().collect();
        drop(coded);
        let factors = codes.chunks_exact(dimension).map(|code| coder.template(code).factor()).collect();
        let finish = Finish::Device { coder: coder.clone(), factors };
        Ok(order.into_rows(dimension, Elements::Codes(codes), finish, coder.space().form))
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.subjects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// Elements of a row.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// The elements of these rows, one after the other.
    ///
    /// # Panics
    /// When there are not so many rows.
    #[must_use]
    pub fn values(&self, rows: Range<usize>) -> Cow<'_, [f32]> {
        let elements = rows.start * self.dimension..rows.end * self.dimension;
        match &self.elements {
            Elements::Floats(values) => values[elements].into(),
            Elements::Codes(codes) => codes[elements].iter().map(|&element| f32::from(element)).collect(),
        }
    }

    /// The number of each row's subject, ascending.
    #[must_use]
    pub fn subjects(&self) -> &[u32] {
        &self.subjects
    }

    /// The name of each subject.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a row is among the embeddings.
    #[must_use]
    pub fn origin(&self, row: usize) -> usize {
        self.origins[row] as usize
    }

    /// The rows of each subject.
    #[must_use]
    pub fn by_subject(&self) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = vec![0..0; self.names.len()];
        for (row, &subject) in self.subjects.iter().enumerate() {
            let range = &mut ranges[subject as usize];
            if range.end == 0 {
                *range = row..row;
            }
            range.end = row + 1;
        }
        ranges
    }

    /// The form of the codes, or of those that would be made.
    #[must_use]
    pub const fn form(&self) -> CodeForm {
        self.form
    }

    /// The least score that there can be, and the greatest.
    #[must_use]
    pub fn range(&self) -> (i32, i32) {
        if self.form.is_cosine() {
            return (-COSINE_ONE, COSINE_ONE);
        }
        // No two points of a ball are farther apart than its diameter.
        let norm = |row: usize| self.values(row..row + 1).iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        let greatest = (0..self.len()).map(norm).fold(0.0, f64::max);
        let farthest = (4.0 * greatest).min(f64::from(i32::MAX)) as i32;
        (-farthest, 0)
    }

    /// These rows alone; `wanted` is ascending.
    #[must_use]
    pub fn select(&self, wanted: &[usize]) -> Self {
        let elements = match &self.elements {
            Elements::Floats(values) => Elements::Floats(gather(values, self.dimension, wanted)),
            Elements::Codes(codes) => Elements::Codes(gather(codes, self.dimension, wanted)),
        };
        let finish = match &self.finish {
            Finish::Cosine => Finish::Cosine,
            Finish::Distance(norms) => Finish::Distance(gather(norms, 1, wanted)),
            Finish::Device { coder, factors } => {
                Finish::Device { coder: coder.clone(), factors: gather(factors, 1, wanted) }
            }
        };
        Self {
            elements,
            subjects: wanted.iter().map(|&row| self.subjects[row]).collect(),
            origins: wanted.iter().map(|&row| self.origins[row]).collect(),
            names: self.names.clone(),
            finish,
            ..*self
        }
    }

    /// Makes scores of a probe's dot products with the rows of a gallery from `first` on.
    pub(super) fn finish(&self, probe: usize, gallery: &Self, first: usize, dots: &[f32], scores: &mut [i32]) {
        match (&self.finish, &self.elements, &gallery.finish) {
            (Finish::Distance(probes), _, Finish::Distance(norms)) => {
                wide::run(Distances { dots, probe: probes[probe], norms: &norms[first..], scores });
            }
            (Finish::Device { coder, .. }, Elements::Codes(codes), Finish::Device { factors, .. }) => {
                let template = coder.template(&codes[probe * self.dimension..][..self.dimension]);
                let factors = &factors[first..];
                template.with_probe(|probe| wide::run(Templates { dots, probe, factors, scores }));
            }
            _ => wide::run(Cosines { dots, scores }),
        }
    }
}

/// These rows of some of `length` elements each.
fn gather<T: Copy>(values: &[T], length: usize, wanted: &[usize]) -> Vec<T> {
    wanted.iter().flat_map(|&row| &values[row * length..][..length]).copied().collect()
}

/// The order in which rows are compared: by subject, as they first appear, then as they come.
struct Order {
    subjects: Vec<u32>,
    origins: Vec<u32>,
    names: Vec<String>,
}

impl Order {
    fn of(embeddings: &Embeddings) -> Self {
        let by_subject = embeddings.labels().by_subject();
        let mut order = Self { subjects: Vec::new(), origins: Vec::new(), names: Vec::new() };
        for (subject, (name, rows)) in by_subject.into_iter().enumerate() {
            order.names.push(name.to_owned());
            order.subjects.extend(rows.iter().map(|_| subject as u32));
            order.origins.extend(rows.into_iter().map(|row| row as u32));
        }
        order
    }

    fn into_rows(self, dimension: usize, elements: Elements, finish: Finish, form: CodeForm) -> Rows {
        let Self { subjects, origins, names } = self;
        Rows { dimension, elements, subjects, origins, names, finish, form }
    }
}
