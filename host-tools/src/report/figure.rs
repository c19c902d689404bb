//! Drawings, as SVG: axes, lines, bands, bars, points and whiskers, and nothing else. Colors are the page's, by class, so that one drawing
//! serves light and dark, and a file of its own carries the same.

use std::fmt::Write;

/// The size of every drawing, in its own units; the page scales it.
pub const WIDTH: f64 = 640.0;
/// See [`WIDTH`].
pub const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 52.0;
/// What a name of the legend takes, below.
const LEGEND_ROW: f64 = 17.0;

/// The colors: of the page, and of a drawing that stands alone.
pub const STYLE: &str = "\
svg.figure{--ink:#1b1f24;--faint:#d4d8dd;--paper:#ffffff;--c0:#0b62c4;--c1:#c2410c;--c2:#15803d;--c3:#7e22ce;--c4:#a16207;\
--c5:#0e7490}\
@media (prefers-color-scheme:dark){svg.figure{--ink:#e6e9ee;--faint:#3a414b;--paper:#12161c;--c0:#6cb0ff;--c1:#ff9a62;\
--c2:#5fd38a;--c3:#c99bff;--c4:#e6c15a;--c5:#62d0e3}}\
@media print{svg.figure{--ink:#000;--faint:#ccc;--paper:#fff;--c0:#0b62c4;--c1:#c2410c;--c2:#15803d;--c3:#7e22ce;--c4:#a16207;\
--c5:#0e7490}}\
svg.figure .paper{fill:var(--paper)}\
svg.figure text{fill:var(--ink);font:12px system-ui,sans-serif}\
svg.figure .title{font-size:14px;font-weight:600}\
svg.figure .grid{stroke:var(--faint);stroke-width:1;fill:none}\
svg.figure .axis{stroke:var(--ink);stroke-width:1;fill:none}\
svg.figure .line{fill:none;stroke-width:2}\
svg.figure .mark{stroke-dasharray:5 4}\
svg.figure .s0{stroke:var(--c0)}svg.figure .s1{stroke:var(--c1)}svg.figure .s2{stroke:var(--c2)}\
svg.figure .s3{stroke:var(--c3)}svg.figure .s4{stroke:var(--c4)}svg.figure .s5{stroke:var(--c5)}\
svg.figure .f0{fill:var(--c0)}svg.figure .f1{fill:var(--c1)}svg.figure .f2{fill:var(--c2)}\
svg.figure .f3{fill:var(--c3)}svg.figure .f4{fill:var(--c4)}svg.figure .f5{fill:var(--c5)}\
svg.figure .pale{fill-opacity:.25}";

/// How many colors there are.
pub const COLORS: usize = 6;

/// An axis: the values at its ends, and how they are spread between.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it shows.
    pub label: String,
    /// The value at its beginning.
    pub from: f64,
    /// The value at its end.
    pub to: f64,
    /// Whether decades, not differences, are equally long.
    pub is_logarithmic: bool,
    /// Whether values are fractions that are shown as percentages.
    pub is_percent: bool,
    /// What stands at 0, 1 and so on, in place of the numbers.
    pub names: Vec<String>,
}

impl Axis {
    /// Equal differences are equally long.
    #[must_use]
    pub fn linear(label: &str, from: f64, to: f64) -> Self {
        // An axis without length shows nothing.
        let to = if to > from { to } else { from + 1.0 };
        Self { label: label.to_owned(), from, to, is_logarithmic: false, is_percent: false, names: Vec::new() }
    }

    /// One place for each name, the first at 0.
    #[must_use]
    pub fn named(label: &str, names: Vec<String>) -> Self {
        let axis = Self::linear(label, -0.5, names.len() as f64 - 0.5);
        Self { names, ..axis }
    }

    /// Decades are equally long; both ends are above 0.
    #[must_use]
    pub fn logarithmic(label: &str, from: f64, to: f64) -> Self {
        Self { is_logarithmic: true, ..Self::linear(label, from, to) }
    }

    /// The same, of fractions.
    #[must_use]
    pub fn percent(self) -> Self {
        Self { is_percent: true, ..self }
    }

