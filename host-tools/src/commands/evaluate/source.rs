//! What is evaluated: where embeddings come from, and what makes templates of them.

use super::super::output::progress_bar;
use anyhow::{Context, bail};
use cognate::policy::Rate;
use cognate::{BundleView, ModelDigest, Score};
use cognate_host::back_end::Kind;
use cognate_host::bundle::{Bundle, BundleProblem, read_bytes};
use cognate_host::calibration::coder;
use cognate_host::choices::Form;
use cognate_host::coder::Coder;
use cognate_host::embeddings::Embeddings;
use cognate_host::encoding::encode;
use cognate_host::file::FileError;
use cognate_host::model::{Model, is_int8};
use cognate_host::samples::SampleSet;
use std::path::{Path, PathBuf};

/// Where embeddings come from
#[derive(Debug, clap::Args)]
pub struct SourceArgs {
    /// The model to encode the samples with, or a bundle: then its templates and its threshold are judged
    #[arg(required_unless_present = "embeddings")]
    subject: Option<PathBuf>,
    /// The samples, as for `cognate encode`; for a bundle, without --model, the .npy file of their embeddings
    #[arg(required_unless_present = "embeddings")]
    samples: Option<PathBuf>,
    /// Embeddings to judge, in place of a model and samples
    #[arg(long, value_name = "FILE.npy", conflicts_with = "samples")]
    embeddings: Option<PathBuf>,
    /// The labels, where they are not beside the embeddings or samples: a CSV file with a column `subject`, rows in order
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,
    /// The model to encode the samples with, where a bundle is judged
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Stretch pictures of another size to the model's, instead of refusing them
    #[arg(long)]
    resize: bool,
    /// What is done to embeddings first, fitted on these samples themselves: none, mean, wccn, pca, whiten or lda, the last three also
    /// with a number of dimensions (pca:32). `cognate calibrate` tells what it is worth on others
    #[arg(long, value_name = "KIND", default_value_t = Kind::None)]
    back_end: Kind,
    /// The form of templates: full, norm-limited or euclidean
    #[arg(long, value_name = "FORM", default_value_t = Form::Full)]
    form: Form,
}

/// Embeddings, and what makes templates of them.
pub struct Source {
    /// What the figures are of, to show.
    pub name: PathBuf,
    /// What the samples' files are relative to.
    pub folder: PathBuf,
    /// The samples' embeddings.
    pub embeddings: Embeddings,
    /// What makes templates of them.
    pub coder: Coder,
    /// The threshold in use, of a bundle.
    pub in_use: Option<(Score, Rate)>,
}

impl SourceArgs {
    /// The files that are read.
    pub fn inputs(&self) -> Vec<&Path> {
        let paths = [&self.subject, &self.samples, &self.embeddings, &self.labels, &self.model];
        paths.into_iter().flatten().map(PathBuf::as_path).collect()
    }

    /// The file that may hold an int8 encoder: a bundle, or one itself.
    pub fn with_encoder(&self) -> Option<&Path> {
        let paths = [&self.subject, &self.model].into_iter().flatten().map(PathBuf::as_path);
        paths.into_iter().find(|path| is_int8(path) || is_bundle(path))
    }

    /// Reads what there is to judge, and encodes samples.
    pub fn load(&self) -> anyhow::Result<Source> {
        if let Some(path) = &self.embeddings {
            if let Some(bundle) = self.subject.as_deref().filter(|path| is_bundle(path)) {
                return self.of_bundle(bundle, path);
            }
            if let Some(model) = &self.subject {
                bail!("{}: --embeddings are there already, and need no model: leave it out", model.display());
            }
            let embeddings = Embeddings::read(path, self.labels.as_deref())?;
            return self.of_embeddings(path, embeddings);
        }
        let subject = self.subject.as_deref().context("name a model or a bundle, and samples; or give --embeddings")?;
        let samples = self.samples.as_deref().context("name the samples after the model")?;
        if is_bundle(subject) {
            return self.of_bundle(subject, samples);
        }
        if self.model.is_some() {
            bail!("--model goes with a bundle, and {} is none", subject.display());
        }
        self.of_embeddings(samples, self.encode(subject, samples)?)
    }

    fn of_embeddings(&self, path: &Path, embeddings: Embeddings) -> anyhow::Result<Source> {
        embeddings.labels().require_subjects(path)?;
        let coder = self.coder(&embeddings).with_context(|| path.display().to_string())?;
        Ok(Source { name: path.to_owned(), folder: folder_of(path), embeddings, coder, in_use: None })
    }

    fn of_bundle(&self, path: &Path, samples: &Path) -> anyhow::Result<Source> {
        if self.back_end != Kind::None || self.form != Form::Full {
            bail!("{}: a bundle has its own back end and form: leave --back-end and --form out", path.display());
        }
        let bytes = read_bytes(path)?;
        let view =
            BundleView::new_checked(&bytes).map_err(|error| FileError::new(path, BundleProblem::Refused(error)))?;
        if view.cohort().is_some() {
            bail!(
                "{}: its scores are normalized against a cohort, and depend on who is enrolled: judge it with `cognate \
                 simulate`, or its embeddings with --embeddings",
                path.display()
            );
        }
        let embeddings = match &self.model {
            Some(model) => self.encode(model, samples)?,
            None => Embeddings::read(samples, self.labels.as_deref())?,
        };
        embeddings.require_model(samples, view.encoder())?;
        embeddings.require_dimension(samples, view.encoder_dimension())?;
        embeddings.labels().require_subjects(samples)?;
        let point = view.operating_point();
        Ok(Source {
            name: samples.to_owned(),
            folder: folder_of(samples),
            embeddings,
            coder: Bundle::of_view(&view).coder().clone(),
            in_use: Some((point.threshold, point.fmr)),
        })
    }

    fn encode(&self, model: &Path, samples: &Path) -> anyhow::Result<Embeddings> {
        let model = Model::open(model)?;
        let samples = SampleSet::open(samples, self.labels.as_deref())?;
        let encoder = model.encoder()?;
        let bar = progress_bar(samples.len(), "samples");
        let encoded = encode(&model, &*encoder, &samples, self.resize, &|done| bar.set_position(done as u64));
        bar.finish_and_clear();
        Ok(encoded?)
    }

    /// Templates by the user's choice, behind a back end that is fitted on these embeddings.
    fn coder(&self, embeddings: &Embeddings) -> anyhow::Result<Coder> {
        let encoder = embeddings.labels().model.unwrap_or(ModelDigest::new([0; ModelDigest::BYTES]));
        let subjects: Vec<Vec<usize>> = embeddings.labels().by_subject().into_iter().map(|(_, rows)| rows).collect();
        Ok(coder(self.back_end, self.form, embeddings, encoder, &subjects)?)
    }
}

/// A folder of samples, or where a file of them is.
fn folder_of(samples: &Path) -> PathBuf {
    if samples.is_dir() { samples.to_owned() } else { samples.parent().unwrap_or(Path::new("")).to_owned() }
}

/// Whether a file begins as a bundle does.
fn is_bundle(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; cognate::bundle::MAGIC.len()];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == cognate::bundle::MAGIC
}
