use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const MODEL: ModelDigest = ModelDigest::new([1; 16]);
const OTHER: ModelDigest = ModelDigest::new([2; 16]);

/// Gives the sum and the difference of samples of two elements, times a factor, and counts them.
struct Sums {
    factor: f32,
    runs: Arc<AtomicUsize>,
}

impl Encoder for Sums {
    fn sample_shape(&self) -> &[usize] {
        &[2]
    }

    fn dimension(&self) -> usize {
        2
    }

    fn encode(&self, batch: &[f32]) -> Result<Vec<f32>, EncodeError> {
        self.runs.fetch_add(batch.len() / 2, Ordering::Relaxed);
        Ok(batch.chunks_exact(2).flat_map(|s| [(s[0] + s[1]) * self.factor, (s[0] - s[1]) * self.factor]).collect())
    }
}

/// Encodes these samples behind a cache; gives how many the encoder had to do, and what the cache says.
fn run(folder: &Path, model: ModelDigest, samples: &[f32]) -> (usize, Usage) {
    let runs = Arc::new(AtomicUsize::new(0));
    let factor = if model == MODEL { 1.0 } else { -3.0 };
    let encoder = || Sums { factor, runs: runs.clone() };
    let expected = encoder().encode(samples).unwrap();
    runs.store(0, Ordering::Relaxed);
    let cached = CachedEncoder::new(Box::new(encoder()), folder, model);
    assert_eq!(cached.encode(samples).unwrap(), expected);
    assert_eq!(cached.encode(samples).unwrap(), expected, "and again");
    let mut usage = cached.usage();
    usage.found -= samples.len() / 2;
    (runs.load(Ordering::Relaxed), usage)
}

fn usage(found: usize, encoded: usize, damaged: usize) -> Usage {
    Usage { found, encoded, damaged, trouble: None }
}

fn file_of(folder: &Path, model: ModelDigest) -> PathBuf {
    folder.join(format!("{model}.embeddings"))
}

#[test]
fn nothing_is_encoded_twice_and_models_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let folder = &folder.path().join("not/there/yet");
    assert_eq!(run(folder, MODEL, &[1.0, 2.0, 3.0, 4.0]), (2, usage(0, 2, 0)));
    assert_eq!(run(folder, MODEL, &[3.0, 4.0, 5.0, 6.0, 1.0, 2.0]), (1, usage(2, 1, 0)));
    assert_eq!(run(folder, OTHER, &[1.0, 2.0]), (1, usage(0, 1, 0)));
    assert_eq!(run(folder, MODEL, &[1.0, 2.0, 5.0, 6.0]), (0, usage(2, 0, 0)));
    // A file under another model's name is not that model's.
    std::fs::copy(file_of(folder, OTHER), file_of(folder, MODEL)).unwrap();
    assert_eq!(run(folder, MODEL, &[1.0, 2.0]), (1, usage(0, 1, 0)));

    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    let found = models(folder).unwrap();
    assert_eq!(
        found.iter().map(|model| model.model.as_str()).collect::<Vec<_>>(),
        [MODEL, OTHER].map(|m| m.to_string())
    );
    found.iter().for_each(|model| remove(model).unwrap());
    assert!(models(folder).unwrap().is_empty() && folder.join("notes.txt").exists());
}

#[test]
fn every_damaged_byte_is_found_and_the_entry_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let samples = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    run(folder, MODEL, &samples);
    let good = std::fs::read(file_of(folder, MODEL)).unwrap();
    let header = good.len() - 3 * (16 + 8 + 4);
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 0x40;
        std::fs::write(file_of(folder, MODEL), &bad).unwrap();
        let expected = if place < header { (3, usage(0, 3, 0)) } else { (1, usage(2, 1, 1)) };
        assert_eq!(run(folder, MODEL, &samples), expected, "byte {place}");
        let damaged = usize::from(place >= header);
        assert_eq!(run(folder, MODEL, &samples), (0, usage(3, 0, damaged)), "byte {place}, afterwards");
    }
}

#[test]
fn what_was_cut_off_at_any_byte_is_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let samples = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    run(folder, MODEL, &samples);
    let good = std::fs::read(file_of(folder, MODEL)).unwrap();
    let header = good.len() - 3 * (16 + 8 + 4);
    for length in 0..good.len() {
        std::fs::write(file_of(folder, MODEL), &good[..length]).unwrap();
        let whole = length.saturating_sub(header) / (16 + 8 + 4);
        assert_eq!(run(folder, MODEL, &samples), (3 - whole, usage(whole, 3 - whole, 0)), "{length} bytes");
        assert_eq!(std::fs::read(file_of(folder, MODEL)).unwrap(), good, "{length} bytes");
    }
}

#[test]
fn runs_side_by_side_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sample = |value: usize| [value as f32, 0.5];
    std::thread::scope(|scope| {
        for worker in 0..4 {
            scope.spawn(move || {
                for value in 0..50 {
                    run(folder, MODEL, &sample(4 * value + worker));
                }
            });
        }
    });
    let all: Vec<f32> = (0..200).flat_map(sample).collect();
    assert_eq!(run(folder, MODEL, &all), (0, usage(200, 0, 0)));
}

#[test]
fn a_cache_that_does_not_work_is_gone_without() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let cached = CachedEncoder::new(Box::new(Sums { factor: 1.0, runs: Arc::default() }), &file, MODEL);
    assert_eq!(cached.encode(&[1.0, 2.0]).unwrap(), [3.0, -1.0]);
    let Usage { found, encoded, trouble, .. } = cached.usage();
    assert_eq!((found, encoded), (0, 1));
    assert!(trouble.is_some());
    assert_eq!(cached.encode(&[1.0]), Err(EncodeError::Length { sample: 2, found: 1 }));
}
