//! Aligned tables of text.

use std::fmt::Write;

/// A table whose first column is words, to the left, and whose others are numbers, to the right.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(header: &[&str]) -> Table {
        Table { rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    /// Adds a row of as many cells as the header has.
    pub fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.rows[0].len(), "a row has one cell for each column");
        self.rows.push(cells);
    }

    /// The table as lines, each ended by a newline.
    pub fn text(&self) -> String {
        let columns = self.rows[0].len();
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = format!("{:<1$}", row[0], widths[0]);
            for (cell, &width) in row.iter().zip(&widths).skip(1) {
                write!(line, "  {cell:>width$}").expect("writing to a string cannot fail");
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// A whole number with commas between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds as microseconds with one digit after the point, and none from 1000 on.
pub fn micros(ns: f64) -> String {
    let micros = ns / 1000.0;
    if micros < 999.95 { format!("{micros:.1}") } else { grouped(micros.round() as u64) }
}

/// Bytes in MiB.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["", "ops", "p50"]);
        table.row(vec!["reads".into(), "12,345".into(), "1.0".into()]);
        table.row(vec!["w".into(), "5".into(), "".into()]);
        assert_eq!(table.text(), "          ops  p50\nreads  12,345  1.0\nw           5\n");
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn micros_lose_their_fraction_when_long() {
        for (ns, text) in [(0.0, "0.0"), (1_250.0, "1.2"), (999_900.0, "999.9"), (999_960.0, "1,000")] {
            assert_eq!(micros(ns), text);
        }
        assert_eq!(micros(12_345_678.0), "12,346");
    }
}
