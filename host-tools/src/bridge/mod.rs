//! A bridge from one model's templates to another's, so that a new model does not mean to enroll everybody again.
//!
//! Both models have encoded the same samples. On one half of the subjects a linear map is fitted, by ridge regression (Hoerl
//! and Kennard, 1970), from the old templates to the new ones, both at unit length. The other half is then enrolled by its old
//! templates, converted, and compared with its new ones, by the core and as the new bundle decides: what that gives is what
//! the bridge is judged by.

pub mod backup;

use crate::bundle::{Bundle, Enrolled, Settings, with_search};
use crate::calibration::upper_bound;
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use crate::thresholds::fraction;
use cognate::bundle::WriteError;
use cognate::policy::Rate;
use cognate::template::quantize;
use cognate::{BundleView, MatchError, Score, Space, TemplateRef};
use nalgebra::DMatrix;

/// Fewer subjects cannot be parted into some to fit on and some to judge on, with impostors among them.
pub const LEAST_SUBJECTS: usize = 4;

/// What is added to the variance of each direction, as a part of the mean one: with few samples the least ones are noise.
const RIDGE: f64 = 0.02;

/// The samples of both models: row by row the same.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// As the old model encoded them.
    pub old: &'a Embeddings,
    /// As the new one did.
    pub new: &'a Embeddings,
}

/// What a bridge may do at most to be used.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limits {
    /// The false match rate that it must keep to with 95 % confidence.
    pub fmr: Rate,
    /// The false non-match rate.
    pub fnmr: f64,
}

/// A map from old templates to new ones.
#[derive(Clone, PartialEq, Debug)]
pub struct Bridge {
    map: DMatrix<f64>,
    space: Space,
}

/// What happens across a bridge, on subjects that it was not fitted on, at the new bundle's threshold for verification.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Measured {
    /// Subjects that it was fitted on.
    pub fitted_subjects: usize,
    /// Subjects that it was judged on.
    pub judged_subjects: usize,
    /// Comparisons of a probe with another subject.
    pub impostors: usize,
    /// How many of these were accepted.
    pub false_matches: usize,
    /// The upper end of the one-sided 95 % confidence interval of the false match rate.
    pub fmr_upper_bound: f64,
    /// Comparisons of a probe with its own subject.
    pub genuine: usize,
    /// How many of these were not accepted.
    pub false_non_matches: usize,
    /// The same, if the subjects are enrolled by the new model: what enrolling again would give.
    pub false_non_matches_enrolled_again: usize,
}

impl Measured {
    /// The false match rate.
    #[must_use]
    pub fn fmr(&self) -> f64 {
        self.false_matches as f64 / self.impostors.max(1) as f64
    }

    /// The false non-match rate.
    #[must_use]
    pub fn fnmr(&self) -> f64 {
        self.false_non_matches as f64 / self.genuine.max(1) as f64
    }

    /// Whether it may be used.
    ///
    /// # Errors
    /// [`BridgeError::Matches`] and [`BridgeError::NonMatches`].
    pub fn require(&self, limits: &Limits) -> Result<(), BridgeError> {
        if self.fmr_upper_bound > fraction(limits.fmr) {
            return Err(BridgeError::Matches { measured: *self, most: limits.fmr });
        }
        if self.fnmr() > limits.fnmr {
            return Err(BridgeError::NonMatches { measured: *self, most: limits.fnmr });
        }
        Ok(())
    }
}

