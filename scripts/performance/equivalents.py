"""PyTorch equivalents of the benches.

`of(case)` returns the equivalents of the bench called `case`: one function per memory format. If
the bench contains an optimiser, there is a second function per format with a fused Adam. The result
is None or empty if there is no equivalent. Operands are created before the measurement. Results are
written to existing memory if PyTorch supports it.
"""

import functools
import itertools
import re

import torch
from torch.nn import functional as F

from . import models

FORMATS = ("default", "channels_last")
MEMORY = dict(zip(FORMATS, (torch.contiguous_format, torch.channels_last)))
# The arguments of Adam for each suffix of the format name: the default of
# `torch.optim.Adam(parameters)`, and `fused=True`.
FUSED = " fused"
ADAMS = {"": {}, FUSED: {"fused": True}}

# Convolutions: height and width of x, channels of x and y, kernel, stride, padding. A transposed
# convolution has its input and output channels in its name, but its geometry here is that of the
# convolution of which it is the adjoint.
HALF, WHOLE = (4, 2, 1), (4, 1, 0)
LAYERS = {
    "conv2d/3-64": (64, 3, 64, *HALF),
    "conv2d/64-128": (32, 64, 128, *HALF),
    "conv2d/128-256": (16, 128, 256, *HALF),
    "conv2d/256-512": (8, 256, 512, *HALF),
    "conv2d/512-1": (4, 512, 1, *WHOLE),
    "conv_transpose2d/100-512": (4, 512, 100, *WHOLE),
    "conv_transpose2d/512-256": (8, 256, 512, *HALF),
    "conv_transpose2d/256-128": (16, 128, 256, *HALF),
    "conv_transpose2d/128-64": (32, 64, 128, *HALF),
    "conv_transpose2d/64-3": (64, 3, 64, *HALF),
    "conv2d/3x3 64-64@32": (32, 64, 64, 3, 1, 1),
    "conv2d/5x5 64-128@14": (14, 64, 128, 5, 2, 2),
}
BATCH = 64


def of(case):
    family, _, rest = case.partition("/")
    if family in ("conv2d", "conv_transpose2d"):
        return convolution(case)
    if family == "gemm":
        return {"default": product(*map(int, rest.split("x")))}
    if family == "linear":
        return {"default": linear(rest)}
    if family == "step":
        return steps(rest)
    makers = {
        "batch_norm/forward": batch_norm_forward,
        "batch_norm/backward": batch_norm_backward,
        "pointwise/leaky_relu": lambda: unary(torch._C._nn.leaky_relu, 0.2),
        "pointwise/tanh": lambda: unary(torch.tanh),
        "pointwise/add bias": lambda: binary(torch.add, (CHANNELS,)),
        "pointwise/mul": lambda: binary(torch.mul, (ROWS, CHANNELS)),
        "pointwise/sum": lambda: reduction(None),
        "pointwise/sum to channels": lambda: reduction(0),
        "adam/step": adam,
    }
    return makers[case]() if case in makers else None


def layer(name):
    """Returns the geometry and the batch size of a layer: a layer of the table, or `in-out@size
    batch n` with a 4 x 4 kernel and stride 2."""
    if name in LAYERS:
        return *LAYERS[name], BATCH
    channels = re.fullmatch(r"conv2d/(\d+)-(\d+)@(\d+)(?: batch (\d+))?", name)
    ci, co, size, batch = channels.groups(default=BATCH)
    return int(size), int(ci), int(co), *HALF, int(batch)


