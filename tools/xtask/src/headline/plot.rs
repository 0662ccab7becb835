//! A plot as SVG: panels side by side, each a figure over the number of players.

use std::fmt::Write as _;

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What it is, with its unit.
    pub title: &'static str,
    /// Players, and the figure.
    pub points: Vec<(u32, f64)>,
}

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
/// Around the curve: left, top, right, bottom.
const MARGIN: [f64; 4] = [44.0, 34.0, 16.0, 36.0];
const GRID_LINES: u32 = 4;

/// All panels.
pub fn svg(panels: &[Panel]) -> String {
    let width = WIDTH * panels.len() as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for (nth, panel) in panels.iter().enumerate() {
        let _ = writeln!(text, "<g transform=\"translate({} 0)\">\n{}</g>", WIDTH * nth as f64, panel.draw());
    }
    text + "</svg>\n"
}

impl Panel {
    fn draw(&self) -> String {
        let [left, top, right, bottom] = MARGIN;
        let (inner, high) = (WIDTH - left - right, HEIGHT - top - bottom);
        let most = rounded_up(self.points.iter().map(|(_, figure)| *figure).fold(0.0, f64::max));
        let players_max = self.points.iter().map(|(players, _)| *players).max().unwrap_or(1);
        let at = |players: u32, figure: f64| {
            let x = left + inner * f64::from(players) / f64::from(players_max);
            (x, top + high * (1.0 - figure / most))
        };
        let mut text = format!("<text x=\"{left}\" y=\"18\" font-weight=\"bold\">{}</text>\n", self.title);
        for nth in 0..=GRID_LINES {
            let figure = most * f64::from(nth) / f64::from(GRID_LINES);
            let (_, y) = at(0, figure);
            let _ = writeln!(
                text,
                "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left + inner,
                left - 5.0,
                y + 4.0,
                short(figure)
            );
        }
        let points: Vec<(f64, f64)> = self.points.iter().map(|(players, figure)| at(*players, *figure)).collect();
        let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#06c\" stroke-width=\"2\"/>",
            line.join(" ")
        );
        for ((players, figure), (x, y)) in self.points.iter().zip(&points) {
            let _ = writeln!(
                text,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#06c\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{players}</text>",
                y - 7.0,
                short(*figure),
                HEIGHT - bottom + 15.0
            );
        }
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">players</text>",
            left + inner / 2.0,
            HEIGHT - 6.0
        );
        text
    }
}

/// The next of 1, 2, 4, 5 and 8 times a power of ten, so that quarters of it are short numbers.
fn rounded_up(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf(most.log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= most).unwrap_or(most)
}

/// Two digits behind the point at most, and none that say nothing.
fn short(figure: f64) -> String {
    let text = format!("{figure:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_figure_is_below_the_top_and_players_stand_from_left_to_right() {
        let panel = Panel { title: "tick p99, ms", points: vec![(100, 1.0), (2_000, 7.5)] };
        let text = svg(&[panel.clone(), panel]);
        assert_eq!(text.matches("<circle").count(), 4);
        assert!(text.contains("viewBox=\"0 0 600 220\"") && text.contains(">7.5</text>"), "{text}");
        assert!(text.contains("<circle cx=\"284.0\" cy=\"43.4\""), "{text}");
    }

    #[test]
    fn axes_end_at_short_numbers() {
        let ends = [0.0, 0.9, 1.0, 7.4, 8.1, 42.0, 59.9].map(rounded_up);
        assert_eq!(ends, [1.0, 1.0, 1.0, 8.0, 10.0, 50.0, 80.0]);
        assert_eq!([12.5, 10.0, 0.25].map(short), ["12.5", "10", "0.25"]);
    }
}
