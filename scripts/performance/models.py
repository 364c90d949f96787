"""Whole training steps with the networks, losses and optimisers of our benches."""

import re

import torch
from torch import nn
from torch.nn import functional as F


def step(name, memory, adam):
    """Returns a function that makes the training step called `name` in one memory format, with
    optimisers made by `adam`. Returns None if there is no such step."""
    if found := re.fullmatch(r"dcgan-(\d+) width (\d+) batch (\d+)", name):
        size, width, batch = map(int, found.groups())
        return dcgan(size, 1 if size == 28 else 3, width, batch, memory, adam)
    perceptrons = {"mlp-gan batch 128": mlp_gan, "mlp-vae batch 128": mlp_vae}
    # Perceptrons have no images, so channels_last has no effect.
    if memory == torch.contiguous_format and name in perceptrons:
        return perceptrons[name](128, adam)
    return None


def adversarial(g, d, x, z, adam):
    """Returns a function that makes one step of D and one step of G with the non-saturating loss.
    The step of G does not compute the gradients of D's weights."""
    adam_g, adam_d = adam(g.parameters()), adam(d.parameters())
    bce = F.binary_cross_entropy_with_logits

    def run():
        fake = g(z)
        real_logits, fake_logits = d(x), d(fake.detach())
        loss = bce(real_logits, torch.ones_like(real_logits)) + bce(fake_logits, torch.zeros_like(fake_logits))
        adam_d.zero_grad()
        loss.backward()
        adam_d.step()
        d.requires_grad_(False)
        logits = d(fake)
        loss_g = bce(logits, torch.ones_like(logits))
        adam_g.zero_grad()
        loss_g.backward()
        adam_g.step()
        d.requires_grad_(True)
        # The values that a trainer logs are read, as in our benches.
        return loss.item(), loss_g.item(), real_logits.sigmoid().mean().item(), fake_logits.sigmoid().mean().item()

    return run


def dcgan(size, channels, width, batch, memory, adam):
    sizes = [size]
    while sizes[-1] > 4:
        sizes.append(sizes[-1] // 2)
    widths = [width << i for i in range(len(sizes) - 1)]
    up, down = [], []
    deepest = widths[-1]
    up += [nn.ConvTranspose2d(100, deepest, sizes[-1], bias=False), nn.BatchNorm2d(deepest), nn.ReLU(True)]
    for i in range(len(widths) - 1, 0, -1):
        up += [
            nn.ConvTranspose2d(widths[i], widths[i - 1], 4, 2, 1, output_padding=sizes[i] % 2, bias=False),
            nn.BatchNorm2d(widths[i - 1]),
            nn.ReLU(True),
        ]
    up += [nn.ConvTranspose2d(width, channels, 4, 2, 1, output_padding=size % 2, bias=False), nn.Tanh()]
    before = channels
    for i, after in enumerate(widths):
        down.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
        down += [nn.BatchNorm2d(after)] if i else []
        down.append(nn.LeakyReLU(0.2, True))
        before = after
    down += [nn.Conv2d(before, 1, sizes[-1], bias=False), nn.Flatten(0)]
    g, d = (nn.Sequential(*layers).to(memory_format=memory) for layers in (up, down))
    x = (torch.rand(batch, channels, size, size) * 2 - 1).to(memory_format=memory)
    z = (torch.rand(batch, 100, 1, 1) * 2 - 1).to(memory_format=memory)
    return adversarial(g, d, x, z, adam)


def perceptron(sizes, activation):
    layers = []
    for before, after in zip(sizes, sizes[1:]):
        layers += [nn.Linear(before, after), activation()]
    return layers[:-1]


def mlp_gan(batch, adam):
    g = nn.Sequential(*perceptron([100, 256, 512, 1024, 784], lambda: nn.LeakyReLU(0.2, True)), nn.Tanh())
    d = nn.Sequential(*perceptron([784, 512, 256, 1], lambda: nn.LeakyReLU(0.2, True)), nn.Flatten(0))
    return adversarial(g, d, torch.rand(batch, 784) * 2 - 1, torch.rand(batch, 100) * 2 - 1, adam)


def mlp_vae(batch, adam, latent=20):
    """Returns a function that makes a training step of a VAE of perceptrons (784-400-400-z and
    back) with a Bernoulli likelihood (Kingma & Welling 2014, appendix C, with one more layer)."""
    encoder = nn.Sequential(*perceptron([784, 400, 400, 2 * latent], nn.Tanh))
    decoder = nn.Sequential(*perceptron([latent, 400, 400, 784], nn.Tanh))
    optimizer = adam(nn.ModuleList([encoder, decoder]).parameters())
    x = torch.rand(batch, 784)

    def run():
        mu, log_var = encoder(x).chunk(2, dim=1)
        z = mu + torch.randn_like(mu) * (0.5 * log_var).exp()
        reconstruction = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum") / batch
        kl = -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum() / batch
        optimizer.zero_grad()
        (reconstruction + kl).backward()
        optimizer.step()
        return reconstruction.item(), kl.item()

    return run
