//! What a user chooses on the command line, and how it is written there.

use cognate::gallery::Best;
use cognate::kernel::Layout;
use cognate::normalization::{Method, Top};
use cognate::{CodeForm, FullScale, Fusion, Score};
use std::fmt;
use std::str::FromStr;

/// The form of codes; the full scale of a Euclidean one is found from the data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Form {
    /// Cosine, the finest code.
    #[default]
    Full,
    /// Cosine, for cores without DSP instructions.
    NormLimited,
    /// Squared Euclidean distance.
    Euclidean,
}

impl Form {
    /// The form with the full scale that it needs; `None` when a Euclidean one has no scale above zero.
    #[must_use]
    pub fn with_scale(self, greatest: f32) -> Option<CodeForm> {
        match self {
            Self::Full => Some(CodeForm::Full),
            Self::NormLimited => Some(CodeForm::NormLimited),
            Self::Euclidean => FullScale::new(greatest).map(CodeForm::Euclidean),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::NormLimited => "norm-limited",
            Self::Euclidean => "euclidean",
        })
    }
}

impl FromStr for Form {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "full" => Ok(Self::Full),
            "norm-limited" => Ok(Self::NormLimited),
            "euclidean" => Ok(Self::Euclidean),
            _ => Err("a form is full, norm-limited or euclidean"),
        }
    }
}

/// Reads a fusion: `max`, `mean:3` or `centroid`.
///
/// # Errors
/// Words that say what a fusion is.
pub fn parse_fusion(text: &str) -> Result<Fusion, &'static str> {
    let best = |number: &str| number.parse().ok().and_then(Best::new).map(Fusion::MeanOfBest);
    let fusion = match text.split_once(':') {
        Some(("mean", number)) => best(number),
        None if text == "max" => Some(Fusion::Maximum),
        None if text == "centroid" => Some(Fusion::Centroid),
        _ => None,
    };
    fusion.ok_or("a fusion is max, centroid, or mean:K for the mean of the best 1 to 8, such as mean:3")
}

/// Reads a method of normalization: `z`, `t`, `s` or `as:20`.
///
/// # Errors
/// Words that say what a method is.
pub fn parse_method(text: &str) -> Result<Method, &'static str> {
    let top = |number: &str| number.parse().ok().and_then(Top::new).map(Method::AdaptiveSNorm);
    let method = match text.split_once(':') {
        Some(("as", number)) => top(number),
        None if text == "z" => Some(Method::ZNorm),
        None if text == "t" => Some(Method::TNorm),
        None if text == "s" => Some(Method::SNorm),
        _ => None,
    };
    method.ok_or("a normalization is z, t, s, or as:N with the 2 to 128 members that are most alike, such as as:20")
}

/// Reads a layout: `rows`, `pairs`, `lanes` or `halfwords`.
///
/// # Errors
/// Words that say what layouts there are.
pub fn parse_layout(text: &str) -> Result<Layout, &'static str> {
    let found = Layout::ALL.into_iter().find(|layout| layout.to_string() == text);
    found.ok_or("a layout is rows (any core), pairs (Cortex-M4, M7, M33), lanes (M55) or halfwords (M0, norm-limited)")
}

/// A margin as a difference of raw scores: of cosines or normalized scores in Q0.23, of squared distances in steps of the code.
/// `None` when it is below 0, or more than there is.
#[must_use]
pub fn margin(difference: f64, form: CodeForm) -> Option<u32> {
    let unit = if form.is_cosine() { f64::from(1 << Score::FRACTION_BITS) } else { 1.0 };
    let raw = (difference * unit).round();
    (raw >= 0.0 && raw <= f64::from(1 << 27)).then_some(raw as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for form in [Form::Full, Form::NormLimited, Form::Euclidean] {
            assert_eq!(form.to_string().parse(), Ok(form));
        }
        for fusion in [Fusion::Maximum, Fusion::Centroid, Fusion::MeanOfBest(Best::new(3).unwrap())] {
            assert_eq!(parse_fusion(&fusion.to_string()), Ok(fusion));
        }
        for method in [Method::ZNorm, Method::TNorm, Method::SNorm, Method::AdaptiveSNorm(Top::new(20).unwrap())] {
            assert_eq!(parse_method(&method.to_string()), Ok(method));
        }
        for layout in Layout::ALL {
            assert_eq!(parse_layout(&layout.to_string()), Ok(layout));
        }
        for text in ["", "mean", "mean:0", "mean:9", "max:2", "as:1", "as:", "x"] {
            assert!(
                parse_fusion(text).is_err() && parse_method(text).is_err() && parse_layout(text).is_err(),
                "{text}"
            );
        }
        assert_eq!(Form::Euclidean.with_scale(0.0), None);
    }

    #[test]
    fn margins_are_differences_of_scores() {
        let euclidean = CodeForm::Euclidean(FullScale::new(2.0).unwrap());
        assert_eq!((margin(0.5, CodeForm::Full), margin(500.0, euclidean)), (Some(1 << 22), Some(500)));
        for difference in [-0.1, 17.0, f64::NAN, f64::INFINITY] {
            assert_eq!(margin(difference, CodeForm::NormLimited), None, "{difference}");
        }
    }
}
