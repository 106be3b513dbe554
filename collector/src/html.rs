//! The verdict as a page for people: one file without scripts or anything from elsewhere.

use crate::audit::utc;
use crate::timeline::{Fate, Stretch, Timeline, Timelines};
use serde_json::Value;
use std::fmt::Write as _;

/// How many damaged chains are shown, and how many of the others: a page of thousands is none that anybody reads.
const MOST_DAMAGED: usize = 500;
const MOST_SOUND: usize = 100;
/// A drawing's width, in its own units.
const WIDTH: f64 = 1000.0;

const STYLE: &str = include_str!("html.css");

/// The page. `name` is what was checked, `report` the verdict as JSON.
pub fn page(name: &str, report: &Value, timelines: &Timelines) -> String {
    let chains: Vec<&Value> = report["chains"].as_array().into_iter().flatten().collect();
    let verdict = text(report, "verdict");
    let (damaged, sound): (Vec<&Value>, Vec<&Value>) =
        chains.iter().copied().partition(|chain| text(chain, "verdict") != "holds");
    let mut out = String::with_capacity(64 << 10);
    // Writing to a String can't fail.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{verdict}: {name}</title>\n<style>\n{STYLE}</style>\n<main>\n\
         <header class=\"{state}\">\n<p class=\"name\">Nymtrail checked <b>{name}</b></p>\n\
         <h1><span aria-hidden=\"true\">{mark}</span> {verdict}</h1>\n<p>{sentence}</p>\n</header>\n",
        verdict = escaped(verdict),
        name = escaped(name),
        state = state(verdict),
        mark = mark(verdict),
        sentence = sentence(verdict),
    );
    let sum = |column: &str| chains.iter().map(|chain| number(chain, column)).sum::<u64>();
    out.push_str("<dl class=\"sums\">\n");
    let sums = [
        ("level", escaped(text(report, "level"))),
        ("chains", chains.len().to_string()),
        ("not holding", damaged.len().to_string()),
        ("rows", sum("rows").to_string()),
        ("erased", sum("erased").to_string()),
        ("rows missing at an end", sum("missing_tail").to_string()),
    ];
    for (name, value) in sums {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    let _ = writeln!(out, "</dl>\n<p class=\"level\">{}</p>", level(text(report, "level")));
    if number(report, "unchecked") > 0 {
        let _ = writeln!(
            out,
            "<p class=\"warning\">{} receipts could not be checked: they are of another deployment, or signed by none of the \
             keys at hand.</p>",
            number(report, "unchecked")
        );
    }
    out.push_str("<p class=\"legend\">");
    for (class, words) in LEGEND {
        let _ = write!(out, "<span><i class=\"{class}\"></i>{words}</span> ");
    }
    out.push_str("</p>\n");
    for (title, list, most) in
        [("Chains that do not hold", damaged, MOST_DAMAGED), ("Chains that hold", sound, MOST_SOUND)]
    {
        if list.is_empty() {
            continue;
        }
        let _ = writeln!(out, "<h2>{title} <small>{}</small></h2>", list.len());
        for chain in list.iter().take(most) {
            draw(chain, timelines.of(text(chain, "chain")), &mut out);
        }
        if list.len() > most {
            let _ = writeln!(
                out,
                "<p>{} more are not shown here; <code>--format json</code> has all.</p>",
                list.len() - most
            );
        }
    }
    out.push_str("</main>\n</html>\n");
    out
}

const LEGEND: [(&str, &str); 6] = [
    ("intact", "intact"),
    ("altered", "altered"),
    ("missing", "missing"),
    ("erased", "erased, still linked"),
    ("signed", "signed by the device"),
    ("receipted", "signed by the collector"),
];

