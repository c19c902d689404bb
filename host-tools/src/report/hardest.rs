//! The pairs that are hardest to tell: genuine ones that score least, impostor ones that score most.

use crate::evaluation::{Rows, ScoredPair, Visitor, visit_pairs};
use crate::labels::Labels;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Pairs of each kind.
pub const SHOWN: usize = 6;
/// The longer side of a picture, in pixels.
const SIDE: u32 = 112;

/// The hardest pairs, the hardest first.
#[derive(Clone, Debug, Default)]
pub struct Hardest {
    /// Of one subject.
    pub genuine: Vec<ScoredPair>,
    /// Of two.
    pub impostor: Vec<ScoredPair>,
}

impl Hardest {
    /// Finds them.
    #[must_use]
    pub fn of(rows: &Rows) -> Self {
        let found = Mutex::new(Self::default());
        visit_pairs(rows, || Finder { found: Self::default(), all: &found }, &|_| ());
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&mut self) {
        self.genuine.sort_unstable();
        self.genuine.truncate(SHOWN);
        self.impostor.sort_unstable_by(|a, b| b.score.cmp(&a.score).then_with(|| a.cmp(b)));
        self.impostor.truncate(SHOWN);
    }
}

struct Finder<'a> {
    found: Hardest,
    all: &'a Mutex<Hardest>,
}

impl Visitor for Finder<'_> {
    fn visit(&mut self, probe: usize, first: usize, genuine: &[i32], impostor: &[i32]) {
        let pair = |(place, &score): (usize, &i32)| ScoredPair {
            score,
            probe: probe as u32,
            template: (first + place) as u32,
        };
        // Only what could be among the hardest so far.
        let limit = |pairs: &[ScoredPair]| pairs.get(SHOWN - 1).map(|pair| pair.score);
        let (least, most) = (limit(&self.found.genuine), limit(&self.found.impostor));
        let harder = genuine.iter().enumerate().filter(|(_, score)| least.is_none_or(|least| **score <= least));
        self.found.genuine.extend(harder.map(pair));
        let behind = impostor.iter().enumerate().map(|(place, score)| (place + genuine.len(), score));
        self.found.impostor.extend(behind.filter(|(_, score)| most.is_none_or(|most| **score >= most)).map(pair));
        self.found.keep();
    }
}

impl Drop for Finder<'_> {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.genuine.append(&mut self.found.genuine);
        all.impostor.append(&mut self.found.impostor);
        all.keep();
    }
}

/// The picture of a sample, small, as an address that holds it whole; `None` where the sample is no picture that is still there.
/// Its file is looked for in `folder`.
#[must_use]
pub fn picture(labels: &Labels, row: usize, folder: &Path) -> Option<String> {
    let label = &labels.rows[row];
    let mut picture = image::open(folder.join(&label.file)).ok()?;
    // A manifest that cuts samples out of sheets.
    let column = |name: &str| {
        let place = labels.columns.iter().position(|column| column == name)?;
        label.metadata[place].trim().parse::<u32>().ok()
    };
    if let (Some(x), Some(y), Some(width), Some(height)) = (column("x"), column("y"), column("width"), column("height"))
    {
        picture = picture.crop_imm(x, y, width, height);
    }
    let small = if picture.width().max(picture.height()) > SIDE { picture.thumbnail(SIDE, SIDE) } else { picture };
    let mut bytes = Cursor::new(Vec::new());
    small.to_rgb8().write_to(&mut bytes, image::ImageFormat::Png).ok()?;
    Some(address("image/png", bytes.get_ref()))
}

/// An address that holds what it names.
#[must_use]
pub fn address(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", STANDARD.encode(bytes))
}
