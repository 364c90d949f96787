//! Benches of whole training steps of DCGANs, a GAN and a VAE. The unit is images per second.
#![allow(missing_docs)]

use adjoint_adversarial::{Round, Settings};
use adjoint_benches::Rate;
use adjoint_dcgan::{Architecture, dcgan};
use adjoint_gan::gan;
use adjoint_nn::Stream;
use adjoint_nn::layers::{Dropout, Norm};
use adjoint_vae::{Activation, Body, vae};
use criterion::{Criterion, Throughput};

fn dcgans(c: &mut Criterion<Rate>) {
    let mut group = c.benchmark_group("step");
    for (image_size, channels, width, batch) in
        [(28, 1, 16, 128), (28, 1, 32, 128), (32, 3, 64, 64), (64, 3, 64, 16), (64, 3, 64, 64)]
    {
        let a = Architecture { image_size, channels, width, latent: 100, ..Architecture::default() };
        let mut model = dcgan::<f32>(&a, Settings::default(), 1);
        let x =
            Stream::new(1, "data", 0).uniform_tensor([batch, image_size, image_size, channels], -1.0, 1.0);
        let z = Stream::new(1, "noise", 0).uniform_tensor([batch, 100], -1.0, 1.0);
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("dcgan-{image_size} width {width} batch {batch}"), |b| {
            b.iter(|| model.step(0, [Round::new(x.clone(), z.clone())]));
        });
    }
    group.finish();
}

/// Times training steps of a GAN and of a VAE whose networks are perceptrons. The networks, the
/// batch sizes and the settings of training are the defaults of the programs.
fn perceptrons(c: &mut Criterion<Rate>) {
    const BATCH: usize = 128;
    let mut group = c.benchmark_group("step");
    group.throughput(Throughput::Elements(BATCH as u64));
    let draw = |purpose, low| Stream::new(1, purpose, 0).uniform_tensor([BATCH, 28, 28, 1], low, 1.0);

    let architecture = adjoint_gan::Architecture {
        sample: vec![28, 28, 1],
        bounded: true,
        latent: 100,
        g_hidden: vec![256, 512, 1024],
        d_hidden: vec![512, 256],
        g_norm: Norm::None,
        d_norm: Norm::None,
        d_dropout: Dropout::default(),
    };
    let mut model = gan::<f32>(&architecture, Settings::default(), 1);
    let x = draw("data", -1.0);
    let z = Stream::new(1, "noise", 0).uniform_tensor([BATCH, 100], -1.0, 1.0);
    group.bench_function("mlp-gan batch 128", |b| {
        b.iter(|| model.step(0, [Round::new(x.clone(), z.clone())]));
    });

    let architecture = adjoint_vae::Architecture {
        image_size: 28,
        channels: 1,
        latent: 20,
        classes: 0,
        body: Body::Mlp { hidden: vec![400, 400], activation: Activation::Tanh },
    };
    let mut model = vae::<f32>(&architecture, adjoint_variational::Settings::default(), 1);
    let x = draw("data", 0.0);
    let mut step = 0;
    group.bench_function("mlp-vae batch 128", |b| {
        b.iter(|| {
            step += 1;
            let eps = Stream::new(1, "eps", step).normal_tensor([BATCH, 20], 0.0, 1.0);
            model.step(x.clone(), None, &eps, 1.0)
        });
    });
    group.finish();
}

fn main() {
    let mut c = Rate::images();
    dcgans(&mut c);
    perceptrons(&mut c);
    c.final_summary();
}
