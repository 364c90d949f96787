//! Programming errors panic at the caller's line, not inside the library.

use adjoint_nn::layers::{BatchNorm2d, Conv2d, ConvTranspose2d, Embedding, LayerNorm, Linear, Spec};
use adjoint_nn::optim::{Adam, Gradients, Optimizer};
use adjoint_nn::{Ema, Init, Mode, Scheme, Stream, Tensor, Var};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// The locations of the panics of this thread, while they are recorded.
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Records the panics of threads that request it. Other threads keep the previous hook.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            let at = info.location().expect("a panic has a location");
            let recorded = PANICS.with_borrow_mut(|panics| {
                panics.as_mut().map(|panics| panics.push(format!("{}:{}", at.file(), at.line())))
            });
            if recorded.is_none() {
                previous(info);
            }
        }));
    });
}

/// Checks that `f` panics, and that the panic is reported at the line that calls this function.
#[track_caller]
fn panics_here<T>(f: impl FnOnce() -> T) {
    let here = Location::caller();
    install_hook();
    PANICS.set(Some(vec![]));
    let result = catch_unwind(AssertUnwindSafe(|| drop(f())));
    let panics = PANICS.take().expect("they were recorded");
    assert!(result.is_err(), "no panic in line {}", here.line());
    assert_eq!(panics, [format!("{}:{}", here.file(), here.line())]);
}

fn var<const N: usize>(shape: [usize; N]) -> Var<f32> {
    Var::constant(Tensor::zeros(shape))
}

#[test]
fn operations_panic_at_the_callers_line() {
    let [a, b, image] = [var([2, 3]), var([4, 5]), var([1, 4, 4, 3])];
    let [kernel, odd] = [var([3, 3, 3, 2]), var([3, 3, 5, 7])];
    let spec = Spec::new(1, 1);
    panics_here(|| &a + &b);
    panics_here(|| &a / &b);
    panics_here(|| a.activated(adjoint_nn::Activation::LeakyRelu(-1.0)));
    panics_here(|| a.masked(b.value()));
    panics_here(|| a.binary_cross_entropy(&b));
    panics_here(|| a.matmul(&b));
    panics_here(|| a.matmul_flags(true, &b, true));
    panics_here(|| a.matmul(&image));
    panics_here(|| image.conv2d(&odd, spec));
    panics_here(|| image.conv2d(&kernel, Spec::new(0, 1)));
    panics_here(|| var([1, 1, 1, 3]).conv2d(&kernel, Spec::new(1, 0)));
    panics_here(|| a.conv2d(&kernel, spec));
    panics_here(|| image.conv_transpose2d(&odd, spec, [0, 0]));
    panics_here(|| var([1, 4, 4, 2]).conv_transpose2d(&kernel, spec, [1, 1]));
    panics_here(|| a.reshape([7]));
    panics_here(|| a.value().permute([0, 0]));
    panics_here(|| a.value().permute([0, 2]));
    panics_here(|| a.value().permute([0, 1, 2]));
    panics_here(|| a.expand([3, 3]));
    panics_here(|| a.sum_to([3, 3]));
    panics_here(|| a.mean_to([3, 3]));
    panics_here(|| a.centred([3, 3]));
    panics_here(|| a.narrow(1, 2, 2));
    panics_here(|| a.pad(2, 1, 1));
    panics_here(|| Var::concat(&[&a, &b], 0));
    panics_here(|| a.gather_rows(&[2]));
    panics_here(|| a.value().scatter_add_rows(&[0, 2], 2));
    panics_here(|| a.value().scatter_add_rows(&[0], 2));
    panics_here(|| image.batch_norm(&a, &a, 1e-5).y);
    panics_here(|| a.item());
}

#[test]
fn layers_panic_at_the_callers_line() {
    let [a, image] = [var([2, 3]), var([1, 4, 4, 5])];
    let spec = Spec::new(1, 0);
    panics_here(|| Linear::new(2, 1).forward(&a));
    panics_here(|| Linear::new(3, 1).forward_with(&a, &var([2, 2])));
    panics_here(|| Linear::new(3, 2).forward_with(&a, &var([4, 3])));
    panics_here(|| Conv2d::<f32>::new(3, 1, [3, 3], Spec { groups: 2, ..spec }));
    panics_here(|| Conv2d::new(3, 1, [3, 3], spec).forward(&image));
    panics_here(|| Conv2d::new(5, 1, [9, 9], spec).forward(&image));
    panics_here(|| ConvTranspose2d::new(3, 1, [3, 3], spec).forward(&image));
    panics_here(|| ConvTranspose2d::new(5, 1, [1, 1], Spec::new(1, 9)).forward(&image));
    panics_here(|| BatchNorm2d::new(3).forward(&image, Mode::Train));
    panics_here(|| BatchNorm2d::new(3).forward(&image, Mode::Eval));
    panics_here(|| LayerNorm::new(4).forward(&a));
    panics_here(|| Embedding::<f32>::new(2, 3).forward(&[2]));
    panics_here(|| Embedding::new(2, 3).mix(&a));
}

#[test]
fn training_panics_at_the_callers_line() {
    let [mut model, mut other] =
        [(1, 1), (2, 1)].map(|(inputs, outputs)| Linear::<f32>::new(inputs, outputs));
    let mut no_bias = Linear::<f32>::new(1, 1).without_bias();
    let mut stream = Stream::new(0, "test", 0);
    Scheme::pytorch().apply(&mut model, "model", 0);
    let loss = |model: &Linear<f32>| model.forward(&var([1, 1])).sum();
    let mut ema = Ema::new(&model, 0.9);
    let mut optimizer = Optimizer::new(&model, 0.1, Adam::default());
    let gradients = Gradients::of(loss(&model), &model);
    panics_here(|| Ema::new(&model, 1.0));
    panics_here(|| ema.update(&no_bias));
    panics_here(|| ema.with(&mut no_bias, |_| ()));
    panics_here(|| optimizer.step(&gradients, &mut no_bias));
    panics_here(|| optimizer.step(&Gradients::of(loss(&no_bias), &no_bias), &mut model));
    panics_here(|| optimizer.descend(var([2]), &mut model));
    panics_here(|| Init::XavierNormal.draw::<f32>([2], None, &mut stream));
    let scheme = Scheme { scale: Init::XavierNormal, ..Scheme::pytorch() };
    panics_here(|| scheme.apply(&mut BatchNorm2d::<f32>::new(2), "norm", 0));
    panics_here(|| ema.update(&other));
    panics_here(|| ema.with(&mut other, |_| ()));
    panics_here(|| optimizer.step(&gradients, &mut other));
}
