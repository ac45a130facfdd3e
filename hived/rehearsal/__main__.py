"""`python -m hived.rehearsal`."""

import sys

from hived.rehearsal import main

sys.exit(main())