    /// Where a value is, from 0 to 1; what is beyond an end is at the end.
    fn place(&self, value: f64) -> f64 {
        let place = if self.is_logarithmic {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        place.clamp(0.0, 1.0)
    }

    fn ticks(&self) -> Vec<f64> {
        if !self.names.is_empty() {
            return (0..self.names.len()).map(|place| place as f64).collect();
        }
        if self.is_logarithmic {
            let decades = self.from.log10().ceil() as i32..=self.to.log10().floor() as i32;
            return decades.map(|decade| 10f64.powi(decade)).collect();
        }
        // The greatest of 1, 2 and 5 times a power of ten that makes at least four parts.
        let rough = (self.to - self.from) / 4.0;
        let decade = 10f64.powf(rough.log10().floor());
        let step = [5.0, 2.0, 1.0].into_iter().map(|times| times * decade).find(|step| *step <= rough * (1.0 + 1e-9));
        let step = step.unwrap_or(decade);
        let (first, last) = ((self.from / step - 1e-9).ceil() as i64, (self.to / step + 1e-9).floor() as i64);
        (first..=last).map(|tick| tick as f64 * step).collect()
    }

    fn show(&self, value: f64) -> String {
        if let Some(name) = self.names.get(value as usize) {
            return self.cut(name);
        }
        let shown = if self.is_percent { value * 100.0 } else { value };
        // Without what the binary fraction adds.
        let text = if shown != 0.0 && shown.abs() < 1e-4 {
            let digits = format!("{shown:.5e}");
            digits.parse::<f64>().map_or(digits, |rounded| format!("{rounded:e}"))
        } else {
            ((shown * 1e6).round() / 1e6).to_string()
        };
        if self.is_percent { format!("{text} %") } else { text }
    }

    /// As much of a name as its place on a horizontal axis has room for.
    fn cut(&self, name: &str) -> String {
        const LETTER: f64 = 7.0;
        let room = ((WIDTH - LEFT - RIGHT) / self.names.len() as f64 / LETTER) as usize;
        if name.chars().count() <= room {
            return name.to_owned();
        }
        name.chars().take(room.saturating_sub(1)).chain(['…']).collect()
    }
}

/// A drawing in the making.
#[derive(Clone, Debug)]
pub struct Figure {
    title: String,
    x: Axis,
    y: Axis,
    body: String,
    legend: Vec<(usize, String)>,
}

impl Figure {
    /// An empty one.
    #[must_use]
    pub fn new(title: &str, x: Axis, y: Axis) -> Self {
        Self { title: title.to_owned(), x, y, body: String::new(), legend: Vec::new() }
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        (LEFT + self.x.place(x) * width, TOP + (1.0 - self.y.place(y)) * height)
    }

    fn path(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        points.enumerate().fold(String::new(), |mut path, (number, point)| {
            let (x, y) = self.at(point);
            let _ = write!(path, "{}{x:.1} {y:.1}", if number == 0 { "M" } else { "L" });
            path
        })
    }

