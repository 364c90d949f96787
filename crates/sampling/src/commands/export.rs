//! The command `export`: writes many samples for other programs.

use std::collections::BTreeSet;
use std::path::Path;

use adjoint_data::npy::Dtype;
use adjoint_nn::{Named as _, Tensor, named};
use adjoint_recipes::game::Condition;
use adjoint_recipes::{Model, data, limits, one_of, pictures};
use adjoint_runs::values::whole;
use adjoint_runs::{BoxError, NewDirectory, warn, write_file};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::arrays;
use crate::cli::Save;

/// Maximum number of samples that are in memory at once.
const CHUNK: usize = 1_000;

named! {
    /// What the samples are written to.
    pub(crate) enum Format {
        /// A `.npy` file, and another one of the classes.
        Npy = "npy": "an array of 32-bit floats: images (N, C, H, W) in [0, 1], or points (N, 2)",
        /// A `.npz` file.
        Npz = "npz": "an archive of this array, x, and of the classes, labels",
        /// A directory of images.
        Png = "png": "a new directory of images, with a folder for each class",
    }
}

/// Samples that are computed when they are written.
type Parts<'a, T> = Box<dyn Iterator<Item = Result<T, BoxError>> + 'a>;

/// Samples as an array or as image files.
#[derive(clap::Args, Debug)]
pub(crate) struct Export {
    /// Number of samples
    #[arg(long, value_name = "N", default_value = "10000", value_parser = whole::<usize>(1..=1_000_000))]
    n: usize,

    /// What the samples are written to
    #[arg(long, value_name = "FORMAT", default_value = Format::Npy.name(), value_parser = one_of(Format::ALL))]
    format: Format,
}

impl Save for Export {
    fn default_name(&self) -> String {
        match self.format {
            Format::Npy | Format::Npz => format!("export.{}", self.format),
            Format::Png => "export".to_owned(),
        }
    }

    fn save(&self, model: &mut Model, out: &Path) -> Result<String, BoxError> {
        let by_class = model.condition == Some(Condition::Class);
        let classes = if by_class { data::class_names(&model.data)? } else { vec![] };
        match self.format {
            Format::Npy => self.write_npy(model, out, classes.len()),
            Format::Npz => self.write_npz(model, out, classes.len()),
            Format::Png => self.write_png(model, out, &classes),
        }
    }
}

