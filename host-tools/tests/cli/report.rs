//! `cognate report`.

use crate::support::Bench;
use std::process::{Command, Stdio};

/// Everything that would leave the page: addresses that are not data, scripts, styles and pictures from elsewhere.
fn assert_self_contained(page: &str) {
    for (place, _) in page.match_indices("src=\"").chain(page.match_indices("href=\"")) {
        let address = page[place..].split('"').nth(1).unwrap();
        assert!(address.starts_with("data:"), "{}", &address[..address.len().min(80)]);
    }
    for text in ["<script", "<link rel=\"stylesheet", "@import", "url("] {
        assert!(!page.contains(text), "{text}");
    }
}

#[test]
fn a_page_holds_all_that_it_shows() {
    let bench = Bench::with_model();
    bench.encode_sheets();
    std::fs::create_dir(bench.path("figures")).unwrap();
    let begin = ["report", "--embeddings", "digits.npy", "-o", "report.html", "--replicates", "20"];
    bench.succeed(&[&begin[..], &["--fmr", "0.01,0.00001", "--figures", "figures"]].concat());
    let page = String::from_utf8(bench.read("report.html")).unwrap();
    assert_self_contained(&page);
    for text in
        ["Scores of genuine and impostor pairs", "Detection error tradeoff", "Hardest impostor pairs", "needs 300000"]
    {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("<svg class=\"figure\"").count(), 5);
    assert!(page.matches("<img alt=").count() >= 12, "the samples can be read, cut out of their sheets");
    for name in ["scores", "det", "cmc", "fpir", "map"] {
        let svg = String::from_utf8(bench.read(&format!("figures/{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("<style>") && !svg.contains("NaN"), "{name}");
        let rows = csv::Reader::from_path(bench.path(&format!("figures/{name}.csv"))).unwrap().into_records();
        assert!(rows.map(Result::unwrap).count() > 2, "{name}");
    }
}

#[test]
fn an_encoder_has_drawings_of_what_it_takes_and_loses() {
    let bench = Bench::with_model();
    bench.manifest("digits", 4..8, 10);
    let quantize = ["quantize", "model.onnx", "digits-samples.csv", "-o", "model.encoder", "--json"];
    bench.write("quantized.json", bench.succeed(&quantize).as_bytes());
    std::fs::create_dir(bench.path("figures")).unwrap();
    let report = ["report", "model.encoder", "digits-samples.csv", "-o", "x.html", "--replicates", "0", "--fmr", "0.1"];
    let drawn = ["--quantization", "quantized.json", "--board", "mps2-an386", "--figures", "figures"];
    bench.succeed(&[&report[..], &drawn].concat());
    let page = String::from_utf8(bench.read("x.html")).unwrap();
    assert_self_contained(&page);
    assert!(page.contains("Quantization by layer") && page.contains("On mps2-an386: "));
    let rows = |name: &str| csv::Reader::from_path(bench.path(name)).unwrap().into_records().count();
    let quantized: serde_json::Value = serde_json::from_slice(&bench.read("quantized.json")).unwrap();
    assert_eq!(rows("figures/quantization.csv"), quantized["layers"].as_array().unwrap().len());
    let budget: serde_json::Value =
        serde_json::from_str(&bench.succeed(&["budget", "model.encoder", "--json"])).unwrap();
    assert_eq!(rows("figures/budget.csv"), budget["layers"].as_array().unwrap().len());
    bench.write("x.html", b"old");
    let with = |more: &[&str], texts: &[&str]| bench.fail(&[&report[..], more].concat(), texts);
    let mut other = quantized.clone();
    other["digest"] = "0".repeat(32).into();
    let other = other.to_string();
    bench.write("other.json", other.as_bytes());
    with(&["--quantization", "other.json"], &["other.json: it is about the encoder 000000"]);
    with(&["--quantization", "model.encoder"], &["model.encoder: it is not what `cognate quantize --json` prints"]);
    let of_model = ["report", "model.onnx", "digits-samples.csv", "-o", "x.html", "--board", "mps2-an386"];
    bench.fail(&of_model, &["--board goes with an int8 encoder"]);
    assert_eq!(bench.read("x.html"), b"old");
}

#[test]
fn names_are_text_in_the_page() {
    let bench = Bench::new();
    let values: Vec<f32> = (0..24).map(|place| (place * place % 11) as f32 + 1.0).collect();
    bench.write("x.npy", &cognate_host::npy::matrix_bytes(&values, 4));
    bench.write("x.csv", b"subject,site\n<b>&,<i>\n<b>&,<i>\nb,y\nb,y\nc,y\nc,<i>\n");
    let report =
        ["report", "--embeddings", "x.npy", "--groups", "site", "-o", "x.html", "--fmr", "0.5", "--figures", "."];
    bench.succeed(&report);
    let page = String::from_utf8(bench.read("x.html")).unwrap();
    assert!(page.contains("Error rates by site") && page.contains("Too small to say: &lt;i&gt;, y."));
    let drawn = String::from_utf8(bench.read("groups-site.svg")).unwrap();
    assert!(drawn.contains("&lt;i&gt;") && !drawn.contains("NaN"), "{drawn}");
    let numbers = String::from_utf8(bench.read("groups-site.csv")).unwrap();
    let rows: Vec<&str> = numbers.lines().collect();
    assert!(rows[0].starts_with("group,subjects,samples,impostor_pairs,fmr,"), "{numbers}");
    assert!(rows[1].starts_with("<i>,2,3,2,") && rows[2].starts_with("y,2,3,2,"), "{numbers}");
    assert!(page.contains("&lt;b&gt;&amp;") && page.contains("&lt;i&gt;") && !page.contains("<i>"));
    assert_self_contained(&page);
}

#[test]
fn a_page_that_cannot_be_written_leaves_the_old_one() {
    let bench = Bench::new();
    let values: Vec<f32> = (0..24).map(|place| (place * place % 11) as f32 + 1.0).collect();
    bench.write_embeddings("x", 4, &values, &["a", "a", "b", "b", "c", "c"]);
    let report = ["report", "--embeddings", "x.npy", "-o"];
    bench.fail(&[&report[..], &["x.csv"]].concat(), &["x.csv: writing here would destroy an input"]);
    bench.fail(&[&report[..], &["none/x.html"]].concat(), &["none/x.html: its folder does not exist"]);
    bench.fail(&[&report[..], &["x.html", "--figures", "none"]].concat(), &["none: there is no such folder"]);
    bench.write("x.html", b"old");
    // A file may not grow beyond a few blocks: the disk is as good as full.
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$0\" report --embeddings x.npy -o x.html";
    let mut full = Command::new("sh");
    full.args(["-c", script, env!("CARGO_BIN_EXE_cognate")]).current_dir(bench.path(""));
    let output = full.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("x.html: it cannot be written"), "{errors}");
    assert_eq!(bench.read("x.html"), b"old");
}

#[test]
#[cfg(unix)]
fn an_interrupt_leaves_the_old_page_and_nothing_else() {
    let bench = Bench::new();
    let values: Vec<f32> = (0..4000 * 8).map(|place| (place * 7919 % 1013) as f32 - 500.0).collect();
    let subjects: Vec<String> = (0..4000).map(|row| (row / 4).to_string()).collect();
    bench.write_embeddings("x", 8, &values, &subjects.iter().map(String::as_str).collect::<Vec<_>>());
    bench.write("x.html", b"old");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
    command.args(["report", "--embeddings", "x.npy", "-o", "x.html", "--replicates", "100000"]);
    let mut child = command.current_dir(bench.path("")).stderr(Stdio::null()).spawn().unwrap();
    // Again until it is heard: where a parent ignores interrupts, they count only from when the command listens.
    let ended = loop {
        let interrupt = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
        assert!(interrupt.success());
        std::thread::sleep(std::time::Duration::from_millis(50));
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
    };
    assert!(!ended.success());
    assert_eq!(bench.read("x.html"), b"old");
    assert_eq!(std::fs::read_dir(bench.path("")).unwrap().count(), 3, "the embeddings, their labels, the old page");
}
