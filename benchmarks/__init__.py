"""Speed of sgtool beside other StyleGAN2 packages; see README.md here."""