/// Fits a bridge between the templates of two bundles, and measures it.
///
/// # Errors
/// [`BridgeError`]; nothing is said of whether it may be used, which [`Measured::require`] does.
pub fn fit(old: &Settings, new: &Settings, pairs: &Pairs<'_>, seed: u64) -> Result<(Bridge, Measured), BridgeError> {
    if !old.coder.space().form.is_cosine() || !new.coder.space().form.is_cosine() {
        return Err(BridgeError::Euclidean);
    }
    let labels = pairs.old.labels();
    let same = |(a, b): (&crate::labels::Label, &crate::labels::Label)| a.subject == b.subject && a.file == b.file;
    if pairs.old.len() != pairs.new.len() || !labels.rows.iter().zip(&pairs.new.labels().rows).all(same) {
        return Err(BridgeError::OtherSamples);
    }
    let (old_codes, new_codes) = (codes(old, pairs.old)?, codes(new, pairs.new)?);
    let mut subjects: Vec<Vec<usize>> = labels.by_subject().into_iter().map(|(_, rows)| rows).collect();
    if subjects.len() < LEAST_SUBJECTS {
        return Err(BridgeError::TooFewSubjects { found: subjects.len() });
    }
    fastrand::Rng::with_seed(seed).shuffle(&mut subjects);
    let (fitted, judged) = subjects.split_at(subjects.len() / 2);
    let rows: Vec<usize> = fitted.iter().flatten().copied().collect();
    let map = ridge(&matrix(&old_codes, &rows), &matrix(&new_codes, &rows)).ok_or(BridgeError::Singular)?;
    let bridge = Bridge { map, space: new.coder.space() };
    let enrolled_by = usize::from(new.calibrated_templates);
    let converted: Vec<Vec<i8>> =
        old_codes.iter().map(|code| bridge.convert(code)).collect::<Option<_>>().ok_or(BridgeError::Singular)?;
    let across = Counts::of(new, judged, enrolled_by, &converted, &new_codes)?;
    let again = Counts::of(new, judged, enrolled_by, &new_codes, &new_codes)?;
    let measured = Measured {
        fitted_subjects: fitted.len(),
        judged_subjects: judged.len(),
        impostors: across.impostors,
        false_matches: across.false_matches,
        fmr_upper_bound: fraction(upper_bound(across.false_matches as u64, across.impostors as u64)),
        genuine: across.genuine,
        false_non_matches: across.false_non_matches,
        false_non_matches_enrolled_again: again.false_non_matches,
    };
    if measured.genuine == 0 || measured.impostors == 0 {
        return Err(BridgeError::NoProbes { enrolled_by });
    }
    Ok((bridge, measured))
}

impl Bridge {
    /// Elements of the old templates.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.map.nrows()
    }

    /// Elements of the new ones.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.map.ncols()
    }

    /// The space of the new ones.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.space
    }

    /// The new model's code for one of the old model's; `None` when the map leaves nothing of it.
    #[must_use]
    pub fn convert(&self, code: &[i8]) -> Option<Vec<i8>> {
        let unit = DMatrix::from_row_slice(1, code.len(), &unit(code));
        let mapped: Vec<f32> = (unit * &self.map).iter().map(|value| *value as f32).collect();
        let mut code = vec![0; mapped.len()];
        quantize(&mapped, self.space.form, &mut code).ok()?;
        TemplateRef::new(&code, self.space).is_ok().then_some(code)
    }

    /// The subjects of a bundle with all their templates converted, their ids and names as they are.
    ///
    /// # Errors
    /// [`BridgeError::Singular`] when nothing is left of a template.
    pub fn convert_all(&self, old: &Bundle) -> Result<Vec<Enrolled>, BridgeError> {
        let convert = |subject: &Enrolled| {
            let codes = subject.codes.iter().map(|code| self.convert(code)).collect::<Option<_>>();
            Ok(Enrolled { id: subject.id, name: subject.name.clone(), codes: codes.ok_or(BridgeError::Singular)? })
        };
        old.subjects().iter().map(convert).collect()
    }
}

fn codes(settings: &Settings, embeddings: &Embeddings) -> Result<Vec<Vec<i8>>, BridgeError> {
    settings.coder.codes(embeddings).map_err(BridgeError::Embeddings)
}

fn unit(code: &[i8]) -> Vec<f64> {
    let code: Vec<f64> = code.iter().map(|element| f64::from(*element)).collect();
    let length = code.iter().map(|x| x * x).sum::<f64>().sqrt();
    code.into_iter().map(|x| x / length).collect()
}

fn matrix(codes: &[Vec<i8>], rows: &[usize]) -> DMatrix<f64> {
    let dimension = codes.first().map_or(0, Vec::len);
    let values: Vec<f64> = rows.iter().flat_map(|row| unit(&codes[*row])).collect();
    DMatrix::from_row_slice(rows.len(), dimension, &values)
}

/// (XᵀX + λI)⁻¹ XᵀY
fn ridge(x: &DMatrix<f64>, y: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let mut gram = x.transpose() * x;
    let ridge = RIDGE * gram.trace() / gram.nrows() as f64;
    (0..gram.nrows()).for_each(|index| gram[(index, index)] += ridge);
    Some(gram.cholesky()?.solve(&(x.transpose() * y)))
}

/// What verification says of probes.
struct Counts {
    impostors: usize,
    false_matches: usize,
    genuine: usize,
    false_non_matches: usize,
}

