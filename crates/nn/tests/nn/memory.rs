//! From the third training step on, no buffer is allocated, because the pool supplies all buffers.
//! The test runs alone in a process, because all tests of a process share the pool and its
//! counters.

use adjoint_nn::layers::{BatchNorm2d, Conv2d, Spec};
use adjoint_nn::objective::bce;
use adjoint_nn::optim::{Adam, AdamW, Gradients, Optimizer, RmsProp, Sgd};
use adjoint_nn::{Element, Ema, Mode, Scheme, Stream, Var, module};
use adjoint_tensor::memory;
use adjoint_testing::alone;

struct Net<E: Element> {
    conv: Conv2d<E>,
    norm: BatchNorm2d<E>,
    out: Conv2d<E>,
}
module!(Net { conv, norm, out });

impl<E: Element> Net<E> {
    fn forward(&mut self, x: &Var<E>) -> Var<E> {
        self.out.forward(&self.norm.forward(&self.conv.forward(x), Mode::Train).leaky_relu(0.2))
    }
}

fn fresh_buffers_per_step(optimizer: impl FnOnce(&Net<f32>) -> Optimizer<f32>) -> Vec<u64> {
    let mut net = Net {
        conv: Conv2d::new(3, 8, [4, 4], Spec::new(2, 1)),
        norm: BatchNorm2d::new(8),
        out: Conv2d::new(8, 1, [4, 4], Spec::new(1, 0)),
    };
    Scheme::dcgan().apply(&mut net, "net", 0);
    let (mut optimizer, mut ema) = (optimizer(&net), Ema::new(&net, 0.99));
    let step = |i| {
        let before = memory::stats().fresh;
        let x = Var::constant(Stream::new(0, "x", i).normal_tensor([4, 8, 8, 3], 0.0, 1.0));
        let mut gradients = Gradients::of(bce(&net.forward(&x), 1.0), &net);
        gradients.clip_norm(1e-3);
        optimizer.step(&gradients, &mut net);
        ema.update(&net);
        memory::stats().fresh - before
    };
    (0..8).map(step).collect()
}

#[test]
fn memory_is_recycled() {
    alone(|| {
        let mut counts = vec![
            fresh_buffers_per_step(|net| Optimizer::new(net, 1e-3, Adam::default())),
            fresh_buffers_per_step(|net| Optimizer::new(net, 1e-3, AdamW::default())),
            fresh_buffers_per_step(|net| {
                Optimizer::new(net, 1e-3, RmsProp { momentum: 0.9, ..RmsProp::default() })
            }),
        ];
        let sgd = Sgd { momentum: 0.9, nesterov: true, weight_decay: 1e-4 };
        counts.push(fresh_buffers_per_step(|net| Optimizer::new(net, 1e-3, sgd)));
        assert!(counts[0][0] > 0, "the first step allocates buffers, which the counter must show");
        for counts in counts {
            assert!(counts[2..].iter().all(|&n| n == 0), "buffers allocated in each step: {counts:?}");
        }
    });
}
