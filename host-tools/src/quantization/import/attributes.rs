//! The attributes of a node.

use super::{Found, ImportProblem};
use crate::runtime::pb::{AttributeProto, NodeProto};

/// The attributes of a node, by name.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(pub &'a NodeProto);

impl Attributes<'_> {
    fn find(&self, name: &str) -> Option<&AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.find(name).map_or(default, |attribute| attribute.i)
    }

    pub(super) fn float(&self, name: &str, default: f64) -> f64 {
        // What an exporter rounded to f32 is meant as the shortest number that rounds to it: 0.2, not 0.200000003.
        self.find(name).map_or(default, |attribute| attribute.f.to_string().parse().unwrap_or(default))
    }

    pub(super) fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.find(name).map(|attribute| attribute.ints.clone())
    }

    pub(super) fn text(&self, name: &str, default: &str) -> String {
        self.find(name).map_or(default.to_owned(), |attribute| String::from_utf8_lossy(&attribute.s).into_owned())
    }

    /// Whole numbers of a spatial size, one for rows and one for columns; where there is one, it is for columns.
    pub(super) fn pair(&self, name: &'static str, default: usize) -> Found<[usize; 2]> {
        let Some(values) = self.ints(name) else { return Ok([default, default]) };
        let wrong = || ImportProblem::Attribute {
            name,
            found: format!("{values:?}"),
            supported: "one or two numbers, each 1 to 65535",
        };
        let value =
            |value: i64| u16::try_from(value).ok().filter(|&value| value > 0).map(usize::from).ok_or_else(wrong);
        match *values {
            [columns] => Ok([1, value(columns)?]),
            [rows, columns] => Ok([value(rows)?, value(columns)?]),
            _ => Err(wrong()),
        }
    }

    /// Refuses a value other than the one that is supported.
    pub(super) fn require_int(&self, name: &'static str, only: i64, supported: &'static str) -> Found<()> {
        let found = self.int(name, only);
        if found == only { Ok(()) } else { Err(ImportProblem::Attribute { name, found: found.to_string(), supported }) }
    }
}
