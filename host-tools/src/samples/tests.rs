use super::*;
use image::{GrayImage, Luma};

const PREPROCESSING: &str = r#"
kind = "image"
input = "i"
output = "o"
width = 2
height = 2
channels = "gray"
layout = "nchw"
scale = 1.0
mean = [0.0]
std = [1.0]
normalize = true
"#;

fn load(path: &Path, resize: bool) -> Result<Vec<f32>, String> {
    let set = SampleSet::open(path, None).map_err(|error| error.to_string())?;
    let preprocessing = Preprocessing::parse(PREPROCESSING).unwrap();
    set.load(0..set.len(), &preprocessing, resize).map_err(|error| error.to_string())
}

/// A picture whose pixels count up from 0, row by row.
fn counting(width: u32, height: u32) -> GrayImage {
    GrayImage::from_fn(width, height, |x, y| Luma([(y * width + x) as u8]))
}

#[test]
fn a_folder_is_read_by_subject_and_name() {
    let root = tempfile::tempdir().unwrap();
    for (subject, name, first) in [("b", "1.png", 4), ("a", "2.png", 2), ("a", "1.png", 0)] {
        let folder = root.path().join(subject);
        std::fs::create_dir_all(&folder).unwrap();
        GrayImage::from_fn(2, 2, |_, _| Luma([first])).save(folder.join(name)).unwrap();
    }
    std::fs::write(root.path().join(".hidden"), "").unwrap();
    let set = SampleSet::open(root.path(), None).unwrap();
    let files: Vec<&str> = set.labels().rows.iter().map(|label| label.file.as_str()).collect();
    assert_eq!(files, ["a/1.png", "a/2.png", "b/1.png"]);
    assert_eq!(load(root.path(), false).unwrap(), [[0.0; 4], [2.0; 4], [4.0; 4]].concat());

    std::fs::write(root.path().join("a/notes.txt"), "not a picture").unwrap();
    assert!(load(root.path(), false).unwrap_err().contains("a/notes.txt: this is not a PNG, JPEG, BMP or PGM picture"));
    std::fs::remove_file(root.path().join("a/notes.txt")).unwrap();
    counting(2, 2).save(root.path().join("stray.png")).unwrap();
    assert!(load(root.path(), false).unwrap_err().contains("stray.png: this is not in a subject's folder"));
}

#[test]
fn a_manifest_crops_its_files() {
    let root = tempfile::tempdir().unwrap();
    counting(4, 3).save(root.path().join("sheet.png")).unwrap();
    let manifest = root.path().join("samples.csv");
    std::fs::write(&manifest, "subject,y,x,height,width,file,pen\na,0,0,2,2,sheet.png,red\nb,1,2,2,2,sheet.png,blue\n")
        .unwrap();
    assert_eq!(load(&manifest, false).unwrap(), [0.0, 1.0, 4.0, 5.0, 6.0, 7.0, 10.0, 11.0]);
    let set = SampleSet::open(&manifest, None).unwrap();
    assert_eq!(set.labels().columns, ["y", "x", "height", "width", "pen"]);

    for (text, message) in [
        ("file,subject,x\nsheet.png,a,0\n", "some of the columns x, y, width, height"),
        ("file,subject,x,y,width,height\nsheet.png,a,0,0,0,2\n", "line 2 has `0` in the column `width`"),
        ("file,subject,x,y,width,height\nsheet.png,a,-1,0,2,2\n", "`-1` in the column `x`"),
        (
            "file,subject,x,y,width,height\nsheet.png,a,3,0,2,2\n",
            "the rectangle 2×2 at (3, 0) is not inside the picture of 4×3",
        ),
        ("file,subject,x,y,width,height\nsheet.png,a,4294967295,0,2,2\n", "is not inside the picture"),
        ("file,subject\nsheet.png,a\n", "it is 4×3 pixels where the model takes 2×2"),
        ("file,subject\nmissing.png,a\n", "missing.png: there is no such file"),
        ("subject\na\n", "it has no column `file`"),
        ("file,subject\n", "there are no samples in it"),
    ] {
        std::fs::write(&manifest, text).unwrap();
        let error = load(&manifest, false).unwrap_err();
        assert!(error.contains(message), "{text:?} gave: {error}");
    }
}

#[test]
fn a_picture_of_another_size_is_stretched_only_when_asked() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a");
    std::fs::create_dir(&folder).unwrap();
    GrayImage::from_pixel(7, 5, Luma([9])).save(folder.join("1.png")).unwrap();
    assert!(load(root.path(), false).unwrap_err().contains("it is 7×5 pixels where the model takes 2×2"));
    assert_eq!(load(root.path(), true).unwrap(), [9.0; 4]);
}

/// A JPEG of 4×2 pixels, the left half dark; with the mark that a camera held upright leaves.
fn sideways_jpeg() -> Vec<u8> {
    let mut jpeg = Vec::new();
    let pixels = GrayImage::from_fn(4, 2, |x, _| Luma([if x < 2 { 20 } else { 200 }]));
    pixels.write_to(&mut std::io::Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
    // An Exif segment behind the first marker: a TIFF directory whose one entry is the orientation, 6: turn clockwise.
    let mut exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    exif.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0");
    [&jpeg[..2], &exif, &jpeg[2..]].concat()
}

#[test]
fn a_camera_picture_is_turned_upright() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a.jpg"), sideways_jpeg()).unwrap();
    let manifest = root.path().join("samples.csv");
    // Upright it is 2×4, dark above: a square of the upper half is dark, one of the lower half is light.
    std::fs::write(&manifest, "file,subject,x,y,width,height\na.jpg,a,0,0,2,2\na.jpg,a,0,2,2,2\n").unwrap();
    let values = load(&manifest, false).unwrap();
    assert!(
        values[..4].iter().all(|&value| value < 60.0) && values[4..].iter().all(|&value| value > 160.0),
        "{values:?}"
    );
}

#[test]
fn axes_of_one_element_do_not_count() {
    assert!(array::same_axes(&[76, 32], &[76, 32, 1]));
    assert!(!array::same_axes(&[32, 76], &[76, 32, 1]));
}
