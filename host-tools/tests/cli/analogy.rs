//! Embeddings of words.

use crate::support::{Bench, recorded_data};
use serde_json::Value;

const VECTORS: &str = "man 0 1 0 0.1\nwoman 0 0 1 0.1\nking 1 1 0 0\nqueen 1 0 1 0\nduck -1 0 0 3\n";

#[test]
fn analogies_neighbors_and_bias_are_shown_together() {
    let bench = Bench::new();
    bench.write("vectors.txt", VECTORS.as_bytes());
    bench.write("questions.txt", b": royal\nman woman king queen\nman king unicorn queen\n");
    let all = [
        &["analogy", "vectors.txt", "questions.txt", "--near", "king - man + woman", "--count", "1"][..],
        &["--targets", "man,king", "woman,queen", "--attributes", "man,king", "woman,queen"],
    ]
    .concat();
    let object: Value = serde_json::from_str(&bench.succeed(&[&all[..], &["--json"]].concat())).unwrap();
    assert_eq!((&object["words"], &object["dimension"]), (&Value::from(5), &Value::from(4)));
    let royal = &object["analogies"]["sections"][0];
    assert_eq!((&royal["asked"], &royal["skipped"], &royal["right_f32"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!(
        (&object["neighbors"]["f32"][0]["word"], &object["neighbors"]["device"][0]["word"]),
        (&"queen".into(), &"queen".into())
    );
    assert!(object["bias"]["f32"]["size"].as_f64().unwrap() > 1.0);
    let table = bench.succeed(&all);
    for text in ["5 words, 4 elements", "royal", "queen", "effect size", "over 6 partitions (all)"] {
        assert!(table.contains(text), "{table}");
    }
}

#[test]
fn what_cannot_be_asked() {
    let bench = Bench::new();
    bench.write("vectors.txt", VECTORS.as_bytes());
    assert_eq!(bench.run(&["analogy", "vectors.txt"]).status.code(), Some(2));
    bench.fail(&["analogy", "vectors.txt", "--near", "unicorn"], &["--near: `unicorn` has no vector"]);
    bench.write("questions.txt", b": royal\nman woman king\n");
    bench.fail(&["analogy", "vectors.txt", "questions.txt"], &["questions.txt: line 2 has 3 words"]);
    let bias =
        ["analogy", "vectors.txt", "--targets", "man,king", "@women.txt", "--attributes", "man,king", "woman,queen"];
    bench.fail(&bias, &["women.txt: there is no such file"]);
    bench.write("women.txt", b"woman\nqueen king");
    bench.fail(&bias, &["`king` is among both targets"]);
    bench.write("vectors.txt", &VECTORS.as_bytes()[..VECTORS.len() - 4]);
    bench.fail(
        &["analogy", "vectors.txt", "--near", "king"],
        &["vectors.txt: `duck` has 2 elements where 4 are expected"],
    );
}

/// The figures of numpy, in f32; what the device answers differs in some per thousand.
#[test]
fn recorded_words_are_answered_as_numpy_answers() {
    let Some(data) = recorded_data("recorded_words_are_answered_as_numpy_answers") else { return };
    let path = |name: &str| data.join("words").join(name).to_str().unwrap().to_owned();
    let bench = Bench::new();
    let printed = bench.succeed(&["analogy", &path("vectors_100d.txt.gz"), &path("questions-words.txt"), "--json"]);
    let object: Value = serde_json::from_str(&printed).unwrap();
    let counts = |section: &Value| {
        let count = |name: &str| section[name].as_u64().unwrap();
        (count("right_f32"), count("asked"), count("skipped"))
    };
    let section = |name: &str| {
        let sections = object["analogies"]["sections"].as_array().unwrap();
        counts(sections.iter().find(|section| section["name"] == name).unwrap())
    };
    assert_eq!(section("capital-common-countries"), (478, 506, 0));
    assert_eq!(section("family"), (424, 506, 0));
    assert_eq!(section("gram3-comparative"), (1072, 1332, 0));
    let total = &object["analogies"]["total"];
    assert_eq!(counts(total), (12_968, 19_544, 0));
    let on_device = total["right_device"].as_u64().unwrap();
    println!(
        "words: {on_device} of 19544 analogies on the device, 12968 in f32; {} other answers",
        total["other_answers"]
    );
    assert!(on_device.abs_diff(12_968) < 100, "{on_device}");
}
