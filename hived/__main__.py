"""`python -m hived` runs the daemon."""

import sys

from hived.daemon import main

sys.exit(main())
