//! Embeddings and their labels: an `.npy` file of `f32` rows, and the CSV file of the same name beside it; or a table, CSV or
//! Parquet, that has both.

#[cfg(feature = "parquet")]
mod columnar;
mod table;

pub use table::TableProblem;

use crate::file::{self, FileError, Unwritable};
use crate::labels::{Labels, LabelsProblem};
use crate::npy::{self, Array, NpyProblem, Numbers};
use cognate::ModelDigest;
use std::path::{Path, PathBuf};

/// Embeddings that are finite and not zero, with a label for each.
#[derive(Clone, PartialEq, Debug)]
pub struct Embeddings {
    dimension: usize,
    values: Vec<f32>,
    labels: Labels,
}

impl Embeddings {
    /// Embeddings that lie one after the other, each with the label at its place.
    ///
    /// # Errors
    /// [`EmbeddingsProblem`] when a row is not an embedding; the number of labels must be right.
    pub fn new(dimension: usize, values: Vec<f32>, labels: Labels) -> Result<Self, EmbeddingsProblem> {
        assert_eq!(values.len(), dimension * labels.rows.len(), "one label for each embedding");
        let embeddings = Self { dimension, values, labels };
        for (row, embedding) in embeddings.rows().enumerate() {
            if let Some(element) = embedding.iter().position(|value| !value.is_finite()) {
                let file = embeddings.labels.rows[row].file.clone();
                return Err(EmbeddingsProblem::NotFinite { row, element, file });
            }
            if embedding.iter().all(|&value| value == 0.0) {
                return Err(EmbeddingsProblem::Zero { row, file: embeddings.labels.rows[row].file.clone() });
            }
        }
        Ok(embeddings)
    }

    /// Reads embeddings and the labels beside them or, if given, in another file. Without either, their subjects are
    /// unknown. A `.csv` or `.parquet` table has both in itself: see [`TableProblem`] for what makes one.
    ///
    /// # Errors
    /// [`EmbeddingsError`] when the array is not of embeddings, or the labels do not go with it.
    pub fn read(path: &Path, labels: Option<&Path>) -> Result<Self, EmbeddingsError> {
        let is = |kind: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(kind));
        if is("csv") || is("parquet") {
            return Self::read_table(path, labels, is("parquet"));
        }
        let Numbers::F32(Array { shape, values }) = npy::read(path)? else {
            return Err(FileError::new(path, EmbeddingsProblem::Bytes).into());
        };
        let [count, dimension @ 1..=usize::MAX] = *shape else {
            return Err(FileError::new(path, EmbeddingsProblem::Shape { found: shape }).into());
        };
        if count == 0 {
            return Err(FileError::new(path, EmbeddingsProblem::Empty).into());
        }
        let labels = read_labels(path, labels, count)?;
        Self::new(dimension, values, labels).map_err(|problem| FileError::new(path, problem).into())
    }

    fn read_table(path: &Path, labels: Option<&Path>, is_parquet: bool) -> Result<Self, EmbeddingsError> {
        #[cfg(feature = "parquet")]
        let read_parquet = columnar::read;
        #[cfg(not(feature = "parquet"))]
        let read_parquet = |_: &Path| Err(TableProblem::NoParquet);
        let table = if is_parquet { read_parquet(path) } else { table::read_csv(path) };
        let table = table.map_err(|problem| FileError::new(path, problem))?;
        let count = table.labels.rows.len();
        if count == 0 {
            return Err(FileError::new(path, EmbeddingsProblem::Empty).into());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let labels = match labels {
            Some(_) => read_labels(path, labels, count)?,
            None => table.labels.named(&name),
        };
        Self::new(table.dimension, table.values, labels).map_err(|problem| FileError::new(path, problem).into())
    }

    /// Where the labels of a file of embeddings are: `digits.csv` for `digits.npy`.
    #[must_use]
    pub fn labels_path(path: &Path) -> PathBuf {
        path.with_extension("csv")
    }

    /// The two files, to be written together: see [`write_all`].
    #[must_use]
    pub fn to_files(&self, path: &Path) -> [(PathBuf, Vec<u8>); 2] {
        let matrix = npy::matrix_bytes(&self.values, self.dimension);
        [(path.to_owned(), matrix), (Self::labels_path(path), self.labels.to_csv())]
    }

    /// Elements of each embedding.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many embeddings there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.labels.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.labels.rows.is_empty()
    }

    /// The embeddings, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dimension)
    }

    /// The embedding of this row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dimension..][..self.dimension]
    }

    /// Whose they are.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// These rows alone, in the order of `rows`.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Self { dimension: self.dimension, values, labels: self.labels.select(rows) }
    }

    /// Checks that a model made these, where they say what made them.
    ///
    /// # Errors
    /// [`EmbeddingsProblem::Model`], naming the file `path`.
    pub fn require_model(&self, path: &Path, expected: ModelDigest) -> Result<(), FileError<EmbeddingsProblem>> {
        match self.labels.model {
            Some(found) if found != expected => Err(FileError::new(path, EmbeddingsProblem::Model { expected, found })),
            _ => Ok(()),
        }
    }

    /// Checks their dimension.
    ///
    /// # Errors
    /// [`EmbeddingsProblem::Dimension`], naming the file `path`.
    pub fn require_dimension(&self, path: &Path, expected: usize) -> Result<(), FileError<EmbeddingsProblem>> {
        let found = self.dimension;
        if found == expected {
            Ok(())
        } else {
            Err(FileError::new(path, EmbeddingsProblem::Dimension { expected, found }))
        }
    }
}

