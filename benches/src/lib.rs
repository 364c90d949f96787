//! Code that the benches share: a measurement that reports rates in the usual units, a short
//! measuring time, the convolutions of DCGANs, and
//! a folder of images.
//!
//! `cargo bench` runs all benches in a few minutes. `cargo bench -- conv2d/64-128` runs the
//! matching benches. To evaluate a change, run `cargo bench -- --save-baseline before`, make the
//! change, run `cargo bench -- --baseline before`, and read the ratio.
#![forbid(unsafe_code)]

mod folder;

use adjoint_kernels::conv2d::{Geometry, Spec};
use adjoint_kernels::memory::Buffer;
use adjoint_kernels::threads;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput};
use std::time::Duration;

pub use folder::Folder;

/// A Criterion measurement of wall time that reports rates. `Throughput::Elements` has the unit of
/// the bench: GFLOP/s for products, images/s for training steps. `Throughput::Bytes` is reported as
/// GB/s.
pub struct Rate(WallTime, Unit);

/// The number of elements per second that makes one unit, and the name of the unit.
struct Unit(f64, &'static str);

impl Rate {
    /// A benchmark runner whose elements are floating-point operations.
    pub fn flops() -> Criterion<Rate> {
        configure(Unit(1e9, "GFLOP/s"))
    }

    /// A benchmark runner whose elements are images.
    pub fn images() -> Criterion<Rate> {
        configure(Unit(1.0, "images/s"))
    }
}

fn configure(unit: Unit) -> Criterion<Rate> {
    // As in the trainers, this thread is one of the compute threads.
    threads::set(0).expect("no kernel ran before");
    Criterion::default()
        .with_measurement(Rate(WallTime, unit))
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .configure_from_args()
}

impl ValueFormatter for Unit {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }

    fn scale_throughputs(&self, _: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        let (count, scale, name) = match *throughput {
            Throughput::Elements(n) => (n, self.0, self.1),
            Throughput::Bytes(n) | Throughput::BytesDecimal(n) => (n, 1e9, "GB/s"),
            ref other => panic!("the benches count elements or bytes, not {other:?}"),
        };
        values.iter_mut().for_each(|nanoseconds| *nanoseconds = count as f64 / (*nanoseconds * 1e-9) / scale);
        name
    }

    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_for_machines(values)
    }
}

impl Measurement for Rate {
    type Intermediate = <WallTime as Measurement>::Intermediate;
    type Value = Duration;

    fn start(&self) -> Self::Intermediate {
        self.0.start()
    }

    fn end(&self, start: Self::Intermediate) -> Duration {
        self.0.end(start)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        self.0.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &self.1
    }
}

/// A convolution or transposed convolution. `geometry` is always that of a convolution. A
/// transposed convolution is the adjoint of this convolution, and its name has its own input and
/// output channels.
pub struct Layer {
    /// The channels as `in-out`, and other properties that distinguish the layer.
    pub name: String,
    /// Is the layer a transposed convolution of the generator?
    pub transposed: bool,
    /// The shapes and the spec of the convolution.
    pub geometry: Geometry,
}

impl Layer {
    /// A convolution of images of shape `x` with kernels of equal height and width.
    fn conv(name: String, x: [usize; 4], kernel: usize, outputs: usize, spec: Spec) -> Self {
        let geometry = Geometry::new(x, [kernel, kernel, x[3], outputs], spec);
        Layer { name, transposed: false, geometry }
    }
}

/// The ten convolutions of a DCGAN-64 with 64 channels and 3 image channels.
pub fn dcgan64_layers() -> Vec<Layer> {
    let half = Spec::new(2, 1);
    let full = Spec::new(1, 0);
    let layer = |name: &str, transposed, size: usize, ci, co, spec| Layer {
        transposed,
        ..Layer::conv(name.into(), [64, size, size, ci], 4, co, spec)
    };
    vec![
        layer("3-64", false, 64, 3, 64, half),
        layer("64-128", false, 32, 64, 128, half),
        layer("128-256", false, 16, 128, 256, half),
        layer("256-512", false, 8, 256, 512, half),
        layer("512-1", false, 4, 512, 1, full),
        layer("100-512", true, 4, 512, 100, full),
        layer("512-256", true, 8, 256, 512, half),
        layer("256-128", true, 16, 128, 256, half),
        layer("128-64", true, 32, 64, 128, half),
        layer("64-3", true, 64, 3, 64, half),
    ]
}

/// The downsampling convolutions of DCGANs for images of 28 and 32 pixels, for each combination of
/// width 32 or 64 and batch 64 or 128. Their names are `in-out@size batch n`.
pub fn small_dcgan_layers() -> Vec<Layer> {
    let mut layers = vec![];
    for (image, sizes) in [(1, [28, 14, 7]), (3, [32, 16, 8])] {
        for (width, batch) in [(32, 64), (32, 128), (64, 64), (64, 128)] {
            for (size, [ci, co]) in
                sizes.into_iter().zip([[image, width], [width, 2 * width], [2 * width, 4 * width]])
            {
                let name = format!("{ci}-{co}@{size} batch {batch}");
                layers.push(Layer::conv(name, [batch, size, size, ci], 4, co, Spec::new(2, 1)));
            }
        }
    }
    layers
}

/// Convolutions with 3 x 3 and 5 x 5 kernels, at batch 64.
pub fn other_layers() -> Vec<Layer> {
    vec![
        Layer::conv("3x3 64-64@32".into(), [64, 32, 32, 64], 3, 64, Spec::new(1, 1)),
        Layer::conv("5x5 64-128@14".into(), [64, 14, 14, 64], 5, 128, Spec::new(2, 2)),
    ]
}

/// Returns `n` numbers in [-1, 1], in a buffer of the type that tensors use. Different values of
/// `salt` give different numbers.
pub fn numbers(n: usize, salt: f32) -> Buffer<f32> {
    let mut numbers = Buffer::take(n);
    for (i, x) in numbers.as_mut_slice().iter_mut().enumerate() {
        *x = (i as f32 * (0.37 + salt)).sin();
    }
    numbers
}
