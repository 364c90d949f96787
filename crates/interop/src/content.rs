//! What the values of an input or an output of a network are.

use adjoint_nn::named;

named! {
    /// What the values of an array are.
    pub enum Content {
        /// Latent variables with a uniform distribution.
        Uniform = "uniform": "independent, uniform on [-1, 1)",
        /// Latent variables with a normal distribution.
        Normal = "normal": "independent, standard normal",
        /// A class.
        Class = "one-hot": "class as a one-hot row",
        /// An image of an adversarial model.
        SymmetricImage = "symmetric-image": "image, from -1 (black) to 1 (white)",
        /// An image that is a condition.
        Condition = "condition-image": "condition: image, from -1 (black) to 1 (white)",
        /// An image of an autoencoder.
        UnitImage = "unit-image": "image: 0 is black, 1 is white; means of normal pixels can be outside",
        /// A point.
        Point = "point": "point of the plane",
        /// The output of a discriminator.
        Logit = "logit": "score of x, higher for the data than for samples: the logit of real, unless D is a critic",
        /// Means of latent variables.
        Mean = "mean": "mean of z given x",
        /// Variances of latent variables.
        LogVariance = "log-variance": "logarithm of the variance of z given x",
    }
}

impl Content {
    /// Returns the values of black and white, if this is an image.
    pub fn pixel_range(self) -> Option<[f32; 2]> {
        match self {
            Content::SymmetricImage | Content::Condition => Some([-1.0, 1.0]),
            Content::UnitImage => Some([0.0, 1.0]),
            _ => None,
        }
    }

    /// Returns whether these are latent variables.
    pub fn is_latent(self) -> bool {
        matches!(self, Content::Uniform | Content::Normal)
    }

    /// Python code that makes an array of this shape with such values, for an example of use.
    pub(crate) fn example(self, shape: &[usize]) -> String {
        let sizes = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Content::Class => format!("torch.eye({})[torch.arange({}) % {0}]", shape[1], shape[0]),
            Content::UnitImage => format!("torch.rand({sizes})"),
            Content::Uniform | Content::SymmetricImage | Content::Condition => {
                format!("2 * torch.rand({sizes}) - 1")
            }
            _ => format!("torch.randn({sizes})"),
        }
    }
}
