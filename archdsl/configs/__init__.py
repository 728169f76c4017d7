"""What searches can name, as frozen configs: strategies, samplers, schedules, optimizers, datasets, losses.

The fields of a config are its settings: the checker accepts these keys and values and no others, the pages of
`archdsl explain` list them, and the search room is configured by them.
"""
