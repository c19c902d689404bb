//! Writing the trained encoder as a standard ONNX file.

use prost::Message;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto,
    attribute_proto::AttributeType,
    tensor_proto::DataType,
    tensor_shape_proto::{Dimension, dimension::Value as Size},
    type_proto,
};

use crate::net::{Dense, FoldedBlock, FoldedConv, Head, Join, Range, Shape};
use crate::samples::{Labeled, Samples};
use crate::train::{Encoder, TrainConfig};

/// Operator set, and the first IR version that came with it (ONNX 1.8).
const OPSET: i64 = 13;
const IR_VERSION: i64 = 7;

/// Name of the input: `[batch, channels, height, width]`.
const INPUT: &str = "sample";
/// Name of the output: `[batch, dimensions]`, not normalized.
const OUTPUT: &str = "embedding";

/// How an encoder was made, as names and values that the file carries along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe(Vec<(String, String)>);

impl Recipe {
    /// Describes a run: everything needed to repeat it, with the digests of its data.
    #[must_use]
    pub fn new(labeled: &Labeled, instances: &Samples, config: &TrainConfig) -> Self {
        let batch = &config.batch;
        let (loss, parameters) = config.loss.describe();
        let mut entries = vec![("loss", loss.to_owned())];
        entries.extend(parameters.into_iter().map(|(name, value)| (name, value.to_string())));
        entries.extend([
            ("seed", config.seed.to_string()),
            ("steps", config.steps.to_string()),
            ("rate", config.rate.to_string()),
            ("warm_up", config.warm_up.to_string()),
            ("optimizer", "Adam (0.9, 0.99), decoupled weight decay".into()),
            ("weight_decay", config.weight_decay.to_string()),
            ("quantization_aware", config.quantization_aware.to_string()),
            ("batch_norm_momentum", config.net.batch_norm_momentum.to_string()),
            ("batch_classes", batch.classes.to_string()),
            ("batch_samples_per_class", batch.samples.to_string()),
            ("batch_instances", batch.instances.to_string()),
            ("turned_classes", batch.turned.to_string()),
            ("mixup", batch.mixup.map_or("none".into(), |least| least.to_string())),
            ("augment", format!("{:?}", config.augment)),
            ("labeled_count", labeled.samples().count().to_string()),
            ("labeled_values_sha256", labeled.samples().digest()),
            ("instance_count", instances.count().to_string()),
            ("instance_values_sha256", instances.digest()),
        ]);
        Self(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Names and values as a file had them.
    pub(crate) fn of_entries(entries: Vec<(String, String)>) -> Self {
        Self(entries)
    }

    /// The same with one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// Names with their values, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[(String, String)] {
        &self.0
    }
}

impl Encoder {
    /// The bytes of an ONNX file (opset 13) with the recipe as metadata.
    ///
    /// Input `sample`: `[batch, channels, height, width]`, f32, as in training. Output `embedding`:
    /// `[batch, dimensions]`, not normalized. BatchNorm is folded into the convolutions, so the nodes are Conv, Relu,
    /// Add, GlobalAveragePool, Flatten and Gemm; Clip instead of Relu, where the encoder was trained for ranges.
    #[must_use]
    pub fn to_onnx(&self, recipe: &Recipe) -> Vec<u8> {
        let metadata =
            |(key, value): &(String, String)| StringStringEntryProto { key: key.clone(), value: value.clone() };
        let model = ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { version: OPSET, ..Default::default() }],
            producer_name: env!("CARGO_PKG_NAME").into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(self.graph()),
            metadata_props: recipe.entries().iter().map(metadata).collect(),
            ..Default::default()
        };
        model.encode_to_vec()
    }

    fn graph(&self) -> GraphProto {
        let mut graph = GraphProto { name: "encoder".into(), ..Default::default() };
        let mut layer = INPUT.to_owned();
        let mut number = 0;
        for block in self.net.folded(self.ranges.as_deref()) {
            layer = push_block(&mut graph, &layer, &mut number, &block);
        }
        if self.net.head() == Head::Pool {
            layer = push_node(&mut graph, "GlobalAveragePool", "pool", &[&layer], vec![]);
        }
        let axis = vec![integer("axis", 1)];
        let flat = push_node(&mut graph, "Flatten", "flatten", &[&layer], axis);
        let dense = self.net.dense(self.ranges.is_some());
        push_dense(&mut graph, &flat, &dense);
        let Shape { channels, height, width } = self.shape;
        graph.input = vec![value_info(INPUT, &[channels, height, width])];
        graph.output = vec![value_info(OUTPUT, &[dense.shape[0]])];
        graph
    }
}

