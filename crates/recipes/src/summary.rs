use adjoint_nn::cost::LayerCost;
use adjoint_runs::{LayerRow, NetworkTable, Summary};

/// What `--dry-run` prints of these networks, and of the floating-point operations and bytes of a
/// training step.
pub fn summary<const N: usize>(
    networks: [(&str, Vec<LayerCost>); N],
    (step_flops, step_bytes): (u64, u64),
) -> Summary {
    let table = |(name, layers): (&str, Vec<LayerCost>)| NetworkTable {
        name: name.to_owned(),
        layers: layers.into_iter().map(row).collect(),
    };
    Summary { networks: networks.map(table).into(), step_flops, step_bytes }
}

fn row(cost: LayerCost) -> LayerRow {
    let output: Vec<String> = cost.output.iter().map(usize::to_string).collect();
    LayerRow { layer: cost.name, output: output.join("x"), parameters: cost.parameters, flops: cost.flops }
}
