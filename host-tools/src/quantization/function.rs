//! Functions of one element: activations, in whatever operators an exporter wrote them.
//!
//! A HardSwish may come as an operator of its own, as `x · HardSigmoid(x)` or as `x · Clip(x + 3, 0, 6) / 6`. All of them
//! are one function of x, and whatever reads x several times and comes to one element is.

use super::network::Clip;

/// A function of one element.
#[derive(Clone, PartialEq, Debug)]
pub enum Function {
    /// The element.
    Element,
    /// A number.
    Constant(f64),
    /// A function of what another gives.
    Unary(Unary, Box<Self>),
    /// A function of what two others give for the same element.
    Binary(Binary, Box<Self>, Box<Self>),
}

/// A function of one number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Unary {
    /// The magnitude.
    Abs,
    /// The error function.
    Erf,
    /// The exponential.
    Exp,
    /// The natural logarithm.
    Log,
    /// The number for positive ones, α · (exp − 1) for others.
    Elu(f64),
    /// The number for positive ones, α · the number for others.
    LeakyRelu(f64),
    /// 1 / number.
    Reciprocal,
    /// 1 / (1 + exp(−number)).
    Sigmoid,
    /// ln(1 + exp(number)).
    Softplus,
    /// The square root.
    Sqrt,
    /// The hyperbolic tangent.
    Tanh,
}

/// A function of two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binary {
    /// The sum.
    Add,
    /// The difference.
    Subtract,
    /// The product.
    Multiply,
    /// The quotient.
    Divide,
    /// The greater.
    Maximum,
    /// The lesser.
    Minimum,
    /// The power.
    Power,
}

impl Binary {
    fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Maximum => a.max(b),
            Self::Minimum => a.min(b),
            Self::Power => a.powf(b),
        }
    }
}

impl Unary {
    fn apply(self, x: f64) -> f64 {
        match self {
            Self::Abs => x.abs(),
            Self::Erf => statrs::function::erf::erf(x),
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Elu(alpha) => {
                if x > 0.0 {
                    x
                } else {
                    alpha * x.exp_m1()
                }
            }
            Self::LeakyRelu(alpha) => {
                if x > 0.0 {
                    x
                } else {
                    alpha * x
                }
            }
            Self::Reciprocal => 1.0 / x,
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            // Without an exponential that could overflow.
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Sqrt => x.sqrt(),
            Self::Tanh => x.tanh(),
        }
    }
}

impl Function {
    /// A function of one number, of the element.
    #[must_use]
    pub fn unary(unary: Unary) -> Self {
        Self::Unary(unary, Box::new(Self::Element))
    }

    /// What two functions of the same element come to.
    #[must_use]
    pub fn binary(binary: Binary, a: Self, b: Self) -> Self {
        match (&a, &b) {
            (Self::Constant(a), Self::Constant(b)) => Self::Constant(binary.apply(*a, *b)),
            _ => Self::Binary(binary, Box::new(a), Box::new(b)),
        }
    }

    /// The element, cut to a range.
    #[must_use]
    pub fn clip(low: f64, high: f64) -> Self {
        let above = if low > f64::NEG_INFINITY {
            Self::binary(Binary::Maximum, Self::Element, Self::Constant(low))
        } else {
            Self::Element
        };
        if high < f64::INFINITY { Self::binary(Binary::Minimum, above, Self::Constant(high)) } else { above }
    }

    /// `slope` · element + `offset`, cut to 0..=1.
    #[must_use]
    pub fn hard_sigmoid(slope: f64, offset: f64) -> Self {
        let line = Self::binary(Binary::Multiply, Self::Element, Self::Constant(slope));
        Self::clip(0.0, 1.0).of(&Self::binary(Binary::Add, line, Self::Constant(offset)))
    }

    /// This function of what another gives.
    #[must_use]
    pub fn of(&self, inner: &Self) -> Self {
        match self {
            Self::Element => inner.clone(),
            Self::Constant(value) => Self::Constant(*value),
            Self::Unary(unary, argument) => Self::Unary(*unary, Box::new(argument.of(inner))),
            Self::Binary(binary, a, b) => Self::binary(*binary, a.of(inner), b.of(inner)),
        }
    }

    /// What it gives for an element.
    #[must_use]
    pub fn apply(&self, x: f64) -> f64 {
        match self {
            Self::Element => x,
            Self::Constant(value) => *value,
            Self::Unary(unary, argument) => unary.apply(argument.apply(x)),
            Self::Binary(binary, a, b) => binary.apply(a.apply(x), b.apply(x)),
        }
    }

