//! From the third step on, a training step allocates nothing. The test runs alone, because it
//! counts the allocations of the whole process.

use adjoint_adversarial::{Round, Settings};
use adjoint_dcgan::{Architecture, dcgan};
use adjoint_nn::Stream;
use adjoint_tensor::memory;
use adjoint_testing::alone;

/// From the third step on, every buffer comes from the pool, and no step keeps buffers alive.
#[test]
fn nothing_is_allocated_from_the_third_step_on() {
    alone(|| {
        let a =
            Architecture { image_size: 32, channels: 3, width: 16, latent: 10, ..Architecture::default() };
        let mut model = dcgan::<f32>(&a, Settings::default(), 1);
        let mut step = |i| {
            let x = Stream::new(1, "data", i).uniform_tensor([6, 32, 32, 3], -1.0, 1.0);
            let z = Stream::new(1, "noise", i).uniform_tensor([6, 10], -1.0, 1.0);
            // With two rounds the generator runs both with and without a graph.
            model.step(i, [Round::new(x.clone(), z.clone()), Round::new(x, z)]);
            memory::stats()
        };
        step(0);
        let second = step(1);
        for i in 2..12 {
            let now = step(i);
            assert_eq!(now.fresh, second.fresh, "step {i} allocated");
            assert_eq!(now.live, second.live, "step {i} changed the live buffers");
            assert!(now.reused > second.reused, "step {i} reused no buffers");
        }
    });
}
