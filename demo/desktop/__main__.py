"""What the frozen app runs first."""

import sys

from demo.desktop.app import main

sys.exit(main())