impl Counts {
    /// Enrolls each subject by its first templates, and compares the probes of the others with it.
    fn of(
        settings: &Settings,
        subjects: &[Vec<usize>],
        enrolled_by: usize,
        enrolled: &[Vec<i8>],
        probes: &[Vec<i8>],
    ) -> Result<Self, BridgeError> {
        let mut bundle = Bundle::new(settings.clone());
        let mut ids = Vec::new();
        for (number, rows) in subjects.iter().enumerate() {
            let codes = rows.iter().take(enrolled_by).map(|row| enrolled[*row].clone()).collect();
            let id = bundle.enroll_any(&number.to_string(), codes).map_err(|_| BridgeError::Singular)?;
            ids.push(id);
        }
        let bytes = bundle.to_bytes().map_err(BridgeError::Write)?;
        let view = BundleView::new_checked(&bytes).map_err(|error| BridgeError::Write(WriteError::Contents(error)))?;
        let threshold = view.operating_point().threshold;
        let mut counts = Self { impostors: 0, false_matches: 0, genuine: 0, false_non_matches: 0 };
        for (rows, own) in subjects.iter().zip(&ids) {
            for row in rows.iter().skip(enrolled_by) {
                let probe = settings.coder.template(&probes[*row]);
                let scored = with_search(&view, |search| {
                    search.scores(&probe, |found| counts.add(found.subject == *own, found.score, threshold))
                });
                scored.map_err(BridgeError::Match)?;
            }
        }
        Ok(counts)
    }

    fn add(&mut self, genuine: bool, score: Score, threshold: Score) {
        let accepted = score >= threshold;
        if genuine {
            self.genuine += 1;
            self.false_non_matches += usize::from(!accepted);
        } else {
            self.impostors += 1;
            self.false_matches += usize::from(accepted);
        }
    }
}

/// Why there is no bridge, or none that may be used.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// Distances have no unit length.
    #[error(
        "a bridge is between templates that are compared by their cosine: calibrate in the form full or norm-limited"
    )]
    Euclidean,
    /// Another number of rows, other files or other subjects.
    #[error("the two files of embeddings are not of the same samples, row by row: encode one folder with both models")]
    OtherSamples,
    /// Fewer than [`LEAST_SUBJECTS`].
    #[error(
        "{found} of the at least {LEAST_SUBJECTS} subjects that it takes to fit a bridge on some and judge it on others: encode \
         more people with both models"
    )]
    TooFewSubjects {
        /// How many there are.
        found: usize,
    },
    /// Nobody has a sample that is not enrolled.
    #[error(
        "the thresholds are for {enrolled_by} samples a subject, and nobody has one more to be judged by: encode more samples of \
         each with both models"
    )]
    NoProbes {
        /// Samples that enroll a subject.
        enrolled_by: usize,
    },
    /// Samples that are no templates.
    #[error("{0}")]
    Embeddings(EmbeddingsProblem),
    /// The samples say nothing of some direction, or the map leaves nothing of a template.
    #[error("no map from old templates to new ones comes of these samples: encode more of them with both models")]
    Singular,
    /// Too many strangers would be taken for somebody, or it is not known whether.
    #[error(
        "{} of {} impostors were accepted, and so the false match rate may be {:.5}, above {most}: {}",
        .measured.false_matches, .measured.impostors, .measured.fmr_upper_bound, what_would_help(.measured, *.most)
    )]
    Matches {
        /// What was measured.
        measured: Measured,
        /// The rate that it must keep to.
        most: Rate,
    },
    /// Too many would not be known any more.
    #[error(
        "{} of {} probes were not taken for whose they are, above {most}: enroll again, or encode more people with both models",
        .measured.false_non_matches, .measured.genuine
    )]
    NonMatches {
        /// What was measured.
        measured: Measured,
        /// The rate that it must keep to.
        most: f64,
    },
    /// The converted gallery is no bundle.
    #[error("{0}")]
    Write(WriteError),
    /// Templates that cannot be compared.
    #[error("{0}")]
    Match(MatchError),
}

fn what_would_help(measured: &Measured, most: Rate) -> String {
    let most = fraction(most);
    if measured.fmr() > most {
        return "enroll again, or choose a stricter threshold for the new model".to_owned();
    }
    // With no error seen, the bound is 3 by the number of comparisons.
    let needed = 3.0 * (1 + measured.false_matches) as f64 / most.max(f64::MIN_POSITIVE);
    format!("about {needed:.0} impostor comparisons would be needed: encode more people with both models")
}

#[cfg(test)]
mod tests;
