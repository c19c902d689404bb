//! Whose each sample is: the CSV file beside embeddings, and the manifest of samples.

use crate::file::{self, FileError, Unreadable};
use cognate::ModelDigest;
use std::path::Path;

/// The label of each row of a set of samples or embeddings, in order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Labels {
    /// One a row.
    pub rows: Vec<Label>,
    /// The names of the further columns.
    pub columns: Vec<String>,
    /// The model that made the embeddings, if the file says.
    pub model: Option<ModelDigest>,
}

/// The label of a row.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Label {
    /// Where the sample came from; empty when unknown.
    pub file: String,
    /// Whose it is; empty when unknown.
    pub subject: String,
    /// The values of [`Labels::columns`].
    pub metadata: Vec<String>,
}

impl Labels {
    /// Labels for rows of which nothing is known but their number in a file.
    #[must_use]
    pub fn unknown(file: &str, count: usize) -> Self {
        Self { rows: vec![Label::default(); count], ..Self::default() }.named(file)
    }

    /// The same labels, where each row that does not say where it came from gets its number in this file: `file#3`.
    #[must_use]
    pub fn named(mut self, file: &str) -> Self {
        for (row, label) in self.rows.iter_mut().enumerate().filter(|(_, label)| label.file.is_empty()) {
            label.file = format!("{file}#{row}");
        }
        self
    }

    /// Reads a CSV file with a column `subject`, and optionally `file` and `model`; other columns are kept.
    ///
    /// # Errors
    /// [`LabelsProblem`] when the file is not such a table.
    pub fn read(path: &Path) -> Result<Self, FileError<LabelsProblem>> {
        let bytes = file::read(path).map_err(|error| FileError::new(path, LabelsProblem::Unreadable(error.problem)))?;
        Self::parse(&bytes).map_err(|problem| FileError::new(path, problem))
    }

    fn parse(bytes: &[u8]) -> Result<Self, LabelsProblem> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let headers = reader.headers()?.clone();
        let column = |name: &str| headers.iter().position(|header| header == name);
        let (file, model) = (column("file"), column("model"));
        let subject = column("subject").ok_or(LabelsProblem::NoSubjectColumn)?;
        let others: Vec<usize> =
            (0..headers.len()).filter(|&index| index != subject && ![file, model].contains(&Some(index))).collect();
        let mut labels =
            Self { columns: others.iter().map(|&index| headers[index].to_owned()).collect(), ..Self::default() };
        for record in reader.records() {
            let record = record?;
            if let Some(index) = model {
                labels.note_model(&record[index])?;
            }
            labels.rows.push(Label {
                file: file.map(|index| record[index].to_owned()).unwrap_or_default(),
                subject: record[subject].to_owned(),
                metadata: others.iter().map(|&index| record[index].to_owned()).collect(),
            });
        }
        Ok(labels)
    }

    fn note_model(&mut self, text: &str) -> Result<(), LabelsProblem> {
        let row = self.rows.len() + 1;
        let digest = text.parse().map_err(|_| LabelsProblem::NotDigest { row, found: text.to_owned() })?;
        match self.model.replace(digest) {
            Some(other) if other != digest => Err(LabelsProblem::TwoModels { row }),
            _ => Ok(()),
        }
    }

    /// The CSV file: `file`, `subject`, `model` where it is known, and the further columns.
    #[must_use]
    pub fn to_csv(&self) -> Vec<u8> {
        let model = self.model.map(|digest| digest.to_string());
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |file: &str, subject: &str, model: Option<&str>, others: &[String]| {
            let record = [file, subject].into_iter().chain(model).chain(others.iter().map(String::as_str));
            writer.write_record(record).expect("every row has a value for each column");
        };
        write("file", "subject", model.as_ref().map(|_| "model"), &self.columns);
        for row in &self.rows {
            write(&row.file, &row.subject, model.as_deref(), &row.metadata);
        }
        writer.into_inner().expect("writing to memory does not fail")
    }

    /// These rows alone, in the order of `rows`.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self { rows: rows.iter().map(|&row| self.rows[row].clone()).collect(), ..self.clone() }
    }

    /// Each subject and its rows, in order of first appearance; rows without a subject are left out.
    #[must_use]
    pub fn by_subject(&self) -> Vec<(&str, Vec<usize>)> {
        let mut subjects: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (row, label) in self.rows.iter().enumerate().filter(|(_, label)| !label.subject.is_empty()) {
            let place = *places.entry(label.subject.as_str()).or_insert_with(|| {
                subjects.push((&label.subject, Vec::new()));
                subjects.len() - 1
            });
            subjects[place].1.push(row);
        }
        subjects
    }

    /// Checks that every row says whose it is.
    ///
    /// # Errors
    /// [`LabelsProblem::NoSubject`] names the first row that does not; `path` is the file of the samples or embeddings.
    pub fn require_subjects(&self, path: &Path) -> Result<(), FileError<LabelsProblem>> {
        match self.rows.iter().position(|label| label.subject.is_empty()) {
            Some(row) => Err(FileError::new(path, LabelsProblem::NoSubject { row })),
            None => Ok(()),
        }
    }
}

