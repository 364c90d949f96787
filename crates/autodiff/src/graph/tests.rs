use super::*;

fn leaf(values: &[f64]) -> Var<f64> {
    Var::leaf(Tensor::from_slice([values.len()], values))
}

#[test]
fn a_value_used_twice_receives_both_gradients() {
    let x = leaf(&[3.0]);
    let y = &(&x * &x) + &x;
    assert_eq!(y.gradients(&[&x])[0].item(), 7.0);
}

#[test]
fn broadcast_inputs_receive_the_sum() {
    let (x, b) = (Var::leaf(Tensor::full([4, 3], 2.0f64)), leaf(&[1.0, 2.0, 3.0]));
    let g = (&x * &b).sum().gradients(&[&b, &x]);
    assert_eq!(g[0].data(), &[8.0, 8.0, 8.0]);
    assert_eq!(g[1].dims(), &[4, 3]);
}

#[test]
fn only_requested_gradients_are_evaluated() {
    thread_local!(static CALLS: Cell<[usize; 2]> = const { Cell::new([0; 2]) });
    let count = |i: usize| {
        let mut calls = CALLS.get();
        calls[i] += 1;
        CALLS.set(calls);
    };
    let (a, b) = (leaf(&[1.0]), leaf(&[2.0]));
    let y = record("probe", Tensor::scalar(0.0).reshape([1]), [&a, &b], count, |count, bw| {
        bw.wrt(0, |g| {
            count(0);
            g.clone()
        });
        bw.wrt(1, |g| {
            count(1);
            g.clone()
        });
    });
    y.gradients(&[&b]);
    assert_eq!(CALLS.get(), [0, 1]);
}

#[test]
fn no_grad_and_detach_give_constants() {
    let x = leaf(&[1.0]);
    assert!(no_grad(|| &x * &x).node.is_none());
    assert!((&x * &x).node.is_some());
    let y = &x * &x.detach();
    assert_eq!(y.gradients(&[&x])[0].item(), 1.0);
    assert_eq!(y.depends_on(&[&x, &leaf(&[0.0])]), [true, false]);
}

#[test]
#[should_panic(expected = "the rule of crooked gave a gradient of shape [2] for input 0 of shape [3]")]
fn a_rule_of_the_wrong_shape_is_named() {
    let x = leaf(&[1.0, 2.0, 3.0]);
    let y = record("crooked", Tensor::zeros([3]), [&x], (), |(), bw| bw.wrt(0, |_| leaf(&[0.0, 0.0])));
    y.gradients(&[&x]);
}

#[test]
fn long_chains_are_freed_without_deep_recursion() {
    let x = leaf(&[1.0]);
    let mut y = x.clone();
    for _ in 0..200_000 {
        y = &y * &x;
    }
    assert_eq!(y.gradients(&[&x])[0].item(), 200_001.0);
}

#[test]
fn gradients_of_intermediate_values_stop_there() {
    let x = leaf(&[2.0]);
    let h = &x * &x;
    let y = &(&h * &h) * 1.0;
    let g = y.gradients(&[&h, &x]);
    assert_eq!((g[0].item(), g[1].item()), (8.0, 32.0));
}
