"""The text of audience rules: CEL, read by the parser of cel-python. The core sees trees only."""

from __future__ import annotations

from audience_rules.compiling import compile_rules as compile_rules
from audience_rules.parsing import parse as parse
