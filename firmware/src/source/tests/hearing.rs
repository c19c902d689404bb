//! Sound.

use super::*;
use crate::fixture::sound_encoder;
use cognate::frontend::{Fit, LogMel, LogMelTables, SoundForm};

const WINDOW: usize = 20;
const HOP: usize = 8;
const HALF: usize = 16;
const BANDS: usize = 4;
const ROWS: usize = 3;
/// What three rows are made of.
const POINTS: usize = 36;

static TABLES: LogMelTables<WINDOW, HALF, BANDS> = LogMelTables::new(8000, 100, 3900);

type FrontEnd = LogMel<'static, WINDOW, HOP, HALF, BANDS>;

fn form(fit: Fit) -> SoundForm {
    FrontEnd::new(&TABLES).form(fit)
}

/// A recording: so many points as it says, and those that come, in pieces of a length; `None` for one that fails.
type Recording = Option<(usize, Vec<i16>)>;

/// Recordings from a list.
struct Tape {
    recordings: std::vec::IntoIter<Recording>,
    playing: Vec<i16>,
    piece: usize,
    played: Vec<i16>,
}

impl Recorder for Tape {
    type Error = &'static str;

    fn next_recording(&mut self) -> Result<Option<usize>, &'static str> {
        match self.recordings.next() {
            None => Ok(None),
            Some(None) => Err("no tape"),
            Some(Some((points, playing))) => {
                self.playing = playing;
                Ok(Some(points))
            }
        }
    }

    fn next_points(&mut self) -> Result<&[i16], &'static str> {
        let piece = self.piece.min(self.playing.len());
        self.played = self.playing.drain(..piece).collect();
        Ok(&self.played)
    }
}

fn tape(recordings: Vec<Recording>, piece: usize) -> Tape {
    Tape { recordings: recordings.into_iter(), playing: Vec::new(), piece, played: Vec::new() }
}

/// A sound of so many points, no two of them alike.
fn sound(points: usize) -> Vec<i16> {
    (0..points as i32).map(|n| ((n * 7919 + points as i32 * 31) % 20_011 - 10_000) as i16).collect()
}

/// The features of a recording that was brought to its length by hand.
fn features(points: &[i16], fit: Fit) -> Vec<i16> {
    let (short, long) = (POINTS.saturating_sub(points.len()), points.len().saturating_sub(POINTS));
    let (before, passed) = if fit == Fit::Center { (short / 2, long / 2) } else { (0, 0) };
    let mut fitted = std::vec![0; before];
    fitted.extend(&points[passed..passed + points.len().min(POINTS)]);
    fitted.resize(POINTS, 0);
    let mut found = Vec::new();
    FrontEnd::new(&TABLES).push(&fitted, |row| found.extend_from_slice(row));
    assert_eq!(found.len(), ROWS * BANDS);
    found
}

/// Runs a test with a recorder that is heard for an encoder of this form.
fn hear<T>(
    sound: SoundForm,
    recorder: Tape,
    test: impl FnOnce(&mut Hearing<'_, '_, Tape, Turns, WINDOW, HOP, HALF, BANDS>) -> T,
) -> T {
    let bytes = sound_encoder::<{ ROWS * BANDS }>(Some(sound));
    let encoder = Encoder::<{ operators::ALL }>::new_checked(&bytes).expect("it is valid");
    let (mut front_end, mut rows) = (FrontEnd::new(&TABLES), [[0; BANDS]; ROWS]);
    let hearing = Hearing::new(&encoder, recorder, &mut front_end, &mut rows, Turns::default());
    test(&mut hearing.expect("it is of this sound"))
}

#[test]
fn recordings_of_every_length_in_every_piece_become_what_the_host_makes_of_them() {
    for fit in [Fit::Start, Fit::Center] {
        for piece in [1, 7, 100] {
            let recordings = (0..2 * POINTS).map(|points| Some((points, sound(points)))).collect();
            hear(form(fit), tape(recordings, piece), |hearing| {
                for points in 0..2 * POINTS {
                    let expected = features(&sound(points), fit);
                    assert_eq!(hearing.next_sample(), Ok(Some(Sample::Int16(&expected))), "{points} points");
                    assert_eq!(hearing.features(), expected);
                }
                assert_eq!(hearing.next_sample(), Ok(None));
                assert_eq!(hearing.meter().ended, 2 * POINTS as u32);
            });
        }
    }
}

#[test]
fn where_lengths_have_to_be_exact_others_are_refused_and_the_next_recording_comes() {
    let recordings = [35, 36, 37, 36].map(|points| Some((points, sound(points)))).to_vec();
    hear(form(Fit::Exact), tape(recordings, 5), |hearing| {
        let expected = features(&sound(36), Fit::Exact);
        for found in [35, 37] {
            assert_eq!(hearing.next_sample(), Err(HearError::Length { expected: 36, found }));
            assert_eq!(hearing.next_sample(), Ok(Some(Sample::Int16(&expected))));
        }
    });
}

