"""The vocabulary of searches as frozen config classes: strategies, samplers, schedules, optimizers, datasets,
losses.

The fields of a config are its settings: the checker accepts exactly these keys and values, `archdsl explain`
lists them, and searches read them.
"""
