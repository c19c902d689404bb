//! `cargo xtask powercut`: random histories of a store, the power cut at every point of them.
//!
//! What a history is and how it is judged is the core's own test, `tests/powercut/mod.rs`, here at any length.

use crate::power::{Counts, history};
use anyhow::{Result, ensure};
use std::thread;

/// Operations of a history.
const OPERATIONS: usize = 100;

/// Runs a history of so many operations from a seed.
type History = fn(u64, usize) -> Counts;

/// The bytes of a word, and histories on flash with such.
const WORDS: [(usize, History); 4] = [(1, history::<1>), (4, history::<4>), (8, history::<8>), (32, history::<32>)];

/// Runs so many histories for each size of a flash's words, on all cores, and prints what was lost or half there.
///
/// # Errors
/// When anything was.
pub fn run(json: bool, histories: u64) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let mut all = Counts::default();
    for (bytes, history) in WORDS {
        let mut of_words = Counts::default();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|first| {
                    scope.spawn(move || {
                        let mut counts = Counts::default();
                        for seed in (first..histories).step_by(threads as usize) {
                            counts.add(history(seed * 1000 + bytes as u64, OPERATIONS));
                        }
                        counts
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| worker.join().map(|counts| of_words.add(counts)))
        })
        .map_err(|_| anyhow::anyhow!("a history went wrong without a cut, see above"))?;
        print(json, Some(bytes), of_words);
        all.add(of_words);
    }
    print(json, None, all);
    ensure!(all.lost == 0 && all.half == 0, "{} lost, {} half there", all.lost, all.half);
    Ok(())
}

fn print(json: bool, word: Option<usize>, counts: Counts) {
    let Counts { histories, cut_points, lost, half } = counts;
    if json {
        let line = serde_json::json!({
            "word_bytes": word, "operations": OPERATIONS, "histories": histories, "cut_points": cut_points, "lost": lost,
            "half": half,
        });
        println!("{line}");
    } else {
        let word = word.map_or_else(|| "all".to_owned(), |bytes| format!("{bytes} B"));
        println!("words {word:>4}: histories {histories}, cut_points {cut_points}, lost {lost}, half {half}");
    }
}
