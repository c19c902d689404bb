//! A CSV manifest: `file` (or `path`), `subject`, and optionally the rectangle `x`, `y`, `width`, `height` inside the file.

use super::picture::Crop;
use super::{SampleFile, SampleSet, SampleSetError, SetProblem, Source};
use crate::file::{self, FileError};
use crate::labels::{Label, Labels, LabelsProblem};
use std::path::Path;

const CROP_COLUMNS: [&str; 4] = ["x", "y", "width", "height"];

/// The samples that a manifest lists. Its paths are relative to its own folder.
pub(super) fn open(path: &Path) -> Result<SampleSet, SampleSetError> {
    let bytes = file::read(path).map_err(|error| FileError::new(path, LabelsProblem::Unreadable(error.problem)))?;
    let (mut labels, lines) = Labels::parse(&bytes).map_err(|problem| FileError::new(path, problem))?;
    // A manifest lists samples; that another model encoded them before says nothing of the embeddings to come.
    labels.model = None;
    let folder = path.parent().unwrap_or(Path::new(""));
    let crop_columns = crop_columns(&labels.columns).map_err(|problem| FileError::new(path, problem))?;
    let file = |(&line, label): (&u64, &Label)| sample_file(folder, line, label, crop_columns);
    let files: Result<_, _> = lines.iter().zip(&labels.rows).map(file).collect();
    let source = Source::Files(files.map_err(|problem| FileError::new(path, problem))?);
    Ok(SampleSet { labels, source })
}

/// Where the crop columns stand among the further columns, if they are there.
fn crop_columns(columns: &[String]) -> Result<Option<[usize; 4]>, SetProblem> {
    let places = CROP_COLUMNS.map(|name| columns.iter().position(|column| column == name));
    match places {
        [Some(x), Some(y), Some(width), Some(height)] => Ok(Some([x, y, width, height])),
        [None, None, None, None] => Ok(None),
        _ => Err(SetProblem::PartOfCrop),
    }
}

fn sample_file(
    folder: &Path,
    line: u64,
    label: &Label,
    crop_columns: Option<[usize; 4]>,
) -> Result<SampleFile, SetProblem> {
    if label.file.is_empty() {
        return Err(SetProblem::NoFile { line });
    }
    let crop = crop_columns.map(|places| crop(line, places.map(|place| label.metadata[place].as_str()))).transpose()?;
    Ok(SampleFile { path: folder.join(&label.file), crop })
}

fn crop(line: u64, texts: [&str; 4]) -> Result<Crop, SetProblem> {
    let number = |index: usize, least: u32| {
        let text = texts[index];
        let problem = || SetProblem::Crop { line, column: CROP_COLUMNS[index], found: text.to_owned() };
        text.parse().ok().filter(|&number| number >= least).ok_or_else(problem)
    };
    Ok(Crop { x: number(0, 0)?, y: number(1, 0)?, width: number(2, 1)?, height: number(3, 1)? })
}
