"""``python -m monolayer``."""

from monolayer.cli import main

if __name__ == "__main__":
    main()
