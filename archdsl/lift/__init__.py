"""From a PyTorch model to a spec: traced by torch.export, and recognized call by call."""
