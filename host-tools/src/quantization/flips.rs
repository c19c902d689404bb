//! At which layer a decision begins to differ.

use super::lower::Lowered;
use super::network::NodeId;
use super::scheme::Scheme;
use super::verdict::{Flips, cosine};
use crate::encoder::EncodeError;
use crate::int8::Int8Encoder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most decisions that are followed.
pub const MOST_FOLLOWED: usize = 16;

/// Where some decisions begin to differ.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Beginning {
    /// The layer: with int8 up to it and f32 behind it they are other ones, and with int8 up to the layer before it they are not.
    /// `None` where they stay the same to the last layer, and differ by the rounding of templates, or by the threshold that is
    /// chosen on their scores.
    pub layer: Option<String>,
    /// How many.
    pub decisions: usize,
}

/// A sample as both networks see it.
struct Followed {
    sample: Vec<f32>,
    /// What each layer gives in int8.
    int8: Vec<Option<Vec<f32>>>,
}

/// Follows the first of the decisions that int8 changes. `samples` gives a row as the network takes it, and as the device does.
///
/// # Errors
/// [`EncodeError`] when the encoder does not run.
pub fn follow<'a>(
    flips: &Flips,
    scheme: &Scheme,
    lowered: &Lowered,
    encoder: &Int8Encoder,
    samples: impl Fn(usize) -> (Vec<f32>, &'a [f32]),
) -> Result<Vec<Beginning>, EncodeError> {
    let network = &scheme.network;
    let pairs = &flips.pairs[..flips.pairs.len().min(MOST_FOLLOWED)];
    let mut followed = BTreeMap::new();
    for &row in pairs.as_flattened() {
        if followed.contains_key(&row) {
            continue;
        }
        let (sample, device) = samples(row);
        let mut int8 = vec![None; network.nodes.len()];
        let output = encoder.encode_one(device, |step, bytes| {
            // The accumulators of the last one come below.
            if let Some(id) = lowered.nodes[step].filter(|&id| id != network.output) {
                int8[id] = Some(scheme.scales[id].values(bytes).map(|value| value as f32).collect());
            }
        })?;
        int8[network.output] = Some(output);
        followed.insert(row, Followed { sample, int8 });
    }
    let first = |&[a, b]: &[usize; 2]| {
        let accepts = |layer| {
            let [a, b] = [a, b].map(|row| embedding(scheme, &followed[&row], layer));
            cosine(&a, &b) >= flips.threshold
        };
        first_that_differs(network.output, accepts)
    };
    let mut counts = BTreeMap::new();
    for layer in pairs.par_iter().map(first).collect::<Vec<_>>() {
        *counts.entry(layer.unwrap_or(NodeId::MAX)).or_insert(0) += 1;
    }
    let name = |layer: NodeId| network.nodes.get(layer).map(|node| node.name.clone());
    Ok(counts.into_iter().map(|(layer, decisions)| Beginning { layer: name(layer), decisions }).collect())
}

/// The embedding with int8 up to a layer, and f32 behind it.
fn embedding(scheme: &Scheme, followed: &Followed, layer: NodeId) -> Vec<f32> {
    let network = &scheme.network;
    let known = |id: NodeId| if id <= layer { followed.int8[id].clone() } else { None };
    network.run_beside(&followed.sample, known, |_, _| ()).swap_remove(network.output)
}

/// Of the layers 1 to `last` one at which a decision differs from that at 0, and not yet at the layer before; `None` where it does
/// not differ at the last.
fn first_that_differs(last: NodeId, accepts: impl Fn(NodeId) -> bool) -> Option<NodeId> {
    let exact = accepts(0);
    if accepts(last) == exact {
        return None;
    }
    let (mut same, mut other) = (0, last);
    while other - same > 1 {
        let middle = same.midpoint(other);
        if accepts(middle) == exact { same = middle } else { other = middle }
    }
    Some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_differs_from_a_layer_on_or_never() {
        for last in 1..20 {
            for begins in 1..=last {
                assert_eq!(first_that_differs(last, |layer| layer < begins), Some(begins));
                assert_eq!(first_that_differs(last, |layer| layer >= begins), Some(begins));
            }
            assert_eq!(first_that_differs(last, |_| true), None);
        }
    }

    #[test]
    fn the_layer_that_is_found_differs_from_the_one_before() {
        // It changes three times.
        let accepts = |layer: usize| !matches!(layer, 3..5 | 7..);
        let found = first_that_differs(9, accepts).unwrap();
        assert!(!accepts(found) && accepts(found - 1));
    }
}
