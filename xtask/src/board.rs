//! The boards that the firmware is built for.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use cognate::CodeForm;
use cognate::kernel::Layout;
use cognate::kernel::layers::FilterLayout;

/// A board: one that QEMU emulates, or one that people own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Board {
    /// BBC micro:bit: Cortex-M0
    #[value(name = "microbit")]
    Microbit,
    /// Arm MPS2+ with the AN385 image: Cortex-M3
    #[value(name = "mps2-an385")]
    Mps2An385,
    /// Arm MPS2+ with the AN386 image: Cortex-M4F
    #[value(name = "mps2-an386")]
    Mps2An386,
    /// Arm MPS2+ with the AN500 image: Cortex-M7
    #[value(name = "mps2-an500")]
    Mps2An500,
    /// Arm MPS2+ with the AN505 image: Cortex-M33
    #[value(name = "mps2-an505")]
    Mps2An505,
    /// Arm MPS3 with the AN547 image: Cortex-M55 with Helium
    #[value(name = "mps3-an547")]
    Mps3An547,
    /// Nordic nRF52840-DK: Cortex-M4F
    #[value(name = "nrf52840-dk")]
    Nrf52840Dk,
    /// Raspberry Pi Pico, RP2040: Cortex-M0+
    #[value(name = "pico")]
    Pico,
    /// Raspberry Pi Pico 2, RP2350: Cortex-M33
    #[value(name = "pico2")]
    Pico2,
    /// ST 32F411EDISCOVERY, STM32F411: Cortex-M4F
    #[value(name = "stm32f411e-disco")]
    Stm32F411EDisco,
}

/// What there is to know about a board.
struct Facts {
    name: &'static str,
    core: &'static str,
    cpu: &'static str,
    target: &'static str,
    rustflags: Option<&'static str>,
    place: Place,
    /// The kernels that are compiled for it, as `cognate::kernel::NAME` says.
    kernels: &'static str,
}

/// What a board is.
enum Place {
    /// Emulated, with a SysTick of so many megahertz.
    Qemu(u32),
    /// Silicon behind a debug probe: the chip, as probe-rs calls it.
    Probe(&'static str),
}

impl Board {
    /// Every board that QEMU emulates, and on which everything is tested.
    pub const EMULATED: [Self; 6] =
        [Self::Microbit, Self::Mps2An385, Self::Mps2An386, Self::Mps2An500, Self::Mps2An505, Self::Mps3An547];

    /// Every board that people own: built and sized, and run by whoever has one.
    pub const OWNED: [Self; 4] = [Self::Nrf52840Dk, Self::Pico, Self::Pico2, Self::Stm32F411EDisco];

    /// Reads the name of an emulated board.
    pub fn parse_emulated() -> impl TypedValueParser<Value = Self> {
        PossibleValuesParser::new(Self::EMULATED.map(Self::name)).try_map(|name| Self::from_str(&name, false))
    }

    /// Its name: on the command line, of its feature in `firmware/Cargo.toml`, and of its QEMU machine.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The core that it has.
    pub const fn core(self) -> &'static str {
        self.facts().core
    }

