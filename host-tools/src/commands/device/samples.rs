//! The samples of a command: embeddings of a file, or files that a model encodes.

use anyhow::bail;
use cognate_host::embeddings::Embeddings;
use cognate_host::encoding::encode;
use cognate_host::model::Model;
use cognate_host::samples::SampleSet;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Samples {
    /// Samples, in files of what the model takes
    #[arg(required_unless_present = "embeddings", conflicts_with = "embeddings", requires = "model")]
    samples: Vec<PathBuf>,
    /// The model of the device's bundle, with its preprocessing beside it
    #[arg(long)]
    model: Option<PathBuf>,
    /// Embeddings in place of samples
    #[arg(long, value_name = "FILE.npy")]
    embeddings: Option<PathBuf>,
    /// Only this row of the embeddings, counted from 0
    #[arg(long, requires = "embeddings")]
    row: Option<usize>,
}

impl Samples {
    /// One embedding a sample, for a device whose templates have this model and these elements when its bundle has no back end.
    pub fn read(&self) -> anyhow::Result<Vec<Vec<f32>>> {
        let embeddings = match (&self.embeddings, &self.model) {
            (Some(path), _) => Embeddings::read(path, None)?,
            (None, Some(model)) => {
                let model = Model::open(model)?;
                let samples = SampleSet::of_files(&self.samples, "sample");
                encode(&model, &*model.encoder()?, &samples, false, &|_| ())?
            }
            (None, None) => bail!("give samples and their model, or embeddings"),
        };
        let mut rows: Vec<Vec<f32>> = embeddings.rows().map(<[f32]>::to_vec).collect();
        if let Some(row) = self.row {
            if row >= rows.len() {
                bail!("there are {} rows, and row {row} is not among them: they count from 0", rows.len());
            }
            rows = vec![rows.swap_remove(row)];
        }
        Ok(rows)
    }
}
