//! Curves over time as SVG, for a file that stands alone.

use super::point::{Figure, Fold, Point};
use std::fmt::Write;

/// Width and height of a plot, in its own units, of which the page makes what it has room for.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 190.0;
/// The part of it that curves have.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 24.0;
/// Places of a curve: what falls into one of them is drawn as one point. An hour has 3,600 seconds, and a plot fewer pixels.
const COLUMNS: usize = 240;

/// A plot: some figures of one unit over one stretch of time.
pub struct Plot<'a> {
    /// What stands over it.
    pub title: &'a str,
    /// The figures, at most four: they have their colours by their place here.
    pub figures: &'a [Figure],
    /// A limit and what it is called.
    pub mark: Option<(f64, &'a str)>,
    /// The stretch of time, in seconds since 1970.
    pub from_s: u64,
    /// As above.
    pub to_s: u64,
}

impl Plot<'_> {
    /// The plot of these points. Where a figure is not known its curve has a gap.
    pub fn svg<'p>(&self, points: impl Iterator<Item = &'p Point> + Clone) -> String {
        let curves: Vec<Vec<Option<f64>>> =
            self.figures.iter().map(|&figure| self.columns(figure, points.clone())).collect();
        let highest = curves.iter().flatten().flatten().copied().fold(0.0, f64::max);
        let highest = self.mark.map_or(highest, |(mark, _)| highest.max(1.1 * mark));
        let step = step_of(highest);
        let top = (highest / step).ceil().max(1.0) * step;
        let unit = self.figures.first().map_or("", |figure| figure.unit());
        let mut svg = String::new();
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\"><text class=\"title\" x=\"{LEFT}\" y=\"9\">{}{}</text>",
            escaped(self.title),
            escaped(self.title),
            if unit.is_empty() { String::new() } else { format!(", {unit}") },
        );
        self.grid(&mut svg, top, step);
        for (at, (figure, curve)) in self.figures.iter().zip(&curves).enumerate() {
            let _ = write!(svg, "<path class=\"curve c{at}\" d=\"{}\"/>", path(curve, top));
            let x = WIDTH - RIGHT - 130.0 * (self.figures.len() - at) as f64;
            let _ = write!(svg, "<text class=\"key c{at}\" x=\"{x}\" y=\"9\">{}</text>", escaped(figure.label()));
        }
        if curves.iter().flatten().all(Option::is_none) {
            let (x, y) = (WIDTH / 2.0, HEIGHT / 2.0);
            let _ = write!(svg, "<text class=\"x\" x=\"{x}\" y=\"{y}\">not known</text>");
        }
        if let Some((mark, name)) = self.mark {
            let y = y_of(mark, top);
            let _ = write!(
                svg,
                "<path class=\"mark\" d=\"M{LEFT} {y:.1}H{}\"/><text class=\"mark\" x=\"{}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                LEFT + 4.0,
                y - 3.0,
                escaped(name)
            );
        }
        svg.push_str("</svg>");
        svg
    }

    /// A value for each column that has any: the largest of what is bad when it is high, the mean of the rest.
    fn columns<'p>(&self, figure: Figure, points: impl Iterator<Item = &'p Point>) -> Vec<Option<f64>> {
        let span_s = self.to_s.saturating_sub(self.from_s).max(1) as f64;
        let mut columns = vec![(0.0, 0.0, 0_u32); COLUMNS];
        for point in points.filter(|point| (self.from_s..=self.to_s).contains(&point.unix_s)) {
            let part = (point.unix_s - self.from_s) as f64 / span_s;
            let (sum, largest, count) = &mut columns[((part * COLUMNS as f64) as usize).min(COLUMNS - 1)];
            if let Some(value) = point.of(figure) {
                *sum += value;
                *largest = value.max(*largest);
                *count += 1;
            }
        }
        let of = |(sum, largest, count): (f64, f64, u32)| match (count, figure.fold()) {
            (0, _) => None,
            (_, Fold::Mean) => Some(sum / f64::from(count)),
            (_, Fold::Max | Fold::Ticks) => Some(largest),
        };
        columns.into_iter().map(of).collect()
    }

    fn grid(&self, svg: &mut String, top: f64, step: f64) {
        let lines = (top / step).round() as usize;
        for line in 0..=lines {
            let value = line as f64 * step;
            let y = y_of(value, top);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{}\"/><text class=\"y\" x=\"{}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 3.5,
                number(value)
            );
        }
        const TIMES: u64 = 6;
        for time in 0..=TIMES {
            let unix_s = self.from_s + (self.to_s - self.from_s) * time / TIMES;
            let x = LEFT + (WIDTH - LEFT - RIGHT) * time as f64 / TIMES as f64;
            let _ = write!(svg, "<text class=\"x\" x=\"{x:.1}\" y=\"{}\">{}</text>", HEIGHT - 6.0, of_day(unix_s));
        }
    }
}

