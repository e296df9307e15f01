//! Counts over time as a picture: areas on top of each other, each as high as its count, from one run
//! to the next. The same numbers stand below it as a table, for whoever sees no pictures.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::esc;

/// One run: when, how it is called, and its counts from the bottom up.
pub(in crate::report) struct Moment {
    pub(in crate::report) time: Timestamp,
    pub(in crate::report) name: String,
    pub(in crate::report) counts: Vec<u64>,
}

/// What is drawn from the bottom up: a class and a word.
pub(in crate::report) type Layers<'a> = &'a [(&'a str, &'a str)];

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 160.0;

/// Labels below the picture.
const TICKS: i32 = 5;

/// Draws moments that are in order of time.
pub(in crate::report) fn write(
    page: &mut String,
    says: &str,
    layers: Layers<'_>,
    moments: &[Moment],
) {
    let (Some(first), Some(last)) = (moments.first(), moments.last()) else {
        return;
    };
    let top = moments.iter().map(|m| m.counts.iter().sum::<u64>()).max();
    let top = nice(top.unwrap_or(0));
    // The last run holds until now, whenever that is: a little.
    let span = last.time.duration_since(first.time).as_secs_f64().max(1.0);
    let end = span * 1.03;
    let x = |time: Timestamp| time.duration_since(first.time).as_secs_f64() / end * WIDTH;
    let y = |count: u64| HEIGHT - count as f64 / top as f64 * HEIGHT;
    page.push_str("<figure class=\"plot\">\n<div class=\"ys\" aria-hidden=\"true\">");
    let middle = match top % 2 {
        0 => (top / 2).to_string(),
        _ => String::new(),
    };
    let _ = writeln!(
        page,
        "<span>{top}</span><span>{middle}</span><span>0</span></div>"
    );
    let _ = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">\
         <path class=\"axis\" d=\"M0 0H{WIDTH}M0 {half}H{WIDTH}M0 {HEIGHT}H{WIDTH}\"/>",
        esc(says),
        half = HEIGHT / 2.0,
    );
    let right = |at: usize| moments.get(at + 1).map_or(WIDTH, |next| x(next.time));
    for (layer, (class, _)) in layers.iter().enumerate() {
        let below = |m: &Moment| m.counts.iter().take(layer).sum::<u64>();
        let above = |m: &Moment| m.counts.iter().take(layer + 1).sum::<u64>();
        if moments.iter().all(|m| below(m) == above(m)) {
            continue;
        }
        let mut path = String::new();
        for (at, moment) in moments.iter().enumerate() {
            let step = if at == 0 { 'M' } else { 'L' };
            let (from, to, high) = (x(moment.time), right(at), y(above(moment)));
            let _ = write!(path, "{step}{from:.1} {high:.1}H{to:.1}");
        }
        for (at, moment) in moments.iter().enumerate().rev() {
            let (from, to, low) = (x(moment.time), right(at), y(below(moment)));
            let _ = write!(path, "L{to:.1} {low:.1}H{from:.1}");
        }
        let _ = writeln!(page, "<path class=\"area {class}\" d=\"{path}Z\"/>");
    }
    for (at, moment) in moments.iter().enumerate() {
        let from = x(moment.time);
        let _ = writeln!(
            page,
            "<g class=\"hit\"><title>{}</title><rect x=\"{from:.1}\" y=\"0\" width=\"{:.1}\" height=\"{HEIGHT}\"/></g>",
            esc(&title(layers, moment)),
            right(at) - from
        );
    }
    page.push_str("</svg>\n<div class=\"xs\" aria-hidden=\"true\">");
    for tick in 0..TICKS {
        let after = end * f64::from(tick) / f64::from(TICKS - 1);
        let time = SignedDuration::try_from_secs_f64(after).ok();
        let time = time.and_then(|t| first.time.checked_add(t).ok());
        let _ = write!(
            page,
            "<span>{}</span>",
            label(time.unwrap_or(last.time), span)
        );
    }
    page.push_str("</div>\n<figcaption>\n<ul class=\"legend\">");
    for (layer, (class, word)) in layers.iter().enumerate() {
        if moments
            .iter()
            .any(|m| m.counts.get(layer).is_some_and(|c| *c > 0))
        {
            let _ = write!(page, "<li><span class=\"dot {class}\"></span>{word}</li>");
        }
    }
    page.push_str("</ul>\n");
    table(page, layers, moments);
    page.push_str("</figcaption>\n</figure>\n");
}

/// A number not below the count that people divide in two with ease.
fn nice(count: u64) -> u64 {
    let mut ten: u64 = 1;
    loop {
        for step in [1, 2, 4, 6, 8] {
            if count <= step * ten {
                return step * ten;
            }
        }
        ten = ten.saturating_mul(10);
    }
}

fn label(time: Timestamp, span: f64) -> String {
    const DAY: f64 = 24.0 * 3600.0;
    let form = match span {
        s if s < 2.0 * 60.0 => "%H:%M:%S",
        s if s < DAY => "%H:%M",
        s if s < 4.0 * DAY => "%-d %b %H:%M",
        _ => "%-d %b",
    };
    time.strftime(form).to_string()
}

fn title(layers: Layers<'_>, moment: &Moment) -> String {
    let counts = layers.iter().zip(&moment.counts);
    let said: Vec<String> = counts
        .filter(|(_, count)| **count > 0)
        .map(|((_, word), count)| format!("{count} {word}"))
        .collect();
    let said = match said.is_empty() {
        true => "nothing".to_owned(),
        false => said.join(", "),
    };
    format!("{} UTC: {said}", moment.time.strftime("%Y-%m-%d %H:%M:%S"))
}

fn table(page: &mut String, layers: Layers<'_>, moments: &[Moment]) {
    page.push_str(
        "<details class=\"numbers\"><summary>These numbers as a table</summary>\n<div class=\"scroll\">\
         <table><thead><tr><th scope=\"col\">Run</th><th scope=\"col\">Began (UTC)</th>",
    );
    for (_, word) in layers {
        let _ = write!(page, "<th scope=\"col\">{word}</th>");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for moment in moments.iter().rev() {
        let _ = write!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td>",
            esc(&moment.name),
            moment.time.strftime("%Y-%m-%d %H:%M:%S")
        );
        for count in &moment.counts {
            let _ = write!(page, "<td>{count}</td>");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div></details>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_is_a_round_number_not_below_the_count() {
        assert_eq!(
            [0, 1, 3, 7, 9, 10, 41, 1000].map(nice),
            [1, 1, 4, 8, 10, 10, 60, 1000]
        );
    }
}
