"""Texts that a terminal would obey, or that pass for lines of ours."""

import unicodedata

BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029"]
HOSTILE = "x\x1b]0;t\x07\x1b[31m\x08\x7f\x9b2J\u202e\u2066\u200f\u200b\ufeff\U000e0041y"
SEEN = r"x\x1b]0;t\x07\x1b[31m\x08\x7f\x9b2J\u202e\u2066\u200f\u200b\ufeff\U000e0041y"


def acting(text):
    """The characters in it that a terminal obeys, or that nobody sees."""
    own = "\n\t\u200c\u200d"
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return [c for c in text if c not in own and unicodedata.category(c) in kinds]
