//! The greatest element of each window.

use super::average_pool::for_each_window;
use super::plan::Window;
use super::run::Operands;
use super::tensor::Number;

/// Padding does not count.
pub(super) fn run<T: Number>(window: &Window, operands: Operands<'_, T>) {
    let Operands { a, a_tensor, out, out_tensor, .. } = operands;
    let channels = a_tensor.extent.channels;
    for_each_window(window, &a_tensor, &out_tensor, |pixel, rows, columns| {
        let start = pixel * channels;
        let Some(place) = out.get_mut(start..start + channels) else { return };
        place.fill(T::LEAST);
        for (row, column) in rows.flat_map(|row| columns.clone().map(move |column| (row, column))) {
            let start = (row * a_tensor.extent.width + column) * channels;
            let seen = a.get(start..start + channels).unwrap_or_default();
            for (greatest, element) in place.iter_mut().zip(seen) {
                if element.wide() > greatest.wide() {
                    *greatest = *element;
                }
            }
        }
    });
}
