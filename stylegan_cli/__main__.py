"""`python -m stylegan_cli`, which is what `torchrun -m stylegan_cli train …` starts."""

from stylegan_cli.cli.app import main

if __name__ == "__main__":
    main()
