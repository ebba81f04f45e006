"""``python -m gan_sde.cli``."""

import sys

from gan_sde.cli import main

if __name__ == "__main__":
    sys.exit(main())