/// Adds the layers of a block and what joins its input to them; `number` counts convolutions. Returns the result's name.
fn push_block(graph: &mut GraphProto, input: &str, number: &mut usize, block: &FoldedBlock) -> String {
    let mut push = |graph: &mut GraphProto, input: &str, layer: &FoldedConv| {
        *number += 1;
        push_conv(graph, input, *number, layer)
    };
    let mut output = input.to_owned();
    for layer in &block.layers {
        output = push(graph, &output, layer);
    }
    if block.join == Join::None {
        return output;
    }
    let kept = block.shortcut.as_ref().map_or(input.to_owned(), |layer| push(graph, input, layer));
    let sum = push_node(graph, "Add", &format!("add{number}"), &[&output, &kept], vec![]);
    push_cut(graph, &sum, &format!("_add{number}"), block.join == Join::AddRelu, block.range)
}

/// Adds what cuts a tensor: to its range, where it has one, and else at zero, where a ReLU follows. `of` says whose it is.
fn push_cut(graph: &mut GraphProto, tensor: &str, of: &str, relu: bool, range: Option<Range>) -> String {
    let Some(Range { low, high }) = range else {
        return if relu {
            push_node(graph, "Relu", &format!("relu{of}"), &[tensor], vec![])
        } else {
            tensor.to_owned()
        };
    };
    let name = format!("clip{of}");
    let ends =
        [("low", low), ("high", high)].map(|(end, value)| push_tensor(graph, &format!("{name}.{end}"), &[], &[value]));
    push_node(graph, "Clip", &name, &[tensor, &ends[0], &ends[1]], vec![])
}

/// Adds a convolution and its ReLU, if it has one; returns the name of the result.
fn push_conv(graph: &mut GraphProto, input: &str, number: usize, layer: &FoldedConv) -> String {
    let name = format!("conv{number}");
    let [outputs, _, height, width] = layer.shape;
    let weight = push_tensor(graph, &format!("{name}.weight"), &layer.shape, &layer.weight);
    let bias = push_tensor(graph, &format!("{name}.bias"), &[outputs], &layer.bias);
    let [down, across] = [height, width].map(|side| (side / 2) as i64);
    let attributes = vec![
        integers("dilations", &[1; 2]),
        integer("group", layer.groups as i64),
        integers("kernel_shape", &[height as i64, width as i64]),
        integers("pads", &[down, across, down, across]),
        integers("strides", &layer.stride.map(|stride| stride as i64)),
    ];
    let sum = push_node(graph, "Conv", &name, &[input, &weight, &bias], attributes);
    push_cut(graph, &sum, &number.to_string(), layer.relu, layer.range)
}

/// Adds the last layer, whose result is the graph's output.
fn push_dense(graph: &mut GraphProto, input: &str, layer: &Dense) {
    let weight = push_tensor(graph, "dense.weight", &layer.shape, &layer.weight);
    let bias = push_tensor(graph, "dense.bias", &layer.shape[..1], &layer.bias);
    let attributes = vec![integer("transB", 1)];
    push_node(graph, "Gemm", OUTPUT, &[input, &weight, &bias], attributes);
}

/// Adds a node of one output, which has the node's name; returns that name.
fn push_node(
    graph: &mut GraphProto,
    operator: &str,
    name: &str,
    inputs: &[&str],
    attribute: Vec<AttributeProto>,
) -> String {
    graph.node.push(NodeProto {
        name: name.into(),
        op_type: operator.into(),
        input: inputs.iter().map(|input| (*input).into()).collect(),
        output: vec![name.into()],
        attribute,
        ..Default::default()
    });
    name.into()
}

/// Adds constant f32 values; returns their name.
fn push_tensor(graph: &mut GraphProto, name: &str, shape: &[usize], values: &[f32]) -> String {
    graph.initializer.push(TensorProto {
        name: name.into(),
        dims: shape.iter().map(|size| *size as i64).collect(),
        data_type: DataType::Float as i32,
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..Default::default()
    });
    name.into()
}

fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i: value, ..Default::default() }
}

fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: values.to_vec(),
        ..Default::default()
    }
}

/// An f32 input or output whose first dimension is the free size `batch`.
fn value_info(name: &str, shape: &[usize]) -> ValueInfoProto {
    let dimension = |value| Dimension { value: Some(value), ..Default::default() };
    let sizes = shape.iter().map(|size| Size::DimValue(*size as i64));
    let dim = std::iter::once(Size::DimParam("batch".into())).chain(sizes).map(dimension).collect();
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(type_proto::Tensor {
                elem_type: DataType::Float as i32,
                shape: Some(TensorShapeProto { dim }),
            })),
            ..Default::default()
        }),
        ..Default::default()
    }
}