fn draw(chain: &Value, timeline: Option<&Timeline>, out: &mut String) {
    let (id, verdict) = (text(chain, "chain"), text(chain, "verdict"));
    let short = id.get(..12).unwrap_or(id);
    let _ = write!(
        out,
        "<section class=\"{state}\">\n<h3><span class=\"word\">{verdict}</span> <code title=\"{id}\">{short}…</code></h3>\n<p>{facts}</p>\n",
        state = state(verdict),
        verdict = escaped(verdict),
        id = escaped(id),
        short = escaped(short),
        facts = facts(chain),
    );
    let tail = number(chain, "missing_tail");
    let top = number(chain, "top");
    let end = (top + tail).max(1);
    let x = |seq: u64| seq.min(end) as f64 / end as f64 * WIDTH;
    let mut stretches = timeline.map(|line| line.stretches.clone()).unwrap_or_default();
    if tail > 0 {
        stretches.push(Stretch { fate: Fate::Missing, from: top, to: end });
    }
    if stretches.is_empty() {
        out.push_str("<p class=\"quiet\">Not drawn.</p>\n</section>\n");
        return;
    }
    let signed = ["signed", "receipted"].map(|kind| (kind, covered(chain, kind)));
    let label: Vec<String> = stretches.iter().take(12).map(in_words).collect();
    let more = if stretches.len() > 12 { ", and more" } else { "" };
    let height = if signed.iter().any(|(_, size)| *size > 0) { 34 } else { 22 };
    let _ = writeln!(
        out,
        "<svg viewBox=\"0 0 1000 {height}\" style=\"height:{height}px\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"Rows 0 to {}: {}{more}\">",
        end - 1,
        label.join(", ")
    );
    // What is wrong comes on top, and is taller, so that it is found without colours too.
    stretches.sort_by_key(|stretch| stretch.fate);
    for stretch in &stretches {
        // A single row among a million is still to be seen.
        let is_intact = stretch.fate == Fate::Intact;
        let width = (x(stretch.to) - x(stretch.from)).max(if is_intact { 0.5 } else { 4.0 });
        let (y, height) = if is_intact || stretch.fate == Fate::Erased { (3, 14) } else { (0, 20) };
        let _ = writeln!(
            out,
            "<rect class=\"{}\" x=\"{:.2}\" width=\"{width:.2}\" y=\"{y}\" height=\"{height}\"><title>{}</title></rect>",
            stretch.fate.as_str(),
            x(stretch.from).min(WIDTH - width),
            in_words(stretch)
        );
    }
    for (line, (kind, size)) in signed.iter().enumerate() {
        if *size > 0 {
            let _ = writeln!(
                out,
                "<rect class=\"{kind}\" x=\"0\" width=\"{:.2}\" y=\"{}\" height=\"4\"><title>{kind}: the first {size} rows</title></rect>",
                x(*size),
                23 + 6 * line
            );
        }
    }
    out.push_str("</svg>\n");
    if let Some((first, last)) = timeline.and_then(|line| line.times) {
        let _ = writeln!(
            out,
            "<p class=\"scale\"><span>0 · {}</span><span>{} · {}</span></p>",
            utc(first / 1000),
            utc(last / 1000),
            end - 1
        );
    }
    if timeline.is_some_and(|line| line.is_cut) {
        out.push_str("<p class=\"quiet\">There are more changes in this chain than are drawn.</p>\n");
    }
    out.push_str("</section>\n");
}

/// How many rows are covered by a signature of this kind.
fn covered(chain: &Value, kind: &str) -> u64 {
    chain.get("checkpoints").map_or(0, |checkpoints| number(checkpoints, kind))
}

fn in_words(Stretch { fate, from, to }: &Stretch) -> String {
    let fate = fate.as_str();
    if from + 1 == *to { format!("{from} {fate}") } else { format!("{from} to {} {fate}", to - 1) }
}

/// What is known of a chain beside its drawing.
fn facts(chain: &Value) -> String {
    let mut facts = vec![format!("{} rows", number(chain, "rows"))];
    if let (Some(seq), Some(class)) = (chain["first_bad"].as_u64(), chain["class"].as_str()) {
        facts.push(format!("damage begins at row <b>{seq}</b>: {}", escaped(class)));
    }
    let columns = [
        ("erased", "erased"),
        ("half_erased", "erased by half: their salt is still here"),
        ("bad_link", "links that do not follow"),
        ("gaps", "times rows missing in between"),
        ("forks", "more than one in a place"),
        ("time_back", "earlier than the row before"),
        ("missing_tail", "missing at the end"),
    ];
    for (column, words) in columns {
        let count = number(chain, column);
        if count > 0 {
            facts.push(format!("{count} {words}"));
        }
    }
    if let Some(checkpoints) = chain.get("checkpoints") {
        if let Some(class) = checkpoints["class"].as_str() {
            facts.push(format!("its checkpoints say: <b>{}</b>", escaped(class)));
        }
        for (kind, by) in [("signed", "its device"), ("receipted", "the collector")] {
            let size = covered(chain, kind);
            if size > 0 {
                facts.push(format!("signed by {by} up to {size} rows"));
            }
        }
        if let Some(time) = checkpoints["signed_at"].as_u64() {
            facts.push(utc(time));
        }
        if number(checkpoints, "unchecked") > 0 {
            facts.push(format!("{} checkpoints not checked", number(checkpoints, "unchecked")));
        }
    }
    facts.join(" · ")
}

