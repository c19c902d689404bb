//! Keys and signatures of bundles.
//!
//! The device checks with the core's implementation (ed25519-compact, hmac-sha256), this module signs and checks with others
//! (ed25519-dalek, sha2): a bundle that [`verify`] accepts is one that both accept.

use crate::file::{self, FileError, Unreadable};
use cognate::signature::{
    BundleVersion, PublicKey, SignatureError, SignedBundle, TRAILER_BYTES, TRAILER_HEAD_BYTES, claimed, trailer_head,
    trailer_offset,
};
use cognate::{BundleError, BundleView};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::path::Path;

/// A new secret key.
///
/// # Errors
/// As [`random`].
pub fn generate() -> Result<SigningKey, SigningProblem> {
    random().map(|seed| SigningKey::from_bytes(&seed))
}

/// Bytes that nobody can guess.
///
/// # Errors
/// When the system has no random numbers to give.
pub fn random<const N: usize>() -> Result<[u8; N], SigningProblem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| SigningProblem::NoRandom(error.to_string()))?;
    Ok(bytes)
}

/// What a device pins of a secret key.
#[must_use]
pub fn public_key(key: &SigningKey) -> PublicKey {
    PublicKey::new(key.verifying_key().to_bytes())
}

/// A key as the line of its file.
#[must_use]
pub fn to_line(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).chain(["\n".to_owned()]).collect()
}

/// Reads a secret key that `cognate keygen` wrote.
///
/// # Errors
/// [`SigningProblem::Unreadable`] and [`SigningProblem::NotAKey`].
pub fn read_secret_key(path: &Path) -> Result<SigningKey, FileError<SigningProblem>> {
    read_line(path).map(|seed| SigningKey::from_bytes(&seed))
}

/// Reads a public key that `cognate keygen` wrote.
///
/// # Errors
/// As [`read_secret_key`], and [`SigningProblem::NotAKey`] for bytes that are no key's.
pub fn read_public_key(path: &Path) -> Result<PublicKey, FileError<SigningProblem>> {
    let bytes = read_line(path)?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| FileError::new(path, SigningProblem::NotAKey))?;
    Ok(PublicKey::new(bytes))
}

/// Reads any key of 32 bytes that [`to_line`] wrote.
///
/// # Errors
/// As [`read_secret_key`].
pub fn read_line(path: &Path) -> Result<[u8; 32], FileError<SigningProblem>> {
    let text = file::read(path).map_err(|error| FileError::new(path, SigningProblem::Unreadable(error.problem)))?;
    let line = text.trim_ascii();
    let mut bytes = [0; 32];
    let parsed = line.len() == 2 * bytes.len()
        && bytes.iter_mut().zip(line.as_chunks::<2>().0).all(|(place, digits)| {
            // The number's own parser would take a sign, too.
            let digits =
                str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(|byte| *place = byte).is_some()
        });
    if parsed { Ok(bytes) } else { Err(FileError::new(path, SigningProblem::NotAKey)) }
}

/// Signs a bundle, in place of a signature that it may have.
///
/// # Errors
/// [`SigningProblem::Refused`] when a device would refuse the bundle, [`SigningProblem::Version`] when the file says that it
/// has this version already, or a newer one.
pub fn sign(bytes: &[u8], version: BundleVersion, key: &SigningKey) -> Result<Vec<u8>, SigningProblem> {
    let view = BundleView::new_checked(bytes).map_err(SigningProblem::Refused)?;
    if let Some(claim) = claimed(bytes).filter(|claim| claim.version >= version) {
        return Err(SigningProblem::Version { found: claim.version, asked: version });
    }
    let mut signed = bytes[..view.len()].to_vec();
    signed.resize(trailer_offset(view.len()), 0);
    let head = trailer_head(&signed, version, public_key(key).id());
    signed.extend(head);
    signed.extend(key.sign(&head).to_bytes());
    verify(&signed, &public_key(key), version)?;
    Ok(signed)
}

/// Checks a signed bundle as a device does, and the signature by the other implementation, too.
///
/// # Errors
/// [`SigningProblem::Signature`], and [`SigningProblem::Disagreement`] when the two implementations do not say the same.
pub fn verify<'a>(bytes: &'a [u8], key: &PublicKey, least: BundleVersion) -> Result<SignedBundle<'a>, SigningProblem> {
    let device = SignedBundle::new_checked(bytes, key, least);
    let (forged, other) = (device.as_ref().err() == Some(&SignatureError::Forged), verifies(bytes, key));
    if (device.is_ok() && !other) || (forged && other) {
        return Err(SigningProblem::Disagreement);
    }
    device.map_err(SigningProblem::Signature)
}

fn verifies(bytes: &[u8], key: &PublicKey) -> bool {
    let Ok(view) = BundleView::new_checked(bytes) else { return false };
    let Some((bundle, trailer)) = bytes.split_at_checked(trailer_offset(view.len())) else { return false };
    let Some((head, signature)) = trailer.first_chunk::<TRAILER_BYTES>().and_then(|trailer| {
        let (head, signature) = trailer.split_first_chunk::<TRAILER_HEAD_BYTES>()?;
        Some((head, signature.first_chunk()?))
    }) else {
        return false;
    };
    let Ok(key) = VerifyingKey::from_bytes(key.as_bytes()) else { return false };
    // The digest, too, by another implementation.
    head.ends_with(&Sha256::digest(bundle)) && key.verify_strict(head, &Signature::from_bytes(signature)).is_ok()
}

/// Why there is no key, no signature, or no trust in one.
#[derive(Debug, thiserror::Error)]
pub enum SigningProblem {
    /// The key's file cannot be read.
    #[error("{0}")]
    Unreadable(Unreadable),
    /// It is not the file of a key.
    #[error("this is no key: a key is a line of 64 hexadecimal digits, as `cognate keygen` writes it")]
    NotAKey,
    /// No random numbers.
    #[error("the system has no random numbers to make a key of: {0}")]
    NoRandom(String),
    /// A device would refuse the bundle.
    #[error("{0}")]
    Refused(BundleError),
    /// It has a version that is not older.
    #[error("it is signed as version {found} already, and devices that have it refuse {asked}: give a newer version")]
    Version {
        /// The file's.
        found: BundleVersion,
        /// The one asked for.
        asked: BundleVersion,
    },
    /// The signature, or what it is of, is not right.
    #[error("{0}")]
    Signature(SignatureError),
    /// One of two implementations is wrong.
    #[error("two implementations do not agree about the signature: do not use the file, and report it")]
    Disagreement,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = generate().unwrap();
        assert_ne!(key.to_bytes(), generate().unwrap().to_bytes());
        std::fs::write(&path, to_line(&key.to_bytes())).unwrap();
        assert_eq!(read_secret_key(&path).unwrap().to_bytes(), key.to_bytes());
        std::fs::write(&path, to_line(public_key(&key).as_bytes())).unwrap();
        assert_eq!(read_public_key(&path).unwrap(), public_key(&key));
        for broken in ["", "00", &"+1".repeat(32), &"zz".repeat(32), &"11".repeat(33)] {
            std::fs::write(&path, broken).unwrap();
            assert!(matches!(read_secret_key(&path).unwrap_err().problem, SigningProblem::NotAKey), "{broken}");
        }
    }
}
