"""What scripts/compare_pytorch.py times in PyTorch."""