/// The curve, with a gap for each run of columns of which nothing is known. Up to four empty ones between two are bridged: a
/// day has fewer minutes than its first hours have columns.
fn path(columns: &[Option<f64>], top: f64) -> String {
    const BRIDGED: usize = 4;
    let mut path = String::new();
    let mut last = None;
    for (column, value) in columns.iter().enumerate() {
        let Some(value) = value else { continue };
        let x = LEFT + (WIDTH - LEFT - RIGHT) * (column as f64 + 0.5) / COLUMNS as f64;
        let y = y_of(*value, top);
        let is_joined = last.is_some_and(|last| column - last <= BRIDGED + 1);
        let _ = match is_joined {
            true => write!(path, "L{x:.1} {y:.1}"),
            // A point that stays alone is seen as a dot, by its round ends.
            false => write!(path, "M{x:.1} {y:.1}h.1"),
        };
        last = Some(column);
    }
    path
}

fn y_of(value: f64, top: f64) -> f64 {
    TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - value.clamp(0.0, top) / top)
}

/// 1, 2 or 5 times a power of ten: four to eight lines.
fn step_of(highest: f64) -> f64 {
    if highest <= 0.0 {
        return 1.0;
    }
    let wanted = highest / 4.0;
    let power = 10f64.powf(wanted.log10().floor());
    match wanted / power {
        ..2.0 => power,
        2.0..5.0 => 2.0 * power,
        _ => 5.0 * power,
    }
}

/// As short as it can be said: `0.002`, `12.5`, `3400`.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0..100.0 => 1,
        1.0..10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `23:59`, UTC.
pub fn of_day(unix_s: u64) -> String {
    format!("{:02}:{:02}", unix_s / 3_600 % 24, unix_s / 60 % 60)
}

/// Text that means itself in HTML and SVG.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURES: [Figure; 2] = [Figure::TickP99, Figure::TickP50];

    fn plot(to_s: u64) -> Plot<'static> {
        Plot { title: "ticks & <time>", figures: &FIGURES, mark: Some((16.7, "budget")), from_s: 0, to_s }
    }

    fn point(unix_s: u64, ms: impl Into<Option<f64>>) -> Point {
        let mut point = Point::at(unix_s);
        point.set(Figure::TickP99, ms);
        point
    }

    #[test]
    fn an_hour_of_seconds_becomes_a_curve_of_a_few_kilobytes() {
        let points: Vec<Point> = (0..3_600).map(|s| point(s, 5.0 + (s % 7) as f64)).collect();
        let svg = plot(3_600).svg(points.iter());
        assert!(svg.len() < 8_000, "{}", svg.len());
        assert!(svg.starts_with("<svg viewBox=") && svg.ends_with("</svg>"));
        assert!(svg.contains("ticks &amp; &lt;time&gt;, ms") && svg.contains(">budget</text>"));
        assert!(svg.contains(">00:00</text>") && svg.contains(">01:00</text>"));
        assert_eq!(svg.matches("class=\"curve").count(), 2);
    }

    #[test]
    fn a_peak_of_one_second_is_not_lost() {
        let points: Vec<Point> = (0..3_600).map(|s| point(s, if s == 1_234 { 80.0 } else { 2.0 })).collect();
        let columns = plot(3_600).columns(Figure::TickP99, points.iter());
        assert_eq!(columns.iter().flatten().copied().fold(0.0, f64::max), 80.0);
    }

    #[test]
    fn a_long_stretch_of_nothing_is_a_gap() {
        let points: Vec<Point> = (0..3_600).map(|s| point(s, (!(1_000..2_000).contains(&s)).then_some(2.0))).collect();
        let columns = plot(3_600).columns(Figure::TickP99, points.iter());
        assert_eq!(path(&columns, 20.0).matches('M').count(), 2);
        assert_eq!(path(&[None; 10], 20.0), "");
        assert!(plot(3_600).svg([].iter()).contains(">not known</text>"));
    }

    #[test]
    fn lines_stand_at_round_numbers() {
        assert_eq!([0.0, 3.0, 4.0, 9.0, 16.7, 450.0].map(step_of), [1.0, 0.5, 1.0, 2.0, 2.0, 100.0]);
        let texts = [0.0, 0.25, 2.0, 16.75, 120.4, 3_400.0].map(number);
        assert_eq!(texts, ["0", "0.25", "2", "16.8", "120", "3400"]);
    }
}
