"""`python -m hived` runs the daemon."""

import sys

from hived.main import main

sys.exit(main())
