"""The names that a search can use (strategies, samplers, optimizers, datasets, losses), with settings.

Each name has a frozen config class whose fields are its settings: the checker accepts exactly these keys and
values, `archdsl explain` lists them, and searches read them.
"""
