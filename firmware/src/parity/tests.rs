use super::*;
use std::vec::Vec;

#[test]
fn every_dimension_and_form_meets_all_verdicts_and_refusals() {
    for_each_dimension(usize::MAX, |result| {
        let Counts { refused, known, ambiguous, unknown, accepted, rejected, nobody } = result.counts;
        for count in [refused, known, ambiguous, unknown, accepted, rejected, nobody] {
            assert!(count > 0, "{result:?}");
        }
    });
}

/// Fails with all that was found, to be written here when the arithmetic is meant to change (docs/fixed-point.md): it is a
/// promise, and when host and device change together, this is what notices.
fn assert_promised<const N: usize>(found: &[(usize, [u32; N])], promised: &[(usize, [u32; N])]) {
    let lines: std::string::String =
        found.iter().map(|(dimension, sums)| std::format!("({dimension}, {sums:#010x?}),\n")).collect();
    assert!(
        found == promised,
        "found\n{}",
        lines.replace(",\n    ", ", ").replace("[\n    ", "[").replace(",\n]", "]")
    );
}

/// In the order of [`for_each_dimension`]: the dimension, then the sums in the order of [`Sums`].
const RECOGNITION: &[(usize, [u32; 6])] = &[
    (1, [0xbc4c_3365, 0xe49e_17ff, 0x525a_f0e5, 0x7590_08bd, 0x2c52_e215, 0x83fe_131b]),
    (3, [0x15b9_715d, 0x840a_5fd7, 0xcc01_97b6, 0x3e8b_fac6, 0x9ec4_c9a8, 0xcbfb_0c8f]),
    (16, [0xd672_73a2, 0xf6db_b0e6, 0x69b2_37c1, 0x3236_b94f, 0x267b_b9c4, 0x0126_52a0]),
    (64, [0xb93b_8953, 0x9c15_63e9, 0x51a6_1349, 0xcafa_282d, 0xbac7_4b3b, 0x1e45_84c4]),
    (100, [0x1bd3_ee13, 0xedda_58a8, 0x7657_94b1, 0xf983_50e6, 0x55bf_0131, 0x7c68_5124]),
    (128, [0xd6b2_2b1b, 0x2e6a_e62e, 0xdfcf_ebef, 0xbd97_c166, 0xf69e_9884, 0x321a_da2f]),
    (1024, [0x78c7_d36b, 0x8bd5_20ca, 0x74d3_f59c, 0xdff1_035a, 0xf4d7_2629, 0x2fa9_cf66]),
    (1, [0xbc4c_3365, 0xe49e_17ff, 0x55c9_450a, 0x2b44_38d5, 0xb4c5_14af, 0x1abb_708e]),
    (3, [0x15b9_715d, 0x0eb0_6635, 0x8471_ff15, 0x3ff6_f3c3, 0x9599_428c, 0xf09e_2ae1]),
    (16, [0xd672_73a2, 0x5488_bf83, 0x2828_54cc, 0xf20c_bd7d, 0x9626_79cd, 0xfb6e_fdfd]),
    (64, [0xb93b_8953, 0x9fe1_e787, 0xe414_b209, 0x2aa9_ae63, 0x501d_427f, 0x2d6d_8e70]),
    (100, [0x1bd3_ee13, 0x25bc_c5c1, 0x98ca_edc1, 0xcc70_0d73, 0x4f9b_e064, 0xe829_6c41]),
    (128, [0xd6b2_2b1b, 0xed26_e73b, 0x6129_fbb6, 0x0a7f_5cdc, 0xf406_e71e, 0x64e1_caac]),
    (1024, [0x78c7_d36b, 0xcf19_d047, 0x2a01_5003, 0x2b75_1a16, 0x727f_e5a5, 0xcd37_9645]),
    (1, [0xbc4c_3365, 0x1c8e_a9c7, 0x7f39_c60d, 0x2ac3_1f9a, 0xcb89_7497, 0x8899_35c9]),
    (3, [0x15b9_715d, 0x7f56_cf93, 0x160b_7587, 0xb695_b543, 0x7eb7_02f4, 0xb56e_751d]),
    (16, [0xd672_73a2, 0x613f_03f2, 0xbd73_2b31, 0xd086_97bb, 0x0239_df17, 0x1329_5796]),
    (64, [0xb93b_8953, 0x58a0_5fc8, 0xa798_4d5a, 0x366b_630d, 0xf431_9d97, 0x25ed_e43a]),
    (100, [0x1bd3_ee13, 0x8d78_a334, 0xd402_5af7, 0x7909_048f, 0xed86_dab5, 0xc546_f859]),
    (128, [0xd6b2_2b1b, 0xfb93_b6f2, 0xaee8_18f0, 0xa10f_23bc, 0x8835_e07e, 0x7d54_663b]),
    (1024, [0x78c7_d36b, 0x8888_5ef0, 0x4bef_9a90, 0xa282_0dec, 0xb71c_5878, 0xfbf2_dcec]),
    (1, [0xbc4c_3365, 0xe49e_17ff, 0xca8e_59ef, 0xdae0_240b, 0xee33_4674, 0xe171_209d]),
    (3, [0x15b9_715d, 0x9238_932c, 0xa625_8d3b, 0x8a70_1f6c, 0xa8f6_2cee, 0xc623_04f8]),
    (16, [0xd672_73a2, 0x4d14_ea07, 0xf655_4cea, 0xe7c9_4b8e, 0x838a_1092, 0x2bd3_ed0f]),
    (64, [0xb93b_8953, 0x149a_f720, 0xe17b_00ab, 0x4b10_da61, 0xcdbb_3d3f, 0xb6d3_6b56]),
    (100, [0x1bd3_ee13, 0x13ed_17f3, 0x485c_3ff8, 0x5dd6_ed18, 0xc15e_847c, 0x2e25_d182]),
    (128, [0xd6b2_2b1b, 0x93e5_a7a8, 0x0965_7fc9, 0x0f65_c2d1, 0x64b2_0899, 0x6fe5_729b]),
    (1024, [0x78c7_d36b, 0x8668_c322, 0x4949_0670, 0x0580_330f, 0xe730_4327, 0x8397_a636]),
];

