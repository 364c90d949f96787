//! A new layer that is trained, saved and loaded: `cargo run -p adjoint --example custom_layer`.

use adjoint::nn::param::Role;
use adjoint::prelude::*;
use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};
use std::{env, error::Error, fs, path::Path, process};

/// Radial basis functions y_k = exp(-s_k |x - c_k|^2), followed by a linear layer.
struct Radial<E: Element> {
    centres: Param<E>, // c, (1, units, inputs)
    slopes: Param<E>,  // s, (units)
    out: Linear<E>,
}
module!(Radial { centres, slopes, out });

impl<E: Element> Radial<E> {
    fn new(inputs: usize, units: usize, seed: u64) -> Self {
        let centres = Param::new([1, units, inputs], Role::Table); // initially N(0, 1)
        let slopes = Param::new([units], Role::Scale); // initially 1
        let mut net = Radial { centres, slopes, out: Linear::new(units, 1) };
        Scheme::pytorch().apply(&mut net, "radial", seed);
        net
    }

    /// Maps (N, inputs) to logits (N, 1). Broadcasting pairs every sample with every centre.
    fn forward(&self, x: &Var<E>) -> Var<E> {
        let ([n, inputs], units) = (x.shape().matrix(), self.slopes.shape().len());
        let squares = (x.reshape([n, 1, inputs]) - self.centres.var()).square().sum_to([n, units, 1]);
        self.out.forward(&(-(squares.reshape([n, units]) * self.slopes.var())).exp())
    }
}

/// Writes the parameters under their names: "centres", "out.weight".
fn save(path: &Path, net: &impl Module<f32>) -> Result<(), Box<dyn Error>> {
    let state = net.state();
    let contents: Vec<_> = state.iter().map(|(_, tensor)| tensor.to_le_bytes()).collect();
    let mut views = vec![];
    for ((name, tensor), content) in state.iter().zip(&contents) {
        views.push((name, TensorView::new(Dtype::F32, tensor.dims().to_vec(), content)?));
    }
    Ok(fs::write(path, serialize(views, None)?)?)
}

/// Reads the parameters back. Returns an error and changes nothing if a tensor does not fit.
fn load(path: &Path, net: &mut impl Module<f32>) -> Result<(), Box<dyn Error>> {
    let (bytes, mut state) = (fs::read(path)?, net.state());
    let file = SafeTensors::deserialize(&bytes)?;
    for (name, tensor) in &mut state {
        let view = file.tensor(name)?;
        if view.dtype() != Dtype::F32 || view.shape() != tensor.dims() {
            return Err(format!("{}: {name} is not f32 of {}", path.display(), tensor.shape()).into());
        }
        let numbers = view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        tensor.data_mut().iter_mut().zip(numbers).for_each(|(x, number)| *x = number);
    }
    Ok(net.load_state(&state)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let points = Stream::new(1, "points", 0).uniform_tensor::<f32>([512, 2], -1.5, 1.5);
    let labels = points.map(|x| x * x).sum_to([512, 1]).map(|r2| f32::from(r2 < 1.0));
    let (x, y) = (Var::constant(points), Var::constant(labels));
    let mut net = Radial::new(2, 16, 1);
    let mut adam = Optimizer::new(&net, 0.05, Adam::default());
    let mut step = || adam.descend(net.forward(&x).binary_cross_entropy(&y).mean(), &mut net);
    let losses: Vec<f64> = (0..300).map(|_| step()).collect();
    println!("loss: {:.3} at first, {:.3} after 300 steps", losses[0], losses[299]);
    let path = env::temp_dir().join(format!("radial-{}.safetensors", process::id()));
    save(&path, &net)?;
    let mut loaded = Radial::new(2, 16, 2);
    load(&path, &mut loaded)?;
    fs::remove_file(&path)?;
    let [logits, again] = [net, loaded].map(|net| net.forward(&x).into_value());
    assert_eq!(logits.data(), again.data(), "the loaded network gives other logits");
    let correct = logits.zip(y.value(), |l, y| f32::from((l > 0.0) == (y > 0.5))).data().iter().sum::<f32>();
    println!("the loaded network classifies {correct} of 512 points correctly");
    assert!(correct > 490.0);
    Ok(())
}
