//! Vectors of words in word2vec's text form: a line a word, which is followed by its elements.

use crate::file::{self, FileError, Unreadable};
use rayon::prelude::*;
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

/// Words and their vectors, in the file's order.
#[derive(Clone, Debug)]
pub struct Vectors {
    words: Vec<String>,
    places: HashMap<String, usize>,
    dimension: usize,
    values: Vec<f32>,
    unit: Vec<f32>,
}

impl Vectors {
    /// Reads a file of vectors, which may be compressed by gzip. The line with their number and dimension that word2vec
    /// writes first may be there or not.
    ///
    /// # Errors
    /// [`VectorsProblem`], with the line, when the file is not such a one or not whole.
    pub fn read(path: &Path) -> Result<Self, FileError<VectorsProblem>> {
        let of_file = |problem| FileError::new(path, problem);
        let bytes = file::read(path).map_err(|error| of_file(VectorsProblem::Unreadable(error.problem)))?;
        let bytes = uncompressed(bytes).map_err(|error| of_file(VectorsProblem::Compressed(error)))?;
        Self::parse(&String::from_utf8_lossy(&bytes)).map_err(of_file)
    }

    fn parse(text: &str) -> Result<Self, VectorsProblem> {
        let lines: Vec<&str> = text.lines().collect();
        let promised = lines.first().and_then(|line| header(line));
        let begin = usize::from(promised.is_some());
        let vectors: Vec<(&str, Vec<f32>)> = lines[begin..]
            .par_iter()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(index, line)| vector(line, begin + index + 1))
            .collect::<Result<_, _>>()?;
        let (_, first) = vectors.first().ok_or(VectorsProblem::Empty)?;
        let dimension = promised.map_or(first.len(), |(_, dimension)| dimension);
        if let Some((count, _)) = promised.filter(|(count, _)| *count != vectors.len()) {
            return Err(VectorsProblem::Count { promised: count, found: vectors.len() });
        }
        let mut all = Self {
            words: Vec::new(),
            places: HashMap::new(),
            dimension,
            values: Vec::with_capacity(vectors.len() * dimension),
            unit: Vec::new(),
        };
        for (word, values) in vectors {
            if values.len() != dimension {
                let (word, found) = (word.to_owned(), values.len());
                return Err(VectorsProblem::Dimension { word, expected: dimension, found });
            }
            if !values.iter().all(|value| value.is_finite()) || values.iter().all(|value| *value == 0.0) {
                return Err(VectorsProblem::NoDirection { word: word.to_owned() });
            }
            if all.places.insert(word.to_owned(), all.words.len()).is_some() {
                return Err(VectorsProblem::Twice { word: word.to_owned() });
            }
            all.words.push(word.to_owned());
            all.values.extend(values);
        }
        all.unit = all.values.par_chunks(dimension).flat_map_iter(unit).collect();
        Ok(all)
    }

    /// Elements of a vector.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The vectors as they are in the file, one after the other.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The vectors at unit length, one after the other.
    #[must_use]
    pub fn units(&self) -> &[f32] {
        &self.unit
    }

    /// A word's vector at unit length.
    #[must_use]
    pub fn unit(&self, place: usize) -> &[f32] {
        &self.unit[place * self.dimension..][..self.dimension]
    }

    /// Where a word is: as it is written, or otherwise in small letters.
    #[must_use]
    pub fn place(&self, word: &str) -> Option<usize> {
        self.places.get(word).or_else(|| self.places.get(&word.to_lowercase())).copied()
    }
}

/// The number of vectors and their dimension, if a line has just that.
fn header(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace().map(str::parse);
    match (fields.next(), fields.next(), fields.next()) {
        (Some(Ok(count)), Some(Ok(dimension)), None) if dimension > 0 => Some((count, dimension)),
        _ => None,
    }
}

fn vector(line: &str, number: usize) -> Result<(&str, Vec<f32>), VectorsProblem> {
    let mut fields = line.split_ascii_whitespace();
    let word = fields.next().unwrap_or_default();
    let values = fields
        .map(|field| field.parse().map_err(|_| VectorsProblem::NotNumber { line: number, found: field.to_owned() }));
    let values: Vec<f32> = values.collect::<Result<_, _>>()?;
    if values.is_empty() { Err(VectorsProblem::NoElements { line: number }) } else { Ok((word, values)) }
}

fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    vector.iter().map(|&value| (f64::from(value) / length) as f32).collect()
}

fn uncompressed(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(&*bytes).read_to_end(&mut text)?;
    Ok(text)
}

/// Why a file has no vectors of words.
#[derive(Debug, thiserror::Error)]
pub enum VectorsProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(Unreadable),
    /// Compressed, and not whole.
    #[error("it cannot be uncompressed ({0}): copy it again")]
    Compressed(io::Error),
    /// No line.
    #[error("it has no vectors: a line has a word and its elements, parted by blanks")]
    Empty,
    /// An element that is no number.
    #[error("line {line} has `{found}` where a number is needed: a line has a word and its elements, parted by blanks")]
    NotNumber {
        /// The line, counted from 1.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// A word alone.
    #[error("line {line} has a word and no elements")]
    NoElements {
        /// The line, counted from 1.
        line: usize,
    },
    /// Cut short, or put together.
    #[error("its first line promises {promised} vectors, and {found} follow: copy it again")]
    Count {
        /// What the first line says.
        promised: usize,
        /// Vectors that there are.
        found: usize,
    },
    /// Vectors of different dimensions.
    #[error("`{word}` has {found} elements where {expected} are expected: copy the file again")]
    Dimension {
        /// The word.
        word: String,
        /// The dimension of the others.
        expected: usize,
        /// Its own.
        found: usize,
    },
    /// NaN, infinite or zero.
    #[error("the vector of `{word}` has no direction: it is zero, or has an element that is NaN or infinite")]
    NoDirection {
        /// The word.
        word: String,
    },
    /// A word with two vectors.
    #[error("`{word}` is there twice: remove one of the lines")]
    Twice {
        /// The word.
        word: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn both_text_forms_are_read() {
        for text in
            ["2 3\nking 3 0 4\nQueen 0 -2 0\n", "king 3 0 4 \nQueen 0 -2 0", "king 3 0 4\r\n\r\nQueen 0 -2 0\r\n"]
        {
            let vectors = Vectors::parse(text).unwrap();
            assert_eq!((vectors.dimension(), vectors.words()), (3, &["king".to_owned(), "Queen".to_owned()][..]));
            assert_eq!((vectors.unit(0), vectors.unit(1)), (&[0.6, 0.0, 0.8][..], &[0.0, -1.0, 0.0][..]));
            assert_eq!(
                (vectors.place("KING"), vectors.place("Queen"), vectors.place("queen")),
                (Some(0), Some(1), None)
            );
        }
    }

    #[test]
    fn compressed_files_are_read_whole_or_not_at_all() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"a 1 2\nb 3 4\n").unwrap();
        let bytes = encoder.finish().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        assert_eq!(Vectors::read(file.path()).unwrap().words().len(), 2);
        for length in 2..bytes.len() {
            std::fs::write(file.path(), &bytes[..length]).unwrap();
            let error = Vectors::read(file.path()).unwrap_err().to_string();
            assert!(error.contains("cannot be uncompressed"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            ("", "no vectors"),
            ("2 3\n", "no vectors"),
            ("a 1 2\nb 1 x\n", "line 2 has `x`"),
            ("a 1 2\n\nb\n", "line 3 has a word and no elements"),
            ("3 2\na 1 2\nb 1 2\n", "promises 3 vectors, and 2 follow"),
            ("2 2\na 1 2\nb 1 2 3\n", "`b` has 3 elements where 2"),
            ("2 2\na 1\nb 1\n", "`a` has 1 elements where 2"),
            ("a 1 2\nb 0 0\n", "`b` has no direction"),
            ("a 1 2\nb NaN 0\n", "`b` has no direction"),
            ("a 1 2\na 1 2\n", "`a` is there twice"),
        ] {
            let error = Vectors::parse(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text:?} gave: {error}");
        }
    }
}
