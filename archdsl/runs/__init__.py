"""Infrastructure of searches and trainings: run folders, manifests, journals, checkpoints, processes."""
