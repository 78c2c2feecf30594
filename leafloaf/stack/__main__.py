"""`python -m leafloaf.stack` is what `make run` calls."""

import sys

from leafloaf.stack.run import main

sys.exit(main())
