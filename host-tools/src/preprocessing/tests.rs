use super::*;

const GRAY: &str = r#"
input = "image"
output = "embedding"
kind = "image"
width = 2
height = 1
channels = "gray"
layout = "nchw"
scale = 0.5
mean = [1.0]
std = [2.0]
normalize = true
"#;

fn color(channels: &str, layout: &str) -> ImageInput {
    let text = GRAY
        .replace("gray", channels)
        .replace("nchw", layout)
        .replace("[1.0]", "[0.0, 10.0, 20.0]")
        .replace("[2.0]", "[1.0, 1.0, 2.0]");
    match Preprocessing::parse(&text).unwrap() {
        Preprocessing::Image(image) => image,
        _ => unreachable!(),
    }
}

#[test]
fn pixels_are_scaled_then_centered_then_divided() {
    let Preprocessing::Image(gray) = Preprocessing::parse(GRAY).unwrap() else { unreachable!() };
    assert_eq!(gray.apply(&[0, 255]), [-0.5, 63.25]);
}

#[test]
fn layouts_and_color_orders() {
    let pixels = [2, 4, 6, 20, 40, 60]; // two pixels: red, green, blue
    assert_eq!(color("rgb", "nchw").apply(&pixels), [1.0, 10.0, -8.0, 10.0, -8.5, 5.0]);
    assert_eq!(color("rgb", "nhwc").apply(&pixels), [1.0, -8.0, -8.5, 10.0, 10.0, 5.0]);
    assert_eq!(color("bgr", "nhwc").apply(&pixels), [3.0, -8.0, -9.5, 30.0, 10.0, -5.0]);
}

#[test]
fn the_canonical_text_forgets_comments_and_order_but_no_value() {
    let parsed = Preprocessing::parse(GRAY).unwrap();
    let mut lines: Vec<&str> = GRAY.lines().collect();
    lines.reverse();
    let reordered = format!("# a comment\n{}", lines.join("\n"));
    assert_eq!(Preprocessing::parse(&reordered).unwrap().canonical_text(), parsed.canonical_text());
    assert_eq!(Preprocessing::parse(&parsed.canonical_text()).unwrap(), parsed);
    let other = GRAY.replace("normalize = true", "normalize = false");
    assert_ne!(Preprocessing::parse(&other).unwrap().canonical_text(), parsed.canonical_text());
}

#[test]
fn tensors_have_a_shape_and_nothing_of_images() {
    let text = "kind = \"tensor\"\ninput = \"a\"\noutput = \"b\"\nshape = [76, 32, 1]\nnormalize = true\n";
    assert_eq!(Preprocessing::parse(text).unwrap().sample_shape(), [76, 32, 1]);
    let error = Preprocessing::parse(&format!("{text}width = 3\n")).unwrap_err().to_string();
    assert!(error.contains("unknown field `width`"), "{error}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (from, to, message) in [
        ("width = 2", "width = 0", "line 5: `width` has to be at least 1"),
        ("[1.0]", "[1.0, 2.0]", "`mean` needs one value for each channel"),
        ("[2.0]", "[0.0]", "`std` has to be finite and above 0"),
        ("scale = 0.5", "scale = nan", "`scale` has to be finite"),
        ("width = 2", "width = 4294967296", "5 | width = 4294967296"),
        ("width = 2", "width = \"2\"", "invalid type: string \"2\", expected u32"),
        ("width = 2\nheight = 1", "width = 65536\nheight = 65536", "more than 2^31 elements"),
        ("gray", "cmyk", "unknown variant `cmyk`"),
        ("normalize = true", "normalise = true", "unknown field `normalise`"),
        ("width = 2", "", "missing field `width`"),
        ("kind = \"image\"", "", "kind"),
    ] {
        let error = Preprocessing::parse(&GRAY.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(message), "{to:?} gave: {error}");
    }
}
