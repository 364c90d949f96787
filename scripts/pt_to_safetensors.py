"""Converts a state dict of PyTorch (.pt, .pth) to safetensors, for `adjoint import`.

    python3 scripts/pt_to_safetensors.py netG.pth netG.safetensors
"""

import sys

import torch
from safetensors.torch import save_file

state = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
save_file({name: tensor.contiguous() for name, tensor in state.get("state_dict", state).items()}, sys.argv[2])