#[test]
fn the_sums_are_what_they_were() {
    let mut found = Vec::new();
    for_each_dimension(usize::MAX, |Recognition { dimension, sums, .. }| {
        let Sums { errors, codes, factors, scores, decisions, claims } = sums;
        found.push((dimension, [errors, codes, factors, scores, decisions, claims].map(|sum| sum.0)));
    });
    assert_promised(&found, RECOGNITION);
}

/// In the order of [`for_each_form`]; the sums in the order of [`Derived`].
const DERIVED: &[(usize, [u32; 4])] = &[
    (17, [0x78ad_1e9b, 0x85b1_83c9, 0xed7e_102d, 0x2a36_a5b7]),
    (17, [0x0c91_1bee, 0x57f7_a86a, 0x5258_3d0f, 0x2b36_0a38]),
];

#[test]
fn the_sums_of_what_is_derived_are_what_they_were() {
    let mut found = Vec::new();
    for_each_form(|Derived { projections, queries, statistics, normalized, .. }| {
        found.push((17, [projections, queries, statistics, normalized].map(|sum| sum.0)));
    });
    assert_promised(&found, DERIVED);
}

/// In the order of [`for_each_kernel`]: the dimension, then how many keys and what they come to.
const KERNELS: &[(usize, [u32; 2])] = &[
    (1, [0x0000_1bcc, 0x8213_86f6]),
    (3, [0x0000_1b8c, 0xbdcf_4107]),
    (15, [0x0000_1b8e, 0x0ec4_59ec]),
    (16, [0x0000_6fa2, 0x29e2_82bd]),
    (17, [0x0000_1b8a, 0xb3e0_c448]),
    (31, [0x0000_1b74, 0xdd70_d4b8]),
    (32, [0x0000_6eb2, 0x8260_77bc]),
    (48, [0x0000_6dfa, 0xd256_1f21]),
    (63, [0x0000_1bae, 0x3ad1_e691]),
    (64, [0x0000_6f60, 0x53f3_ed58]),
    (80, [0x0000_6f7a, 0x8f40_1f74]),
    (96, [0x0000_6f48, 0xac31_8846]),
    (100, [0x0000_1bde, 0x57cc_fa4e]),
    (128, [0x0000_6e2a, 0x6ecb_4aa9]),
    (160, [0x0000_6e46, 0x4b5b_f177]),
    (192, [0x0000_6e9c, 0xe2fd_341c]),
    (255, [0x0000_1b3a, 0x4727_6abf]),
    (256, [0x0000_6ec0, 0xc68a_8a3e]),
    (511, [0x0000_1c60, 0x142d_cf33]),
    (512, [0x0000_6e4a, 0xa04d_ca0c]),
    (513, [0x0000_1bd4, 0x6937_112d]),
    (528, [0x0000_6ffc, 0xf8ec_d8de]),
    (1023, [0x0000_1b60, 0x7794_0b7f]),
    (1024, [0x0000_6f4c, 0x8172_b5ca]),
];

