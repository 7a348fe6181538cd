"""Studies: pure functions from options to a `Plan`.

Each raises a `UsageError` for what a network cannot do and for options that exclude each other,
and a `DataError` if a file of codes or directions is missing or damaged.
"""
