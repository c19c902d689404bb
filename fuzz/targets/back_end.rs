//! Back ends of any integers: what they put out never overflows, and is a template unless nothing is left.
#![no_main]

use cognate::{BackEnd, ModelDigest, TemplateRef, template};
use cognate_fuzz::spaces;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    exponents: [i8; 2],
    shift: u8,
    mean: Vec<[u8; 4]>,
    map: Vec<[u8; 2]>,
    embedding: Vec<f32>,
}

fuzz_target!(|input: Input| {
    let Input { exponents, shift, mut mean, mut map, mut embedding } = input;
    let _ = BackEnd::new(ModelDigest::new([0; 16]), exponents, shift, &mean, &map);
    // Means that are in range, and a map of whole rows.
    mean.iter_mut().for_each(|mean| mean[3] = 0);
    map.truncate(map.len() / mean.len().max(1) * mean.len());
    let Some(back_end) = BackEnd::new(ModelDigest::new([0; 16]), exponents.map(|e| e % 65), shift % 48, &mean, &map)
    else {
        return;
    };
    embedding.resize(back_end.inputs(), 0.25);
    let (mut centered, mut out) = (vec![0; back_end.inputs()], vec![0; back_end.outputs()]);
    if back_end.project(&embedding, &mut centered, &mut out).is_err() {
        return;
    }
    for space in spaces() {
        let mut code = vec![0; out.len()];
        if template::quantize_integers(&out, back_end.output_exponent(), space.form, &mut code).is_ok() {
            assert!(TemplateRef::new(&code, space).is_ok() || code.iter().all(|element| *element == 0));
        }
    }
});
