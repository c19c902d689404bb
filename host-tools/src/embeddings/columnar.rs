//! Embeddings in a Parquet table.

use super::table::{Table, TableProblem, elements};
use crate::file::Unreadable;
use crate::labels::LabelTable;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Reads a Parquet table: a column `embedding` of lists of floats, or a column an element.
pub(super) fn read(path: &Path) -> Result<Table, TableProblem> {
    let file = File::open(path).map_err(|error| TableProblem::Unreadable(Unreadable(error)))?;
    // A reader of a format this rich can panic on a damaged file; what it leaves behind is given up as a whole.
    let table = catch_unwind(AssertUnwindSafe(|| read_file(file)));
    table.unwrap_or_else(|_| Err(TableProblem::Parquet("it contradicts itself".to_owned())))
}

fn read_file(file: File) -> Result<Table, TableProblem> {
    let reader = SerializedFileReader::new(file).map_err(not_read)?;
    let schema = reader.metadata().file_metadata().schema().get_fields();
    let mut headers: Vec<String> = schema.iter().map(|field| field.name().to_owned()).collect();
    let list = schema.iter().position(|field| field.is_group() && field.name() == "embedding");
    let elements = list.map(|column| vec![column]).or_else(|| elements(&headers)).ok_or(TableProblem::NoEmbedding)?;
    let names: Vec<String> = elements.iter().map(|&column| std::mem::take(&mut headers[column])).collect();
    let mut labels = LabelTable::new(&headers);
    let (mut dimension, mut values) = (elements.len(), Vec::new());
    for (row, record) in reader.get_row_iter(None).map_err(not_read)?.enumerate() {
        let fields: Vec<Field> = fields(record.map_err(not_read)?);
        let line = row as u64 + 1;
        let before = values.len();
        for (&column, name) in elements.iter().zip(&names) {
            let field = fields.get(column).unwrap_or(&Field::Null);
            let numbers = match field {
                Field::ListInternal(list) if elements.len() == 1 => list.elements(),
                single => std::slice::from_ref(single),
            };
            for field in numbers {
                let problem = || TableProblem::NotNumber { line, column: name.clone(), found: field.to_string() };
                values.push(number(field).ok_or_else(problem)?);
            }
        }
        let found = values.len() - before;
        if row == 0 {
            dimension = found;
        } else if found != dimension {
            return Err(TableProblem::Mixed { row, expected: dimension, found });
        }
        labels.push(line, |column| fields.get(column).map(text).unwrap_or_default())?;
    }
    Ok(Table { dimension, values, labels: labels.labels })
}

fn fields(row: Row) -> Vec<Field> {
    row.into_columns().into_iter().map(|(_, field)| field).collect()
}

fn number(field: &Field) -> Option<f32> {
    match field {
        Field::Float(value) => Some(*value),
        Field::Double(value) => Some(*value as f32),
        _ => None,
    }
}

/// A label as it is written in a CSV file.
fn text(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        other => other.to_string(),
    }
}

fn not_read(error: ParquetError) -> TableProblem {
    TableProblem::Parquet(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    /// A table of three rows: a column of lists (of these lengths), a subject that can be missing, and a number.
    fn lists(lengths: [usize; 3], compression: parquet::basic::Compression) -> Vec<u8> {
        let schema = "message m { required group embedding (LIST) { repeated group list { required float element; } }
                      optional binary subject (UTF8); required int64 session; }";
        let properties = WriterProperties::builder().set_compression(compression).build();
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let count = lengths.iter().sum::<usize>();
        let values: Vec<f32> = (0..count).map(|value| value as f32 + 0.5).collect();
        let definitions = vec![1; count];
        let repetitions: Vec<i16> =
            lengths.iter().flat_map(|&length| (0..length).map(|place| i16::from(place > 0))).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<FloatType>().write_batch(&values, Some(&definitions), Some(&repetitions)).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let subjects = [ByteArray::from("anna"), ByteArray::from("ben, jr")];
        column.typed::<ByteArrayType>().write_batch(&subjects, Some(&[1, 0, 1]), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[7, 8, 9], None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.into_inner().unwrap()
    }

    fn read_bytes(bytes: &[u8]) -> Result<Table, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn lists_are_embeddings() {
        for compression in [parquet::basic::Compression::UNCOMPRESSED, parquet::basic::Compression::SNAPPY] {
            let table = read_bytes(&lists([2, 2, 2], compression)).unwrap();
            assert_eq!((table.dimension, table.values), (2, vec![0.5, 1.5, 2.5, 3.5, 4.5, 5.5]));
            let subjects: Vec<&str> = table.labels.rows.iter().map(|row| row.subject.as_str()).collect();
            assert_eq!(subjects, ["anna", "", "ben, jr"]);
            assert_eq!(
                (table.labels.columns, &table.labels.rows[2].metadata),
                (vec!["session".to_owned()], &vec!["9".to_owned()])
            );
        }
    }

    #[test]
    fn lists_of_different_lengths_are_refused() {
        let error = read_bytes(&lists([2, 2, 3], parquet::basic::Compression::SNAPPY)).err().unwrap();
        assert!(
            error.starts_with("row 2 (counted from 0) has an embedding of 3 elements where the rows before have 2")
        );
    }

    #[test]
    fn a_column_an_element_is_an_embedding_too() {
        let schema = Arc::new(parse_message_type("message m { required double e1; required double e0; }").unwrap());
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        for values in [[1.0, 2.0], [3.0, 4.0]] {
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<DoubleType>().write_batch(&values, None, None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
        let table = read_bytes(&writer.into_inner().unwrap()).unwrap();
        assert_eq!((table.dimension, table.values), (2, vec![3.0, 1.0, 4.0, 2.0]));
    }

    #[test]
    fn damaged_files_are_refused() {
        let good = lists([2, 2, 2], parquet::basic::Compression::SNAPPY);
        for length in (0..good.len()).step_by(7) {
            assert!(read_bytes(&good[..length]).is_err(), "{length} bytes were accepted");
        }
    }
}
