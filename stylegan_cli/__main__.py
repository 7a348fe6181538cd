"""`sgtool`, and `python -m stylegan_cli`, which `torchrun -m stylegan_cli train …` starts."""

import sys


def main() -> None:
    """Run the `sgtool` program."""
    try:
        from stylegan_cli.cli.app import main as run

        run()
    except KeyboardInterrupt:  # modules and commands take a moment to load
        sys.exit(130)


if __name__ == "__main__":
    main()
