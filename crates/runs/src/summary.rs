//! The output of `--dry-run`: the layers of each network with their sizes and costs, and the cost
//! of a step.

use std::fmt;

use adjoint_nn::cost::{LayerCost, flops, parameters};

/// The networks of a model and the cost of one training step.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The name of each network ("generator") and its layers, from input to output.
    pub networks: Vec<(&'static str, Vec<LayerCost>)>,
    /// Floating-point operations of one training step.
    pub step_flops: u64,
    /// Bytes of memory that a training step needs at its peak.
    pub step_bytes: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, layers) in &self.networks {
            write_network(f, name, layers)?;
        }
        let layers = self.networks.iter().flat_map(|(_, layers)| layers);
        let parameters = layers.map(|layer| layer.parameters).sum();
        writeln!(f, "parameters   {}", grouped(parameters))?;
        writeln!(f, "per step     {}FLOP, {}B of memory", si(self.step_flops), binary(self.step_bytes))
    }
}

fn write_network(f: &mut fmt::Formatter<'_>, name: &str, layers: &[LayerCost]) -> fmt::Result {
    let cells = |layer: &str, output: &[usize], parameters: u64, flops: u64| {
        let output: Vec<String> = output.iter().map(usize::to_string).collect();
        [layer.to_owned(), output.join("x"), grouped(parameters), si(flops).trim_end().to_owned()]
    };
    let mut rows = vec![[name.to_owned(), "output".into(), "parameters".into(), "FLOP/example".into()]];
    rows.extend(layers.iter().map(|layer| cells(&layer.name, &layer.output, layer.parameters, layer.flops)));
    rows.push(cells("total", &[], parameters(layers), flops(layers)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for (i, [layer, output, parameters, flops]) in rows.iter().enumerate() {
        if i == 1 || i + 1 == rows.len() {
            writeln!(f, "{}", "\u{2500}".repeat(widths.iter().sum::<usize>() + 6))?;
        }
        let [a, b, c, d] = widths;
        writeln!(f, "{layer:<a$}  {output:<b$}  {parameters:>c$}  {flops:>d$}")?;
    }
    writeln!(f)
}

/// Formats a number with thousands separators: "3,576,704".
pub fn grouped(n: u64) -> String {
    group_digits(&n.to_string())
}

/// Inserts a comma between groups of three digits of a whole number.
pub(crate) fn group_digits(digits: &str) -> String {
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a number with three digits and a power of 1000: "25.2 G".
fn si(n: u64) -> String {
    scaled(n, 1000.0, &["", "k", "M", "G", "T", "P"])
}

/// Formats a number with three digits and a power of 1024: "312 Mi".
fn binary(n: u64) -> String {
    scaled(n, 1024.0, &["", "Ki", "Mi", "Gi", "Ti", "Pi"])
}

fn scaled(n: u64, base: f64, units: &[&str]) -> String {
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 999.5 && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    let decimals = if unit == 0 || value >= 99.95 { 0 } else { 1 + usize::from(value < 9.995) };
    format!("{value:.decimals$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 999, 1000, 3_576_704].map(grouped), ["0", "999", "1,000", "3,576,704"]);
        assert_eq!(
            (si(0), si(950), si(1000), si(25_234_000_000)),
            ("0 ".into(), "950 ".into(), "1.00 k".into(), "25.2 G".into())
        );
        assert_eq!((binary(327_155_712), binary(1 << 30)), ("312 Mi".into(), "1.00 Gi".into()));
    }

    #[test]
    fn the_table_is_aligned_and_summed() {
        let layer = |name: &str, output: [usize; 3], parameters, flops| LayerCost {
            name: name.into(),
            output: output.into(),
            parameters,
            flops,
            kept: 0,
        };
        let project = layer("project", [4, 4, 512], 819_200, 1_638_400);
        let networks = vec![("generator", vec![project, layer("tanh", [64, 64, 3], 0, 12_288)])];
        let summary = Summary { networks, step_flops: 25_200_000_000, step_bytes: 1 << 28 };
        let expected = "\
generator  output   parameters  FLOP/example
────────────────────────────────────────────
project    4x4x512     819,200        1.64 M
tanh       64x64x3           0        12.3 k
────────────────────────────────────────────
total                  819,200        1.65 M

parameters   819,200
per step     25.2 GFLOP, 256 MiB of memory
";
        assert_eq!(summary.to_string(), expected);
    }
}
