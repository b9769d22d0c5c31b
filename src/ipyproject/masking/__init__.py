"""Keep secrets out of records, displays, logs and errors."""

from ipyproject.masking.command_lines import masked_command_line, masked_line
from ipyproject.masking.data import is_hidden, masked
from ipyproject.masking.errors import MaskedErrors
from ipyproject.masking.masker import Masker
from ipyproject.masking.names import is_secret_name
from ipyproject.masking.text import HIDDEN, masked_text

__all__ = [
    "HIDDEN",
    "MaskedErrors",
    "Masker",
    "is_hidden",
    "is_secret_name",
    "masked",
    "masked_command_line",
    "masked_line",
    "masked_text",
]
