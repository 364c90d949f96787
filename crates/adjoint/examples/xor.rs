//! Trains a small network on XOR: `cargo run -p adjoint --example xor`.

use adjoint::prelude::*;

/// Two inputs, eight hidden units, one logit.
struct Net<E: Element> {
    hidden: Linear<E>,
    out: Linear<E>,
}
module!(Net { hidden, out });

impl<E: Element> Net<E> {
    /// Maps (N, 2) to logits (N, 1).
    fn forward(&self, x: &Var<E>) -> Var<E> {
        self.out.forward(&self.hidden.forward(x).tanh())
    }
}

fn main() {
    let inputs = [[0.0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let answers = [0.0f32, 1.0, 1.0, 0.0];
    let x = Var::constant(Tensor::from_slice([4, 2], inputs.as_flattened()));
    let y = Var::constant(Tensor::from_slice([4, 1], &answers));

    let mut net = Net { hidden: Linear::new(2, 8), out: Linear::new(8, 1) };
    Scheme::pytorch().apply(&mut net, "net", 1);
    println!("{} parameters:", net.num_parameters());
    for (name, parameter) in net.parameters() {
        println!("  {name:<13} {}", parameter.shape());
    }

    let mut adam = Optimizer::new(&net, 0.05, Adam::default());
    for step in 0..=200 {
        // `descend` drops the loss and its graph, then moves the weights.
        let loss = net.forward(&x).binary_cross_entropy(&y).mean();
        let before = adam.descend(loss, &mut net);
        if step % 50 == 0 {
            println!("step {step:>3}: loss {before:.4}");
        }
    }

    let probabilities = no_grad(|| net.forward(&x).sigmoid());
    for ((input, answer), &p) in inputs.iter().zip(answers).zip(probabilities.value().data()) {
        println!("{} xor {}: p(1) = {p:.3}", input[0], input[1]);
        assert!((p - answer).abs() < 0.1, "the network has not learned {input:?}");
    }
}
