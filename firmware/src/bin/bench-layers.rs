//! Counts what a layer of an encoder costs in instructions, and what its definition costs, on the device itself.
//!
//! `cargo xtask bench` flashes the layer: [`cognate_firmware::layer_workload`].
#![no_std]
#![no_main]

use cognate::kernel;
use cognate::kernel::layers::{Filter, Layer, Output, Rescale, Sizes, convolve, scratch_bytes};
use cognate_firmware::board::{self, Counter};
use cognate_firmware::layer_workload::LayerWorkload;
use core::hint::black_box;
use cortex_m::Peripherals;

/// Input and output.
const TENSORS: usize = if cfg!(feature = "microbit") { 12 * 1024 } else { 52 * 1024 };
const SCRATCH: usize = if cfg!(feature = "microbit") { 16 } else { 3 * 1024 };

/// Why the firmware gave up.
#[derive(defmt::Format)]
enum Failure {
    Peripherals,
    NoWorkload,
    TooLarge,
}

/// At a multiple of 16, as an encoder's arena is.
#[repr(align(16))]
struct Aligned<T>(T);

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Aligned<[i8; TENSORS]> = Aligned([0; TENSORS]);
    static mut ROOM: Aligned<[u8; SCRATCH]> = Aligned([0; SCRATCH]);
    board::finish(run(&mut MEMORY.0, &mut ROOM.0))
}

fn run(tensors: &mut [i8], scratch: &mut [u8]) -> Result<(), Failure> {
    let peripherals = Peripherals::take().ok_or(Failure::Peripherals)?;
    let counter = Counter::start(peripherals.SYST);
    let k = counter.instructions_per_tick();
    defmt::info!("board {=str}, kernels {=str}, {} instructions a tick", board::NAME, kernel::NAME, k);
    let LayerWorkload { streamed, plain, runs } = LayerWorkload::read(board::bundle()).ok_or(Failure::NoWorkload)?;
    let Sizes { input, output, .. } = *streamed.shape().sizes();
    let elements = input.elements();
    let (input, rest) = tensors.split_at_mut_checked(elements.next_multiple_of(16)).ok_or(Failure::TooLarge)?;
    let input = input.get_mut(..elements).ok_or(Failure::TooLarge)?;
    let output = rest.get_mut(..output.elements()).ok_or(Failure::TooLarge)?;
    let scratch = scratch.get_mut(..scratch_bytes(streamed.shape(), streamed.layout())).ok_or(Failure::TooLarge)?;
    let mut state = 0x9e37_79b9_u32;
    for element in input.iter_mut() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *element = (state >> 24) as i8;
    }
    let mut measure = |filter: Filter<'_>, scratch: &mut [u8], runs| {
        let layer = Layer { filter, input_zero: -3, rescale: Rescale { shift: 0, zero: 5 } };
        output.fill(0);
        let (ticks, ()) = counter.ticks(|| {
            for _ in 0..runs {
                convolve(black_box(&layer), black_box(input), scratch, &mut Output::Int8(output));
            }
        });
        (ticks, output.iter().fold(0u32, |sum, value| (sum ^ *value as u32).wrapping_mul(0x0100_0193).rotate_left(7)))
    };
    let (ticks, found) = measure(streamed, scratch, runs);
    let (plain_ticks, expected) = measure(plain, &mut [], 1);
    defmt::info!(
        "layer runs {=u32} ticks {=u32} plain {=u32} equal {=bool}",
        runs,
        ticks,
        plain_ticks,
        found == expected
    );
    Ok(())
}