const fn mark(verdict: &str) -> &'static str {
    match verdict.as_bytes() {
        b"holds" => "✓",
        b"unchecked" | b"unproven" => "?",
        _ => "✗",
    }
}

const fn state(verdict: &str) -> &'static str {
    match verdict.as_bytes() {
        b"holds" => "good",
        b"unchecked" | b"unproven" | b"half-erased" => "open",
        _ => "bad",
    }
}

fn sentence(verdict: &str) -> &'static str {
    match verdict {
        "holds" => "Every row is as it was linked, and none is missing between two others.",
        "tampered" => "At least one row is not what was linked, or rows are missing between others.",
        "truncated" => "Rows that were there once are missing at the end of a chain.",
        "dropped" => "A chain that was there once is missing as a whole.",
        "rewritten" => "Rows are not those that were signed.",
        "forked" => "Two different histories were signed for one chain.",
        "forged" => "A checkpoint was changed after it was signed.",
        "foreign" => "A checkpoint is of another chain or deployment than the one it is filed under.",
        "unchecked" => "The rows hold, but a signature could not be checked, so this is no pass.",
        "unproven" => "The rows hold, but an event was erased without a record of it.",
        _ => "See the documentation for this word.",
    }
}

fn level(level: &str) -> &'static str {
    match level {
        "witnessed" => "Each chain is as long and the same as when the collector signed it, and a witness saw that.",
        "receipted" => {
            "Each chain is as long and the same as when the collector signed it. This cannot show chains that were dropped together \
             with their checkpoints, or what was never sent."
        }
        "signed" => {
            "Each chain is as long and the same as when its device signed it. This cannot show chains that were dropped together with \
             their checkpoints, or made up as a whole."
        }
        _ => {
            "The links were checked. That cannot show rows missing at the end of a chain, or chains that were made up or dropped as \
             a whole: receipts can."
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

/// A text that may hold anything, safe between tags and quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chain(n: usize, verdict: &str) -> Value {
        json!({"chain": format!("{n:064x}"), "verdict": verdict, "rows": 5, "top": 5, "missing_tail": 2,
            "first_bad": 3, "class": "bad_link", "checkpoints": {"receipted": 4, "signed_at": 1_790_000_000u64}})
    }

    #[test]
    fn nothing_in_it_can_be_markup() {
        let id = "<script>alert(1)</script>\"'&";
        let report = json!({"verdict": "tampered", "level": "chained", "chains": [{"chain": id, "verdict": id, "class": id, "first_bad": 1}]});
        let page = page(id, &report, &Timelines::default());
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    }

    #[test]
    fn it_needs_nothing_from_elsewhere() {
        let report = json!({"verdict": "truncated", "level": "chained", "chains": [chain(1, "truncated")]});
        let page = page("rows", &report, &Timelines::default());
        for foreign in ["http:", "https:", "url(", "@import", "src=", "<link"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.contains("5 to 6 missing") && page.contains("signed by the collector up to 4 rows"), "{page}");
        assert!(page.contains("damage begins at row <b>3</b>: bad_link"));
    }

    #[test]
    fn of_thousands_of_chains_some_are_shown_and_the_rest_counted() {
        let bad = (0..3000).map(|n| chain(n, "tampered"));
        let good = (3000..9000).map(|n| chain(n, "holds"));
        let report = json!({"verdict": "tampered", "level": "chained", "chains": bad.chain(good).collect::<Vec<_>>()});
        let page = page("rows", &report, &Timelines::default());
        assert_eq!(page.matches("<section").count(), MOST_DAMAGED + MOST_SOUND);
        assert!(page.contains("2500 more are not shown") && page.contains("5900 more are not shown"));
        assert!(page.len() < 1 << 20, "{}", page.len());
    }
}
