//! Functions of an element: leaky and hard activations, sigmoids, other scales.

/// Replaces each element.
pub(super) fn run(table: &[u8; 256], elements: &mut [u8]) {
    for element in elements {
        *element = table.get(usize::from(*element)).copied().unwrap_or_default();
    }
}
