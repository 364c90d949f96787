//! How points in the plane are scored. The distribution of the data is known exactly.

use crate::table::{Comparison, Subject};
use adjoint_data::points::Points;
use adjoint_metrics::plane::divergence_from_density;
use adjoint_metrics::rows_of;
use adjoint_nn::{Stream, Tensor};
use adjoint_recipes::Model;
use adjoint_runs::BoxError;

/// Scores the samples of runs that learn the same distribution. The first subject is the data, the
/// last is uniform noise.
///
/// # Errors
/// If samples can't be drawn, or are not finite.
pub(crate) fn compare(
    points: Points,
    models: &mut [Model],
    samples: usize,
    seed: u64,
) -> Result<Comparison, BoxError> {
    let data = points.draw(samples, &mut Stream::new(seed, "data", 0));
    let mut subjects = vec![score(Subject::new("data"), points, &data)];
    for model in models {
        let z = model.draw("evaluate", samples)?;
        let x = model.decode(&z, None)?;
        subjects.push(score(Subject::new(model.run.display().to_string()), points, &x));
    }
    let extent = points.extent();
    let noise = Stream::new(seed, "noise", 0).uniform_tensor([samples, 2], -extent, extent);
    subjects.push(score(Subject::new("noise"), points, &noise));
    let notes = vec![format!(
        "{samples} samples each; KL is the divergence of the samples' distribution from the data's."
    )];
    Ok(Comparison { title: points.to_string(), notes, judge: None, subjects })
}

fn score(mut subject: Subject, points: Points, x: &Tensor<f32>) -> Subject {
    let found = points.compare(x);
    if !points.centres().is_empty() {
        subject.note("modes", found.modes as f64);
    }
    subject.note("high_quality", found.high_quality);
    subject.note("divergence", divergence_from_density(&rows_of(x), |p| points.log_density([p[0], p[1]])));
    subject
}
