"""Files that hold the right names in a wrong structure, type, size or order, by format."""
