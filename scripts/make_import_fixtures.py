"""Writes crates/testing/fixtures/imports/: networks that PyTorch trained, for `adjoint import`.

    venv/bin/python scripts/make_import_fixtures.py

The networks have the layers of PyTorch's example programs `dcgan` and `vae`, with few channels.
They take some training steps on random images, so that the statistics of batch norm are not those
of the start. Beside their state dicts are inputs and the outputs that PyTorch computes. Needs
torch, numpy and safetensors; the same versions write the same bytes.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

FIXTURES = Path(__file__).resolve().parent.parent / "crates/testing/fixtures/imports"
LATENT, WIDTH, CHANNELS = 4, 2, 1


def generator():
    layers, inputs = [], LATENT
    for block, outputs in enumerate([8 * WIDTH, 4 * WIDTH, 2 * WIDTH, WIDTH]):
        spacing = (1, 0) if block == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, *spacing, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        inputs = outputs
    return [*layers, nn.ConvTranspose2d(inputs, CHANNELS, 4, 2, 1, bias=False), nn.Tanh()]


def discriminator():
    layers, inputs = [nn.Conv2d(CHANNELS, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)], WIDTH
    for outputs in [2 * WIDTH, 4 * WIDTH, 8 * WIDTH]:
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
        inputs = outputs
    return [*layers, nn.Conv2d(inputs, 1, 4, 1, 0, bias=False)]


class Main(nn.Module):
    """The layers under the name that the example gives them."""

    def __init__(self, layers):
        super().__init__()
        self.main = nn.Sequential(*layers)

    def forward(self, x):
        return self.main(x)


class Vae(nn.Module):
    def __init__(self, hidden=8, latent=3):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, hidden), nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.fc3, self.fc4 = nn.Linear(latent, hidden), nn.Linear(hidden, 784)

    def encode(self, x):
        h = self.fc1(x.flatten(1)).relu()
        return self.fc21(h), self.fc22(h)

    def decode(self, z):
        return self.fc4(self.fc3(z).relu()).sigmoid().reshape(-1, 1, 28, 28)


def train(network, loss):
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(5):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    network.eval()


def save(name, array):
    np.save(FIXTURES / f"{name}.npy", array.detach().numpy())


@torch.no_grad()
def write(g, d, vae):
    save_file(g.state_dict(), FIXTURES / "dcgan-generator.safetensors")
    save_file(d.state_dict(), FIXTURES / "dcgan-discriminator.safetensors")
    z = torch.randn(2, LATENT)
    save("dcgan-z", z)
    # Pixels from 0 to 1, as Adjoint writes them.
    save("dcgan-x", (g(z.reshape(2, LATENT, 1, 1)) + 1) / 2)
    save_file(vae.state_dict(), FIXTURES / "vae.safetensors")
    z, x = torch.randn(2, 3), torch.rand(2, 1, 28, 28)
    save("vae-z", z)
    save("vae-decoded", vae.decode(z))
    save("vae-x", x)
    save("vae-encoded", vae.encode(x)[0])


def main():
    torch.manual_seed(1)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    g, d, vae = Main(generator()), Main(discriminator()), Vae()
    noise, images = torch.randn(8, LATENT, 1, 1), torch.rand(8, CHANNELS, 64, 64) * 2 - 1
    train(g, lambda: (g(noise) - images).square().mean())
    train(d, lambda: (d(images) - 1).square().mean())
    data = torch.rand(8, 1, 28, 28)
    train(vae, lambda: (vae.decode(vae.encode(data)[0]) - data).square().mean() + vae.encode(data)[1].square().mean())
    write(g, d, vae)


if __name__ == "__main__":
    main()
