"""``python -m fgsgl`` is the ``fgsgl`` command."""

import sys

from fgsgl.cli.main import main

sys.exit(main())
