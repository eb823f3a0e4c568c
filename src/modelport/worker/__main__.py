"""`python -m modelport.worker`, as the engine starts it."""

import sys

from modelport.worker.main import main
from modelport.worker.world import be_plain_program

if __name__ == "__main__":
    sys.exit(main(be_plain_program()))
