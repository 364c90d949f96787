//! Compares the estimate of a step's memory with the count of the pool. The test runs alone,
//! because the whole process shares one pool.

use adjoint_adversarial::cost::step_bytes;
use adjoint_adversarial::{Penalty, Round, Settings};
use adjoint_dcgan::{Architecture, dcgan};
use adjoint_nn::Stream;
use adjoint_tensor::memory;
use adjoint_testing::alone;

#[test]
fn the_estimate_is_within_a_quarter_of_what_a_step_takes() {
    alone(|| {
        for (image_size, channels, width, batch) in
            [(28, 1, 16, 64), (32, 3, 16, 16), (64, 3, 16, 8), (64, 1, 32, 16)]
        {
            let a = Architecture { image_size, channels, width, latent: 100, ..Architecture::default() };
            for penalty in [Penalty::None, Penalty::R1] {
                memory::reset_peak();
                let before = memory::stats().live;
                let mut model = dcgan::<f32>(&a, Settings { penalty, ..Settings::default() }, 1);
                for i in 0..2 {
                    let x = Stream::new(1, "x", i).uniform_tensor(
                        [batch, image_size, image_size, channels],
                        -1.0,
                        1.0,
                    );
                    model.step(
                        i,
                        [Round::new(x, Stream::new(1, "z", i).uniform_tensor([batch, 100], -1.0, 1.0))],
                    );
                }
                let measured = (memory::stats().peak - before) as f64;
                let (g, d) = (a.generator_costs(), a.discriminator_costs());
                let ratio = step_bytes(&g, &d, batch, penalty != Penalty::None) as f64 / measured;
                println!(
                    "{a:?}, {penalty:?}, batch {batch}: {measured} bytes, estimate / measured = {ratio:.2}"
                );
                assert!(
                    (0.75..1.25).contains(&ratio),
                    "{a:?}, batch {batch}: {measured} bytes, ratio {ratio:.2}"
                );
            }
        }
    });
}
