import sys
from pathlib import Path

from hypothesis import settings

settings.register_profile("homeostat", deadline=None)
settings.load_profile("homeostat")
# The system that several folders test with; worker processes must be able to import it too.
sys.path.insert(0, str(Path(__file__).parent / "loop"))
# A PostgreSQL of the tests' own, for those that run over either index.
sys.path.insert(0, str(Path(__file__).parent / "record"))
