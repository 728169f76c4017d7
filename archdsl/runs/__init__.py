"""What a search and a training share: folder, manifest, journal, checkpoints, processes, faults."""
