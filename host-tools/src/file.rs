//! Files: errors that name them, and outputs that appear whole or not at all.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::{Builder, NamedTempFile};

/// A problem with a file; displayed as `path: problem`.
#[derive(Debug)]
pub struct FileError<P> {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub problem: P,
}

impl<P> FileError<P> {
    /// The problem with this file.
    pub fn new(path: impl Into<PathBuf>, problem: P) -> Self {
        Self { path: path.into(), problem }
    }
}

impl<P: fmt::Display> fmt::Display for FileError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl<P: fmt::Debug + fmt::Display> Error for FileError<P> {}

/// Reads a whole file.
///
/// # Errors
/// What the system says, in words that tell what to do.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError<Unreadable>> {
    std::fs::read(path).map_err(|error| FileError::new(path, Unreadable(error)))
}

/// A file that cannot be read.
#[derive(Debug)]
pub struct Unreadable(pub io::Error);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            io::ErrorKind::NotFound => f.write_str("there is no such file, or it is a link to none: check the path"),
            io::ErrorKind::PermissionDenied => f.write_str("reading it is not permitted: change its permissions"),
            io::ErrorKind::IsADirectory => f.write_str("this is a folder where a file is needed"),
            _ => write!(f, "it cannot be read: {}", self.0),
        }
    }
}

static WRITING: Mutex<()> = Mutex::new(());

/// Waits until no output is half written; none is begun until what this returns is dropped. A process that ends while it holds
/// this leaves no temporary file behind.
pub fn wait_for_writes() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes several files that belong together: each under a temporary name beside its place first, and all are renamed
/// only when every byte of every one is written. On an error, what was there before is still there.
///
/// # Errors
/// The first file that cannot be written.
pub fn write_all(outputs: &[(&Path, &[u8])]) -> Result<(), FileError<Unwritable>> {
    let _writing = wait_for_writes();
    let staged: Vec<NamedTempFile> =
        outputs.iter().map(|(path, bytes)| stage(path, bytes).map_err(unwritable(path))).collect::<Result<_, _>>()?;
    for (file, (path, _)) in staged.into_iter().zip(outputs) {
        let place = destination(path).map_err(unwritable(path))?;
        file.persist(place).map_err(|failure| unwritable(path)(failure.error))?;
    }
    Ok(())
}

/// Writes a file that only its owner may read, such as a key, and never over another.
///
/// # Errors
/// When it cannot be written, or there is something of this name.
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<(), FileError<Unwritable>> {
    let _writing = wait_for_writes();
    let create = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A temporary file is private.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|failure| failure.error)
    };
    create().map(drop).map_err(unwritable(path))
}

/// Where an output goes: a link stays a link, and its target is replaced. What is no file, such as a device, is not
/// replaced.
fn destination(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Ok(target) if target.is_file() => Ok(target),
        Ok(_) => Err(io::Error::other("it is a folder or a device, not a file: choose another name")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error),
    }
}

/// A file that cannot be written.
#[derive(Debug)]
pub struct Unwritable(pub io::Error);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            io::ErrorKind::NotFound => f.write_str("its folder does not exist: create it first"),
            io::ErrorKind::AlreadyExists => f.write_str("it exists, and is not written over: choose another name"),
            _ => write!(f, "it cannot be written: {}", self.0),
        }
    }
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> FileError<Unwritable> {
    move |error| FileError::new(path, Unwritable(error))
}

fn stage(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let path = destination(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    // A temporary file is private; an output is as public as the user's umask lets any new file be.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_when_one_of_two_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (folder.path().join("good"), folder.path().join("missing/bad"));
        let error = write_all(&[(&good, b"1"), (&bad, b"2")]).unwrap_err();
        assert!(error.to_string().contains("missing/bad: its folder does not exist"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    #[cfg(unix)]
    fn links_stay_and_devices_are_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::fs::write(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_all(&[(&link, b"new")]).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert!(link.is_symlink());
        // A folder stands for whatever is no file: a test that fails must not replace a device.
        let error = write_all(&[(folder.path(), b"new")]).unwrap_err();
        assert!(error.to_string().contains("not a file: choose another name"), "{error}");
    }

    #[test]
    fn an_output_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_all(&[(&path, b"old")]).unwrap();
        write_all(&[(&path, b"new")]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }
}
