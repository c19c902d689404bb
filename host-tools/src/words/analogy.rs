//! Analogies, "a is to b as c is to d": d is the word most alike to b − a + c, the three left out (Mikolov, Chen, Corrado
//! and Dean, 2013).

use super::Vectors;
use super::device::{DeviceProblem, DeviceWords};
use crate::file::{self, FileError, Unreadable};
use nalgebra::DMatrix;
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;

/// Questions that are answered together: their scores of every word are one matrix product.
const BLOCK: usize = 64;

/// Questions by section, in the file's order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Questions {
    sections: Vec<String>,
    questions: Vec<Question>,
    skipped: Vec<usize>,
}

/// Four words, by their places among the vectors, and their section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Question {
    section: usize,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
}

/// How many questions of a section were answered right.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Questions whose four words have vectors.
    pub asked: usize,
    /// Questions with a word that has none; they are not asked.
    pub skipped: usize,
    /// Answered right with the `f32` vectors.
    pub right_f32: usize,
    /// Answered right by the device's arithmetic.
    pub right_device: usize,
    /// Answers, right or wrong, that the two do not share.
    pub other_answers: usize,
}

impl Questions {
    /// Reads a file of questions: four words a line, and lines `: name` that begin a section.
    ///
    /// # Errors
    /// [`QuestionsProblem`], with the line, when the file is not such a one, or none can be asked.
    pub fn read(path: &Path, vectors: &Vectors) -> Result<Self, FileError<QuestionsProblem>> {
        let of_file = |problem| FileError::new(path, problem);
        let bytes = file::read(path).map_err(|error| of_file(QuestionsProblem::Unreadable(error.problem)))?;
        Self::parse(&String::from_utf8_lossy(&bytes), vectors).map_err(of_file)
    }

    fn parse(text: &str, vectors: &Vectors) -> Result<Self, QuestionsProblem> {
        let mut read = Self { sections: Vec::new(), questions: Vec::new(), skipped: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            match *words {
                [] => {}
                [":", ..] => read.begin(line.trim_start_matches(':').trim()),
                [a, b, c, d] => {
                    if read.sections.is_empty() {
                        read.begin("all");
                    }
                    let section = read.sections.len() - 1;
                    let [a, b, c, d] = [a, b, c, d].map(|word| vectors.place(word));
                    match (a, b, c, d) {
                        (Some(a), Some(b), Some(c), Some(d)) => read.questions.push(Question { section, a, b, c, d }),
                        _ => read.skipped[section] += 1,
                    }
                }
                _ => return Err(QuestionsProblem::Words { line: index + 1, found: words.len() }),
            }
        }
        if read.questions.is_empty() {
            return Err(QuestionsProblem::NoneAsked { skipped: read.skipped.iter().sum() });
        }
        Ok(read)
    }

    fn begin(&mut self, section: &str) {
        self.sections.push(section.to_owned());
        self.skipped.push(0);
    }

