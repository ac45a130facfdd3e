"""python -m hived.ctl"""

import sys

from hived.ctl import main

sys.exit(main())
