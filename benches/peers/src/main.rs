//! Times the operation of one of the workspace's benches in another Rust library. `adjoint-peers
//! candle gemm/256x256x256` prints the median seconds of a call. It prints `none` if the library
//! does not have the operation. scripts/compare_pytorch.py reads this output.
#![forbid(unsafe_code)]

mod burn;
mod candle;
mod case;
#[cfg(test)]
mod tests;

use case::Operation;
use std::env;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

/// Settings of the measurement: seconds of warm-up, seconds of measurement and number of samples.
/// They are equal to those in scripts/performance/timing.py.
const WARM_UP: f64 = 0.2;
const MEASURE: f64 = 0.5;
const SAMPLES: usize = 10;

/// The result of an operation.
pub(crate) trait Output {
    fn shape(&self) -> Vec<usize>;
    fn values(&self) -> Vec<f32>;
}

/// A closure that computes an operation. The operands are created before the measurement. Both
/// libraries allocate new memory for the result of each call.
pub(crate) type Run = Box<dyn Fn() -> Box<dyn Output>>;

fn main() -> ExitCode {
    // `args` would panic at arguments that are not UTF-8.
    let arguments: Vec<_> = env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    match measure(&arguments) {
        Ok(Some(seconds)) => println!("{seconds}"),
        Ok(None) => println!("none"),
        Err(message) => {
            eprintln!("adjoint-peers: {message}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Returns the median seconds of a call, or `None` if the library does not have the operation.
fn measure(arguments: &[String]) -> Result<Option<f64>, String> {
    let [library, case] = arguments else {
        return Err("give a library, candle or burn, and the name of a bench".into());
    };
    let run = match library.as_str() {
        "candle" => candle::run,
        "burn" => burn::run,
        _ => return Err(format!("no library {library:?}; there are candle and burn")),
    };
    let operation =
        Operation::of(case).ok_or_else(|| format!("no bench {case:?}; cargo bench -- --list names them"))?;
    let Some(run) = run(&operation) else { return Ok(None) };
    check(run().as_ref(), &operation);
    Ok(Some(median_seconds(run)))
}

/// Checks the shape and the values of a result. Reading the values also ensures that they are
/// computed.
fn check(output: &dyn Output, operation: &Operation) {
    assert_eq!(output.shape(), operation.shape());
    let values = output.values();
    assert_eq!(values.len(), output.shape().iter().product::<usize>());
    assert!(values.iter().all(|value| value.is_finite()) && values.iter().any(|&value| value != 0.0));
}

fn median_seconds(run: Run) -> f64 {
    let (start, mut calls) = (Instant::now(), 0);
    let elapsed = loop {
        let elapsed = start.elapsed().as_secs_f64();
        if elapsed >= WARM_UP {
            break elapsed;
        }
        black_box(run());
        calls += 1;
    };
    let per_sample = (f64::from(calls) * MEASURE / elapsed / SAMPLES as f64).round().max(1.0);
    let mut means: Vec<_> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..per_sample as usize {
                black_box(run());
            }
            start.elapsed().as_secs_f64() / per_sample
        })
        .collect();
    means.sort_by(f64::total_cmp);
    (means[(SAMPLES - 1) / 2] + means[SAMPLES / 2]) / 2.0
}
