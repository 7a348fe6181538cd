"""Images: where they come from, how they are prepared, how training reads them."""
