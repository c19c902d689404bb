//! Reads sheets of samples: a folder with `samples.csv` and the PNG files that it names.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use cognate_train::{Labeled, Samples};

/// The samples of one folder, in the order of its CSV; all of one size.
pub struct Sheets {
    size: [usize; 2],
    pixels: Vec<u8>,
    /// The subject of each sample.
    pub subjects: Vec<String>,
}

/// A gray sheet.
struct Sheet {
    width: usize,
    pixels: Vec<u8>,
}

impl Sheets {
    /// The samples whose subject is wanted.
    #[allow(dead_code)] // One of the two examples that read sheets has no use for it.
    pub fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let [width, height] = self.size;
        let (mut pixels, mut subjects) = (Vec::new(), Vec::new());
        for (subject, own) in self.subjects.iter().zip(self.pixels.chunks(width * height)) {
            if wanted(subject) {
                subjects.push(subject.clone());
                pixels.extend_from_slice(own);
            }
        }
        Self { size: self.size, pixels, subjects }
    }

    /// The samples without their subjects.
    pub fn images(self) -> Result<Samples, Box<dyn Error>> {
        let [width, height] = self.size;
        Ok(Samples::of_pixels(width, height, &self.pixels)?)
    }

    /// The samples with a number for each subject.
    pub fn labeled(self) -> Result<Labeled, Box<dyn Error>> {
        let mut numbers = HashMap::new();
        let mut number = |subject: &String| {
            let next = numbers.len();
            *numbers.entry(subject.clone()).or_insert(next)
        };
        let classes = self.subjects.iter().map(&mut number).collect();
        Ok(Labeled::new(self.images()?, classes)?)
    }
}

/// Reads every sample that `folder/samples.csv` names (columns file, subject, x, y, width, height).
pub fn read(folder: &Path) -> Result<Sheets, Box<dyn Error>> {
    let path = folder.join("samples.csv");
    let mut rows = csv::Reader::from_path(&path)
        .map_err(|error| format!("{}: {error}; run the example glyph_data first", path.display()))?;
    let mut sheets: HashMap<String, Sheet> = HashMap::new();
    let mut samples = Sheets { size: [0; 2], pixels: Vec::new(), subjects: Vec::new() };
    for row in rows.deserialize() {
        let (file, subject, x, y, width, height): (String, String, usize, usize, usize, usize) = row?;
        if !samples.subjects.is_empty() && samples.size != [width, height] {
            return Err(format!("{}: samples of several sizes", path.display()).into());
        }
        samples.size = [width, height];
        if !sheets.contains_key(&file) {
            sheets.insert(file.clone(), decode(&folder.join(&file))?);
        }
        let sheet = &sheets[&file];
        for line in sheet.pixels.chunks_exact(sheet.width).skip(y).take(height) {
            let line = line.get(x..x + width).ok_or("a sample outside its sheet")?;
            samples.pixels.extend_from_slice(line);
        }
        samples.subjects.push(subject);
    }
    Ok(samples)
}

/// Reads an 8-bit gray PNG.
fn decode(path: &Path) -> Result<Sheet, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut reader = png::Decoder::new(BufReader::new(file)).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("a sheet too large")?];
    let frame = reader.next_frame(&mut pixels)?;
    if (frame.color_type, frame.bit_depth) != (png::ColorType::Grayscale, png::BitDepth::Eight) {
        return Err(format!("{}: not an 8-bit gray image", path.display()).into());
    }
    Ok(Sheet { width: frame.line_size, pixels })
}
