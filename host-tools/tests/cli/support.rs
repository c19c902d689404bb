//! A folder to work in, and the command run in it.

use crate::model_file::{ImageModel, PREPROCESSING};
use cognate_host::npy::matrix_bytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The arguments that export `gallery` as the bundle `output`, with a rate that so little data can hold.
pub const fn export<'a>(gallery: &'a str, output: &'a str) -> [&'a str; 11] {
    let thresholds = "thresholds.json";
    ["export", "--model", "model.onnx", "--thresholds", thresholds, "--gallery", gallery, "-o", output, "--fpir", "0.1"]
}

/// A temporary folder in which the command runs.
pub struct Bench {
    folder: tempfile::TempDir,
    /// Beside the folder, so that no test looks into the cache of whoever runs it.
    cache: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap() }
    }

    /// With `model.onnx`, that projects pictures of 28×28 to 16 elements, and its preprocessing.
    pub fn with_model() -> Self {
        let bench = Self::new();
        bench.write("model.onnx", &ImageModel::default().bytes());
        bench.write("model.toml", PREPROCESSING.as_bytes());
        bench
    }

    /// With a model, thresholds, and a bundle in which the digits 5 and 6 are enrolled; `probes.npy` has the others.
    pub fn with_bundle() -> Self {
        let bench = Self::with_model();
        bench.encode_sheets();
        bench.succeed(&["calibrate", "calibration.npy", "--enroll", "3", "--fmr", "0.05", "-o", "thresholds.json"]);
        bench.succeed(&[
            "split",
            "digits.npy",
            "--subjects",
            "5,6",
            "--first",
            "3",
            "--enroll-out",
            "enroll.npy",
            "--probes-out",
            "probes.npy",
        ]);
        bench.succeed(&export("enroll.npy", "digits.bundle"));
        bench
    }

    /// Encodes some of the repository's digits: `calibration.npy` from those for calibration, `digits.npy` from others.
    pub fn encode_sheets(&self) {
        for (data, subjects, output) in [("calibration", 0..5, "calibration"), ("digits", 4..8, "digits")] {
            let manifest = self.manifest(data, subjects, 20);
            self.succeed(&["encode", "model.onnx", &manifest, "-o", &format!("{output}.npy")]);
        }
    }

    /// A manifest of the first samples of some digits in the repository's sheets.
    pub fn manifest(&self, data: &str, subjects: std::ops::Range<u32>, count: usize) -> String {
        let sheets = repository().join("data").join(data);
        let table = std::fs::read_to_string(sheets.join("samples.csv")).unwrap();
        let mut lines = table.lines();
        let mut manifest = format!("{}\n", lines.next().unwrap());
        for subject in subjects {
            let of_subject = |line: &&str| line.split(',').nth(1) == Some(&subject.to_string());
            for line in lines.clone().filter(of_subject).take(count) {
                manifest += &format!("{}/{line}\n", sheets.display());
            }
        }
        let name = format!("{data}-samples.csv");
        self.write(&name, manifest.as_bytes());
        name
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Writes embeddings of `columns` elements and, unless empty, the subject of each row.
    pub fn write_embeddings(&self, name: &str, columns: usize, values: &[f32], subjects: &[&str]) {
        self.write(&format!("{name}.npy"), &matrix_bytes(values, columns));
        if !subjects.is_empty() {
            let rows: String = subjects.iter().map(|subject| format!("{subject}\n")).collect();
            self.write(&format!("{name}.csv"), format!("subject\n{rows}").as_bytes());
        }
    }

    /// Runs the command.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_cognate")).args(arguments).output().unwrap()
    }

    /// A program that is to be run in the folder.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("COGNATE_CACHE", self.cache.path());
        command
    }

    /// The cache's folder.
    pub fn cache(&self) -> &Path {
        self.cache.path()
    }

    /// Runs the command, which has to succeed; returns what it printed.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} failed: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the command, which has to fail with every one of these texts in its message, and to leave every file of
    /// the folder as it was and none beside.
    pub fn fail(&self, arguments: &[&str], texts: &[&str]) {
        self.end(1, arguments, texts);
    }

    /// The same for what the evidence or a limit forbids.
    pub fn refuse(&self, arguments: &[&str], texts: &[&str]) {
        self.end(3, arguments, texts);
    }

    fn end(&self, code: i32, arguments: &[&str], texts: &[&str]) {
        let before = self.snapshot();
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.starts_with("error: ") || errors.contains("\nerror: "), "{arguments:?}: {errors}");
        for text in texts {
            assert!(errors.contains(text), "{arguments:?} does not say {text:?} but: {errors}");
        }
        assert!(self.snapshot() == before, "{arguments:?} failed, and yet changed a file");
    }

    fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.clone(), std::fs::read(path).unwrap());
                }
            }
        }
        files
    }
}

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The folder of recorded data that `COGNATE_DATA` names; `None`, said aloud, where it names none.
pub fn recorded_data(test: &str) -> Option<PathBuf> {
    // Relative to where the tests were started: the repository's root, not this package's folder, as cargo has it.
    let found = std::env::var_os("COGNATE_DATA").map(|path| repository().join(path));
    if found.is_none() {
        eprintln!("skipped {test}: COGNATE_DATA does not name the folder of models and recorded embeddings");
    }
    found
}
