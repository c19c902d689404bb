use super::*;
use cognate::Score;
use cognate::bundle::Rate;

fn threshold(fmr: u32, raw: i32) -> ThresholdEntry {
    ThresholdEntry {
        fmr: Rate::from_parts_per_billion(fmr).unwrap(),
        threshold: Score::from_raw(raw).unwrap(),
        comparisons: 300,
        fmr_upper_bound: Rate::from_parts_per_billion(20_000_000).unwrap(),
    }
}

fn codes(elements: &[i8]) -> Vec<Vec<i8>> {
    elements.iter().map(|&element| vec![127, element, 0, -3, 5]).collect()
}

fn bundle() -> Bundle {
    let thresholds = vec![threshold(10_000_000, 100), threshold(1_000_000, 200)];
    let mut bundle = Bundle::new(ModelDigest::new([9; 16]), 5, thresholds, 1);
    bundle.enroll("anna", codes(&[1, 2])).unwrap();
    bundle.enroll("ben", codes(&[3, 4, 5])).unwrap();
    bundle
}

#[test]
fn bytes_and_back() {
    let bundle = bundle();
    assert_eq!(Bundle::parse(&bundle.to_bytes().unwrap()).unwrap(), bundle);
    let empty = Bundle::new(ModelDigest::new([9; 16]), 5, vec![threshold(1, 1)], 0);
    assert_eq!(Bundle::parse(&empty.to_bytes().unwrap()).unwrap(), empty);
}

#[test]
fn ids_are_never_reused_even_across_files() {
    let mut bundle = bundle();
    let ben = bundle.remove(&Wanted::Name("ben".to_owned())).unwrap();
    let mut bundle = Bundle::parse(&bundle.to_bytes().unwrap()).unwrap();
    let cleo = bundle.enroll("cleo", codes(&[6, 7])).unwrap();
    assert_eq!((ben.id.number(), cleo.number()), (2, 3));
    assert_eq!(bundle.remove(&Wanted::Id(ben.id)).unwrap_err().to_string().find("no subject with id 2"), Some(0));
}

#[test]
fn who_cannot_be_enrolled() {
    let mut changed = bundle();
    let errors = [
        changed.enroll("anna", codes(&[1, 2])).unwrap_err(),
        changed.enroll("dora", codes(&[1])).unwrap_err(),
        changed.enroll("  ", codes(&[1, 2])).unwrap_err(),
        changed.add("dora", codes(&[1])).unwrap_err(),
    ];
    let messages =
        ["`anna` is enrolled", "`dora` has 1 of the at least 2", "needs a name", "no subject with the name `dora`"];
    for (error, message) in errors.iter().zip(messages) {
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(changed, bundle());
    assert_eq!(changed.add("anna", codes(&[9])).unwrap(), SubjectId::FIRST);
    assert_eq!(changed.subjects()[0].codes.len(), 3);
}

#[test]
fn a_bundle_cut_anywhere_or_flipped_anywhere_is_refused() {
    let bytes = bundle().to_bytes().unwrap();
    for length in 0..bytes.len() {
        assert!(Bundle::parse(&bytes[..length]).is_err(), "{length} of {} bytes were accepted", bytes.len());
    }
    for place in 0..bytes.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[place] ^= mask;
            assert!(Bundle::parse(&flipped).is_err(), "byte {place} flipped by {mask:#x} was accepted");
        }
    }
}
