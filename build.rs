//! Chooses the kernels by the core that is compiled for: one switch, which `src/kernel/mod.rs` reads as `cognate_kernel`.
//!
//! A stable compiler does not tell a crate whether the core has the DSP or the Helium instructions. The target says it
//! for ARMv6-M, ARMv7E-M and ARMv8-M Baseline; on ARMv8-M Mainline both are options of the core, and the flags say it
//! (`-C target-cpu=cortex-m33`, `cortex-m55`, or `-C target-feature=+dsp`). Without them the portable kernels work.

use std::env;

/// Cores of ARMv8-M Mainline with the DSP instructions and without Helium.
const DSP_CORES: [&str; 3] = ["cortex-m33", "cortex-m35p", "star-mc1"];
/// Cores with Helium.
const HELIUM_CORES: [&str; 3] = ["cortex-m52", "cortex-m55", "cortex-m85"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(cognate_kernel, values(\"armv6m\", \"dsp\", \"generic\", \"helium\"))");
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let (kernel, cpu) = kernel(&target, &flags);
    println!("cargo::rustc-cfg=cognate_kernel=\"{kernel}\"");
    // Link-time optimization reads a crate's assembly once without the compiler's flags: it has to say itself what it is for.
    println!("cargo::rustc-env=COGNATE_CPU={cpu}");
}

/// The kernels for a target and the flags of the compiler, which are separated by 0x1f, and a core that has the instructions
/// that they are written in.
fn kernel(target: &str, flags: &str) -> (&'static str, &'static str) {
    if target.starts_with("thumbv6m") {
        return ("armv6m", "cortex-m0");
    }
    if target.starts_with("thumbv8m.base") {
        return ("armv6m", "cortex-m23");
    }
    if target.starts_with("thumbv7em") {
        return ("dsp", "cortex-m4");
    }
    if !target.starts_with("thumbv8m.main") {
        return ("generic", "");
    }
    let settings = || flags.split('\x1f').map(|flag| flag.trim_start_matches("-C").trim());
    let cpu = settings().filter_map(|setting| setting.strip_prefix("target-cpu=")).next_back().unwrap_or_default();
    let has = |feature| {
        let features = settings().filter_map(|setting| setting.strip_prefix("target-feature="));
        features.flat_map(|list| list.split(',')).any(|entry| entry == feature)
    };
    if HELIUM_CORES.contains(&cpu) || has("+mve") {
        ("helium", "cortex-m55")
    } else if DSP_CORES.contains(&cpu) || has("+dsp") {
        ("dsp", "cortex-m33")
    } else {
        ("generic", "")
    }
}
