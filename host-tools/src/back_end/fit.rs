//! Fitting a back end: mean, PCA, whitening, LDA and WCCN.

use crate::embeddings::Embeddings;
use nalgebra::{DMatrix, DMatrixView, DVector, SymmetricEigen};
use std::fmt;
use std::str::FromStr;

/// Fewer subjects cannot be parted into some to fit on and some to judge on.
pub const LEAST_SUBJECTS: usize = 4;

/// The part of the variance that PCA and whitening keep, unless they are told how many dimensions to.
const VARIANCE_KEPT: f64 = 0.99;

/// How far variances are drawn towards their mean before they are divided by: with few samples the least ones are noise.
const SHRINKAGE: f64 = 0.1;

/// The same for WCCN, which keeps every direction: halfway, by trying on characters of alphabets that it was not fitted on.
const WCCN_SHRINKAGE: f64 = 0.5;

/// The core's fast kernels do so many elements at once: dimensions that are chosen for the user are multiples.
const STEP: usize = cognate::kernel::STEP;

/// What a back end does. A number of dimensions that is not given is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nothing: embeddings are taken as they are.
    None,
    /// Subtracts the mean.
    Mean,
    /// Subtracts the mean and keeps the directions of greatest variance (Pearson 1901).
    Pca(Option<usize>),
    /// The same, with each direction brought to the same variance.
    Whiten(Option<usize>),
    /// Subtracts the mean and keeps the directions that tell subjects apart best (Fisher 1936, Rao 1948), within-subject
    /// variance brought to one.
    Lda(Option<usize>),
    /// Brings within-subject variance towards one in every direction, about zero and not about the mean (within-class covariance
    /// normalization: Hatch, Kajarekar and Stolcke 2006).
    Wccn,
}

impl Kind {
    /// One of each, with the dimensions chosen.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Mean, Self::Pca(None), Self::Whiten(None), Self::Lda(None), Self::Wccn];

    /// Whether it asks whose samples these are.
    #[must_use]
    pub const fn needs_subjects(self) -> bool {
        matches!(self, Self::Lda(_) | Self::Wccn)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, dimensions) = match self {
            Self::None => ("none", None),
            Self::Mean => ("mean", None),
            Self::Pca(dimensions) => ("pca", *dimensions),
            Self::Whiten(dimensions) => ("whiten", *dimensions),
            Self::Lda(dimensions) => ("lda", *dimensions),
            Self::Wccn => ("wccn", None),
        };
        match dimensions {
            Some(dimensions) => write!(f, "{name}:{dimensions}"),
            None => f.write_str(name),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, dimensions) = text.split_once(':').map_or((text, None), |(name, number)| (name, Some(number)));
        let parse = |number: &str| number.parse().ok().filter(|number| *number > 0);
        let dimensions = match dimensions {
            Some(number) => Some(parse(number).ok_or_else(|| format!("`{number}` is not a number of dimensions"))?),
            None => None,
        };
        match (name, dimensions) {
            ("none", None) => Ok(Self::None),
            ("mean", None) => Ok(Self::Mean),
            ("pca", dimensions) => Ok(Self::Pca(dimensions)),
            ("whiten", dimensions) => Ok(Self::Whiten(dimensions)),
            ("lda", dimensions) => Ok(Self::Lda(dimensions)),
            ("wccn", None) => Ok(Self::Wccn),
            _ => Err("a back end is none, mean, wccn, pca, whiten or lda; the last three also with dimensions: pca:32"
                .to_owned()),
        }
    }
}

/// A mean and a linear map.
#[derive(Clone, PartialEq, Debug)]
pub struct Fit {
    /// What is subtracted.
    pub mean: DVector<f64>,
    /// What is multiplied with: a row an output.
    pub map: Option<DMatrix<f64>>,
}

