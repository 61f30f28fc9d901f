//! How Java prints a double.

/// As `Double.toString`: plain from 0.001 on and below ten million, and otherwise by a power of ten.
pub fn java_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    // Rust has no decimal point where there is one digit only.
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        Some((digits, exponent)) => format!("{digits}E{exponent}"),
        None => text,
    }
}

/// Rounded to four decimals, as ZooKeeper tells every mean.
pub fn rounded(mean: f64) -> f64 {
    (mean * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::{java_double, rounded};

    #[test]
    fn doubles_are_printed_as_java_does() {
        for (value, printed) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (0.2778, "0.2778"),
            (12.5, "12.5"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (5e-4, "5.0E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (123_456_789.0, "1.23456789E8"),
            (-1.5e300, "-1.5E300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(java_double(value), printed);
        }
    }

    #[test]
    fn means_have_four_decimals_at_most() {
        for (mean, printed) in [(0.0, "0.0"), (0.5, "0.5"), (4.478_94, "4.4789"), (12.0, "12.0"), (0.000_04, "0.0")] {
            assert_eq!(java_double(rounded(mean)), printed);
        }
        assert_eq!(java_double(rounded(0.000_26)), "3.0E-4");
    }
}
