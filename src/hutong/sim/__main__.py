"""`python -m hutong.sim`: what `hutong simulate` runs."""

import sys

from hutong.sim.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