    /// A line through points.
    pub fn line(&mut self, color: usize, name: &str, points: &[(f64, f64)]) {
        let path = self.path(points.iter().copied());
        let _ = write!(self.body, r#"<path class="line s{}" d="{path}"/>"#, color % COLORS);
        self.name(color, name);
    }

    /// What lies between two lines: for each x its least and greatest y.
    pub fn band(&mut self, color: usize, bounds: &[(f64, f64, f64)]) {
        let forth = bounds.iter().map(|&(x, low, _)| (x, low));
        let back = bounds.iter().rev().map(|&(x, _, high)| (x, high));
        let path = self.path(forth.chain(back));
        let _ = write!(self.body, r#"<path class="pale f{}" d="{path}Z"/>"#, color % COLORS);
    }

    /// Bars that touch: from one x to the next, of a height each.
    pub fn bars(&mut self, color: usize, name: &str, bars: &[(f64, f64, f64)]) {
        for &(from, to, height) in bars.iter().filter(|bar| bar.2 > 0.0) {
            let ((left, top), (right, bottom)) = (self.at((from, height)), self.at((to, self.y.from)));
            let (width, tall) = ((right - left).max(0.5), bottom - top);
            let _ = write!(
                self.body,
                r#"<rect class="pale f{}" x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{tall:.1}"/>"#,
                color % COLORS
            );
        }
        self.name(color, name);
    }

    /// Points.
    pub fn points(&mut self, color: usize, name: &str, points: &[(f64, f64)]) {
        for &point in points {
            let (x, y) = self.at(point);
            let _ = write!(self.body, r#"<circle class="f{}" cx="{x:.1}" cy="{y:.1}" r="3"/>"#, color % COLORS);
        }
        self.name(color, name);
    }

    /// Points, each with the interval that it lies in: x, y, the least and the greatest y.
    pub fn whiskers(&mut self, color: usize, name: &str, points: &[(f64, f64, f64, f64)]) {
        for &(x, _, low, high) in points {
            let path = self.path([(x, low), (x, high)].into_iter());
            let _ = write!(self.body, r#"<path class="line s{}" d="{path}"/>"#, color % COLORS);
        }
        self.points(color, name, &points.iter().map(|&(x, y, _, _)| (x, y)).collect::<Vec<_>>());
    }

    /// A vertical line at an x.
    pub fn mark(&mut self, color: usize, name: &str, x: f64) {
        let path = self.path([(x, self.y.from), (x, self.y.to)].into_iter());
        let _ = write!(self.body, r#"<path class="line mark s{}" d="{path}"/>"#, color % COLORS);
        self.name(color, name);
    }

    fn name(&mut self, color: usize, name: &str) {
        if !name.is_empty() {
            self.legend.push((color, name.to_owned()));
        }
    }

    /// The drawing, to stand in a page that has [`STYLE`].
    #[must_use]
    pub fn svg(&self) -> String {
        let title = escaped(&self.title);
        let height = HEIGHT + LEGEND_ROW * self.legend.len() as f64;
        let mut svg = format!(
            r#"<svg class="figure" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}"><rect class="paper" width="{WIDTH}" height="{height}"/><text class="title" x="{LEFT}" y="20">{title}</text>"#
        );
        for tick in self.x.ticks() {
            let (x, bottom) = self.at((tick, self.y.from));
            let label = escaped(&self.x.show(tick));
            let _ = write!(
                svg,
                r#"<path class="grid" d="M{x:.1} {TOP}V{bottom:.1}"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
                bottom + 17.0
            );
        }
        for tick in self.y.ticks() {
            let (left, y) = self.at((self.x.from, tick));
            let label = self.y.show(tick);
            let _ = write!(
                svg,
                r#"<path class="grid" d="M{left} {y:.1}H{:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"#,
                WIDTH - RIGHT,
                left - 6.0,
                y + 4.0
            );
        }
        let (middle, bottom) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - BOTTOM);
        let _ = write!(
            svg,
            r#"{}<path class="axis" d="M{LEFT} {TOP}V{bottom}H{}"/><text x="{middle}" y="{}" text-anchor="middle">{}</text><text transform="translate(14 {}) rotate(-90)" text-anchor="middle">{}</text>"#,
            self.body,
            WIDTH - RIGHT,
            HEIGHT - 10.0,
            escaped(&self.x.label),
            (TOP + bottom) / 2.0,
            escaped(&self.y.label),
        );
        // Below, where it covers nothing.
        for (row, (color, name)) in self.legend.iter().enumerate() {
            let y = HEIGHT + LEGEND_ROW * row as f64 + 5.0;
            let _ = write!(
                svg,
                r#"<rect class="f{}" x="{LEFT}" y="{:.1}" width="12" height="4"/><text x="{}" y="{y:.1}">{}</text>"#,
                color % COLORS,
                y - 6.0,
                LEFT + 20.0,
                escaped(name)
            );
        }
        svg + "</svg>"
    }

    /// The drawing as a file of its own.
    #[must_use]
    pub fn file(&self) -> String {
        self.svg().replacen('>', &format!("><style>{STYLE}</style>"), 1) + "\n"
    }
}

/// Text that means nothing in HTML or SVG.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_within_the_axis() {
        assert_eq!(Axis::linear("", -0.3, 1.0).ticks().len(), 7);
        assert_eq!(Axis::linear("", 0.0, 1.0).ticks(), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(Axis::logarithmic("", 1e-3, 1.0).ticks(), [1e-3, 1e-2, 1e-1, 1.0]);
        assert_eq!(Axis::logarithmic("", 1e-3, 1.0).percent().show(1e-3), "0.1 %");
        assert_eq!(Axis::linear("", 0.0, 1.0).show(0.6000000000000001), "0.6");
        assert_eq!(Axis::logarithmic("", 1e-7, 1.0).percent().show(1e-7), "1e-5 %", "not 9.999999999999999e-6");
        assert_eq!(Axis::linear("", 0.0, 1.0).show(1.25e-5), "1.25e-5");
    }

    #[test]
    fn names_stand_in_their_places_as_far_as_there_is_room() {
        let names: Vec<String> = (0..40).map(|place| format!("<group> {place}")).collect();
        let axis = Axis::named("", names[..2].to_vec());
        assert_eq!(axis.ticks().iter().map(|tick| axis.show(*tick)).collect::<Vec<_>>(), names[..2]);
        assert_eq!((axis.place(0.0), axis.place(1.0)), (0.25, 0.75));
        assert_eq!(Axis::named("", names).show(39.0), "…");
        let mut figure = Figure::new("", axis, Axis::linear("y", 0.0, 1.0));
        figure.whiskers(0, "rate", &[(0.0, 0.5, 0.25, 1.0)]);
        let svg = figure.svg();
        assert!(svg.contains("&lt;group&gt; 1") && !svg.contains("<group>"), "{svg}");
        assert!(svg.contains(r#"d="M201.5 270.0L201.5 36.0""#) && svg.contains(r#"cx="201.5" cy="192.0""#), "{svg}");
    }

    #[test]
    fn a_name_is_text_and_a_value_beyond_an_axis_is_at_its_end() {
        let mut figure = Figure::new("a<b & \"c\"", Axis::linear("x", 0.0, 1.0), Axis::logarithmic("y", 0.01, 1.0));
        figure.line(1, "<script>", &[(-5.0, 0.0), (5.0, 9.0)]);
        let svg = figure.svg();
        assert!(
            svg.contains("a&lt;b &amp; &quot;c&quot;") && svg.contains("&lt;script&gt;") && !svg.contains("<script>")
        );
        assert!(svg.contains(r#"d="M64.0 348.0L614.0 36.0""#), "{svg}");
        assert!(figure.file().starts_with("<svg ") && figure.file().contains("<style>"));
    }
}