impl Fit {
    /// What becomes of an embedding, computed in `f64`.
    ///
    /// # Panics
    /// When the embedding has another dimension than the mean.
    #[must_use]
    pub fn project(&self, embedding: &[f32]) -> Vec<f32> {
        let centered = DVector::from_iterator(embedding.len(), embedding.iter().map(|&x| f64::from(x))) - &self.mean;
        let projected = self.map.as_ref().map_or(centered.clone(), |map| map * &centered);
        projected.iter().map(|&x| x as f32).collect()
    }
}

/// Fits a back end on rows of embeddings; `subjects` has the rows of each subject. `None` for [`Kind::None`].
///
/// # Errors
/// [`FitError`] when the rows are too few or all the same, or more dimensions are asked for than there are.
pub fn fit(kind: Kind, embeddings: &Embeddings, subjects: &[Vec<usize>]) -> Result<Option<Fit>, FitError> {
    if kind == Kind::None {
        return Ok(None);
    }
    let rows: Vec<usize> = subjects.concat();
    if rows.len() < 2 {
        return Err(FitError::TooFewSamples { found: rows.len() });
    }
    let data = DMatrix::from_fn(rows.len(), embeddings.dimension(), |row, column| {
        f64::from(embeddings.row(rows[row])[column])
    });
    let mean = data.row_mean().transpose();
    let centered = DMatrix::from_fn(data.nrows(), data.ncols(), |row, column| data[(row, column)] - mean[column]);
    if centered.amax() == 0.0 {
        return Err(FitError::Constant);
    }
    let map = match kind {
        Kind::None | Kind::Mean => None,
        Kind::Pca(dimensions) => Some(pca(&centered, dimensions, false)?),
        Kind::Whiten(dimensions) => Some(pca(&centered, dimensions, true)?),
        Kind::Lda(dimensions) => Some(lda(&centered, subjects, dimensions)?),
        Kind::Wccn => Some(normalized(within(&centered, subjects)?, WCCN_SHRINKAGE)?),
    };
    let mean = if kind == Kind::Wccn { DVector::zeros(data.ncols()) } else { mean };
    Ok(Some(Fit { mean, map }))
}

/// Eigenvalues and, one a row, eigenvectors, the greatest first.
fn directions(symmetric: DMatrix<f64>) -> (Vec<f64>, DMatrix<f64>) {
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(symmetric);
    let mut order: Vec<usize> = (0..eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigenvalues[b].total_cmp(&eigenvalues[a]));
    let values = order.iter().map(|&index| eigenvalues[index].max(0.0)).collect();
    let vectors = DMatrix::from_fn(order.len(), order.len(), |row, column| eigenvectors[(column, order[row])]);
    (values, vectors)
}

fn covariance(centered: &DMatrix<f64>) -> DMatrix<f64> {
    centered.transpose() * centered / (centered.nrows() as f64 - 1.0)
}

fn pca(centered: &DMatrix<f64>, dimensions: Option<usize>, whiten: bool) -> Result<DMatrix<f64>, FitError> {
    let (values, vectors) = directions(covariance(centered));
    let available = values.len().min(centered.nrows() - 1);
    let kept = match dimensions {
        Some(asked) if asked > available => return Err(FitError::Dimensions { asked, available }),
        Some(asked) => asked,
        None => enough(&values).min(available),
    };
    let mut map = vectors.rows(0, kept).into_owned();
    if whiten {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        for (mut row, value) in map.row_iter_mut().zip(&values) {
            row /= ((1.0 - SHRINKAGE) * value + SHRINKAGE * mean).sqrt();
        }
    }
    Ok(map)
}

/// How many of the greatest variances make up [`VARIANCE_KEPT`], brought to a multiple of [`STEP`] where there are as many.
fn enough(variances: &[f64]) -> usize {
    let total: f64 = variances.iter().sum();
    let mut kept = 0.0;
    let count = variances.iter().take_while(|&&variance| {
        let more = kept < VARIANCE_KEPT * total;
        kept += variance;
        more
    });
    count.count().next_multiple_of(STEP).min(variances.len())
}

