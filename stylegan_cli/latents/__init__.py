"""Latents: codes from seeds and from files, and labels.

What is typed raises a `UsageError` if it is no code or label of the network, and a `DataError` if
its file is missing or damaged.
"""
