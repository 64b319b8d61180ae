//! The text format of Prometheus (exposition format 0.0.4).

use std::fmt::Write;

use crate::counter::{BOUNDS, HistogramSum};

/// A page of metrics while it is written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

/// A label's name and value.
pub(crate) type Label<'l> = (&'l str, &'l str);

impl Page {
    /// Opens a family. What follows belongs to it.
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.text.push_str("# HELP ");
        self.text.push_str(name);
        self.text.push(' ');
        for character in help.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                _ => self.text.push(character),
            }
        }
        let _ = write!(self.text, "\n# TYPE {name} {kind}\n");
    }

    /// One series.
    pub(crate) fn series(&mut self, name: &str, labels: &[Label<'_>], value: u64) {
        self.text.push_str(name);
        self.labels(labels, None);
        let _ = writeln!(self.text, " {value}");
    }

    /// The series of a histogram of durations, in seconds.
    pub(crate) fn histogram(&mut self, name: &str, labels: &[Label<'_>], sum: &HistogramSum) {
        let bounds = BOUNDS.iter().map(|(_, seconds)| *seconds).chain(["+Inf"]);
        let mut count = 0;
        for (bucket, bound) in sum.buckets.iter().zip(bounds) {
            count += bucket;
            let _ = write!(self.text, "{name}_bucket");
            self.labels(labels, Some(("le", bound)));
            let _ = writeln!(self.text, " {count}");
        }
        let _ = write!(self.text, "{name}_sum");
        self.labels(labels, None);
        let (seconds, nanoseconds) =
            (sum.sum_nanoseconds / 1_000_000_000, sum.sum_nanoseconds % 1_000_000_000);
        let _ = writeln!(self.text, " {seconds}.{nanoseconds:09}");
        let _ = write!(self.text, "{name}_count");
        self.labels(labels, None);
        let _ = writeln!(self.text, " {count}");
    }

    fn labels(&mut self, labels: &[Label<'_>], last: Option<Label<'_>>) {
        let mut separator = '{';
        for (name, value) in labels.iter().copied().chain(last) {
            self.text.push(separator);
            separator = ',';
            self.text.push_str(name);
            self.text.push_str("=\"");
            for character in value.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    _ => self.text.push(character),
                }
            }
            self.text.push('"');
        }
        if separator == ',' {
            self.text.push('}');
        }
    }

    /// The page.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_histograms_are_cumulative() {
        let mut page = Page::default();
        page.family("a_total", "counter", "One\\two\nthree.");
        page.series("a_total", &[], 1);
        page.series("a_total", &[("one", "x\"y\\z\n"), ("two", "")], u64::MAX);
        let mut sum = HistogramSum { sum_nanoseconds: 2_000_000_001, ..HistogramSum::default() };
        (sum.buckets[0], sum.buckets[1], sum.buckets[15]) = (1, 2, 3);
        page.histogram("b", &[("stage", "demo")], &sum);
        let text = page.finish();
        assert!(text.starts_with(concat!(
            "# HELP a_total One\\\\two\\nthree.\n# TYPE a_total counter\na_total 1\n",
            "a_total{one=\"x\\\"y\\\\z\\n\",two=\"\"} 18446744073709551615\n",
            "b_bucket{stage=\"demo\",le=\"0.0005\"} 1\nb_bucket{stage=\"demo\",le=\"0.001\"} 3\n",
        )));
        assert!(text.ends_with(concat!(
            "b_bucket{stage=\"demo\",le=\"30\"} 3\nb_bucket{stage=\"demo\",le=\"+Inf\"} 6\n",
            "b_sum{stage=\"demo\"} 2.000000001\nb_count{stage=\"demo\"} 6\n",
        )));
    }
}