impl Export {
    /// Computes the samples in parts.
    fn parts<'a>(&self, model: &'a mut Model) -> Result<Parts<'a, Tensor<f32>>, BoxError> {
        let z = model.draw("export", self.n)?;
        let chunk = limits::chunk(CHUNK, model.data.image_size * model.data.image_size * 3);
        Ok(Box::new(limits::parts(0..self.n, chunk).map(move |part| {
            let conditions = model.conditions(part.clone())?;
            model.decode(&z.narrow(0, part.start, part.len()), conditions.as_ref())
        })))
    }

    /// Computes the samples as the elements of an array. Returns its shape and the parts.
    fn array<'a>(&self, model: &'a mut Model) -> Result<(Vec<usize>, Parts<'a, Vec<u8>>), BoxError> {
        let range = model.range;
        let planar = move |x: Tensor<f32>| match x.dims().len() {
            4 => x.map(move |x| range.to_unit(x).clamp(0.0, 1.0)).permute([0, 3, 1, 2]),
            _ => x,
        };
        let mut parts = self.parts(model)?.map(move |part| Ok::<_, BoxError>(planar(part?)));
        // The header needs the shape of a sample, so the first part is computed before it is
        // written.
        let first = parts.next().expect("there is a sample")?;
        let shape = [&[self.n], &first.dims()[1..]].concat();
        let parts = [Ok(first)].into_iter().chain(parts).map(|part| Ok(part?.to_le_bytes()));
        Ok((shape, Box::new(parts)))
    }

    /// Sample i has class i modulo the number of classes.
    fn labels(&self, classes: usize) -> Vec<u8> {
        (0..self.n).flat_map(|i| ((i % classes) as i64).to_le_bytes()).collect()
    }

    /// Writes an array. The classes of class-conditional samples go to a second file in the same
    /// directory, if `out` is a regular file.
    fn write_npy(&self, model: &mut Model, out: &Path, classes: usize) -> Result<String, BoxError> {
        let n = self.n;
        let (shape, parts) = self.array(model)?;
        write_file(out, |to| arrays::write(to, Dtype::F32, &shape, parts))?;
        let mut said = format!("{}: {n} samples, float32 {shape:?}", out.display());
        if classes == 0 {
            return Ok(said);
        }
        if !adjoint_files::is_regular(out) {
            let place = out.display();
            warn(format_args!(
                "{place} is not a regular file, so no labels are written beside it; sample i has class i mod {classes}"
            ));
            return Ok(said);
        }
        let labels = out.with_extension("labels.npy");
        write_file(&labels, |to| arrays::write(to, Dtype::I64, &[n], [Ok(self.labels(classes))]))?;
        said.push_str(&format!("\n{}: their classes, int64 [{n}]", labels.display()));
        Ok(said)
    }

    /// Writes an archive of arrays.
    fn write_npz(&self, model: &mut Model, out: &Path, classes: usize) -> Result<String, BoxError> {
        let n = self.n;
        let (shape, parts) = self.array(model)?;
        // Samples are noisy in their last bits, so compressing them would not pay.
        let options =
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
        write_file(out, |to| {
            let mut zip = ZipWriter::new_stream(to);
            zip.start_file("x.npy", options)?;
            arrays::write(&mut zip, Dtype::F32, &shape, parts)?;
            if classes > 0 {
                zip.start_file("labels.npy", options)?;
                arrays::write(&mut zip, Dtype::I64, &[n], [Ok(self.labels(classes))])?;
            }
            zip.finish()?;
            Ok(())
        })?;
        let labels = if classes > 0 { format!("; labels, int64 [{n}]") } else { String::new() };
        Ok(format!("{}: x, {n} samples, float32 {shape:?}{labels}", out.display()))
    }

    /// Writes image files. Those of a class are in a folder with its name.
    fn write_png(&self, model: &mut Model, out: &Path, classes: &[String]) -> Result<String, BoxError> {
        model.needs_images()?;
        let mut directory = NewDirectory::create(out)?;
        let folders = folders(classes);
        folders.iter().try_for_each(|folder| directory.add_directory(folder))?;
        let (range, digits) = (model.range, (self.n - 1).to_string().len());
        let mut i = 0;
        for part in self.parts(model)? {
            let part = part?;
            for row in 0..part.dims()[0] {
                let folder = folders.get(i % folders.len().max(1));
                let start = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
                let image = pictures::alone(&part.narrow(0, row, 1), range);
                directory.add(&format!("{start}{i:0digits$}.png"), |out| image.encode(out))?;
                i += 1;
            }
        }
        directory.keep();
        Ok(format!("{}: {} images", out.display(), self.n))
    }
}

/// The names of the folders of classes. Some names of classes, such as T-shirt/top, are no names of
/// folders, and some file systems do not distinguish capital letters.
fn folders(classes: &[String]) -> Vec<String> {
    let plain = |class: &String| {
        let is_kept = |c: char| !c.is_control() && !matches!(c, '/' | '\\');
        let name: String = class.chars().map(|c| if is_kept(c) { c } else { '-' }).collect();
        // A leading dot hides a folder.
        match name.strip_prefix('.') {
            Some(rest) => format!("-{rest}"),
            None if name.is_empty() => "class".to_owned(),
            None => name,
        }
    };
    let mut used = BTreeSet::new();
    let distinct = |name: String| {
        let numbered = (2..).map(|i| format!("{name}-{i}"));
        let mut names = [name.clone()].into_iter().chain(numbered);
        names.find(|name| used.insert(name.to_lowercase())).expect("there is always a next number")
    };
    classes.iter().map(plain).map(distinct).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_visible_folder_of_its_own() {
        let classes = ["T-shirt/top", ".", "a/b", "A-b", "a-b-2", "a\nb", ""].map(str::to_owned);
        let expected = ["T-shirt-top", "-", "a-b", "A-b-2", "a-b-2-2", "a-b-3", "class"];
        assert_eq!(folders(&classes), expected);
    }
}
