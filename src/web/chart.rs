//! Charts as SVG that stands in the page: bars and columns of amounts.
//!
//! The picture takes its colours from the page (`currentColor`, and the class `bar`), so that it is as readable in the dark as
//! in the light; it brings no style and no script, which our policy for pages would refuse. The exact amounts stand in the
//! table beside it: here an amount is no more than the length of a bar.

use charts_rs::{AxisLabelOverflow, BarChart, ChartBase, Color, HorizontalBarChart, Series, YAxisConfig};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::problem::clean;

/// Bars of one chart: more are too thin to tell apart. The table has them all.
pub const MOST_BARS: usize = 16;
/// Columns of one chart: a month's days, or a day's hours.
pub const MOST_COLUMNS: usize = 62;
/// Longest label, in characters.
const LABEL: usize = 26;
/// Its width in the page's pixels; it shrinks on a phone.
const WIDTH: f32 = 640.0;
/// A bar with the room around it.
const BAR: f32 = 27.0;
/// The axis with the amounts, and the margins.
const AROUND: f32 = 48.0;
/// Of columns.
const HEIGHT: f32 = 240.0;

/// The size of labels as the library reckons with it, and as they are written: the page's letters are wider than its own.
const MEASURED: f32 = 13.0;
const WRITTEN: &str = "12";

/// Colours that stand for what the page says they are. No chart is ever shown with them.
const TEXT: (u8, u8, u8) = (1, 2, 3);
const FILL: (u8, u8, u8) = (1, 2, 4);
const LINE: (u8, u8, u8) = (1, 2, 5);

/// Lying bars, one for each label, the first on top. Empty if there is nothing to show, or it cannot be drawn.
pub fn bars(title: &str, about: &str, rows: &[(String, Decimal)]) -> String {
    let rows = &rows[..rows.len().min(MOST_BARS)];
    if rows.is_empty() {
        return String::new();
    }
    // The library counts from below.
    let rows: Vec<(String, Decimal)> = rows.iter().rev().cloned().collect();
    let mut chart = HorizontalBarChart::new(vec![series(&rows)], labels(&rows));
    dress(&mut chart.base, AROUND + BAR * rows.len() as f32);
    chart.y_axis_configs = vec![axis(&rows)];
    chart.svg().map_or_else(|_| String::new(), |svg| ours(&svg, title, about))
}

/// Standing columns, from left to right. Empty if there is nothing to show, or it cannot be drawn.
pub fn columns(title: &str, about: &str, rows: &[(String, Decimal)]) -> String {
    let rows = &rows[rows.len().saturating_sub(MOST_COLUMNS)..];
    if rows.is_empty() {
        return String::new();
    }
    let mut chart = BarChart::new(vec![series(rows)], labels(rows));
    dress(&mut chart.base, HEIGHT);
    chart.base.x_axis.label_overflow = AxisLabelOverflow::Thin;
    chart.y_axis_configs = vec![axis(rows)];
    chart.svg().map_or_else(|_| String::new(), |svg| ours(&svg, title, about))
}

fn labels(rows: &[(String, Decimal)]) -> Vec<String> {
    rows.iter().map(|(label, _)| clean(label, LABEL)).collect()
}

fn series(rows: &[(String, Decimal)]) -> Series {
    Series::new(String::new(), rows.iter().map(|(_, amount)| length(*amount)).collect())
}

/// How long a bar is: seven digits are finer than any screen.
fn length(amount: Decimal) -> f32 {
    amount.to_f32().filter(|length| length.is_finite()).unwrap_or_default()
}

fn dress(base: &mut ChartBase, height: f32) {
    (base.width, base.height) = (WIDTH, height);
    base.background_color = Color::default();
    base.title.text.clear();
    base.legend.show = Some(false);
    base.series.colors = vec![FILL.into()];
    base.grid.stroke_color = LINE.into();
    base.x_axis.stroke_color = LINE.into();
    (base.x_axis.font.color, base.x_axis.font.size) = (TEXT.into(), MEASURED);
}

/// The axis of the amounts, with steps that are round numbers.
fn axis(rows: &[(String, Decimal)]) -> YAxisConfig {
    const STEPS: u32 = 4;
    let largest = rows.iter().map(|(_, amount)| *amount).fold(Decimal::ZERO, Decimal::max);
    let smallest = rows.iter().map(|(_, amount)| *amount).fold(Decimal::ZERO, Decimal::min);
    let step = round_step(largest.saturating_sub(smallest), STEPS);
    let whole = |amount: Decimal| amount.checked_div(step).map_or(Decimal::ZERO, |steps| steps.abs().ceil());
    let (above, below) = (whole(largest).max(Decimal::ONE), whole(smallest));
    let mut axis = YAxisConfig {
        stroke_color: LINE.into(),
        split_number: above.saturating_add(below).to_usize().unwrap_or(1),
        min: Some(-length(below.saturating_mul(step))),
        max: Some(length(above.saturating_mul(step))),
        name_gap: 5.0,
        ..YAxisConfig::default()
    };
    (axis.font.color, axis.font.size) = (TEXT.into(), MEASURED);
    axis
}

/// 1, 2 or 5 of a power of ten: the smallest with which so many steps reach across.
fn round_step(span: Decimal, steps: u32) -> Decimal {
    let least = span.checked_div(Decimal::from(steps)).unwrap_or(Decimal::ONE).max(Decimal::new(1, 2));
    let mut power = Decimal::new(1, 2);
    loop {
        for factor in [1, 2, 5] {
            match power.checked_mul(Decimal::from(factor)) {
                Some(step) if step >= least => return step,
                Some(_) => {}
                None => return least,
            }
        }
        match power.checked_mul(Decimal::TEN) {
            Some(next) => power = next,
            None => return least,
        }
    }
}

