"""Speed of training and drawing on this machine, beside its limits."""
