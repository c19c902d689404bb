//! Serves a host over the board's UART: who is enrolled, attempts and bundles are in flash, which is a file of whoever runs the
//! emulator.
//!
//! It ends when it cannot serve, with the reason in the log and exit code 1. After an update it starts anew by itself.
#![no_std]
#![no_main]

use cognate::guard::Limits;
use cognate::kernel;
use cognate::protocol::Server;
use cognate_firmware::board::{self, Counter, Nor, Uart};
use cognate_firmware::device::{Device, DeviceError, Layout, backup_bytes, serve};
use core::cell::RefCell;
use cortex_m::Peripherals;
use cortex_m::peripheral::SCB;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// Elements of a template and of an embedding.
const DIMENSION: usize = 64;
/// Templates that can be enrolled.
const CAPACITY: usize = 500;
/// Pages of the store, for those.
const STORE_PAGES: u32 = 32;

type Clock = fn() -> u64;
type Application = Device<'static, Nor, Clock, DIMENSION, CAPACITY>;

#[cortex_m_rt::entry]
fn main() -> ! {
    board::finish(run())
}

/// Why the firmware gave up.
#[derive(defmt::Format)]
enum Failure {
    Peripherals,
    /// No keys were flashed.
    Keys,
    /// The emulator was given no file for the flash, or one of another length.
    Flash,
    /// The flash is smaller than what is kept there.
    Layout,
    Memory,
    Device(DeviceError),
}

fn run() -> Result<(), Failure> {
    let peripherals = Peripherals::take().ok_or(Failure::Peripherals)?;
    let counter = Counter::start(peripherals.SYST);
    let keys = board::keys().ok_or(Failure::Keys)?;
    let nor = Nor::take().ok_or(Failure::Flash)?;
    let layout = Layout::new(nor.capacity(), Nor::ERASE_SIZE, STORE_PAGES).ok_or(Failure::Layout)?;
    let flash: &'static RefCell<Nor> =
        cortex_m::singleton!(: RefCell<Nor> = RefCell::new(nor)).ok_or(Failure::Memory)?;
    let buffer =
        cortex_m::singleton!(: [u8; backup_bytes(CAPACITY, DIMENSION)] = [0; backup_bytes(CAPACITY, DIMENSION)]);
    let buffer = buffer.ok_or(Failure::Memory)?;
    let (ticks, device) =
        counter.ticks(|| Application::open(flash, layout, keys, Limits::ANDROID, board::seconds, buffer));
    let device = device.map_err(Failure::Device)?;
    let instructions = u64::from(ticks) * u64::from(counter.instructions_per_tick().0) / 1000;
    defmt::info!("board {=str}, kernels {=str}", board::NAME, kernel::NAME);
    if let Some(error) = device.store_error() {
        defmt::warn!("store {}", error);
    }
    let templates = device.templates();
    let server = Server::new(device, keys.link);
    let server = cortex_m::singleton!(: Server<Application> = server).ok_or(Failure::Memory)?;
    defmt::info!(
        "ready with {=usize} templates after {=u64} instructions, peak_stack {=u32}",
        templates,
        instructions,
        board::peak_stack()
    );
    let mut uart = Uart::start();
    match serve(server, &mut uart, Application::wants_restart) {
        Ok(()) => SCB::sys_reset(),
        Err(never) => match never {},
    }
}
