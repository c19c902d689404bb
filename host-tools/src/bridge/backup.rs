//! Who was enrolled on a device, taken over a bridge in a sealed backup.

use super::Bridge;
use crate::signing::{SigningProblem, random};
use cognate::ModelDigest;
use cognate::protocol::Key;
use cognate::protocol::backup::{ENTRY_HEADER_BYTES, HEADER_BYTES, HIDDEN, MAGIC, SEAL_BYTES, open, seal};
use cognate::protocol::session::NONCE_BYTES;

/// Opens a backup, converts what is in it, and seals it again.
///
/// # Errors
/// [`BackupProblem`].
pub fn convert(sealed: &[u8], key: &Key, old: ModelDigest, bridge: &Bridge) -> Result<Vec<u8>, BackupProblem> {
    let mut sealed = sealed.to_vec();
    let opened = open(key, &mut sealed).ok_or(BackupProblem::Sealed)?;
    let (header, entries) = opened.split_first_chunk::<HEADER_BYTES>().ok_or(BackupProblem::Format)?;
    let (model, dimension) = (&header[8..24], usize::from(u16::from_le_bytes([header[24], header[25]])));
    let entry = ENTRY_HEADER_BYTES + dimension;
    let count = usize::from(u16::from_le_bytes([header[26], header[27]]));
    if !header.starts_with(&MAGIC) || entries.len() != count * entry {
        return Err(BackupProblem::Format);
    }
    if model != old.as_bytes() || dimension != bridge.inputs() {
        return Err(BackupProblem::Model);
    }
    let mut bytes = vec![0; NONCE_BYTES];
    bytes.extend(MAGIC);
    bytes.extend(bridge.space().model.as_bytes());
    let outputs = u16::try_from(bridge.outputs()).map_err(|_| BackupProblem::Format)?;
    bytes.extend(outputs.to_le_bytes());
    bytes.extend(&header[26..28]);
    for entry in entries.chunks_exact(entry) {
        let (head, code) = entry.split_at(ENTRY_HEADER_BYTES);
        bytes.extend(head);
        if head[4] == HIDDEN {
            bytes.resize(bytes.len() + bridge.outputs(), 0);
        } else {
            let code: Vec<i8> = code.iter().map(|byte| byte.cast_signed()).collect();
            let converted = bridge.convert(&code).ok_or(BackupProblem::Nothing)?;
            bytes.extend(converted.iter().map(|element| element.cast_unsigned()));
        }
    }
    bytes.resize(bytes.len() + SEAL_BYTES - NONCE_BYTES, 0);
    if seal(key, &random()?, &mut bytes) { Ok(bytes) } else { Err(BackupProblem::Format) }
}

/// Why a backup is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum BackupProblem {
    /// It does not open.
    #[error("the backup is not sealed with this key, or was changed: take another one with `cognate device backup`")]
    Sealed,
    /// It says what none says.
    #[error("the backup is of a version that is not known: take it with the firmware that this tool goes with")]
    Format,
    /// It is of another model.
    #[error("the templates of the backup are not of the old bundle's model: give the bundle that the device uses")]
    Model,
    /// Nothing is left of a template.
    #[error("the bridge leaves nothing of a template of the backup: enroll that subject again")]
    Nothing,
    /// No random numbers.
    #[error("{0}")]
    NoRandom(#[from] SigningProblem),
}

#[cfg(test)]
mod tests {
    use super::*;
    use cognate::Space;
    use nalgebra::DMatrix;

    const OLD: ModelDigest = ModelDigest::new([1; 16]);
    const NEW: ModelDigest = ModelDigest::new([2; 16]);

    fn backup(key: &Key) -> Vec<u8> {
        let mut bytes = vec![0; NONCE_BYTES];
        bytes.extend(MAGIC);
        bytes.extend(OLD.as_bytes());
        bytes.extend([2, 0, 2, 0]);
        bytes.extend([9, 0, 0, 0x80, 0, 0, 0, 0, 127, 0]);
        bytes.extend([4, 0, 0, 0, HIDDEN, 0, 0, 0, 0, 0]);
        bytes.resize(bytes.len() + SEAL_BYTES - NONCE_BYTES, 0);
        assert!(seal(key, &[3; 16], &mut bytes));
        bytes
    }

    #[test]
    fn templates_are_converted_and_who_is_hidden_stays_so() {
        // The two elements change places.
        let bridge = Bridge { map: DMatrix::from_row_slice(2, 2, &[0.0, 1.0, 1.0, 0.0]), space: Space::full(NEW) };
        let key = Key::new([5; 32]);
        let mut converted = convert(&backup(&key), &key, OLD, &bridge).unwrap();
        let opened = open(&key, &mut converted).unwrap();
        assert_eq!(opened[8..24], *NEW.as_bytes());
        assert_eq!(opened[28..], [9, 0, 0, 0x80, 0, 0, 0, 0, 0, 127, 4, 0, 0, 0, HIDDEN, 0, 0, 0, 0, 0]);
        let other = Key::new([6; 32]);
        assert!(matches!(convert(&backup(&key), &other, OLD, &bridge), Err(BackupProblem::Sealed)));
        assert!(matches!(convert(&backup(&key), &key, NEW, &bridge), Err(BackupProblem::Model)));
    }
}
