//! Compares the convolution and its gradients in `f32` with `products` in `f64`, on layers as large
//! as in real networks.

use super::{Geometry, Kernel, Path, Spec, forward, input_grad, products, weight_grad, with_plain_sums};
use crate::isa::{self, Isa};
use crate::reference::testing::Dice;

/// The largest allowed error of paths with Winograd's algorithm, relative to the root mean square
/// of the result.
const WINOGRAD: f64 = 2e-5;

/// The distribution of the numbers of x and y_bar.
#[derive(Clone, Copy, Debug)]
enum Data {
    Uniform,
    /// Uniform numbers, of which the negative half is replaced by 0.
    Rectified,
    /// Tangents of uniform angles, up to 48 where the typical value is 1. Only x has this
    /// distribution, and y_bar stays uniform. Otherwise the product of two extreme numbers could
    /// exceed the rms of a short sum a thousandfold. The rounding error of this one product would
    /// then be too large relative to the rms.
    HeavyTailed,
}

fn numbers(n: usize, data: Data, seed: u64) -> Vec<f32> {
    let mut dice = Dice(seed);
    let mut uniform = || dice.roll(0, 1 << 20) as f32 / (1 << 19) as f32 - 1.0;
    let mut draw = || match data {
        Data::Uniform => uniform(),
        Data::Rectified => uniform().max(0.0),
        Data::HeavyTailed => (uniform() * 1.55).tan(),
    };
    (0..n).map(|_| draw()).collect()
}

#[track_caller]
fn check(got: &[f32], want: &[f64], tolerance: f64, what: &str, g: &Geometry, data: Data) {
    let rms = (want.iter().map(|w| w * w).sum::<f64>() / want.len() as f64).sqrt();
    let worst = got.iter().zip(want).map(|(&g, w)| (f64::from(g) - w).abs()).fold(0.0, f64::max);
    assert!(got.iter().all(|v| v.is_finite()), "{what}: not finite");
    assert!(worst <= tolerance * rms, "{what} of {g:?} on {data:?} data: off by {:.1e}", worst / rms);
}

/// The largest allowed error of all other paths, on the same scale, for sums of this number of
/// products.
///
/// After k of n products with random signs, a sum is about sqrt(k/n) times the result. Its rounding
/// error is evenly distributed up to 2^-24 times that. Together, the errors have the standard
/// deviation 2^-24 sqrt(n/6). The largest of a million results is five times as far off, or more if
/// it is itself large. The bound is ten times, and twice that if few products decide a sum. In
/// short sums, a single large product decides.
fn plain(products: usize, data: Data) -> f64 {
    let deviation = 2f64.powi(-24) * (products as f64 / 6.0).sqrt();
    f64::max(4e-6, deviation * if matches!(data, Data::HeavyTailed) { 20.0 } else { 10.0 })
}

/// The number of products in a result.
fn products_of(g: &Geometry, kernel: Kernel) -> usize {
    let taps = g.kernel[0] * g.kernel[1];
    match kernel {
        Kernel::Forward => taps * g.in_channels,
        Kernel::InputGrad => taps * g.out_channels / (g.spec.stride[0] * g.spec.stride[1]),
        Kernel::WeightGrad => g.batch * g.out_size[0] * g.out_size[1],
    }
}

fn compare(g: &Geometry, data: Data) {
    let len = |s: [usize; 4]| s.iter().product::<usize>();
    let x = numbers(len(g.x_shape()), data, 1);
    let w = numbers(len(g.w_shape()), Data::Uniform, 2);
    let y_bar =
        numbers(len(g.y_shape()), if matches!(data, Data::HeavyTailed) { Data::Uniform } else { data }, 3);
    let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let (x64, w64, y64) = (wide(&x), wide(&w), wide(&y_bar));
    let mut want = [vec![0.0; y_bar.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
    products::forward(g, &x64, &w64, &mut want[0]);
    products::input_grad(g, &y64, &w64, &mut want[1]);
    products::weight_grad(g, &x64, &y64, &mut want[2]);
    let check_all = |isa: Isa| {
        let mut got = [vec![f32::NAN; y_bar.len()], vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]];
        forward(g, &x, &w, &mut got[0]);
        input_grad(g, &y_bar, &w, &mut got[1]);
        weight_grad(g, &x, &y_bar, &mut got[2]);
        for (i, kernel) in Kernel::ALL.into_iter().enumerate() {
            let tolerance = match Path::of(g, kernel) {
                Path::Winograd | Path::Packed(_) => WINOGRAD,
                Path::Pairs | Path::Direct | Path::Products => plain(products_of(g, kernel), data),
            };
            check(&got[i], &want[i], tolerance, &format!("{kernel:?} ({isa})"), g, data);
        }
    };
    for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
        isa::with(isa, || check_all(isa));
        isa::with(isa, || {
            with_plain_sums(|| {
                let saves = |kernel| matches!(Path::of(g, kernel), Path::Winograd | Path::Packed(_));
                assert!(!Kernel::ALL.into_iter().any(saves), "{g:?}");
                check_all(isa);
            })
        });
    }
}

/// Checks the layers of DCGANs for images of 64 x 64 and of 28 x 28 to 32 x 32 pixels, and layers
/// with 3 x 3 and 5 x 5 kernels.
#[test]
fn full_size_layers_are_close_to_f64() {
    let half = Spec::new(2, 1);
    let all = [Data::Uniform, Data::Rectified, Data::HeavyTailed];
    for (x, w, spec) in [
        ([32, 32, 32, 64], [4, 4, 64, 128], half),
        ([32, 16, 16, 128], [4, 4, 128, 256], half),
        ([32, 8, 8, 256], [4, 4, 256, 512], half),
        ([32, 64, 64, 3], [4, 4, 3, 64], half),
        ([64, 4, 4, 512], [4, 4, 512, 1], Spec::new(1, 0)),
        ([64, 4, 4, 512], [4, 4, 512, 100], Spec::new(1, 0)),
        ([64, 14, 14, 32], [4, 4, 32, 64], half),
        ([64, 28, 28, 1], [4, 4, 1, 32], half),
        ([64, 7, 7, 64], [4, 4, 64, 128], half),
        ([32, 32, 32, 3], [4, 4, 3, 32], half),
        // Packed phases whose size is not a multiple of a tile, and a stride along one axis.
        ([20, 31, 34, 3], [4, 4, 3, 33], half),
        ([20, 30, 20, 6], [4, 2, 6, 40], Spec { stride: [2, 1], padding: [1, 1], ..half }),
        ([16, 32, 32, 64], [3, 3, 64, 64], Spec::new(1, 1)),
        ([64, 14, 14, 64], [5, 5, 64, 128], Spec::new(2, 2)),
    ] {
        for data in all {
            compare(&Geometry::new(x, w, spec), data);
        }
    }
}
