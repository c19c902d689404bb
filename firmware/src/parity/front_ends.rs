//! The front ends: sound, pictures.

use super::{Checksum, Random};
use cognate::frontend::{Crop, LogMel, LogMelTables, Shrink, standardize};

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
