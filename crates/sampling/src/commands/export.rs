//! The command `export`: writes samples as an array for other programs.

use adjoint_data::npy::{self, Dtype};
use adjoint_nn::Tensor;
use adjoint_recipes::Model;
use adjoint_recipes::game::Condition;
use adjoint_recipes::limits;
use adjoint_runs::values::whole;
use adjoint_runs::{BoxError, warn, write_file};
use std::io;
use std::path::Path;

/// Maximum number of samples that are in memory at once.
const CHUNK: usize = 1_000;

/// Samples as an array.
#[derive(clap::Args, Debug)]
pub(crate) struct Export {
    /// Number of samples
    #[arg(long, value_name = "N", default_value = "10000", value_parser = whole::<usize>(1..=1_000_000))]
    n: usize,
}

impl Export {
    /// Writes samples to `out`. The classes of class-conditional samples go to a second file in the
    /// same directory, if `out` is a regular file. Returns a description of what was written.
    pub(crate) fn write(&self, model: &mut Model, out: &Path) -> Result<String, BoxError> {
        let n = self.n;
        let z = model.draw("export", n)?;
        let chunk = limits::chunk(CHUNK, model.data.image_size * model.data.image_size * 3);
        let mut parts = limits::parts(0..n, chunk).map(|part| -> Result<Tensor<f32>, BoxError> {
            let conditions = model.conditions(part.clone())?;
            let x = model.decode(&z.narrow(0, part.start, part.len()), conditions.as_ref())?;
            Ok(if x.dims().len() == 4 { model.unit(&x).permute([0, 3, 1, 2]) } else { x })
        });
        // The header needs the shape of a sample, so the first part is computed before it is
        // written.
        let first = parts.next().expect("there is a sample")?;
        let shape = [&[n], &first.dims()[1..]].concat();
        let bytes = |x: &Tensor<f32>| x.data().iter().flat_map(|x| x.to_le_bytes()).collect();
        write_npy(out, Dtype::F32, &shape, [Ok(first)].into_iter().chain(parts).map(|x| Ok(bytes(&x?))))?;
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
            let all = (0..n).flat_map(|i| ((i % classes) as i64).to_le_bytes()).collect();
            write_npy(&labels, Dtype::I64, &[n], [Ok(all)])?;
            said.push_str(&format!("\n{}: their classes, int64 [{n}]", labels.display()));
        }
        Ok(said)
    }
}

/// Writes an array to a NumPy file. `parts` are the bytes of its elements. Each part is computed
/// when it is written.
///
/// # Errors
/// If a part fails, the disk is full or the file can't be written. An existing file is then
/// unchanged.
fn write_npy(
    path: &Path,
    dtype: Dtype,
    shape: &[usize],
    parts: impl IntoIterator<Item = Result<Vec<u8>, BoxError>>,
) -> Result<(), BoxError> {
    let parts = parts.into_iter().map(|part| part.map_err(io::Error::other));
    Ok(write_file(path, |out| npy::write(out, dtype, shape, parts))?)
}