/// The rows of each subject, which lie together in the order of the subjects.
fn blocks<'a>(
    centered: &'a DMatrix<f64>,
    subjects: &'a [Vec<usize>],
) -> impl Iterator<Item = DMatrixView<'a, f64>> + 'a {
    let mut first = 0;
    subjects.iter().map(move |rows| {
        let block = centered.rows(first, rows.len());
        first += rows.len();
        block
    })
}

/// The covariance about the mean of each subject.
fn within(centered: &DMatrix<f64>, subjects: &[Vec<usize>]) -> Result<DMatrix<f64>, FitError> {
    let (columns, samples) = (centered.ncols(), centered.nrows());
    if samples <= subjects.len() {
        return Err(FitError::TooFewSubjects { found: subjects.len() });
    }
    let mut within = DMatrix::zeros(columns, columns);
    for block in blocks(centered, subjects) {
        let mean = block.row_mean();
        let scatter = DMatrix::from_fn(block.nrows(), columns, |row, column| block[(row, column)] - mean[column]);
        within += scatter.transpose() * &scatter;
    }
    Ok(within / (samples - subjects.len()) as f64)
}

/// What brings each direction of a covariance to a variance of one, after it was drawn towards the same in every direction.
fn normalized(covariance: DMatrix<f64>, shrinkage: f64) -> Result<DMatrix<f64>, FitError> {
    let columns = covariance.ncols();
    let spread = covariance.trace() / columns as f64;
    if spread == 0.0 {
        return Err(FitError::Constant);
    }
    let shrunk = covariance * (1.0 - shrinkage) + DMatrix::identity(columns, columns) * (shrinkage * spread);
    let (values, vectors) = directions(shrunk);
    Ok(DMatrix::from_fn(columns, columns, |row, column| vectors[(row, column)] / values[row].sqrt()))
}

fn lda(centered: &DMatrix<f64>, subjects: &[Vec<usize>], dimensions: Option<usize>) -> Result<DMatrix<f64>, FitError> {
    let columns = centered.ncols();
    let available = columns.min(subjects.len().saturating_sub(1));
    if available == 0 {
        return Err(FitError::TooFewSubjects { found: subjects.len() });
    }
    let mut between = DMatrix::zeros(columns, columns);
    for block in blocks(centered, subjects) {
        let mean = block.row_mean();
        between += mean.transpose() * &mean * block.nrows() as f64;
    }
    let whitening = normalized(within(centered, subjects)?, SHRINKAGE)?;
    let (_, directions) = directions(&whitening * between * whitening.transpose());
    let kept = match dimensions {
        Some(asked) if asked > available => return Err(FitError::Dimensions { asked, available }),
        Some(asked) => asked,
        None => available,
    };
    Ok(directions.rows(0, kept) * whitening)
}

/// Why a back end was not fitted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FitError {
    /// One sample, or none.
    #[error("there are {found} samples, and a back end is fitted on many: add samples, or use --back-end none")]
    TooFewSamples {
        /// How many there are.
        found: usize,
    },
    /// Too few subjects, or one sample of each.
    #[error(
        "LDA and WCCN need several samples of several subjects, and there are {found} subjects: add samples, or use another back \
         end"
    )]
    TooFewSubjects {
        /// How many there are.
        found: usize,
    },
    /// Too few to judge on others than those fitted on.
    #[error(
        "there are {found} subjects, and a back end needs at least {LEAST_SUBJECTS}, to be judged on others than it was \
         fitted on: add subjects, or use --back-end none"
    )]
    Unjudgeable {
        /// How many there are.
        found: usize,
    },
    /// Samples that are all the same.
    #[error("the embeddings (or those of each subject) are all the same: nothing can be fitted on them")]
    Constant,
    /// Numbers that no exponent of the device takes.
    #[error("the embeddings are too small or too large for a back end (up to {greatest}): scale the encoder's output")]
    Magnitude {
        /// The greatest magnitude among them, to read.
        greatest: String,
    },
    /// More dimensions than there can be.
    #[error("{asked} dimensions are asked for, and this data gives {available}: ask for fewer, or add samples")]
    Dimensions {
        /// The dimensions asked for.
        asked: usize,
        /// The most that there can be.
        available: usize,
    },
}