    /// Factor and summand, if it is that.
    #[must_use]
    pub fn line(&self) -> Option<(f64, f64)> {
        match self {
            Self::Element => Some((1.0, 0.0)),
            Self::Constant(value) => Some((0.0, *value)),
            Self::Unary(..) => None,
            Self::Binary(binary, a, b) => {
                let ((a, c), (b, d)) = (a.line()?, b.line()?);
                match binary {
                    Binary::Add => Some((a + b, c + d)),
                    Binary::Subtract => Some((a - b, c - d)),
                    Binary::Multiply if a == 0.0 => Some((c * b, c * d)),
                    Binary::Multiply if b == 0.0 => Some((a * d, c * d)),
                    Binary::Divide if b == 0.0 => Some((a / d, c / d)),
                    _ => None,
                }
            }
        }
    }

    /// The range that it cuts elements to, if it does just that.
    #[must_use]
    pub fn as_clip(&self) -> Option<Clip> {
        match self {
            Self::Element => Some(Clip::NONE),
            Self::Binary(binary @ (Binary::Maximum | Binary::Minimum), a, b) => {
                let (inner, end) = match (&**a, &**b) {
                    (inner, Self::Constant(end)) | (Self::Constant(end), inner) => (inner.as_clip()?, *end as f32),
                    _ => return None,
                };
                Some(inner.then(if *binary == Binary::Maximum {
                    Clip { low: end, ..Clip::NONE }
                } else {
                    Clip { high: end, ..Clip::NONE }
                }))
            }
            _ => None,
        }
    }

    /// Whether it gives the element multiplied by itself.
    #[must_use]
    pub fn is_square(&self) -> bool {
        match self {
            Self::Binary(Binary::Multiply, a, b) => **a == Self::Element && **b == Self::Element,
            Self::Binary(Binary::Power, a, b) => **a == Self::Element && **b == Self::Constant(2.0),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x · Clip(x + 3, 0, 6) / 6`, as exporters write a HardSwish that they lack.
    fn hard_swish_in_parts() -> Function {
        let shifted = Function::binary(Binary::Add, Function::Element, Function::Constant(3.0));
        let product = Function::binary(Binary::Multiply, Function::Element, Function::clip(0.0, 6.0).of(&shifted));
        Function::binary(Binary::Divide, product, Function::Constant(6.0))
    }

    #[test]
    fn forms_of_one_function_are_equal() {
        let whole = Function::binary(Binary::Multiply, Function::Element, Function::hard_sigmoid(1.0 / 6.0, 0.5));
        for step in -60..60 {
            let x = f64::from(step) / 10.0;
            assert!((whole.apply(x) - hard_swish_in_parts().apply(x)).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn clips_and_lines_are_seen() {
        let relu6 = Function::clip(0.0, 6.0);
        assert_eq!(relu6.as_clip(), Some(Clip { low: 0.0, high: 6.0 }));
        assert_eq!(Function::clip(2.0, 8.0).of(&relu6).as_clip(), Some(Clip { low: 2.0, high: 6.0 }));
        assert_eq!(Function::clip(7.0, 8.0).of(&relu6).as_clip(), Some(Clip { low: 7.0, high: 7.0 }));
        assert_eq!(hard_swish_in_parts().as_clip(), None);
        assert_eq!(hard_swish_in_parts().line(), None);
        let line = Function::binary(Binary::Subtract, Function::Constant(1.0), Function::Element);
        let line = Function::binary(Binary::Divide, line, Function::Constant(4.0));
        assert_eq!(line.line(), Some((-0.25, 0.25)));
        assert!(Function::binary(Binary::Power, Function::Element, Function::Constant(2.0)).is_square());
    }

    #[test]
    fn functions_at_points_that_can_be_looked_up() {
        for (unary, x, expected) in [
            (Unary::Erf, 0.5, 0.520_499_877_8),
            (Unary::Softplus, 1000.0, 1000.0),
            (Unary::Softplus, 0.0, 2f64.ln()),
            (Unary::Sigmoid, 1.0, 0.731_058_578_6),
            (Unary::Elu(0.5), -1.0, -0.316_060_279_4),
            (Unary::LeakyRelu(0.2), -3.0, -0.6),
        ] {
            let found = Function::unary(unary).apply(x);
            assert!((found - expected).abs() < 1e-9, "{unary:?} of {x}: {found}");
        }
    }
}