#[test]
fn the_sums_of_kernels_are_what_they_were() {
    let mut found = Vec::new();
    for_each_kernel(usize::MAX, |Kernels { dimension, keys, wrong, sum }| {
        assert_eq!(wrong, 0, "dimension {dimension}");
        found.push((dimension, [keys, sum.0]));
    });
    assert_promised(&found, KERNELS);
}

/// In the order of [`for_each_filter`]: the dimension, how many groups and decisions, and what they come to.
const FILTERS: &[(usize, [u32; 3])] = &[
    (16, [0x0000_0200, 0x0000_005f, 0x19a0_5f72]),
    (80, [0x0000_01ee, 0x0000_0046, 0x6417_9c6b]),
    (128, [0x0000_01f9, 0x0000_0058, 0x0d39_00ad]),
    (256, [0x0000_01ee, 0x0000_0030, 0x9484_ddea]),
];

#[test]
fn the_sums_of_filters_are_what_they_were() {
    let mut found = Vec::new();
    for_each_filter(usize::MAX, |Filters { dimension, groups, decisions, wrong, sum }| {
        assert_eq!(wrong, 0, "dimension {dimension}");
        found.push((dimension, [groups, decisions, sum.0]));
    });
    assert_promised(&found, FILTERS);
}

#[test]
fn a_single_word_changes_a_checksum() {
    let sum_of = |words: [u32; 3]| {
        let mut sum = Checksum::default();
        words.iter().for_each(|word| sum.add(*word));
        sum.0
    };
    assert_ne!(sum_of([1, 2, 3]), sum_of([1, 2, 4]));
    assert_ne!(sum_of([1, 2, 3]), sum_of([2, 1, 3]));
    assert_ne!(sum_of([1, 2, 3]), sum_of([0, 2, 3]));
}

/// In the order of [`for_each_layer`]: how many layers, and what their outputs come to.
const LAYERS: &[(usize, [u32; 1])] =
    &[(24, [0xcb59_9f25]), (24, [0xb6e5_869d]), (22, [0x5abf_e88c]), (60, [0x46d3_50f0])];

#[test]
fn the_sums_of_layers_are_what_they_were() {
    let mut found = Vec::new();
    for_each_layer(usize::MAX, |Layers { family, layers, wrong, sum }| {
        assert_eq!(wrong, 0, "{family}");
        found.push((layers as usize, [sum.0]));
    });
    assert_promised(&found, LAYERS);
}

/// In the order of [`for_each_encoder`]: how many samples, and what the tensors come to.
const ENCODERS: &[(usize, [u32; 1])] =
    &[(16, [0x4829_43a2]), (16, [0x4829_43a2]), (16, [0x4829_43a2]), (16, [0x4829_43a2]), (16, [0x8362_ac83])];

#[test]
fn the_sums_of_encoders_are_what_they_were_and_those_of_int8_are_one() {
    let mut found = Vec::new();
    for_each_encoder(|Encoders { network, samples, wrong, sum }| {
        assert_eq!(wrong, 0, "{network}");
        found.push((samples as usize, [sum.0]));
    });
    assert!(found[1..4].iter().all(|int8| *int8 == found[0]), "{found:?}");
    assert_promised(&found, ENCODERS);
}
