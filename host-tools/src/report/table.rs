//! Numbers behind a drawing, as CSV.

/// A table with a header line.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns.
    #[must_use]
    pub fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, with a value for each column.
    pub fn row(&mut self, values: impl IntoIterator<Item = String>) {
        self.rows.push(values.into_iter().collect());
    }

    /// The file.
    #[must_use]
    pub fn to_csv(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head = writer.write_record(&self.columns);
        let rows = self.rows.iter().try_for_each(|row| writer.write_record(row));
        head.and(rows).expect("every row has a value for each column");
        writer.into_inner().expect("writing to memory does not fail")
    }
}
