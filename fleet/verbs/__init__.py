"""The fleet's rules as verbs, without Django."""