    /// The core as QEMU and the compiler call it.
    pub const fn cpu(self) -> &'static str {
        self.facts().cpu
    }

    /// The core in a word, as figures have it: m0, m3, …
    pub fn short_core(self) -> &'static str {
        self.cpu().trim_start_matches("cortex-")
    }

    /// The Rust target.
    pub const fn target(self) -> &'static str {
        self.facts().target
    }

    /// What the compiler must be told beside the target, to use all instructions of the core.
    pub const fn rustflags(self) -> Option<&'static str> {
        self.facts().rustflags
    }

    /// The kernels that the core is expected to run.
    pub const fn kernels(self) -> &'static str {
        self.facts().kernels
    }

    /// What probe-rs calls its chip; `None` where QEMU emulates it.
    pub const fn chip(self) -> Option<&'static str> {
        match self.facts().place {
            Place::Qemu(_) => None,
            Place::Probe(chip) => Some(chip),
        }
    }

    /// The machine of QEMU that it is, or for the STM32F411 an STM32F405, which has the same core and its memories in the same
    /// places; of ports QEMU has nothing there.
    pub const fn machine(self) -> &'static str {
        match self {
            Self::Stm32F411EDisco => "netduinoplus2",
            _ => self.name(),
        }
    }

    /// Whether it is the first of the boards with its kernels: what takes minutes and depends on them alone is done on that one.
    pub fn stands_for_its_kernels(self) -> bool {
        Self::EMULATED.into_iter().find(|board| board.kernels() == self.kernels()) == Some(self)
    }

    /// How codes lie that its kernels stream fastest.
    pub fn layout(self, form: CodeForm) -> Layout {
        match self.kernels() {
            "dsp" => Layout::Pairs,
            "helium" => Layout::Lanes,
            "armv6m" if form == CodeForm::NormLimited => Layout::Halfwords,
            _ => Layout::Rows,
        }
    }

    /// How an encoder's constants lie that its kernels stream fastest.
    pub fn filter_layout(self) -> FilterLayout {
        match self.kernels() {
            "dsp" => FilterLayout::Pairs,
            "helium" => FilterLayout::Lanes,
            _ => FilterLayout::Plain,
        }
    }

    /// Whether it computes with `f32` in an FPU.
    pub fn has_fpu(self) -> bool {
        self.target().ends_with("hf")
    }

    /// Instructions in a tick of SysTick, when an instruction takes a nanosecond, as in QEMU alone.
    pub fn instructions_per_tick(self) -> Option<f64> {
        match self.facts().place {
            Place::Qemu(megahertz) => Some(1000.0 / f64::from(megahertz)),
            Place::Probe(_) => None,
        }
    }

    const fn facts(self) -> Facts {
        match self {
            Self::Microbit => Facts {
                name: "microbit",
                core: "Cortex-M0",
                cpu: "cortex-m0",
                target: "thumbv6m-none-eabi",
                rustflags: None,
                place: Place::Qemu(16),
                kernels: "armv6m",
            },
            Self::Mps2An385 => Facts {
                name: "mps2-an385",
                core: "Cortex-M3",
                cpu: "cortex-m3",
                target: "thumbv7m-none-eabi",
                rustflags: None,
                place: Place::Qemu(25),
                kernels: "portable",
            },
            Self::Mps2An386 => Facts {
                name: "mps2-an386",
                core: "Cortex-M4F",
                cpu: "cortex-m4",
                target: "thumbv7em-none-eabihf",
                rustflags: None,
                place: Place::Qemu(25),
                kernels: "dsp",
            },
            // The target lacks double precision alone, which nothing here needs. So both boards share what cargo builds of
            // the dependencies.
            Self::Mps2An500 => Facts {
                name: "mps2-an500",
                core: "Cortex-M7",
                cpu: "cortex-m7",
                target: "thumbv7em-none-eabihf",
                rustflags: None,
                place: Place::Qemu(25),
                kernels: "dsp",
            },
            Self::Mps2An505 => Facts {
                name: "mps2-an505",
                core: "Cortex-M33",
                cpu: "cortex-m33",
                target: "thumbv8m.main-none-eabihf",
                rustflags: Some("-Ctarget-cpu=cortex-m33"),
                place: Place::Qemu(20),
                kernels: "dsp",
            },
            Self::Mps3An547 => Facts {
                name: "mps3-an547",
                core: "Cortex-M55",
                cpu: "cortex-m55",
                target: "thumbv8m.main-none-eabihf",
                rustflags: Some("-Ctarget-cpu=cortex-m55"),
                place: Place::Qemu(32),
                kernels: "helium",
            },
            Self::Nrf52840Dk => Facts {
                name: "nrf52840-dk",
                core: "Cortex-M4F",
                cpu: "cortex-m4",
                target: "thumbv7em-none-eabihf",
                rustflags: None,
                place: Place::Probe("nRF52840_xxAA"),
                kernels: "dsp",
            },
            Self::Pico => Facts {
                name: "pico",
                core: "Cortex-M0+",
                cpu: "cortex-m0plus",
                target: "thumbv6m-none-eabi",
                rustflags: None,
                place: Place::Probe("RP2040"),
                kernels: "armv6m",
            },
            Self::Pico2 => Facts {
                name: "pico2",
                core: "Cortex-M33",
                cpu: "cortex-m33",
                target: "thumbv8m.main-none-eabihf",
                rustflags: Some("-Ctarget-cpu=cortex-m33"),
                place: Place::Probe("RP235x"),
                kernels: "dsp",
            },
            Self::Stm32F411EDisco => Facts {
                name: "stm32f411e-disco",
                core: "Cortex-M4F",
                cpu: "cortex-m4",
                target: "thumbv7em-none-eabihf",
                rustflags: None,
                place: Place::Probe("STM32F411VETx"),
                kernels: "dsp",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_is_emulated_or_owned() {
        for board in Board::value_variants() {
            assert_eq!(Board::EMULATED.contains(board), board.chip().is_none(), "{}", board.name());
            assert_eq!(Board::OWNED.contains(board), board.chip().is_some(), "{}", board.name());
            assert_eq!(Board::from_str(board.name(), false), Ok(*board));
        }
    }
}
