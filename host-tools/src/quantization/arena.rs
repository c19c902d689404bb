//! Where tensors lie in the arena: two may share bytes where one is no longer needed when the other is written.

/// Bytes that are needed from one step to another, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// How many.
    pub bytes: usize,
    /// The step that writes them first.
    pub begin: usize,
    /// The last step that reads them.
    pub end: usize,
}

impl Block {
    const fn meets(&self, other: &Self) -> bool {
        self.begin <= other.end && other.begin <= self.end
    }
}

/// Each block begins at a multiple of this.
const ALIGNMENT: usize = 16;

/// Orders that are tried beside those that usually suffice.
const TRIES: usize = 2000;

/// The greatest sum of the blocks that are needed at one time: no arena is smaller.
#[must_use]
pub fn least(blocks: &[Block]) -> usize {
    let at = |step: usize| {
        let live = blocks.iter().filter(|block| (block.begin..=block.end).contains(&step));
        live.map(|block| block.bytes.next_multiple_of(ALIGNMENT)).sum()
    };
    blocks.iter().map(|block| at(block.begin)).max().unwrap_or(0)
}

/// The offset of each block, and the bytes of the arena.
#[must_use]
pub fn plan(blocks: &[Block]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|&block| std::cmp::Reverse((blocks[block].bytes, blocks[block].end - blocks[block].begin)));
    let mut best = place(blocks, &order);
    let bound = least(blocks);
    let mut chance = fastrand::Rng::with_seed(1);
    for _ in 0..TRIES {
        if best.1 == bound || order.len() < 2 {
            break;
        }
        let mut other = order.clone();
        other.swap(chance.usize(..order.len()), chance.usize(..order.len()));
        let placed = place(blocks, &other);
        if placed.1 <= best.1 {
            (best, order) = (placed, other);
        }
    }
    best
}

/// Each block, in this order, at the lowest place that is free for as long as it is needed.
fn place(blocks: &[Block], order: &[usize]) -> (Vec<usize>, usize) {
    let mut offsets = vec![0; blocks.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(blocks.len());
    let mut arena = 0;
    for &block in order {
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|&&other| blocks[other].meets(&blocks[block]))
            .map(|&other| (offsets[other], offsets[other] + blocks[other].bytes))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (begin, end) in taken {
            if offset + blocks[block].bytes <= begin {
                break;
            }
            offset = offset.max(end.next_multiple_of(ALIGNMENT));
        }
        offsets[block] = offset;
        arena = arena.max(offset + blocks[block].bytes);
        placed.push(block);
    }
    (offsets, arena.next_multiple_of(ALIGNMENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_take_their_greatest_pair() {
        let sizes = [100, 400, 300, 64, 500, 32];
        let of = |(step, &bytes): (usize, &usize)| Block { bytes, begin: step, end: step + 1 };
        let blocks: Vec<Block> = sizes.iter().enumerate().map(of).collect();
        assert_eq!(least(&blocks), 400 + 304);
        assert_eq!(plan(&blocks).1, least(&blocks));
    }

    #[test]
    fn blocks_by_chance_never_overlap_and_come_near_the_bound() {
        let mut chance = fastrand::Rng::with_seed(2);
        for _ in 0..50 {
            let blocks: Vec<Block> = (0..40)
                .map(|begin| Block { bytes: chance.usize(1..5000), begin, end: begin + chance.usize(1..5) })
                .collect();
            let (offsets, arena) = plan(&blocks);
            for (a, b) in (0..blocks.len()).flat_map(|b| (0..b).map(move |a| (a, b))) {
                let apart = offsets[a] + blocks[a].bytes <= offsets[b] || offsets[b] + blocks[b].bytes <= offsets[a];
                assert!(apart || !blocks[a].meets(&blocks[b]), "{a} and {b}");
            }
            assert!(offsets.iter().all(|offset| offset.is_multiple_of(ALIGNMENT)));
            assert!(arena * 100 <= least(&blocks) * 105, "{arena} of {}", least(&blocks));
        }
    }
}
