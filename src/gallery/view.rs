//! A bundle's gallery, read in place.

use super::{Scan, SubjectId, Subjects};
use crate::{ModelDigest, Score, TemplateRef, similarity};

/// The gallery of a [`BundleView`](crate::BundleView): templates in flash, checked once, never copied.
#[derive(Clone, Copy, Debug)]
pub struct GalleryView<'a> {
    rows: &'a [[u8; GalleryView::ROW_BYTES]],
    codes: &'a [i8],
    dimension: usize,
    model: ModelDigest,
}

impl<'a> GalleryView<'a> {
    /// Bytes of a row: its subject's id and its inverse norm, both 32 bits and little-endian.
    pub(crate) const ROW_BYTES: usize = 8;

    /// Bytes of a code of this dimension in a bundle: rows begin at multiples of four, so that words can be loaded.
    pub(crate) const fn stride(dimension: usize) -> usize {
        dimension.next_multiple_of(4)
    }

    /// The rows and, one a row, their codes of [`GalleryView::stride`] bytes.
    pub(crate) const fn new(
        rows: &'a [[u8; GalleryView::ROW_BYTES]],
        codes: &'a [i8],
        dimension: usize,
        model: ModelDigest,
    ) -> Self {
        Self { rows, codes, dimension, model }
    }

    /// Templates held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nobody is enrolled.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of flash that one template takes.
    #[must_use]
    pub const fn template_bytes(&self) -> usize {
        Self::stride(self.dimension) + Self::ROW_BYTES
    }

    /// The subject and the template of each row, by ascending subject.
    pub fn templates(&self) -> impl Iterator<Item = (SubjectId, TemplateRef<'a>)> + use<'a> {
        let Self { rows, mut codes, dimension, model } = *self;
        rows.iter().map_while(move |row| {
            let (code, rest) = codes.split_at_checked(Self::stride(dimension))?;
            codes = rest;
            let (subject, inverse_norm) = parse_row(row);
            Some((subject, TemplateRef::from_checked(code.get(..dimension)?, inverse_norm, model)))
        })
    }
}

/// The subject and the inverse norm of a row.
pub(crate) const fn parse_row(row: &[u8; GalleryView::ROW_BYTES]) -> (SubjectId, u32) {
    let [s0, s1, s2, s3, n0, n1, n2, n3] = *row;
    (SubjectId::new(u32::from_le_bytes([s0, s1, s2, s3])), u32::from_le_bytes([n0, n1, n2, n3]))
}

impl Scan for GalleryView<'_> {
    fn model(&self) -> ModelDigest {
        self.model
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn scan(&self, probe: &TemplateRef<'_>, subjects: Subjects, visit: &mut dyn FnMut(SubjectId, Score)) {
        for (subject, template) in self.templates().filter(|(subject, _)| subjects.contains(*subject)) {
            visit(subject, similarity::score(probe, &template));
        }
    }
}
