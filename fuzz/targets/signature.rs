//! [`SignedBundle`]: what was changed anywhere after it was signed is refused, and what is accepted is what was signed.
#![no_main]

use cognate::signature::{
    BundleVersion, PublicKey, SignatureError, SignedBundle, claimed, trailer_head, trailer_offset,
};
use cognate_fuzz::{bundles, seal};
use ed25519_dalek::{Signer, SigningKey};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

const VERSION: BundleVersion = BundleVersion::new(3);

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// What is changed in a signed bundle, and where.
    changes: Vec<(u16, u8)>,
    /// How much is cut.
    cut: u16,
    /// What comes behind it, or in its place.
    raw: &'a [u8],
    /// Whether what comes in its place is signed by the right key, and is no bundle.
    signed: bool,
}

fuzz_target!(|input: Input<'_>| {
    let Input { changes, cut, raw, signed } = input;
    let (key, good) = signed_bundle();
    let mut bytes = good.clone();
    for (place, byte) in changes {
        let place = usize::from(place) % bytes.len();
        bytes[place] = byte;
    }
    bytes.truncate(good.len() - usize::from(cut) % good.len());
    bytes.extend_from_slice(raw);
    let _ = claimed(&bytes);
    match SignedBundle::new_checked(&bytes, key, VERSION) {
        Ok(bundle) => assert!(bundle.len() == good.len() && bytes.starts_with(good)),
        Err(SignatureError::TooOld { least, found }) => assert!(found < least),
        Err(_) => assert!(!bytes.starts_with(good)),
    }
    let mut bytes = raw.to_vec();
    seal(&mut bytes);
    let bytes = if signed { sign(bytes) } else { bytes };
    let checked = SignedBundle::new_checked(&bytes, key, VERSION);
    assert!(signed || checked.is_err(), "nobody signed this");
});

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn sign(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(trailer_offset(bytes.len()), 0);
    let head = trailer_head(&bytes, VERSION, PublicKey::new(key().verifying_key().to_bytes()).id());
    bytes.extend(head);
    bytes.extend(key().sign(&head).to_bytes());
    bytes
}

fn signed_bundle() -> &'static (PublicKey, Vec<u8>) {
    static SIGNED: OnceLock<(PublicKey, Vec<u8>)> = OnceLock::new();
    SIGNED.get_or_init(|| (PublicKey::new(key().verifying_key().to_bytes()), sign(bundles()[1].clone())))
}
