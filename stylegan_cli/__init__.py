"""Train, study and measure style-based GANs: the library behind `sgtool`."""

__version__ = "0.1.0"
