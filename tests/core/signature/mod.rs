//! Signatures held against RFC 8032 and another implementation; every changed byte is refused.

mod slots;

use crate::support::bundle;
use cognate::BundleError;
use cognate::signature::{
    BundleVersion, PublicKey, SignatureError, SignedBundle, TRAILER_BYTES, claimed, trailer_head, trailer_offset,
};
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

pub fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub fn public_key(key: &SigningKey) -> PublicKey {
    PublicKey::new(key.verifying_key().to_bytes())
}

/// Signs as the host does.
pub fn sign(mut bundle: Vec<u8>, version: u32, key: &SigningKey) -> Vec<u8> {
    bundle.resize(trailer_offset(bundle.len()), 0);
    let head = trailer_head(&bundle, BundleVersion::new(version), public_key(key).id());
    bundle.extend(head);
    bundle.extend(key.sign(&head).to_bytes());
    bundle
}

fn bytes_of<const N: usize>(hex: &str) -> [u8; N] {
    let digit = |index: usize| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap();
    assert_eq!(hex.len(), 2 * N);
    std::array::from_fn(digit)
}

/// RFC 8032, 7.1: TEST 1, 2, 3 and SHA(abc).
#[test]
fn published_signatures_verify() {
    let abc = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e\
               2a9ac94fa54ca49f";
    let vectors = [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            String::new(),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72".into(),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82".into(),
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
        (
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            abc.into(),
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
        ),
    ];
    for (key, message, signature) in vectors {
        let key = PublicKey::new(bytes_of(key));
        let mut message: Vec<u8> =
            (0..message.len()).step_by(2).map(|at| bytes_of::<1>(&message[at..at + 2])[0]).collect();
        let mut signature = bytes_of(signature);
        assert!(key.verifies(&message, &signature));
        signature[40] ^= 1;
        assert!(!key.verifies(&message, &signature));
        signature[40] ^= 1;
        message.push(0);
        assert!(!key.verifies(&message, &signature));
    }
}

/// With such a key, or such a point, anything would be a signature of anything.
#[test]
fn keys_and_points_of_small_order_verify_nothing() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&identity);
    // No S is needed: 0 = h · 0.
    assert!(!PublicKey::new(identity).verifies(b"anything", &signature));
    assert!(!PublicKey::new([0; 32]).verifies(b"anything", &signature));
    assert!(!PublicKey::new([0xff; 32]).verifies(b"anything", &signature));
}

/// S + L is another S for the same message (RFC 8032, 8.4).
#[test]
fn a_signature_cannot_be_made_into_another() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = signing_key(1);
    let mut signature = key.sign(b"message").to_bytes();
    assert!(public_key(&key).verifies(b"message", &signature));
    let mut carry = 0;
    for (place, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*place) + u16::from(order) + carry;
        (*place, carry) = (sum as u8, sum >> 8);
    }
    assert!(!public_key(&key).verifies(b"message", &signature));
}

#[test]
fn a_signed_bundle_is_the_bundle_with_its_version() {
    let key = signing_key(7);
    let mut bytes = sign(bundle("Anna"), 3, &key);
    let length = bytes.len();
    assert_eq!(claimed(&bytes).map(|claim| (claim.version.number(), claim.key)), Some((3, public_key(&key).id())));
    // As in flash.
    bytes.resize(length + 100, 0xff);
    let signed = SignedBundle::new_checked(&bytes, &public_key(&key), BundleVersion::new(3)).unwrap();
    assert_eq!((signed.version().number(), signed.len()), (3, length));
    assert_eq!(signed.view().subjects().next().map(|subject| subject.name), Some("Anna"));
}

#[test]
fn what_is_not_signed_by_the_key_is_refused() {
    let (key, other) = (signing_key(7), signing_key(8));
    let check = |bytes: &[u8], least| {
        SignedBundle::new_checked(bytes, &public_key(&key), BundleVersion::new(least)).map(|_| ()).unwrap_err()
    };
    assert_eq!(check(&bundle("Anna"), 0), SignatureError::NotSigned);
    assert_eq!(check(&[], 0), SignatureError::Bundle(BundleError::NotABundle));
    let expected = SignatureError::OtherKey { expected: public_key(&key).id(), found: public_key(&other).id() };
    assert_eq!(check(&sign(bundle("Anna"), 3, &other), 0), expected);
    let too_old = SignatureError::TooOld { least: BundleVersion::new(4), found: BundleVersion::new(3) };
    assert_eq!(check(&sign(bundle("Anna"), 3, &key), 4), too_old);
    assert_eq!(check(&sign(bundle("Anna"), 0, &key), 0), SignatureError::Trailer, "version 0 is none");
    // The trailer of one bundle behind another of the same length, and another's with the right id.
    let (anna, mut boris) = (sign(bundle("Anna"), 3, &key), sign(bundle("Bobo"), 3, &key));
    let trailer = anna.len() - TRAILER_BYTES;
    boris[trailer..].copy_from_slice(&anna[trailer..]);
    assert_eq!(check(&boris, 0), SignatureError::Forged);
    let mut forged = anna.clone();
    let signature = other.sign(&anna[trailer..trailer + 64]).to_bytes();
    forged[trailer + 64..].copy_from_slice(&signature);
    assert_eq!(check(&forged, 0), SignatureError::Forged);
    // Signed, and yet no bundle.
    let mut broken = bundle("Anna");
    broken[60] ^= 1;
    assert!(matches!(check(&sign(broken, 3, &key), 0), SignatureError::Bundle(_)));
}

#[test]
fn no_bit_can_be_changed_and_no_byte_cut() {
    let key = signing_key(7);
    let signed = sign(bundle("Anna"), 3, &key);
    let is_accepted = |bytes: &[u8]| SignedBundle::new_checked(bytes, &public_key(&key), BundleVersion::NONE).is_ok();
    assert!(is_accepted(&signed));
    for bit in 0..signed.len() * 8 {
        let mut changed = signed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!is_accepted(&changed), "bit {bit}");
    }
    for length in 0..signed.len() {
        assert!(!is_accepted(&signed[..length]), "{length} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Two implementations that know nothing of each other.
    #[test]
    fn both_implementations_say_the_same(
        seed in any::<[u8; 32]>(), message in prop::collection::vec(any::<u8>(), 0..300), change in any::<Option<(u8, u8)>>(),
    ) {
        let key = SigningKey::from_bytes(&seed);
        let mut signature = key.sign(&message).to_bytes();
        if let Some((place, byte)) = change {
            signature[usize::from(place) % 64] = byte;
        }
        let other = key.verifying_key().verify_strict(&message, &ed25519_dalek::Signature::from_bytes(&signature));
        prop_assert_eq!(public_key(&key).verifies(&message, &signature), other.is_ok());
    }
}