def convolution(case):
    name, _, kernel = case.rpartition("/")
    size, ci, co, k, stride, padding, batch = layer(name)
    out = (size + 2 * padding - k) // stride + 1
    x, w, y = torch.rand(batch, ci, size, size), torch.rand(co, ci, k, k), torch.rand(batch, co, out, out)
    transposed = name.startswith("conv_transpose2d")
    if transposed:
        x, y = y, x
    geometry = ([stride] * 2, [padding] * 2, [1, 1], transposed, [0, 0], 1)

    def call(memory):
        a, b, g = (t.to(memory_format=memory) for t in (x, w, y))
        if kernel == "forward":
            return lambda: torch.ops.aten.convolution(a, b, None, *geometry)
        mask = [kernel == "input_grad", kernel == "weight_grad", False]
        return lambda: torch.ops.aten.convolution_backward(g, a, b, None, *geometry, mask)

    return {name: call(memory) for name, memory in MEMORY.items()}


def product(m, k, n):
    a, b, out = torch.rand(m, k), torch.rand(k, n), torch.empty(m, n)
    return lambda: torch.mm(a, b, out=out)


WEIGHTS = 24 << 20  # bytes; each call uses different weights than the call before


def linear(name):
    inputs, outputs, kernel = re.fullmatch(r"(\d+)-(\d+)/(\w+)", name).groups()
    inputs, outputs, batch = int(inputs), int(outputs), 128
    x, y = torch.rand(batch, inputs), torch.rand(batch, outputs)
    weights = itertools.cycle([torch.rand(outputs, inputs) for _ in range(WEIGHTS // 4 // (inputs * outputs))])
    if kernel == "forward":
        return lambda: torch.mm(x, next(weights).t(), out=y)
    if kernel == "input_grad":
        return lambda: torch.mm(y, next(weights), out=x)
    return lambda: torch.mm(y.t(), x, out=next(weights))


# The size of the operands of the memory-bound passes.
CHANNELS, SIDE = 64, 32
ROWS = BATCH * SIDE * SIDE


def normalised(memory):
    x = torch.rand(BATCH, CHANNELS, SIDE, SIDE).to(memory_format=memory).requires_grad_()
    weight, bias = (torch.rand(CHANNELS, requires_grad=True) for _ in range(2))
    mean, variance = torch.zeros(CHANNELS), torch.ones(CHANNELS)
    forward = lambda: F.leaky_relu(F.batch_norm(x, mean, variance, weight, bias, training=True), 0.2)  # noqa: E731
    return forward, (x, weight, bias)


def batch_norm_forward():
    def call(memory):
        forward, _ = normalised(memory)

        def run():
            with torch.no_grad():
                forward()

        return run

    return {name: call(memory) for name, memory in MEMORY.items()}


def batch_norm_backward():
    def call(memory):
        forward, inputs = normalised(memory)
        y = forward()
        g = torch.rand_like(y)
        return lambda: torch.autograd.grad(y, inputs, g, retain_graph=True)

    return {name: call(memory) for name, memory in MEMORY.items()}


def unary(f, *arguments):
    x, out = torch.rand(ROWS, CHANNELS), torch.empty(ROWS, CHANNELS)
    return {"default": lambda: f(x, *arguments, out=out)}


def binary(f, shape):
    x, other, out = torch.rand(ROWS, CHANNELS), torch.rand(shape), torch.empty(ROWS, CHANNELS)
    return {"default": lambda: f(x, other, out=out)}


def reduction(axis):
    x = torch.rand(ROWS, CHANNELS)
    return {"default": lambda: x.sum() if axis is None else x.sum(axis)}


def optimiser(form):
    """Returns a function that makes an Adam optimiser with the arguments in ADAMS[form]."""
    return functools.partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999), **ADAMS[form])


def adam():
    def call(form):
        theta = torch.rand(ROWS, CHANNELS, requires_grad=True)
        theta.grad = torch.rand(ROWS, CHANNELS)
        return optimiser(form)([theta]).step

    return {FORMATS[0] + form: call(form) for form in ADAMS}


def steps(name):
    calls = {format + form: models.step(name, MEMORY[format], optimiser(form)) for format in FORMATS for form in ADAMS}
    return {way: call for way, call in calls.items() if call}