/// Why a file does not label samples.
#[derive(Debug, thiserror::Error)]
pub enum LabelsProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(Unreadable),
    /// It is not a CSV table.
    #[error("this is not a CSV table with a header line: {0}")]
    Csv(#[from] csv::Error),
    /// It does not say whose the samples are.
    #[error("it has no column `subject`: add one, with a header line")]
    NoSubjectColumn,
    /// A row of samples or embeddings without a subject.
    #[error(
        "row {row} (counted from 0) has no subject: name it in the column `subject` of the .csv file beside, or of \
         the file given with --labels"
    )]
    NoSubject {
        /// The row, counted from 0 as in the array.
        row: usize,
    },
    /// The column `model` holds something else.
    #[error(
        "line {} has `{found}` in the column `model`, which is kept for a model's digest: rename the column",
        row + 1
    )]
    NotDigest {
        /// The row, counted from 1.
        row: usize,
        /// What stands there.
        found: String,
    },
    /// Embeddings of different models in one file.
    #[error("line {} is of another model than the lines before: encode all samples with one model", row + 1)]
    TwoModels {
        /// The row, counted from 1.
        row: usize,
    },
    /// Not one label a row.
    #[error(
        "it has {found} rows where {expected} are needed, one for each row of {of}: use the labels that belong to it"
    )]
    Count {
        /// Rows of the array.
        expected: usize,
        /// Rows of the labels.
        found: usize,
        /// The file of the array.
        of: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_back_with_its_further_columns() {
        let text = "file,subject,model,x\n\
            a.png,anna,00112233445566778899aabbccddeeff,3\n\
            \"b,c.png\",ben,00112233445566778899aabbccddeeff,\n";
        let labels = Labels::parse(text.as_bytes()).unwrap();
        assert_eq!(labels.columns, ["x"]);
        assert_eq!(labels.rows[1].file, "b,c.png");
        assert_eq!(String::from_utf8(labels.to_csv()).unwrap(), text);
    }

    #[test]
    fn subjects_keep_the_order_of_their_first_row() {
        let labels = Labels::parse(b"subject\nb\na\nb\n\"\"\n").unwrap();
        assert_eq!(labels.by_subject(), [("b", vec![0, 2]), ("a", vec![1])]);
        let error = labels.require_subjects(Path::new("x.npy")).unwrap_err().to_string();
        assert!(error.starts_with("x.npy: row 3 (counted from 0) has no subject"), "{error}");
    }

    #[test]
    fn tables_that_are_not_labels() {
        for (text, message) in [
            ("file,who\na,b\n", "no column `subject`"),
            ("file,subject\na\n", "not a CSV table"),
            ("subject,model\na,cnn\n", "line 2 has `cnn` in the column `model`"),
            (
                "subject,model\na,00112233445566778899aabbccddeeff\nb,10112233445566778899aabbccddeeff\n",
                "line 3 is of another model",
            ),
        ] {
            let error = Labels::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
