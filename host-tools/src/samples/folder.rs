//! A folder with one folder a subject.

use super::{SampleFile, SampleSet, SampleSetError, SetProblem, Source};
use crate::file::{FileError, Unreadable};
use crate::labels::{Label, Labels};
use std::path::{Path, PathBuf};

/// The samples of a folder, by subject and then by file name, so that every machine finds them in the same order.
///
/// Files whose name begins with a dot are passed over: file managers leave them behind.
pub(super) fn open(root: &Path) -> Result<SampleSet, SampleSetError> {
    let mut labels = Labels::default();
    let mut files = Vec::new();
    for (subject, folder) in entries(root)? {
        if !folder.is_dir() {
            return Err(FileError::new(folder, SetProblem::OutsideSubject).into());
        }
        for (name, path) in entries(&folder)? {
            if path.is_dir() {
                return Err(FileError::new(path, SetProblem::TooDeep).into());
            }
            let file = format!("{subject}/{name}");
            labels.rows.push(Label { file, subject: subject.clone(), metadata: Vec::new() });
            files.push(SampleFile { path, crop: None });
        }
    }
    Ok(SampleSet { labels, source: Source::Files(files) })
}

/// The names and paths in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, FileError<SetProblem>> {
    let unreadable = |error| FileError::new(folder, SetProblem::Unreadable(Unreadable(error)));
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        match name {
            Some(name) if name.starts_with('.') => {}
            Some(name) => entries.push((name.to_owned(), path)),
            None => return Err(FileError::new(path, SetProblem::Name)),
        }
    }
    entries.sort();
    Ok(entries)
}
