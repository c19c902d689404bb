//! Embeddings in a table: some columns, or one of lists, are the embedding, and the others are its labels.

use crate::file::{self, Unreadable};
use crate::labels::{LabelTable, Labels, LabelsProblem};
use std::path::Path;

/// What a table holds: embeddings that lie one after the other, and their labels.
pub(super) struct Table {
    pub dimension: usize,
    pub values: Vec<f32>,
    pub labels: Labels,
}

/// Reads a CSV table.
pub(super) fn read_csv(path: &Path) -> Result<Table, TableProblem> {
    parse_csv(&file::read(path).map_err(|error| TableProblem::Unreadable(error.problem))?)
}

fn parse_csv(bytes: &[u8]) -> Result<Table, TableProblem> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let mut headers: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let elements = elements(&headers).ok_or(TableProblem::NoEmbedding)?;
    let names: Vec<String> = elements.iter().map(|&column| std::mem::take(&mut headers[column])).collect();
    let mut labels = LabelTable::new(&headers);
    let mut values = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        for (&column, name) in elements.iter().zip(&names) {
            let found = &record[column];
            let problem = || TableProblem::NotNumber { line, column: name.clone(), found: found.to_owned() };
            values.push(found.parse().map_err(|_| problem())?);
        }
        labels.push(line, |column| record[column].to_owned())?;
    }
    Ok(Table { dimension: elements.len(), values, labels: labels.labels })
}

/// The columns of an embedding's elements, in order: those that one prefix and a number name (`0`, `1`; `e0`, `e1`;
/// `embedding_1`, `embedding_2`), the number counting up from 0 or 1. Where there are several such, the most.
pub(super) fn elements(headers: &[String]) -> Option<Vec<usize>> {
    let mut groups: Vec<(&str, Vec<(usize, usize)>)> = Vec::new();
    for (column, header) in headers.iter().enumerate() {
        let prefix = header.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let Ok(number) = header[prefix.len()..].parse() else { continue };
        match groups.iter_mut().find(|(known, _)| *known == prefix) {
            Some((_, members)) => members.push((number, column)),
            None => groups.push((prefix, vec![(number, column)])),
        }
    }
    let ordered = groups.into_iter().filter_map(|(_, mut members)| {
        members.sort_unstable();
        let first = members.first()?.0;
        let counts_up = members.iter().enumerate().all(|(place, (number, _))| *number == first + place);
        (members.len() > 1 && first <= 1 && counts_up).then_some(members)
    });
    let longest = ordered.max_by_key(Vec::len)?;
    Some(longest.into_iter().map(|(_, column)| column).collect())
}

/// Why a table has no embeddings.
#[derive(Debug, thiserror::Error)]
pub enum TableProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(Unreadable),
    /// Not a CSV table; the parser names the line.
    #[error("this is not a CSV table with a header line: {0}")]
    Csv(#[from] csv::Error),
    /// Not a Parquet table; in the reader's words.
    #[error("this is not a Parquet table that can be read ({0}): write it again, compressed by snappy or not at all")]
    Parquet(String),
    /// The tool was built without Parquet.
    #[error("this tool was built without Parquet: build it with the feature `parquet`, or save the table as .csv")]
    NoParquet,
    /// Its labels.
    #[error("{0}")]
    Labels(#[from] LabelsProblem),
    /// No column that is an embedding.
    #[error(
        "it has no embeddings: name the columns of the elements by one word and a number that counts up, such as \
         e0, e1, e2, or in Parquet save them as lists of floats in a column `embedding`"
    )]
    NoEmbedding,
    /// An element that is no number.
    #[error("line {line} has `{found}` in the column `{column}`, where a number is needed")]
    NotNumber {
        /// The line, or in Parquet the row, counted from 1.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        found: String,
    },
    /// Lists of different lengths.
    #[error(
        "row {row} (counted from 0) has an embedding of {found} elements where the rows before have {expected}: encode all \
         samples with one model"
    )]
    Mixed {
        /// The row.
        row: usize,
        /// Elements of the first.
        expected: usize,
        /// Elements of this one.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_count_up_are_the_embedding() {
        let find = |text: &str| elements(&text.split(',').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(find("subject,0,1,2"), Some(vec![1, 2, 3]));
        assert_eq!(find("e2,file,e1,e10,e3,e4,e5,e6,e7,e8,e9").map(|found| found.len()), Some(10));
        assert_eq!(find("v1,v0,room1,room2,room3"), Some(vec![2, 3, 4]));
        for text in ["subject,x,y", "e0,e2", "e2,e3", "e0", "e0,e0", "e99999999999999999999999,e1"] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn a_table_is_embeddings_and_labels() {
        let table = parse_csv(b"e1,subject,e0,session\n 2.5,anna,-1,3\n1e-3,ben,4,\n").unwrap();
        assert_eq!((table.dimension, table.values), (2, vec![-1.0, 2.5, 4.0, 1e-3]));
        assert_eq!(table.labels.columns, ["session"]);
        assert_eq!(table.labels.rows[0].subject, "anna");
        for (text, message) in [
            ("subject,session\na,1\n", "it has no embeddings"),
            ("e0,e1\n1,two\n", "line 2 has `two` in the column `e1`"),
            ("e0,e1\n1,2\n3,\n", "line 3 has `` in the column `e1`"),
            ("e0,e1\n1,2\n3\n", "not a CSV table with a header line: CSV error: record 2 (line: 3"),
        ] {
            let error = parse_csv(text.as_bytes()).err().unwrap().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
