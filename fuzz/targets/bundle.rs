//! [`BundleView`]: whatever was accepted can be used in every way, and written again comes out the same.
#![no_main]

use cognate::normalization::SubjectStatistics;
use cognate::{BundleView, Decision, MatchError, Normalization, Scan, Search, TemplateRef, template};
use cognate_fuzz::{bundles, changed, seal};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    file: File<'a>,
    /// Every sixteenth stays as it is: nearly always refused for its checksum.
    sealed: u8,
}

#[derive(Arbitrary, Debug)]
enum File<'a> {
    /// One of the bundles that are right, with bytes changed in it and more behind it.
    Changed { bundle: u8, changes: Vec<(u16, u8)>, behind: &'a [u8] },
    /// Anything.
    Raw(&'a [u8]),
}

fuzz_target!(|input: Input<'_>| {
    let mut bytes = match input.file {
        File::Changed { bundle, changes, behind } => {
            let bundles = bundles();
            changed(&bundles[usize::from(bundle) % bundles.len()], &changes, behind)
        }
        File::Raw(bytes) => bytes.to_vec(),
    };
    if !input.sealed.is_multiple_of(16) {
        seal(&mut bytes);
    }
    if let Ok(bundle) = BundleView::new_checked(&bytes) {
        use_all(&bundle);
    }
});

fn use_all(bundle: &BundleView<'_>) {
    assert!(
        bundle.subjects().all(|subject| subject.id < bundle.next_subject() && subject.name.chars().count() < 1 << 20)
    );
    assert!(bundle.thresholds().entries().any(|entry| entry == bundle.operating_point()));
    let gallery = bundle.gallery();
    assert_eq!(gallery.is_empty(), gallery.subjects() == 0);
    if let Some(back_end) = bundle.back_end() {
        let embedding = vec![0.3; back_end.inputs()];
        let (mut centered, mut out) = (vec![0; back_end.inputs()], vec![0; bundle.dimension()]);
        back_end.project(&embedding, &mut centered, &mut out).expect("the sizes are the bundle's");
    }
    let embedding: Vec<f32> = (0..bundle.dimension()).map(|index| (index % 5) as f32 - 1.5).collect();
    let mut code = vec![0; bundle.dimension()];
    template::quantize(&embedding, bundle.space().form, &mut code).expect("an embedding has a code");
    let Ok(probe) = TemplateRef::new(&code, bundle.space()) else { return };
    let whole = gallery.unfiltered();
    let filtered = search(bundle, &gallery, &probe);
    let unfiltered = search(bundle, &whole, &probe);
    match (filtered, unfiltered) {
        (Ok(filtered), Ok(unfiltered)) => assert_eq!(filtered.subject(), unfiltered.subject()),
        (Err(filtered), Err(unfiltered)) => assert_eq!(filtered, unfiltered),
        other => panic!("{other:?}"),
    }
}

fn search(bundle: &BundleView<'_>, gallery: &dyn Scan, probe: &TemplateRef<'_>) -> Result<Decision, MatchError> {
    let galleries = [gallery];
    let search = Search::new(&galleries).fused_by(bundle.thresholds().calibration().fusion);
    let cohort = bundle.cohort();
    let lists = cohort.map(|(_, _, statistics): (_, _, &dyn SubjectStatistics)| [statistics]);
    let normalization =
        cohort.zip(lists.as_ref()).map(|((cohort, method, _), lists)| Normalization::new(cohort, method, lists));
    let search = match &normalization {
        Some(normalization) => search.normalized_by(normalization),
        None => search,
    };
    let mut scored = 0;
    let scores = search.scores(probe, |_| scored += 1);
    assert!(scores.is_err() || scored == gallery.subjects());
    let ranked = search.rank::<3>(probe);
    assert!(ranked.is_err() || ranked.is_ok_and(|ranked| ranked.len() == scored.min(3)));
    for subject in bundle.subjects() {
        let policy = bundle.verification().expect("the operating point is an entry");
        assert_eq!(search.verify(probe, subject.id, &policy).is_ok(), scores.is_ok());
    }
    match bundle.identification(&search) {
        Ok(policy) => search.identify(probe, &policy),
        Err(_) => Err(MatchError::EmptyGallery),
    }
}