/// Writes files of embeddings: all of them or, on an error, none.
///
/// # Errors
/// The first file that cannot be written.
pub fn write_all(outputs: &[(PathBuf, Vec<u8>)]) -> Result<(), FileError<Unwritable>> {
    let outputs: Vec<(&Path, &[u8])> = outputs.iter().map(|(path, bytes)| (&**path, &**bytes)).collect();
    file::write_all(&outputs)
}

fn read_labels(path: &Path, labels: Option<&Path>, expected: usize) -> Result<Labels, FileError<LabelsProblem>> {
    let beside = Embeddings::labels_path(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let source = match labels {
        Some(labels) => labels,
        None if beside.exists() => &beside,
        None => return Ok(Labels::unknown(&name, expected)),
    };
    let labels = Labels::read(source)?.named(&name);
    let found = labels.rows.len();
    if found == expected {
        Ok(labels)
    } else {
        Err(FileError::new(source, LabelsProblem::Count { expected, found, of: name.into_owned() }))
    }
}

/// Why there are no embeddings.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingsError {
    /// The array file.
    #[error(transparent)]
    Array(#[from] FileError<NpyProblem>),
    /// The array's contents.
    #[error(transparent)]
    Embeddings(#[from] FileError<EmbeddingsProblem>),
    /// The table.
    #[error(transparent)]
    Table(#[from] FileError<TableProblem>),
    /// The labels.
    #[error(transparent)]
    Labels(#[from] FileError<LabelsProblem>),
}

/// Why an array is not one of embeddings that can be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EmbeddingsProblem {
    /// Bytes, not floats.
    #[error("it holds uint8 where embeddings are float32: encode the samples first with `cognate encode`")]
    Bytes,
    /// Not a matrix.
    #[error("it has shape {found:?} where embeddings have [samples, elements]: save them as a matrix")]
    Shape {
        /// The shape found.
        found: Vec<usize>,
    },
    /// No row.
    #[error("it has no embeddings: encode some samples")]
    Empty,
    /// NaN or infinite.
    #[error(
        "row {row} (counted from 0, {file}) is NaN or infinite at element {element}: check this sample and the model"
    )]
    NotFinite {
        /// The row.
        row: usize,
        /// The first such element.
        element: usize,
        /// The sample's file.
        file: String,
    },
    /// No direction.
    #[error("row {row} (counted from 0, {file}) is zero at every element: check this sample and the model")]
    Zero {
        /// The row.
        row: usize,
        /// The sample's file.
        file: String,
    },
    /// Of another model.
    #[error("the embeddings were made by model {found}, not by {expected}: encode the samples with the model in use")]
    Model {
        /// The model in use.
        expected: ModelDigest,
        /// The model that made them.
        found: ModelDigest,
    },
    /// Of another dimension.
    #[error(
        "the embeddings have {found} elements where {expected} are expected: encode the samples with the model in use"
    )]
    Dimension {
        /// The dimension in use.
        expected: usize,
        /// Theirs.
        found: usize,
    },
    /// Nothing is left of it as a template.
    #[error(
        "row {row} (counted from 0, {file}) has no template: nothing is left of it behind the back end, or on the full \
         scale; check this sample"
    )]
    NoCode {
        /// The row.
        row: usize,
        /// The sample's file.
        file: String,
    },
    /// A column of the labels that is not there.
    #[error("its labels have no column `{asked}`{}: correct the name, or add the column", of_known(.known))]
    NoColumn {
        /// The column asked for.
        asked: String,
        /// The further columns that there are.
        known: String,
    },
    /// Beyond what the device's arithmetic is proved for.
    #[error(
        "the embeddings have {found} elements, and templates at most {}: use a model with a smaller output",
        cognate::MAX_DIMENSION
    )]
    TooLong {
        /// Their dimension.
        found: usize,
    },
}

fn of_known(columns: &str) -> String {
    if columns.is_empty() { ", only file and subject".to_owned() } else { format!(", only {columns}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_an_embedding_is_named_by_row() {
        let make = |values: [f32; 6]| Embeddings::new(2, values.to_vec(), Labels::unknown("x.npy", 3));
        assert!(make([1.0, 0.0, 0.0, 1.0, -1.0, 2.0]).is_ok());
        for (bad, message) in [
            ([1.0, 0.0, 0.0, 1.0, 1.0, f32::NAN], "row 2 (counted from 0, x.npy#2) is NaN or infinite at element 1"),
            (
                [1.0, 0.0, f32::NEG_INFINITY, 1.0, 1.0, 1.0],
                "row 1 (counted from 0, x.npy#1) is NaN or infinite at element 0",
            ),
            ([0.0, -0.0, 0.0, 1.0, 1.0, 1.0], "row 0 (counted from 0, x.npy#0) is zero"),
        ] {
            let error = make(bad).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
