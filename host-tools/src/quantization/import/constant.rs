//! Tensors that do not depend on the sample.

use super::{Found, ImportProblem};
use crate::runtime::pb::TensorProto;
use crate::runtime::pb::tensor_proto::DataType;
use std::sync::Arc;

/// A constant, kept as the file has it.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    proto: Arc<TensorProto>,
}

impl Constant {
    pub(super) fn new(proto: TensorProto) -> Self {
        Self { proto: Arc::new(proto) }
    }

    /// Whole numbers along one axis.
    pub(super) fn of_integers(values: &[usize]) -> Self {
        Self::new(TensorProto {
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            int64_data: values.iter().map(|&value| value as i64).collect(),
            ..Default::default()
        })
    }

    /// The tensor, under the name that a node knows it by.
    pub(super) fn proto(&self, name: &str) -> TensorProto {
        TensorProto { name: name.to_owned(), ..(*self.proto).clone() }
    }

    pub(super) fn shape(&self) -> Vec<usize> {
        self.proto.dims.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect()
    }

    /// The elements in the order of the axes, whatever their type.
    pub(super) fn values(&self) -> Found<Vec<f64>> {
        let proto = &self.proto;
        let raw = &proto.raw_data;
        let kind = DataType::try_from(proto.data_type).unwrap_or(DataType::Undefined);
        let values: Vec<f64> = match kind {
            DataType::Float if raw.is_empty() => proto.float_data.iter().map(|&value| value.into()).collect(),
            DataType::Float => chunks(raw).map(|bytes| f32::from_le_bytes(bytes).into()).collect(),
            DataType::Double if raw.is_empty() => proto.double_data.clone(),
            DataType::Double => chunks(raw).map(f64::from_le_bytes).collect(),
            DataType::Int64 if raw.is_empty() => proto.int64_data.iter().map(|&value| value as f64).collect(),
            DataType::Int64 => chunks(raw).map(|bytes| i64::from_le_bytes(bytes) as f64).collect(),
            DataType::Int32 if raw.is_empty() => proto.int32_data.iter().map(|&value| value.into()).collect(),
            DataType::Int32 => chunks(raw).map(|bytes| i32::from_le_bytes(bytes).into()).collect(),
            DataType::Bool if raw.is_empty() => proto.int32_data.iter().map(|&value| value.into()).collect(),
            DataType::Bool => raw.iter().map(|&value| value.into()).collect(),
            _ => {
                let found = format!("{kind:?}").to_lowercase();
                return Err(ImportProblem::Type { tensor: proto.name.clone(), found });
            }
        };
        let expected: usize = self.shape().iter().product();
        if values.len() == expected && values.iter().all(|value| value.is_finite()) {
            return Ok(values);
        }
        Err(ImportProblem::Shape {
            found: format!(
                "the constant `{}` has {} elements where {expected} finite ones are needed",
                proto.name,
                values.len()
            ),
            advice: "the model is damaged or was trained to infinity, export it again",
        })
    }

    /// The elements as whole numbers.
    pub(super) fn integers(&self) -> Found<Vec<i64>> {
        Ok(self.values()?.into_iter().map(|value| value as i64).collect())
    }

    /// The one element; `None` where there are more, or fewer.
    pub(super) fn scalar(&self) -> Found<Option<f64>> {
        Ok(match *self.values()? {
            [value] => Some(value),
            _ => None,
        })
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}
