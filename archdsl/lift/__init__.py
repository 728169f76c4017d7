"""Converts a PyTorch model to a spec: the model is traced by torch.export, and recognized call by call."""
