//! A training run gives the same bits for every number of threads.

use adjoint_adversarial::{Round, Settings};
use adjoint_dcgan::{Architecture, dcgan};
use adjoint_nn::{Module, Stream};
use adjoint_tensor::threads;

#[test]
fn three_steps_have_the_same_bits_for_any_number_of_threads() {
    // The network is wide enough that every kernel splits its work into several chunks.
    let a = Architecture { image_size: 32, channels: 3, width: 24, latent: 20, ..Architecture::default() };
    let run = |count| {
        threads::with(count, || {
            let mut model = dcgan::<f32>(&a, Settings::default(), 5);
            for i in 0..3 {
                let x = Stream::new(5, "data", i).uniform_tensor([20, 32, 32, 3], -1.0, 1.0);
                let z = Stream::new(5, "noise", i).uniform_tensor([20, 20], -1.0, 1.0);
                model.step(i, [Round::new(x, z)]);
            }
            let state = [model.generator.state(), model.discriminator.state()].concat();
            state
                .iter()
                .flat_map(|(_, t)| t.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>())
                .collect::<Vec<u32>>()
        })
    };
    let one = run(1);
    for count in [2, 3, 7] {
        assert!(run(count) == one, "{count} threads");
    }
}
