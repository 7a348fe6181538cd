"""Other programs' files, read without running anything in them."""
