//! The boards that the firmware runs on.

use clap::ValueEnum;
use cognate::CodeForm;
use cognate::kernel::Layout;
use cognate::kernel::layers::FilterLayout;

/// A board that QEMU emulates.
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
}

/// What there is to know about a board.
struct Facts {
    name: &'static str,
    core: &'static str,
    cpu: &'static str,
    target: &'static str,
    rustflags: Option<&'static str>,
    /// The clock of SysTick, as QEMU has it.
    megahertz: u32,
    /// The kernels that are compiled for it, as `cognate::kernel::NAME` says.
    kernels: &'static str,
}

impl Board {
    /// Every board.
    pub const ALL: [Self; 6] =
        [Self::Microbit, Self::Mps2An385, Self::Mps2An386, Self::Mps2An500, Self::Mps2An505, Self::Mps3An547];

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

    /// Whether it is the first of the boards with its kernels: what takes minutes and depends on them alone is done on that one.
    pub fn stands_for_its_kernels(self) -> bool {
        Self::ALL.into_iter().find(|board| board.kernels() == self.kernels()) == Some(self)
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

    /// Instructions in a tick of SysTick, when an instruction takes a nanosecond.
    pub fn instructions_per_tick(self) -> f64 {
        1000.0 / f64::from(self.facts().megahertz)
    }

    const fn facts(self) -> Facts {
        match self {
            Self::Microbit => Facts {
                name: "microbit",
                core: "Cortex-M0",
                cpu: "cortex-m0",
                target: "thumbv6m-none-eabi",
                rustflags: None,
                megahertz: 16,
                kernels: "armv6m",
            },
            Self::Mps2An385 => Facts {
                name: "mps2-an385",
                core: "Cortex-M3",
                cpu: "cortex-m3",
                target: "thumbv7m-none-eabi",
                rustflags: None,
                megahertz: 25,
                kernels: "portable",
            },
            Self::Mps2An386 => Facts {
                name: "mps2-an386",
                core: "Cortex-M4F",
                cpu: "cortex-m4",
                target: "thumbv7em-none-eabihf",
                rustflags: None,
                megahertz: 25,
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
                megahertz: 25,
                kernels: "dsp",
            },
            Self::Mps2An505 => Facts {
                name: "mps2-an505",
                core: "Cortex-M33",
                cpu: "cortex-m33",
                target: "thumbv8m.main-none-eabihf",
                rustflags: Some("-Ctarget-cpu=cortex-m33"),
                megahertz: 20,
                kernels: "dsp",
            },
            Self::Mps3An547 => Facts {
                name: "mps3-an547",
                core: "Cortex-M55",
                cpu: "cortex-m55",
                target: "thumbv8m.main-none-eabihf",
                rustflags: Some("-Ctarget-cpu=cortex-m55"),
                megahertz: 32,
                kernels: "helium",
            },
        }
    }
}
