//! The words most alike to a word, or to a sum of words such as `king - man + woman`.

use super::Vectors;
use super::device::{DeviceProblem, DeviceWords, MOST_NEAREST};
use serde::Serialize;

/// A word near an expression.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Neighbor {
    /// The word.
    pub word: String,
    /// Its cosine: in `f32`, or the device's score.
    pub cosine: f64,
}

/// The words near an expression, the most alike first.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Neighbors {
    /// With the `f32` vectors.
    pub f32: Vec<Neighbor>,
    /// By the device's arithmetic.
    pub device: Vec<Neighbor>,
}

/// Words that are added, 1, or subtracted, −1, each by its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expression(Vec<(usize, i16)>);

impl Expression {
    /// Reads words with `+` or `-` between them, parted by blanks; a word may have a hyphen in it.
    ///
    /// # Errors
    /// [`ExpressionProblem`] when it is not such, or a word has no vector.
    pub fn parse(text: &str, vectors: &Vectors) -> Result<Self, ExpressionProblem> {
        let mut terms = Vec::new();
        let mut sign = Some(1);
        for field in text.split_ascii_whitespace() {
            sign = match (field, sign) {
                ("+", None) => Some(1),
                ("-", None) => Some(-1),
                ("-", Some(1)) if terms.is_empty() => Some(-1),
                (word, Some(sign)) if !["+", "-"].contains(&word) => {
                    let unknown = || ExpressionProblem::Unknown { word: word.to_owned() };
                    terms.push((vectors.place(word).ok_or_else(unknown)?, sign));
                    None
                }
                _ => return Err(ExpressionProblem::Form { found: field.to_owned() }),
            };
        }
        if sign.is_some() { Err(ExpressionProblem::Unfinished) } else { Ok(Self(terms)) }
    }

    /// The words most alike to it, those in it left out; at most [`MOST_NEAREST`].
    ///
    /// # Errors
    /// [`DeviceProblem`] when the terms cancel each other out.
    pub fn nearest(&self, vectors: &Vectors, device: &DeviceWords, count: usize) -> Result<Neighbors, DeviceProblem> {
        let mut query = vec![0.0; vectors.dimension()];
        for &(place, weight) in &self.0 {
            for (sum, value) in query.iter_mut().zip(vectors.unit(place)) {
                *sum += f64::from(weight) * f64::from(*value);
            }
        }
        let by_device = device.open()?.nearest(&self.0)?;
        let length = query.iter().map(|value| value * value).sum::<f64>().sqrt();
        let cosine =
            |place: usize| vectors.unit(place).iter().zip(&query).map(|(a, b)| f64::from(*a) * b).sum::<f64>() / length;
        let others = (0..vectors.words().len()).filter(|place| self.0.iter().all(|(term, _)| term != place));
        let mut by_f32: Vec<(usize, f64)> = others.map(|place| (place, cosine(place))).collect();
        by_f32.sort_by(|a, b| b.1.total_cmp(&a.1));
        let named = |(place, cosine): (usize, f64)| Neighbor { word: vectors.words()[place].clone(), cosine };
        let count = count.min(MOST_NEAREST);
        let by_device = by_device.into_iter().map(|(place, score)| (place, f64::from(score.to_f32())));
        Ok(Neighbors {
            f32: by_f32.into_iter().take(count).map(named).collect(),
            device: by_device.take(count).map(named).collect(),
        })
    }
}

/// Why a text is no sum of words.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExpressionProblem {
    /// A word without a vector.
    #[error("`{word}` has no vector: check its spelling, or use vectors that have it")]
    Unknown {
        /// The word.
        word: String,
    },
    /// Two words or two signs in a row.
    #[error(
        "`{found}` is not where it can be: an expression is words with + or - between them, such as `king - man + woman`"
    )]
    Form {
        /// What is in the wrong place.
        found: String,
    },
    /// It ends with a sign, or is empty.
    #[error("a word is missing at its end: an expression is words with + or - between them")]
    Unfinished,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> Vectors {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a 1 0\nb 0 1\nab 1 1\nanti-a -1 0\nfar -1 -1\n").unwrap();
        Vectors::read(file.path()).unwrap()
    }

    #[test]
    fn sums_have_neighbors() {
        let vectors = vectors();
        let device = DeviceWords::new(&vectors).unwrap();
        let near = |text: &str| Expression::parse(text, &vectors).unwrap().nearest(&vectors, &device, 2).unwrap();
        for (text, expected) in [("a + b", ["ab", "anti-a"]), ("- anti-a", ["a", "ab"]), ("ab - b", ["a", "anti-a"])] {
            let found = near(text);
            let names = |found: &[Neighbor]| found.iter().map(|near| near.word.clone()).collect::<Vec<_>>();
            assert_eq!(names(&found.f32)[0], expected[0], "{text}");
            assert_eq!(names(&found.device)[0], expected[0], "{text}");
            assert!((found.f32[0].cosine - found.device[0].cosine).abs() < 0.01, "{found:?}");
        }
        let cancelled = Expression::parse("a + anti-a", &vectors).unwrap().nearest(&vectors, &device, 2);
        assert!(cancelled.unwrap_err().to_string().contains("cancel each other out"));
    }

    #[test]
    fn what_is_no_expression() {
        for (text, message) in [
            ("", "missing at its end"),
            ("a -", "missing at its end"),
            ("a b", "`b` is not where it can be"),
            ("a + - b", "`-` is not where it can be"),
            ("+ a", "`+` is not where it can be"),
            ("a + nobody", "`nobody` has no vector"),
        ] {
            let error = Expression::parse(text, &vectors()).unwrap_err().to_string();
            assert!(error.contains(message), "{text:?} gave: {error}");
        }
    }
}