    /// How many are asked.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether none is; [`Questions::read`] refuses that.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// Asks every question, on all cores. `progress` is called with how many were answered since.
    ///
    /// # Errors
    /// [`DeviceProblem`] when the device's arithmetic has no answer.
    pub fn ask(
        &self,
        vectors: &Vectors,
        device: &DeviceWords,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Section>, DeviceProblem> {
        // Words are the rows: the product with a block of queries has all scores of a question in one column.
        let words = DMatrix::from_row_slice(vectors.words().len(), vectors.dimension(), vectors.units());
        let device = device.open()?;
        let answers = self.questions.par_chunks(BLOCK).map(|block| {
            let by_f32 = answer(block, vectors, &words);
            let by_device = block.iter().map(|question| device.answer([question.a, question.b, question.c]));
            let by_device: Vec<usize> = by_device.collect::<Result<_, _>>()?;
            progress(block.len());
            Ok(by_f32.into_iter().zip(by_device).collect::<Vec<_>>())
        });
        let answers: Vec<Vec<(usize, usize)>> = answers.collect::<Result<_, DeviceProblem>>()?;
        let section = |(name, &skipped): (&String, &usize)| Section {
            name: name.clone(),
            asked: 0,
            skipped,
            right_f32: 0,
            right_device: 0,
            other_answers: 0,
        };
        let mut sections: Vec<Section> = self.sections.iter().zip(&self.skipped).map(section).collect();
        for (question, (by_f32, by_device)) in self.questions.iter().zip(answers.into_iter().flatten()) {
            let section = &mut sections[question.section];
            section.asked += 1;
            section.right_f32 += usize::from(by_f32 == question.d);
            section.right_device += usize::from(by_device == question.d);
            section.other_answers += usize::from(by_f32 != by_device);
        }
        Ok(sections)
    }
}

/// The answers to some questions in `f32`: of words that are equally alike, the first.
fn answer(block: &[Question], vectors: &Vectors, words: &DMatrix<f32>) -> Vec<usize> {
    let query = |question: &Question| {
        let [a, b, c] = [question.a, question.b, question.c].map(|place| vectors.unit(place));
        a.iter().zip(b).zip(c).map(|((a, b), c)| b - a + c).collect::<Vec<f32>>()
    };
    let queries = block.iter().flat_map(query);
    let queries = DMatrix::from_iterator(vectors.dimension(), block.len(), queries);
    let scores = words * queries;
    let best = |(question, scores): (&Question, &[f32])| {
        let is_other = |place: &usize| ![question.a, question.b, question.c].contains(place);
        let others = (0..scores.len()).filter(is_other);
        others.reduce(|best, place| if scores[place] > scores[best] { place } else { best }).unwrap_or_default()
    };
    block.iter().zip(scores.as_slice().chunks_exact(vectors.words().len())).map(best).collect()
}

/// Why there are no questions.
#[derive(Debug, thiserror::Error)]
pub enum QuestionsProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(Unreadable),
    /// Not four words.
    #[error("line {line} has {found} words where a question has four; a section begins with `: name`")]
    Words {
        /// The line, counted from 1.
        line: usize,
        /// Words on it.
        found: usize,
    },
    /// Words without vectors everywhere.
    #[error("none of its {skipped} questions has vectors for all four words: use vectors of these words")]
    NoneAsked {
        /// Questions that are there.
        skipped: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> Vectors {
        let file = tempfile::NamedTempFile::new().unwrap();
        // Royalty, man and woman are axes; a duck is something else.
        let text = "man 0 1 0 0.1\nwoman 0 0 1 0.1\nking 1 1 0 0\nqueen 1 0 1 0\nduck -1 0 0 3\nboy 0 1 0 -0.2\n";
        std::fs::write(file.path(), text).unwrap();
        Vectors::read(file.path()).unwrap()
    }

    #[test]
    fn sections_are_counted_apart() {
        let vectors = vectors();
        let text = ": royal\nman woman king queen\nking queen man woman\nman king unicorn queen\n\n: wrong\nman woman king duck\n";
        let questions = Questions::parse(text, &vectors).unwrap();
        let device = DeviceWords::new(&vectors).unwrap();
        let section = |name: &str, asked, skipped, right| Section {
            name: name.to_owned(),
            asked,
            skipped,
            right_f32: right,
            right_device: right,
            other_answers: 0,
        };
        let answered = std::sync::atomic::AtomicUsize::new(0);
        let count = |done| {
            answered.fetch_add(done, std::sync::atomic::Ordering::Relaxed);
        };
        let sections = questions.ask(&vectors, &device, &count).unwrap();
        assert_eq!(sections, [section("royal", 2, 1, 2), section("wrong", 1, 0, 0)]);
        assert_eq!(answered.into_inner(), 3);
    }

    #[test]
    fn what_is_no_question_is_named() {
        for (text, message) in [
            (": s\nman woman king\n", "line 2 has 3 words"),
            (": s\nman woman king unicorn\n", "none of its 1 questions"),
            ("", "none of its 0 questions"),
        ] {
            let error = Questions::parse(text, &vectors()).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert_eq!(Questions::parse("man woman king queen\n", &vectors()).unwrap().sections, ["all"]);
    }
}
