use super::*;
use crate::model::networks::GeneratorOnly;
use adjoint_nn::{Module, Scheme, SlotMut};

fn model(networks: impl Networks + 'static, latent: usize, size: usize) -> Model {
    let flags = ["train-dcgan", "--image-size", &size.to_string()].map(str::to_owned);
    let settings: crate::dcgan::Settings = adjoint_runs::parse(flags).expect("these are its flags");
    Model {
        kind: "dcgan",
        run: PathBuf::new(),
        data: settings.data,
        latent,
        noise: Distribution::Uniform,
        condition: None,
        points: None,
        autoencoder: false,
        range: PixelRange::Symmetric,
        seed: 1,
        sets: Default::default(),
        networks: Box::new(networks),
    }
}

/// A sample is the same to the last bit, whatever other samples are in its batch. Batch norm is in
/// evaluation mode, and batches of equal size use the same kernels. The weights are large, so that
/// not all pixels are gray.
#[test]
fn a_sample_alone_is_the_same_among_others() {
    for (image_size, width) in [(28, 16), (64, 8)] {
        let a = adjoint_dcgan::Architecture { image_size, channels: 1, width, ..Default::default() };
        let mut generator = adjoint_dcgan::Generator::<f32>::new(&a);
        Scheme::dcgan().apply(&mut generator, "generator", 1);
        generator.visit_mut("", &mut |_, slot: SlotMut<'_, f32>| {
            let value = slot.into_value();
            *value = value.map(|x| 4.0 * x);
        });
        let mut model = model(GeneratorOnly(generator), 100, image_size);
        let z = model.draw("z", 130).unwrap();
        let all = model.decode(&z, None).unwrap();
        let pixels = image_size * image_size;
        let spread = (all.sum_of_squares() / all.len() as f64).sqrt();
        assert!((0.05..0.95).contains(&spread), "pixels of {spread}");
        for i in [0, 5, 64, 129] {
            let one = model.decode(&z.narrow(0, i, 1), None).unwrap();
            assert!(one.data() == &all.data()[i * pixels..][..pixels], "sample {i} of {image_size} pixels");
        }
    }
}

/// Image conditions are made from test images. The test set is loaded once and keeps the images
/// that it has drawn. If each call loaded the test set again, the images of earlier calls would be
/// drawn again.
#[test]
fn the_test_set_is_loaded_once_for_all_conditions() {
    let a = adjoint_dcgan::Architecture { image_size: 16, channels: 1, width: 4, ..Default::default() };
    let generator = adjoint_dcgan::Generator::<f32>::new(&a);
    let model = Model { condition: Some(Condition::Inpaint), ..model(GeneratorOnly(generator), 100, 16) };
    for start in [0, 5, 10] {
        assert_eq!(model.conditions(start..start + 5).unwrap().unwrap().dims(), [5, 16, 16, 1]);
    }
    let said = format!("{:?}", model.dataset(Split::Test).unwrap());
    assert!(said.contains("kept: 15"), "{said}");
}
