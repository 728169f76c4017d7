"""Differentiable search: architecture parameters trained by gradients together with a supernet."""
