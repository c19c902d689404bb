//! Bytes of flash and RAM for dimensions and numbers of templates: all of them known when a firmware compiles.
//!
//! `cargo run --example sizes`

use cognate::kernel::Layout;
use cognate::{FilteredGallery, Gallery, GalleryView, Template};

/// What a dimension and a number of templates take, in bytes.
struct Sizes {
    dimension: usize,
    templates: usize,
    /// A template on the stack, with its length and its space.
    template: usize,
    /// A template in a gallery in RAM.
    enrolled: usize,
    ram: usize,
    ram_filtered: usize,
    flash: usize,
    flash_filtered: usize,
}

impl Sizes {
    const fn of<const D: usize, const N: usize>() -> Self {
        const fn flash(dimension: usize, templates: usize, filter: bool) -> usize {
            let bytes = GalleryView::bytes_of(Layout::Rows, dimension, templates, filter);
            bytes.expect("a multiple of 16, up to 256")
        }
        Self {
            dimension: D,
            templates: N,
            template: size_of::<Template<D>>(),
            enrolled: Gallery::<D, N>::TEMPLATE_BYTES,
            ram: Gallery::<D, N>::BYTES,
            ram_filtered: FilteredGallery::<D, N>::BYTES,
            flash: flash(D, N, false),
            flash_filtered: flash(D, N, true),
        }
    }
}

/// A gallery that has to fit into half of the 16 KiB of a micro:bit; a larger one does not compile.
const _: () = assert!(Gallery::<64, 96>::BYTES <= 8 * 1024);

const TABLE: [Sizes; 12] = [
    Sizes::of::<32, 16>(),
    Sizes::of::<64, 16>(),
    Sizes::of::<96, 16>(),
    Sizes::of::<128, 16>(),
    Sizes::of::<64, 104>(),
    Sizes::of::<96, 104>(),
    Sizes::of::<128, 104>(),
    Sizes::of::<256, 104>(),
    Sizes::of::<64, 1000>(),
    Sizes::of::<96, 1000>(),
    Sizes::of::<128, 1000>(),
    Sizes::of::<256, 1000>(),
];

fn main() {
    println!("dimension  templates |  template  enrolled |  RAM gallery  with filter | flash gallery  with filter");
    for sizes in TABLE {
        println!(
            "{:>9}  {:>9} | {:>9} {:>9} | {:>12} {:>12} | {:>13} {:>12}",
            sizes.dimension,
            sizes.templates,
            sizes.template,
            sizes.enrolled,
            sizes.ram,
            sizes.ram_filtered,
            sizes.flash,
            sizes.flash_filtered
        );
    }
    println!("bytes, on a target with pointers of {} bits", usize::BITS);
}
