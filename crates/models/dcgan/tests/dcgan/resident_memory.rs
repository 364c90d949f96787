//! The resident memory of the process, not only of the pool, stays constant. The test runs alone,
//! because it measures the whole process.

use adjoint_adversarial::{Round, Settings};
use adjoint_dcgan::{Architecture, dcgan};
use adjoint_nn::Stream;
use adjoint_testing::alone;

/// Returns the resident memory of this process in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has /proc");
    let pages: usize =
        statm.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("statm has a second number");
    pages * 4096
}

#[test]
fn a_thousand_steps_leave_the_resident_memory_as_it_is() {
    alone(|| {
        let a = Architecture { image_size: 16, channels: 1, width: 4, latent: 8, ..Architecture::default() };
        let mut model = dcgan::<f32>(&a, Settings::default(), 1);
        let mut step = |i| {
            let x = Stream::new(1, "data", i).uniform_tensor([4, 16, 16, 1], -1.0, 1.0);
            let z = Stream::new(1, "noise", i).uniform_tensor([4, 8], -1.0, 1.0);
            model.step(i, [Round::new(x, z)]);
        };
        (0..50).for_each(&mut step);
        let before = resident();
        (50..1050).for_each(&mut step);
        // One leaked 16 x 16 batch per step would add 4 MB.
        let grown = resident().saturating_sub(before);
        assert!(grown < 1 << 20, "{grown} bytes more after 1000 steps");
    });
}
