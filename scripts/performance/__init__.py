"""The PyTorch code that scripts/compare_pytorch.py times."""
