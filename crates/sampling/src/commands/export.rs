//! Samples for other programs.

use crate::npy;
use adjoint_nn::Tensor;
use adjoint_recipes::Model;
use adjoint_recipes::game::Condition;
use adjoint_recipes::limits;
use adjoint_runs::values::whole;
use adjoint_runs::{BoxError, warn};
use std::path::Path;

/// Number of samples that are in memory at once.
const CHUNK: usize = 1_000;

/// Samples as an array.
#[derive(clap::Args, Debug)]
pub(crate) struct Export {
    /// Number of samples
    #[arg(long, value_name = "N", default_value = "10000", value_parser = whole::<usize>(1..=1_000_000))]
    n: usize,
}

impl Export {
    /// Writes samples to `out`. Labels of class-conditional samples go to a second file beside it.
    /// Returns a description of what was written.
    pub(crate) fn write(&self, model: &mut Model, out: &Path) -> Result<String, BoxError> {
        let n = self.n;
        let z = model.draw("export", n)?;
        let chunk = limits::chunk(CHUNK, model.common.image_size * model.common.image_size * 3);
        let mut part = |from: usize| -> Result<Tensor<f32>, BoxError> {
            let rows = chunk.min(n - from);
            let conditions = model.conditions(from..from + rows)?;
            let x = model.decode(&z.narrow(0, from, rows), conditions.as_ref())?;
            Ok(if x.dims().len() == 4 { model.unit(&x).permute([0, 3, 1, 2]) } else { x })
        };
        let first = part(0)?;
        let shape = [&[n], &first.dims()[1..]].concat();
        let mut next = Some((first, 0));
        npy::write(out, ("<f4", &shape), || {
            let Some((x, from)) = next.take() else { return Ok(None) };
            let from = from + x.dims()[0];
            if from < n {
                next = Some((part(from)?, from));
            }
            Ok(Some(x.data().iter().flat_map(|x| x.to_le_bytes()).collect()))
        })?;
        let mut said = format!("{}: {n} samples, float32 {shape:?}", out.display());
        if model.condition == Some(Condition::Class) {
            let classes = model.classes()?;
            if !adjoint_files::is_regular(out) {
                let place = out.display();
                warn(format_args!(
                    "{place} is not a regular file, so no labels are written beside it; sample i has class i mod {classes}"
                ));
                return Ok(said);
            }
            let labels = out.with_extension("labels.npy");
            let mut all = Some((0..n).flat_map(|i| ((i % classes) as i64).to_le_bytes()).collect());
            npy::write(&labels, ("<i8", &[n]), || Ok(all.take()))?;
            said.push_str(&format!("\n{}: their classes, int64 [{n}]", labels.display()));
        }
        Ok(said)
    }
}