#[test]
fn after_a_recording_that_fails_or_ends_early_comes_the_next() {
    let recordings = std::vec![Some((30, sound(10))), None, Some((50, sound(43))), Some((20, sound(20)))];
    hear(form(Fit::Center), tape(recordings, 8), |hearing| {
        assert_eq!(hearing.next_sample(), Err(HearError::Ended { expected: 30, found: 10 }));
        assert_eq!(hearing.next_sample(), Err(HearError::Recorder("no tape")));
        // Of the middle of 50, all is there: what came before it does not count, and what should come after is not asked for.
        let middle = sound(43)[7..].to_vec();
        assert_eq!(hearing.next_sample(), Ok(Some(Sample::Int16(&features(&middle, Fit::Exact)))));
        assert_eq!(hearing.next_sample(), Ok(Some(Sample::Int16(&features(&sound(20), Fit::Center)))));
        // A meter that was begun has ended.
        assert_eq!((hearing.meter().begun, hearing.meter().ended), (3, 3));
    });
}

#[test]
fn an_encoder_of_other_features_is_refused() {
    let refused = |bytes: &[u8], rows: usize| {
        let encoder = Encoder::<{ operators::ALL }>::new_checked(bytes).expect("it is valid");
        let (mut front_end, mut memory) = (FrontEnd::new(&TABLES), [[0; BANDS]; ROWS]);
        Hearing::new(&encoder, tape(Vec::new(), 1), &mut front_end, &mut memory[..rows], ()).err()
    };
    let expected = form(Fit::Start);
    assert_eq!(refused(&sound_encoder::<12>(None), ROWS), Some(UnheardEncoder::NotOfSound));
    assert_eq!(refused(&encoder(), ROWS), Some(UnheardEncoder::NotOfSound));
    for found in [
        SoundForm { rate: 16_000, ..expected },
        SoundForm { window: 19, ..expected },
        SoundForm { hop: 9, ..expected },
        SoundForm { transform: 64, ..expected },
        SoundForm { bands: 2, ..expected },
        SoundForm { low: 99, ..expected },
        SoundForm { high: 3901, ..expected },
        SoundForm { relative: true, ..expected },
    ] {
        assert_eq!(refused(&sound_encoder::<12>(Some(found)), ROWS), Some(UnheardEncoder::Sound { expected, found }));
    }
    let other = UnheardEncoder::Rows { expected: 2, found: 3 };
    assert_eq!(refused(&sound_encoder::<12>(Some(expected)), 2), Some(other));
    assert_eq!(refused(&sound_encoder::<12>(Some(expected)), ROWS), None);
}

#[test]
fn what_is_heard_is_encoded() {
    let bytes = sound_encoder::<12>(Some(form(Fit::Center)));
    let encoder = Encoder::<{ operators::ALL }>::new_checked(&bytes).expect("it is valid");
    let (mut front_end, mut rows) = (FrontEnd::new(&TABLES), [[0; BANDS]; ROWS]);
    let recorder = tape(std::vec![Some((50, sound(50))), None], 16);
    let hearing = Hearing::new(&encoder, recorder, &mut front_end, &mut rows, ()).expect("it is of this sound");
    let mut arena = Arena::<128>::new();
    let mut source = Encoding::new(encoder, arena.bytes(), hearing, ()).expect("there is enough memory");
    let expected = features(&sound(50), Fit::Center);
    // The encoder is a line through zero.
    let values = core::array::from_fn(|index| f32::from(expected[index]));
    assert_eq!(source.next_sample(), Ok(Embedding::<12>::new(values).ok()));
    assert_eq!(source.sensor().features(), expected);
    let error = EncodeError::Sensor(HearError::Recorder("no tape"));
    assert_eq!(SampleSource::<12>::next_sample(&mut source), Err(error));
    assert_eq!(SampleSource::<12>::next_sample(&mut source), Ok(None));
}

#[test]
fn recordings_in_flash_come_in_order_and_end() {
    #[repr(align(4))]
    struct Flash([u8; 19]);
    let flash = Flash([3, 0, 0, 0, 1, 0, 0xff, 0xff, 0, 0x80, 0, 0, 0, 0, 9, 0, 0, 0, 7]);
    let mut recordings = Recordings::new(&flash.0);
    assert_eq!(recordings.next_recording(), Ok(Some(3)));
    assert_eq!(recordings.next_points(), Ok(&[1, -1, i16::MIN][..]));
    assert_eq!(recordings.next_points(), Ok(&[][..]));
    assert_eq!(recordings.next_recording(), Ok(Some(0)));
    assert_eq!(recordings.next_points(), Ok(&[][..]));
    let cut = RecordingsError::Incomplete { recording: 2, found: 5 };
    assert_eq!(recordings.next_recording(), Err(cut));
    assert_eq!(recordings.next_recording(), Ok(None));
}

#[test]
fn recordings_where_a_core_cannot_load_them_are_refused() {
    #[repr(align(4))]
    struct Flash([u8; 11]);
    let flash = Flash([0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0]);
    let mut recordings = Recordings::new(&flash.0[1..]);
    assert_eq!(recordings.next_recording(), Err(RecordingsError::Alignment { recording: 0 }));
    assert_eq!(recordings.next_points(), Ok(&[][..]));
    assert_eq!(recordings.next_recording(), Err(RecordingsError::Alignment { recording: 1 }));
    assert_eq!(recordings.next_recording(), Ok(None));
}
