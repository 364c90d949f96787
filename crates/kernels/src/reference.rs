//! Reference kernels. Each one computes the formula of a kernel in naive loops, for any sizes. The
//! reference kernels are the definitions, and tests compare the fast kernels with them.

use crate::Element;
use crate::adam::Adam;
use crate::conv2d::Geometry;

/// C += A B, for functions that return the elements of A (`m` x `k`) and B (`k` x `n`).
pub fn gemm<E: Element>(
    m: usize,
    k: usize,
    n: usize,
    a: impl Fn(usize, usize) -> E,
    b: impl Fn(usize, usize) -> E,
    c: &mut [E],
) {
    for i in 0..m {
        for p in 0..k {
            for j in 0..n {
                c[i * n + j] += a(i, p) * b(p, j);
            }
        }
    }
}

/// Calls `f(x index, w index, y index)` for every product x w that a convolution adds to an element
/// of y. With the factor y_bar, these products are the terms of a trilinear form. The convolution,
/// its input gradient and its weight gradient each add up the products of two of the three factors.
pub fn conv2d_terms(g: &Geometry, mut f: impl FnMut(usize, usize, usize)) {
    let ([h, w], [oh, ow], [kh, kw]) = (g.in_size, g.out_size, g.kernel);
    let (ci, co) = (g.in_channels / g.spec.groups, g.out_channels / g.spec.groups);
    for n in 0..g.batch {
        for i in 0..oh {
            for j in 0..ow {
                for a in 0..kh {
                    for b in 0..kw {
                        let r =
                            (i * g.spec.stride[0] + a * g.spec.dilation[0]).wrapping_sub(g.spec.padding[0]);
                        let s =
                            (j * g.spec.stride[1] + b * g.spec.dilation[1]).wrapping_sub(g.spec.padding[1]);
                        if r >= h || s >= w {
                            continue;
                        }
                        for x_channel in 0..g.in_channels {
                            let (group, c) = (x_channel / ci, x_channel % ci);
                            let x = ((n * h + r) * w + s) * g.in_channels + x_channel;
                            // The innermost loop, because w and y are contiguous in the channels of
                            // y.
                            for o in group * co..(group + 1) * co {
                                let k = ((a * kw + b) * ci + c) * g.out_channels + o;
                                let y = ((n * oh + i) * ow + j) * g.out_channels + o;
                                f(x, k, y);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// y = x conv w
pub fn conv2d<E: Element>(g: &Geometry, x: &[E], w: &[E], y: &mut [E]) {
    y.fill(E::ZERO);
    conv2d_terms(g, |i, k, o| y[o] += x[i] * w[k]);
}

/// The gradient with respect to x, which is the transposed convolution.
pub fn conv2d_input_grad<E: Element>(g: &Geometry, y_bar: &[E], w: &[E], x_bar: &mut [E]) {
    x_bar.fill(E::ZERO);
    conv2d_terms(g, |i, k, o| x_bar[i] += y_bar[o] * w[k]);
}

/// The gradient with respect to w.
pub fn conv2d_weight_grad<E: Element>(g: &Geometry, x: &[E], y_bar: &[E], w_bar: &mut [E]) {
    w_bar.fill(E::ZERO);
    conv2d_terms(g, |i, k, o| w_bar[k] += y_bar[o] * x[i]);
}

/// Returns the indices of an array of this shape, in row-major order.
fn indices([a, b, c, d]: [usize; 4]) -> impl Iterator<Item = [usize; 4]> {
    (0..a * b * c * d).map(move |i| [i / (b * c * d), i / (c * d) % b, i / d % c, i % d])
}

/// Calls `f(index in the large shape, index in the small shape)` for every element of the large
/// shape, to which the small shape broadcasts.
fn broadcast_pairs(small: [usize; 4], large: [usize; 4], mut f: impl FnMut(usize, usize)) {
    for (i, at) in indices(large).enumerate() {
        f(i, (0..4).fold(0, |j, k| j * small[k] + if small[k] == 1 { 0 } else { at[k] }));
    }
}

/// Returns x repeated along its axes of size 1.
pub fn expand<E: Element>(x: &[E], from: [usize; 4], to: [usize; 4]) -> Vec<E> {
    let mut y = vec![E::ZERO; to.iter().product()];
    broadcast_pairs(from, to, |i, j| y[i] = x[j]);
    y
}

/// Returns x summed over the axes in which `to` has size 1.
pub fn sum_to<E: Element>(x: &[E], from: [usize; 4], to: [usize; 4]) -> Vec<E> {
    let mut y = vec![E::ZERO; to.iter().product()];
    broadcast_pairs(to, from, |i, j| y[j] += x[i]);
    y
}

/// Returns e^x / sum of e^x of one row.
pub fn softmax<E: Element>(x: &[E]) -> Vec<E> {
    let sum: E = x.iter().map(|x| x.exp()).sum();
    x.iter().map(|x| x.exp() / sum).collect()
}

/// Returns x - ln sum of e^x of one row.
pub fn log_softmax<E: Element>(x: &[E]) -> Vec<E> {
    let sum: E = x.iter().map(|x| x.exp()).sum();
    x.iter().map(|&x| x - sum.ln()).collect()
}

/// Returns x with its axes reordered: axis a of the result is axis `axes[a]` of x.
pub fn permute<E: Element>(x: &[E], dims: [usize; 4], axes: [usize; 4]) -> Vec<E> {
    let mut y = vec![];
    for index in indices(axes.map(|a| dims[a])) {
        let mut at = [0; 4];
        for (axis, index) in axes.into_iter().zip(index) {
            at[axis] = index;
        }
        y.push(x[((at[0] * dims[1] + at[1]) * dims[2] + at[2]) * dims[3] + at[3]]);
    }
    y
}

/// Copies positions of an axis from x to y, element by element. A shape is [product of the sizes
/// before the axis, size of the axis, product of the sizes after it].
pub fn copy_block<E: Element>(
    (x, from, x_start): (&[E], [usize; 3], usize),
    (y, to, y_start): (&mut [E], [usize; 3], usize),
    len: usize,
) {
    for o in 0..from[0] {
        for k in 0..len {
            for i in 0..from[2] {
                y[(o * to[1] + y_start + k) * to[2] + i] = x[(o * from[1] + x_start + k) * from[2] + i];
            }
        }
    }
}

/// Returns the given `rows` of a table with `columns` columns.
pub fn gather_rows<E: Element>(x: &[E], columns: usize, rows: &[usize]) -> Vec<E> {
    rows.iter().flat_map(|r| (0..columns).map(move |c| x[r * columns + c])).collect()
}

/// The adjoint of [`gather_rows`], for a table of `count` rows.
pub fn scatter_add_rows<E: Element>(y_bar: &[E], columns: usize, rows: &[usize], count: usize) -> Vec<E> {
    let mut x_bar = vec![E::ZERO; count * columns];
    for (i, r) in rows.iter().enumerate() {
        for c in 0..columns {
            x_bar[r * columns + c] += y_bar[i * columns + c];
        }
    }
    x_bar
}

/// One Adam step of one parameter, following algorithm 1 of Kingma & Ba 2015, with both kinds of
/// weight decay. Returns theta, m and v.
pub fn adam<E: Element>(adam: &Adam, t: i32, [theta, g, m, v]: [E; 4]) -> [E; 3] {
    let [lr, b1, b2, eps, l2, decay] =
        [adam.lr, adam.beta1, adam.beta2, adam.eps, adam.l2, adam.decay].map(E::of);
    let power = |b: f64| E::of(1.0 - b.powi(t));
    let g = g + l2 * theta;
    let m = b1 * m + (E::ONE - b1) * g;
    let v = b2 * v + (E::ONE - b2) * g * g;
    let (m_hat, v_hat) = (m / power(adam.beta1), v / power(adam.beta2));
    [theta - lr * decay * theta - lr * m_hat / (v_hat.sqrt() + eps), m, v]
}

/// The result of [`batch_norm`]: all values and gradients.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names are the formula's")]
pub struct BatchNorm<E> {
    pub mean: Vec<E>,
    pub variance: Vec<E>,
    pub y: Vec<E>,
    pub x_bar: Vec<E>,
    pub gamma_bar: Vec<E>,
    pub beta_bar: Vec<E>,
}

/// Training-mode batch norm of a matrix with `c` columns, and its gradients by the chain rule, as
/// in Ioffe & Szegedy 2015, section 3 (six formulas, one loop each).
pub fn batch_norm<E: Element>(
    x: &[E],
    c: usize,
    gamma: &[E],
    beta: &[E],
    eps: f64,
    y_bar: &[E],
) -> BatchNorm<E> {
    let rows = x.len() / c;
    let (zero, m, eps) = (vec![E::ZERO; c], E::of(rows as f64), E::of(eps));
    let mut out = BatchNorm {
        mean: zero.clone(),
        variance: zero.clone(),
        y: x.to_vec(),
        x_bar: x.to_vec(),
        gamma_bar: zero.clone(),
        beta_bar: zero,
    };
    let minus_half = E::of(-0.5);
    for j in 0..c {
        let column: Vec<usize> = (0..rows).map(|r| r * c + j).collect();
        let mean = column.iter().map(|&i| x[i]).sum::<E>() / m;
        let variance = column.iter().map(|&i| (x[i] - mean) * (x[i] - mean)).sum::<E>() / m;
        let sigma = (variance + eps).sqrt();
        let x_hat_bar = |i: usize| y_bar[i] * gamma[j];
        let variance_bar: E =
            column.iter().map(|&i| x_hat_bar(i) * (x[i] - mean) * minus_half / (sigma * sigma * sigma)).sum();
        let mean_bar: E = column.iter().map(|&i| -x_hat_bar(i) / sigma).sum();
        for &i in &column {
            out.y[i] = gamma[j] * (x[i] - mean) / sigma + beta[j];
            let two = E::of(2.0);
            out.x_bar[i] = x_hat_bar(i) / sigma + variance_bar * two * (x[i] - mean) / m + mean_bar / m;
            out.gamma_bar[j] += y_bar[i] * (x[i] - mean) / sigma;
            out.beta_bar[j] += y_bar[i];
        }
        out.mean[j] = mean;
        out.variance[j] = variance;
    }
    out
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::conv2d::Geometry;
    use crate::gemm::{Mat, Update, gemm};
    use crate::isa::{self, Isa};
    use crate::threads;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A small reproducible generator, for test shapes only.
    pub(crate) struct Dice(pub(crate) u64);

    impl Dice {
        /// Returns a number from `low` to `high`, both inclusive.
        pub(crate) fn roll(&mut self, low: usize, high: usize) -> usize {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            low + ((self.0 >> 33) as usize) % (high - low + 1)
        }
    }

    /// Returns `usual`, or under Miri, which takes a thousand times as long, the smaller number
    /// `miri`.
    pub(crate) fn less(usual: usize, miri: usize) -> usize {
        if cfg!(miri) { miri } else { usual }
    }

    /// Returns small integers, whose sums and products are exact.
    pub(crate) fn integers(n: usize, seed: u64) -> Vec<f64> {
        let mut dice = Dice(seed);
        (0..n).map(|_| dice.roll(0, 8) as f64 - 4.0).collect()
    }

    /// Returns the number of elements of a shape.
    pub(crate) fn len(shape: [usize; 4]) -> usize {
        shape.iter().product()
    }

    /// Converts numbers to `f32`.
    pub(crate) fn f32s(x: &[f64]) -> Vec<f32> {
        x.iter().map(|&x| x as f32).collect()
    }

    /// Returns [x, w, y_bar] with integer elements for a geometry, and [y, x_bar, w_bar], which the
    /// reference kernels compute from them.
    pub(crate) fn exact_conv2d(g: &Geometry) -> ([Vec<f64>; 3], [Vec<f64>; 3]) {
        let [x, w, y_bar] =
            [(g.x_shape(), 1), (g.w_shape(), 2), (g.y_shape(), 3)].map(|(s, seed)| integers(len(s), seed));
        let mut want = [vec![0.0; y_bar.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
        super::conv2d(g, &x, &w, &mut want[0]);
        super::conv2d_input_grad(g, &y_bar, &w, &mut want[1]);
        super::conv2d_weight_grad(g, &x, &y_bar, &mut want[2]);
        ([x, w, y_bar], want)
    }

    /// Returns numbers in [-1, 1] whose sums have rounding errors.
    pub(crate) fn wave(n: usize, frequency: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * frequency).sin()).collect()
    }

    /// Asserts that `run` gives the same bits with every number of threads, on each instruction
    /// set. It repeats this while another thread computes matrix products. That occupies processors
    /// and changes which thread runs which task.
    #[track_caller]
    pub(crate) fn assert_same_bits(what: &str, run: impl Fn() -> Vec<f32> + Sync) {
        let bits = |isa, n| {
            let result = isa::with(isa, || threads::with(n, &run));
            result.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        };
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            let one = bits(isa, 1);
            for n in [2, 3, 4, 7] {
                assert!(bits(isa, n) == one, "{what}: {n} threads, {isa}");
            }
            under_load(|| {
                for n in [2, 7] {
                    assert!(bits(isa, n) == one, "{what}: {n} threads under load, {isa}");
                }
            });
        }
    }

    fn under_load(f: impl FnOnce()) {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (a, b) = (wave(300 * 70, 0.3), wave(70 * 200, 0.7));
                let mut c = vec![0.0; 300 * 200];
                while !done.load(Ordering::Relaxed) {
                    gemm(Mat::new(&a, 300, 70), Mat::new(&b, 70, 200), Update::Overwrite, &mut c);
                }
            });
            let _done = SetWhenDropped(&done);
            f();
        });
    }

    /// Sets a flag when it is dropped. So the thread that computes matrix products ends even if the
    /// test panics.
    struct SetWhenDropped<'a>(&'a AtomicBool);

    impl Drop for SetWhenDropped<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
