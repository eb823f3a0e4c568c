"""`python -m modelport.worker`, as the engine starts it."""

import sys

from modelport.worker.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