/// The picture with our colours, a name and a description for who does not see it, and nothing that is not needed.
fn ours(svg: &str, title: &str, about: &str) -> String {
    let colour = |(r, g, b): (u8, u8, u8)| format!("#{r:02X}{g:02X}{b:02X}");
    let svg = svg
        .replace(&format!("fill=\"{}\"", colour(TEXT)), "fill=\"currentColor\"")
        .replace(&format!("font-size=\"{MEASURED}\""), &format!("font-size=\"{WRITTEN}\""))
        .replace(&format!("fill=\"{}\"", colour(FILL)), "class=\"bar\"")
        .replace(&format!("stroke=\"{}\"", colour(LINE)), "stroke=\"currentColor\" stroke-opacity=\".3\"");
    let svg = ["font-family", "data-series", "data-category", "data-value"].into_iter().fold(svg, |svg, name| without(&svg, name));
    let Some(rest) = svg.strip_prefix("<svg ") else { return String::new() };
    let Some((size, drawn)) = rest.split_once('>') else { return String::new() };
    format!("<svg role=\"img\" {size}><title>{}</title><desc>{}</desc>{drawn}", escaped(title), escaped(about))
}

/// Without an attribute. Its value is escaped, so it ends at the next quotation mark.
fn without(svg: &str, name: &str) -> String {
    let begins = format!(" {name}=\"");
    let mut parts = svg.split(&begins);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |svg, part| svg + part.split_once('"').map_or("", |(_, rest)| rest))
}

fn escaped(text: &str) -> String {
    clean(text, 300).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pairs: &[(&str, &str)]) -> Vec<(String, Decimal)> {
        pairs.iter().map(|(label, amount)| ((*label).to_owned(), amount.parse().expect("an amount"))).collect()
    }

    /// Elements with their attributes' names, as far as a test needs them.
    fn attributes(svg: &str) -> Vec<String> {
        let tags = svg.split('<').skip(1).filter_map(|tag| tag.split('>').next());
        tags.flat_map(|tag| tag.split("=\"").filter_map(|part| part.rsplit([' ', '"']).next()).map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn colours_are_the_pages_and_nothing_is_inline() {
        let rows = rows(&[("Tirana <script>alert(1)</script> & \"Durres\"", "1234.50"), ("Vlora", "-80.25"), ("Korca", "0")]);
        for svg in [bars("By <b>branch</b>", "3 branches", &rows), columns("By hour", "", &rows)] {
            assert!(svg.starts_with("<svg role=\"img\" width=\"640\""), "{svg}");
            assert!(svg.contains("class=\"bar\"") && svg.contains("fill=\"currentColor\"") && svg.contains("<title>By "), "{svg}");
            assert!(!svg.contains('#'), "a colour of its own: {svg}");
            let attributes = attributes(&svg);
            for name in ["style", "onclick", "href", "font-family", "data-value"] {
                assert!(!attributes.iter().any(|attribute| attribute == name), "{name}: {svg}");
            }
            for tag in ["<script", "<style", "<b>", "<foreignObject", "<image"] {
                assert!(!svg.contains(tag), "{tag}: {svg}");
            }
            assert!(svg.contains("&lt;script&gt;"), "{svg}");
            assert!(svg.contains("font-size=\"12\"") && !svg.contains("font-size=\"13\""), "{svg}");
        }
        // The first row is the first bar from above.
        let svg = bars("x", "", &rows);
        let top = |label: &str| -> f32 {
            let element = svg.split("<text").find(|text| text.contains(label)).expect("a label");
            element.split(" y=\"").nth(1).and_then(|rest| rest.split('"').next()).and_then(|y| y.parse().ok()).expect("its place")
        };
        assert!(top("Tirana") < top("Vlora") && top("Vlora") < top("Korca"), "{svg}");
    }

    #[test]
    fn an_axis_has_round_steps() {
        let told = |rows: &[(String, Decimal)]| {
            let axis = axis(rows);
            (axis.min, axis.max, axis.split_number)
        };
        assert_eq!(told(&rows(&[("a", "1234.50"), ("b", "3")])), (Some(-0.0), Some(1500.0), 3));
        assert_eq!(told(&rows(&[("a", "17"), ("b", "-4")])), (Some(-10.0), Some(20.0), 3));
        assert_eq!(told(&rows(&[("a", "0")])), (Some(-0.0), Some(0.01), 1));
        assert_eq!(round_step("400".parse().expect("a number"), 4), Decimal::ONE_HUNDRED);
        assert_eq!(round_step("401".parse().expect("a number"), 4), Decimal::from(200));
        assert!(round_step(Decimal::MAX, 4) > Decimal::ZERO);
    }

    #[test]
    fn what_no_till_can_take_is_drawn_or_left_out_and_never_a_panic() {
        for amount in [Decimal::MAX, Decimal::MIN, Decimal::new(1, 28), Decimal::ZERO] {
            let svg = bars("x", "", &[("a".into(), amount), ("b".into(), Decimal::MAX)]);
            assert!(svg.is_empty() || !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            let svg = columns("x", "", &vec![(String::new(), amount); 500]);
            assert!(svg.is_empty() || svg.matches("class=\"bar\"").count() <= MOST_COLUMNS, "{svg}");
        }
        assert_eq!((bars("x", "", &[]), columns("x", "", &[])), (String::new(), String::new()));
    }
}
