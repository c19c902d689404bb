//! The front ends: sound, pictures.

use super::{Checksum, Random};
use cognate::frontend::{Crop, LogMel, LogMelTables, Shrink, standardize};

/// What [`Sound`] is heard with: 25 ms of 16 kHz in 40 bands, every 10 ms.
static SPEECH: LogMelTables<400, 256, 40> = LogMelTables::new(16_000, 20, 8_000);

/// A second of made-up sound, for `src/bin/bench-sound.rs`: it swells from silence to the greatest samples.
#[derive(Debug)]
pub struct Sound {
    front_end: LogMel<'static, 400, 160, 256, 40>,
    random: Random,
}

impl Sound {
    /// Points of a second.
    pub const POINTS: usize = 16_000;

    /// Before it begins.
    #[must_use]
    pub const fn new() -> Self {
        Self { front_end: LogMel::new(&SPEECH), random: Random(0x6c07_9a7e) }
    }

    /// Hears it: how many rows of features there are, and what they are.
    pub fn hear(&mut self) -> (u32, Checksum) {
        let (mut rows, mut features) = (0, Checksum::default());
        for point in 0..Self::POINTS {
            let sample = (self.random.next() >> 16) as i16 >> (15 - point / 1000);
            self.front_end.push(&[sample], |row| {
                rows += 1;
                row.iter().for_each(|feature| features.add_signed(i32::from(*feature)));
            });
        }
        (rows, features)
    }
}

impl Default for Sound {
    fn default() -> Self {
        Self::new()
    }
}

const BANDS: usize = 8;

static TABLES: LogMelTables<100, 64, BANDS> = LogMelTables::new(8_000, 20, 4_000);

/// What sensors' front ends make of pseudo-random input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrontEnds {
    /// Features of sound, from a whisper to the greatest samples.
    pub sound: Checksum,
    /// Pixels, shrunk and standardized.
    pub pictures: Checksum,
}

impl FrontEnds {
    /// All of it. A function of its own, so that its buffers are on the stack of a small board for this long only.
    #[must_use]
    #[inline(never)]
    pub fn compute() -> Self {
        let mut random = Random(0x6c07_9a7e);
        let mut found = Self { sound: Checksum::default(), pictures: Checksum::default() };
        let mut sound = LogMel::<100, 40, 64, BANDS>::new(&TABLES);
        for shift in 0..16 {
            for _ in 0..100 {
                let sample = (random.next() >> 16) as i16 >> shift;
                sound.push(&[sample], |row| row.iter().for_each(|x| found.sound.add_signed(i32::from(*x))));
            }
        }
        let crop = Crop { top: 1, left: 2, height: 27, width: 25 };
        let Some(mut picture) = Shrink::<8, 24>::new(crop, 3) else { return found };
        for _ in 0..30 {
            let line: [u8; 84] = core::array::from_fn(|_| (random.next() >> 25) as u8);
            let Some((_, row)) = picture.push(&line) else { continue };
            let mut row = *row;
            standardize(&mut row, 60);
            row.iter().for_each(|pixel| found.pictures.add(u32::from(*pixel)));
        }
        found
    }
}
