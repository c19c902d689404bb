//! What a device is given for a sample, and how the network begins with it.

use super::import::{ImportError, ImportProblem, import};
use super::lower::SampleForm;
use super::network::{Convolution, Network, Node, Operator};
use super::scheme::Scale;
use super::simplify::simplify;
use crate::onnx::OnnxFile;
use crate::preprocessing::{ImageInput, Layout, Preprocessing};

/// A network that begins with what a device is given.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The network; its input is a sample as [`Prepared::sample`] makes it.
    pub network: Network,
    /// How samples are read for a device.
    pub device: Preprocessing,
    /// The scale of the input, where it is not chosen from samples.
    pub input: Option<Scale>,
    values: Values,
}

/// What a device's sample is to the network.
#[derive(Clone, Debug)]
enum Values {
    /// Pixels less a number, which stands for 0: what else is done to pixels is done by the first layer.
    Folded { zero: i32, lines: Vec<(f64, f64)> },
    /// For each channel its factor and summand.
    ByChannel(Vec<(f64, f64)>),
    /// The elements as they are, each at its place.
    Placed,
}

impl Prepared {
    /// Walks a model, and lets its first layer do the preprocessing where that is exact.
    ///
    /// # Errors
    /// [`ImportError`], naming the node.
    pub fn new(onnx: &OnnxFile, preprocessing: &Preprocessing, output: &str) -> Result<Self, ImportError> {
        let shape = preprocessing.sample_shape();
        let walk = |channels_last| import(onnx, preprocessing.input(), output, &shape, channels_last);
        match preprocessing {
            Preprocessing::Image(image) => Ok(Self::of_pixels(walk(image.layout == Layout::Nchw)?, image)),
            // Whoever quantizes refuses waveforms before: these are features.
            Preprocessing::Audio(_) => Ok(Self {
                network: simplify(walk(false)?),
                device: preprocessing.clone(),
                input: None,
                values: Values::Placed,
            }),
            Preprocessing::Tensor(tensor) => {
                let in_order = walk(false);
                let rearranged = matches!(&in_order, Err(error) if error.problem == ImportProblem::Rearranged);
                // N×C×L and N×C×H×W need channels innermost: then a device is given them so.
                let channels_last = rearranged && shape.len() > 1;
                let network = if channels_last { walk(true)? } else { in_order? };
                let mut device = tensor.clone();
                device.normalize = false;
                device.channels_last = channels_last.then_some(true);
                Ok(Self {
                    network: simplify(network),
                    device: Preprocessing::Tensor(device),
                    input: None,
                    values: Values::Placed,
                })
            }
        }
    }

    fn of_pixels(network: Network, image: &ImageInput) -> Self {
        let lines: Vec<(f64, f64)> =
            image.std.iter().zip(&image.mean).map(|(std, mean)| (image.scale / std, -mean / std)).collect();
        let device = Preprocessing::Image(image.pixels());
        let plain = simplify(network.clone());
        // Where one pixel value stands for 0 in all channels, padding with it is exact, whatever the first layer.
        let zeros: Vec<f64> = lines.iter().map(|(factor, summand)| -summand / factor).collect();
        let is_pixel = |zero: &f64| (zero - zero.round()).abs() < 1e-6 && (0.0..=255.0).contains(&zero.round());
        let common = is_pixel(&zeros[0]) && zeros.iter().all(|zero| (zero - zeros[0]).abs() < 1e-6);
        let zero = if common { zeros[0].round() } else { 0.0 };
        let summands = lines.iter().map(|(factor, summand)| (summand + factor * zero) as f32);
        let summands = summands.map(|summand| if common { 0.0 } else { summand }).collect();
        let folded =
            simplify(with_line_first(network, lines.iter().map(|(factor, _)| *factor as f32).collect(), summands));
        if folded.nodes.len() == plain.nodes.len() {
            let zero = zero as i32;
            let input = Scale { zero: zero - 128, ..Scale::over(0.0, 255.0) };
            return Self { network: folded, device, input: Some(input), values: Values::Folded { zero, lines } };
        }
        let ends = lines.iter().flat_map(|(factor, summand)| [*summand, factor * 255.0 + summand]);
        let (low, high) = ends.fold((0.0, 0.0), |(low, high): (f64, f64), end| (low.min(end), high.max(end)));
        Self { network: plain, device, input: Some(Scale::over(low, high)), values: Values::ByChannel(lines) }
    }

    /// The network's input for a sample that was read for the device.
    #[must_use]
    pub fn sample(&self, device: &[f32]) -> Vec<f32> {
        match &self.values {
            Values::Folded { zero, .. } => device.iter().map(|pixel| pixel - *zero as f32).collect(),
            Values::ByChannel(lines) => {
                let lines = lines.iter().cycle();
                device
                    .iter()
                    .zip(lines)
                    .map(|(&pixel, (factor, summand))| (f64::from(pixel) * factor + summand) as f32)
                    .collect()
            }
            Values::Placed => {
                let mut placed = vec![0.0; device.len()];
                self.network.nodes[0].places.iter().zip(device).for_each(|(&place, &value)| placed[place] = value);
                placed
            }
        }
    }

    /// For each channel of pixels the factor and the summand that the first layer has in it, where it has.
    #[must_use]
    pub fn folded(&self) -> Option<&[(f64, f64)]> {
        match &self.values {
            Values::Folded { lines, .. } => Some(lines),
            Values::ByChannel(_) | Values::Placed => None,
        }
    }

    /// How samples come on the device, once the scale of the network's input is known; `step` is that of int16 samples.
    #[must_use]
    pub fn form(&self, input: &Scale, step: f64) -> SampleForm {
        let table =
            |value: &dyn Fn(f64) -> f64| std::array::from_fn(|pixel| input.element(value(pixel as f64)) as i8 as u8);
        match &self.values {
            Values::Folded { zero, .. } => SampleForm::Pixels(vec![table(&|pixel| pixel - f64::from(*zero))]),
            Values::ByChannel(lines) => SampleForm::Pixels(
                lines.iter().map(|(factor, summand)| table(&|pixel| pixel * factor + summand)).collect(),
            ),
            Values::Placed => SampleForm::Series { step, sound: self.device.sound() },
        }
    }
}

/// A network that first multiplies each channel of its input by a factor and adds a summand.
fn with_line_first(mut network: Network, factors: Vec<f32>, summands: Vec<f32>) -> Network {
    for node in &mut network.nodes {
        node.inputs.iter_mut().for_each(|input| *input += 1);
    }
    let input = network.nodes[0].clone();
    let [rows, columns, _] = input.shape;
    let operator = Operator::Convolution(Convolution::by_channel(rows * columns, factors, summands));
    let line = Node { operator, inputs: vec![0], ..input.clone() };
    network.nodes[0] = line;
    network.nodes.insert(0, input);
    network.output += 1;
    network
}
