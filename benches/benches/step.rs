//! Whole training steps of a DCGAN (one of D, one of G), in images a second.
#![allow(missing_docs)]

use adjoint_benches::Rate;
use adjoint_dcgan::{Architecture, Dcgan, Settings};
use adjoint_nn::Stream;
use criterion::{Criterion, Throughput};

fn dcgan(c: &mut Criterion<Rate>) {
    let mut group = c.benchmark_group("step");
    for (image_size, channels, width, batch) in
        [(28, 1, 32, 128), (32, 3, 64, 64), (64, 3, 64, 16), (64, 3, 64, 64)]
    {
        let a = Architecture { image_size, channels, width, latent: 100 };
        let mut model = Dcgan::<f32>::new(&a, Settings::default(), 1);
        let x =
            Stream::new(1, "data", 0).uniform_tensor([batch, image_size, image_size, channels], -1.0, 1.0);
        let z = Stream::new(1, "noise", 0).uniform_tensor([batch, 100], -1.0, 1.0);
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("dcgan-{image_size} width {width} batch {batch}"), |b| {
            b.iter(|| model.step([(x.clone(), z.clone())]));
        });
    }
    group.finish();
}

fn main() {
    let mut c = Rate::images();
    dcgan(&mut c);
    c.final_summary();
}
