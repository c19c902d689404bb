use super::{SampleForm, lower};
use crate::int8::EncoderFile;
use crate::preprocessing::Preprocessing;
use crate::quantization::network::{Clip, Convolution, Network, Node, NodeId, Operator, Window};
use crate::quantization::ranges::{Choice, observe};
use crate::quantization::scheme::{Scheme, Settings};
use crate::quantization::verdict::cosine;

/// A convolution with ReLU between two without.
fn network(random: &mut fastrand::Rng) -> Network {
    let mut node = |id: NodeId, outputs: usize, clip: Clip| {
        let window = Window::point([4, 4, 8], outputs);
        let window = if id == 3 { Window { output: [1, 1, outputs], kernel: [4, 4], ..window } } else { window };
        let mut draw = |count: usize| (0..count).map(|_| random.f32() - 0.5).collect::<Vec<_>>();
        let weights = draw(outputs * 8 * window.kernel.iter().product::<usize>());
        let operator = Operator::Convolution(Convolution { window, groups: 1, weights, bias: draw(outputs), clip });
        Node { name: String::new(), places: Vec::new(), operator, inputs: vec![id - 1], shape: window.output }
    };
    let relu = Clip { low: 0.0, high: f32::INFINITY };
    let nodes = vec![node(1, 8, Clip::NONE), node(2, 8, relu), node(3, 6, Clip::NONE)];
    let input = Node { operator: Operator::Input, inputs: Vec::new(), places: (0..128).collect(), ..nodes[0].clone() };
    Network { nodes: [vec![input], nodes].concat(), output: 3, normalized: false }
}

/// int16 has no table that cuts, and loses less than int8.
#[test]
fn what_is_cut_at_zero_is_in_int16_too() {
    let mut random = fastrand::Rng::with_seed(1);
    let network = network(&mut random);
    let samples: Vec<Vec<f32>> = (0..20).map(|_| (0..128).map(|_| random.f32() * 2.0 - 1.0).collect()).collect();
    let observed = observe(&network, &samples);
    let step = 2f64.powi(-14);
    let text = format!(
        "input = \"in\"\noutput = \"out\"\nkind = \"tensor\"\nshape = [128]\nstep = {step}\nnormalize = false\n"
    );
    let preprocessing = Preprocessing::parse(&text).unwrap();
    let loss = |wide: &[NodeId]| {
        let settings = Settings { choice: Choice::MinMax, corrects_bias: false, wide };
        let scheme = Scheme::new(&network, &observed, None, settings);
        let lowered = lower(&scheme, &SampleForm::Series { step, sound: None }).unwrap();
        let encoder = preprocessing.int8_encoder(EncoderFile::new(lowered.bytes).unwrap());
        let losses = samples.iter().map(|sample| {
            let exact = network.run(sample, |_, _| ()).pop().unwrap();
            1.0 - cosine(&encoder.encode_one(sample, |_, _| ()).unwrap(), &exact)
        });
        losses.sum::<f64>() / samples.len() as f64
    };
    let [int8, int16] = [&[][..], &[1, 2]].map(loss);
    assert!(int8 < 1e-3 && int16 < int8 * 0.8, "{int8} in int8, {int16} in int16");
}
