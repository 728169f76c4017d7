"""Infrastructure shared by searches and trainings: folder, manifest, journal, checkpoints, processes,
faults.
"""
