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

    /// Reads a CSV file with a column `subject`, and optionally `file` (or `path`) and `model`; other columns are kept.
    ///
    /// # Errors
    /// [`LabelsProblem`] when the file is not such a table.
    pub fn read(path: &Path) -> Result<Self, FileError<LabelsProblem>> {
        let bytes = file::read(path).map_err(|error| FileError::new(path, LabelsProblem::Unreadable(error.problem)))?;
        Self::parse(&bytes).map(|(labels, _)| labels).map_err(|problem| FileError::new(path, problem))
    }

    /// The labels in the text of a CSV file, and the line, counted from 1, of each.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, Vec<u64>), LabelsProblem> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let headers: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        if !headers.iter().any(|header| header == "subject") {
            return Err(LabelsProblem::NoSubjectColumn);
        }
        let mut table = LabelTable::new(&headers);
        let mut lines = Vec::new();
        for record in reader.records() {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            table.push(line, |column| record[column].to_owned())?;
            lines.push(line);
        }
        Ok((table.labels, lines))
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

    /// The value of each row in a column: `subject`, `file`, or one of the further ones.
    ///
    /// # Errors
    /// [`LabelsProblem::NoColumn`] when there is no such column; `path` is the file of the samples or embeddings.
    pub fn column<'a>(&'a self, path: &Path, name: &str) -> Result<Vec<&'a str>, FileError<LabelsProblem>> {
        let further = self.columns.iter().position(|column| column == name);
        if further.is_none() && !["subject", "file"].contains(&name) {
            let known = ["subject", "file"].into_iter().map(str::to_owned).chain(self.columns.clone()).collect();
            return Err(FileError::new(path, LabelsProblem::NoColumn { name: name.to_owned(), known }));
        }
        let value = |label: &'a Label| match further {
            Some(place) => &label.metadata[place],
            None if name == "file" => &label.file,
            None => &label.subject,
        };
        Ok(self.rows.iter().map(|label| value(label).as_str()).collect())
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

/// Labels that are read row by row from a table, whatever its file form.
pub(crate) struct LabelTable {
    /// Those read so far.
    pub labels: Labels,
    subject: Option<usize>,
    file: Option<usize>,
    model: Option<usize>,
    others: Vec<usize>,
}

impl LabelTable {
    /// For a table with these columns; one of no name is none of labels.
    pub fn new(headers: &[String]) -> Self {
        let column = |name: &str| headers.iter().position(|header| header == name);
        let (subject, file, model) = (column("subject"), column("file").or_else(|| column("path")), column("model"));
        let is_other = |index: &usize| !headers[*index].is_empty() && ![subject, file, model].contains(&Some(*index));
        let others: Vec<usize> = (0..headers.len()).filter(is_other).collect();
        let columns = others.iter().map(|&index| headers[index].clone()).collect();
        Self { labels: Labels { columns, ..Labels::default() }, subject, file, model, others }
    }

    /// Reads the next row; `line` is where it stands in its file, counted from 1.
    pub fn push(&mut self, line: u64, cell: impl Fn(usize) -> String) -> Result<(), LabelsProblem> {
        if let Some(index) = self.model {
            let found = cell(index);
            let Ok(digest) = found.parse() else { return Err(LabelsProblem::NotDigest { line, found }) };
            if self.labels.model.replace(digest).is_some_and(|other| other != digest) {
                return Err(LabelsProblem::TwoModels { line });
            }
        }
        self.labels.rows.push(Label {
            file: self.file.map(&cell).unwrap_or_default(),
            subject: self.subject.map(&cell).unwrap_or_default(),
            metadata: self.others.iter().map(|&index| cell(index)).collect(),
        });
        Ok(())
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
    /// A column that was asked for.
    #[error("its labels have no column `{name}`: they have {}", known.join(", "))]
    NoColumn {
        /// The column asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
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
    #[error("line {line} has `{found}` in the column `model`, which is kept for a model's digest: rename the column")]
    NotDigest {
        /// The line, counted from 1.
        line: u64,
        /// What stands there.
        found: String,
    },
    /// Embeddings of different models in one file.
    #[error("line {line} is of another model than the lines before: encode all samples with one model")]
    TwoModels {
        /// The line, counted from 1.
        line: u64,
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
        let (labels, lines) = Labels::parse(text.as_bytes()).unwrap();
        assert_eq!((labels.columns.as_slice(), lines.as_slice()), (&["x".to_owned()][..], &[2, 3][..]));
        assert_eq!(labels.rows[1].file, "b,c.png");
        assert_eq!(String::from_utf8(labels.to_csv()).unwrap(), text);
    }

    #[test]
    fn subjects_keep_the_order_of_their_first_row() {
        let (labels, _) = Labels::parse(b"subject\nb\na\nb\n\"\"\n").unwrap();
        assert_eq!(labels.by_subject(), [("b", vec![0, 2]), ("a", vec![1])]);
        let error = labels.require_subjects(Path::new("x.npy")).unwrap_err().to_string();
        assert!(error.starts_with("x.npy: row 3 (counted from 0) has no subject"), "{error}");
    }

    #[test]
    fn columns_are_found_by_name() {
        let (labels, _) = Labels::parse(b"subject,session\nb,1\na,2\n").unwrap();
        let column = |name: &str| labels.column(Path::new("x.npy"), name).map_err(|error| error.to_string());
        assert_eq!((column("subject").unwrap(), column("session").unwrap()), (vec!["b", "a"], vec!["1", "2"]));
        assert_eq!(
            column("age").unwrap_err(),
            "x.npy: its labels have no column `age`: they have subject, file, session"
        );
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
