//! The rates of each group at one threshold, drawn.

use super::charts::Chart;
use super::figure::{Axis, Figure};
use super::table::Table;
use crate::evaluation::groups::{Group, Groups};
use crate::evaluation::interval::Interval;

/// More groups than this are not drawn beside each other.
const MOST: usize = 24;
/// How far the two rates of a group are to the left and to the right of its place.
const ASIDE: f64 = 0.12;

/// False match and false non-match rates by group, each in its exact interval. `None` when no group has pairs.
pub fn groups(found: &Groups) -> Option<Chart> {
    let drawn: Vec<&Group> =
        found.groups.iter().filter(|group| group.at.genuine_pairs + group.at.impostor_pairs > 0).collect();
    let (drawn, left_out) = drawn.split_at(drawn.len().min(MOST));
    let first = drawn.first()?;
    let fmr = |group: &&Group| of((group.at.impostor_pairs > 0).then(|| (group.at.fmr(), group.at.fmr_interval())));
    let fnmr = |group: &&Group| of((group.at.genuine_pairs > 0).then(|| (group.at.fnmr(), group.at.fnmr_interval())));
    let rates = drawn.iter().map(fmr).chain(drawn.iter().map(fnmr)).flatten();
    // Without an error a rate is at the bottom, and only the upper end of its interval is above.
    let least = rates.flat_map(|[rate, _, high]| [rate, high]).filter(|rate| *rate > 0.0).fold(1.0, f64::min);
    let mut figure = Figure::new(
        &format!("Error rates by {}", found.column),
        Axis::named(&found.column, drawn.iter().map(|group| group.value.clone()).collect()),
        Axis::logarithmic("rate", 10f64.powf(least.log10().floor()).min(0.1), 1.0).percent(),
    );
    let whiskers = |rates: &dyn Fn(&&Group) -> Option<[f64; 3]>, aside: f64| {
        let of_group = |(place, group)| rates(group).map(|[rate, low, high]| (place as f64 + aside, rate, low, high));
        drawn.iter().enumerate().filter_map(of_group).collect::<Vec<_>>()
    };
    figure.whiskers(1, "FMR", &whiskers(&fmr, -ASIDE));
    figure.whiskers(0, "FNMR", &whiskers(&fnmr, ASIDE));
    let mut table = Table::new(&[
        "group",
        "subjects",
        "samples",
        "impostor_pairs",
        "fmr",
        "fmr_low",
        "fmr_high",
        "genuine_pairs",
        "fnmr",
        "fnmr_low",
        "fnmr_high",
        "too_small",
    ]);
    for group in &found.groups {
        let rates =
            |found: Option<[f64; 3]>| found.map_or_else(Default::default, |rates| rates.map(|rate| rate.to_string()));
        let head = [group.value.clone(), group.subjects.to_string(), group.samples.to_string()];
        let impostor = [group.at.impostor_pairs.to_string()].into_iter().chain(rates(fmr(&group)));
        let genuine = [group.at.genuine_pairs.to_string()].into_iter().chain(rates(fnmr(&group)));
        table.row(head.into_iter().chain(impostor).chain(genuine).chain([group.too_small.clone().unwrap_or_default()]));
    }
    let mut caption = format!(
        "At one threshold, that for a false match rate of {} over all. Lines: exact 95 % intervals, as if pairs were independent; a \
         rate without errors is at the bottom.",
        first.at.asked
    );
    let small: Vec<&str> =
        drawn.iter().filter(|group| group.too_small.is_some()).map(|group| group.value.as_str()).collect();
    if !small.is_empty() {
        caption += &format!(" Too small to say: {}.", small.join(", "));
    }
    if !left_out.is_empty() {
        caption += &format!(" {} more groups are in the table alone.", left_out.len());
    }
    Some(Chart { name: format!("groups-{}", file_name(&found.column)), caption, figure, table })
}

/// A rate and the ends of its interval.
fn of(found: Option<(f64, Interval)>) -> Option<[f64; 3]> {
    found.map(|(rate, interval)| [rate, interval.low, interval.high])
}

/// What of a column's name can be in that of a file.
fn file_name(column: &str) -> String {
    column.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect()
}
