"""What may be done with weights in the formats of others, as far as a format tells."""

_OWN = "networks you trained yourself are yours, within the licence of the program that made them"

NVIDIA_SOURCE_LICENCE = (
    "non-commercial: published networks of this format are under NVIDIA's Source Code License, "
    f"and so are copies in other formats; {_OWN}"
)
"""StyleGAN2, [ADA] and [SG3]."""

CC_BY_NC = (
    "non-commercial: published networks of this format are under CC BY-NC 4.0 by NVIDIA, "
    f"and so are copies in other formats; {_OWN}"
)
"""Progressive GAN and StyleGAN."""

UNSTATED = (
    "not stated in the file: what was converted from published weights keeps their licence, which "
    f"for NVIDIA's is non-commercial; {_OWN}"
)
"""Checkpoints of programs that take published weights as well as train."""
